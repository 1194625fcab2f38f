//! What LMTP servers say that other servers do not, in the words of Dovecot and of Cyrus.

use serde_json::json;

use support::provider::{Provider, Verb, after_dot, on};
use support::world::World;

#[test]
fn a_message_without_an_accepted_recipient_has_no_content_and_the_next_follows_over_the_same_connection() {
    for pipelining in ["PIPELINING", ""] {
        let unknown = on(Verb::Rcpt).about("s@").reply("550 5.1.1 User doesn't exist");
        let setup = Provider::setup().lmtp().rule(unknown);
        let setup = if pipelining.is_empty() { setup.without("PIPELINING") } else { setup };
        let (isp, local) = (Provider::start(), setup.start());
        let world = World::at_home(&isp).set("mailbox", local.mailbox());
        world.sendmail(&["-i", "-f", "me@isp.example", "games", "root", "sys"], "Subject: x\n\nNOOP\nQUIT\n").code(0);
        let said = world.run_once().stderr;
        assert_eq!((local.connections(), local.received()), (1, 1), "{said}\n{}", local.transcript());
        assert_eq!(local.mail().to, ["root@home.lan"]);
        assert_eq!((local.count(Verb::Noop), local.count(Verb::Quit)), (0, 1), "no content is taken for commands");
        // What was sent ahead with it is answered, and that is all.
        assert_eq!(local.count(Verb::Data), if pipelining.is_empty() { 1 } else { 3 });
        assert_eq!(said.matches("User doesn't exist").count(), 2, "{said}");
    }
}

#[test]
fn an_address_that_the_server_cannot_take_comes_back_with_that_reason_and_is_not_sent() {
    let (jurgen, jorg) = ("j\u{fc}rgen@home.lan", "j\u{f6}rg@home.lan");
    for (sender, to, offers, stored) in [
        (Some("me@isp.example"), jurgen, None, &["bin@home.lan"][..]),
        (Some(jorg), "daemon", None, &[]),
        (Some(jorg), "daemon", Some("SMTPUTF8"), &["bin@home.lan", "daemon@home.lan"]),
    ] {
        let setup = Provider::setup().lmtp();
        let (isp, local) =
            (Provider::start(), offers.iter().fold(setup, |setup, line| setup.offers_in_clear(line)).start());
        let users = json!([{ jurgen: "-", jorg: "-" }]);
        let world = World::at_home(&isp).set("mailbox", local.mailbox()).set("local_users", users);
        let from: Vec<&str> = sender.iter().flat_map(|sender| ["-f", *sender]).collect();
        world.sendmail(&[&["-i"][..], &from, &["--", to, "bin"]].concat(), "Subject: x\n\nBODY\n").code(0);
        let said = world.run_once().stderr;
        let own = |mail: &support::provider::Mail| mail.field("Subject") == "x";
        let mut to: Vec<String> = local.mails().into_iter().filter(own).flat_map(|mail| mail.to).collect();
        to.sort();
        assert_eq!(to, stored, "{sender:?} {to:?}: {said}");
        let refused =
            said.lines().filter(|line| line.contains("[no SMTPUTF8]") && !line.contains(&format!("to=<{jorg}>")));
        assert_eq!(refused.count(), 2 - stored.len(), "{said}");
        assert!(!local.transcript().contains("RCPT TO:<j"), "{}", local.transcript());
    }
}

#[test]
fn a_refusal_of_several_lines_has_its_enhanced_code_on_the_last_alone() {
    let text = "550-Mailbox unknown.  Either there is no mailbox associated with this\n\
                550-name or you do not have authorization to see it.\n550 5.1.1 User unknown";
    let (isp, local) =
        (Provider::start(), Provider::setup().lmtp().rule(on(Verb::Rcpt).about("games@").reply(text)).start());
    let world = World::at_home(&isp).set("mailbox", local.mailbox());
    world.sendmail(&["-i", "-f", "me@isp.example", "games", "root"], "Subject: x\n\nBODY\n").code(0);
    let said = world.drain().stderr;
    assert!(said.contains("to=<games@home.lan>") && said.contains("dsn=5.1.1, status=bounced"), "{said}");
    let bounce = isp.mail().text();
    assert!(bounce.contains("Status: 5.1.1") && bounce.contains("name or you do not have authorization"), "{bounce}");
    assert_eq!(local.mail().to, ["root@home.lan"]);
}

#[test]
fn a_refusal_of_the_content_is_for_good_and_what_a_server_may_mend_waits_for_that_recipient_alone() {
    let setup = Provider::setup()
        .lmtp()
        .rule(on(Verb::Rcpt).about("games@").reply("451 4.3.0 Invalid mailbox name"))
        .rule(on(Verb::Rcpt).about("sys@").reply("452 4.2.2 Over quota"))
        .rule(after_dot().about("daemon@").reply("554 5.6.0 Message contains NUL characters"));
    let (isp, local) = (Provider::start(), setup.start());
    let world = World::at_home(&isp).set("mailbox", local.mailbox());
    let to = ["games", "sys", "daemon", "root"];
    world.sendmail(&[&["-i", "-f", "me@isp.example", "--"][..], &to].concat(), b"Subject: x\n\na\0b\n").code(0);
    let said = world.run_once().stderr;
    for (login, status) in [("games", "deferred"), ("sys", "deferred"), ("daemon", "bounced"), ("root", "sent")] {
        let line = said.lines().find(|line| line.contains(&format!("to=<{login}@home.lan>"))).unwrap_or_default();
        assert!(line.contains(&format!("status={status}")), "{login}: {said}");
    }
    world.run_once();
    assert!(isp.mail().text().contains("Message contains NUL characters"));
    assert_eq!(world.queued().len(), 1, "for the two that wait");
}

#[test]
fn a_second_try_after_a_lost_reply_has_the_message_id_by_which_a_server_knows_it() {
    let local = Provider::setup().lmtp().rule(after_dot().once().close()).start();
    let world = World::at_home(&Provider::start()).set("mailbox", local.mailbox());
    // Without one of its own: Cyrus would take it twice.
    world.sendmail(&["-i", "root+lists"], "Subject: x\n\nBODY\n").code(0);
    world.run_once();
    world.flush();
    let (lost, taken) = (local.unanswered(), local.mail());
    assert_eq!(lost.len(), 1);
    assert!(!taken.field("Message-ID").is_empty() && lost[0].field("Message-ID") == taken.field("Message-ID"));
    // The extension is the server's to use.
    assert_eq!(
        (&taken.to[..], taken.field("Delivered-To").as_str()),
        (&["root+lists@home.lan".to_owned()][..], "root+lists@home.lan")
    );
}
