//! `sendmail -bv`: what would become of mail to these recipients, told to the sender by
//! mail. The plan is the one that delivery carries out; nobody else gets anything, and
//! no server is asked. Standard input is not read.

use jiff::Zoned;

use super::Here;
use super::failure::Failure;
use super::options::Options;
use crate::cli::exit::Exit;
use crate::config::{self, ArrivalTables, TableSet, clock};
use crate::deliver::bounce::{self, Affected, Facts, Original, Report};
use crate::deliver::plan::{self, Plan};
use crate::mail::address::{Address, ReversePath};
use crate::mail::outcome::{Enhanced, Outcome, Status, Teller};
use crate::rules::arrival::Arrival;
use crate::spool::Envelope;
use crate::submit::admit::AdmitError;
use crate::submit::complete::Occasion;
use crate::submit::hand_over::{self, Show};
use crate::submit::{mail_back, recipients};

/// Stores the report and hands it over.
pub(super) fn verify(here: &Here, options: &Options) -> Result<Exit, Failure> {
    let now = clock::now();
    let asked = asked(here, options, &now)?;
    let ReversePath::Mailbox(to) = &asked.sender else { return Err(Failure::NobodyToTell) };
    let tables = TableSet::load("generic", &here.config.generic);
    let all: Vec<usize> = (0..asked.recipients.len()).collect();
    let plan = plan::plan(&here.config, &tables, &asked, &all)?;
    let mut report = mail_back::envelope(to, &here.caller, &now)?;
    report.account = Some(plan.account.name.clone());
    let content = content(here, &asked, &plan, &report, to)?;
    let id = mail_back::store(report, &content, &here.config, &here.spool)?;
    let _ = hand_over::hand_over(&here.config, &here.spool, &id, here.manner(options), Show::Nothing);
    Ok(Exit::Ok)
}

/// The envelope of the message that is asked about.
fn asked(here: &Here, options: &Options, now: &Zoned) -> Result<Envelope, Failure> {
    let request = &options.request;
    let given: Vec<_> = request.arguments.iter().flat_map(|argument| recipients::in_argument(argument)).collect();
    let blank = mail_back::blank(&here.caller, now)?;
    let tables = ArrivalTables::load(&here.config.rewriting);
    let arrival = Arrival { config: &here.config, tables: &tables, include: config::included };
    let occasion = Occasion { config: &here.config, caller: &here.caller, now, id: &blank.id, arrival };
    let sender = occasion.sender(&request.sender).map_err(AdmitError::from)?;
    let recipients = occasion.recipients(&given).map_err(AdmitError::from)?;
    Ok(Envelope { sender, recipients, envid: request.dsn.envid.clone(), ..blank })
}

fn content(
    here: &Here,
    asked: &Envelope,
    plan: &Plan<'_>,
    report: &Envelope,
    to: &Address,
) -> Result<Vec<u8>, Failure> {
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
    bounce::build(&here.config, &facts).map_err(|error| Failure::Report(error.to_string()))
}

fn deliverable(plan: &Plan<'_>, address: &Address) -> Outcome {
    let relays: Vec<String> = plan.account.relays.iter().map(ToString::to_string).collect();
    let (sender, account) = (&plan.sender, &plan.account.name);
    outcome(
        Status::Delivered,
        Enhanced { class: 2, subject: 1, detail: 5 },
        format!("would be sent to <{address}> from <{sender}> through account {account} ({})", relays.join(", ")),
    )
}

fn undeliverable(why: &plan::Nowhere) -> Outcome {
    let enhanced = Enhanced::parse(why.code()).unwrap_or(Enhanced { class: 5, subject: 1, detail: 0 });
    outcome(Status::Refused, enhanced, why.reason())
}

fn outcome(status: Status, enhanced: Enhanced, reply: String) -> Outcome {
    Outcome { status, code: None, enhanced, reply, relay: "none".to_owned(), teller: Teller::Us }
}
