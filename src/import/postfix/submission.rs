//! master.cf's services of the SMTP server -> `[listen.NAME]`, and mynetworks -> `[client.NAME]`. What restrictions and logins become
//! is in `restrictions` and `sasl`. A service through which nobody could submit becomes none.

use super::main_cf::{MainCf, elements};
use super::master_cf::{self, Server};
use super::restrictions::{self, Client};
use super::sasl::{self, Login};
use super::{mynetworks, origin};
use crate::config::network::Prefix;
use crate::import::draft::{Draft, DraftSection, Section, quoted};

/// The client that mynetworks is.
const NETWORK_CLIENT: &str = "mynetworks";
/// The same where it is this machine alone.
const LOCAL_CLIENT: &str = "localhost";
/// The least that `recipients` may be.
const FEWEST_RECIPIENTS: u32 = 100;

const STRONG: &str = "only TLS 1.2 and 1.3 with strong cipher suites";
const LIMITS: &str = "a listener has limits of its own; see postrider.toml(5)";

/// Parameters of the server, by the start of their names, that decide nothing about a listener.
const SETTLED: [(&str, &str); 20] = [
    ("broken_sasl_auth_clients", "the line for old clients is always sent"),
    ("milter_macro_daemon_name", "a name for milters, of which there are none"),
    ("smtpd_reject_unlisted_recipient", "an unknown local recipient is always refused"),
    ("smtpd_reject_unlisted_sender", "`senders` of each client lists the addresses that it may send from"),
    ("smtpd_sasl_local_domain", "clients log in with or without a domain of this machine"),
    ("smtpd_sasl_security_options", "there are no anonymous logins, and passwords are sent under TLS"),
    ("smtpd_sasl_tls_security_options", "there are no anonymous logins"),
    ("smtpd_sasl_path", "logins are built in"),
    ("smtpd_sasl_", "the mechanisms are built in"),
    ("smtpd_tls_auth_only", "passwords are sent under TLS"),
    ("smtpd_tls_protocols", STRONG),
    ("smtpd_tls_mandatory_", STRONG),
    ("smtpd_tls_ciphers", STRONG),
    ("smtpd_tls_exclude_ciphers", STRONG),
    ("smtpd_tls_", "TLS is built in and has its own settings"),
    ("smtpd_helo_required", "HELO is required before MAIL"),
    ("smtpd_delay_reject", "each command is refused at once"),
    ("smtpd_client_", LIMITS),
    ("smtpd_", "not configurable in postrider"),
    ("anvil_", LIMITS),
];

/// What is left of Postfix's own certificate, which nobody trusts.
const SNAKEOIL: &str = "ssl-cert-snakeoil";

/// Adds listeners and clients; the services that they come from. `owner` is the login that clients without a password belong to,
/// where they are wanted.
pub(crate) fn listeners(
    file: &MainCf<'_>,
    master: Option<&str>,
    owner: Option<&str>,
    draft: &mut Draft,
) -> Vec<Server> {
    let servers = master.map(master_cf::servers).unwrap_or_default();
    let mut used = Vec::new();
    for server in servers {
        let main = file.with(&server.options);
        let service = Service { main: &main, server: &server };
        let trusted = if restrictions::admit(&main, Client::OfMynetworks) {
            mynetworks::trusted(&main, owner, draft)
        } else {
            Vec::new()
        };
        if !service.has_logins() && trusted.is_empty() {
            if server.port != 25 {
                let why = "nobody could submit there: smtpd_sasl_auth_enable is not yes, and no client is known by its address";
                draft.left_out(format!("service {} (master.cf)", server.name), why);
            }
            continue;
        }
        service.add(&trusted, owner, draft);
        used.push(server);
    }
    if used.is_empty() {
        return used;
    }
    draft.changed(
        "ports below 1024 (master.cf)",
        "the service is not root: set address = \"systemd\" and enable postrider-submission.socket, or see `address` in \
         postrider.toml(5)",
    );
    missing(file, draft);
    for server in &used {
        let main = file.with(&server.options);
        for name in main.names() {
            if let Some((_, why)) =
                SETTLED.iter().find(|(start, _)| name.starts_with(start)).filter(|_| !draft.mentions(name))
            {
                draft.no_effect(name, *why);
            }
        }
    }
    used
}

/// What people may look for.
fn missing(main: &MainCf<'_>, draft: &mut Draft) {
    for name in ["smtpd_etrn_restrictions", "fast_flush_domains"] {
        if main.get(name).is_some() {
            draft.left_out(name, "ETRN is not supported, since postrider keeps no mail for other servers to fetch; \"postrider flush\" sends all that waits");
        }
    }
    if main.get("proxy_interfaces").is_some() {
        let why = "the router's addresses need not be known, since no mail is received for this machine; for clients that come \
                   through the router, set public = true in [listen.NAME]";
        draft.left_out("proxy_interfaces", why);
    }
}

fn is_local(prefix: &Prefix) -> bool {
    prefix.address().is_loopback()
}

/// One service with its own parameters.
struct Service<'m> {
    main: &'m MainCf<'m>,
    server: &'m Server,
}

impl Service<'_> {
    fn has_logins(&self) -> bool {
        self.main.is_yes("smtpd_sasl_auth_enable")
    }

    fn add(&self, trusted: &[Prefix], owner: Option<&str>, draft: &mut Draft) {
        let is_local = !self.has_logins() && trusted.iter().all(is_local);
        let mut keys = Section::default();
        let addresses =
            if is_local { vec!["127.0.0.1:25".to_owned(), "[::1]:25".to_owned()] } else { self.addresses(draft) };
        let tls = self.tls();
        if self.usual_tls() != tls {
            keys.text("tls", tls, self.by_tls());
        }
        self.certificate(tls, draft, &mut keys);
        self.access(trusted, tls, &addresses, draft, &mut keys);
        self.limits(draft, &mut keys);
        let senders = restrictions::note(self.main, &self.server.name, draft);
        if self.has_logins() {
            self.logins(&senders, draft);
        }
        if let Some(owner) = owner.filter(|_| !trusted.is_empty()) {
            let name = if is_local { LOCAL_CLIENT } else { NETWORK_CLIENT };
            let name = self.network_client(name, owner, trusted, &senders, draft);
            keys.list("trust", &[name], "permit_mynetworks");
        }
        let name = match (self.server.port, is_local) {
            (_, true) => "localhost",
            (465, _) => "submissions",
            (587, _) => "submission",
            _ => "smtp",
        };
        // Two services that differ only in their port are one listener.
        let is_same = |section: &&mut DraftSection| section.kind == "listen" && section.has_same_but("address", &keys);
        if let Some(same) = draft.sections.iter_mut().find(is_same) {
            same.keys.extend_list("address", &addresses, &self.server.name);
            return;
        }
        let mut all = Section::default();
        all.list("address", &addresses, format!("{} in master.cf", self.server.name));
        all.append(&keys);
        draft.sections.push(DraftSection { kind: "listen", name: name.to_owned(), keys: all });
    }

    /// As its host, or `inet_interfaces`, says.
    fn addresses(&self, draft: &mut Draft) -> Vec<String> {
        let port = self.server.port;
        let hosts = match self.server.host.as_str() {
            "" => elements(&self.main.or_default("inet_interfaces", "all")),
            host => vec![host.to_owned()],
        };
        let mut addresses = Vec::new();
        for host in hosts {
            match host.trim_start_matches('[').trim_end_matches(']') {
                "all" => addresses.push(format!(":{port}")),
                "loopback-only" | "localhost" => {
                    addresses.extend([format!("127.0.0.1:{port}"), format!("[::1]:{port}")]);
                }
                host => match host.parse() {
                    Ok(std::net::IpAddr::V4(v4)) => addresses.push(format!("{v4}:{port}")),
                    Ok(std::net::IpAddr::V6(v6)) => addresses.push(format!("[{v6}]:{port}")),
                    Err(_) => {
                        addresses.push(format!(":{port}"));
                        draft.changed(
                            format!("{host} (inet_interfaces, {})", self.server.name),
                            "names are not looked up: the listener has all addresses; set `address`",
                        );
                    }
                },
            }
        }
        addresses
    }

    fn tls(&self) -> &'static str {
        let main = self.main;
        if main.is_yes("smtpd_tls_wrappermode") {
            return "implicit";
        }
        let is_required = main.is_yes("smtpd_enforce_tls");
        match main.get("smtpd_tls_security_level").as_deref() {
            Some("encrypt") => "starttls",
            Some("may") => "optional",
            None if is_required => "starttls",
            None if main.is_yes("smtpd_use_tls") => "optional",
            _ => "none",
        }
    }

    /// What the port says.
    fn usual_tls(&self) -> &'static str {
        match self.server.port {
            465 => "implicit",
            587 => "starttls",
            _ => "optional",
        }
    }

    fn by_tls(&self) -> String {
        let name = if self.main.is_yes("smtpd_tls_wrappermode") {
            "smtpd_tls_wrappermode"
        } else {
            "smtpd_tls_security_level"
        };
        format!("{name} ({})", self.server.name)
    }

    fn certificate(&self, tls: &str, draft: &mut Draft, keys: &mut Section) {
        if tls == "none" {
            return;
        }
        let main = self.main;
        let (certificate, key, by) = match main.list("smtpd_tls_chain_files").first() {
            Some(chain) => (Some(chain.clone()), Some(chain.clone()), "smtpd_tls_chain_files"),
            None => (main.get("smtpd_tls_cert_file"), main.get("smtpd_tls_key_file"), "smtpd_tls_cert_file"),
        };
        let Some(certificate) = certificate.filter(|path| path != "none") else { return };
        if certificate.contains(SNAKEOIL) {
            draft.changed(
                format!("{by} = {certificate}"),
                "no device trusts this certificate; the listener uses one of a private CA, which \"postrider check --ca\" exports",
            );
            return;
        }
        let place = |path: &str| main.place(path).display().to_string();
        keys.text("certificate", &place(&certificate), by);
        let key = key.unwrap_or_else(|| certificate.clone());
        if key != certificate {
            keys.text("key", &place(&key), "smtpd_tls_key_file");
        }
        draft.changed(
            format!("{} (smtpd_tls_key_file)", place(&key)),
            "Postfix reads it as root; the user postrider must be able to read it",
        );
    }

    /// Who may connect.
    fn access(&self, trusted: &[Prefix], tls: &str, addresses: &[String], draft: &mut Draft, keys: &mut Section) {
        let is_inside = |address: &String| address.starts_with("127.") || address.starts_with("[::1]");
        if addresses.iter().all(is_inside) {
            return;
        }
        let own: Vec<String> = trusted.iter().filter(|prefix| !is_local(prefix)).map(Prefix::to_string).collect();
        if !self.has_logins() && !own.is_empty() {
            keys.list("networks", &own, "mynetworks");
        } else if trusted.is_empty()
            && ["starttls", "implicit"].contains(&tls)
            && restrictions::admit(self.main, Client::LoggedIn)
        {
            keys.line("public", "true".to_owned(), format!("anybody may connect ({})", self.server.name));
        } else {
            keys.list("networks", &["local".to_owned()], "");
            draft.changed(
                format!("clients from outside (service {})", self.server.name),
                "only this machine's own networks may connect; set `networks`, or public = true with TLS and without `trust`",
            );
        }
    }

    fn limits(&self, draft: &mut Draft, keys: &mut Section) {
        if let Some(most) = self.main.get("smtpd_recipient_limit").and_then(|text| text.parse::<u32>().ok()) {
            if most < FEWEST_RECIPIENTS {
                draft.changed("smtpd_recipient_limit", "fewer than 100 recipients break clients; `recipients` is 100");
            }
            keys.line("recipients", most.max(FEWEST_RECIPIENTS).to_string(), "smtpd_recipient_limit");
        }
        let most = self.main.get("smtpd_client_connection_count_limit").and_then(|text| text.parse::<u32>().ok());
        if let Some(most) = most.filter(|most| *most > 0) {
            keys.line("connections_per_address", most.to_string(), "smtpd_client_connection_count_limit");
        }
    }

    /// Who logs in, with the command that adds each.
    fn logins(&self, senders: &[String], draft: &mut Draft) {
        let main = self.main;
        if !main.is_yes("smtpd_tls_auth_only") && ["none", "optional"].contains(&self.tls()) {
            draft.changed(
                format!("smtpd_tls_auth_only ({})", self.server.name),
                "clients log in under TLS only, unless their section has `networks` and allow_plaintext = true",
            );
        }
        sasl::note(main, draft);
        let logins = sasl::logins(main, draft);
        let tables: Vec<String> = senders.iter().filter_map(|source| shell_word(source)).collect();
        let command = |name: &str, own: &[String]| {
            let senders = own.iter().map(|sender| shell_quoted(sender)).chain(tables.clone());
            let words: Vec<String> = senders.flat_map(|sender| ["--sender".to_owned(), sender]).collect();
            format!(
                "\"{}\"",
                [&["postrider client add".to_owned(), name.to_owned()], words.as_slice()].concat().join(" ")
            )
        };
        for Login { name, senders } in &logins {
            let why = format!("its password is not imported; run {}", command(name.as_str(), senders));
            draft.left_out(format!("login {name} (smtpd_sender_login_maps)"), why);
        }
        if logins.is_empty() {
            let why = if tables.is_empty() {
                "passwords are not imported, and a client may send only as its `senders`; for each login, run \"postrider client \
                 add NAME --sender ADDRESS\""
                    .to_owned()
            } else {
                format!("passwords are not imported; for each login, run {}", command("NAME", &[]))
            };
            draft.left_out("logins (smtpd_sasl_auth_enable)", why);
        }
    }

    /// Its name. A service with a mynetworks of its own has a client of its own.
    fn network_client(
        &self,
        base: &str,
        owner: &str,
        networks: &[Prefix],
        senders: &[String],
        draft: &mut Draft,
    ) -> String {
        let own =
            origin(self.main).and_then(Result::ok).unwrap_or_else(|| self.main.or_default("myhostname", "$myhostname"));
        let mut keys = Section::default();
        keys.text("owner", owner, "gets its bounces and sees its mail");
        keys.list("networks", &networks.iter().map(Prefix::to_string).collect::<Vec<_>>(), "mynetworks");
        let senders: Vec<String> = std::iter::once(quoted(&format!("@{own}"))).chain(senders.iter().cloned()).collect();
        keys.values("senders", &senders, "");
        if let Some(account) = draft.accounts.first() {
            keys.text("account", &account.name, "");
        }
        let mut name = base.to_owned();
        let mut number = 1;
        while let Some(known) = draft.sections.iter().find(|known| known.kind == "client" && known.name == name) {
            if known.has_same_but("", &keys) {
                return name;
            }
            number += 1;
            name = format!("{base}{number}");
        }
        draft.changed(
            format!("clients without a password (client {name})"),
            format!("they may send only as @{own}: add other addresses to `senders`; \"postrider check\" lists what this exposes"),
        );
        draft.sections.push(DraftSection { kind: "client", name: name.clone(), keys });
        name
    }
}

/// A table, as an argument of a command; a table within the configuration has no form there.
fn shell_word(source: &str) -> Option<String> {
    let text = source.strip_prefix('"')?.strip_suffix('"')?;
    Some(shell_quoted(text))
}

fn shell_quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "@._-+:/=".contains(c);
    if text.chars().all(is_plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}
