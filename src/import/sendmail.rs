//! Sendmail as a client of one relay -> [`Draft`]: sendmail.cf or sendmail.mc, submit.cf or submit.mc, and the tables that
//! they name, as cf/README and the operations guide explain them. Here is what holds for the machine and its relay; the two
//! languages are in `cf` and `mc`, logins in `login`, addresses in `rewriting`.

mod cf;
mod login;
mod mc;
mod rewriting;
mod settings;

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use self::rewriting::{Names, unique};
use self::settings::{FOLDER, Settings, rows};
use super::draft::{Draft, is_domain, is_public, is_this_machine, names_of, quoted};
use super::said::Encryption;
use super::simple::{Lookup, Simple};
use crate::import::{ImportContext, ImportError, SourceIs, Tables};

/// Where the program's files are, in this source.
struct Source<'a> {
    context: &'a ImportContext<'a>,
    folder: &'a Path,
}

impl Source<'_> {
    /// Where a path of the configuration is, for this source.
    fn place(&self, path: &str) -> PathBuf {
        match Path::new(path).strip_prefix(FOLDER) {
            Ok(below) => self.folder.join(below),
            Err(_) => self.folder.join(path),
        }
    }

    fn read(&self, path: &str) -> io::Result<String> {
        (self.context.read)(&self.place(path))
    }

    fn settings(&self, text: &str, path: &Path) -> Settings {
        let mut settings = Settings::default();
        if path.extension().is_some_and(|extension| extension == "mc") {
            mc::read(text, &|path| self.read(path).ok(), &mut settings);
        } else {
            cf::read(text, &mut settings);
        }
        settings
    }

    /// The members of a class, with those in files.
    fn members(&self, settings: &Settings, class: &str) -> Vec<String> {
        let mut members = settings.class(class).to_vec();
        for (_, file) in settings.class_files.iter().filter(|(of, _)| of == class) {
            let text = self.read(file).unwrap_or_default();
            members.extend(text.lines().filter_map(|line| Some(line.split('#').next()?.trim().to_owned())));
        }
        members.retain(|member| !member.is_empty());
        unique(members)
    }
}

/// Translates.
pub(crate) fn translate(context: &ImportContext<'_>) -> Result<Draft, ImportError> {
    let source = Source { context, folder: context.folder() };
    let mut draft = Draft::default();
    let settings = match context.source_is {
        SourceIs::File => source.settings(&context.required(context.source)?, context.source),
        SourceIs::Folder => of_folder(&source, &mut draft)?,
    };
    let machine = settings.value("j").filter(|name| is_domain(name)).unwrap_or(context.hostname).to_owned();
    if machine != context.hostname {
        draft.top.text("hostname", &machine, "confDOMAIN_NAME");
    }
    draft.top.text("origin", &machine, "this machine's name");
    let own = own_domains(&source, &settings, &machine, &mut draft);
    let read = |path: &str| source.read(path);
    let members = |class: &str| source.members(&settings, class);
    rewriting::carry(&settings, &Names { machine, own }, &members, &read, &mut draft);
    if !settings.has("nullclient") {
        aliases(&source, &settings, &mut draft);
        virtual_users(&source, &settings, &mut draft);
        receives(&settings, &members, &mut draft);
    }
    limits(&settings, &mut draft);
    relay(&settings, &read, &mut draft);
    rest(&source, &settings, &mut draft);
    Ok(draft)
}

/// The configuration of the program that sends what others hand in: that of the daemon, unless submit.cf names another host.
fn of_folder(source: &Source<'_>, draft: &mut Draft) -> Result<Settings, ImportError> {
    let first = |names: [&str; 2]| {
        names.iter().find_map(|name| {
            let path = source.folder.join(name);
            Some(((source.context.read)(&path).ok()?, path))
        })
    };
    let submission = first(["submit.cf", "submit.mc"]).map(|(text, path)| source.settings(&text, &path));
    let elsewhere = |host: &str| !host.is_empty() && !is_this_machine(host);
    if let Some(mut settings) = submission.filter(|settings| settings.value("MTAHost").is_some_and(elsewhere)) {
        let host = settings.value("MTAHost").unwrap_or_default().to_owned();
        for key in ["S", "H"] {
            settings.macros.insert(key.to_owned(), host.clone());
        }
        draft.no_effect("sendmail.cf", "submit.cf sends mail of programs to another host, so only submit.cf is used");
        return Ok(settings);
    }
    match first(["sendmail.cf", "sendmail.mc"]) {
        Some((text, path)) => Ok(source.settings(&text, &path)),
        None => source.context.required(&source.folder.join("sendmail.cf")).map(|_| Settings::default()),
    }
}

/// Where all mail of this machine goes to the relay as well, it has no domains.
fn own_domains(source: &Source<'_>, settings: &Settings, machine: &str, draft: &mut Draft) -> Vec<String> {
    let mut names = names_of(machine);
    names.extend(source.members(settings, "w"));
    let (names, others): (Vec<String>, Vec<String>) = unique(names).into_iter().partition(|name| is_domain(name));
    for other in others {
        draft.left_out(format!("class w: {other}"), "only names are imported; list others in `own_domains`");
    }
    let (host, hub) = (settings.value("S"), settings.value("H").or(settings.value("R")));
    if hub.is_some() && host.is_some_and(|host| hub == Some(host)) {
        draft.top.list("own_domains", &[], "MAIL_HUB: mail for this machine goes to the relay as well");
        return names;
    }
    if let Some(hub) = hub {
        draft.left_out(format!("MAIL_HUB {hub}"), "mail for this machine has no relay of its own; map it in aliases");
    }
    draft.top.list("own_domains", &names, "class w");
    draft.keeps_own_mail();
    names
}

fn relay(settings: &Settings, read: &dyn Fn(&str) -> io::Result<String>, draft: &mut Draft) {
    let Some(written) = settings.value("S") else {
        draft.is_direct("SMART_HOST");
        return;
    };
    let (mailer, hosts) = mailer_and_hosts(written);
    if !["relay", "smtp", "esmtp", "smtp8", "dsmtp"].contains(&mailer) {
        draft.left_out(format!("SMART_HOST {written}"), "its mailer does not use SMTP");
        return;
    }
    let Some(first) = hosts.first() else { return };
    let lookup = if first.starts_with('[') { Lookup::Host } else { Lookup::Mx };
    let arguments = settings.mailers.get(mailer).map(String::as_str).unwrap_or_default();
    let port = arguments.split_whitespace().nth(2).filter(|port| *port != "25" && *port != "smtp");
    let tls = match port {
        Some("465" | "smtps" | "submissions") => Encryption::Implicit,
        _ => Encryption::Optional,
    };
    let port = match port {
        Some("submission") => Some("587"),
        Some("smtps" | "submissions") => Some("465"),
        port => port,
    };
    let mut simple = Simple { port: port.map(str::to_owned), tls, lookup, ..Simple::default() };
    simple.hosts = hosts.iter().map(|host| login::bare(host).to_owned()).collect();
    simple.client_cert = settings.options.get("ClientCertFile").cloned();
    simple.client_key = settings.options.get("ClientKeyFile").cloned();
    login::carry(settings, read, &mut simple, draft);
    simple.add(draft);
}

/// `mailer:host`, or hosts alone, between colons. A mailer is one word.
fn mailer_and_hosts(written: &str) -> (&str, Vec<&str>) {
    let is_word = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let (mailer, list) = match written.split_once(':') {
        Some((mailer, rest)) if is_word(mailer) => (mailer, rest),
        _ => ("relay", written),
    };
    let mut depth = 0_usize;
    let hosts = list.split(|c| {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ':' && depth == 0
    });
    let hosts = hosts.map(|host| host.trim().trim_end_matches('.'));
    (mailer, hosts.filter(|host| !host.is_empty()).collect())
}

/// The alias files that are there; those in Sendmail's folder go with Sendmail.
fn aliases(source: &Source<'_>, settings: &Settings, draft: &mut Draft) {
    let named = settings.options.get("AliasFile").map(String::as_str);
    let usual = "/etc/mail/aliases, /etc/aliases";
    let mut sources = Vec::new();
    for file in named.unwrap_or(usual).split(',').map(str::trim) {
        let Some(at) = file.find('/') else { continue };
        let path = source.place(&file[at..]);
        match (source.context.read)(&path) {
            Ok(text) if source.context.tables == Tables::Copied && path.starts_with(source.folder) => {
                sources.push(format!("hash:{}", draft.table("aliases", text)));
                draft.changed("aliases", "they are a copy: edit that in tables/ from now on");
            }
            Ok(_) => sources.push(path.display().to_string()),
            Err(error) if named.is_some() => {
                draft.left_out(format!("aliases {file}"), format!("cannot be read: {error}; set `aliases`"));
            }
            Err(_) => {}
        }
        if named.is_none() && !sources.is_empty() {
            break;
        }
    }
    if !sources.is_empty() {
        draft.top.list("aliases", &sources, "AliasFile");
    }
}

/// virtusertable, which changes recipients: rows that name an address.
fn virtual_users(source: &Source<'_>, settings: &Settings, draft: &mut Draft) {
    let Some(file) = settings.map_file("virtuser") else { return };
    let text = match source.read(file) {
        Ok(text) => text,
        Err(error) => {
            draft.left_out(format!("virtusertable {file}"), format!("cannot be read: {error}; set `virtual`"));
            return;
        }
    };
    let mut table = String::new();
    for (key, value) in rows(&text) {
        let user = key.split('@').next().unwrap_or(key);
        match rewriting::address(user, value, "").filter(|_| !value.starts_with("error:")) {
            Some(address) => {
                let _ = writeln!(table, "{key} {}", address.trim_end_matches('@'));
            }
            None => draft.left_out(format!("virtusertable entry for {key}"), "patterns and errors have no counterpart"),
        }
    }
    if !table.is_empty() {
        let place = draft.table("virtusertable", table);
        draft.top.values("virtual", &[quoted(&format!("hash:{place}"))], "virtusertable");
    }
}

/// Whether others send their mail to this machine. Without options, the daemon listens on all addresses.
fn receives(settings: &Settings, members: &dyn Fn(&str) -> Vec<String>, draft: &mut Draft) {
    let value = |options: &str, keys: &[&str]| {
        let mut parts = options.split(',').filter_map(|part| part.trim().split_once('='));
        parts.find(|(key, _)| keys.contains(&key.trim())).map(|(_, value)| value.trim().to_owned())
    };
    // Others do not send mail to that port.
    let is_submission =
        |options: &String| value(options, &["Port", "P"]).is_some_and(|port| port == "587" || port == "submission");
    let is_inside = |options: &String| value(options, &["Addr", "A"]).is_some_and(|address| is_this_machine(&address));
    if !settings.daemons.is_empty() && settings.daemons.iter().all(|one| is_inside(one) || is_submission(one)) {
        return;
    }
    let own = members("w");
    if let Some(name) = own.iter().find(|name| is_public(name)) {
        draft.serves(format!("receives mail for {name} (DaemonPortOptions, class w)"));
    }
    if let Some(name) = members("R").iter().chain(&members("VirtHost")).find(|name| is_public(name)) {
        draft.serves(format!("receives mail for others ({name} in relay-domains or VIRTUSER_DOMAIN)"));
    }
}

fn limits(settings: &Settings, draft: &mut Draft) {
    let option = |name: &str| settings.options.get(name).map(String::as_str).filter(|value| !value.is_empty());
    for (name, key) in
        [("Timeout.queuereturn", "lifetime"), ("Timeout.queuewarn", "warn_after"), ("MinQueueAge", "retry_min")]
    {
        let Some(value) = option(name) else { continue };
        let is_time = value.len() > 1
            && value.ends_with(['s', 'm', 'h', 'd', 'w'])
            && value[..value.len() - 1].parse::<u32>().is_ok_and(|number| number > 0);
        if is_time {
            draft.queue.text(key, value, name);
        } else {
            draft.left_out(format!("{name}={value}"), format!("not a time of one unit; set `{key}`"));
        }
    }
    match option("MaxMessageSize").map(str::parse::<u64>) {
        Some(Ok(octets)) if octets > 0 => draft.queue.line("max_message_size", octets.to_string(), "MaxMessageSize"),
        Some(_) => draft.left_out("MaxMessageSize", "there is always a limit; the default is 50MB"),
        None => {}
    }
}

/// Features of which something was said, or which are how we always are.
const CARRIED: [&str; 12] = [
    "authinfo",
    "access_db",
    "genericstable",
    "virtusertable",
    "use_cw_file",
    "nullclient",
    "msp",
    "allmasquerade",
    "masquerade_envelope",
    "masquerade_entire_domain",
    "limited_masquerade",
    "always_add_domain",
];

/// Macro files that every configuration is made of.
const FRAME: [&str; 3] = ["cfhead", "cf", "proto"];

/// Features that decide where or how mail goes, with the reason why they are left out.
const LEFT_OUT: [(&str, &str); 6] = [
    ("generics_entire_domain", "only the domains themselves are looked up, not those below them"),
    ("ldap_routing", "LDAP is not supported"),
    ("relay_based_on_MX", "postrider relays for no other machine"),
    ("promiscuous_relay", "postrider relays for no other machine"),
    ("smtpauth", "not supported"),
    ("local_no_masquerade", "postrider has no local mailer"),
];

/// Whatever nothing else spoke of.
fn rest(source: &Source<'_>, settings: &Settings, draft: &mut Draft) {
    if let Some(file) = settings.map_file("mailertable") {
        for (key, value) in rows(&source.read(file).unwrap_or_default()) {
            let why = "postrider chooses the relay by sender, not by recipient";
            draft.left_out(format!("mailertable entry \"{key} {value}\""), why);
        }
    }
    if let Some(relay) = settings.value("L") {
        draft.left_out(format!("LUSER_RELAY {relay}"), "a local recipient without an alias bounces");
    }
    for name in
        settings.features.iter().filter(|name| !CARRIED.contains(&name.as_str()) && !FRAME.contains(&name.as_str()))
    {
        match LEFT_OUT.iter().find(|(known, _)| known == name) {
            Some((_, why)) => draft.left_out(format!("FEATURE {name}"), *why),
            None => draft.no_effect(format!("FEATURE {name}"), "specific to Sendmail's files, server or mailers"),
        }
    }
    if settings.options.contains_key("AuthMechanisms") {
        draft.no_effect("AuthMechanisms", "set `auth` in an account to use only some mechanisms");
    }
    if settings.options.contains_key("DefaultAuthInfo") && !draft.mentions("DefaultAuthInfo") {
        draft.no_effect("DefaultAuthInfo", "the entries of authinfo or access are used");
    }
    for name in &settings.others {
        match name.as_str() {
            "INPUT_MAIL_FILTER" | "MAIL_FILTER" => {
                draft.left_out(
                    name.clone(),
                    "postrider changes only addresses in headers, and does not inspect content",
                );
            }
            name if name.starts_with("LOCAL_RULE") => {
                draft
                    .left_out(name, "rules of one's own are not read; postrider route shows what is done without them");
            }
            name if name.starts_with("include ") => draft.left_out(name, "it cannot be read"),
            name => draft.no_effect(name, "specific to Sendmail's files, server or mailers"),
        }
    }
}
