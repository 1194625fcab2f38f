//! A login to try an account out, and what its failure means in words: what was seen, and the likely cause.

use std::time::Duration;

use super::exit::Exit;
use crate::config::{Account, StepLimits};
use crate::deliver::smtp::host_status::HostStatus;
use crate::deliver::smtp::login_history::LoginHistory;
use crate::deliver::smtp::observer::Observer;
use crate::deliver::smtp::session::Session;
use crate::mail::address::ReversePath;
use crate::mail::outcome::{CertificateProblem, Phase, Seen, TlsProblem};
use crate::rules::advice::{self, Place};
use crate::rules::consequence::Repeated;
use crate::rules::meaning::Meaning;
use crate::rules::remedy::{Subject, remedy};
use crate::rules::trouble::{self, Verdict};

pub(super) use crate::deliver::smtp::observer::Nobody as Silent;

/// How long a person waits for a greeting. A port that expects TLS from the first byte never sends one.
const GREETING: Duration = Duration::from_secs(15);

/// Why there is no session.
pub(super) struct NoSession {
    /// Where, what was seen there, and which mechanisms were tried.
    pub(super) failure: String,
    /// Where in the session.
    pub(super) phase: Phase,
    /// Without a full stop.
    pub(super) cause: Option<String>,
    /// What the server meant, where it answered.
    pub(super) meaning: Option<Meaning>,
    /// What is wrong with the certificate, where that is the reason.
    pub(super) certificate: Option<Box<CertificateProblem>>,
    /// For the command.
    pub(super) exit: Exit,
}

/// Opens a session as delivery would, but waits less long for the greeting.
pub(super) fn open(account: &Account, hostname: &str, observer: Box<dyn Observer>) -> Result<Session, NoSession> {
    open_named(account, Place::Account(account), hostname, observer)
}

/// The same, where the account is made for the test and what is said of a failure is about another place.
pub(super) fn open_named(
    account: &Account,
    place: Place<'_>,
    hostname: &str,
    observer: Box<dyn Observer>,
) -> Result<Session, NoSession> {
    let greeting = account.timeouts.greeting.or(account.timeout).map_or(GREETING, |own| own.min(GREETING));
    let timeouts = StepLimits { greeting: Some(greeting), ..account.timeouts };
    let account = &Account { timeouts, ..account.clone() };
    Session::open(account, hostname, &LoginHistory::default(), &HostStatus::default(), observer).map_err(|not| {
        let login = not.login().map_or_else(String::new, |login| format!(" (login with {login})"));
        let classification = trouble::classify(&not.fact, &trouble::Session::before_login(account), |_| Repeated::No);
        let told = classification.meaning.filter(|meaning| *meaning != Meaning::LoginRejected).map(|meaning| {
            let null = &ReversePath::Null;
            remedy(meaning, &Subject { account, admitted: null, outgoing: null, header_from: None, hostname })
        });
        let certificate = match &not.fact.seen {
            Seen::Tls(TlsProblem::Certificate(problem)) => Some(problem.clone()),
            _ => None,
        };
        NoSession {
            certificate,
            phase: not.fact.phase,
            meaning: classification.meaning,
            failure: format!("{}: {}{login}", not.relay, not.fact.seen),
            cause: told.or_else(|| advice::likely_cause(&not.fact, place)),
            exit: exit(classification.verdict),
        }
    })
}

/// 78: something in the config must change; 69: this mail is refused; 75: try again later.
pub(super) fn exit(verdict: Verdict) -> Exit {
    match verdict {
        Verdict::Delivered => Exit::Ok,
        Verdict::Refused | Verdict::Held(_) => Exit::Unavailable,
        Verdict::Account(_) => Exit::Config,
        Verdict::Deferred | Verdict::Charged | Verdict::Relay | Verdict::TooManySessions | Verdict::Unknown => {
            Exit::TempFail
        }
    }
}
