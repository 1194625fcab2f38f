//! `postrider demo`: the main job on one machine with nothing set up. Two providers on
//! loopback, of which one is down at first, a throw-away config and spool, the real front end
//! and runner; then what became of each mail. The pieces are in this folder, the order is here.

mod comparison;
mod provider;
mod script;
mod show;
mod stage;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use serde_json::Value;

use self::comparison::{Comparison, Haul, compare};
use self::provider::{Customer, Port, Provider};
use self::script::{HOSTNAME, ISP, MAILS, Mail, Part, WORK};
use self::stage::{Scratch, Stage, Trouble, config, random_word};
use super::colour::Colour;
use super::exit::Exit;
use super::print;
use crate::config::Secret;
use crate::sys::user::Caller;
use crate::tls::Server;
use crate::tls::certificate::{Authority, Validity};

/// `EX_SOFTWARE`: something did not arrive as it should.
const NOT_AS_IT_SHOULD: u8 = 70;
/// `EX_OSERR`: the demo could not be played.
const NOT_PLAYED: u8 = 71;

/// Plays the demo; 0 only if every mail arrived as it should.
#[must_use]
pub fn main() -> ExitCode {
    let begun = Instant::now();
    let look = Colour::of_stdout();
    match play(look) {
        Ok(played) => report(&played, begun, look),
        Err(trouble) => {
            complain!("postrider: demo: {trouble}");
            ExitCode::from(NOT_PLAYED)
        }
    }
}

/// What was seen.
struct Played {
    comparisons: Vec<Comparison>,
    /// What the runner logged.
    log: String,
}

fn play(look: Colour) -> Result<Played, Trouble> {
    let system = |action| move |error| Trouble::System { action, error };
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&interrupted)).map_err(system("watch for signals"))?;
    }
    let program = std::env::current_exe().map_err(system("find the postrider program"))?;
    let scratch = Scratch::new()?;
    let authority = Authority::generate("postrider demo")?;
    scratch.write("ca.pem", authority.pem())?;
    let [isp_password, work_password] = [random_word()?, random_word()?].map(Secret::new);
    scratch.write("isp.password", isp_password.expose())?;
    let [isp_port, work_port] = [reserve()?, reserve()?];
    let ports = [isp_port.number(), work_port.number()];
    let config = scratch.write("config.toml", &config(ports, &work_password))?;
    let stage = Stage { scratch: &scratch, program: &program, config: &config, interrupted };

    print::text(introduction(look));
    for mail in &MAILS {
        submit(&stage, mail)?;
    }
    let work = open(WORK, work_password, work_port, &authority)?;
    let mut log = stage.run(&["run", "--once"], "")?;
    let late = waiting(&stage)?;
    print::text(first_try(&late, look));
    let isp = open(ISP, isp_password, isp_port, &authority)?;
    log += &stage.run(&["flush"], "")?;
    print::text(second_try(&late, &waiting(&stage)?, look));
    let comparisons = compare_all(&[haul(ISP, &isp), haul(WORK, &work)])?;
    Ok(Played { comparisons, log })
}

fn reserve() -> Result<Port, Trouble> {
    Port::reserve().map_err(|error| Trouble::System { action: "take a port of 127.0.0.1", error })
}

/// A provider with one customer.
fn open(part: Part, password: Secret, at: Port, authority: &Authority) -> Result<Provider, Trouble> {
    let tls = Server::new(authority.issue(&[part.host], Validity::LONG)?)?;
    let customer = Customer { host: part.host, username: part.username, domain: part.domain, password };
    Provider::start(customer, tls, at).map_err(|error| Trouble::System { action: "listen on 127.0.0.1", error })
}

/// Hands a mail in as its program does; like any caller, it takes output for failure.
fn submit(stage: &Stage<'_>, mail: &Mail) -> Result<(), Trouble> {
    let mut arguments = vec!["sendmail"];
    arguments.extend_from_slice(mail.arguments);
    let said = stage.run(&arguments, &mail.text())?;
    if said.is_empty() { Ok(()) } else { Err(Trouble::Talked { command: arguments.join(" "), said }) }
}

/// A mail in the queue.
struct Waiting {
    mail: Mail,
    /// Why it waits.
    reason: String,
}

/// The mail in the queue, as `postrider queue list` says.
fn waiting(stage: &Stage<'_>) -> Result<Vec<Waiting>, Trouble> {
    let said = stage.run(&["queue", "list", "--json"], "")?;
    let listed: Vec<Value> = said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let waits = |mail: &Mail| {
        let found = listed.iter().find(|message| message["subject"] == mail.subject)?;
        let reason = found["trouble"].as_str().unwrap_or_default();
        // Behind the relay's address, which is of no interest here.
        Some(Waiting { mail: *mail, reason: reason.rsplit(": ").next().unwrap_or_default().to_owned() })
    };
    Ok(MAILS.iter().filter_map(waits).collect())
}

fn haul(part: Part, provider: &Provider) -> Haul {
    Haul { account: part.account, relay: part.host, received: provider.received() }
}

fn compare_all(hauls: &[Haul]) -> Result<Vec<Comparison>, Trouble> {
    let login = Caller::current().login;
    let each = MAILS.iter().map(|mail| {
        let local = mail.local_sender(&login).map_err(|error| Trouble::Login { login: login.clone(), error })?;
        Ok(compare(mail, &local.to_string(), hauls))
    });
    each.collect()
}

fn introduction(look: Colour) -> String {
    let programs = MAILS.iter().map(|mail| show::state(mail, &format!("sendmail {}", mail.arguments.join(" "))));
    format!(
        "{}\n\nThis demo is {HOSTNAME}, a machine with two mail accounts, {} and {}.\n\
         Both providers run on this machine, on loopback; config and spool\n\
         are temporary.\n\n{}\n{}",
        look.bold("postrider demo"),
        ISP.account,
        WORK.account,
        look.bold("1. Programs submit mail. It is on disk before sendmail returns."),
        programs.collect::<String>()
    )
}

fn first_try(waiting: &[Waiting], look: Colour) -> String {
    let title = format!("2. postrider tries to deliver it. The provider of account {} is down.", ISP.account);
    format!("\n{}\n{}", look.bold(&title), states(MAILS.iter(), waiting, look))
}

fn second_try(before: &[Waiting], now: &[Waiting], look: Colour) -> String {
    let title = "3. The provider is back. The service tries again by itself, for five days;\n   \
                 \"postrider flush\" tries at once.";
    format!("\n{}\n{}", look.bold(title), states(before.iter().map(|one| &one.mail), now, look))
}

fn states<'m>(mails: impl Iterator<Item = &'m Mail>, waiting: &[Waiting], look: Colour) -> String {
    let state = |mail: &Mail| match waiting.iter().find(|one| one.mail.what == mail.what) {
        Some(Waiting { reason, .. }) => show::state(mail, &look.waiting(&format!("waits: {reason}"))),
        None => show::state(mail, &look.good("has left")),
    };
    mails.map(state).collect()
}

fn report(played: &Played, begun: Instant, look: Colour) -> ExitCode {
    let comparisons = &played.comparisons;
    let sides: Vec<String> = comparisons.iter().map(|comparison| show::before_and_after(comparison, look)).collect();
    let title = look.bold("4. What was submitted, and what the providers received:");
    print::text(format!("\n{title}\n{}", sides.join("\n")));
    if comparisons.iter().all(|comparison| comparison.faults.is_empty()) {
        print::text(format!("\nEverything arrived as expected, in {:.1} s.\n", begun.elapsed().as_secs_f32()));
        return print::checked(Exit::Ok, Exit::IoError).into();
    }
    print::text(format!("\n{}\n{}\n", look.bold("The runner's log:"), played.log));
    complain!("postrider: demo: not everything arrived as expected; see above");
    ExitCode::from(NOT_AS_IT_SHOULD)
}
