//! `postrider check`: everything that would keep mail from leaving, as far as it can be
//! seen without asking the network, each with its way out. Exit 0, 1 (warnings) or 78.

mod accounts;
mod addresses;
mod cron;
pub(super) mod files;
mod idle_exit;
mod installation;
mod listeners;
mod mailboxes;
mod names;
mod routes;
mod sandbox;
mod tables;

use std::path::Path;

use jiff::Zoned;

use self::cron::Jobs;
use super::colour::Colour;
use super::exit::{Exit, Failure};
use super::print::say_verdict;
use super::{load, step_down};
use crate::config::places::SYSTEM_CONFIG;
use crate::config::{Config, ConfigError, locate};
use crate::control::report::{Kind, Level, Reason, Report};
use crate::control::{account_files, alarm_files, password_end, spool_health};
use crate::spool::Spool;
use crate::sys::user::{self, Caller};

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Check nothing; print the certificate (PEM) of the private CA that listeners have their certificates from
    #[arg(long, conflicts_with = "json")]
    ca: bool,
}

/// All that was found, in the order in which it was looked for. Each is one sentence: what is wrong, a semicolon, what to do.
#[derive(Debug, Default)]
struct Findings(Vec<Reason>);

impl Findings {
    fn lines(&self) -> Vec<String> {
        let line = |reason: &Reason| {
            let word = if reason.level == Level::Critical { "error" } else { "warning" };
            let cure = reason.cure.iter().map(|cure| format!("; {cure}"));
            format!("{word}: {}{}", reason.text, cure.collect::<String>())
        };
        self.0.iter().map(line).collect()
    }

    fn error(&mut self, kind: Kind, subject: Option<&str>, sentence: impl Into<String>) {
        self.add(Level::Critical, kind, subject, &sentence.into());
    }

    fn warning(&mut self, kind: Kind, subject: Option<&str>, sentence: impl Into<String>) {
        self.add(Level::Warning, kind, subject, &sentence.into());
    }

    fn add(&mut self, level: Level, kind: Kind, subject: Option<&str>, sentence: &str) {
        self.0.push(Reason { subject: subject.map(str::to_owned), ..Reason::of_sentence(level, kind, sentence) });
    }

    fn has_errors(&self) -> bool {
        self.0.iter().any(|reason| reason.level == Level::Critical)
    }
}

/// Checks the config that is named or found.
pub fn run(named: Option<&Path>, arguments: &Arguments) -> Result<Exit, Failure> {
    if arguments.ca {
        print_line!("{}", listeners::export_ca(&load(named)?)?.trim_end());
        return Ok(Exit::Ok);
    }
    let mut findings = Findings::default();
    let config = match locate::load(named) {
        Ok(config) => Some(config),
        Err(error @ (ConfigError::Missing(_) | ConfigError::Unreadable { .. })) if !arguments.json => {
            return Err(error.into());
        }
        Err(error) => {
            let place = error.place();
            error.to_string().lines().for_each(|line| findings.error(Kind::Config, Some(&place), line));
            rest_of(error, &mut findings)
        }
    };
    if let Some(config) = &config {
        examine(config, &mut findings);
    }
    Ok(if arguments.json { print_json(findings) } else { print_lines(&findings, config.as_ref()) })
}

/// What of a config can be looked at in spite of its faults; one that others may have written is not looked into.
fn rest_of(error: ConfigError, findings: &mut Findings) -> Option<Config> {
    match error {
        ConfigError::Faulty { rest: Some(rest), .. } => return Some(*rest),
        ConfigError::Faulty { path, .. } | ConfigError::NotTrusted { path, .. } => {
            if path == Path::new(SYSTEM_CONFIG) {
                installation::check(findings);
            }
        }
        ConfigError::Missing(_) | ConfigError::Unreadable { .. } => {}
    }
    None
}

fn examine(config: &Config, findings: &mut Findings) {
    let mut users;
    if config.path == Path::new(SYSTEM_CONFIG) {
        installation::check(findings);
        sandbox::check(config, findings);
        names::taken_by_others().for_each(|(name, text)| findings.warning(Kind::Sendmail, Some(name), text));
        // As root, who alone may read the tables of users.
        let jobs = Jobs::of_this_machine().check(findings);
        mailboxes::forwards(config, &[&["root".to_owned()], &user::people()[..]].concat(), findings);
        users = Users { recipients: [&jobs[..], &user::people()].concat(), submitters: jobs };
        users.submitters.push("root".to_owned());
        // What root can read and the runner cannot is of no use.
        if let Err(failure) = step_down::if_root(config) {
            findings.warning(Kind::Installation, None, failure.message);
        }
    } else {
        let login = Caller::current().login;
        mailboxes::forwards(config, std::slice::from_ref(&login), findings);
        users = Users { recipients: vec![login.clone()], submitters: vec![login] };
        spool(config, findings);
    }
    contents(config, &users, findings);
}

/// Whose mail is followed to its end.
#[derive(Debug, Default)]
struct Users {
    /// Logins and addresses that get mail.
    recipients: Vec<String>,
    /// Logins that submit mail, and names that are none.
    submitters: Vec<String>,
}

fn contents(config: &Config, users: &Users, findings: &mut Findings) {
    let spool = Spool::find(&config.spool).ok().flatten();
    findings.0.extend(spool_health::room(Some(config), spool.as_ref()).ok().flatten());
    findings.0.extend(spool.and_then(|spool| spool_health::unusable(&spool).ok()).unwrap_or_default());
    tables::check(config, findings);
    files::check(config, findings);
    addresses::check(config, findings);
    accounts::check(config, findings);
    findings.0.extend(account_files::unusable(config));
    findings.0.extend(alarm_files::unusable(config));
    findings.0.extend(password_end::warnings(config, Zoned::now().date()));
    idle_exit::check(config, findings);
    mailboxes::check(config, findings);
    routes::check(config, users, findings);
    listeners::check(config, findings);
}

/// Shows what is wrong with a config that is not in use yet, and says whether mail can leave with it.
pub(super) fn show_new(config: &Config) -> Exit {
    let mut findings = Findings::default();
    contents(config, &Users::default(), &mut findings);
    let lines = findings.lines();
    if !lines.is_empty() {
        print_line!("\nTo be looked at:");
        for line in lines {
            print_line!("- {line}");
        }
    }
    if findings.has_errors() { Exit::Warnings } else { Exit::Ok }
}

fn print_json(findings: Findings) -> Exit {
    let report = Report::of(findings.0);
    print_line!("{}", serde_json::to_string(&report).unwrap_or_default());
    match report.level {
        Level::Ok => Exit::Ok,
        Level::Warning => Exit::Warnings,
        Level::Critical | Level::Unknown => Exit::Config,
    }
}

fn print_lines(findings: &Findings, config: Option<&Config>) -> Exit {
    findings.lines().iter().for_each(|line| say_verdict(line));
    config.and_then(listeners::shown_ca).iter().for_each(|line| print_line!("{line}"));
    match (findings.has_errors(), findings.0.is_empty()) {
        (true, _) => Exit::Config,
        (false, false) => Exit::Warnings,
        (false, true) => {
            let shown = config.map(|config| config.path.display().to_string()).unwrap_or_default();
            print_line!("{shown}: {}", Colour::of_stdout().good("no problems found"));
            Exit::Ok
        }
    }
}

fn spool(config: &Config, findings: &mut Findings) {
    let shown = config.spool.display();
    let shown = shown.to_string();
    if let Err(error) = Spool::open(&config.spool) {
        let text = format!("cannot use the spool {shown}: {error}; give this user write access, or set `spool`");
        findings.error(Kind::Spool, Some(&shown), text);
        return;
    }
    if rustix::fs::access(config.spool.join("queue"), rustix::fs::Access::WRITE_OK).is_err() {
        let text = format!("this user cannot write to the spool {shown}; run \"chown\" on it, or set `spool`");
        findings.error(Kind::Spool, Some(&shown), text);
    }
}
