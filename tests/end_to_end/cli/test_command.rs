//! `postrider test`: the conversation step by step, and what is wrong where it ends early.

use std::net::Ipv4Addr;
use std::time::Instant;

use serde_json::{Value, json};

use support::provider::{Blackhole, Certificate, Provider, Setup, Verb, after_dot, greeting, on};
use support::world::{Ran, World};

fn test(setup: Setup, keys: &[(&str, Value)], args: &[&str]) -> (Provider, Ran) {
    let isp = setup.start();
    let world = World::at_home(&isp).account_keys("isp", keys);
    let ran = world.postrider(&[&["test"], args].concat());
    assert!(!ran.stdout.contains("horse") && !ran.stderr.contains("horse"), "no secret: {}", ran.stdout);
    (isp, ran)
}

#[test]
fn a_good_account_shows_a_line_for_each_stage() {
    let (_, ran) = test(Provider::setup(), &[], &["isp"]);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    let [head, connected, greeted, tls, login, "", result] = lines[..] else { panic!("{lines:#?}") };
    assert!(head.starts_with("Account isp ("), "{head}");
    assert!(connected.starts_with("- connected to 127.0.0.1[127.0.0.1]:"), "{connected}");
    assert_eq!(greeted, "- greeted with scripted.example ESMTP");
    assert_eq!(tls, "- TLSv1.3; the certificate is valid for 127.0.0.1");
    assert_eq!(login, "- logged in as hisaccount with PLAIN");
    assert!(result.starts_with("OK: 127.0.0.1[127.0.0.1]:"), "{result}");
    assert!(
        result.contains(" over TLSv1.3; login successful (PLAIN); the server offers PIPELINING, 8BITMIME"),
        "{result}"
    );
}

#[test]
fn with_v_a_good_account_shows_the_whole_dialogue() {
    let (isp, ran) = test(Provider::setup(), &[], &["isp", "-v"]);
    let ran = ran.code(0).says("connected to").says("< 220 scripted.example");
    let ran = ran.says("TLSv1.3").says("SHA-256 fingerprint").says("issued by scripted authority").says("valid from");
    let ran = ran.says("> AUTH PLAIN (secret)").says("< 235").says("login successful (PLAIN)").says("8BITMIME");
    ran.says("> QUIT");
    assert_eq!((isp.received(), isp.count(Verb::Mail)), (0, 0));
}

#[test]
fn with_to_a_mail_goes_out() {
    let (isp, ran) =
        test(Provider::setup(), &[("senders", json!(["me@isp.example"]))], &["-v", "--to", "bob@away.example"]);
    ran.code(0).says("> MAIL FROM:<me@isp.example>").says("The server accepted the test mail: 250");
    let mail = isp.mail();
    assert_eq!((mail.from.as_str(), mail.to), ("me@isp.example", vec!["bob@away.example".to_owned()]));
}

/// A failure: what the provider is like, what the config says, what else is asked; the exit code, cause and cure.
type Failure<'a> = (Setup, &'a [(&'a str, Value)], &'a [&'a str], i32, &'a [&'a str]);

#[track_caller]
fn are_told(failures: Vec<Failure<'_>>) {
    for (setup, keys, args, code, words) in failures {
        let (isp, ran) = test(setup, keys, args);
        isp.forgive();
        let told = ran.clone().code(code).stdout;
        for word in words {
            let plain = told.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(plain.contains(word), "{word:?}:\n{told}");
        }
    }
}

/// A name that is not found has its test in `first_hour`.
#[test]
fn each_failure_before_the_mail_has_its_cause_its_cure_and_its_code() {
    let names = || vec!["127.0.0.1".to_owned()];
    let wrong = [("password", json!("wrong horse"))];
    let closed = Provider::setup().start_closed();
    let refused = [("relay", json!(closed.relay()))];
    let nobody = Blackhole::at((Ipv4Addr::LOCALHOST, 0));
    let blocked = [("relay", json!(nobody.relay())), ("timeouts", json!({"connect": "1s"}))];
    // No system connects there, with a network or without.
    let unreachable = [("relay", json!("255.255.255.255:587"))];
    let plain = [("auth", json!(["scram-sha-256"]))];
    let pin = "tls_fingerprint = \"";
    are_told(vec![
        (Provider::setup(), &refused, &[], 75, &["refused", "nothing is listening there", "587 for STARTTLS, 465"]),
        (Provider::setup(), &unreachable, &[], 75, &["Network is unreachable", "no route to the relay"]),
        (Provider::setup(), &blocked, &[], 75, &["did not answer in time", "a firewall", "try 587 or 465"]),
        (
            Provider::setup().certificate(Certificate::Expired(names())),
            &[],
            &[],
            75,
            &["expired on 2021-01-01", "valid from 2020-01-01", "the provider must renew it"],
        ),
        (
            Provider::setup().certificate(Certificate::SelfSigned(names())),
            &[],
            &[],
            75,
            &["is self-signed", "name it with tls_ca", pin],
        ),
        (
            Provider::setup().named("mail.other.example"),
            &[],
            &[],
            75,
            &["not for 127.0.0.1 but for mail.other.example", "set `tls_name` to it", pin],
        ),
        (
            Provider::setup(),
            &plain,
            &[],
            78,
            &["offers PLAIN, LOGIN", "allows SCRAM-SHA-256", "add \"plain\" or \"login\" to auth in [account.isp]"],
        ),
        (Provider::setup(), &wrong, &[], 78, &["535", "wrong user name or password for [account.isp]", "app password"]),
        (
            Provider::setup().without("STARTTLS"),
            &[],
            &[],
            75,
            &["does not offer STARTTLS", "nothing secret was sent", "try port 465 with tls = \"implicit\""],
        ),
        (Provider::setup().rule(greeting().reply("554 5.7.1 no")), &[], &[], 78, &["submission server"]),
        (Provider::setup().rule(greeting().say(b"SSH-2.0-x\r\n")), &[], &[], 75, &["not a mail server"]),
    ]);
}

#[test]
fn each_failure_of_the_mail_has_its_cause_its_cure_and_its_code() {
    let to = &["--to", "bob@away.example", "--from", "me@isp.example"][..];
    are_told(vec![
        (
            Provider::setup().size(10),
            &[],
            to,
            69,
            &["accepts at most 10", "larger than the provider accepts", "send less"],
        ),
        (
            Provider::setup().rule(on(Verb::Mail).reply("550 5.7.1 not yours")),
            &[],
            to,
            69,
            &["not yours", "does not let account isp send as me@isp.example", "in `generic`"],
        ),
        (
            Provider::setup().rule(on(Verb::Rcpt).reply("550 5.1.1 no such user")),
            &[],
            to,
            69,
            &["recipient's address is wrong"],
        ),
        (Provider::setup().rule(on(Verb::Rcpt).reply("450 4.2.0 later")), &[], to, 75, &["try again"]),
        (
            Provider::setup().rule(after_dot().reply("554 5.7.1 this is spam")),
            &[],
            to,
            69,
            &["this is spam", "rejects the content"],
        ),
    ]);
}

#[test]
fn addresses_are_completed_and_rewritten_as_in_delivery() {
    // The account's username is no address.
    for (args, from, to) in [
        (&["--to", "bob@away.example"][..], "me+home@isp.example", "bob@away.example"),
        (&["--to", "root", "--from", "bob"], "me+home@isp.example", "me+home@isp.example"),
        (&["--to", "root", "--from", "bob@away.example"], "bob@away.example", "me+home@isp.example"),
    ] {
        let (isp, ran) = test(Provider::setup(), &[], args);
        ran.code(0);
        let mail = isp.mail();
        assert_eq!((mail.from.as_str(), mail.to), (from, vec![to.to_owned()]), "{args:?}");
    }
}

#[test]
fn an_unknown_account_and_an_account_without_address_are_told() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    world.postrider(&["test", "nobody"]).code(64).says("existing accounts: isp");
    let world = world.generic(&[]);
    world.postrider(&["test", "--to", "bob@away.example"]).code(64).says("--from");
}

#[test]
fn a_wrong_clock_is_no_reason_to_pin_a_certificate_and_no_log_line_is_full_of_it() {
    let names = || vec!["127.0.0.1".to_owned()];
    for (certificate, is_pinned) in [(Certificate::Expired(names()), false), (Certificate::SelfSigned(names()), true)] {
        let isp = Provider::setup().certificate(certificate).start();
        isp.forgive();
        let world = World::at_home(&isp);
        let told = world.postrider(&["test"]).code(75).stdout;
        assert_eq!(told.matches("tls_fingerprint = \"").count(), usize::from(is_pinned), "{told}");
        world.sendmail(&["bob@away.example"], "Subject: hello\n\ntext\n").code(0);
        let log = world.run_once().stderr;
        let of_certificate: Vec<&str> = log.lines().filter(|line| line.contains("certificate")).collect();
        assert!(!of_certificate.is_empty() && !log.contains("fingerprint"), "{log}");
        assert!(of_certificate.iter().all(|line| line.len() < 500), "{of_certificate:#?}");
    }
}

#[test]
fn a_server_that_waits_for_tls_is_given_up_in_time_with_the_hint() {
    let isp = Provider::setup().implicit_tls().start();
    isp.forgive();
    let world = World::at_home(&isp);
    let begun = Instant::now();
    let told = world.postrider(&["test"]).code(75).stdout;
    assert!(told.contains("tls = \"implicit\" in [account.isp]"), "{told}");
    assert!((15..60).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
}

#[test]
fn a_server_can_be_looked_at_before_there_is_a_configuration() {
    let isp = Provider::start();
    isp.forgive();
    let empty = World::new();
    std::fs::remove_file(empty.path("config.toml")).unwrap();
    let place = isp.relay();
    let ran = empty.postrider(&["test", "--server", &place]).code(75);
    let told = ran.says("greeted with scripted.example ESMTP").says("FAILED").stdout;
    assert!(told.contains("issued by scripted authority") && told.contains("tls_fingerprint = \""), "{told}");
    assert_eq!((isp.count(Verb::Auth), isp.count(Verb::Mail)), (0, 0));
    let closed = Provider::setup().start_closed();
    let told = empty.postrider(&["test", "--server", &closed.relay()]).code(75).stdout;
    assert!(told.contains("nothing is listening there: check host and port of --server"), "{told}");
    let told = empty.postrider(&["test", "--server", "no.such.host.invalid:587"]).code(75).stdout;
    assert!(told.contains("the host of --server is misspelt") && !told.contains("[account.server]"), "{told}");
    empty.postrider(&["test", "--server", "no blanks here:587"]).code(64).says("write \"[smtp.example.com]:587\"");
    empty.postrider(&["test", "isp", "--server", &place]).code(64);
}

#[test]
fn a_test_without_an_account_says_what_to_do_in_whole_sentences() {
    let world = World::new();
    let mailbox = format!("maildir:{}", world.path("Maildir").display());
    let world = world.set("mailbox", mailbox);
    for args in [&["test"][..], &["test", "isp"]] {
        let said = world.postrider(args).code(64).stderr;
        assert_eq!(said, "postrider: no account is set up yet; run \"postrider init\"\n");
    }
    let isp = Provider::start();
    let world = World::new().account("one", &isp).account("two", &isp);
    let said = world.postrider(&["test"]).code(64).stderr;
    assert!(said.contains("which account? There is no default_account; name one of: one, two\n"), "{said}");
    world.postrider(&["test", "three"]).code(64).says("existing accounts: one, two\n");
}
