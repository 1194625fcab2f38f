//! `postrider init`: asks for a first account, writes a config and a password file that work, and gives a user's runner
//! its unit. What is there already stays as it is.

use std::fs::{self, DirBuilder};
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::exit::{Exit, Failure};
use super::new_config::{give, readers, spare, store};
use super::password;
use crate::config::relay::Relay;
use crate::config::{Secret, places};
use crate::import::draft::quoted;
use crate::mail::address::Address;
use crate::sys::host;
use crate::sys::user::Caller;

/// Arguments of `init`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Write to this folder instead of the default one, without a systemd unit
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,
}

/// Submission servers of providers that many people have, where the name does not follow from the address.
const KNOWN: [(&[&str], &str); 9] = [
    (&["gmail.com", "googlemail.com"], "smtp.gmail.com:587"),
    (&["outlook.com", "hotmail.com", "live.com"], "smtp-mail.outlook.com:587"),
    (&["icloud.com", "me.com", "mac.com"], "smtp.mail.me.com:587"),
    (&["yahoo.com"], "smtp.mail.yahoo.com:465"),
    (&["gmx.de", "gmx.net", "gmx.at", "gmx.ch"], "mail.gmx.net:587"),
    (&["fastmail.com", "fastmail.fm"], "smtp.fastmail.com:465"),
    (&["posteo.de", "posteo.net"], "posteo.de:465"),
    (&["t-online.de"], "securesmtp.t-online.de:465"),
    (&["zoho.com"], "smtp.zoho.com:465"),
];

/// The unit of a user's runner, which runs the program that is beside this text.
const UNIT: &str = include_str!("../../contrib/systemd/user/postrider.service");

/// What was answered.
struct Answers {
    address: Address,
    relay: String,
    username: String,
    password: Secret,
}

/// Asks, and writes.
pub fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let caller = Caller::current();
    let usual = match caller.home.as_deref().filter(|_| caller.uid != 0) {
        Some(home) => places::own_config(home),
        None => PathBuf::from(places::SYSTEM_CONFIG),
    };
    let config = arguments.output.as_ref().map_or(usual, |folder| folder.join("config.toml"));
    let waiting = spare(&config, "init")?;
    let answers = ask()?;
    let written = write(&config, waiting.as_deref(), &answers)?;
    println!("wrote {} and {}", config.display(), written.display());
    if let (Some(home), None, true) = (&caller.home, &arguments.output, caller.uid != 0) {
        leave_unit(home);
    }
    println!("Done. Test it with: postrider test --to {}", answers.address);
    Ok(Exit::Ok)
}

fn ask() -> Result<Answers, Failure> {
    let address = question("Your address at the mail provider", "", |answer| {
        Address::parse(answer).map_err(|error| format!("not a valid address: {error}"))
    })?;
    let relay = question("Outgoing (SMTP) server", &server(address.domain()), |answer| {
        // As people write it, without the brackets that keep Postfix from looking up MX records.
        let (host, port) = answer.rsplit_once(':').unwrap_or((answer, "587"));
        let written = if host.starts_with('[') { format!("{host}:{port}") } else { format!("[{host}]:{port}") };
        Relay::parse(&written, host::service).map(|_| written).map_err(|error| format!("not a valid server: {error}"))
    })?;
    let username = question("User name on that server", &address.to_string(), |answer| Ok(answer.to_owned()))?;
    let password = password::ask(&username)?;
    Ok(Answers { address, relay, username, password })
}

/// The server that mail of this domain is most likely submitted to.
fn server(domain: &str) -> String {
    let known = KNOWN.iter().find(|(domains, _)| domains.iter().any(|known| domain.eq_ignore_ascii_case(known)));
    known.map_or_else(|| format!("smtp.{domain}:587"), |(_, server)| (*server).to_owned())
}

/// Asks until the answer can be read; on a terminal only, since nobody else would give another.
fn question<T>(text: &str, usual: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<T, Failure> {
    let stdin = io::stdin();
    loop {
        // Where nobody sees the question, the answer counts.
        let hint = if usual.is_empty() { String::new() } else { format!(" [{usual}]") };
        let _ = write!(io::stderr(), "{text}{hint}: ");
        let mut line = String::new();
        let failed = |error| Failure::new(Exit::IoError, format_args!("cannot read the answer: {error}"));
        if stdin.lock().read_line(&mut line).map_err(failed)? == 0 {
            return Err(Failure::new(Exit::DataError, "unexpected end of input; nothing was written"));
        }
        let answer = if line.trim().is_empty() { usual } else { line.trim() };
        match read(answer) {
            Ok(value) => return Ok(value),
            Err(problem) if stdin.is_terminal() => eprintln!("{problem}"),
            Err(problem) => {
                return Err(Failure::new(Exit::DataError, format_args!("{answer:?}: {problem}; nothing was written")));
            }
        }
    }
}

/// Writes the password first, so that no config names one that is not there; where it is.
fn write(config: &Path, waiting: Option<&Path>, answers: &Answers) -> Result<PathBuf, Failure> {
    let failed = |path: &Path| {
        let shown = path.display().to_string();
        move |error: io::Error| {
            Failure::new(
                Exit::IoError,
                format_args!("cannot write {shown}: {error}; use --output to name another folder"),
            )
        }
    };
    let folder = config.parent().unwrap_or(Path::new("/"));
    let name = account_name(&answers.address);
    let secret = folder.join("secrets").join(&name);
    let secrets = folder.join("secrets");
    DirBuilder::new().recursive(true).mode(0o700).create(&secrets).map_err(failed(&secrets))?;
    let group = readers(config);
    let give = |path: &Path, mode: u32| give(path, mode, group).map_err(failed(path));
    give(&secrets, 0o750)?;
    password::write(&secret, &answers.password).map_err(failed(&secret))?;
    if let Some(spared) = waiting {
        fs::rename(config, spared).map_err(failed(spared))?;
    }
    // A runner that is there reads it as soon as it appears, so it appears with its owner and mode.
    let fresh = folder.join(".config.toml.new");
    let _ = fs::remove_file(&fresh);
    store(&fresh, text(&name, answers).as_bytes()).map_err(failed(&fresh))?;
    give(&fresh, 0o640)?;
    fs::rename(&fresh, config).map_err(failed(config))?;
    Ok(secret)
}

/// `isp` of `me@mail.isp.example` and of `me@isp.example`.
fn account_name(address: &Address) -> String {
    let labels: Vec<&str> = address.domain().split('.').collect();
    let label = labels.len().checked_sub(2).and_then(|at| labels.get(at)).or(labels.first()).copied().unwrap_or("");
    let name: String = label.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    if name.trim_start_matches('-').is_empty() {
        "provider".to_owned()
    } else {
        name.trim_start_matches('-').to_owned()
    }
}

fn text(name: &str, answers: &Answers) -> String {
    let own = quoted(&answers.address.to_string());
    let host = host::this_machine();
    let short = host.split('.').next().unwrap_or(&host).to_owned();
    let mut names = vec![host.clone()];
    names.extend([short, "localhost".to_owned()].into_iter().filter(|name| *name != host));
    let rows: Vec<String> = names.iter().map(|name| format!("{} = {own}", quoted(&format!("@{name}")))).collect();
    format!(
        "# Written by \"postrider init\". postrider.toml(5) explains every key; \"postrider check\" finds mistakes.\n\n\
         # Replaces addresses of this machine, such as root@{host}, by yours in outgoing mail; mail to them goes to you.\n\
         generic = [{{ {} }}]\n\n\
         [account.{name}]\n\
         relay = {}\n\
         username = {}\n\
         password = {{ file = {} }}\n",
        rows.join(", "),
        quoted(&answers.relay),
        quoted(&answers.username),
        quoted(&format!("secrets/{name}")),
    )
}

/// A runner that starts with the user's session; without one, mail leaves a runner behind by itself.
fn leave_unit(home: &Path) {
    if !Path::new("/run/systemd/system").exists() {
        return;
    }
    let unit = home.join(".config/systemd/user/postrider.service");
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("/usr/bin/postrider"));
    let text = UNIT.replace("/usr/bin/postrider", &program.display().to_string());
    let written = unit.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| store(&unit, text.as_bytes()));
    match written {
        Ok(()) => println!("wrote {}", unit.display()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => {
            println!("cannot write {}: {error}; without it, each message starts a background process", unit.display());
            return;
        }
    }
    let enable = ["--user", "enable", "--now", "postrider.service"];
    let run = |arguments: &[&str]| {
        let status = Command::new("systemctl").args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    if run(&["--user", "daemon-reload"]) && run(&enable) {
        println!(
            "The delivery service is running and starts at each login (to keep it running without a login: loginctl enable-linger)."
        );
    } else {
        println!("To start the delivery service at each login: systemctl {}", enable.join(" "));
    }
}

#[cfg(test)]
mod tests;
