//! `smtp_tls_...` -> the keys of an account, with those that `postfix_login` and `postfix_connection` read for all. Where
//! Postfix did without TLS or without a good certificate, we do not, and say so.

use super::main_cf::{MainCf, elements};
use super::relays::host;
use super::{auth, connection, tables};
use crate::import::draft::{Draft, Section, is_this_machine};
use crate::import::said::Encryption;
use crate::mail::address::Address;

/// What holds for all accounts.
pub(crate) struct Options {
    level: String,
    /// The parameter that sets it.
    level_by: &'static str,
    wrapper: bool,
    ca: Option<String>,
    /// Relay as written, in lower case -> level and attributes.
    policies: Vec<(String, String)>,
    auth: Option<(Vec<String>, String)>,
    /// `hostname`, `nexthop`, or names, by level.
    matches: [(&'static str, Vec<String>); 2],
    /// Fingerprints, if they are of SHA-256.
    fingerprints: Vec<String>,
    /// Certificates, addresses, times, limits.
    common: Section,
}

/// Reads them, and notes what is not carried over.
pub(crate) fn read(main: &MainCf<'_>, draft: &mut Draft) -> Options {
    let (level, level_by) = match level(main) {
        // TLS is never offered to Postfix, which does without.
        (may, _) if may == "may" && discards_starttls(main) => ("none".to_owned(), connection::DISCARDED),
        level => level,
    };
    let policies = tables::rows(main, "smtp_tls_policy_maps", draft);
    let ca = main.get("smtp_tls_CAfile").filter(|path| !path.ends_with("/ca-certificates.crt"));
    let ca = ca.map(|path| main.place(&path).display().to_string());
    if ca.is_none() && main.is_set("smtp_tls_CAfile") {
        draft.changed("smtp_tls_CAfile", "the system's root certificates are trusted by default");
    }
    for name in ["smtp_tls_CAfile", "smtp_tls_cert_file", "smtp_tls_key_file"] {
        if main.get(name).is_some_and(|path| main.is_copied(&main.place(&path))) {
            draft.changed(name, "the file stays in Postfix's folder: keep it when you remove Postfix");
        }
    }
    let mut common = Section::default();
    client_certificate(main, draft, &mut common);
    versions(main, draft, &mut common);
    connection::read(main, draft, &mut common);
    Options {
        level,
        level_by,
        wrapper: main.is_yes("smtp_tls_wrappermode"),
        ca,
        policies,
        auth: auth::mechanisms(main, draft),
        matches: ["smtp_tls_verify_cert_match", "smtp_tls_secure_cert_match"].map(|name| (name, main.list(name))),
        fingerprints: fingerprints(main, draft),
        common,
    }
}

fn level(main: &MainCf<'_>) -> (String, &'static str) {
    let old = || match (main.is_yes("smtp_enforce_tls"), main.is_yes("smtp_use_tls")) {
        (true, _) if main.or_default("smtp_tls_enforce_peername", "yes").eq_ignore_ascii_case("no") => {
            ("encrypt", "smtp_enforce_tls, smtp_tls_enforce_peername")
        }
        (true, _) => ("verify", "smtp_enforce_tls"),
        (false, true) => ("may", "smtp_use_tls"),
        (false, false) => ("none", "smtp_tls_security_level (default)"),
    };
    match main.get("smtp_tls_security_level") {
        Some(level) => (level, "smtp_tls_security_level"),
        None if has_defaults_of_3_11(main) && !main.is_set("smtp_tls_security_level") => {
            ("may".to_owned(), "smtp_tls_security_level's default with compatibility_level")
        }
        None => (old().0.to_owned(), old().1),
    }
}

fn discards_starttls(main: &MainCf<'_>) -> bool {
    main.list(connection::DISCARDED).iter().any(|word| word.eq_ignore_ascii_case("starttls"))
}

/// Since then, TLS is used where a relay offers it.
fn has_defaults_of_3_11(main: &MainCf<'_>) -> bool {
    main.or_default("", "${{$compatibility_level} >= {3.11} ? {yes} : {}}") == "yes"
}

fn fingerprints(main: &MainCf<'_>, draft: &mut Draft) -> Vec<String> {
    let digest = main.or_default("smtp_tls_fingerprint_digest", "${{$compatibility_level} < {3.6} ? {md5} : {sha256}}");
    let written = main.list("smtp_tls_fingerprint_cert_match");
    if written.is_empty() || digest.eq_ignore_ascii_case("sha256") {
        return written;
    }
    let why =
        format!("these are {digest} fingerprints; \"postrider test\" shows the SHA-256 one for `tls_fingerprint`");
    draft.left_out("smtp_tls_fingerprint_cert_match", why);
    Vec::new()
}

/// The certificate with which Postfix logs in: the first pair.
fn client_certificate(main: &MainCf<'_>, draft: &mut Draft, keys: &mut Section) {
    let chains = main.list("smtp_tls_chain_files");
    let pairs = [
        ("smtp_tls_cert_file", "smtp_tls_key_file"),
        ("smtp_tls_eccert_file", "smtp_tls_eckey_file"),
        ("smtp_tls_dcert_file", "smtp_tls_dkey_file"),
    ];
    let mut found: Vec<(&str, String, Option<String>)> = Vec::new();
    if let Some(file) = chains.first() {
        found.push(("smtp_tls_chain_files", file.clone(), None));
    }
    for (certificate, key) in pairs {
        let given = main.get(certificate).filter(|path| path != "none");
        found.extend(given.map(|path| (certificate, path, main.get(key))));
    }
    let mut found = found.into_iter();
    if let Some((name, path, key)) = found.next() {
        keys.text("tls_client_cert", &main.place(&path).display().to_string(), name);
        if let Some(key) = key.filter(|key| *key != path) {
            let name = name.replace("cert_file", "key_file");
            keys.text("tls_client_key", &main.place(&key).display().to_string(), name);
        }
    }
    for (name, path, _) in found {
        draft.left_out(format!("{name} = {path}"), "an account has only one client certificate; the first is used");
    }
    for file in chains.iter().skip(1) {
        draft.left_out(
            format!("smtp_tls_chain_files = {file}"),
            "an account has only one client certificate; the first is used",
        );
    }
}

/// Whether a list of versions leaves TLS 1.2 out.
fn oldest(list: &str) -> &'static str {
    let words = elements(list);
    let has = |word: &str| words.iter().any(|one| one.eq_ignore_ascii_case(word));
    let lists_some = words.iter().any(|word| !word.starts_with(['!', '>', '<']));
    let is_new = has(">=TLSv1.3") || has("!TLSv1.2") || (lists_some && has("TLSv1.3") && !has("TLSv1.2"));
    if is_new { "1.3" } else { "1.2" }
}

fn versions(main: &MainCf<'_>, draft: &mut Draft, keys: &mut Section) {
    let name = "smtp_tls_mandatory_protocols";
    let Some(list) = main.get(name) else { return };
    keys.text("tls_min", oldest(&list), format!("{name}; 1.2 is the oldest supported version"));
    if list.contains("<=") {
        draft.left_out(format!("{name} = {list}"), "a newest version cannot be set, only the oldest, with `tls_min`");
    }
}

impl Options {
    /// The row of `smtp_tls_policy_maps` for a relay: as written, or for a domain above it.
    fn policy(&self, relay: &str) -> Option<&(String, String)> {
        let relay = relay.to_lowercase();
        let find = |key: &str| self.policies.iter().find(|(known, _)| known == key);
        let parents = relay.match_indices('.').map(|(at, _)| &relay[at..]).filter(|_| !relay.starts_with('['));
        find(&relay).or_else(|| parents.into_iter().find_map(find)).or_else(|| find(tables::ALL))
    }

    /// Rows of `smtp_tls_policy_maps` that none of these relays asks for.
    pub(crate) fn tell_unused_policies(&self, relays: &[&str], draft: &mut Draft) {
        let used: Vec<_> = relays.iter().filter_map(|relay| self.policy(relay)).collect();
        for row in self.policies.iter().filter(|row| !used.contains(row)) {
            draft.left_out(format!("smtp_tls_policy_maps entry for {}", row.0), "no relay has this name");
        }
    }

    /// When Postfix begins TLS with a relay.
    pub(crate) fn encryption(&self, relay: &str) -> Encryption {
        let words = self.policy(relay).map(|(_, value)| elements(value));
        let level = words.as_ref().and_then(|words| words.first()).unwrap_or(&self.level).as_str();
        match level {
            "none" => Encryption::Clear,
            _ if self.wrapper => Encryption::Implicit,
            "may" => Encryption::Optional,
            _ => Encryption::Starttls,
        }
    }

    /// The TLS and login keys of one account.
    pub(crate) fn write(&self, name: &str, relay: &str, login: Option<&str>, keys: &mut Section, draft: &mut Draft) {
        let words = self.policy(relay).map(|(_, value)| elements(value));
        let by = if words.is_some() { "smtp_tls_policy_maps" } else { self.level_by };
        let level = words.as_ref().and_then(|words| words.first()).unwrap_or(&self.level).clone();
        let implicit = self.wrapper && level != "none";
        Self::begin(&Tls { account: name, relay, level: &level, by, implicit }, login, keys, draft);
        if relay.ends_with(":465") && !implicit {
            draft.changed(
                format!("port 465 (account {name})"),
                "Postfix cannot have used this port without smtp_tls_wrappermode",
            );
        }
        self.attributes(&level, words.as_deref().unwrap_or_default(), keys, draft);
        if let Some(ca) = &self.ca {
            keys.text("tls_ca", ca, "smtp_tls_CAfile");
            if !["verify", "secure"].contains(&level.as_str()) {
                let how = "Postfix did not verify with it; now only certificates of its authorities are accepted: remove \
                           `tls_ca` to trust those of the system";
                draft.changed(format!("smtp_tls_CAfile (account {name})"), how);
            }
        }
        keys.append(&self.common);
        if let (Some((auth, names)), Some(_)) = (&self.auth, login) {
            keys.list("auth", auth, names.as_str());
        }
    }

    /// When TLS begins, and what is different from Postfix.
    fn begin(tls: &Tls<'_>, login: Option<&str>, keys: &mut Section, draft: &mut Draft) {
        let Tls { account, relay, level, by, implicit } = *tls;
        let here = is_this_machine(host(relay));
        let clear = level == "none" && (here || login.is_none());
        if implicit {
            keys.text("tls", "implicit", format!("smtp_tls_wrappermode, {by}"));
        } else if clear {
            keys.text("tls", "none", format!("{by}, unchanged; set \"starttls\" if the relay offers it"));
            if login.is_some() {
                keys.line("allow_plaintext", "true".to_owned(), "the relay runs on this machine");
            }
        } else {
            keys.text("tls", "starttls", by);
        }
        let what = format!("TLS for account {account}");
        let how = match level {
            "verify" | "secure" | "fingerprint" => return,
            "none" if clear => return,
            "none" => "Postfix sent the password in clear text; TLS is now required",
            "may" => "TLS was optional and any certificate accepted; TLS and a valid certificate are now required",
            "encrypt" => "any certificate was accepted; it must now be valid for the relay",
            _ => "unknown level; TLS is required and the certificate must be valid for the relay",
        };
        draft.changed(what, format!("{by} = {level}: {how}"));
    }

    /// What stands behind the level in a policy, or in parameters of its own.
    fn attributes(&self, level: &str, words: &[String], keys: &mut Section, draft: &mut Draft) {
        let mut has_match = false;
        for word in words.iter().skip(1) {
            let told = format!("smtp_tls_policy_maps {word}");
            match word.split_once('=') {
                Some(("match", names)) => {
                    let names: Vec<String> = names.split([':', '|']).map(str::to_owned).collect();
                    let names = if level == "fingerprint" { vec![word[6..].replace('|', " ")] } else { names };
                    Self::matching(level, "smtp_tls_policy_maps match", &names, keys, draft);
                    has_match = true;
                }
                Some(("protocols", list)) => {
                    keys.text("tls_min", oldest(&list.replace(':', " ")), "smtp_tls_policy_maps protocols");
                }
                Some(("tafile", path)) => keys.text("tls_ca", path, "smtp_tls_policy_maps tafile"),
                _ => draft.left_out(told, "not supported"),
            }
        }
        if level == "fingerprint" && !has_match && !self.fingerprints.is_empty() {
            Self::matching(level, "smtp_tls_fingerprint_cert_match", &self.fingerprints, keys, draft);
        }
        let own = match level {
            "verify" => &self.matches[0],
            _ => &self.matches[1],
        };
        if !has_match && !own.1.is_empty() {
            Self::matching(level, own.0, &own.1, keys, draft);
        }
    }

    /// The name that the certificate must have.
    fn matching(level: &str, what: &str, names: &[String], keys: &mut Section, draft: &mut Draft) {
        if level == "fingerprint" {
            let prints: Vec<String> = names.iter().flat_map(|names| elements(names)).collect();
            let is_long = |print: &String| print.bytes().filter(u8::is_ascii_hexdigit).count() == 64;
            if prints.iter().all(is_long) {
                keys.list("tls_fingerprint", &prints, what);
            } else {
                let why = "not a SHA-256 fingerprint; \"postrider test\" shows the one for `tls_fingerprint`";
                draft.left_out(what, why);
            }
            return;
        }
        let keywords = ["hostname", "nexthop", "dot-nexthop"];
        let (usual, literal): (Vec<&String>, Vec<&String>) =
            names.iter().partition(|name| keywords.contains(&name.as_str()));
        match (usual.as_slice(), literal.as_slice()) {
            (_, []) => {}
            ([], [name]) if is_name(name) => keys.text("tls_name", name, what),
            _ => draft.left_out(format!("{what} = {}", names.join(" ")), "only one name can be set, with `tls_name`"),
        }
    }
}

/// How one account's TLS was with Postfix.
#[derive(Clone, Copy)]
struct Tls<'t> {
    account: &'t str,
    relay: &'t str,
    level: &'t str,
    /// The parameter that says so.
    by: &'t str,
    implicit: bool,
}

/// Whether it is the one name that a certificate can have.
fn is_name(name: &str) -> bool {
    !name.starts_with(['.', '[']) && Address::new("x", name).is_ok()
}
