//! Mail without a sender where the provider refuses MAIL FROM:<>: some programs submit all their mail so (cronie since
//! 1.7), and so do we with our reports.

use serde_json::json;

use support::provider::{Provider, Setup, Verb, after_dot, on};
use support::wait::wait_for;
use support::world::World;

const NOT_OWNED: &str = "553 5.7.1 Sender address rejected: not owned by auth user.";

fn refusing(reply: &str) -> Setup {
    Provider::setup().rule(on(Verb::Mail).about("<>").reply(reply))
}

fn owned(isp: &Provider) -> World {
    World::at_home(isp).account_keys("isp", &[("senders", json!(["me@isp.example", "@home.lan"]))])
}

#[track_caller]
fn submit(world: &World, header: &str) {
    world.sendmail(&["-i", "-f", "<>", "bob@away.example"], format!("{header}Subject: hello\n\nBODY\n")).code(0);
}

/// The senders that MAIL named.
fn senders(isp: &Provider) -> Vec<String> {
    let transcript = isp.transcript();
    let named = transcript.lines().filter_map(|line| line.split_once("MAIL FROM:<"));
    named.map(|(_, rest)| rest.split('>').next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn mail_without_a_sender_is_sent_from_the_own_address_where_the_null_sender_is_refused() {
    for reply in [
        NOT_OWNED,
        "553 Mail from must equal authorized user",
        "530 Sender rejected",
        "550 5.7.1 null sender not allowed",
        "450 4.1.8 <>: Sender address rejected: Domain not found",
        "501 mail from address must be same as authorization user",
    ] {
        let isp = refusing(reply).start();
        let world = owned(&isp);
        submit(&world, "");
        let said = world.run_once().stderr;
        assert_eq!(isp.received(), 1, "{reply}: {said}");
        let mail = isp.mail();
        assert_eq!((mail.from.as_str(), &mail.to[..]), ("me@isp.example", &["bob@away.example".to_owned()][..]));
        assert_eq!(mail.fields("Auto-Submitted"), ["auto-generated"], "{reply}");
        assert_eq!(mail.fields("From"), ["me@isp.example"], "MAILER-DAEMON alone is nobody's address there");
        assert_eq!(mail.fields("X-Loop").len(), 1, "{reply}");
        assert_eq!((mail.fields("Subject"), mail.body()), (vec!["hello".to_owned()], b"BODY\r\n".as_slice()));
        assert!(said.contains("status=sent") && !said.contains("status=deferred"), "{said}");
        world.postrider(&["status"]).code(0);
    }
}

#[test]
fn a_server_that_refuses_the_null_sender_at_rcpt_or_after_the_dot_gets_the_own_address_too() {
    let blank = "550 to send email from a blank sender, enable blank senders in your account";
    for setup in [
        Provider::setup().rule(on(Verb::Rcpt).once().reply(blank)),
        Provider::setup().rule(after_dot().once().reply(blank)),
    ] {
        let isp = setup.start();
        let world = owned(&isp);
        submit(&world, "");
        let said = world.run_once().stderr;
        assert_eq!(senders(&isp), ["", "me@isp.example"], "{said}");
        assert_eq!(isp.received(), 1, "{said}");
    }
}

#[test]
fn a_refusal_of_the_null_sender_is_remembered_by_later_runners_and_for_this_server_only() {
    let isp = refusing(NOT_OWNED).start();
    let world = owned(&isp);
    for _ in 0..3 {
        submit(&world, "");
        world.run_once();
    }
    assert_eq!(senders(&isp), ["", "me@isp.example", "me@isp.example", "me@isp.example"]);
    // Mail with a sender keeps it.
    world.send_to(&["bob@away.example"]).code(0);
    world.run_once();
    let mail = isp.mails().pop().unwrap();
    assert_eq!((mail.from.as_str(), mail.fields("X-Loop")), ("me@isp.example", vec![]), "its own sender, unmarked");
    // Another server has refused nothing.
    let other = Provider::start();
    let world = world.account_with("isp", &other, &[("senders", json!(["me@isp.example", "@home.lan"]))]);
    submit(&world, "");
    world.run_once();
    assert_eq!(senders(&other), [""]);
    assert_eq!(other.mail().fields("X-Loop"), Vec::<String>::new());
}

#[test]
fn what_comes_back_after_it_was_sent_from_the_own_address_is_not_sent_round_again() {
    let isp = refusing(NOT_OWNED).start();
    let world = owned(&isp);
    submit(&world, "");
    world.run_once();
    let mark = isp.mail().fields("X-Loop").remove(0);
    submit(&world, &format!("X-Loop: {mark}\n"));
    let said = world.run_once().stderr;
    assert_eq!(isp.received(), 1, "{said}");
    assert!(said.contains("has come back"), "{said}");
    assert_eq!(senders(&isp), ["", "me@isp.example", ""]);
}

#[test]
fn a_report_of_ours_goes_by_the_same_rule() {
    for reply in [NOT_OWNED, "450 4.1.8 <>: Sender address rejected: Domain not found"] {
        let isp = refusing(reply).rule(on(Verb::Rcpt).about("nobody").reply("550 5.1.1 no such user")).start();
        let world = owned(&isp);
        world.send_to(&["nobody@away.example"]).code(0);
        world.drain();
        let bounce = isp.mail();
        assert_eq!(
            (bounce.from.as_str(), bounce.fields("Auto-Submitted")),
            ("me@isp.example", vec!["auto-replied".to_owned()])
        );
        assert_eq!(bounce.fields("X-Loop").len(), 1);
    }
}

#[test]
fn the_own_address_is_what_the_account_sends_as() {
    let isp = refusing(NOT_OWNED).start();
    let world = World::at_home(&isp).account_keys("isp", &[("from", json!("forced@isp.example"))]);
    submit(&world, "");
    world.run_once();
    assert_eq!(isp.mail().from, "forced@isp.example");
}

#[test]
fn without_an_own_address_the_mail_waits_and_status_names_the_key() {
    let isp = refusing(NOT_OWNED).start();
    let world = World::at_home(&isp);
    submit(&world, "");
    let said = world.run_once().stderr;
    assert!(said.contains("list an address in `senders` of account isp"), "{said}");
    let world = world.account_keys("isp", &[("senders", json!(["me@isp.example", "@home.lan"]))]);
    let runner = world.runner().ready(&world);
    world.flush();
    wait_for("the mail", || isp.received() == 1);
    assert_eq!(isp.mail().from, "me@isp.example");
    drop(runner);
}

#[test]
fn an_own_address_that_is_refused_as_well_is_told_as_such() {
    let isp = Provider::setup().rule(on(Verb::Mail).reply(NOT_OWNED)).start();
    let world = owned(&isp);
    submit(&world, "");
    let said = world.run_once().stderr;
    assert_eq!(senders(&isp), ["", "me@isp.example"], "{said}");
    assert!(said.contains("account isp is not allowed to send as me@isp.example"), "{said}");
}
