//! `postrider route --json`: the way of a message as one object, with what keeps it from leaving as reasons. It says what the
//! text says, made of the same plan.

use serde::Serialize;

use super::plans::Plans;
use super::{Admitted, Arguments, admit};
use crate::cli::exit::{Exit, Failure};
use crate::config::mailbox::shown_account;
use crate::config::{Config, LeavingTables};
use crate::control::report::{Kind, Level, Reason, Report};
use crate::deliver::plan::{NoPlan, Plan, Undeliverable};
use crate::deliver::smtp::command::as_sent;
use crate::rules::inbound::{Arrival, Step};
use crate::rules::route::may_use;
use crate::sys::user::Caller;

/// All of it.
#[derive(Debug, Serialize)]
struct Routed {
    #[serde(flatten)]
    report: Report,
    route: Route,
}

/// The way of the message.
#[derive(Debug, Default, Serialize)]
struct Route {
    /// The envelope sender as given.
    sender: String,
    /// As the server sees it, where there is an account.
    mail_from: Option<String>,
    account: Option<String>,
    relays: Vec<String>,
    recipients: Vec<RouteRecipient>,
}

/// A recipient as given.
#[derive(Debug, Serialize)]
struct RouteRecipient {
    address: String,
    /// Which rows led on, each as `table: key -> result (place)`.
    steps: Vec<String>,
    becomes: Vec<Becomes>,
}

/// What it became.
#[derive(Debug, Serialize)]
struct Becomes {
    address: String,
    /// As the server sees it, unless it is refused here or the message waits.
    rcpt_to: Option<String>,
}

pub(super) fn run(config: &Config, arrival: &Arrival<'_>, arguments: &Arguments) -> Result<Exit, Failure> {
    let mut refused = None;
    let routed = match admit(config, arrival, arguments) {
        Ok(admitted) => {
            let routed = routed(config, &admitted);
            refused = admitted.refused;
            routed
        }
        // An address that cannot be used is the caller's mistake.
        Err(failure) if failure.exit == Exit::DataError => return Err(failure),
        Err(failure) => {
            let report = Report::of([Reason::new(Level::Critical, Kind::Table, failure.message)]);
            Routed { report, route: Route::default() }
        }
    };
    print_line!("{}", serde_json::to_string(&routed).unwrap_or_default());
    if let Some(failure) = refused {
        return Err(failure);
    }
    Ok(if routed.report.level == Level::Critical { Exit::Config } else { Exit::Ok })
}

fn routed(config: &Config, admitted: &Admitted) -> Routed {
    let tables = LeavingTables::load(config);
    let plans = Plans::of(config, &tables, &admitted.envelope);
    let reasons = match &plans {
        Ok(plans) => plans.all().flat_map(|plan| of_plan(admitted, plan)).collect(),
        Err(no_plan) => {
            let kind = match no_plan {
                NoPlan::Table(_) => Kind::Table,
                NoPlan::Account(_) => Kind::Unserved,
            };
            vec![
                Reason::new(Level::Critical, kind, format!("this message would wait: {no_plan}"))
                    .of(&admitted.given_sender),
            ]
        }
    };
    Routed { report: Report::of(reasons), route: route(admitted, plans.as_ref().ok()) }
}

/// What of a message does not leave although there is an account.
fn of_plan(admitted: &Admitted, plan: &Plan<'_>) -> Vec<Reason> {
    let refused = plan.nowhere.iter().map(|(index, why)| {
        let kind = match why {
            Undeliverable::Own(..) | Undeliverable::Unknown(_) => Kind::Unmapped,
            Undeliverable::Alias(_) => Kind::Alias,
            Undeliverable::Syntax(_) | Undeliverable::Unsendable(..) | Undeliverable::ComeRound(_) => Kind::Refused,
        };
        Reason::new(Level::Warning, kind, why.reason()).of(&admitted.envelope.recipients[*index].address)
    });
    let caller = Caller::current();
    let not_allowed = (!may_use(plan.account, &caller)).then(|| {
        let text = format!("mail submitted by {} through account {} is refused", caller.login, plan.account.name);
        let reason = Reason::new(Level::Warning, Kind::Account, text).of(&plan.account.name);
        reason.cured_by(format!("add the login to `users` of [account.{}]", plan.account.name))
    });
    refused.chain(not_allowed).collect()
}

fn route(admitted: &Admitted, plans: Option<&Plans<'_>>) -> Route {
    let plan = plans.and_then(Plans::main);
    let mut index = 0;
    let mut recipients = Vec::new();
    for (address, steps, count) in &admitted.given {
        let becomes = (index..index + count).map(|at| Becomes {
            address: admitted.envelope.recipients[at].address.to_string(),
            rcpt_to: plans.and_then(|plans| plans.recipient(at)).map(|(_, one)| as_sent(&one.address)),
        });
        recipients.push(RouteRecipient {
            address: address.clone(),
            steps: steps.iter().map(step).collect(),
            becomes: becomes.collect(),
        });
        index += count;
    }
    Route {
        sender: admitted.given_sender.clone(),
        mail_from: plan.map(|plan| plan.sender.mailbox().map(as_sent).unwrap_or_default()),
        account: plan.map(|plan| shown_account(&plan.account.name).to_owned()),
        relays: plan.map(|plan| plan.account.servers()).unwrap_or_default(),
        recipients,
    }
}

fn step(Step { by, key, result, place }: &Step) -> String {
    format!("{by}: {key} -> {result} ({place})")
}
