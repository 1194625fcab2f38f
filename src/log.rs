//! The log: one function per line. This file is the log format (postrider-formats(5), "Log lines"),
//! Postfix's line set under our tags, so that logwatch and pflogsumm read it.
//! Lines go to the system's log or to stderr, with a syslog stamp unless stderr is the journal's.

mod syslog;

use std::fmt::Display;
use std::io::Write;
use std::sync::OnceLock;
use std::time::Duration;

use jiff::Zoned;
use parking_lot::{Mutex, RwLock};
use rustix::fs::FileType;

use self::syslog::Syslog;
use crate::mail::outcome::{Outcome, Phase, Status};
use crate::mail::printable::printable;

/// Where lines go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sink {
    /// Standard error.
    Stderr,
    /// The system's log; while there is none, standard error.
    SyslogOrStderr,
    /// The system's log; while there is none, nowhere.
    Syslog,
    /// Nowhere: a command reports the same in its own way on a terminal.
    Discard,
}

static SINK: OnceLock<Sink> = OnceLock::new();

/// Chooses where lines go, once, before the first.
pub fn choose(sink: Sink) {
    // A second choice would come from a program that is two commands at once; the first holds.
    let _ = SINK.set(sink);
}

static NAME: RwLock<Option<String>> = RwLock::new(None);

/// Sets the first part of the tag of the lines from now on, before the slash: `syslog_name` (postconf(5)).
pub fn set_name(name: &str) {
    *NAME.write() = Some(name.to_owned());
}

/// The name without a configuration that says otherwise.
pub const DEFAULT_NAME: &str = "postrider";

/// How much a line wants to be read (syslog(3)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Severity {
    Info,
    Warning,
    Error,
    Critical,
}

impl Severity {
    fn number(self) -> u8 {
        match self {
            Self::Info => 6,
            Self::Warning => 4,
            Self::Error => 3,
            Self::Critical => 2,
        }
    }
}

/// Where the seconds between arrival and outcome went, as Postfix's `delays=a/b/c/d`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delays {
    /// From arrival until the attempt began.
    pub queued: Duration,
    /// From there until a session was at hand.
    pub waiting: Duration,
    /// Connecting, TLS, login.
    pub connecting: Duration,
    /// MAIL to the final reply.
    pub sending: Duration,
}

/// A message was taken over: who submitted it.
pub fn picked_up(id: impl Display, uid: u32, sender: impl Display) {
    line("pickup", format_args!("{id}: uid={uid} from=<{sender}>"));
}

/// A listener has opened one of its addresses.
pub fn listening(listener: &str, address: impl Display) {
    line("smtpd", format_args!("listening on {address} ({listener})"));
}

/// The private CA was made.
pub fn private_ca_made(fingerprint: impl Display) {
    line("smtpd", format_args!("private CA created, SHA-256 {fingerprint}"));
}

/// A listener has a new certificate from the private CA.
pub fn certificate_issued(listener: &str, until: impl Display, names: impl Display) {
    line("smtpd", format_args!("certificate of {listener} issued, valid until {until}, for {names}"));
}

/// An SMTP client has connected; it is `unknown[ADDRESS]`, as Postfix names one whose name is not looked up.
pub fn connected(peer: impl Display) {
    line("smtpd", format_args!("connect from unknown[{peer}]"));
}

/// It is gone; what it did, as `ehlo=1 auth=0/1 commands=1/2`.
pub fn disconnected(peer: impl Display, commands: impl Display) {
    line("smtpd", format_args!("disconnect from unknown[{peer}] {commands}"));
}

/// A client's message is stored; how it had logged in, if it had, as `, sasl_method=PLAIN, sasl_username=NAME`.
pub fn submitted(id: impl Display, peer: impl Display, login: impl Display) {
    line("smtpd", format_args!("{id}: client=unknown[{peer}]{login}"));
}

/// A login was rejected.
pub fn login_rejected(peer: impl Display, mechanism: &str, why: impl Display) {
    severe(
        Severity::Warning,
        "smtpd",
        format_args!("warning: unknown[{peer}]: SASL {mechanism} authentication failed: {why}"),
    );
}

/// A command of a client was refused.
pub fn client_refused(peer: impl Display, command: &str, reply: impl Display) {
    line("smtpd", format_args!("NOQUEUE: reject: {command} from unknown[{peer}]: {reply}"));
}

/// A client took too long behind a command.
pub fn client_timed_out(peer: impl Display, command: &str, why: &str) {
    line("smtpd", format_args!("timeout after {command} from unknown[{peer}]: {why}"));
}

/// The TLS handshake with a client failed.
pub fn client_tls_failed(peer: impl Display, why: impl Display) {
    line("smtpd", format_args!("SSL_accept error from unknown[{peer}]: {why}"));
}

/// Its Message-ID, as the header has it (angle brackets included).
pub fn message_id(id: impl Display, message_id: &str) {
    line("cleanup", format_args!("{id}: message-id={message_id}"));
}

/// It becomes active for the first time in this runner.
pub fn active(id: impl Display, sender: impl Display, size: u64, recipients: usize) {
    line("qmgr", format_args!("{id}: from=<{sender}>, size={size}, nrcpt={recipients} (queue active)"));
}

/// One recipient's outcome in one attempt.
pub fn outcome(id: impl Display, to: &str, given: &str, delays: Delays, outcome: &Outcome, answered: Option<Phase>) {
    let given = if given == to { String::new() } else { format!(" orig_to=<{given}>,") };
    let status = match outcome.status {
        Status::Delivered => "sent",
        Status::Deferred | Status::Unknown => "deferred",
        Status::Refused => "bounced",
    };
    let total = delays.queued + delays.waiting + delays.connecting + delays.sending;
    line(
        "smtp",
        format_args!(
            "{id}: to=<{to}>,{given} relay={}, delay={}, delays={}/{}/{}/{}, dsn={}, status={status} ({})",
            outcome.relay,
            seconds(total),
            seconds(delays.queued),
            seconds(delays.waiting),
            seconds(delays.connecting),
            seconds(delays.sending),
            outcome.enhanced,
            said(outcome, answered),
        ),
    );
}

/// In Postfix's words, which what reads logs tells apart.
fn said(outcome: &Outcome, answered: Option<Phase>) -> String {
    if outcome.code.is_none() {
        // Our own words. What reads logs takes the first closing bracket for the end.
        return outcome.said().replace('(', "[").replace(')', "]");
    }
    let (Status::Deferred | Status::Refused) = outcome.status else { return outcome.said() };
    let command = match answered {
        Some(Phase::Mail) => "MAIL FROM command",
        Some(Phase::Rcpt) => "RCPT TO command",
        Some(Phase::Data) => "DATA command",
        Some(Phase::Content | Phase::FinalDot) => "end of DATA command",
        _ => "",
    };
    let command = if command.is_empty() { String::new() } else { format!(" (in reply to {command})") };
    // Without the port, which follows the brackets; a colon in them is another.
    let host = outcome.relay.rfind(']').and_then(|end| outcome.relay.get(..=end)).unwrap_or(&outcome.relay);
    format!("host {host} said: {}{command}", outcome.said())
}

/// It is given up for its age.
pub fn expired(id: impl Display, sender: impl Display) {
    line("qmgr", format_args!("{id}: from=<{sender}>, status=expired, returned to sender"));
}

/// A report to the sender was stored.
pub fn returned(id: impl Display, report: impl Display) {
    line("bounce", format_args!("{id}: sender non-delivery notification: {report}"));
}

/// The report to its sender waits for a digest.
pub fn owed(id: impl Display) {
    line("bounce", format_args!("{id}: more reports than `reports_per_hour`: reported in a digest"));
}

/// A delay notice to the sender was stored.
pub fn warned(id: impl Display, report: impl Display) {
    line("bounce", format_args!("{id}: sender delay notification: {report}"));
}

/// A report of success to the sender was stored.
pub fn success_reported(id: impl Display, report: impl Display) {
    line("bounce", format_args!("{id}: sender delivery status notification: {report}"));
}

/// It has left the queue.
pub fn removed(id: impl Display) {
    line("qmgr", format_args!("{id}: removed"));
}

/// It was still in the queue, and history has it as delivered.
pub fn removed_as_delivered(id: impl Display) {
    line("qmgr", format_args!("{id}: removed: history shows that it was delivered before"));
}

/// It is set aside in failed/.
pub fn set_aside(id: impl Display, reason: &str) {
    warning(format_args!("{id}: moved to failed/: {reason}"));
}

/// Somebody deleted it.
pub fn deleted(id: impl Display) {
    line("postsuper", format_args!("{id}: removed"));
    line("postsuper", format_args!("Deleted: 1 message"));
}

/// Somebody brought it back from failed/, or had its recipients looked up again.
pub fn brought_back(id: impl Display) {
    line("postsuper", format_args!("{id}: requeued"));
    line("postsuper", format_args!("Requeued: 1 message"));
}

/// It was in failed/ for so long that it is removed for good.
pub fn aged_out(name: impl Display, days: u64) {
    warning(format_args!("{name}: removed from failed/ after {days} days"));
}

/// It is held until somebody releases it; because somebody wants so, or for this reason.
pub fn held(id: impl Display, reason: Option<&str>) {
    if let Some(reason) = reason {
        warning(format_args!("{id}: held: {reason}"));
    }
    line("postsuper", format_args!("{id}: placed on hold"));
    line("postsuper", format_args!("Placed on hold: 1 message"));
}

/// Somebody released it.
pub fn released(id: impl Display) {
    line("postsuper", format_args!("{id}: released from hold"));
    line("postsuper", format_args!("Released from hold: 1 message"));
}

/// The relay cannot be used now; no message is charged for it.
pub fn relay_trouble(account: &str, relay: &str, reason: &str, again_in: Duration) {
    severe(Severity::Warning, "smtp", format_args!("warning: account {account}: {relay}: {reason}"));
    next_try(account, again_in);
}

/// Another account's relay takes the mail of an account.
pub fn fallback(account: &str, relay: &str, reason: impl Display, other: &str, others_relay: &str) {
    let text = format_args!(
        "warning: account {account}: {relay}: {reason}; mail goes through {others_relay} of the fallback account {other}"
    );
    severe(Severity::Warning, "smtp", text);
}

/// What the server offers and the account is not to use (`discard_ehlo_keywords`), in Postfix's words.
pub fn discarding(account: &str, relay: &str, keywords: &str) {
    line("smtp", format_args!("account {account}: {relay}: discarding EHLO keywords: {keywords}"));
}

/// This machine's clock is another than that of who issues the account's tokens.
pub fn clock_differs(account: &str, words: impl Display) {
    severe(Severity::Warning, "smtp", format_args!("warning: account {account}: {words}"));
}

/// The account needs its owner; nothing bounces meanwhile.
pub fn account_trouble(account: &str, relay: &str, reason: &str, again_in: Duration) {
    severe(Severity::Error, "smtp", format_args!("fatal: account {account}: {relay}: {reason}; mail waits"));
    next_try(account, again_in);
}

/// In a line of its own: what summarizes logs counts lines that are the same, and the wait never is.
fn next_try(account: &str, again_in: Duration) {
    line("smtp", format_args!("account {account}: next try in {} s", again_in.as_secs()));
}

/// Once per outage: nothing goes on with this account until its owner does something.
pub fn account_stuck(account: &str, reason: &str) {
    severe(Severity::Critical, "smtp", format_args!("fatal: account {account} needs attention: {reason}"));
}

/// The account works again.
pub fn account_well(account: &str) {
    line("master", format_args!("account {account}: working again"));
}

/// The runner begins.
pub fn started(configuration: impl Display, spool: impl Display, waiting: usize) {
    let version = env!("CARGO_PKG_VERSION");
    line(
        "master",
        format_args!(
            "daemon started -- version {version}, configuration {configuration}, spool {spool}, messages waiting: {waiting}"
        ),
    );
}

/// The runner ends.
pub fn stopped(why: &str) {
    line("master", format_args!("stopping ({why})"));
}

/// The config was read again.
pub fn reloaded(configuration: impl Display) {
    line("master", format_args!("reload -- version {}, configuration {configuration}", env!("CARGO_PKG_VERSION")));
}

/// Nothing goes on until somebody does something.
pub fn alert(what: impl Display) {
    severe(Severity::Critical, "qmgr", format_args!("fatal: {what}"));
}

/// What an alert was about is over.
pub fn recovered(what: impl Display) {
    line("master", format_args!("{what}"));
}

/// Something is wrong that costs no mail but needs a person.
pub fn warning(what: impl Display) {
    severe(Severity::Warning, "qmgr", format_args!("warning: {what}"));
}

fn line(program: &str, text: std::fmt::Arguments<'_>) {
    severe(Severity::Info, program, text);
}

fn severe(severity: Severity, program: &str, text: std::fmt::Arguments<'_>) {
    static SYSLOG: OnceLock<Mutex<Syslog>> = OnceLock::new();
    let sink = SINK.get().copied().unwrap_or(Sink::Stderr);
    if sink == Sink::Discard {
        return;
    }
    let clean = printable(&text.to_string());
    let tag = format!("{}/{program}[{}]", NAME.read().as_deref().unwrap_or(DEFAULT_NAME), std::process::id());
    if matches!(sink, Sink::Syslog | Sink::SyslogOrStderr) {
        let syslog = SYSLOG.get_or_init(|| Mutex::new(Syslog::at(syslog::SOCKET)));
        if syslog.lock().send(&tag, severity, &clean) || sink == Sink::Syslog {
            return;
        }
    }
    let written = match stamp_host() {
        None => format!("<{}>{tag}: {clean}\n", severity.number()),
        Some(host) => format!("{} {host} {tag}: {clean}\n", Zoned::now().strftime("%b %e %H:%M:%S")),
    };
    // A log that cannot be written must not stop the mail.
    let _ = std::io::stderr().write_all(written.as_bytes());
}

/// Whether nobody sees standard error: it is closed, on a device such as /dev/null that is no terminal, or leads to
/// the journal, which the system's log reaches better (facility and tag).
#[must_use]
pub fn stderr_is_unseen() -> bool {
    let stderr = std::io::stderr();
    let Ok(stat) = rustix::fs::fstat(&stderr) else { return true };
    let is_device = FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice;
    is_device && !rustix::termios::isatty(&stderr) || stderr_is_journal()
}

/// Whether the journal reads standard error: then the variable names its device and inode (systemd.exec(5)).
fn stderr_is_journal() -> bool {
    let Some(stream) = std::env::var_os("JOURNAL_STREAM") else { return false };
    rustix::fs::fstat(std::io::stderr())
        .is_ok_and(|stat| stream.to_str() == Some(format!("{}:{}", stat.st_dev, stat.st_ino).as_str()))
}

/// This host's name for the stamp; none where the journal stamps by itself.
fn stamp_host() -> Option<&'static str> {
    static HOST: OnceLock<Option<String>> = OnceLock::new();
    HOST.get_or_init(|| {
        if stderr_is_journal() {
            return None;
        }
        let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
        Some(name.split('.').next().unwrap_or("localhost").to_owned())
    })
    .as_deref()
}

/// Seconds as Postfix writes them: two digits that count below 10, whole ones above 100.
fn seconds(time: Duration) -> String {
    let s = time.as_secs_f64();
    if s >= 100.0 {
        format!("{s:.0}")
    } else if s >= 10.0 {
        trim(&format!("{s:.0}"))
    } else if s >= 1.0 {
        trim(&format!("{s:.1}"))
    } else {
        trim(&format!("{s:.2}"))
    }
}

fn trim(text: &str) -> String {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests;
