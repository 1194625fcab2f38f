//! `postrider check`: every mistake at once, each with what mends it.

use serde_json::{Value, json};

use support::provider::Provider;
use support::world::{World, login};

/// What is said of one mistake: all of these stand in one line.
const MISTAKES: [(&str, &[&str]); 17] = [
    ("an unknown key", &["error", "`generik`", "generic"]),
    ("an unknown key of an account", &["error", "`usernam`", "username"]),
    ("a value that is none", &["error", "`relay`", "number from 1 to 65535"]),
    ("an account that no mail reaches", &["warning", "account idle", "senders", "default_account"]),
    ("a sender claimed twice", &["error", "\"Alice@home.lan\"", "account isp", "account other", "remove it from one"]),
    ("no default", &["warning", "no `default_account`", "set `default_account`"]),
    ("a table that is missing", &["error", "gone", "cannot read"]),
    ("a pattern that is none", &["error", "bad:1"]),
    ("a row without a value", &["error", "rows:2"]),
    (
        "an inline result without a domain",
        &["warning", "generic (inline)", "\"y\" for \"x\"", "write the full address"],
    ),
    ("a result without a domain in a file", &["warning", "rows:3", "\"me\" for \"root\"", "write the full address"]),
    ("a pattern's result without a domain", &["warning", "patterns:1", "\"nobody\"", "write the full address"]),
    ("a password that others can read", &["error", "account isp", "secret", "chmod 600"]),
    ("a password that is not there", &["error", "account other", "absent", "chmod 600"]),
    ("roots that are missing", &["error", "account other", "no.pem"]),
    ("a password in the clear", &["error", "account idle", "tls = \"starttls\""]),
    ("a spool that cannot be", &["error", "cannot use the spool", "set `spool`"]),
];

#[test]
fn check_finds_every_mistake_at_once_and_says_how_to_mend_each() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    world.postrider(&["check"]).code(0);
    let world = world
        .account("other", &isp)
        .account_keys("isp", &[("senders", json!(["alice"])), ("password", json!({ "file": "secret" }))])
        .account_keys(
            "other",
            &[
                ("senders", json!(["Alice@home.lan", "bob"])),
                ("tls_ca", json!("no.pem")),
                ("password", json!({ "file": "absent" })),
            ],
        )
        .account_keys(
            "idle",
            &[("relay", json!("[mail.isp.example]:25")), ("tls", json!("none")), ("username", json!("me"))],
        )
        .account_keys("idle", &[("password", json!("x"))])
        .account_keys(
            "wrong",
            &[("relay", json!("[mail.isp.example]:0")), ("usernam", json!("me")), ("senders", json!(["carl"]))],
        )
        .set("canonical", json!(["gone", "pcre:bad"]))
        .set("generic", json!([{ "x": "y" }, "rows", "regexp:patterns"]))
        .set("generik", json!([]))
        .set("spool", "file/spool");
    world.file("secret", "password\n", 0o644);
    world.file("file", "", 0o644);
    world.table("bad", "/(/ x\n");
    world.table("rows", "# rows\nalone\nroot me\nalice@home.lan me@isp.example\n");
    world.table("patterns", "/^nobody@/ nobody\n/^(.*)@home\\.lan$/ $1@isp.example\n");
    let said = world.postrider(&["check"]).code(78).stdout;
    for (mistake, words) in MISTAKES {
        assert!(said.lines().any(|line| words.iter().all(|word| line.contains(word))), "{mistake}: {words:?}\n{said}");
    }
    assert_eq!(said.lines().count(), MISTAKES.len(), "and nothing else:\n{said}");
}

#[test]
fn a_pattern_that_means_something_else_than_it_says_is_an_error() {
    let isp = Provider::start();
    for (pattern, words) in [
        ("*@@x", "not valid in an address"),
        ("*", "only the users of this machine"),
        ("\"a*\"@*.lan", "in quotes, \"*\" is a character like any other"),
    ] {
        let world = World::at_home(&isp).account_keys("isp", &[("senders", json!([pattern]))]);
        world.postrider(&["check"]).code(78).says("`senders` has an invalid pattern").says(words);
    }
    let world = World::at_home(&isp)
        .account_keys("isp", &[("senders", json!(["\"a*b\"", "\"a*b\"@isp.example", "*@isp.example"]))]);
    world.postrider(&["check"]).code(0);
    world.postrider(&["route", "--from", "a*b", "bob@away.example"]).code(0).says("\"a*b\"\" in its `senders`");
}

#[test]
fn check_warns_of_ports_for_other_protocols() {
    let isp = Provider::start();
    for (port, protocol) in [(993, "IMAP"), (143, "IMAP"), (995, "POP3"), (110, "POP3"), (80, "HTTP")] {
        let relay = json!(format!("[mail.isp.example]:{port}"));
        let world = World::at_home(&isp).account_keys("isp", &[("relay", relay)]);
        let said = world.postrider(&["check"]).code(1).stdout;
        let warns =
            |line: &str| line.starts_with("warning") && [protocol, "587", "465"].iter().all(|word| line.contains(word));
        assert_eq!(said.lines().filter(|line| warns(line)).count(), 1, "{port}: {said}");
    }
}

#[test]
fn a_file_that_nobody_reads_is_warned_of_and_a_pattern_where_none_can_be_is_an_error() {
    let isp = Provider::start();
    let world = World::at_home(&isp).set("metrics", json!({ "textfile": "figures.txt" }));
    let said = world.postrider(&["check"]).code(1).stdout;
    assert!(said.starts_with("warning") && said.contains("figures.txt") && said.contains(".prom"), "{said}");
    let world = World::at_home(&isp).set("alarm", json!({ "command": ["true"], "expect": { "*@home.lan": "1d" } }));
    let said = world.postrider(&["check"]).code(78).stdout;
    assert!(said.contains("`expect`") && said.contains("pattern"), "{said}");
}

#[test]
fn a_password_file_that_begins_with_a_byte_order_mark_has_the_password_behind_it() {
    let isp = Provider::start();
    let (_, password) = isp.credential();
    let world = World::at_home(&isp).account_keys("isp", &[("password", json!({ "file": "secret" }))]);
    world.file("secret", &format!("\u{feff}{password}\r\n"), 0o600);
    world.send_to(&["bob@away.example"]).code(0);
    world.run_once();
    assert_eq!(isp.received(), 1, "{}", isp.transcript());
}

#[test]
fn a_mode_that_shows_a_password_in_the_config_hides_no_other_mistake() {
    let isp = Provider::start();
    let world = World::at_home(&isp).account_keys("isp", &[("tls_ca", json!("no.pem"))]);
    let config = std::fs::read_to_string(world.path("config.toml")).unwrap();
    world.file("config.toml", &config, 0o644);
    let said = world.postrider(&["check"]).code(78).stdout;
    assert!(said.contains("chmod 600") && said.contains("no.pem"), "{said}");
    let (_, password) = isp.credential();
    assert!(!said.contains(password), "{said}");
}

#[test]
fn check_names_every_file_that_others_may_change_and_every_key_that_they_can_read() {
    let isp = Provider::start();
    let world = World::at_home(&isp).set("aliases", "aliases").set("virtual", "virtual").account_keys(
        "isp",
        &[
            ("password", json!({ "file": "open/secret" })),
            ("tls_client_cert", json!("key.pem")),
            ("tls_ca", json!("roots.pem")),
        ],
    );
    std::fs::create_dir(world.path("open")).unwrap();
    world.file("open/secret", "secret\n", 0o600);
    world.file("key.pem", "", 0o600);
    world.file("roots.pem", isp.authority(), 0o644);
    let list = world.file("list", "friend@away.example\n", 0o644);
    world.table("aliases", &format!("staff: :include:{}\n", list.display()));
    world.table("virtual", "a@home.lan b@isp.example\n");
    let quiet = world.postrider(&["check"]);
    for name in ["open", "key.pem", "roots.pem", "list", "aliases", "virtual"] {
        assert!(!quiet.stdout.contains(&format!("chmod go-w {}", world.path(name).display())), "{}", quiet.stdout);
        let mode = if name == "open" { 0o777 } else { 0o666 };
        std::fs::set_permissions(world.path(name), std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    }
    let said = world.postrider(&["check"]).code(78).stdout;
    for (weight, words) in [
        ("warning", ["every user may change the table", "/aliases"]),
        ("warning", ["every user may change the table", "/virtual"]),
        ("warning", ["every user may change the included list", "/list"]),
        ("warning", ["every user may change `tls_ca`", "/roots.pem"]),
        ("error", ["others can read the key", "chmod 600"]),
        ("error", ["other users can replace the secret", "chmod go-w"]),
    ] {
        let told = |line: &str| line.starts_with(weight) && words.iter().all(|word| line.contains(word));
        assert!(said.lines().any(told), "{weight} {words:?}:\n{said}");
    }
}

#[test]
fn a_row_that_catches_the_whole_domain_of_the_provider_is_an_error() {
    let isp = Provider::start();
    for (rows, senders, exit) in [
        (&[("@isp.example", "me@isp.example")][..], "me@isp.example", 78),
        // Addresses of the machine may become one of the provider's, also those of a domain that the account serves.
        (&[("@home.lan", "me@isp.example")], "@home.lan", 0),
        (&[("@isp.example", "@other.example"), ("@home.lan", "me@isp.example")], "me@isp.example", 0),
        (&[("friend@isp.example", "me@isp.example"), ("@home.lan", "me@isp.example")], "me@isp.example", 0),
    ] {
        let world = World::new().account_with("isp", &isp, &[("senders", senders.into())]).generic(rows);
        let world = world.account_keys("isp", &[("username", "login".into())]);
        let ran = world.postrider(&["check"]).code(exit);
        assert_eq!(ran.stdout.contains("sends mail to everybody at isp.example to me@isp.example"), exit == 78);
    }
}

/// What is found, as JSON; it agrees with the exit code.
fn reasons(world: &World) -> Vec<Value> {
    let ran = world.postrider(&["check", "--json"]);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    let level = match ran.status {
        Some(0) => 0,
        Some(1) => 1,
        Some(78) => 2,
        other => panic!("{other:?}: {}", ran.stdout),
    };
    assert_eq!((&report["level"], report.get("queue")), (&json!(level), None), "{report}");
    let reasons = report["reasons"].as_array().unwrap();
    for reason in reasons {
        let members: Vec<&String> = reason.as_object().unwrap().keys().collect();
        assert_eq!(members, ["level", "kind", "subject", "text", "cure", "since"], "{reason}");
    }
    reasons.clone()
}

/// The reasons' kinds with their subjects.
fn kinds(world: &World) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    reasons(world).iter().map(|reason| (text(&reason["kind"]), text(&reason["subject"]))).collect()
}

#[test]
fn aliases_are_followed_to_their_ends() {
    let isp = Provider::start();
    let world = World::at_home(&isp).set("aliases", "aliases");
    let found = |rows: &str| {
        world.table("aliases", rows);
        kinds(&world)
    };
    let alias = |subject: &str| vec![("alias".to_owned(), subject.to_owned())];
    assert_eq!(found("root: me@isp.example\n"), []);
    assert_eq!(found("root: admin\nadmin: root\n"), alias("root@home.lan"));
    assert_eq!(found("postmaster: |/usr/bin/program\n"), alias("postmaster@home.lan"));
    assert_eq!(found("root: boss\nboss: /var/mail/boss\n"), alias("root@home.lan"));
    let said = world.postrider(&["check"]).code(78).stdout;
    assert!(
        said.contains("error: mail to root@home.lan is returned: ") && said.contains("use a mail address instead"),
        "{said}"
    );
}

#[test]
fn mail_to_root_that_has_nowhere_to_go_is_named_with_the_row_to_write() {
    let isp = Provider::start();
    let world = World::new().account("isp", &isp).account_keys("isp", &[("from", json!("me@isp.example"))]);
    let found = reasons(&world);
    let of_root = found.iter().find(|reason| reason["subject"] == "root@home.lan").unwrap();
    assert_eq!((&of_root["kind"], &of_root["level"]), (&json!("unmapped"), &json!(1)), "{of_root}");
    assert!(of_root["cure"].as_str().unwrap().contains("\"root@home.lan\" = \"me@isp.example\""), "{of_root}");
    assert!(found.iter().any(|reason| reason["subject"] == "postmaster@home.lan"), "{found:?}");
    assert_eq!(kinds(&world.generic(&[("@home.lan", "me@isp.example")])), []);
}

#[test]
fn a_sender_whose_mail_leaves_through_another_account_is_named() {
    let (isp, other) = (Provider::start(), Provider::start());
    let world = World::at_home(&isp).account_keys("isp", &[("senders", json!(["carl@home.lan", "me@isp.example"]))]);
    let world = world.account_with("other", &other, &[("senders", json!(["work@old.example"]))]);
    let world = world.set("default_account", "isp");
    assert_eq!(kinds(&world), []);
    let world = world.set("sender_canonical", json!([{ "work@old.example": "carl@home.lan" }]));
    assert_eq!(kinds(&world), [("account".to_owned(), "other".to_owned())]);
}

#[test]
fn a_configuration_that_cannot_be_read_is_one_object_too() {
    let world = World::new();
    // With a spool of its own: the default one is in the home directory of whoever runs the tests.
    world.file("config.toml", &format!("colour = 1\nspool = {:?}\n", world.path("spool")), 0o600);
    let found = kinds(&world);
    assert!(found.iter().all(|(kind, _)| kind == "config" || kind == "no-account") && found.len() > 1, "{found:?}");
}

#[test]
fn a_full_disk_is_named() {
    let world = World::at_home(&Provider::start()).queue_set("min_free_space", "10000TB");
    world.postrider(&["check"]).code(78).says("disk almost full, so mail is refused");
    assert!(kinds(&world).iter().any(|(kind, _)| kind == "space"));
    assert_eq!(kinds(&world.queue_set("min_free_space", "1MB")), []);
}

#[test]
fn a_port_that_expects_the_other_kind_of_tls_is_named() {
    let isp = Provider::start();
    for (relay, tls, words) in [
        ("[mail.isp.example]:465", "starttls", "tls = \"implicit\""),
        ("[mail.isp.example]:587", "implicit", "tls = \"starttls\""),
        ("[mail.isp.example]:25", "implicit", "tls = \"starttls\""),
        ("[mail.isp.example]:465", "implicit", ""),
        ("[mail.isp.example]:587", "starttls", ""),
        ("[mail.isp.example]:2465", "implicit", ""),
    ] {
        let world = World::at_home(&isp).account_keys("isp", &[("relay", json!(relay)), ("tls", json!(tls))]);
        let said = world.postrider(&["check"]).code(i32::from(!words.is_empty())).stdout;
        let named = said.lines().any(|line| line.starts_with("warning: account isp") && line.contains(words));
        assert!(words.is_empty() || named, "{relay} {tls}: {said}");
    }
}

#[test]
fn whoever_may_replace_a_file_that_the_runner_opens_is_named() {
    let isp = Provider::start();
    let world = World::at_home(&isp).account_keys("isp", &[("password", json!({ "command": ["PROGRAM"] }))]);
    let config = std::fs::read_to_string(world.path("config.toml")).unwrap();
    let (folder, bin) = (world.path("conf.d"), world.path("tools"));
    std::fs::create_dir(&folder).unwrap();
    std::fs::create_dir(&bin).unwrap();
    let program = world.file("tools/pass", "#!/bin/sh\necho secret\n", 0o755);
    world.file("config.toml", &config.replace("PROGRAM", program.to_str().unwrap()), 0o600);
    let (_, password) = isp.credential();
    std::fs::create_dir(world.path("keys")).unwrap();
    world.file("keys/secret", &format!("{password}\n"), 0o600);
    world.file("keys/ca.pem", isp.authority(), 0o644);
    let second = format!(
        "[account.second]\nrelay = \"{}\"\ntls_ca = \"keys/ca.pem\"\nusername = \"u\"\npassword = {{ file = \"keys/secret\" }}\nsenders = [\"her@home.lan\"]\n",
        isp.relay()
    );
    world.file("conf.d/second.toml", &second, 0o600);
    let default = format!("default_account = \"isp\"\n{}", std::fs::read_to_string(world.path("config.toml")).unwrap());
    world.file("config.toml", &default, 0o600);
    world.postrider(&["check"]).code(0);
    let open = |name: &str, mode: u32| {
        let path = world.path(name);
        let before = std::fs::metadata(&path).unwrap().permissions();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
        let said = world.postrider(&["check"]).stdout;
        std::fs::set_permissions(&path, before).unwrap();
        said
    };
    for (name, mode, words) in [
        ("tools/pass", 0o777, "every user may change the program"),
        ("tools", 0o777, "other users may replace the program"),
        ("keys/secret", 0o666, "account second"),
        ("keys/ca.pem", 0o666, "every user may change `tls_ca`"),
        ("keys", 0o777, "other users can replace the secret"),
        ("conf.d/second.toml", 0o666, "conf.d/second.toml cannot be used"),
        ("conf.d", 0o777, "conf.d cannot be used"),
        ("", 0o777, "other users can replace the configuration"),
    ] {
        let said = open(name, mode);
        assert!(said.contains(words), "{name}: {words}:\n{said}");
    }
    world.postrider(&["check"]).code(0);
}

#[test]
fn every_alias_is_followed_and_what_it_cannot_reach_is_named_once() {
    let isp = Provider::start();
    let world = World::at_home(&isp).set("aliases", "aliases").set("virtual", "virtual");
    let open = world.file("open", "friend@away.example\n", 0o644);
    let closed = world.path("closed");
    let found = |rows: &str, virtuals: &str| {
        world.table("aliases", rows);
        world.table("virtual", virtuals);
        reasons(&world)
    };
    let list = |path: &std::path::Path| format!("staff: :include:{}\nall: staff\n", path.display());
    assert_eq!(found(&list(&open), "sales@shop.example friend@away.example\n"), Vec::<Value>::new());
    for (rows, virtuals, words) in [
        (list(&closed), "", "cannot use the included list"),
        ("staff: :include:friends\n".to_owned(), "", "write the full path"),
        (format!("staff: :include:{}\n", world.path("config.toml").display()), "", "keeps its secrets"),
        ("x: a\na: b\nb: a\n".to_owned(), "", "alias loop: a@home.lan -> b@home.lan -> a@home.lan"),
        (String::new(), "a@x.example b@x.example\nb@x.example a@x.example\n", "alias loop: a@x.example"),
        ("robot: |/usr/bin/robot\nall: robot\n".to_owned(), "", "runs a program"),
    ] {
        let found = found(&rows, virtuals);
        let text = found.first().map(|reason| reason["text"].to_string()).unwrap_or_default();
        assert_eq!((found.len(), text.contains(words)), (1, true), "{words}: {found:?}");
        assert_eq!((&found[0]["kind"], &found[0]["level"]), (&json!("alias"), &json!(2)), "{found:?}");
    }
}

#[test]
fn a_canonical_table_that_maps_in_a_loop_is_named() {
    for option in ["canonical", "sender_canonical", "recipient_canonical"] {
        let world = World::at_home(&Provider::start()).set(option, "table");
        world.table("table", "a@x.example b@x.example\nb@x.example c@x.example\n");
        assert_eq!(reasons(&world), Vec::<Value>::new());
        world.table("table", "a@x.example b@x.example\nb@x.example a@x.example\n");
        let found = reasons(&world);
        assert_eq!((&found[0]["kind"], &found[0]["level"]), (&json!("rewriting"), &json!(2)), "{option}: {found:?}");
        assert!(found[0]["text"].as_str().unwrap().contains(&format!("{option} maps <")), "{found:?}");
    }
}

#[test]
fn entries_without_an_effect_are_named_and_all_bad_patterns() {
    let isp = Provider::start();
    let world = World::at_home(&isp).set("aliases", "aliases").set("virtual", "pcre:virtual");
    world.table("aliases", "");
    world.table("virtual", "if /x/ # ours\n/y/ me@isp.example\nendif\n/z/ $1\n/(/ me@isp.example\n");
    let said = world.postrider(&["check"]).code(78).stdout;
    for words in ["virtual:1: \"# ours\" after the pattern of this if is ignored", "virtual:4: ", "virtual:5: "] {
        assert!(said.contains(words), "{words}: {said}");
    }
    world.table("virtual", "");
    world.postrider(&["check"]).code(0);
    world.table(
        "aliases",
        "Bob: me@isp.example\nbob: you@isp.example\nroot@x.example: bob\nmy name: bob\n\"my name\": bob\n",
    );
    let said = world.postrider(&["check"]).code(1).stdout;
    for words in [
        "warning: ",
        "aliases:2: \"bob\" has an entry in line 1, and this one is never used",
        "aliases:3: the name \"root@x.example\" has a domain and is never looked up",
        "aliases:4: the name \"my name\" has a blank in it",
        "aliases:5: \"my name\" has an entry in line 4",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert_eq!(said.lines().count(), 4, "{said}");
    let world = world.set("aliases", json!([]));
    let world = world
        .set("generic", json!([{ "@home.lan": "me@isp.example", "Root": "a@isp.example", "root": "b@isp.example" }]));
    world.postrider(&["check"]).code(1).says("generic (inline): the key \"root\" is there in another spelling");
}

#[test]
fn an_account_that_is_not_for_its_only_user_is_an_error() {
    let isp = Provider::start();
    let world = World::at_home(&isp).account_keys("isp", &[("users", json!(["nobody-else"]))]);
    let said = format!("mail that {0} submits is refused, because it leaves through account isp", login());
    world.postrider(&["check"]).code(78).says(&said).says(&format!("add \"{}\" to `users` in [account.isp]", login()));
    world.send_to(&["bob@away.example"]).code(77);
    let world = world.account_keys("isp", &[("users", json!([login()]))]);
    world.postrider(&["check"]).code(0);
}
