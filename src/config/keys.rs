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
    key("hostname", "name in EHLO and domain of Message-ID; default: this machine's full name"),
    key("origin", "domain appended to addresses without one; default: hostname"),
    key("own_domains", "this machine's own names; default: hostname, its first part, origin and localhost"),
    key("default_account", "account for senders that no account lists; default: the only account"),
    key("postmaster", "recipient of bounces of bounces, and of alerts; default: root"),
    key("operators", "logins that see and change everybody's mail, besides root, in system mode; default: none"),
    key("on_stuck", "command to run once when an account stays in trouble: [WORD, ...]; default: none"),
    key("on_stuck_after", "how long an account is in trouble before on_stuck runs; default: 1h"),
    key("delivery", "queue, background or interactive; default: background; no effect in system mode"),
    key("log", "syslog or stderr; default: syslog in system mode and in the background, else stderr"),
    key("from_name", "display name of a generated From field, %u being the login; default: the user's full name"),
    key("syslog_name", "name in the log's tags, before the slash, as in Postfix; default: postrider"),
    key("spool", "the spool directory; default: ~/.local/state/postrider"),
    key("generic", "tables that map local addresses to real ones, on sending; default: none"),
    key("generic_classes", "addresses that generic rewrites, as in Postfix's canonical_classes; default: all"),
    key("canonical", "tables for sender and recipients on arrival, envelope and header; default: none"),
    key("sender_canonical", "the same for the sender only, before canonical; default: none"),
    key("recipient_canonical", "the same for recipients only, before canonical; default: none"),
    key("virtual", "tables that replace envelope recipients, on arrival; default: none"),
    key("aliases", "aliases(5) files for recipients on this machine; default: /etc/aliases, for the whole machine"),
    key(
        "mailbox",
        "keeps the mail of this machine's users here: lmtp:/PATH, lmtp:[127.0.0.1]:24, maildir:PATH or mbox:PATH; default: none",
    ),
    key("local_users", "tables of further recipients for mailbox, as keys; default: none, the logins of this machine"),
    key("masquerade_domains", "domains that hide the hosts below them, in sender and header; default: none"),
    key("masquerade_exceptions", "users whose addresses are not masqueraded; default: none"),
    key("propagate_extensions", "maps that copy an extension missing in their key; default: canonical and virtual"),
    key("recipient_delimiter", "separates user from extension in user+extension; default: +"),
    key("received", "whether to add a Received field; default: true"),
    key("account", "[account.NAME]: a provider login; at least one, or mail waits"),
    key("listen", "[listen.NAME]: where SMTP clients connect; default: none"),
    key("client", "[client.NAME]: a network client that may submit mail; default: none"),
    key("queue", "[queue]: retries, lifetimes and limits"),
    key("limits", "[limits]: what one user may submit at once, in system mode"),
    key("alarm", "[alarm]: how to notify you, by other means than mail, when mail does not flow"),
    key("metrics", "[metrics]: figures for a collector"),
    key("flood", "[flood]: senders whose repeated mail is combined"),
];

/// Keys above the first section that are lists of tables; what several files have of one adds up.
pub const TABLE_KEYS: [&str; 7] =
    ["generic", "canonical", "sender_canonical", "recipient_canonical", "virtual", "aliases", "local_users"];

/// In `[flood]`.
pub const FLOOD_KEYS: &[Key] = &[
    key("senders", "senders whose repeated mail is combined into one message an hour: [ADDRESS, ...]; default: none"),
    key("per_hour", "messages to one recipient that are sent on their own within an hour; default: 10"),
];

/// In `[metrics]`.
pub const METRICS_KEYS: &[Key] =
    &[key("textfile", "file to keep up to date for Prometheus' node_exporter, ending in .prom; default: none")];

/// In `[account.NAME]`.
pub const ACCOUNT_KEYS: &[Key] = &[
    key("relay", "submission server, in the syntax of Postfix's relayhost; a list is tried in order; required"),
    key("tls", "starttls, implicit or none; default: implicit on port 465, else starttls"),
    key("tls_ca", "PEM file with the only root certificates to trust; default: the system's"),
    key("tls_name", "name that the certificate must have; default: the relay's"),
    key("tls_fingerprint", "SHA-256 of the only certificate or public key to trust; default: none"),
    key("tls_client_cert", "PEM file of a client certificate; default: none"),
    key("tls_client_key", "PEM file of the client certificate's key; default: the same file"),
    key("tls_min", "oldest TLS version to accept, 1.2 or 1.3; default: 1.2"),
    key("username", "user name for the login; default: none, no AUTH"),
    key(
        "password",
        "a string, { file = PATH }, { command = [WORD, ...] }, { credential = NAME } or { keyring = true }",
    ),
    key("oauth", "in place of password: { provider = NAME, client_id = ID, ... }, see postrider login"),
    key(
        "auth",
        "allowed mechanisms, such as scram-sha-256, plain, xoauth2; default: the safest offered for a password",
    ),
    key("senders", "senders that this account serves: user@domain, user, cron-*@domain, @domain; default: none"),
    key("users", "local logins that may send through it: [LOGIN, ...]; default: everyone"),
    key("clients", "network clients that may send through it: [NAME, ...]; default: all, or none if users is set"),
    key("fallback", "account whose relay and login are used while no relay can be reached; default: none"),
    key("sender_grace", "how long mail with a rejected sender waits before it bounces; default: 1d"),
    key("timeout", "one limit for every step of the conversation; default: those of RFC 5321"),
    key("timeouts", "[account.NAME.timeouts]: limits for single steps"),
    key("source_address", "address of this machine to connect from, or one of each family; default: any"),
    key("max_connections", "sessions at once; default: 2"),
    key("max_messages_per_connection", "messages before a session is closed and a new one opened; default: 100"),
    key("max_per_minute", "messages started in any minute; default: no limit"),
    key("early_data", "send small messages together with their envelope if the server has CHUNKING; default: false"),
    key(
        "discard_ehlo_keywords",
        "extensions that count as not offered: [KEYWORD, ...], or with silent-discard for no log line; default: none",
    ),
    key("allow_plaintext", "allow sending the password without TLS; default: false"),
    key("from", "address that replaces the envelope sender and From; default: none"),
    key("missing_to", "the To field of mail that has neither To nor Cc: undisclosed or recipients; default: none"),
];

/// In `[account.NAME.timeouts]`.
pub const TIMEOUT_KEYS: &[Key] = &[
    key("connect", "the TCP connection, per address; default: 30s"),
    key("greeting", "the server's greeting; default: 5m"),
    key("helo", "EHLO; default: 5m"),
    key("starttls", "STARTTLS, then the handshake; default: 5m"),
    key("auth", "each reply of the login; default: 5m"),
    key("mail", "MAIL FROM; default: 5m"),
    key("rcpt", "RCPT TO; default: 5m"),
    key("data", "DATA; default: 2m"),
    key("block", "each block of the content; default: 3m"),
    key("final", "the reply to the end of the content; default: 10m"),
    key("quit", "QUIT; default: 5s"),
];

/// In `[queue]`.
pub const QUEUE_KEYS: &[Key] = &[
    key("retry_min", "wait between the first attempt and the second; default: 1m"),
    key("retry_max", "longest wait between two attempts; default: 1h"),
    key("lifetime", "age at which an undelivered message bounces; default: 5d"),
    key("warn_after", "age at which the sender gets a delay notice; default: 4h"),
    key("max_message_size", "largest message accepted; default: 50MB"),
    key("min_free_space", "what must stay free on the spool's file system; default: 64MB"),
    key("history", "how long finished messages are remembered; default: 90d"),
    key(
        "bounce_size",
        "largest message that a bounce returns whole; a larger one returns as its header; default: 50KB",
    ),
    key("reports_per_hour", "reports to one sender per hour before the rest come in a digest; default: 20"),
    key("idle_exit", "how long the service is idle before it exits; systemd starts it again; default: never"),
];

/// In `[limits]`.
pub const LIMIT_KEYS: &[Key] = &[
    key("recipients", "recipients of one message, before aliases; default: 10000"),
    key("connections", "one user's connections at once; default: 20"),
    key("in_flight", "total size of what one user submits at the same moment; default: 500MB"),
    key("per_minute", "one user's messages in any minute; default: 2000"),
    key("waiting", "one user's messages in the queue or in failed/; default: 10000"),
    key("waiting_size", "total size of these messages; default: 1GB"),
    key("root_reserve", "space on the spool's file system reserved for root; default: a tenth, at most 1GB"),
];

/// In `[alarm]`.
pub const ALARM_KEYS: &[Key] = &[
    key("command", "command to run when trouble begins and when it is over: [WORD, ...]; default: none"),
    key("url", "where alarms are posted to: { file = PATH } with an https address in it; default: none"),
    key("format", "what is posted: json, ntfy, or a template such as { text = TEXT }; default: json"),
    key("detail", "whether alarms quote addresses and the provider's words; default: false"),
    key("motd", "whether a file shows at login what is wrong; default: false"),
    key("after", "how long a relay must be out of reach; default: on_stuck_after"),
    key("expect", "longest time between two messages of a sender: { ADDRESS = DURATION, ... }; default: none"),
    key(
        "heartbeat",
        "a web address to request while all is well: { url = { file = PATH }, every = 1d }; default: none",
    ),
];

/// In `heartbeat = { ... }`.
pub const HEARTBEAT_KEYS: &[Key] = &[
    key("url", "the web address: { file = PATH } with an https address in it; required"),
    key("every", "how often; default: 1d"),
];

/// In `format = { ... }`.
pub const FORMAT_KEYS: &[Key] = &[
    key("json", "JSON with {text} and other values within its strings"),
    key("form", "content of a web form with values in it"),
    key("text", "plain text with values in it"),
];

/// In `[listen.NAME]`.
pub const LISTEN_KEYS: &[Key] = &[
    key("address", "ADDRESS:PORT to listen on, :PORT for all addresses, or systemd; a list for several; required"),
    key("tls", "starttls, implicit, optional or none; default: implicit on port 465, starttls on 587, else optional"),
    key("certificate", "PEM file with the certificate and its chain; default: one of a private CA"),
    key("key", "PEM file with the certificate's key; default: the same file"),
    key("networks", "networks that may connect: addresses, ADDRESS/LENGTH, or local; default: loopback"),
    key("trust", "clients that are known by their address here: [NAME, ...]; default: none"),
    key("public", "true: for clients from outside, who all log in under TLS, with half the limits; default: false"),
    key(
        "hide_clients",
        "true: leave the client's name and address out of Received; default: true for private addresses",
    ),
    key("line_ends", "normalize or strict: whether an LF without CR is refused; default: normalize"),
    key("connections_per_address", "connections of one address at once; default: 10"),
    key("connections_before_login", "connections without a login at once; default: 50"),
    key("login_time", "time from the connection to the login; default: 30s"),
    key("idle_time", "time without anything from the client; default: 5m"),
    key("command_time", "time for one command or message; default: 10m"),
    key("session_time", "time of one connection; default: 1h"),
    key("failures", "rejected logins from one address within failure_time before it is blocked; default: 5"),
    key("failure_time", "time in which failures are counted; default: 10m"),
    key("block_time", "time that an address is blocked for after these failures; default: 15m"),
    key("recipients", "recipients of one message, at least 100; default: 1000"),
];

/// In `[client.NAME]`.
pub const CLIENT_KEYS: &[Key] = &[
    key("owner", "login of the user who gets its bounces and sees its mail; required"),
    key("scram", "stored keys of its password (RFC 5803), or a list of them; default: none, no login"),
    key("networks", "addresses that it connects from; required without scram; default: any"),
    key(
        "senders",
        "addresses that it may send from: user@domain, user, cron-*@domain, @domain, TYPE:PATH; default: NAME@origin",
    ),
    key("from", "address that replaces its envelope sender and From; default: none"),
    key("account", "account that its mail goes through; default: the one that lists its sender"),
    key("allowed_recipients", "recipients that it may write to: user@domain, user, @domain; default: all"),
    key("relay_for_others", "true: it is a mail system, its From is free; default: false"),
    key("allow_plaintext", "allow its login without TLS, from its networks; default: false"),
    key("behind_nat_ok", "trust it also if its address may stand for others; default: false"),
];

/// In `password = { ... }`.
pub const PASSWORD_KEYS: &[Key] = &[
    key("file", "file whose first line is the password"),
    key("command", "command that prints the password in its first line"),
    key("credential", "name of a systemd credential (LoadCredential=)"),
    key("keyring", "true: the password is in the desktop's keyring"),
];

/// In `oauth = { ... }`.
pub const OAUTH_KEYS: &[Key] = &[
    key("provider", "google, microsoft, fastmail, yahoo, comcast, yandex or mailru; default: none, endpoints by hand"),
    key("client_id", "the client as registered with the provider; required"),
    key("client_secret", "its secret, where it has one, as in `password`"),
    key("flow", "device, browser or client; default: device where the provider has it, else browser"),
    key("tenant", "Microsoft's directory; default: common"),
    key("authorization_url", "endpoint for a browser; default: the provider's"),
    key("device_url", "endpoint of the device flow; default: the provider's"),
    key("token_url", "endpoint for tokens; default: the provider's"),
    key("scope", "what is asked for; default: the provider's name for sending mail"),
    key("keyring", "true: the refresh token is kept in the desktop's keyring; default: false, in a file"),
    key("token_hosts", "further servers that may be given the tokens: [HOST, ...]; default: the provider's"),
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
mod tests;
