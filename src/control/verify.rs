//! Reports by mail what would become of mail to some recipients (`sendmail -bv`). The plan is the
//! one that delivery carries out, but no server is asked, and only the sender gets mail.

use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::config::mailbox::shown_account;
use crate::deliver::dsn::{self, Affected, Facts, Original, Report, Success};
use crate::deliver::plan::{self, NoPlan, Plan};
use crate::mail::address::{Address, ReversePath};
use crate::mail::outcome::{DsnSender, Enhanced, Outcome, SentAs, Status};
use crate::rules::inbound::Arrival;
use crate::spool::{Envelope, MessageId};
use crate::submit::admit::complete::AdmissionContext;
use crate::submit::admit::context::Entry;
use crate::submit::admit::early_bounce;
use crate::submit::admit::store::{AdmitError, MessageIds};
use crate::submit::frontend::collect::Sender;
use crate::submit::frontend::recipients;
use crate::sys::sysexits::Exit;

/// The request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verify {
    /// Who would send, and gets the report.
    pub sender: Sender,
    /// To whom, as arguments of sendmail(8).
    pub recipients: Vec<Vec<u8>>,
    /// `-V`.
    pub envid: Option<String>,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum NotVerified {
    /// The sender is the null sender.
    #[error("-bv mails a report to the sender, and the null sender gets none; use -f to name a sender")]
    NullSender,
    /// The sender or a recipient is invalid, or the report could not be stored.
    #[error(transparent)]
    Admit(#[from] AdmitError),
    /// No account.
    #[error("{0}; until then, mail waits")]
    Plan(#[from] NoPlan),
    /// It goes out through the account that it is about.
    #[error("{login} may not send as <{sender}>: the account {account} is reserved for other users (`users`)")]
    NotAllowed {
        /// Who requests it.
        login: String,
        /// As whom.
        sender: Address,
        /// Which they may not use.
        account: String,
    },
}

impl NotVerified {
    /// What the command exits with.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::NullSender => Exit::Usage,
            Self::Admit(error) => error.exit(),
            Self::NotAllowed { .. } => Exit::NoPermission,
            Self::Plan(_) => Exit::Config,
        }
    }
}

/// Stores the report; its id.
pub fn verify(entry: &Entry<'_>, request: &Verify) -> Result<MessageId, NotVerified> {
    let Entry { config, author, now, .. } = *entry;
    let asked = asked(entry, request)?;
    let ReversePath::Mailbox(to) = &asked.sender else { return Err(NotVerified::NullSender) };
    let all: Vec<usize> = (0..asked.recipients.len()).collect();
    let plan = entry.tables.leaving(config, |tables| plan::plan(config, tables, &asked, &all))?;
    if !author.may_use(plan.account) {
        let account = plan.account.name.clone();
        return Err(NotVerified::NotAllowed { login: author.login().to_owned(), sender: to.clone(), account });
    }
    let mut report = early_bounce::envelope(to, MessageIds::by_chance(now)?, entry);
    report.account = Some(plan.account.name.clone());
    let content = content(config, &asked, &plan, &report, to);
    Ok(early_bounce::store(report, &content, entry)?)
}

/// The envelope of the message that the report is about.
fn asked(entry: &Entry<'_>, request: &Verify) -> Result<Envelope, NotVerified> {
    let Entry { config, author, now, .. } = *entry;
    let given: Vec<_> = request.recipients.iter().flat_map(|argument| recipients::in_argument(argument)).collect();
    let blank = early_bounce::blank(MessageIds::by_chance(now)?, author, now);
    entry.tables.arriving(config, |tables| {
        let arrival = Arrival { config, tables, include: crate::config::included };
        let occasion = AdmissionContext { config, author, now, id: &blank.id, arrival };
        let sender = occasion.sender(&request.sender).map_err(AdmitError::from)?;
        let recipients = occasion.recipients(&given).map_err(AdmitError::from)?;
        Ok(Envelope { sender, recipients, envid: request.envid.clone(), ..blank })
    })
}

fn content(config: &Config, asked: &Envelope, plan: &Plan<'_>, report: &Envelope, to: &Address) -> Vec<u8> {
    let mut outcomes: Vec<(usize, Outcome)> = plan.nowhere.iter().map(|(i, why)| (*i, undeliverable(why))).collect();
    outcomes.extend(plan.recipients.iter().map(|one| (one.index, deliverable(plan, &one.address))));
    outcomes.sort_by_key(|(index, _)| *index);
    let addresses: Vec<String> = asked.recipients.iter().map(|one| one.address.to_string()).collect();
    let affected: Vec<Affected<'_>> = outcomes
        .iter()
        .map(|(index, outcome)| Affected {
            given: &asked.recipients[*index].given,
            address: &addresses[*index],
            orcpt: None,
            outcome,
            success: Success::default(),
        })
        .collect();
    let facts = Facts {
        report: Report::Verified,
        id: &report.id,
        original: asked,
        attached: Original::Absent,
        affected: &affected,
        to,
        at: report.arrived,
    };
    dsn::build(config, &facts)
}

fn deliverable(plan: &Plan<'_>, address: &Address) -> Outcome {
    let relays = plan.account.servers();
    let (sender, account) = (&plan.sender, shown_account(&plan.account.name));
    outcome(
        Status::Delivered,
        Enhanced { class: 2, subject: 1, detail: 5 },
        format!("would be sent to <{address}> from <{sender}> through account {account} ({})", relays.join(", ")),
    )
}

fn undeliverable(why: &plan::Undeliverable) -> Outcome {
    let enhanced = Enhanced::parse(why.code()).unwrap_or(Enhanced { class: 5, subject: 1, detail: 0 });
    Outcome { cure: why.remedy().map(str::to_owned), ..outcome(Status::Refused, enhanced, why.reason()) }
}

fn outcome(status: Status, enhanced: Enhanced, reply: String) -> Outcome {
    Outcome {
        status,
        code: None,
        enhanced,
        reply,
        relay: "none".to_owned(),
        dsn_sender: DsnSender::Us,
        cure: None,
        sent_as: SentAs::default(),
    }
}
