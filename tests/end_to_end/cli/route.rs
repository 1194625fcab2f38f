//! `postrider route`: where mail would go, in the words that a server would see.

use serde_json::Value;

use support::provider::Provider;
use support::world::World;

#[test]
fn route_shows_addresses_as_the_server_sees_them() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    world.postrider(&["route", "friend@bücher.example"]).code(0).says("RCPT TO    <friend@xn--bcher-kva.example>");
    let ran = world.postrider(&["route", "--json", "friend@bücher.example"]).code(0);
    let routed: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(routed["route"]["recipients"][0]["becomes"][0]["rcpt_to"], "friend@xn--bcher-kva.example", "{routed}");
    world.sendmail(&["friend@bücher.example"], "Subject: hello\n\ntext\n").code(0);
    world.run_once();
    assert_eq!(isp.mail().to, ["friend@xn--bcher-kva.example"]);
}

#[test]
fn an_address_that_is_only_too_long_is_said_to_be_too_long() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    let (long, label) = (format!("{}@away.example", "a".repeat(300)), format!("a@{}.example", "b".repeat(70)));
    for address in [&long, &label] {
        world.postrider(&["route", address]).code(65).says("this address is too long");
        let refused = world.sendmail(&[address], "Subject: x\n\n").code(65).one_line();
        assert!(refused.stderr.contains("cannot be used: it is too long"), "{refused:?}");
        // Beside a good one it comes back.
        world.sendmail(&[address, "bob@away.example"], "Subject: x\n\n").code(0);
        world.run_once();
        assert!(world.history().iter().any(|line| line.to_string().contains("this address is too long")), "{address}");
        let bounce = isp.mails().into_iter().find(|mail| mail.from.is_empty()).unwrap();
        let text = String::from_utf8_lossy(&bounce.content).into_owned();
        assert!(text.contains("use a shorter one") && !text.contains("name@domain"), "{text}");
    }
    world.postrider(&["route", "-a@away.example"]).code(64);
}

/// For one cause there is one answer, whichever program is asked and wherever the address stands.
#[test]
fn route_refuses_what_sendmail_refuses() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    let (long, label) = (format!("{}@away.example", "a".repeat(300)), format!("a@{}.example", "b".repeat(70)));
    for (address, reason) in [
        (&*long, "it is too long"),
        (&*label, "it is too long"),
        ("\"x, y\"@away.example", "it contains a blank"),
        ("\"<x>\"@away.example", "it contains a blank or an angle bracket"),
        ("a@-away", "the part after the @ is not a domain"),
    ] {
        for args in
            [&["route", address][..], &["route", "--json", address], &["route", "--from", address, "bob@away.example"]]
        {
            let ran = world.postrider(args).code(65);
            assert!(ran.stderr.contains(reason), "{args:?}: {}", ran.stderr);
        }
        for args in [&[address][..], &["-odi", address], &["-f", address, "bob@away.example"]] {
            let ran = world.sendmail(args, "Subject: x\n\n").code(65).one_line();
            assert!(ran.stderr.contains(reason), "{args:?}: {}", ran.stderr);
        }
        // Beside a good one it is shown, and comes back.
        world.postrider(&["route", address, "bob@away.example"]).code(0).says("refused    5.1.3");
    }
    assert!(world.queued().is_empty(), "nothing was taken");
    world.sendmail(&["\"x, y\"@away.example", "bob@away.example"], "Subject: x\n\n").code(0);
    world.drain();
    let bounce = isp.mails().into_iter().find(|mail| mail.from.is_empty()).unwrap();
    let text = String::from_utf8_lossy(&bounce.content).into_owned();
    assert!(text.contains("use another address of this recipient") && !text.contains("name@domain"), "{text}");
    // An empty argument means the same to both.
    world.postrider(&["route", ""]).code(0).says("recipient  <MAILER-DAEMON@");
}

#[test]
fn a_command_that_reads_no_configuration_refuses_to_be_given_one() {
    let world = World::new();
    for command in [&["demo"][..], &["init", "me@isp.example"], &["import", "msmtp"]] {
        let ran = world.postrider(&[command, &["--config", "/nonexistent"]].concat()).code(64);
        assert!(ran.stderr.contains("this command reads no configuration"), "{}", ran.stderr);
        let help = world.postrider(&[command[0], "--help"]).code(0);
        assert!(!help.stdout.contains("--config"), "{}", help.stdout);
    }
}
