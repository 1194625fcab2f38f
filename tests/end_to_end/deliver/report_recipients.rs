//! To whom bounces, notices and other messages of our own go: `virtual` and `aliases` decide that as for any mail.

use serde_json::json;

use support::provider::{Mail, Provider, Setup, Verb, on};
use support::world::World;

fn refusing() -> Setup {
    Provider::setup().rule(on(Verb::Rcpt).about("nobody").reply("550 5.1.1 no such user here"))
}

/// The machine without a row of `generic`; who gets mail to its users is in `aliases`, or in `virtual`.
fn world(isp: &Provider, aliases: &str, virtuals: &serde_json::Value) -> World {
    let world = World::new().account("isp", isp).set("virtual", json!([virtuals]));
    world.file("aliases", aliases, 0o644);
    world.set("aliases", json!(["aliases"]))
}

fn lose(world: &World, sender: &str) {
    world.sendmail(&["-i", "-f", sender, "nobody@away.example"], "Subject: lost\n\ntext\n").code(0);
    world.drain();
}

fn recipients(mails: &[Mail]) -> Vec<String> {
    let mut all: Vec<String> = mails.iter().flat_map(|mail| mail.to.clone()).collect();
    all.sort();
    all
}

#[test]
fn a_bounce_goes_where_virtual_and_aliases_send_the_mail_of_its_sender() {
    for (aliases, virtuals, to) in [
        ("alice: alice@isp.example\n", json!({}), &["alice@isp.example"][..]),
        ("alice: alice@isp.example, copy@away.example\n", json!({}), &["alice@isp.example", "copy@away.example"]),
        ("alice: family\nfamily: alice@isp.example\n", json!({}), &["alice@isp.example"]),
        ("", json!({ "alice@home.lan": "alice@isp.example" }), &["alice@isp.example"]),
        // What a program would get is no reason to tell nobody else.
        ("alice: alice@isp.example, \"|/bin/false\"\n", json!({}), &["alice@isp.example"]),
    ] {
        let isp = refusing().start();
        let world = world(&isp, aliases, &virtuals);
        lose(&world, "alice@home.lan");
        let mails = isp.mails();
        assert_eq!(recipients(&mails), to, "{aliases}: {}", world.mailq());
        assert!(mails.iter().all(|mail| mail.from.is_empty() && mail.field("To").contains("alice@home.lan")));
        assert_eq!(world.spool("failed").len(), 0);
    }
}

#[test]
fn a_bounce_to_an_address_at_the_provider_that_is_kept_here_stays_here() {
    let (isp, local) = (refusing().start(), Provider::setup().lmtp().start());
    let world = world(&isp, "", &json!({ "me@isp.example": "root" })).set("mailbox", local.mailbox());
    lose(&world, "me@isp.example");
    assert_eq!(
        (recipients(&local.mails()), isp.received()),
        (vec!["root@home.lan".to_owned()], 0),
        "{}",
        world.mailq()
    );
    assert_eq!(world.queued(), Vec::<String>::new());
}

#[test]
fn reports_on_request_and_alerts_go_there_too() {
    let isp = Provider::start();
    let world = world(&isp, "root: me@isp.example\n", &json!({ "alice@home.lan": "alice@isp.example" }));
    world.sendmail(&["-bv", "-f", "alice@home.lan", "bob@away.example"], "").code(0);
    world.drain();
    assert_eq!(isp.mail().to, ["alice@isp.example"]);
    // The postmaster, who is root, is told that a bounce bounced.
    let isp = refusing().rule(on(Verb::Rcpt).about("gone@").reply("550 5.1.1 gone")).start();
    let world = self::world(&isp, "root: me@isp.example\nalice: gone@away.example\n", &json!({}));
    lose(&world, "alice@home.lan");
    world.drain();
    assert_eq!(recipients(&isp.mails()), ["me@isp.example"], "{}", world.mailq());
}

#[test]
fn a_table_that_is_broken_keeps_no_bounce_from_its_sender() {
    let isp = refusing().start();
    let world = world(&isp, "alice: alice@isp.example\n", &json!({})).generic(&[("alice@home.lan", "me@isp.example")]);
    world.sendmail(&["-i", "-f", "alice@home.lan", "nobody@away.example"], "Subject: lost\n\ntext\n").code(0);
    std::fs::remove_file(world.path("aliases")).unwrap();
    world.drain();
    assert_eq!(recipients(&isp.mails()), ["me@isp.example"]);
}
