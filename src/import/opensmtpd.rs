//! smtpd.conf of `OpenSMTPD` 6.4 and later -> [`Draft`], as smtpd.conf(5) and table(5) explain it: the rules that mail of this
//! machine's programs meets, in their order, and the relay that each of them names. The file's words are read in `tokens`, its
//! statements in `config`.

mod config;
mod relay;
mod routes;
mod tokens;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use self::config::{Action, Config, Origin, Recipients, Rows, Senders, Table, Values};
use self::routes::Routes;
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
    let routes = routes::routes(&source, &name, &mut draft);
    local_mail(&source, &routes, &mut draft);
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

/// Aliases, virtual users, and whether this machine keeps mail at all.
fn local_mail(source: &Source<'_>, routes: &Routes, draft: &mut Draft) {
    let local = routes.local.as_ref().and_then(|local| source.config.actions.get(local));
    let Some(action) = local else {
        draft.top.list("own_domains", &[], "all mail goes to the relay, also that for this machine");
        return;
    };
    draft.top.list("own_domains", &routes.own_domains, "what \"for local\" means, and domains that a rule keeps here");
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
                if matches!(rule.senders, Senders::All) && rule.conditions.is_empty() =>
            {
                draft.serves("sends mail of other machines (listen on, match from any for any)");
            }
            Recipients::Domains(domains) => {
                let first = source.values(domains).ok().and_then(|rows| Some(rows.first()?.0.clone()));
                let first = first.unwrap_or_else(|| "others".to_owned());
                draft.serves(format!("receives mail for {first} (listen on, match from any)"));
            }
            Recipients::Others => draft.serves("receives mail for certain recipients (listen on, match from any)"),
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
