//! Tables and rewriting through the real programs: what arrives at the provider is what
//! Postfix would have made of it, and what `route` had said.

use serde_json::json;

use support::provider::{Provider, Verb, on};
use support::world::World;

#[test]
fn a_pattern_table_gives_addresses_their_internet_form() {
    let isp = Provider::start();
    let world = World::new().account("isp", &isp).set("generic", json!(["regexp:generic.re", "pcre:generic.pcre"]));
    world.table("generic.re", "# own\n/^root@home\\.lan$/ admin@isp.example\n");
    world.table("generic.pcre", "if /@home\\.lan$/\n/^([^@+]+)(?:\\+[^@]*)?@/ his+$1@isp.example\nendif\n");
    world
        .sendmail(&["-f", "alice", "root", "b@x.example"], "From: Alice <alice+x>\nTo: root, b@x.example\n\nhi\n")
        .code(0);
    world.run_once();
    let mail = isp.mail();
    assert_eq!(mail.from, "his+alice@isp.example");
    assert_eq!(mail.to, ["admin@isp.example", "b@x.example"]);
    assert_eq!(mail.field("From"), "Alice <his+alice@isp.example>");
    assert_eq!(mail.field("To"), "admin@isp.example, b@x.example");
}

#[test]
fn generic_rewrites_the_classes_of_addresses_that_it_is_for() {
    for (classes, from, field, to) in [
        (json!(["envelope_sender", "header_sender"]), "root@isp.example", "root@isp.example", "b@home.lan"),
        (json!(["header_sender", "header_recipient"]), "root@home.lan", "root@isp.example", "b@isp.example"),
        (json!(["envelope_sender"]), "root@isp.example", "root@home.lan", "b@home.lan"),
        (json!(["envelope_sender", "remote_recipient"]), "root@isp.example", "root@home.lan", "b@home.lan"),
        (json!([]), "root@home.lan", "root@home.lan", "b@home.lan"),
    ] {
        let isp = Provider::start();
        let world = World::new().account("isp", &isp).set("generic", json!([{ "@home.lan": "@isp.example" }]));
        let world = world.set("generic_classes", classes.clone());
        let said = world.postrider(&["route", "daemon"]);
        assert!(
            said.stdout.contains("waits") && said.stdout.contains("map it to a real address in `virtual`"),
            "{}",
            said.stdout
        );
        let world = world.set("generic", json!([{ "@home.lan": "@isp.example", "c@old.lan": "c@isp.example" }]));
        let remote = world.postrider(&["route", "c@old.lan"]);
        let is_for_remote = classes.to_string().contains("remote_recipient");
        assert_eq!(remote.stdout.contains("RCPT TO    <c@isp.example>"), is_for_remote, "{classes}: {}", remote.stdout);
        let mail = "From: root\nTo: b\n\nhi\n";
        world.sendmail(&["-f", "root", "daemon", "b@x.example"], mail).code(0);
        world.run_once();
        let mail = isp.mail();
        assert_eq!(
            (mail.from.as_str(), mail.field("From"), mail.field("To")),
            (from, field.to_owned(), to.to_owned()),
            "{classes}"
        );
        assert_eq!(mail.to, ["b@x.example"], "{classes}");
        // What virtual maps leaves.
        let world = world.set("virtual", json!([{ "daemon@home.lan": "me@isp.example" }]));
        world.postrider(&["queue", "retry", "--readmit", "--all"]).code(0);
        world.run_once();
        assert_eq!(isp.mail_to("me@isp.example").to, ["me@isp.example"], "{classes}");
    }
    let isp = Provider::start();
    let world = World::at_home(&isp).set("generic_classes", json!(["header"]));
    world.postrider(&["check"]).code(78).says(
        "`generic_classes` may list only \"envelope_sender\", \"envelope_recipient\", \"remote_recipient\", \"header_sender\" and \
         \"header_recipient\"",
    );
}

#[test]
fn check_knows_by_which_key_a_sender_gets_a_real_address_or_none() {
    let isp = Provider::start();
    let warned = "no entry of `generic` maps root@home.lan";
    let world = World::new()
        .account("isp", &isp)
        .set("aliases", json!([]))
        .set("virtual", json!([{ "@home.lan": "me@isp.example" }]));
    world.postrider(&["check"]).says(warned);
    let by_canonical = world.set("sender_canonical", json!([{ "@home.lan": "me@isp.example" }]));
    let said = by_canonical.postrider(&["check"]);
    assert!(!said.stderr.contains(warned), "{}", said.stderr);
    let world =
        by_canonical.set("sender_canonical", json!([])).set("generic", json!([{ "@home.lan": "me@isp.example" }]));
    let world = world.set("generic_classes", json!(["header_sender"]));
    world.postrider(&["check"]).says("add \"envelope_sender\" to `generic_classes`");
    let said = world.postrider(&["lookup", "generic", "root"]).code(1);
    assert!(said.stderr.contains("no entry for \"root\"; for mail, \"@home.lan\" answers"), "{}", said.stderr);
}

#[test]
fn a_from_that_is_a_name_alone_gets_the_sender_s_address() {
    let isp = Provider::start();
    let world = World::new().account("isp", &isp).set("generic", json!([{ "@home.lan": "me@isp.example" }]));
    let send = |args: &[&str], field: &str| {
        world.sendmail(args, format!("{field}\nTo: b@x.example\n\nhi\n")).code(0);
        world.run_once();
        let mail = isp.mails().pop().unwrap();
        (mail.from.clone(), mail.field(field.split(':').next().unwrap()))
    };
    let own = "me@isp.example".to_owned();
    for (given, left) in [
        ("From: Backup Script", "Backup Script <me@isp.example>"),
        ("From: \"Backup Script\"", "\"Backup Script\" <me@isp.example>"),
        ("From: Backup <>", "Backup <me@isp.example>"),
        ("From: =?UTF-8?Q?B=C3=A4ckup?=", "=?UTF-8?Q?B=C3=A4ckup?= <me@isp.example>"),
        ("Sender: Backup v1.2", "\"Backup v1.2\" <me@isp.example>"),
        ("From: root", "me@isp.example"),
        ("From: Cron Daemon <root>", "Cron Daemon <me@isp.example>"),
    ] {
        assert_eq!(send(&["-f", "alice", "b@x.example"], given), (own.clone(), left.to_owned()));
    }
    // Where the sender is read from the field, it has none to read.
    let read = send(&["--read-envelope-from", "-f", "alice", "b@x.example"], "From: Backup Script");
    assert_eq!(read, (own, "Backup Script <me@isp.example>".to_owned()));
    let shown = world.file("header", "From: Backup Script\n\n", 0o600);
    let said = world.postrider(&["route", "--from", "alice", "--header", shown.to_str().unwrap(), "b@x.example"]);
    assert!(said.stdout.contains("becomes    From: Backup Script <me@isp.example>"), "{}", said.stdout);
}

#[test]
fn a_forced_from_stands_once_whatever_the_field_named() {
    let isp = Provider::start();
    let world = World::at_home(&isp).account_keys("isp", &[("from", json!("only@isp.example"))]);
    for (given, left) in [
        ("From: Backup Script", "Backup Script <only@isp.example>"),
        ("From: A <a@x.example>, B <b@x.example>", "only@isp.example"),
    ] {
        world.sendmail(&["b@x.example"], format!("{given}\n\nhi\n")).code(0);
        world.run_once();
        assert_eq!(isp.mails().pop().unwrap().fields("From"), [left]);
    }
}

#[test]
fn recipients_that_generic_makes_one_mailbox_get_one_copy() {
    let isp = Provider::start();
    let world = World::new().account("isp", &isp).set("generic", json!([{ "@home.lan": "me@isp.example" }]));
    world.sendmail(&["-t"], "To: John Doe\nCc: bob@x.example, root\n\nhi\n").code(0);
    world.run_once();
    let mut to = isp.mail().to;
    to.sort();
    assert_eq!(to, ["bob@x.example", "me@isp.example"], "{}", isp.transcript());
    assert_eq!(isp.mail().field("To"), "me@isp.example, me@isp.example");
    assert!(world.queued().is_empty());
    // What is refused is refused for all of them.
    let isp = Provider::setup().rule(on(Verb::Rcpt).about("me@").reply("550 5.1.1 no such user")).start();
    let rows = json!([{ "alice": "alice@isp.example", "john": "me@isp.example", "doe": "me@isp.example" }]);
    let world = World::new().account("isp", &isp).set("generic", rows);
    world.sendmail(&["-f", "alice", "john", "doe"], "Subject: x\n\nhi\n").code(0);
    world.drain();
    let bounce = String::from_utf8_lossy(isp.mail_to("alice@isp.example").body()).into_owned();
    assert!(bounce.contains("john") && bounce.contains("doe"), "{bounce}");
}

#[test]
fn mail_without_a_sender_and_without_a_from_names_nobody_of_this_domain() {
    for (generic, from) in [
        (json!([{ "@home.lan": "me@isp.example" }]), "me@isp.example"),
        (json!([{ "alice": "me@isp.example" }]), "MAILER-DAEMON@home.lan"),
    ] {
        let isp = Provider::start();
        let world = World::new().account("isp", &isp).set("generic", generic);
        for sender in ["", "<>"] {
            world.sendmail(&["-f", sender, "-F", "", "b@x.example"], "Subject: x\n\nhi\n").code(0);
            world.run_once();
            let mail = isp.mails().pop().unwrap();
            assert_eq!((mail.from.as_str(), mail.field("From").as_str()), ("", from));
        }
    }
}

#[test]
fn arrival_rewrites_in_postfix_s_order() {
    let isp = Provider::start();
    let world = World::new()
        .account("isp", &isp)
        .set("sender_canonical", json!([{ "alice": "Alice.Smith@box.home.lan" }]))
        .set("canonical", json!([{ "bob@home.lan": "Bob.Jones@box.home.lan" }]))
        .set("masquerade_domains", json!(["home.lan"]))
        .set("virtual", json!([{ "Bob.Jones@box.home.lan": "bob@isp.example, root" }]))
        .set("aliases", "aliases")
        .set("generic", json!([{ "Alice.Smith@home.lan": "alice@isp.example" }]));
    world.table("aliases", "root: admin\nadmin: boss@isp.example\n");
    world.sendmail(&["-f", "alice", "bob+x"], "From: alice\nTo: bob+x\nSubject: alice\n\nhi\n").code(0);
    world.run_once();
    let mail = isp.mail();
    assert_eq!(mail.from, "alice@isp.example");
    assert_eq!(mail.to, ["bob+x@isp.example", "boss@isp.example"]);
    assert_eq!(mail.field("From"), "alice@isp.example");
    assert_eq!(mail.field("To"), "Bob.Jones+x@home.lan");
    assert_eq!(mail.field("Subject"), "alice");
}

#[test]
fn mail_to_the_origin_s_domain_is_sent_where_the_machine_does_not_own_it() {
    let isp = Provider::start();
    let world = World::new()
        .account("isp", &isp)
        .set("origin", "work.example")
        .set("own_domains", json!(["box.home.lan"]))
        .set("generic", json!([{ "alice": "alice@isp.example" }]));
    world.sendmail(&["-f", "alice", "bob", "carol@work.example", "dave@box.home.lan"], "Subject: x\n\nhi\n").code(0);
    world.run_once();
    let mail = isp.mail_to("bob@work.example");
    assert_eq!((mail.from.as_str(), mail.to.len()), ("alice@isp.example", 2));
    let report = isp.mail_to("alice@isp.example");
    assert!(report.from.is_empty() && String::from_utf8_lossy(&report.content).contains("dave@box.home.lan"));
}

#[test]
fn an_alias_for_a_program_bounces_with_the_reason() {
    let isp = Provider::start();
    let world = World::at_home(&isp).set("aliases", "aliases");
    world.table("aliases", "robot: \"|/usr/bin/robot -v\"\nlist: robot, bob@x.example\n");
    world.send_to(&["list"]).code(0);
    world.drain();
    let mails = isp.mails();
    let bounce = mails.iter().find(|mail| mail.from.is_empty()).expect("a bounce");
    let text = String::from_utf8_lossy(bounce.body()).replace("=\r\n", "").replace("\r\n", " ");
    assert!(text.contains("postrider does not do"), "{text}");
    assert!(mails.iter().any(|mail| mail.to == ["bob@x.example"]), "the others get theirs");
}

#[test]
fn a_table_of_arrival_that_is_missing_keeps_the_mail_with_its_caller() {
    let isp = Provider::start();
    let world = World::at_home(&isp).set("canonical", "missing");
    let ran = world.send_to(&["bob@x.example"]).code(75);
    assert!(ran.stderr.contains("missing") && ran.stderr.lines().count() == 1, "{}", ran.stderr);
    assert!(world.queued().is_empty());
    world.table("missing", "");
    world.send_to(&["bob@x.example"]).code(0);
}

#[test]
fn a_forced_from_stands_in_envelope_and_header_but_not_for_the_null_sender() {
    let isp = Provider::start();
    let world = World::at_home(&isp).account_keys("isp", &[("from", json!("only@isp.example"))]);
    world.send_to(&["bob@x.example"]).code(0);
    world.run_once();
    let mail = isp.mail();
    assert_eq!((mail.from.as_str(), mail.field("From").as_str()), ("only@isp.example", "Alice <only@isp.example>"));
    world.sendmail(&["-f", "<>", "bob@x.example"], "From: robot@isp.example\n\nhi\n").code(0);
    world.run_once();
    let mails = isp.mails();
    let last = mails.last().expect("a second mail");
    assert_eq!((last.from.as_str(), last.field("From").as_str()), ("", "robot@isp.example"));
}

#[test]
fn lookup_and_config_show_say_what_stands_where() {
    let isp = Provider::start();
    let world = World::at_home(&isp).set("aliases", "aliases");
    world.table("aliases", "# x\nroot: me\n");
    let said = world.postrider(&["lookup", "aliases", "Root"]).code(0).stdout;
    assert!(said.starts_with("me ") && said.contains("aliases:2"), "{said}");
    world.postrider(&["lookup", "generic", "nobody@x"]).code(1);
    world.postrider(&["lookup", "nonsense", "x"]).code(64);
    // A pattern table is asked for whole addresses, by mail and by lookup.
    let world = world.set("generic", "regexp:patterns");
    world.table("patterns", "/^root@home\\.lan$/ me@isp.example\n/^bob@/ $1\n");
    let said = world.postrider(&["lookup", "generic", "root"]).code(0).stdout;
    assert!(said.contains("me@isp.example ") && said.contains("patterns:1 (for root@home.lan)"), "{said}");
    world.postrider(&["lookup", "generic", "carol"]).code(78).says("patterns:2: the result uses $1");
    let world = world.set("generic", json!([{ "@home.lan": "me@isp.example" }]));
    world.postrider(&["lookup", "generic", "root"]).code(1);
    let shown = world.postrider(&["config", "show"]).code(0).stdout;
    assert!(shown.contains("origin = \"home.lan\"") && shown.contains("[account.isp]"), "{shown}");
    let (_, password) = isp.credential();
    assert!(!shown.contains(password), "{shown}");
    let world = world.account_keys("isp", &[("timeouts", json!({ "greeting": "7s" }))]);
    let shown = world.postrider(&["config", "show"]).code(0).stdout;
    assert!(shown.contains("[account.isp.timeouts]\ngreeting = \"7s\"\n"), "{shown}");
    assert!(!shown.contains("postmaster") && !shown.contains("[limits]"), "what is set, and no more: {shown}");
    let all = world.postrider(&["config", "show", "--defaults"]).code(0).stdout;
    let at = |text: &str| all.find(text).unwrap_or_else(|| panic!("{text}: {all}"));
    let order = [
        at("#postmaster - recipient of bounces of bounces, and of alerts; default: root"),
        at("[account.isp]"),
        at("#max_connections - sessions at once; default: 2"),
        at("[account.isp.timeouts]"),
        at("#connect - the TCP connection"),
        at("[queue]"),
        at("#retry_min"),
        at("[limits]"),
        at("#per_minute - one user's messages in any minute; default: 2000"),
    ];
    assert!(order.is_sorted(), "{all}");
    for nothing in ["#limits", "#queue", "#account", "#timeouts", "#origin", "#greeting", "#password"] {
        assert!(!all.contains(&format!("{nothing} ")), "{nothing}: {all}");
    }
}

#[test]
fn a_password_is_set_tested_and_deleted_in_its_file() {
    let isp = Provider::start();
    let world = World::at_home(&isp).account_keys("isp", &[("password", json!({ "file": "secrets/isp" }))]);
    world.postrider(&["password", "test", "isp"]).code(69);
    let (_, password) = isp.credential();
    world.postrider_with(&["password", "set", "isp"], format!("{password}\n")).code(0);
    world.postrider(&["password", "test", "isp"]).code(0);
    world.send_to(&["bob@x.example"]).code(0);
    world.run_once();
    assert_eq!(isp.received(), 1);
    world.postrider(&["password", "delete", "isp"]).code(0);
    world.postrider(&["password", "test", "isp"]).code(69);
}

#[test]
fn a_postfix_set_up_moves_over_and_delivers() {
    let isp = Provider::start();
    let world = World::new();
    let port = isp.relay();
    world.file("ca.pem", isp.authority(), 0o644);
    let (user, password) = isp.credential();
    std::fs::create_dir(world.path("postfix")).unwrap();
    world.file(
        "postfix/main.cf",
        &format!(
            "myhostname = box.home.lan\nmydomain = home.lan\nmyorigin = $mydomain\nrelayhost = {port}\n\
         smtp_generic_maps = hash:/etc/postfix/generic\nsmtp_sasl_auth_enable = yes\n\
         smtp_sasl_security_options = noanonymous\nsmtp_sasl_password_maps = hash:/etc/postfix/sasl_passwd\n\
         smtp_tls_security_level = secure\nsmtp_tls_CAfile = {}\n",
            world.path("ca.pem").display()
        ),
        0o644,
    );
    world.table("postfix/generic", "alice@home.lan me@isp.example\n@home.lan me+home@isp.example\n");
    world.table("postfix/sasl_passwd", &format!("{port} {user}:{password}\n"));
    world.table("postfix/master.cf", "smtp unix - - y - - smtp\n");
    let (source, output) = (world.path("postfix"), world.path("moved"));
    let arguments = ["import", "postfix", "--source", source.to_str().unwrap(), "--output", output.to_str().unwrap()];
    let said = world.postrider(&arguments).code(0).stdout;
    assert!(said.contains("from root: <me+home@isp.example>, account relay"), "{said}");
    world.postrider(&arguments).code(77);
    let text = std::fs::read_to_string(output.join("config.toml")).unwrap();
    let spool = world.path("spool");
    world.file("moved/config.toml", &format!("spool = \"{}\"\ndelivery = \"queue\"\n{text}", spool.display()), 0o600);
    let config = output.join("config.toml");
    let config = config.to_str().unwrap();
    world.postrider(&["--config", config, "check"]).code(0);
    world
        .postrider_with(&["--config", config, "sendmail", "-f", "alice", "bob@x.example"], "From: alice\n\nhi\n")
        .code(0);
    world.postrider(&["--config", config, "run", "--once"]).code(0);
    let mail = isp.mail();
    assert_eq!(
        (mail.from.as_str(), mail.username(), mail.to.join(" ")),
        ("me@isp.example", user, "bob@x.example".into())
    );
}
