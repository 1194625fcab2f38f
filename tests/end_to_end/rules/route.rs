//! `postrider route` against delivery: random set-ups and mails, and what it said is what the provider saw.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

use support::provider::{Mail, Provider, Verb, on};
use support::world::{World, login};

type Rows = BTreeMap<String, String>;

/// A set-up, as far as it is drawn.
#[derive(Debug, Clone)]
struct House {
    maps: [(&'static str, Rows); 6],
    masquerade: Vec<&'static str>,
    exceptions: Vec<&'static str>,
    delimiter: &'static str,
    propagate: Vec<&'static str>,
    /// The senders of two accounts; a third has the rest.
    senders: [Vec<String>; 2],
    /// Forced by the second account.
    forced: Option<&'static str>,
}

/// A mail.
#[derive(Debug, Clone)]
struct Letter {
    sender: String,
    recipients: Vec<String>,
    from: String,
    to: Vec<String>,
    reply_to: String,
}

const SENDER: &str = "[a-c]([+-]x)?(@(home\\.lan|box\\.home\\.lan|homebox\\.home\\.lan|x\\.example))?";
const RECIPIENT: &str = "[a-c]([+-]x)?(@(home\\.lan|localhost|homebox|x\\.example|isp\\.example))?";

fn rows(keys: &'static str, values: &'static str) -> impl Strategy<Value = Rows> {
    prop::collection::btree_map(keys, values, 0..3)
}

fn house() -> impl Strategy<Value = House> {
    let maps = (
        rows("[a-c](\\+x)?(@home\\.lan)?", "[d-f]@(home\\.lan|box\\.home\\.lan|y\\.example)"),
        rows("[a-c]|@x\\.example", "([d-f]|@y\\.example)"),
        rows("[a-f](@home\\.lan)?", "[d-f](\\+z)?@(home\\.lan|y\\.example)"),
        rows("[a-f](@x\\.example|@y\\.example)?", "[a-c]@z\\.example(, [d-f])?"),
        rows("[a-f]", "([g-i]@z\\.example|[d-f](, [a-c]@z\\.example)?|\"\\|/bin/prog\")"),
        rows("([a-f](\\+x)?)?@(home\\.lan|x\\.example|box\\.home\\.lan)", "([a-c])?@isp\\.example"),
    );
    let hiding = (
        select(vec![vec![], vec!["home.lan"], vec!["!box.home.lan", "home.lan"]]),
        subsequence(vec!["a", "b", "root"], 0..2),
        select(vec!["+", "", "+-"]),
        subsequence(vec!["canonical", "virtual", "alias", "generic"], 0..=4),
    );
    let sender = "[a-f]?@(home\\.lan|isp\\.example|y\\.example)|[a-f]|[a-f]?\\*@(home|isp|\\*)\\.(lan|\\*)";
    let accounts = (
        prop::collection::vec(sender, 0..2),
        prop::collection::vec(sender, 0..2),
        select(vec![None, None, Some("only@isp.example")]),
    );
    (maps, hiding, accounts).prop_map(|(maps, hiding, (first, second, forced))| House {
        maps: [
            ("sender_canonical", maps.0),
            ("recipient_canonical", maps.1),
            ("canonical", maps.2),
            ("virtual", maps.3),
            ("aliases", maps.4),
            ("generic", maps.5),
        ],
        masquerade: hiding.0,
        exceptions: hiding.1,
        delimiter: hiding.2,
        propagate: hiding.3,
        senders: [first, second],
        forced,
    })
}

fn letter() -> impl Strategy<Value = Letter> {
    (
        prop_oneof![9 => SENDER, 1 => Just("<>".to_owned())],
        prop::collection::vec(RECIPIENT, 1..4),
        SENDER,
        prop::collection::vec(RECIPIENT, 1..3),
        RECIPIENT,
    )
        .prop_map(|(sender, recipients, from, to, reply_to)| Letter { sender, recipients, from, to, reply_to })
}

/// What `route` said.
struct Said {
    text: String,
}

impl Said {
    /// What stands behind this word at the beginning of its lines.
    fn all(&self, word: &str) -> Vec<String> {
        let found = self.text.lines().filter_map(|line| line.strip_prefix(word)).filter(|rest| rest.starts_with(' '));
        found.map(|rest| rest.trim().trim_start_matches('<').trim_end_matches('>').to_owned()).collect()
    }

    fn one(&self, word: &str) -> String {
        self.all(word).remove(0)
    }

    /// A header line as it will be.
    fn becomes(&self, line: &str) -> String {
        let mut lines = self.text.lines();
        match lines.find(|told| told.strip_prefix("field ").is_some_and(|field| field.trim() == line)) {
            Some(_) => {
                lines.next().and_then(|told| told.strip_prefix("becomes ")).unwrap_or_default().trim().to_owned()
            }
            None => line.to_owned(),
        }
    }
}

fn sorted(mut list: Vec<String>) -> Vec<String> {
    list.sort();
    list.dedup();
    list
}

fn serves(senders: &[String]) -> Value {
    if senders.is_empty() { Value::Null } else { json!(senders) }
}

/// The machine, with an account at each provider.
fn machine(house: &House, providers: &[Provider; 3]) -> World {
    let mut world = World::new()
        .account_with("first", &providers[0], &[("senders", serves(&house.senders[0]))])
        .account_with("second", &providers[1], &[("senders", serves(&house.senders[1]))])
        .account_with("rest", &providers[2], &[])
        .set("default_account", "rest")
        .set("masquerade_domains", json!(house.masquerade))
        .set("masquerade_exceptions", json!(house.exceptions))
        .set("recipient_delimiter", house.delimiter)
        .set("propagate_extensions", json!(house.propagate));
    if let Some(forced) = house.forced {
        world = world.account_keys("second", &[("from", json!(forced))]);
    }
    house.maps.iter().fold(world, |world, (option, rows)| world.set(option, json!([rows])))
}

/// The mail that the provider took, if it took it.
fn seen(provider: &Provider) -> Option<Mail> {
    provider.mails().into_iter().find(|mail| mail.fields("Subject") == ["asked"])
}

#[test]
fn an_account_that_is_for_others_is_told_and_refused() {
    let isp = Provider::start();
    let world = World::at_home(&isp).account_keys("isp", &[("users", json!(["somebody"]))]);
    let said = world.postrider(&["route", "bob@away.example", "--from", "alice"]).code(0);
    let me = login();
    said.says(&format!("users      somebody (not {me}: mail submitted by {me} would be refused)"));
    world.send_to(&["bob@away.example"]).code(77);
    let world = world.account_keys("isp", &[("users", json!(["somebody", me]))]);
    world
        .postrider(&["route", "bob@away.example", "--from", "alice"])
        .code(0)
        .says(&format!("users      somebody, {me}\n"));
    world.send_to(&["bob@away.example"]).code(0);
}

#[test]
fn another_spelling_of_a_domain_does_not_pass_by_the_account_that_lists_it() {
    let isp = Provider::start();
    let keys = [("senders", json!(["@Bücher.example", "me@isp.example"])), ("users", json!(["somebody"]))];
    let world = World::new().account_with("theirs", &isp, &keys).account("all", &isp).set("default_account", "all");
    for domain in ["bücher.example", "BÜCHER.example", "XN--BCHER-KVA.example"] {
        world.sendmail(&["-f", &format!("any@{domain}"), "bob@away.example"], "x\n").code(77);
    }
    for domain in ["isp.example", "ISP.Example", "ｉｓｐ.example", "ＩＳＰ.ｅxample"] {
        world.sendmail(&["-f", &format!("me@{domain}"), "bob@away.example"], "x\n").code(77);
    }
    for domain in ["i\u{3164}sp.example", "i\u{ad}sp.example", "isp\u{115f}.example", "isp\u{200d}.example"] {
        world.sendmail(&["-f", &format!("me@{domain}"), "bob@away.example"], "x\n").code(65);
    }
    assert!(world.spool("queue").is_empty());
}

#[test]
fn patterns_of_senders_come_between_addresses_and_domains_and_are_offered_as_an_address_nowhere() {
    let isp = Provider::setup().rule(on(Verb::Mail).about("cron-x@").reply("553 5.7.1 not owned by user me")).start();
    let senders = |list: &[&str]| [("senders", json!(list))];
    let world = World::new()
        .account_with("domain", &isp, &senders(&["@home.lan"]))
        .account_with(
            "some",
            &isp,
            &senders(&[
                "*@*.home.lan",
                "Cron-*@home.lan",
                "*@*.B\u{fc}cher.example",
                "r\u{f6}*@isp.example",
                "stra\u{df}e*@isp.example",
            ]),
        )
        .account_with("exact", &isp, &senders(&["cron-daily@home.lan", "a@box.home.lan"]))
        .account_with("rest", &isp, &[])
        .set("default_account", "rest");
    for (sender, account) in [
        ("cron-daily@home.lan", "exact"),
        ("cron-daily+x@home.lan", "exact"),
        ("CRON-weekly@Home.LAN", "some"),
        ("cron@home.lan", "domain"),
        ("a@box.home.lan", "exact"),
        ("b@Box.home.lan", "some"),
        ("b@a.b.home.lan", "some"),
        ("b@shop.xn--bcher-kva.example", "some"),
        ("b@shop.B\u{dc}CHER.example", "some"),
        ("b@b\u{fc}cher.example", "rest"),
        ("R\u{d6}mer@isp.example", "some"),
        ("stra\u{df}enbahn@isp.example", "some"),
        ("STRASSENbahn@isp.example", "some"),
        ("me@isp.example", "rest"),
    ] {
        let said = world.postrider(&["route", "bob@away.example", "--from", sender]).code(0).stdout;
        let shown = said.lines().find_map(|line| line.strip_prefix("account")).unwrap_or_default().trim_start();
        assert!(shown.starts_with(account), "{sender}: {said}");
    }
    world.sendmail(&["-f", "cron-x@home.lan", "bob@away.example"], "x\n").code(0);
    let said = world.run_once().stderr;
    assert!(said.contains("\"cron-x@home.lan\" = \"") && !said.contains('*'), "no pattern is an address: {said}");
}

#[test]
fn an_invalid_pattern_is_an_error_with_its_place() {
    let isp = Provider::start();
    for bad in ["@*.home.lan", "\"a*\"@*.home.lan", "*", "*@@x", "*@b\u{fc}*.example", "*@"] {
        let world = World::at_home(&isp).account_keys("isp", &[("senders", json!(["me@isp.example", bad]))]);
        let said = world.postrider(&["check"]).code(78).stdout;
        let place = said.split("config.toml:").nth(1).unwrap_or_default();
        assert!(said.contains("`senders` has an invalid pattern: "), "{bad}: {said}");
        assert!(place.starts_with(|c: char| c.is_ascii_digit()), "{said}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn route_agrees_with_delivery(house in house(), letter in letter()) {
        let providers = ["one", "two", "three"].map(|name| Provider::setup().login(name, "correct horse").start());
        let world = machine(&house, &providers);
        let Letter { sender, recipients, from, to, reply_to } = &letter;
        let fields = [
            format!("From: \"A. Name\" <{from}>"),
            format!("To: {} (comment)", to.join(", ")),
            format!("Reply-To: {reply_to}"),
        ];
        let message = format!("{}\nSubject: asked\n\nhi\n", fields.join("\n"));
        let file = world.file("message", &message, 0o600);
        let given: Vec<&str> = recipients.iter().map(String::as_str).collect();
        let asked = [&["route", "--from", sender, "--header", file.to_str().unwrap()][..], &given].concat();
        let asked = world.postrider(&asked);
        let sent = world.sendmail(&[&["-i", "-f", sender][..], &given].concat(), &message);
        let said = Said { text: asked.stdout };
        if asked.stderr.contains("would wait") {
            prop_assert_eq!(sent.status, Some(0), "{} {}", asked.stderr, sent.stderr);
            world.run_once();
            prop_assert!(!world.queued().is_empty(), "{}", asked.stderr);
            return Ok(());
        }
        if asked.status != Some(0) {
            prop_assert!(asked.stderr.contains("would not be accepted"), "{}", asked.stderr);
            prop_assert_eq!(sent.status, Some(75), "{} {}", asked.stderr, sent.stderr);
            return Ok(());
        }
        prop_assert_eq!(sent.status, Some(0), "{} {}", sent.stderr, said.text);
        world.drain();
        let account = said.one("account");
        let at = ["first", "second", "rest"].iter().position(|name| account.starts_with(name)).unwrap();
        prop_assert!(said.one("relay").starts_with(&providers[at].relay()), "{}", said.text);
        let wanted = sorted(said.all("RCPT TO"));
        for (number, provider) in providers.iter().enumerate() {
            let Some(mail) = seen(provider) else {
                prop_assert!(number != at || wanted.is_empty(), "{}", said.text);
                continue;
            };
            prop_assert_eq!(number, at, "{}", said.text);
            prop_assert!(said.one("relay").ends_with(&format!("login {}", mail.username())), "{}", said.text);
            prop_assert_eq!(&mail.from, &said.one("MAIL FROM"), "{}", said.text);
            prop_assert_eq!(sorted(mail.to.clone()), wanted.clone(), "{}", said.text);
            for field in &fields {
                let becomes = said.becomes(field);
                prop_assert!(mail.header().contains(&format!("{becomes}\r\n")), "{becomes}: {}\n{}", mail.header(), said.text);
            }
        }
        // A bounce came later, and may be done with before.
        let finished = world.history().into_iter().min_by_key(|one| one["id"].as_str().unwrap().to_owned()).unwrap();
        let recipients = finished["recipients"].as_array().unwrap();
        let refused = recipients.iter().filter(|recipient| recipient["status"] == "refused");
        let told = |recipient: &Value| {
            let text = |member: &str| recipient[member].as_str().unwrap().to_owned();
            format!("{} {}", text("dsn"), text("reply"))
        };
        prop_assert_eq!(sorted(refused.map(told).collect()), sorted(said.all("refused")), "{}\n{}", said.text, finished);
    }
}

#[test]
fn an_address_that_commands_the_terminal_is_shown_without_its_command() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    for arguments in [
        &["route", "--from", "x\u{1b}[2J", "bob@away.example"][..],
        &["route", "--from", "\u{1b}[2Jx@\u{202e}y y", "bob@away.example"],
        &["route", "\u{1b}[2J@away.example"],
        &["lookup", "generic", "\u{1b}[2J\u{202e}"],
        &["lookup", "\u{1b}[2J", "x"],
    ] {
        let ran = world.postrider(arguments);
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert!(!said.is_empty() && !said.contains(['\u{1b}', '\u{202e}']), "{said:?}");
    }
}

#[test]
fn the_way_is_one_object_with_what_keeps_the_message_from_leaving() {
    let isp = Provider::start();
    let world = World::at_home(&isp).set("aliases", "aliases");
    world.table("aliases", "staff: bob@away.example, alice\n");
    let routed = |code: i32, arguments: &[&str]| -> Value {
        let ran = world.postrider(&[&["route", "--json"], arguments].concat()).code(code);
        serde_json::from_str(&ran.stdout).unwrap()
    };
    let well = routed(0, &["--from", "alice", "staff"]);
    assert_eq!((&well["level"], &well["reasons"]), (&json!(0), &json!([])), "{well}");
    let route = &well["route"];
    assert_eq!((&route["account"], &route["mail_from"]), (&json!("isp"), &json!("me@isp.example")), "{route}");
    let staff = &route["recipients"][0];
    assert_eq!(staff["address"], "staff@home.lan");
    assert_eq!(staff["becomes"][0], json!({ "address": "bob@away.example", "rcpt_to": "bob@away.example" }));
    assert_eq!(staff["becomes"][1]["rcpt_to"], "me@isp.example");
    assert!(staff["steps"][0].as_str().unwrap().starts_with("aliases: staff -> "), "{staff}");

    world.table("aliases", "staff: |/usr/bin/program\n");
    let refused = routed(0, &["--from", "alice", "staff"]);
    assert_eq!((&refused["level"], &refused["reasons"][0]["kind"]), (&json!(1), &json!("alias")), "{refused}");
    assert_eq!(refused["route"]["recipients"][0]["becomes"][0]["rcpt_to"], Value::Null);

    std::fs::remove_file(world.path("aliases")).unwrap();
    let waits = routed(78, &["--from", "alice", "staff"]);
    assert_eq!((&waits["level"], &waits["reasons"][0]["kind"]), (&json!(2), &json!("table")), "{waits}");
}

#[test]
fn a_sender_that_no_account_serves_is_a_reason() {
    let (isp, other) = (Provider::start(), Provider::start());
    let world = World::at_home(&isp).account("other", &other);
    let ran = world.postrider(&["route", "--json", "--from", "me@nowhere.example", "bob@away.example"]).code(78);
    let routed: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        (&routed["reasons"][0]["kind"], &routed["route"]["account"]),
        (&json!("unserved"), &Value::Null),
        "{routed}"
    );
}

#[test]
fn an_address_that_is_never_sent_is_a_reason_of_the_route() {
    let world = World::at_home(&Provider::start());
    let route = |to: &[&str], code: i32| -> Value {
        serde_json::from_str(&world.postrider(&[&["route", "--json"], to].concat()).code(code).stdout).unwrap()
    };
    let never = route(&["\"two words\"@away.example", "friend@away.example"], 0);
    assert_eq!((&never["level"], &never["reasons"][0]["kind"]), (&json!(1), &json!("refused")), "{never}");
    assert_eq!(route(&["\"two words\"@away.example"], 65)["reasons"], never["reasons"], "alone it is not accepted");
    assert_eq!(route(&["friend@away.example"], 0)["reasons"], json!([]));
}
