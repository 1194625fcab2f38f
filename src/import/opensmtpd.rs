//! smtpd.conf of `OpenSMTPD` 6.4 and later -> [`Draft`], as smtpd.conf(5) and table(5) explain it: the rules that mail of this
//! machine's programs meets, in their order, and the relay that each of them names. The file's words are read in `tokens`, its
//! statements in `config`.

mod config;
mod relay;
mod tokens;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use self::config::{Action, Config, Origin, Recipients, Rows, Rule, Table, Values};
use super::draft::{Draft, inline, is_domain, is_public, is_this_machine, quoted};
use crate::import::{ImportContext, ImportError, Tables};

/// The configuration with what it names.
struct Source<'a> {
    context: &'a ImportContext<'a>,
    folder: &'a Path,
    config: Config,
}

impl Source<'_> {
    /// A copy of somebody's configuration has its tables beside it.
    fn place(&self, path: &str) -> PathBuf {
        place(self.context, self.folder, path)
    }

    /// The rows of a table; `Err`: why there are none.
    fn rows(&self, name: &str) -> Result<Rows, String> {
        match self.config.tables.get(name) {
            Some(Table::Rows(rows)) => Ok(rows.clone()),
            Some(Table::File(path)) => {
                let path = self.place(path);
                let text = (self.context.read)(&path);
                text.map(|text| rows_of_file(&text)).map_err(|error| format!("cannot read {}: {error}", path.display()))
            }
            Some(Table::Other(kind)) => {
                Err(format!("tables like {kind} are not supported; write the entries to a text file"))
            }
            None => Err(format!("there is no table {name}")),
        }
    }

    /// What is meant, as rows.
    fn values(&self, values: &Values) -> Result<Rows, String> {
        match values {
            Values::One(word) => Ok(vec![(word.clone(), String::new())]),
            Values::Rows(rows) => Ok(rows.clone()),
            Values::Table(name) => self.rows(name),
        }
    }
}

fn place(context: &ImportContext<'_>, folder: &Path, path: &str) -> PathBuf {
    let path = Path::new(path);
    let beside = path.file_name().map(|name| folder.join(name));
    match beside.filter(|beside| !folder.starts_with("/etc") && (context.read)(beside).is_ok()) {
        Some(beside) => beside,
        None => path.to_owned(),
    }
}

/// Translates.
pub(crate) fn translate(context: &ImportContext<'_>) -> Result<Draft, ImportError> {
    let path = context.main_file("smtpd.conf");
    let text = context.required(&path)?;
    let folder = path.parent().unwrap_or(&path);
    let mut unread = Vec::new();
    let read = |path: &str| (context.read)(&place(context, folder, path)).ok();
    let statements = tokens::statements(&text, &read, &mut unread);
    let source = Source { context, folder, config: Config::of(&statements) };
    let mut draft = Draft::default();
    for path in unread {
        draft.left_out(format!("include {path}"), "it cannot be read");
    }
    let name = server_name(context);
    if !name.eq_ignore_ascii_case(context.hostname) {
        draft.top.text("hostname", &name, "/etc/mailname");
    }
    draft.top.text("origin", &name, "/etc/mailname, or this machine's name");
    receives(&source, &name, &mut draft);
    let routes = routes(&source, &name, &mut draft);
    local_mail(&source, &routes, &name, &mut draft);
    relay::add_all(&source, &routes.relays, &name, &mut draft);
    others(&source.config, &mut draft);
    Ok(draft)
}

/// What `local` means besides localhost, and what completes bare addresses.
fn server_name(context: &ImportContext<'_>) -> String {
    let mailname = (context.read)(Path::new("/etc/mailname")).ok();
    let mailname = mailname.and_then(|text| Some(text.lines().next()?.trim().to_owned()));
    mailname.filter(|name| is_domain(name)).unwrap_or_else(|| context.hostname.to_owned())
}

/// Where mail of this machine's programs goes.
#[derive(Default)]
struct Routes {
    /// The actions for mail to anybody, and for whose mail they are: nobody named means everybody's.
    relays: Vec<(String, Vec<String>)>,
    /// The action for mail to this machine's users, where that does not go the same way.
    local: Option<String>,
}

/// The first rule that fits counts: for mail to others, and for mail to this machine, which is `name`.
fn routes(source: &Source<'_>, name: &str, draft: &mut Draft) -> Routes {
    let mut routes = Routes::default();
    let (mut is_decided, mut is_local_decided) = (false, false);
    for rule in &source.config.rules {
        let action = rule.action.as_deref().and_then(|name| source.config.actions.get(name));
        let what = described(rule);
        let is_relay = action.is_some_and(|action| action.method == "relay");
        let is_imported = is_relay && rule.conditions.is_empty();
        if !is_decided && !is_imported && is_for_other_senders(rule) {
            draft.others.get_or_insert_with(|| format!("{what}, which is not imported"));
        }
        if rule.origin == Origin::Others {
            let why = "it is for machines in the network; add each with \"postrider client add\"";
            draft.left_out(what, why);
        } else if !rule.conditions.is_empty() {
            draft.left_out(
                what,
                format!("it asks for {}, which decides nothing in postrider", rule.conditions.join(", ")),
            );
        } else if let Some(to) = rule.action.as_ref().filter(|_| action.is_some()) {
            match &rule.recipients {
                Recipients::Any | Recipients::AllButLocal | Recipients::AllBut(_) if is_decided => {}
                Recipients::Any | Recipients::AllButLocal | Recipients::AllBut(_) if is_relay => {
                    let senders = senders(source, rule, draft);
                    is_decided = rule.senders.is_none();
                    is_local_decided |= is_decided && is_for_this_machine(source, rule, name);
                    if let Recipients::AllBut(but) = &rule.recipients {
                        let how =
                            "OpenSMTPD asked the rules behind this one, or refused it; it now goes like any other";
                        draft.changed(format!("mail to {} ({what})", excluded(source, but)), how);
                    }
                    if let Some(first) = draft.others.clone().filter(|_| !senders.is_empty()) {
                        draft.changed(
                            format!("mail of {}", senders.join(", ")),
                            format!("OpenSMTPD asked another rule first: {first}"),
                        );
                    }
                    if is_decided || !senders.is_empty() {
                        add(&mut routes.relays, to, senders);
                    }
                }
                Recipients::Local if routes.local.is_none() && !is_local_decided => routes.local = Some(to.clone()),
                Recipients::Local => {}
                Recipients::Domains(_) if is_relay => {
                    draft.left_out(what, "postrider chooses the relay by sender, not by recipient");
                }
                // Mail of others to this machine: see `receives`.
                Recipients::Domains(_) if rule.origin == Origin::Any => {}
                _ => draft.left_out(what, "not supported; map such addresses in `virtual` or aliases"),
            }
        } else if rule.action.is_none() {
            draft.left_out(what, "postrider rejects no mail of this machine's users");
        } else {
            draft.left_out(what, "there is no such action");
        }
    }
    if !is_decided {
        draft.others.get_or_insert_with(|| "no rule for this sender, so its mail was refused".to_owned());
    }
    routes
}

/// Whether it may decide about mail of senders that no rule names.
fn is_for_other_senders(rule: &Rule) -> bool {
    let is_by_sender = rule.conditions.iter().all(|condition| condition == "mail-from");
    rule.origin != Origin::Others
        && matches!(rule.recipients, Recipients::Any | Recipients::AllButLocal | Recipients::AllBut(_))
        && rule.senders.is_none()
        && is_by_sender
}

/// Whether a rule for nearly all mail is also for that to this machine.
fn is_for_this_machine(source: &Source<'_>, rule: &Rule, name: &str) -> bool {
    match &rule.recipients {
        Recipients::AllButLocal => false,
        Recipients::AllBut(but) => source.values(but).is_ok_and(|rows| {
            !rows
                .iter()
                .any(|(domain, _)| domain.eq_ignore_ascii_case(name) || domain.eq_ignore_ascii_case("localhost"))
        }),
        _ => true,
    }
}

/// What a rule for nearly all mail leaves out, for people.
fn excluded(source: &Source<'_>, but: &Values) -> String {
    match (but, source.values(but)) {
        (Values::Table(table), _) => format!("<{table}>"),
        (_, Ok(rows)) => rows.into_iter().map(|(key, _)| key).collect::<Vec<_>>().join(", "),
        (_, Err(_)) => "others".to_owned(),
    }
}

fn add(relays: &mut Vec<(String, Vec<String>)>, name: &str, senders: Vec<String>) {
    match relays.iter_mut().find(|(known, of)| known == name && of.is_empty() == senders.is_empty()) {
        Some((_, known)) => known.extend(senders),
        None => relays.push((name.to_owned(), senders)),
    }
}

/// `mail-from` of a rule, as entries of `senders`.
fn senders(source: &Source<'_>, rule: &Rule, draft: &mut Draft) -> Vec<String> {
    let Some(values) = &rule.senders else { return Vec::new() };
    match source.values(values) {
        Ok(rows) => {
            let (whole, others): (Vec<String>, Vec<String>) =
                rows.into_iter().map(|(key, _)| key).partition(|key| key.contains('@') && !key.contains('*'));
            for other in others {
                draft.left_out(format!("mail-from {other}"), "only user@domain and @domain can be in `senders`");
            }
            whole
        }
        Err(why) => {
            draft.left_out(described(rule), why);
            Vec::new()
        }
    }
}

fn described(rule: &Rule) -> String {
    let from = match rule.origin {
        Origin::Local => "local",
        Origin::Any => "any",
        Origin::Others => "others",
    };
    let to = match &rule.recipients {
        Recipients::Local => "local".to_owned(),
        Recipients::Any => "any".to_owned(),
        Recipients::AllButLocal => "all but local".to_owned(),
        Recipients::AllBut(_) => "all but certain recipients".to_owned(),
        Recipients::Domains(Values::One(domain)) => format!("domain {domain}"),
        Recipients::Domains(Values::Table(table)) => format!("domain <{table}>"),
        Recipients::Domains(Values::Rows(_)) => "domain { ... }".to_owned(),
        Recipients::Others => "certain recipients".to_owned(),
    };
    let action = rule.action.as_ref().map_or_else(|| "reject".to_owned(), |name| format!("action {name}"));
    format!("match from {from} for {to} {action}")
}

/// Aliases, virtual users, and whether this machine keeps mail at all.
fn local_mail(source: &Source<'_>, routes: &Routes, name: &str, draft: &mut Draft) {
    let local = routes.local.as_ref().and_then(|local| source.config.actions.get(local));
    let Some(action) = local.filter(|action| action.method != "relay") else {
        draft.top.list("own_domains", &[], "all mail goes to the relay, also that for this machine");
        return;
    };
    draft.top.list("own_domains", &[name.to_owned(), "localhost".to_owned()], "what \"for local\" means");
    if !["expand-only", "forward-only"].contains(&action.method.as_str()) {
        draft.keeps_own_mail();
    } else if action.method == "forward-only" {
        draft.left_out("forward-only", "~/.forward is not read; map these users to addresses in aliases");
    }
    aliases(source, action, draft);
    if let Some(virtuals) = action.option("virtual") {
        virtual_users(source, virtuals, draft);
    }
    for (option, _) in &action.options {
        if !["alias", "virtual"].contains(&option.as_str()) {
            draft.no_effect(format!("action {} {option}", action.method), "`mailbox` says where local mail is kept");
        }
    }
}

fn aliases(source: &Source<'_>, action: &Action, draft: &mut Draft) {
    let Some(values) = action.option("alias") else { return };
    if let Values::Table(table) = values
        && let Some(Table::File(path)) = source.config.tables.get(table)
    {
        let path = source.place(path);
        let text = (source.context.read)(&path).unwrap_or_default();
        let is_aliases =
            |line: &str| line.trim().is_empty() || line.starts_with(['#', ' ', '\t']) || line.contains(':');
        let goes = source.context.tables == Tables::Copied && path.starts_with("/etc/mail");
        if text.lines().all(is_aliases) && !goes && (source.context.read)(&path).is_ok() {
            draft.top.list("aliases", &[path.display().to_string()], format!("alias <{table}>"));
            return;
        }
    }
    match source.values(values) {
        Ok(rows) => {
            let mut text = String::new();
            for (name, values) in rows {
                let _ = writeln!(text, "{name}: {values}");
            }
            let place = draft.table("aliases", text);
            draft.top.list("aliases", &[place], "alias");
            draft.changed("aliases", "they are a copy: edit that in tables/ from now on");
        }
        Err(why) => draft.left_out("alias", format!("{why}; set `aliases`")),
    }
}

fn virtual_users(source: &Source<'_>, values: &Values, draft: &mut Draft) {
    match source.values(values) {
        Ok(rows) => {
            let (whole, others): (Rows, Rows) = rows.into_iter().partition(|(key, _)| key.contains('@') && key != "@");
            for (key, _) in others {
                draft.left_out(format!("virtual entry {key}"), "it holds in several domains; write one entry for each");
            }
            let row = |(key, value): &(String, String)| format!("{} = {}", quoted(key), quoted(value));
            let rows: Vec<String> = whole.iter().map(row).collect();
            if !rows.is_empty() {
                draft.top.values("virtual", &[inline(&rows)], "virtual");
            }
        }
        Err(why) => draft.left_out("virtual", format!("{why}; set `virtual`")),
    }
}

/// Whether others send their mail to this machine.
fn receives(source: &Source<'_>, name: &str, draft: &mut Draft) {
    let is_inside = |on: &str| ["lo", "lo0", "socket"].contains(&on) || is_this_machine(on);
    if source.config.listeners.iter().all(|(on, _)| is_inside(on)) {
        return;
    }
    for rule in source.config.rules.iter().filter(|rule| rule.origin == Origin::Any && rule.action.is_some()) {
        match &rule.recipients {
            Recipients::Local if is_public(name) => {
                draft.serves(format!("receives mail for {name} (listen on, match from any)"));
            }
            Recipients::Any | Recipients::AllButLocal | Recipients::AllBut(_)
                if rule.senders.is_none() && rule.conditions.is_empty() =>
            {
                draft.serves("sends mail of other machines (listen on, match from any for any)");
            }
            Recipients::Domains(domains) => {
                let first = source.values(domains).ok().and_then(|rows| Some(rows.first()?.0.clone()));
                let first = first.unwrap_or_else(|| "others".to_owned());
                draft.serves(format!("receives mail for {first} (listen on, match from any)"));
            }
            _ => {}
        }
    }
}

/// Statements about limits, filters and the server.
fn others(config: &Config, draft: &mut Draft) {
    for words in &config.others {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["queue", "ttl", time] => draft.queue.text("lifetime", time, "queue ttl"),
            ["bounce", "warn-interval", time, ..] => draft.queue.text("warn_after", time, "bounce warn-interval"),
            ["smtp", "max-message-size", size] => match octets(size) {
                Some(octets) => draft.queue.line("max_message_size", octets.to_string(), "smtp max-message-size"),
                None => draft.left_out("smtp max-message-size", "not a size; set `max_message_size`"),
            },
            ["smtp", "sub-addr-delim", delimiter] => {
                draft.top.text("recipient_delimiter", delimiter, "smtp sub-addr-delim");
            }
            ["filter", name, ..] => {
                let why = "postrider changes only addresses in headers, and does not inspect content";
                draft.left_out(format!("filter {name}"), why);
            }
            [first, ..] => draft.no_effect((*first).to_owned(), "specific to OpenSMTPD's server, queue or processes"),
            [] => {}
        }
    }
    for (on, options) in config.listeners.iter().filter(|(_, options)| options.iter().any(|word| word == "senders")) {
        draft.left_out(
            format!("listen on {on} senders"),
            format!("list them for each client; it said {}", options.join(" ")),
        );
    }
    if config.old > 0 {
        draft.left_out("accept", "rules as OpenSMTPD had them before version 6.4 are not read");
    }
}

/// `35M`, as `scan_scaled(3)` reads it.
fn octets(size: &str) -> Option<u64> {
    let digits = size.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match size[digits.len()..].to_ascii_uppercase().as_str() {
        "" | "B" => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_shl(shift).filter(|octets| *octets > 0)
}

/// `key value`, with white space or a colon between them; a list has keys alone.
fn rows_of_file(text: &str) -> Rows {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let row = |line: &str| {
        let at = line.find([' ', '\t', ':']).unwrap_or(line.len());
        let value = line[at..].trim_start_matches(':').trim();
        (line[..at].to_owned(), value.to_owned())
    };
    lines.map(row).collect()
}
