//! Unit tests of `config::read::mailbox`.
#![allow(clippy::panic)]

use std::path::Path;

use crate::config::{Config, ConfigError};

const MINIMAL: &str = "[account.isp]\nrelay = \"[smtp.example.com]\"\n";

fn read(text: &str) -> Result<Config, ConfigError> {
    crate::config::read::read(Path::new("/home/me/config.toml"), text)
}

fn good(text: &str) -> Config {
    read(text).unwrap_or_else(|error| panic!("{error}"))
}

fn faults(text: &str) -> Vec<String> {
    read(text).err().map(|error| error.to_string().lines().map(str::to_owned).collect()).unwrap_or_default()
}

fn fault_at_top(line: &str) -> String {
    let found = faults(&format!("{line}\n{MINIMAL}"));
    assert_eq!(found.len(), 1, "{line}: {found:?}");
    found.concat()
}

#[test]
fn a_mailbox_is_a_server_of_this_machine() {
    let server = |value: &str| {
        let config = good(&format!("mailbox = \"{value}\"\n{MINIMAL}"));
        config.local.map(|account| account.servers().concat())
    };
    assert_eq!(server("none"), None);
    for (value, shown) in [
        ("lmtp:/run/dovecot/lmtp", "lmtp:/run/dovecot/lmtp"),
        ("lmtp:[127.0.0.1]:24", "lmtp:[127.0.0.1]:24"),
        ("lmtp:[127.0.0.1]", "lmtp:[127.0.0.1]:24"),
        ("lmtp:[::1]:2003", "lmtp:[::1]:2003"),
        ("maildir:~/Maildir", "maildir:~/Maildir"),
        ("mbox:/var/mail/%u", "mbox:/var/mail/%u"),
    ] {
        assert_eq!(server(value).as_deref(), Some(shown));
    }
    for value in [
        "dovecot",
        "lmtp:",
        "lmtp:dovecot",
        "lmtp:localhost:24",
        "lmtp:[127.0.0.1]:0",
        "/run/dovecot/lmtp",
        "maildir:Maildir",
        "mbox:~/../x",
    ] {
        assert!(fault_at_top(&format!("mailbox = \"{value}\"")).contains("`mailbox` must be"), "{value}");
    }
    assert!(fault_at_top("mailbox = \"lmtp:[192.0.2.1]:24\"").contains("another machine"));
    assert!(fault_at_top("mailbox = \"lmtp:[mail.example.com]:24\"").contains("another machine"));
    let reserved = faults("mailbox = \"lmtp:/run/lmtp\"\n[account.local]\nrelay = \"[smtp.example.com]\"\n");
    assert!(reserved.concat().contains("give [account.local] another name"), "{reserved:?}");
    assert!(good("[account.local]\nrelay = \"[smtp.example.com]\"\n").local.is_none(), "as before, without mailboxes");
    assert!(good("mailbox = \"lmtp:/run/lmtp\"\n").accounts.is_empty(), "all mail may be local");
    assert!(fault_at_top("local_users = \"static:all\"").contains("`local_users`"));
}
