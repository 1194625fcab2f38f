//! The login at the end of the questions: tested before anything is written, again if somebody can answer, and what a failure means
//! where there is no configuration yet.

use super::{Answers, Arguments};
use crate::cli::ask::{is_attended, question, say};
use crate::cli::exit::{Exit, Failure};
use crate::cli::login_test::{self, NoSession};
use crate::cli::password;
use crate::config::providers::{PasswordKind, Provider};
use crate::config::{Account, Password, Secret};
use crate::deliver::smtp::session::Session;
use crate::mail::outcome::Phase;
use crate::mail::printable::printable;
use crate::rules::meaning::Meaning;

/// What is to be written.
pub(super) struct Login {
    /// `None` where a client of OAuth 2.0 logs in.
    pub(super) password: Option<Secret>,
    /// With the account's relay, logged in; `None` if the login was not tested, or is written although it failed.
    pub(super) session: Option<Session>,
}

/// An empty password typed on a terminal is asked for again: everything else has been answered by then.
fn ask(username: &str) -> Result<Secret, Failure> {
    loop {
        match password::typed(&format!("Password for {username}"))? {
            Some(password) => return Ok(password),
            None if is_attended() => say("it is empty: type it (nothing is shown), or end with Ctrl-D"),
            None => return Err(Failure::new(Exit::DataError, "the password is empty; nothing was written")),
        }
    }
}

/// What to do after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Again,
    Trust,
    Write,
    Stop,
}

/// The account as it would be written, and the name of this machine.
type Drafted = (Account, String);

/// Asks for the password and logs in with the account that follows from the answers. If that fails, nothing is written unless the
/// user says so; a certificate that they trust becomes one of the answers.
pub(super) fn log_in(
    arguments: &Arguments,
    answers: &mut Answers,
    draft: impl Fn(&Answers) -> Result<Drafted, Failure>,
) -> Result<Login, Failure> {
    if answers.client.is_some() {
        // Somebody has to agree in a browser first.
        return Ok(Login { password: None, session: None });
    }
    let mut password = match &arguments.password_file {
        Some(file) => password::from_file(file)?,
        None => ask(&answers.username)?,
    };
    if arguments.offline {
        return Ok(Login { password: Some(password), session: None });
    }
    loop {
        let (account, hostname) = draft(answers)?;
        let account = Account { password: Some(Password::Literal(password.clone())), ..account };
        say("logging in, to test it");
        let no = match login_test::open(&account, &hostname, Box::new(login_test::Silent)) {
            Ok(session) => {
                say(&format!("logged in to {}", session.described().relay));
                return Ok(Login { password: Some(password), session: Some(session) });
            }
            Err(no) => no,
        };
        let said = sentence(&no, answers.server.provider);
        let pin = no.certificate.as_ref().and_then(|problem| problem.pin.clone());
        let exit = if pin.is_some() { Exit::Config } else { no.exit };
        if !is_attended() {
            let way = pin
                .map_or_else(String::new, |pin| format!("--tls-fingerprint {pin} trusts exactly this certificate, "));
            return Err(Failure::new(
                exit,
                format_args!("{said}; nothing was written ({way}--offline writes the configuration without a test)"),
            ));
        }
        say(&said);
        let certificate = no.certificate.iter().flat_map(|problem| &problem.certificate);
        certificate.for_each(|line| say(line));
        match next(no.phase, pin.as_deref())? {
            Next::Again if no.phase == Phase::Auth => password = ask(&answers.username)?,
            Next::Again => {}
            Next::Trust => answers.fingerprint = pin,
            Next::Write => return Ok(Login { password: Some(password), session: None }),
            Next::Stop => return Err(Failure::new(exit, "nothing was written")),
        }
    }
}

fn next(phase: Phase, pin: Option<&str>) -> Result<Next, Failure> {
    let (first, usual) = match (pin, phase) {
        (Some(_), _) => (("trust", "trust exactly this certificate"), "stop"),
        (None, Phase::Auth) => (("again", "try another password"), "again"),
        (None, _) => (("again", "try again"), "again"),
    };
    let (word, meaning) = first;
    let text = format!("What now? {word}: {meaning}; write: write the configuration anyway; stop");
    question(&text, usual, |answer| match answer {
        "again" if word == "again" => Ok(Next::Again),
        "trust" if word == "trust" => Ok(Next::Trust),
        "write" => Ok(Next::Write),
        "stop" => Ok(Next::Stop),
        _ => Err(format!("answer {word}, write or stop")),
    })
}

/// What was seen, and what it means here.
fn sentence(no: &NoSession, provider: Option<&Provider>) -> String {
    let cause = no.meaning.and_then(|meaning| cause(meaning, provider)).or_else(|| no.cause.clone());
    let cause = cause.map_or_else(String::new, |cause| format!("; likely cause: {cause}"));
    printable(&format!("the login failed at {}{cause}", no.failure))
}

/// Instead of the usual words, which speak of a configuration and of mail that waits.
fn cause(meaning: Meaning, provider: Option<&Provider>) -> Option<String> {
    let page = provider.and_then(|provider| provider.credential_url.as_ref());
    let page = page.map_or_else(String::new, |url| format!(" ({url})"));
    Some(match meaning {
        Meaning::LoginRejected => {
            let wrong = "the user name or the password is wrong";
            match provider.map(|provider| (provider.name.as_str(), provider.password)) {
                None => {
                    format!("{wrong}; many providers want the whole address as user name, and an app password")
                }
                Some((name, PasswordKind::AppPassword)) => {
                    format!("{wrong}: {name} takes an app password{page}, and not that of its web site")
                }
                Some((name, PasswordKind::Code | PasswordKind::Token)) => {
                    format!("{wrong}: {name} takes only what it issues for mail programs{page}")
                }
                Some((_, PasswordKind::Password | PasswordKind::Oauth)) => {
                    match provider.and_then(|it| it.note.as_ref()) {
                        Some(note) => {
                            format!("{wrong}, or what was said above is not done: {}", note.trim_end_matches('.'))
                        }
                        None => wrong.to_owned(),
                    }
                }
            }
        }
        Meaning::AppPasswordWanted => {
            format!("the provider wants an app password{page}, and not the password of its web site")
        }
        Meaning::LoginBlocked => {
            "the provider wants something done first: sign in on its web site and allow SMTP for this account \
             there, or ask its administrator to do so"
                .to_owned()
        }
        Meaning::TooManyLogins => "too many logins in a short time: wait a few minutes, and try again".to_owned(),
        Meaning::ServerTrouble | Meaning::SessionOver => {
            "the server has trouble that passes: wait a few minutes, and try again".to_owned()
        }
        Meaning::HeloRefused => {
            "the server wants to know this machine by a full name that exists in DNS: write the configuration \
             anyway, and set `hostname` in it"
                .to_owned()
        }
        _ => return None,
    })
}
