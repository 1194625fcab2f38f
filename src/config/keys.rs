//! The keys of the config file: one list per section, read by the parser (which
//! keys are known), by its messages (which one is near) and by the test that keeps
//! the man page complete.

/// One key, and what it is for in a line.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// As written in the file.
    pub name: &'static str,
    /// One line, with unit and default where it has one.
    pub doc: &'static str,
}

const fn key(name: &'static str, doc: &'static str) -> Key {
    Key { name, doc }
}

/// Above the first section.
pub const TOP_KEYS: &[Key] = &[
    key("hostname", "EHLO name and Message-ID domain; default: this machine's full name"),
    key("origin", "completes addresses without a domain; default: hostname"),
    key("own_domains", "this machine's own names; default: hostname, its first part, origin and localhost"),
    key("default_account", "account for senders that no account names; default: the only account"),
    key("postmaster", "where bounces of bounces and alarms go; default: root"),
    key("operators", "logins that see and change everybody's mail, besides root, in system mode; default: none"),
    key("on_stuck", "command that is run once when an account stays in trouble: [WORD, ...]; default: none"),
    key("on_stuck_after", "how long an account is in trouble before on_stuck is run; default: 1h"),
    key("delivery", "queue, background or interactive; default: background, in system mode queue"),
    key("log", "syslog or stderr; default: syslog in system mode and where nobody sees stderr"),
    key("spool", "the spool directory; default: ~/.local/state/postrider"),
    key("generic", "tables that give local addresses their Internet form, on the way out; default: none"),
    key("canonical", "tables for sender and recipients on arrival, envelope and header; default: none"),
    key("sender_canonical", "the same for the sender alone, before canonical; default: none"),
    key("recipient_canonical", "the same for recipients alone, before canonical; default: none"),
    key("virtual", "tables that give envelope recipients other addresses, on arrival; default: none"),
    key("aliases", "aliases(5) files for recipients of this machine; default: none"),
    key("masquerade_domains", "domains that hide the hosts below them, in sender and header; default: none"),
    key("masquerade_exceptions", "users whose addresses are not masqueraded; default: none"),
    key("propagate_extensions", "maps that keep an extension their key has not; default: canonical and virtual"),
    key("recipient_delimiter", "divides user from extension in user+extension; default: +"),
    key("received", "whether a Received field is added; default: true"),
    key("account", "[account.NAME]: a provider login; at least one, or mail waits"),
    key("queue", "[queue]: retries, lifetimes and limits"),
    key("limits", "[limits]: what one user may hand in at once, in system mode"),
];

/// In `[account.NAME]`.
pub const ACCOUNT_KEYS: &[Key] = &[
    key("relay", "where to submit, as Postfix writes relayhost; a list is tried in order; required"),
    key("tls", "starttls, implicit or none; default: implicit on port 465, else starttls"),
    key("tls_ca", "PEM file of the only roots to trust; default: the system's"),
    key("tls_name", "name that the certificate must match; default: the relay's"),
    key("tls_fingerprint", "SHA-256 of the certificate or public key that is trusted as it is; default: none"),
    key("tls_client_cert", "PEM file of a certificate to show to the server; default: none"),
    key("tls_client_key", "PEM file of that certificate's key; default: the same file"),
    key("tls_min", "oldest TLS that is spoken, 1.2 or 1.3; default: 1.2"),
    key("username", "login name; default: none, no AUTH"),
    key("password", "a text, { file = PATH }, { command = [WORD, ...] }, { credential = NAME } or { keyring = true }"),
    key(
        "auth",
        "allowed mechanisms, such as scram-sha-256, plain, xoauth2; default: the safest offered for a password",
    ),
    key("senders", "senders that this account serves: user@domain, user, @domain; default: none"),
    key("users", "local logins that may send through it: [LOGIN, ...]; default: everyone"),
    key("sender_grace", "how long a refused sender waits for its owner to mend it; default: 1d"),
    key("timeout", "one limit for every step of the conversation; default: those of RFC 5321"),
    key("timeouts", "[account.NAME.timeouts]: limits of single steps"),
    key("source_address", "address of this machine to connect from, or one of each family; default: any"),
    key("max_connections", "sessions at once; default: 2"),
    key("max_messages_per_connection", "messages before a session is closed and opened anew; default: 100"),
    key("max_per_minute", "messages begun in any minute; default: no limit"),
    key("early_data", "send small messages along with their envelope where the server has CHUNKING; default: false"),
    key("allow_plaintext", "send the password without TLS; default: false"),
    key("from", "address that takes the place of the envelope sender and of From; default: none"),
];

/// In `[account.NAME.timeouts]`.
pub const TIMEOUT_KEYS: &[Key] = &[
    key("connect", "the TCP connection, per address; default: 30s"),
    key("greeting", "the server's first words; default: 5m"),
    key("helo", "EHLO; default: 5m"),
    key("starttls", "STARTTLS, then the handshake; default: 5m"),
    key("auth", "each reply of the login; default: 5m"),
    key("mail", "MAIL FROM; default: 5m"),
    key("rcpt", "RCPT TO; default: 5m"),
    key("data", "DATA; default: 2m"),
    key("block", "each progress in sending; default: 3m"),
    key("final", "the reply to the end of the content; default: 10m"),
    key("quit", "QUIT; default: 5s"),
];

/// In `[queue]`.
pub const QUEUE_KEYS: &[Key] = &[
    key("retry_min", "the first distance between attempts; default: 1m"),
    key("retry_max", "the largest distance between attempts; default: 1h"),
    key("lifetime", "age at which a message is returned; default: 5d"),
    key("warn_after", "age at which the sender is told of the delay; default: 4h"),
    key("max_message_size", "largest message taken; default: 50MB"),
    key("min_free_space", "what must stay free on the spool's file system; default: 64MB"),
    key("history", "how long finished messages are remembered; default: 90d"),
    key("reports_per_hour", "reports to one sender before they are gathered in a digest; default: 20"),
];

/// In `[limits]`.
pub const LIMIT_KEYS: &[Key] = &[
    key("connections", "one user's connections at once; default: 20"),
    key("in_flight", "what one user hands in at the same moment; default: 500MB"),
    key("per_minute", "one user's messages in any minute; default: 2000"),
    key("waiting", "one user's messages that wait or were set aside; default: 10000"),
    key("waiting_size", "what these take of the disk; default: 1GB"),
    key("root_reserve", "what is root's of the spool's file system; default: a tenth, at most 1GB"),
];

/// In `password = { ... }`.
pub const PASSWORD_KEYS: &[Key] = &[
    key("file", "file whose first line is the password"),
    key("command", "command whose output's first line is the password"),
    key("credential", "name of a systemd credential (LoadCredential=)"),
    key("keyring", "true: the desktop's keyring has it"),
];

/// The name nearest to a mistyped one, if one is near enough to be meant.
pub fn nearest<'n>(typed: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let plain = |text: &str| text.to_lowercase().replace('-', "_");
    let typed = plain(typed);
    let allowed = 1 + typed.chars().count() / 4;
    let (distance, name) = names.into_iter().map(|name| (distance(&typed, &plain(name)), name)).min()?;
    (distance <= allowed).then_some(name)
}

/// Edits between two words: a letter more, less, other, or two swapped (optimal string alignment).
fn distance(one: &str, other: &str) -> usize {
    let (one, other) = (one.chars().take(64).collect::<Vec<_>>(), other.chars().take(64).collect::<Vec<_>>());
    let mut before = Vec::new();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for i in 0..one.len() {
        let mut next = vec![i + 1];
        for j in 0..other.len() {
            let change = row[j] + usize::from(one[i] != other[j]);
            let mut best = change.min(row[j + 1] + 1).min(next[j] + 1);
            if i > 0 && j > 0 && one[i] == other[j - 1] && one[i - 1] == other[j] {
                let swapped: &Vec<usize> = &before;
                best = best.min(swapped[j - 1] + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_key_is_found_and_far_ones_are_not() {
        let near = |typed| nearest(typed, ACCOUNT_KEYS.iter().map(|key| key.name));
        for (typed, name) in [
            ("pasword", Some("password")),
            ("passwrod", Some("password")),
            ("Relay", Some("relay")),
            ("relays", Some("relay")),
            ("tls-ca", Some("tls_ca")),
            ("sender", Some("senders")),
            ("user", Some("users")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(near(typed), name, "{typed}");
        }
    }

    #[test]
    fn every_key_stands_in_the_man_page() {
        let page = include_str!("../../man/postrider.toml.5");
        for key in TOP_KEYS
            .iter()
            .chain(ACCOUNT_KEYS)
            .chain(TIMEOUT_KEYS)
            .chain(QUEUE_KEYS)
            .chain(LIMIT_KEYS)
            .chain(PASSWORD_KEYS)
        {
            let named = page.lines().any(|line| {
                let words: Vec<_> = line.split_whitespace().collect();
                words.starts_with(&[".It", "Cm", key.name])
                    || line == format!(".Ss [{}]\\&", key.name)
                    || (key.name == "account" && line == ".Ss [account.NAME]\\&")
            });
            assert!(named, "{} is missing in postrider.toml.5", key.name);
        }
    }
}
