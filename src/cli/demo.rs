//! `postrider demo`: the main job on one machine with nothing set up. Two providers on
//! loopback, a throw-away config and spool, the real front end and runner; then
//! what became of each mail. The pieces are in this folder, the order is here.

mod comparison;
mod provider;
mod script;
mod show;
mod stage;

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use self::comparison::{Comparison, Haul, compare};
use self::provider::{Customer, Provider};
use self::script::{HOSTNAME, ISP, MAILS, Mail, Part, WORK};
use self::show::Look;
use self::stage::{Scratch, Stage, Trouble, config, random_word};
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
    let look = Look::of_stdout();
    match play(look) {
        Ok(played) => report(&played, begun, look),
        Err(trouble) => {
            eprintln!("postrider: demo: {trouble}");
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

fn play(look: Look) -> Result<Played, Trouble> {
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
    let isp = open(ISP, isp_password, &authority)?;
    let work = open(WORK, work_password.clone(), &authority)?;
    let config = scratch.write("config.toml", &config([isp.port(), work.port()], &work_password))?;

    say(&introduction(look));
    let stage = Stage { scratch: &scratch, program: &program, config: &config, interrupted };
    for mail in &MAILS {
        submit(&stage, mail)?;
    }
    let log = stage.run(&["run", "--once", "--config", &config.to_string_lossy()], "")?;
    let comparisons = compare_all(&[haul(ISP, &isp), haul(WORK, &work)])?;
    Ok(Played { comparisons, log })
}

/// A provider with one customer.
fn open(part: Part, password: Secret, authority: &Authority) -> Result<Provider, Trouble> {
    let tls = Server::new(authority.issue(&[part.host], Validity::LONG)?)?;
    let customer = Customer { host: part.host, username: part.username, domain: part.domain, password };
    Provider::start(customer, tls).map_err(|error| Trouble::System { action: "listen on 127.0.0.1", error })
}

/// Hands a mail in as its program does; like any caller, it takes output for failure.
fn submit(stage: &Stage<'_>, mail: &Mail) -> Result<(), Trouble> {
    let mut arguments = vec!["sendmail"];
    arguments.extend_from_slice(mail.arguments);
    let said = stage.run(&arguments, &mail.text())?;
    if said.is_empty() { Ok(()) } else { Err(Trouble::Talked { command: arguments.join(" "), said }) }
}

fn haul(part: Part, provider: &Provider) -> Haul {
    let relay = format!("{}:{}", part.host, provider.port());
    Haul { account: part.account, relay, received: provider.received() }
}

fn compare_all(hauls: &[Haul]) -> Result<Vec<Comparison>, Trouble> {
    let login = Caller::current().login;
    let each = MAILS.iter().map(|mail| {
        let local = mail.local_sender(&login).map_err(|error| Trouble::Login { login: login.clone(), error })?;
        Ok(compare(mail, &local.to_string(), hauls))
    });
    each.collect()
}

fn introduction(look: Look) -> String {
    let programs = MAILS.iter().map(|mail| format!("  {:16}  sendmail {}\n", mail.what, mail.arguments.join(" ")));
    format!(
        "{}\n\nThis demo is {HOSTNAME}, a machine with two mail accounts ({} and {}).\n\
         Both providers run locally, on loopback; config and spool are temporary.\n\n{}\n{}",
        look.bold("postrider demo"),
        ISP.account,
        WORK.account,
        look.bold("Programs submit mail:"),
        programs.collect::<String>()
    )
}

fn report(played: &Played, begun: Instant, look: Look) -> ExitCode {
    let comparisons = &played.comparisons;
    say(&format!("\n{}\n{}", look.bold("Result:"), show::table(comparisons, look)));
    if let Some((comparison, arrival)) = comparisons.iter().find_map(|v| v.arrival.as_ref().map(|arrival| (v, arrival)))
    {
        let title = format!("The header of the {}, as received by {}:", comparison.what, arrival.relay);
        say(&format!("\n{}\n{}", look.bold(&title), show::header(&arrival.received.content)));
    }
    if comparisons.iter().all(|comparison| comparison.faults.is_empty()) {
        say(&format!("\nEverything arrived as expected, in {:.1} s.\n", begun.elapsed().as_secs_f32()));
        return ExitCode::SUCCESS;
    }
    say(&format!("\n{}\n{}\n", look.bold("The runner's log:"), played.log));
    eprintln!("postrider: demo: not everything arrived as expected; see the table and the log above");
    ExitCode::from(NOT_AS_IT_SHOULD)
}

/// Prints; where nobody reads any more, the exit code still tells.
fn say(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}
