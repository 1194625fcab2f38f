//! What a listener answers at each stage: a table of what a client says and the reply, word for word. A refusal names the key that
//! would change it.

use postrider::config::scram::ScramHash;
use serde_json::{Value, json};
use support::provider::Provider;
use support::wait::wait_for;
use support::world::{Runner, World, login};

use super::smtp_client::{Client, MESSAGE, address, arrived, certificate, keys, scanner, trusting, world};

/// Lines, each with the last line of the reply.
type Script = &'static [(&'static str, &'static str)];

const HELLO: (&str, &str) = ("EHLO x", "250 ENHANCEDSTATUSCODES");
const MAIL: (&str, &str) = ("MAIL FROM:<scanner@home.lan>", "250 2.1.0 sender OK");
const RCPT: (&str, &str) = ("RCPT TO:<bob@away.example>", "250 2.1.5 recipient OK");

/// Of a client that is known by its address.
const OF_THE_SCANNER: &[Script] = &[
    &[("MAIL FROM:<scanner@home.lan>", "503 5.5.1 send EHLO first")],
    &[("AUTH PLAIN AHgAeQ==", "503 5.5.1 send EHLO first")],
    &[("EHLO a_b:c", "250 ENHANCEDSTATUSCODES"), MAIL],
    &[("EHLO", "501 5.5.4 syntax: EHLO your.host.name or EHLO [your.ip.address]")],
    &[("HELO x", "250 homebox.home.lan"), MAIL],
    &[HELLO, ("STARTTLS", "502 5.5.1 TLS is not offered here")],
    &[HELLO, ("AUTH PLAIN AHgAeQ==", "502 5.5.1 AUTH is not offered here without TLS")],
    &[HELLO, ("RCPT TO:<bob@away.example>", "503 5.5.1 send MAIL first")],
    &[HELLO, ("DATA", "503 5.5.1 send MAIL first")],
    &[HELLO, ("BDAT 0 LAST", "503 5.5.1 send MAIL first")],
    &[HELLO, MAIL, MAIL_AGAIN],
    &[HELLO, MAIL, ("DATA", "554 5.5.1 no recipient was accepted")],
    &[HELLO, MAIL, ("BDAT 0 LAST", "554 5.5.1 no recipient was accepted")],
    &[HELLO, ("MAIL FROM:<scanner@home.lan> AUTH=<>", "250 2.1.0 sender OK")],
    &[HELLO, ("MAIL FROM:<scanner@home.lan> BODY=8BITMIME RET=HDRS ENVID=a", "250 2.1.0 sender OK")],
    &[HELLO, ("MAIL FROM:<scanner@home.lan> FOO=1", "555 5.5.4 unknown parameter FOO, or invalid value")],
    &[
        HELLO,
        (
            "MAIL FROM:<scanner@home.lan> SIZE=50000001",
            "552 5.3.4 messages may have at most 50000000 bytes; see max_message_size",
        ),
    ],
    &[
        HELLO,
        (
            "MAIL FROM:<>",
            "550 5.7.1 scanner may not send from <>; for a mail system, set relay_for_others = true in [client.scanner]",
        ),
    ],
    &[
        HELLO,
        (
            "MAIL FROM:<alice@home.lan>",
            "550 5.7.1 scanner may not send as <alice@home.lan> (MAIL FROM); add it to senders in [client.scanner], or set from",
        ),
    ],
    &[
        HELLO,
        ("MAIL FROM:<sc\u{e4}nner@home.lan>", "553 5.6.7 a non-ASCII address needs the parameter SMTPUTF8 in MAIL"),
    ],
    &[HELLO, MAIL, RCPT, ("RCPT TO:<carol@away.example> NOTIFY=NEVER", "250 2.1.5 recipient OK")],
    &[HELLO, MAIL, ("RCPT TO:<bob>", "501 5.1.3 bad address: it needs a domain, such as me@isp.example")],
    &[
        HELLO,
        MAIL,
        (
            "RCPT TO:<nobody-at-all@homebox.home.lan>",
            "550 5.1.1 <nobody-at-all@homebox.home.lan>: no user of this machine, and no entry of aliases, virtual or generic",
        ),
    ],
    &[HELLO, MAIL, ("RCPT TO:<root@homebox.home.lan>", "250 2.1.5 recipient OK")],
    &[HELLO, MAIL, ("RCPT TO:<anybody@home.lan>", "250 2.1.5 recipient OK")],
    &[HELLO, ("VRFY scanner", "252 2.5.0 cannot verify; send a message to find out")],
    &[HELLO, ("EXPN list", "502 5.5.1 EXPN is not offered here")],
    &[HELLO, ("ETRN home.lan", "502 5.5.1 ETRN is not offered here")],
    &[HELLO, ("WHAT", "500 5.5.2 unknown command; try HELP")],
    &[HELLO, ("NOOP", "250 2.0.0 nothing done"), ("RSET", "250 2.0.0 forgotten"), ("QUIT", "221 2.0.0 good-bye")],
];

const MAIL_AGAIN: (&str, &str) =
    ("MAIL FROM:<scanner@home.lan>", "503 5.5.1 a transaction is open; end it with DATA or RSET");

/// Of somebody whom nothing tells.
const OF_A_STRANGER: &[Script] = &[
    &[HELLO, ("MAIL FROM:<scanner@home.lan>", "530 5.7.0 log in first (AUTH)")],
    &[HELLO, ("MAIL FROM:<>", "530 5.7.0 log in first (AUTH)")],
    &[HELLO, ("VRFY laptop", "252 2.5.0 cannot verify; send a message to find out")],
    &[HELLO, ("VRFY no-such-client", "252 2.5.0 cannot verify; send a message to find out")],
    &[HELLO, ("RCPT TO:<bob@away.example>", "503 5.5.1 send MAIL first")],
    &[HELLO, ("AUTH CRAM-MD5", "502 5.5.1 AUTH is not offered here without TLS")],
];

/// Holds each script on a connection of its own.
fn holds(runner: &Runner, listener: &str, scripts: &[Script]) {
    for script in scripts {
        let (mut client, greeting) = Client::connect(address(runner, listener));
        assert_eq!(greeting, "220 homebox.home.lan ESMTP postrider");
        for (line, expected) in *script {
            let reply = client.say(line);
            assert_eq!(reply.lines().last(), Some(*expected), "{line} in {script:?}");
        }
    }
}

#[test]
fn each_stage_has_its_reply() {
    let isp = Provider::start();
    let world = world(&isp, &trusting(), &scanner()).generic(&[("@home.lan", "me@isp.example")]);
    let runner = world.runner();
    holds(&runner, "lan", OF_THE_SCANNER);
    let laptop = json!({ "laptop": { "owner": login(), "scram": keys("secret", ScramHash::Sha256) } });
    let listener = json!({ "lan": { "address": "127.0.0.1:0", "tls": "none" } });
    let world = world.set("listen", json!({})).set("client", laptop).set("listen", listener);
    drop(runner);
    let runner = world.runner();
    holds(&runner, "lan", OF_A_STRANGER);
    assert!(isp.mails().is_empty() && world.queued().is_empty());
}

#[test]
fn with_mailboxes_a_user_of_the_machine_is_accepted_and_a_nobody_refused_while_the_client_can_say_so() {
    let (isp, local) = (Provider::start(), Provider::setup().lmtp().start());
    let world = world(&isp, &trusting(), &scanner()).set("mailbox", local.mailbox());
    let runner = world.runner();
    let nobody = "550 5.1.1 <nobody-at-all@homebox.home.lan>: no user of this machine, and no entry of aliases, virtual or generic";
    let (mut client, _) = Client::connect(address(&runner, "lan"));
    for (line, expected) in [
        HELLO,
        MAIL,
        ("RCPT TO:<nobody-at-all@homebox.home.lan>", nobody),
        ("RCPT TO:<root+scans@homebox.home.lan>", RCPT.1),
        ("DATA", "354 end with a line that has only a dot"),
    ] {
        let reply = client.say(line);
        assert_eq!(reply.lines().last().map(|last| &last[..3]), Some(&expected[..3]), "{line}: {reply}");
        assert!(line == "DATA" || reply.ends_with(expected.split(' ').next_back().unwrap()), "{line}: {reply}");
    }
    client.say("Subject: scan\r\n\r\nBODY\r\n.");
    wait_for("the mail in its mailbox", || local.received() == 1);
    assert_eq!(local.mail().to, ["root+scans@homebox.home.lan"]);
    assert!(isp.mails().is_empty());
}

#[test]
fn a_message_comes_in_chunks() {
    let isp = Provider::start();
    let world = world(&isp, &trusting(), &scanner());
    let runner = world.runner();
    let (mut client, _) = Client::connect(address(&runner, "lan"));
    assert!(client.say("EHLO scanner").contains("250-CHUNKING"));
    client.say("MAIL FROM:<scanner@home.lan>");
    client.say("RCPT TO:<bob@away.example>");
    let reply = client.say_as_is("BDAT 16\r\nSubject: chunks\r");
    assert_eq!(reply, "250 2.0.0 16 octets received");
    let stored = client.say_as_is("BDAT 10 LAST\r\n\n\r\n.\r\n.\r\nx");
    assert!(stored.starts_with("250 2.0.0 Ok: queued as "), "{stored}");
    let mail = arrived(&isp, "bob@away.example");
    assert_eq!((mail.field("Subject"), mail.body()), ("chunks".to_owned(), &b".\r\n.\r\nx\r\n"[..]));
    client.say("MAIL FROM:<scanner@home.lan>");
    client.say("RCPT TO:<bob@away.example>");
    let refused = client.say_as_is("BDAT 15 LAST\r\nSubject: x\n\nabc");
    assert_eq!(
        refused,
        "554 5.6.0 the message has an LF without CR, which BDAT does not allow; end lines with CR LF, or send it with DATA"
    );
    assert!(client.say("NOOP").starts_with("250"));
}

#[test]
fn a_client_that_ends_its_message_with_lf_is_named_as_the_cause() {
    let isp = Provider::start();
    let mut listener = trusting();
    listener["idle_time"] = json!("1s");
    let world = world(&isp, &listener, &scanner());
    let runner = world.runner();
    let (mut client, _) = Client::connect(address(&runner, "lan"));
    client.say("EHLO scanner");
    client.say("MAIL FROM:<scanner@home.lan>");
    client.say("RCPT TO:<bob@away.example>");
    client.say("DATA");
    let cause = "timeout: the client ends its message with LF . LF, but only CR LF . CR LF ends one";
    assert_eq!(client.say_as_is("Subject: scan\n\nx\n.\n"), format!("421 4.4.2 {cause}"));
    let line = format!("timeout after DATA from unknown[127.0.0.1]: {cause}");
    wait_for("the log to say so", || runner.log().contains(&line));
    world.postrider(&["client", "list"]).code(0).says(cause);
    assert!(world.queued().is_empty());
}

#[test]
fn line_ends_can_be_taken_strictly() {
    let isp = Provider::start();
    let mut listener = trusting();
    listener["line_ends"] = json!("strict");
    let world = world(&isp, &listener, &scanner());
    let runner = world.runner();
    let (mut client, _) = Client::connect(address(&runner, "lan"));
    client.say("EHLO scanner");
    let refused = client.send("scanner@home.lan", "bob@away.example", MESSAGE);
    assert_eq!(
        refused,
        "554 5.6.0 the message has an LF without CR; end lines with CR LF, or remove line_ends of the listener"
    );
    assert!(client.send("scanner@home.lan", "bob@away.example", "Subject: x\r\n\r\ny").starts_with("250"));
}

#[test]
fn an_address_that_is_not_ascii_goes_on_as_it_is() {
    let isp = Provider::setup().offers("SMTPUTF8").start();
    let world = world(&isp, &trusting(), &scanner());
    let runner = world.runner();
    let (mut client, _) = Client::connect(address(&runner, "lan"));
    client.say("EHLO scanner");
    assert!(client.say("MAIL FROM:<scanner@home.lan> SMTPUTF8").starts_with("250"));
    assert!(client.say("RCPT TO:<j\u{f6}rg@away.example>").starts_with("250"));
    client.say("DATA");
    assert!(client.say("Subject: x\r\n\r\ny\r\n.").starts_with("250"));
    arrived(&isp, "j\u{f6}rg@away.example");
}

#[test]
fn names_and_addresses_of_clients_are_shown_if_the_listener_says_so() {
    let isp = Provider::start();
    let mut listener = trusting();
    listener["hide_clients"] = json!(false);
    let world = world(&isp, &listener, &scanner());
    let runner = world.runner();
    let (mut client, _) = Client::connect(address(&runner, "lan"));
    client.say("EHLO scanner.home.lan");
    assert!(client.send("scanner@home.lan", "bob@away.example", MESSAGE).starts_with("250"));
    let received = arrived(&isp, "bob@away.example").field("Received");
    assert!(received.contains("from scanner.home.lan ([127.0.0.1])"), "{received}");
}

/// A configuration with this listener, as `check` sees it.
fn checked(listener: &Value) -> (World, String) {
    let isp = Provider::start();
    let clients = json!({ "laptop": { "owner": login(), "scram": keys("secret", ScramHash::Sha256) } });
    let world = world(&isp, listener, &clients);
    certificate(&world);
    let said = world.postrider(&["check"]).stdout;
    (world, said)
}

#[test]
fn a_public_listener_is_for_logins_under_tls_alone() {
    let public = json!({ "address": "127.0.0.1:0", "tls": "starttls", "certificate": "lan.pem", "key": "lan.key", "public": true });
    let (world, said) = checked(&public);
    assert!(!said.contains("error: "), "{said}");
    let runner = world.runner();
    let (mut client, _) = Client::connect(address(&runner, "lan"));
    client.say("EHLO x");
    assert_eq!(client.say("MAIL FROM:<laptop@home.lan>"), "530 5.7.0 STARTTLS first");
    // Half of ten connections of one address.
    let others: Vec<_> = (0..4).map(|_| Client::connect(address(&runner, "lan"))).collect();
    assert!(others.iter().all(|(_, greeting)| greeting.starts_with("220")));
    assert_eq!(Client::connect(address(&runner, "lan")).1, "421 4.7.0 too many connections; try again later");
    for (key, value, error) in [
        (
            "tls",
            json!("optional"),
            "a `public` listener needs TLS before the login: set tls = \"starttls\" or \"implicit\"",
        ),
        ("tls", json!("none"), "a `public` listener needs TLS before the login"),
        ("trust", json!(["laptop"]), "a `public` listener knows its clients by their logins: remove `trust`"),
    ] {
        let mut listener = public.clone();
        listener[key] = value;
        let (_, said) = checked(&listener);
        assert!(said.contains(error), "{said}");
    }
}

#[test]
fn check_names_what_listeners_and_clients_expose() {
    let isp = Provider::start();
    let listener = json!({ "address": "127.0.0.1:0", "tls": "none", "trust": ["scanner"], "networks": ["0.0.0.0/0"] });
    let clients = json!({
        "scanner": { "owner": login(), "networks": ["10.0.0.0/16"] },
        "camera": { "owner": login(), "scram": keys("x", ScramHash::Sha256), "networks": ["10.0.0.7"], "allow_plaintext": true },
    });
    let world = world(&isp, &listener, &clients);
    let said = world.postrider(&["check"]).code(1).stdout;
    for warning in [
        "warning: listener lan lets addresses of the Internet connect (0.0.0.0/0); if that is meant, set public = true",
        "warning: client scanner has no password, so every device in 10.0.0.0/16 can send as it; list only the addresses",
        "warning: client camera may send its password without TLS; anyone who can read its network traffic learns the password",
    ] {
        assert!(said.contains(warning), "{warning}: {said}");
    }
}
