//! Mail for users of this machine stays on it: it goes to the LMTP server of `mailbox`, whatever happens to the mail that
//! leaves. `root` and `daemon` are users of every machine.

use serde_json::json;

use support::provider::{Provider, Setup, Verb, after_dot, greeting, on};
use support::wait::wait_for;
use support::world::{World, login};

fn mailboxes() -> Setup {
    Provider::setup().lmtp()
}

/// The usual machine, with mailboxes.
fn world(isp: &Provider, local: &Provider) -> World {
    World::at_home(isp).set("mailbox", local.mailbox())
}

fn sender() -> String {
    format!("{}@home.lan", login())
}

#[test]
fn mail_for_a_user_of_this_machine_stays_on_it_with_its_addresses_as_they_are() {
    let (isp, local) = (Provider::start(), mailboxes().start());
    let world = world(&isp, &local);
    for to in ["root", "root@homebox.home.lan", "root+cron@home.lan", "Daemon@localhost"] {
        world.sendmail(&["-i", to], format!("From: alice@home.lan\nTo: {to}\nSubject: hello\n\nBODY\n")).code(0);
    }
    let said = world.drain();
    assert_eq!((isp.connections(), local.received()), (0, 4), "{}{}", said.stderr, local.transcript());
    let mut to: Vec<String> = local.mails().into_iter().flat_map(|mail| mail.to).collect();
    to.sort();
    assert_eq!(to, ["Daemon@localhost", "root+cron@home.lan", "root@home.lan", "root@homebox.home.lan"]);
    for mail in local.mails() {
        assert_eq!((mail.from.as_str(), mail.field("From").as_str()), (sender().as_str(), "alice@home.lan"));
        assert_eq!(mail.field("Delivered-To"), mail.to[0], "written by us, for each recipient its own");
        assert_eq!(mail.body(), b"BODY\r\n");
    }
    let history = world.history();
    assert_eq!(history[0]["recipients"][0]["status"], "delivered");
    world.postrider(&["status"]).code(0);
}

#[test]
fn generic_is_for_the_copy_that_leaves_and_never_for_the_one_that_stays() {
    let (isp, local) = (Provider::start(), mailboxes().start());
    let world = world(&isp, &local);
    let text = "From: alice@home.lan\nTo: root@home.lan, bob@away.example\nSubject: both\n\nBODY\n";
    world.sendmail(&["-i", "-f", "alice@home.lan", "root@home.lan", "bob@away.example"], text).code(0);
    let said = world.drain();
    let (stays, leaves) = (local.mail(), isp.mail());
    assert_eq!((&stays.to, &leaves.to), (&vec!["root@home.lan".to_owned()], &vec!["bob@away.example".to_owned()]));
    assert_eq!((stays.from.as_str(), leaves.from.as_str()), ("alice@home.lan", "me@isp.example"), "{}", said.stderr);
    assert_eq!(stays.field("To"), "root@home.lan, bob@away.example");
    assert_eq!(leaves.field("To"), "me+home@isp.example, bob@away.example");
    assert_eq!((stays.field("From"), leaves.field("From")), ("alice@home.lan".into(), "me@isp.example".into()));
    assert_eq!(leaves.fields("Delivered-To"), Vec::<String>::new());
    assert_eq!(world.queued(), Vec::<String>::new());
    assert_eq!(world.history().len(), 1, "one message, with each recipient's own outcome");
    let recipients = world.history()[0]["recipients"].clone();
    let outcome = |at: usize| (recipients[at]["address"].clone(), recipients[at]["status"].clone());
    assert_eq!(outcome(0), (json!("root@home.lan"), json!("delivered")));
    assert_eq!(outcome(1), (json!("bob@away.example"), json!("delivered")));
    assert_eq!((&recipients[0]["account"], &recipients[1]["account"]), (&json!(":local"), &json!("isp")));
}

#[test]
fn who_is_nobody_here_comes_back_with_a_helpful_text() {
    let (isp, local) = (Provider::start(), mailboxes().start());
    // A row for the whole domain is for senders; everybody of any name would have it otherwise.
    let world = world(&isp, &local).generic(&[("alice@home.lan", "me@isp.example"), ("@home.lan", "@isp.example")]);
    world.sendmail(&["nosuchuser@home.lan"], "Subject: hello\n\nBODY\n").code(0);
    world.drain();
    let bounce = local.mail();
    assert_eq!((bounce.from.as_str(), &bounce.to[..]), ("", &[sender()][..]), "the sender has a mailbox here, too");
    let text = bounce.text().replace("\r\n", " ");
    assert!(text.contains("5.1.1") && text.contains("no mailbox for <"), "{text}");
    assert_eq!(isp.connections(), 0);
}

#[test]
fn an_address_at_the_provider_is_kept_here_by_virtual_and_a_listed_one_without_a_login_too() {
    let (isp, local) = (Provider::start(), mailboxes().start());
    let world = world(&isp, &local)
        .set("virtual", json!([{ "your-account@your-isp.example": "root" }]))
        .set("local_users", json!([{ "office": "-", "info@family.example": "-" }]));
    world.send_to(&["your-account@your-isp.example", "office+a@home.lan", "info@family.example", "x@family.example"]);
    world.drain();
    let mut to: Vec<String> = local.mails().into_iter().flat_map(|mail| mail.to).collect();
    to.sort();
    assert_eq!(to, ["info@family.example", "office+a@home.lan", "root@home.lan"]);
    assert_eq!(isp.mail().to, ["x@family.example"], "the domain alone makes nobody local");
}

#[test]
fn each_recipient_has_the_reply_that_the_server_gave_for_it() {
    let full = "552 5.2.2 <daemon@home.lan> Quota exceeded (mailbox for user is full)";
    let busy = "451 4.2.0 <bin@home.lan> Internal error occurred. Refer to server log for more information.";
    let local = mailboxes()
        .rule(after_dot().about("daemon@").reply(full))
        .rule(after_dot().about("bin@").once().reply(busy))
        .rule(on(Verb::Rcpt).about("sys@").reply("550 5.1.1 <sys@home.lan> User doesn't exist: sys@home.lan"))
        .start();
    let world = world(&Provider::start(), &local);
    world
        .sendmail(&["root@home.lan", "daemon@home.lan", "bin@home.lan", "sys@home.lan"], "Subject: x\n\nBODY\n")
        .code(0);
    let said = world.run_once().stderr;
    let copies = |of: &str| {
        let mails = local.mails().into_iter().filter(|mail| !mail.from.is_empty());
        mails.flat_map(|mail| mail.to).filter(|to| to == of).count()
    };
    assert_eq!(copies("root@home.lan"), 1, "{said}");
    assert!(said.contains("to=<daemon@home.lan>") && said.contains("Quota exceeded"), "{said}");
    let waiting = world.queue_json();
    assert_eq!(waiting.len(), 1, "only bin's waits: {waiting:?}");
    assert_eq!((&waiting[0]["account"], waiting[0]["recipients"].as_array().unwrap().len()), (&json!("local"), 1));
    let listed = world.postrider(&["queue", "list", "--account", "local"]).code(0).stdout;
    assert!(listed.contains("bin@home.lan"), "{listed}");
    world.flush();
    let bounce = local.mails().into_iter().find(|mail| mail.from.is_empty()).unwrap().text();
    assert!(bounce.contains("daemon@home.lan") && bounce.contains("sys@home.lan"), "{bounce}");
    assert!(!bounce.contains("Final-Recipient: rfc822; root@home.lan"), "{bounce}");
    assert_eq!(copies("bin@home.lan"), 1);
}

#[test]
fn mailboxes_are_served_while_the_provider_is_down_and_the_provider_while_the_mailboxes_are() {
    let (isp, local) = (Provider::setup().start_closed(), mailboxes().start());
    let world1 = world(&isp, &local);
    world1.send_to(&["root@home.lan", "bob@away.example"]).code(0);
    let said = world1.run_once().stderr;
    assert_eq!(local.mail().to, ["root@home.lan"], "{said}");
    isp.open();
    world1.flush();
    assert_eq!((isp.mail().to, local.received()), (vec!["bob@away.example".to_owned()], 1));

    let (isp, local) = (Provider::start(), mailboxes().start_closed());
    let world2 = world(&isp, &local);
    world2.send_to(&["root@home.lan", "bob@away.example"]).code(0);
    world2.send_to(&["root@home.lan", "carol@away.example"]).code(0);
    let said = world2.run_once().stderr;
    assert_eq!(isp.received(), 2, "{said}");
    assert_eq!(world2.queued().len(), 2, "both wait for the mailbox alone");
    local.open();
    world2.flush();
    assert_eq!((isp.received(), local.received()), (2, 2), "{}", world2.mailq());
}

#[test]
fn what_waits_for_a_mailbox_is_held_and_released_as_local() {
    let local = mailboxes().rule(on(Verb::Rcpt).once().reply("451 4.2.0 later")).start();
    let isp = Provider::start();
    let world = world(&isp, &local);
    world.send_to(&["root@home.lan", "bob@away.example"]).code(0);
    world.run_once();
    assert_eq!((isp.received(), local.received(), world.queue_json()[0]["account"].clone()), (1, 0, json!("local")));
    world.postrider(&["queue", "hold", "--account", "isp"]);
    assert_eq!(world.queue_json()[0]["queue_name"], json!("deferred"), "the provider has its part");
    world.postrider(&["queue", "hold", "--account", "local"]).code(0);
    assert_eq!(world.queue_json()[0]["queue_name"], json!("hold"));
    world.flush();
    assert_eq!(local.received(), 0);
    world.postrider(&["queue", "release", "--account", "local"]).code(0);
    world.flush();
    assert_eq!((isp.received(), local.received()), (1, 1));
    world.postrider(&["queue", "list", "--account", ":local"]).code(64);
}

#[test]
fn the_server_of_the_mailboxes_is_tested_as_an_account_is() {
    let local = mailboxes().start();
    let world = world(&Provider::start(), &local);
    let said = world.postrider(&["test", "local", "--to", "root"]).code(0).stdout;
    assert!(said.contains(&format!("Account local ({}):", local.mailbox())) && !said.contains(":local"), "{said}");
    let mail = local.mail();
    assert_eq!((mail.from.as_str(), &mail.to[..]), ("root@home.lan", &["root@home.lan".to_owned()][..]));
    let unknown = world.postrider(&["test", "nosuch"]).code(64).stderr;
    assert!(unknown.contains("isp, local"), "{unknown}");
}

#[test]
fn a_flush_tries_both_parts_of_a_message_and_reports_once() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).once().reply("450 4.2.0 later")).start();
    let local = mailboxes().rule(on(Verb::Rcpt).once().reply("451 4.2.0 later")).start();
    let world = world(&isp, &local);
    world.send_to(&["root@home.lan", "bob@away.example"]).code(0);
    world.run_once();
    assert_eq!((isp.received(), local.received()), (0, 0));
    let said = world.flush().code(0);
    assert_eq!((isp.received(), local.received()), (1, 1), "{}{}", said.stdout, said.stderr);
    assert_eq!(world.queued(), Vec::<String>::new());
}

#[test]
fn an_address_that_occurs_twice_gets_one_copy_and_another_spelling_its_own() {
    let local = mailboxes().start();
    let world =
        world(&Provider::start(), &local).set("virtual", json!([{ "web@home.lan": "root", "www@home.lan": "root" }]));
    world.send_to(&["web@home.lan", "www@home.lan", "root+y@home.lan"]).code(0);
    world.drain();
    let mut to: Vec<String> = local.mails().into_iter().flat_map(|mail| mail.to).collect();
    to.sort();
    assert_eq!(to, ["root+y@home.lan", "root@home.lan"]);
    let recipients = world.history()[0]["recipients"].as_array().unwrap().len();
    assert_eq!(recipients, 3, "each recipient has its outcome");
}

#[test]
fn a_server_that_serves_one_user_per_connection_gets_a_connection_for_each() {
    // The second is Dovecot 2.4's, which counts deliveries to one user.
    for no_more in ["452 4.5.3 one user per connection", "451 4.3.0 <x> Too many concurrent deliveries for user"] {
        let mut local = mailboxes();
        for connection in 1..=3 {
            local = local.rule(on(Verb::Rcpt).on_connection(connection).nth_and_later(2).reply(no_more));
        }
        let local = local.start();
        let world = world(&Provider::start(), &local);
        world.send_to(&["root@home.lan", "daemon@home.lan", "bin@home.lan"]).code(0);
        let said = world.run_once().stderr;
        assert_eq!((local.received(), local.connections()), (3, 3), "{said}{}", local.transcript());
    }
}

#[test]
fn a_mailbox_whose_reply_did_not_come_is_tried_again_after_a_minute() {
    let local = mailboxes().rule(after_dot().once().close()).start();
    let world = world(&Provider::start(), &local).queue_set("retry_max", "1m");
    world.send_to(&["root@home.lan"]).code(0);
    let said = world.run_once().stderr;
    assert!(said.contains("the next try is in a minute"), "{said}");
    let waiting = world.queue_json();
    let times = |key: &str| waiting[0][key].as_str().unwrap_or_default().parse::<jiff::Timestamp>().ok();
    if let (Some(arrived), Some(next)) = (times("arrived"), times("next_attempt")) {
        assert!(next.duration_since(arrived).as_secs() < 120, "{waiting:?}");
    }
    world.flush();
    assert_eq!(local.received(), 1);
}

#[test]
fn who_may_have_a_copy_elsewhere_gets_no_other_because_a_mailbox_is_tried_again() {
    let isp = Provider::setup().rule(after_dot().once().close()).start();
    let local = mailboxes().rule(on(Verb::Rcpt).reply("452 4.2.2 over quota")).start();
    let world = world(&isp, &local).queue_set("retry_min", "1s").queue_set("retry_max", "1s");
    world.sendmail(&["-i", "-f", "root", "root@home.lan", "bob@away.example"], "Subject: both\n\nBODY\n").code(0);
    let runner = world.runner();
    wait_for("the provider", || isp.count(Verb::Data) == 1);
    let before = local.count(Verb::Rcpt);
    wait_for("the mailbox, again", || local.count(Verb::Rcpt) >= before + 2);
    drop(runner);
    world.run_once();
    assert_eq!(isp.count(Verb::Data), 1, "it waits for its hour with the next runner as well");
}

#[test]
fn a_server_that_never_greets_is_nobodys_fault_and_blocks_nothing_else() {
    let local = mailboxes().rule(greeting().reply_and_close("421 4.3.2 no process left")).start();
    let isp = Provider::start();
    let world = world(&isp, &local);
    world.send_to(&["root@home.lan"]).code(0);
    world.send_to(&["bob@away.example"]).code(0);
    world.run_once();
    assert_eq!(isp.received(), 1);
    let said = world.postrider(&["status"]);
    assert!(said.stdout.contains("account local") && !said.stdout.contains(":local"), "{}", said.stdout);
    let waiting = world.queue_json();
    assert_eq!(waiting[0]["attempts"], json!(0), "no attempt is charged: {waiting:?}");
}

/// The messages of a Maildir, oldest first.
fn maildir(folder: &std::path::Path) -> Vec<String> {
    let read = std::fs::read_dir(folder.join("new")).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = read.collect();
    paths.sort();
    paths.into_iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

#[test]
fn a_user_without_a_server_has_a_maildir_or_an_mbox_of_their_own() {
    let isp = Provider::start();
    for format in ["maildir", "mbox"] {
        let world = World::at_home(&isp);
        let path = world.path(format);
        let world = world.set("mailbox", format!("{format}:{}", path.display()));
        for text in ["Subject: one\n\nFrom here on\n", "Subject: two\n\n.\n"] {
            world.sendmail(&["-i", "-f", "bob@away.example", &login()], text).code(0);
        }
        let said = world.drain().stderr;
        assert!(said.contains(&format!("relay=homebox.home.lan[{format}:")), "{said}");
        let stored = match format {
            "maildir" => maildir(&path).concat(),
            _ => std::fs::read_to_string(&path).unwrap(),
        };
        let trace = format!("Return-Path: <bob@away.example>\nDelivered-To: {}\n", sender());
        assert_eq!(stored.matches(&trace).count(), 2, "{stored}");
        assert!(stored.contains("Subject: one\n") && stored.contains("Subject: two\n"), "{stored}");
        assert!(stored.contains(if format == "mbox" { "\n>From here on\n" } else { "\nFrom here on\n" }), "{stored}");
        // Others' mail is none of a user's own configuration.
        world.send_to(&["daemon@home.lan"]).code(0);
        world.run_once();
    }
    assert_eq!(isp.mails().len(), 2, "generic knows where daemon reads mail");
}

#[test]
fn mail_that_comes_round_is_kept_with_one_notice_to_its_user_and_none_to_the_sender() {
    let (isp, local) = (Provider::start(), mailboxes().start());
    let world = world(&isp, &local);
    world.sendmail(&["-i", "-f", "alice@home.lan", "root@home.lan"], "Subject: round\n\nBODY\n").code(0);
    world.drain();
    let stored = local.mail().text().replace("\r\n", "\n");
    // As an alias and fetchmail would submit it again.
    world.sendmail(&["-i", "-f", "alice@home.lan", "root@home.lan", "bob@away.example"], &stored).code(0);
    let said = world.drain().stderr;
    let notices = local.mails().into_iter().filter(|mail| mail.field("Subject").starts_with("Mail Loop"));
    let notices: Vec<_> = notices.collect();
    assert_eq!((notices.len(), local.received()), (1, 2), "{said}");
    assert_eq!((notices[0].from.as_str(), &notices[0].to[..]), ("", &["root@home.lan".to_owned()][..]));
    assert!(notices[0].text().contains("a message for you came back"), "{}", notices[0].text());
    assert_eq!(isp.mail().to, ["bob@away.example"], "the other recipient got it, the sender no bounce");
    let listed = world.postrider(&["queue", "list", "--failed"]).code(0).stdout;
    assert!(listed.contains("mail loop") && listed.contains("root@home.lan"), "{listed}");
    assert_eq!(world.queued(), Vec::<String>::new());
}

#[test]
fn what_mutt_bounces_and_what_fetchmail_brings_is_delivered_once() {
    let local = mailboxes().start();
    let world = world(&Provider::start(), &local);
    let fetched = "Return-Path: <ann@away.example>\nDelivered-To: me@isp.example\nSubject: fetched\n\nBODY\n";
    let bounced =
        "Resent-From: root@home.lan\nResent-To: root@home.lan\nDelivered-To: root@home.lan\nSubject: again\n\nBODY\n";
    for text in [fetched, bounced] {
        world.sendmail(&["-i", "root@home.lan"], text).code(0);
        world.drain();
    }
    let subjects: Vec<_> = local.mails().iter().map(|mail| mail.field("Subject")).collect();
    assert_eq!(subjects, ["fetched", "again"]);
}

#[test]
fn a_bounce_of_the_local_server_leaves_through_the_account_of_its_sender() {
    let (isp, local) = (Provider::start(), mailboxes().rule(on(Verb::Rcpt).reply("550 5.1.1 no such user")).start());
    let world = world(&isp, &local);
    world.send_to(&["root@home.lan"]).code(0);
    world.drain();
    let bounce = isp.mail();
    assert_eq!((bounce.from.as_str(), &bounce.to[..]), ("", &["me@isp.example".to_owned()][..]));
}

/// Action and Final-Recipient of each recipient in a report of success.
fn actions(mails: &[support::provider::Mail]) -> Vec<(String, String)> {
    let Some(report) = mails.iter().find(|mail| mail.field("Subject") == "Successful Mail Delivery Report") else {
        return Vec::new();
    };
    let text = report.text();
    let values = |name: &str| -> Vec<String> {
        let lines = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        lines.map(|value| value.rsplit("; ").next().unwrap_or_default().to_owned()).collect()
    };
    let mut actions: Vec<_> = values("Action").into_iter().zip(values("Final-Recipient")).collect();
    actions.sort();
    actions
}

/// To whom; whether the provider offers DSN; what our report says; what the provider is asked for.
type Case = (&'static [&'static str], &'static str, &'static [(&'static str, &'static str)], &'static [&'static str]);

#[test]
fn who_asks_for_success_is_told_what_it_was_for_each_recipient() {
    let aliases =
        "one: root\nlocal: root, daemon\nmixed: root, bob@away.example\naway: bob@away.example, carol@away.example\n";
    let cases: [Case; 8] = [
        (&["root"], "", &[("delivered", "root@home.lan")], &[]),
        (&["one"], "", &[("delivered", "root@home.lan")], &[]),
        (&["local"], "", &[("expanded", "local")], &[]),
        (&["mixed"], "", &[("expanded", "mixed")], &[]),
        (&["bob@away.example"], "", &[("relayed", "bob@away.example")], &[]),
        (&["bob@away.example"], "DSN", &[], &["NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;bob@away.example"]),
        (
            &["root", "bob@away.example"],
            "DSN",
            &[("delivered", "root@home.lan")],
            &["NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;bob@away.example"],
        ),
        (&["away"], "DSN", &[("expanded", "away")], &["NOTIFY=FAILURE", "NOTIFY=FAILURE"]),
    ];
    for (to, offers, expected, wishes) in cases {
        let isp = if offers.is_empty() { Provider::start() } else { Provider::setup().offers(offers).start() };
        let local = mailboxes().start();
        let world = world(&isp, &local);
        world.file("aliases", aliases, 0o644);
        let world = world.set("aliases", json!(["aliases"]));
        let args = [&["-i", "-N", "success,failure", "-f", "root@home.lan", "--"], to].concat();
        world.sendmail(&args, "Subject: hello\n\nBODY\n").code(0);
        let said = world.drain().stderr;
        let told: Vec<(String, String)> = actions(&local.mails());
        let told: Vec<(&str, &str)> = told.iter().map(|(action, to)| (action.as_str(), to.as_str())).collect();
        assert_eq!(told, expected, "{to:?} {offers}: {said}");
        let asked: Vec<String> = isp.mails().into_iter().flat_map(|mail| mail.wishes).collect();
        assert_eq!(asked, wishes, "{to:?} {offers}");
    }
}

#[test]
fn check_and_route_say_where_local_mail_goes_and_what_keeps_it_from_going() {
    let isp = Provider::start();
    let world = World::at_home(&isp).generic(&[("alice@home.lan", "me@isp.example")]);
    world.file("aliases", "office: nosuchuser\n", 0o644);
    let world = world.set("aliases", json!(["aliases"])).set("mailbox", "lmtp:/nonexistent/lmtp");
    let said = world.postrider(&["check"]).stdout;
    assert!(said.contains("/nonexistent/lmtp does not exist"), "{said}");
    assert!(!said.contains("no mailboxes"), "{said}");
    let route = |to: &[&str]| world.postrider(&[&["route", "--from", "alice@home.lan"], to].concat()).stdout;
    let both = route(&["root", "bob@away.example"]);
    for line in [
        "account    local (its mailboxes are on this machine)",
        "mailbox    lmtp:/nonexistent/lmtp, no generic",
        "stays      in a mailbox of this machine",
        "RCPT TO    <root@home.lan>",
        "account    isp",
        "MAIL FROM  <me@isp.example>",
        "RCPT TO    <bob@away.example>",
    ] {
        assert!(both.contains(line), "{line} is missing:\n{both}");
    }
    let here = route(&["root"]);
    assert!(here.contains("MAIL FROM  <alice@home.lan>") && !here.contains("isp"), "{here}");
    assert!(
        route(&["office"]).contains("refused    5.1.1 no mailbox for <nosuchuser@home.lan>"),
        "{}",
        route(&["office"])
    );
    let object = world.postrider(&["route", "--json", "--from", "alice", "root"]).stdout;
    let object: serde_json::Value = serde_json::from_str(&object).unwrap();
    assert_eq!(
        (&object["route"]["account"], &object["route"]["relays"]),
        (&json!("local"), &json!(["lmtp:/nonexistent/lmtp"]))
    );
}
