//! What a bounce says, and what becomes of mail that cannot be returned.

use support::provider::{Mail, Provider, Verb, on};
use support::world::World;

const INPUT: &str =
    "From: alice\nTo: nobody@away.example\nSubject: lost and found\nMessage-ID: <the-original@home.lan>\n\nThe text.\n";

fn the_bounce() -> Mail {
    let isp = Provider::setup().rule(on(Verb::Rcpt).about("nobody").reply("550 5.1.1 no such user here")).start();
    let world = World::at_home(&isp);
    world.sendmail(&["-i", "-f", "alice", "nobody@away.example"], INPUT).code(0);
    world.drain();
    isp.mail()
}

#[test]
fn a_bounce_is_a_report_that_programs_understand() {
    let bounce = the_bounce();
    assert_eq!((bounce.from.as_str(), bounce.to.as_slice()), ("", &["me@isp.example".to_owned()][..]));
    let kind = bounce.field("Content-Type");
    assert!(
        kind.starts_with("multipart/report") && kind.contains("report-type=") && kind.contains("delivery-status"),
        "{kind}"
    );
    assert!(bounce.field("Auto-Submitted").starts_with("auto-"), "{}", bounce.header());
    assert!(bounce.field("To").contains("me@isp.example"));
    let text = bounce.text();
    for wanted in [
        "Content-Type: message/delivery-status",
        "Reporting-MTA: dns; homebox.home.lan",
        "Final-Recipient: rfc822; nobody@away.example",
        "Action: failed",
        "Status: 5.1.1",
        "Diagnostic-Code: smtp; 550 5.1.1 no such user here",
    ] {
        assert!(text.contains(wanted), "{wanted:?} in:\n{text}");
    }
}

#[test]
fn a_bounce_tells_a_person_what_happened_to_which_mail() {
    let text = the_bounce().text();
    let words = text.split("message/delivery-status").next().unwrap();
    assert!(words.contains("nobody@away.example") && words.contains("no such user here"), "{words}");
    assert!(
        text.contains("Subject: lost and found") && text.contains("<the-original@home.lan>"),
        "the original's header:\n{text}"
    );
    assert!(!text.contains("The text."), "but not its body, which may be huge");
}

#[test]
fn several_refused_recipients_come_back_in_one_bounce() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).about("away.example").reply("550 5.1.1 no such user")).start();
    let world = World::at_home(&isp);
    world.send_to(&["nobody@away.example", "noone@away.example"]).code(0);
    world.drain();
    let text = isp.mail().text();
    assert_eq!(text.matches("Final-Recipient:").count(), 2, "{text}");
}

#[test]
fn the_bounce_belongs_to_the_account_of_the_mail() {
    let (his, hers) =
        (Provider::start(), Provider::setup().rule(on(Verb::Rcpt).about("nobody").reply("550 no")).start());
    let world = World::new()
        .generic(&[("her@home.lan", "her@isp.example")])
        .account("his", &his)
        .account_with("hers", &hers, &[("senders", serde_json::json!(["her@home.lan"]))])
        .set("default_account", "his");
    world.sendmail(&["-f", "her", "nobody@away.example"], "Subject: x\n\n").code(0);
    world.drain();
    assert_eq!((his.received(), hers.mail().to), (0, vec!["her@isp.example".to_owned()]));
}

#[test]
fn mail_to_this_machine_itself_comes_back_where_no_row_gives_it_a_way_out() {
    let isp = Provider::start();
    let world = World::new().account("isp", &isp).generic(&[("alice@home.lan", "me@isp.example")]);
    world.send_to(&["bob@away.example", "root"]).code(0);
    world.drain();
    assert_eq!(isp.mail_to("bob@away.example").to, ["bob@away.example"]);
    let bounce = isp.mail_to("me@isp.example").text();
    assert!(bounce.contains("root@home.lan") && bounce.contains("generic"), "it names what would mend it:\n{bounce}");
}

#[test]
fn what_cannot_be_returned_is_kept() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).reply("550 5.1.1 nobody lives here")).start();
    let world = World::at_home(&isp);
    world.send_to(&["bob@away.example"]).code(0);
    world.drain();
    assert!(!world.spool("failed").is_empty(), "neither delivered nor returned: kept in failed/");
    assert!(world.queued().is_empty());
}

#[test]
fn mail_of_the_null_sender_does_not_bounce_but_is_kept() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).about("nobody").reply("550 5.1.1 no such user")).start();
    let world = World::at_home(&isp);
    world.sendmail(&["-i", "-f", "<>", "nobody@away.example"], INPUT).code(0);
    world.drain();
    assert!(!world.spool("failed").is_empty());
    assert!(isp.mails().iter().all(|mail| !mail.to.is_empty() && mail.to[0] != "MAILER-DAEMON@home.lan"));
}
