//! Config texts and what is made of them: defaults, faults with their places, no values
//! in messages.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::config::{Delivery, Mechanism, Password, TableSource, TlsMin, TlsMode, keys};

const MINIMAL: &str = "[account.isp]\nrelay = \"[smtp.example.com]\"\n";

fn around(readers: Readers) -> Surroundings<'static> {
    Surroundings {
        path: Path::new("/etc/x/config.toml"),
        home: Some(Path::new("/home/me")),
        spool: Some(PathBuf::from("/home/me/.local/state/postrider")),
        readers,
        hostname: || "box.home.lan".to_owned(),
        services: |_| None,
        timers: |_| false,
    }
}

fn good(text: &str) -> Config {
    match read_in(&around(Readers::OwnerOnly), text) {
        Ok(config) => config,
        Err(error) => panic!("{error}"),
    }
}

/// `line:column: message` for each fault.
fn faults(text: &str) -> Vec<String> {
    match read_in(&around(Readers::OwnerOnly), text) {
        Ok(_) => Vec::new(),
        Err(error) => error.to_string().lines().map(|line| line.replacen("/etc/x/config.toml:", "", 1)).collect(),
    }
}

/// One fault only, below a sound account.
fn fault_in_account(line: &str) -> String {
    let found = faults(&format!("{MINIMAL}{line}\n"));
    assert_eq!(found.len(), 1, "{line}: {found:?}");
    found.concat()
}

fn fault_at_top(line: &str) -> String {
    let found = faults(&format!("{line}\n{MINIMAL}"));
    assert_eq!(found.len(), 1, "{line}: {found:?}");
    found.concat()
}

#[test]
fn the_machines_config_holds_no_password_and_asks_no_keyring() {
    let machine = Surroundings { path: Path::new(places::SYSTEM_CONFIG), ..around(Readers::OwnerOnly) };
    let said = |password: &str| {
        let text = format!("{MINIMAL}username = \"me\"\npassword = {password}\n");
        read_in(&machine, &text).err().map(|error| error.to_string()).unwrap_or_default()
    };
    for refused in ["\"hunter2\"", "{ keyring = true }"] {
        let said = said(refused);
        assert!(said.contains("run \"postrider password set isp\"") && !said.contains("hunter2"), "{said}");
        assert!(said.contains("{ file = \"secrets/isp\" }") && said.lines().count() == 1, "{said}");
    }
    for taken in ["{ file = \"secrets/isp\" }", "{ command = [\"pass\"] }", "{ credential = \"isp\" }"] {
        assert_eq!(said(taken), "", "{taken}");
    }
}

#[test]
fn a_relay_is_enough_and_the_rest_has_defaults() {
    let config = good(MINIMAL);
    assert_eq!(config.path, Path::new("/etc/x/config.toml"));
    assert_eq!((config.hostname.as_str(), config.origin.as_str()), ("box.home.lan", "box.home.lan"));
    assert_eq!(config.default_account.as_deref(), Some("isp"));
    assert_eq!(config.postmaster, "root");
    assert_eq!(config.delivery, Delivery::Background);
    assert_eq!(config.spool, Path::new("/home/me/.local/state/postrider"));
    assert!(config.received && config.generic.is_empty());
    assert_eq!(config.recipient_delimiter, "+");
    let account = config.account("isp").unwrap();
    assert_eq!(account.relays[0].to_string(), "[smtp.example.com]:587");
    assert_eq!((account.tls, account.tls_mode(&account.relays[0])), (None, TlsMode::Starttls));
    assert_eq!(account.auth, Mechanism::usual());
    assert_eq!((account.max_connections, account.max_messages_per_connection), (2, 100));
    assert_eq!((account.sender_grace, account.timeout), (Duration::from_hours(24), None));
    assert!(!account.allow_plaintext && account.senders.is_empty());
    let seconds = [config.queue.retry_min, config.queue.retry_max, config.queue.lifetime, config.queue.warn_after];
    assert_eq!(seconds.map(|time| time.as_secs()), [60, 3_600, 432_000, 14_400]);
    assert_eq!((config.queue.max_message_size, config.queue.min_free_space), (50_000_000, 64_000_000));
    assert_eq!(config.queue.history.as_secs(), 90 * 86_400);
}

const EXAMPLE: &str = include_str!("../../../contrib/config.toml");

/// The key of an example's line, and whether it is commented out.
fn example_key(line: &str) -> Option<(&str, bool)> {
    let (bare, commented) = line.strip_prefix('#').map_or((line, false), |bare| (bare, true));
    let key = bare.split_once(" = ")?.0;
    (!key.is_empty() && key.chars().all(|c| c.is_ascii_lowercase() || c == '_')).then_some((key, commented))
}

#[test]
fn the_example_config_parses_also_with_any_of_its_lines_put_to_use() {
    assert!(!good(EXAMPLE).accounts.is_empty());
    let lines: Vec<&str> = EXAMPLE.lines().collect();
    let section = |at: usize| lines[..at].iter().rposition(|line| line.starts_with('[') && line.ends_with(']'));
    let (mut tried, mut wrong) = (0, Vec::new());
    for (at, line) in lines.iter().enumerate() {
        let Some((key, true)) = example_key(line) else { continue };
        let kept = lines.iter().enumerate().filter_map(|(other, text)| {
            let is_the_same = section(other) == section(at) && example_key(text) == Some((key, false));
            // A key is of use with its certificate only.
            let is_needed = key == "tls_client_key" && example_key(text) == Some(("tls_client_cert", true));
            // One takes the place of the other.
            let is_other =
                key == "oauth" && section(other) == section(at) && example_key(text) == Some(("password", false));
            if is_other {
                return None;
            }
            // A service that leaves opens no address itself.
            if key == "idle_exit" && text.starts_with("address =") {
                return Some("address = \"systemd\"");
            }
            if other == at || is_needed { Some(&text[1..]) } else { (!is_the_same).then_some(*text) }
        });
        wrong.extend(faults(&kept.collect::<Vec<_>>().join("\n")));
        tried += 1;
    }
    assert!(tried > 40 && wrong.is_empty(), "{tried} lines: {wrong:?}");
}

#[test]
fn the_example_config_has_every_key() {
    let keys: Vec<&str> = EXAMPLE.lines().filter_map(example_key).map(|(key, _)| key).collect();
    let lists = [
        keys::TOP_KEYS,
        keys::ACCOUNT_KEYS,
        keys::LISTEN_KEYS,
        keys::CLIENT_KEYS,
        keys::QUEUE_KEYS,
        keys::LIMIT_KEYS,
        keys::ALARM_KEYS,
        keys::METRICS_KEYS,
        keys::FLOOD_KEYS,
    ];
    for key in lists.into_iter().flatten() {
        let is_there = keys.contains(&key.name) || EXAMPLE.contains(&format!("\n[{}", key.name));
        assert!(is_there, "{} is missing in contrib/config.toml", key.name);
    }
}

#[test]
fn the_config_in_the_readme_parses() {
    let readme = include_str!("../../../README.md");
    let snippet = readme.split_once("```toml\n").and_then(|(_, rest)| rest.split_once("```")).unwrap().0;
    let config = good(snippet);
    assert_eq!(config.default_account.as_deref(), Some("isp"));
}

#[test]
fn every_key_is_read() {
    let config = good(
        r#"
        hostname = "h.example"
        origin = "o.example"
        default_account = "b"
        postmaster = "me@o.example"
        delivery = "interactive"
        spool = "~/spool"
        generic = ["hash:/etc/postfix/generic", "local", { "@home.lan" = "me+home@isp.example", "root" = "me@isp.example" }]
        recipient_delimiter = ""
        received = false
        [account.b]
        relay = ["[one.example]:465", "two.example:2525"]
        tls = "starttls"
        tls_ca = "ca.pem"
        tls_name = "mail.example"
        username = "u"
        password = { file = "secrets/b" }
        auth = ["LOGIN", "plain", "login"]
        senders = ["his@home.lan", "@work.example", "root"]
        sender_grace = "2h"
        timeout = "30s"
        max_connections = 3
        max_messages_per_connection = 0x10
        allow_plaintext = true
        [account.a]
        relay = "[::1]:465"
        username = "u"
        password.command = ["bin/pass", "show", ""]
        [queue]
        retry_min = "2m"
        retry_max = "2h"
        lifetime = "3d"
        warn_after = "1h"
        max_message_size = 1000
        min_free_space = "1MiB"
        history = "1w"
        "#,
    );
    assert_eq!((config.hostname.as_str(), config.origin.as_str()), ("h.example", "o.example"));
    assert_eq!((config.delivery, config.received), (Delivery::Interactive, false));
    assert_eq!(config.spool, Path::new("/home/me/spool"));
    assert_eq!(config.generic[0], TableSource::Text("/etc/postfix/generic".into()));
    assert_eq!(config.generic[1], TableSource::Text("/etc/x/local".into()));
    let rows = [("@home.lan", "me+home@isp.example"), ("root", "me@isp.example")];
    assert_eq!(config.generic[2], TableSource::Inline(rows.map(|(k, v)| (k.to_owned(), v.to_owned())).to_vec()));
    assert_eq!(config.accounts.iter().map(|account| account.name.as_str()).collect::<Vec<_>>(), ["b", "a"]);
    let (b, a) = (&config.accounts[0], &config.accounts[1]);
    assert_eq!(b.relays.len(), 2);
    assert_eq!(b.tls_mode(&b.relays[0]), TlsMode::Starttls);
    assert_eq!(a.tls_mode(&a.relays[0]), TlsMode::Implicit);
    assert_eq!(b.tls_ca.as_deref(), Some(Path::new("/etc/x/ca.pem")));
    assert!(matches!(&b.password, Some(Password::File(path)) if path == Path::new("/etc/x/secrets/b")));
    assert!(matches!(&a.password, Some(Password::Command(words)) if words == &["/etc/x/bin/pass", "show", ""]));
    assert_eq!(b.auth, [Mechanism::Login, Mechanism::Plain]);
    assert_eq!(b.senders, ["his@home.lan", "@work.example", "root"]);
    assert_eq!((b.max_connections, b.max_messages_per_connection, b.allow_plaintext), (3, 16, true));
    assert_eq!((config.queue.max_message_size, config.queue.min_free_space), (1_000, 1 << 20));
}

#[test]
fn a_list_of_one_may_be_that_one() {
    let config = good(&format!("generic = \"texthash:t\"\n{MINIMAL}senders = \"me@x.example\"\nauth = \"plain\"\n"));
    assert_eq!(config.generic, [TableSource::Text("/etc/x/t".into())]);
    assert_eq!(config.accounts[0].senders, ["me@x.example"]);
    let config = good(&format!("{MINIMAL}[generic]\nroot = \"me@x.example\"\n"));
    assert!(matches!(&config.generic[..], [TableSource::Inline(rows)] if rows.len() == 1));
}

#[test]
fn all_faults_come_at_once_with_their_places() {
    let found = faults(
        "hostnme = \"x\"\ndelivery = \"now\"\nrelay = \"a\"\n[account.isp]\n  pasword = \"x\"\nusername = 5\n\
         timeout = \"30\"\n[queue]\nretry_min = 60\n[quue]\n",
    );
    let starts = [
        "1:1: unknown key `hostnme`; did you mean `hostname`?",
        "2:12: `delivery` must be \"queue\", \"background\" or \"interactive\"",
        "3:1: `relay` does not belong here but in an [account.NAME] section",
        "4:10: this account has no `relay`",
        "5:3: unknown key `pasword`; did you mean `password`?",
        "6:12: `username` must be a string in quotes; this is a number",
        "6:12: `username` without `password`",
        "7:11: `timeout`: the unit is missing",
        "9:13: `retry_min`: the unit is missing",
        "10:2: unknown key `quue`; did you mean `queue`?",
    ];
    assert_eq!(found.len(), starts.len(), "{found:#?}");
    for (fault, start) in found.iter().zip(starts) {
        assert!(fault.starts_with(start), "{fault} / {start}");
    }
}

#[test]
fn what_must_stand_together_does() {
    for (line, said) in [
        ("username = \"u\"", "3:12: `username` without `password`"),
        ("password = \"p\"", "3:12: `password` without `username`"),
        ("senders = []", "3:11: `senders` is an empty list"),
        ("auth = []", "3:8: `auth` is an empty list"),
        (
            "auth = [\"plain\", \"digest-md5\"]",
            "3:18: `auth` lists an unknown mechanism; the known ones are \"external\", \"scram-sha-256-plus\", \"scram-sha-1-plus\", \"scram-sha-256\", \"scram-sha-1\", \"cram-md5\", \"oauthbearer\", \"xoauth2\", \"plain\", \"login\"",
        ),
        ("tls = \"ssl\"", "3:7: `tls` must be \"starttls\""),
        ("tls_name = \"a b\"", "3:12: `tls_name` must be"),
        ("senders = [\"a@b.example\", \"@\"]", "3:27: `senders` must list addresses"),
        ("senders = \"a@x.example, b@x.example\"", "3:11: `senders` must list addresses"),
        ("max_connections = 0", "3:19: `max_connections` must be at least 1"),
        ("max_connections = \"2\"", "3:19: `max_connections` must be a whole number"),
        ("allow_plaintext = \"yes\"", "3:19: `allow_plaintext` must be true or false"),
        ("timeout = \"0s\"", "3:11: `timeout` must not be zero"),
        ("tls_ca = \"\"", "3:10: `tls_ca` is empty"),
        ("tls_ca = \"~other/ca\"", "3:10: `tls_ca` names another user's home"),
        ("username = \"u\"\npassword = { }", "4:12: `password` names no source"),
        ("username = \"u\"\npassword = { file = \"a\", command = [\"b\"] }", "4:12: `password` has both"),
        ("username = \"u\"\npassword = { command = \"pass show\" }", "4:24: `command` must be a list of words"),
        ("username = \"u\"\npassword = { command = [] }", "4:24: `command` is an empty list"),
        ("[queue]\nretry_min = \"2h\"", "4:13: `retry_min` is longer than `retry_max`"),
        ("[queue]\nretry_min = \"2m\"\nretry_max = \"1m\"", "5:13: `retry_max` is shorter"),
        ("[queue]\nmax_message_size = -1", "4:20: `max_message_size`: write whole numbers"),
        ("[account.-x]\nrelay = \"a\"", "3:10: account names may contain only"),
        ("relay = \"again\"", "3:1: this key occurs twice"),
    ] {
        let fault = fault_in_account(line);
        assert!(fault.starts_with(said), "{fault}");
    }
    for (line, said) in [
        (
            "default_account = \"ips\"",
            "1:19: `default_account` does not match any [account.NAME] in this file; did you mean \"isp\"?",
        ),
        (
            "default_account = \"google\"",
            "1:19: `default_account` does not match any [account.NAME] in this file; existing accounts: isp",
        ),
        ("hostname = \"a b\"", "1:12: `hostname` is not a domain name"),
        ("postmaster = \"a@\"", "1:14: `postmaster` must be one address"),
        ("recipient_delimiter = \"@\"", "1:23: `recipient_delimiter` must be"),
        ("generic = [\"regex:/x\"]", "1:12: `generic` has an unknown table type; did you mean `regexp:`"),
        ("generic = [\"hsah:/x\"]", "1:12: `generic` has an unknown table type; did you mean `hash:`?"),
        ("generic = [\"static:\"]", "1:12: `generic` has a table type without a path or value"),
        ("generic = [\"mysql:/x\"]", "1:12: `generic` has an unknown table type; the known ones are hash:"),
        ("generic = [5]", "1:12: `generic` must be \"hash:/PATH\""),
        ("generic = { home.lan = \"x\" }", "1:13: a key of `generic` with a dot or @ in it needs quotes"),
        ("received = 1", "1:12: `received` must be true or false"),
        ("users = 1", "1:1: `users` does not belong here but in an [account.NAME] section"),
    ] {
        let fault = fault_at_top(line);
        assert!(fault.starts_with(said), "{fault}");
    }
}

#[test]
fn a_config_without_account_says_to_add_one() {
    for text in ["", "hostname = \"h.example\"\n", "[account]\n"] {
        let found = faults(text).concat();
        assert!(found.contains("add a section [account.NAME]"), "{text}: {found}");
    }
    let several = "[account.b]\nrelay = \"b\"\n[account.a]\nrelay = \"a\"\n";
    assert_eq!(good(several).default_account, None);
    assert!(faults("[account]\nrelay = \"a\"\n").concat().starts_with("2:1: `relay` belongs in a named section"));
}

#[test]
fn a_literal_password_in_a_file_that_others_read_is_refused() {
    let text = format!("{MINIMAL}username = \"u\"\npassword = \"hunter2\"\n");
    assert!(matches!(&good(&text).accounts[0].password, Some(Password::Literal(s)) if s.expose() == "hunter2"));
    let said = read_in(&around(Readers::Others), &text).unwrap_err().to_string();
    assert!(said.contains(":4:12: ") && said.contains("chmod 600 /etc/x/config.toml"), "{said}");
    assert!(!said.contains("hunter2"));
    let by_file = format!("{MINIMAL}username = \"u\"\npassword = {{ file = \"p\" }}\n");
    assert!(read_in(&around(Readers::Others), &by_file).is_ok());
}

#[test]
fn broken_syntax_has_a_place_and_shows_nothing_of_the_line() {
    for broken in [
        "password = hunter2",
        "password = \"hunter2",
        "password = 'hunter2\" # x",
        "password = \"hunter2\" hunter2",
        "password = \"hun\\ter2\\q\"",
        "password \"hunter2\"",
        "password = [hunter2",
        "password = 12hunter2",
        "password = hunter2\"\"\"",
    ] {
        let found = faults(&format!("{MINIMAL}username = \"ü\"\n{broken}\n"));
        assert!(found[0].starts_with("4:"), "{found:?}");
        let all = found.concat().to_lowercase();
        assert!(!all.contains("hunter") && !all.contains("ter2"), "{all}");
    }
}

#[test]
fn no_home_means_no_tilde_and_no_default_spool() {
    let lonely = Surroundings { home: None, spool: None, ..around(Readers::OwnerOnly) };
    assert!(read_in(&lonely, MINIMAL).unwrap_err().to_string().contains("set `spool`"));
    assert!(read_in(&lonely, &format!("spool = \"~/s\"\n{MINIMAL}")).unwrap_err().to_string().contains("no home"));
    assert!(read_in(&lonely, &format!("spool = \"/s\"\n{MINIMAL}")).is_ok());
}

/// Values of every kind under every key: no panic, and nothing of a value in a message.
fn line() -> impl Strategy<Value = String> {
    const NAMES: [&str; 10] =
        ["generic", "relay", "password", "senders", "auth", "timeout", "spool", "tls", "command", "colour"];
    let value = prop_oneof![
        Just("\"zqzqzq\"".to_owned()),
        Just("[\"zqzqzq\", 1]".to_owned()),
        Just("{ file = \"zqzqzq\", other = [] }".to_owned()),
        Just("1979-05-27".to_owned()),
        Just("zqzqzq".to_owned()),
        "[0-9._-]{0,5}",
        ".{0,10}",
    ];
    let head = prop_oneof![
        Just("[account.isp]".to_owned()),
        Just("[queue]".to_owned()),
        Just("[[account]]".to_owned()),
        Just("[generic]".to_owned()),
    ];
    prop_oneof![
        4 => (proptest::sample::select(&NAMES[..]), value).prop_map(|(name, value)| format!("{name} = {value}")),
        1 => head,
    ]
}

proptest! {
    #[test]
    fn any_text_is_a_config_or_a_list_of_faults(text in "\\PC*") {
        let _ = read_in(&around(Readers::OwnerOnly), &text);
    }

    #[test]
    fn faults_never_show_values(lines in proptest::collection::vec(line(), 0..12)) {
        let text = lines.join("\n");
        if let Err(error) = read_in(&around(Readers::Others), &text) {
            let said = error.to_string();
            prop_assert!(!said.contains("zqzqzq"), "{}", said);
            for line in said.lines() {
                prop_assert!(line.starts_with("/etc/x/config.toml:"), "{}", line);
            }
        }
    }
}

#[test]
fn the_keys_of_the_transport_are_read() {
    let hex = "ab".repeat(32);
    let colons = vec!["0C"; 32].join(":");
    let config = good(&format!(
        "{MINIMAL}tls_fingerprint = [\"{hex}\", \"SHA256:{colons}\"]\ntls_client_cert = \"me.pem\"\ntls_min = \"1.3\"\n\
         source_address = [\"192.0.2.7\", \"2001:db8::7\"]\nmax_per_minute = 30\nearly_data = true\n\
         auth = [\"external\", \"xoauth2\"]\n[account.isp.timeouts]\nconnect = \"7s\"\nfinal = \"20m\"\n"
    ));
    let account = &config.accounts[0];
    assert_eq!(account.tls_fingerprint, [[0xab; 32], [0x0c; 32]]);
    let (chain, key) = account.tls_client.clone().unwrap();
    assert_eq!((chain.file_name(), &chain), (Some("me.pem".as_ref()), &key));
    assert_eq!(account.tls_min, TlsMin::Tls13);
    assert_eq!(account.source_address.len(), 2);
    assert_eq!((account.max_per_minute, account.early_data), (Some(30), true));
    assert_eq!(account.auth, [Mechanism::External, Mechanism::XOAuth2]);
    assert_eq!(account.timeouts.connect, Some(Duration::from_secs(7)));
    assert_eq!(account.timeouts.last, Some(Duration::from_mins(20)));
    assert_eq!(account.timeouts.mail, None);
}
