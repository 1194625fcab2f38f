//! `postrider report`: what became of the mail of some days, as text, JSON or one page of HTML. Who sees whose mail is decided as for
//! `postrider history`.

mod chart;
mod html;
mod summary;
mod tally;
mod text;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use jiff::{SignedDuration, Timestamp};

use super::exit::{Exit, Failure};
use super::{history, print};
use crate::control::queue_access::QueueAccess;
use crate::sys::user::Caller;
use crate::sys::{host, replaced_file};
use summary::{Names, Summary};
use tally::Tally;

/// Without `--since`.
const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Arguments of `report`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Report on mail that left the queue since this time (2026-11-22) or age (30d); default: 7d
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Replace addresses by short names, for showing the report to others
    #[arg(long)]
    anonymous: bool,
    /// Print one JSON object
    #[arg(long, conflicts_with_all = ["html", "mail"])]
    json: bool,
    /// Write one HTML page with charts to this file, which only you can read
    #[arg(long, value_name = "FILE", conflicts_with = "mail")]
    html: Option<PathBuf>,
    /// Send the report to the postmaster, or to yourself if you report on your own mail
    #[arg(long)]
    mail: bool,
}

/// Reads history and reports on it.
pub fn run(access: &QueueAccess, arguments: &Arguments) -> Result<Exit, Failure> {
    let until = Timestamp::now();
    let since = match arguments.since.as_deref() {
        Some(written) => history::moment(written)?,
        None => until.saturating_sub(WEEK).unwrap_or(until),
    };
    let mut tally = Tally::new(since, until);
    access.history(Some(tally.earliest()), |record, _| {
        tally.add(record);
        Ok(())
    })?;
    let names = if arguments.anonymous { Names::Short } else { Names::Whole };
    let host = access.config().map_or_else(host::this_machine, |config| config.hostname.clone());
    let host = if arguments.anonymous { "this machine".to_owned() } else { host };
    let summary = Summary::of(tally, host, names);
    match (&arguments.html, arguments.mail) {
        (Some(path), _) => save(path, &html::page(&summary)?)?,
        (None, true) => mail(access, &summary)?,
        (None, false) if arguments.json => print_line!("{}", serde_json::to_value(&summary).unwrap_or_default()),
        (None, false) => print::text(text::of(&summary)),
    }
    Ok(Exit::Ok)
}

/// Whoever may read the report may read who wrote to whom.
fn save(path: &Path, page: &str) -> Result<(), Failure> {
    let failed = |error| Failure::new(Exit::IoError, format_args!("cannot write {}: {error}", path.display()));
    replaced_file::replace(path, page, 0o600).map_err(failed)
}

/// By the same way as any mail of this machine.
fn mail(access: &QueueAccess, summary: &Summary) -> Result<(), Failure> {
    let to = access.config().map_or_else(|| Caller::current().login, |config| config.postmaster.clone());
    let failed = |error: io::Error| Failure::new(Exit::TempFail, format_args!("cannot send the report: {error}"));
    let subject = format!("{}: mail from {} to {}", summary.host, day(summary.since), day(summary.until));
    let mail = format!("To: {to}\nSubject: {subject}\n\n{}", text::of(summary));
    let program = std::env::current_exe().map_err(failed)?;
    let mut command = Command::new(program);
    if let Some(config) = access.config() {
        command.arg("--config").arg(&config.path);
    }
    let mut child = command.args(["sendmail", "-i", "--", &to]).stdin(Stdio::piped()).spawn().map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(mail.as_bytes()).map_err(failed)?;
    }
    let status = child.wait().map_err(failed)?;
    if status.success() { Ok(()) } else { Err(failed(io::Error::other(format!("sendmail ended with {status}")))) }
}

fn day(at: Timestamp) -> String {
    at.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d").to_string()
}
