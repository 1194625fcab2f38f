//! One account of msmtp: relay, login, TLS and what of it holds for the machine.

use super::options;
use super::{Commands, Rank, sender};
use crate::config::{Mechanism, Secret};
use crate::import::ImportContext;
use crate::import::draft::{Draft, DraftAccount, Section, is_this_machine, quoted};
use crate::import::said::{Encryption, FromField, Said, SaidRelay};

pub(super) fn add(context: &ImportContext<'_>, name: &str, commands: &Commands, rank: Rank, draft: &mut Draft) {
    let Some(host) = commands.get("host") else {
        draft.left_out(format!("account {name}"), "no host is set");
        return;
    };
    if let Some(protocol) = commands.get("protocol").filter(|protocol| *protocol != "smtp") {
        draft.left_out(format!("account {name}"), format!("it uses {protocol}; postrider submits only by SMTP"));
        return;
    }
    let name = draft.allowed_name(name);
    let name = name.as_str();
    let mut keys = Section::default();
    let implicit = commands.is_on("tls", "off") && !commands.is_on("tls_starttls", "on");
    let usual = if implicit { "465" } else { "25" };
    let plain = host.trim_start_matches('[').trim_end_matches(']');
    let relay = format!("[{plain}]:{}", commands.get("port").unwrap_or(usual));
    keys.text("relay", &relay, "");
    tls(context, name, commands, &mut keys, draft);
    let secret = if has_login(commands) { credentials(name, commands, &mut keys, draft) } else { None };
    if !has_login(commands) {
        note_unused_login(name, commands, draft);
    }
    sender::carry(context, name, commands, rank, &mut keys, draft);
    if let Some(seconds) = commands.get("timeout").filter(|timeout| *timeout != "off") {
        keys.text("timeout", &format!("{seconds}s"), "");
    }
    if let Some(address) = commands.get("source_ip") {
        keys.text("source_address", address, "source_ip");
    }
    if rank == Rank::Default {
        draft.top.text("default_account", name, "account default");
    }
    options::rest(name, commands, draft);
    let said_relay = SaidRelay {
        name: relay,
        tls: match (commands.is_on("tls", "off"), implicit) {
            (false, _) => Encryption::Clear,
            (true, false) => Encryption::Starttls,
            (true, true) => Encryption::Implicit,
        },
        login: commands.get("user").filter(|_| has_login(commands)).map(str::to_owned),
    };
    let said =
        Said { relays: vec![said_relay], sender: sender::address(context, commands), from: FromField::AsTablesSay };
    draft.accounts.push(DraftAccount { name: name.to_owned(), keys, secret, said });
}

/// Name, password and mechanism of a login.
fn credentials(name: &str, commands: &Commands, keys: &mut Section, draft: &mut Draft) -> Option<Secret> {
    if let Some(user) = commands.get("user") {
        keys.text("username", user, "");
    }
    // A command is asked only where there is no password, though that be inherited.
    let secret = commands.get("password").map(|password| Secret::new(password.to_owned()));
    if secret.is_some() && commands.get("passwordeval").is_some() {
        draft.no_effect(format!("passwordeval (account {name})"), "msmtp runs it only where there is no password");
    }
    if let Some(command) = commands.get("passwordeval").filter(|_| secret.is_none()) {
        keys.line("password", format!("{{ command = [\"sh\", \"-c\", {}] }}", quoted(command)), "passwordeval");
    } else if secret.is_none() {
        draft.left_out(
            format!("password (account {name})"),
            format!("msmtp reads it from a keyring or netrc; run \"postrider password set {name}\""),
        );
        keys.line("password", "{ keyring = true }".to_owned(), "");
    }
    if let Some(method) = commands.get("auth").filter(|method| !method.eq_ignore_ascii_case("on")) {
        if Mechanism::ALL.iter().any(|known| known.name().eq_ignore_ascii_case(method)) {
            keys.list("auth", &[method.to_lowercase()], "auth");
        } else {
            draft.left_out(
                format!("auth {method} (account {name})"),
                "not supported; the safest mechanism that the server offers is used",
            );
        }
    }
    secret
}

/// What would be a login, if msmtp were told to log in.
fn note_unused_login(name: &str, commands: &Commands, draft: &mut Draft) {
    let is_on = commands.is_on("auth", "off");
    let why = if is_on {
        "no user is set; if the relay requires a login, set `username` and `password`"
    } else {
        "auth is off, so msmtp does not log in"
    };
    for command in ["user", "password", "passwordeval"].into_iter().filter(|name| commands.get(name).is_some()) {
        draft.left_out(format!("{command} (account {name})"), why);
    }
    if is_on {
        draft.left_out(format!("auth (account {name})"), why);
    }
}

fn has_login(commands: &Commands) -> bool {
    commands.is_on("auth", "off") && commands.get("user").is_some()
}

fn tls(context: &ImportContext<'_>, name: &str, commands: &Commands, keys: &mut Section, draft: &mut Draft) {
    let login = has_login(commands);
    let here = commands.get("host").is_some_and(is_this_machine);
    match (commands.is_on("tls", "off"), commands.is_on("tls_starttls", "on")) {
        (true, true) => keys.text("tls", "starttls", ""),
        (true, false) => keys.text("tls", "implicit", ""),
        (false, _) if login && here => {
            keys.text("tls", "none", "unchanged");
            keys.line("allow_plaintext", "true".to_owned(), "the relay runs on this machine");
        }
        (false, _) if login => {
            keys.text("tls", "starttls", "turned on, so that the password is not sent in clear text");
            draft.changed(format!("tls (account {name})"), "was off; TLS is now required");
        }
        (false, _) => keys.text("tls", "none", "unchanged; set \"starttls\" if the relay offers it"),
    }
    if !commands.is_on("tls_certcheck", "on") {
        let how = format!(
            "the certificate must now be valid for the relay; where it is self-signed, \"postrider test {name}\" shows \
             the `tls_fingerprint` to set"
        );
        draft.changed(format!("tls_certcheck (account {name})"), how);
    }
    if let Some(value) = commands.get("tls_host_override") {
        keys.text("tls_name", value, "tls_host_override");
    }
    for (command, key) in [("tls_cert_file", "tls_client_cert"), ("tls_key_file", "tls_client_key")] {
        if let Some(value) = commands.path(command, context) {
            keys.text(key, &value, command);
        }
    }
    match commands.get("tls_fingerprint") {
        // The shorter ones are of SHA-1 or MD5.
        Some(print) if print.chars().filter(char::is_ascii_hexdigit).count() == 64 => {
            keys.text("tls_fingerprint", print, "tls_fingerprint");
        }
        Some(_) => draft.left_out(
            format!("tls_fingerprint (account {name})"),
            format!("not a SHA-256 fingerprint; \"postrider test {name}\" shows the one to set"),
        ),
        None => {}
    }
    let trusted = commands.path("tls_trust_file", context);
    if let Some(file) = trusted.filter(|file| file != "system" && !file.ends_with("/ca-certificates.crt")) {
        keys.text("tls_ca", &file, "tls_trust_file");
    }
}
