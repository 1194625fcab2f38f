//! AUTH on an open connection: the credential, the exchange of one mechanism after the
//! other while the server has not that one, and an end at the first refusal.

use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use super::connection::{Session, local};
use super::sasl::{self, Bindable, Certificate, Cover, Login};
use crate::config::relay::Relay;
use crate::config::{Account, Mechanism, Password};
use crate::deliver::smtp::sasl::exchange::{Exchange, Surroundings};
use crate::mail::outcome::{Fact, Phase, Reply, Seen};

/// Octets of the AUTH command beyond which the initial response waits for its prompt (RFC 4954 section 4).
const LONGEST_COMMAND: usize = 512;
/// Most prompts that are answered.
const MOST_PROMPTS: usize = 5;

/// The credential, read before anything is connected.
pub(crate) fn credential(account: &Account) -> Result<Option<Login>, String> {
    let name = &account.name;
    let certificate = if account.tls_client.is_some() { Certificate::Shown } else { Certificate::None };
    let password = account.password.as_ref().map(Password::fetch).transpose().map_err(|error| error.to_string())?;
    match (&account.username, &password, certificate) {
        (None, _, Certificate::None) => return Ok(None),
        (Some(_), None, Certificate::None) => {
            return Err(format!("account {name} has a username but no password; set password in [account.{name}]"));
        }
        _ => {}
    }
    // NUL divides the parts of PLAIN (RFC 4616), control A those of XOAUTH2: they would move the borders.
    let bad = |text: &str| text.contains(['\0', '\x01']);
    if account.username.as_deref().is_some_and(bad) || password.as_ref().is_some_and(|secret| bad(secret.expose())) {
        return Err(format!(
            "the username or password of account {name} contains a control character, which cannot be used in a login"
        ));
    }
    Ok(Some(Login { username: account.username.clone(), password, certificate }))
}

/// Logs in.
pub(crate) fn log_in(
    session: &mut Session,
    account: &Account,
    login: &Login,
    relay: &Relay,
    peer: &SocketAddr,
) -> Result<(), Fact> {
    let cover = if session.stream.tls_version().is_some() { Cover::Tls } else { Cover::Clear };
    if !sasl::may_carry_secret(cover, peer) && !account.allow_plaintext {
        return Err(local(
            Phase::Auth,
            format!(
                "the password of account {name} is not sent in clear text to {peer}; set tls = \"starttls\" or \
                 \"implicit\" in [account.{name}] (or allow_plaintext = true, if nobody can listen in)",
                name = account.name
            ),
        ));
    }
    let offered = session.capabilities.auth.clone();
    let binding = session.stream.binding();
    let bindable = if binding.is_some() { Bindable::Yes } else { Bindable::No };
    // A certificate alone is shown in the handshake; without EXTERNAL there is nothing to say.
    if login.password.is_none() && offered.is_empty() {
        return Ok(());
    }
    let mut unsupported = Vec::new();
    for mechanism in sasl::candidates(&offered, &account.auth, login, bindable) {
        match with_mechanism(session, account, login, relay, mechanism)? {
            Ended::Done => {
                session.described.auth = Some(mechanism);
                return Ok(());
            }
            Ended::Unsupported(code) => unsupported.push((mechanism, code)),
            Ended::Refused(reply) => return Err(Fact { phase: Phase::Auth, seen: Seen::Reply(reply) }),
        }
    }
    let words = if unsupported.is_empty() {
        sasl::none_fits(&account.name, &offered, &account.auth, cover)
    } else {
        sasl::all_unsupported(&account.name, &offered, &unsupported)
    };
    Err(Fact { phase: Phase::Auth, seen: Seen::NotOffered(words) })
}

/// How an exchange went.
enum Ended {
    /// Logged in.
    Done,
    /// The server does not have that mechanism after all.
    Unsupported(u16),
    /// The credential is not taken.
    Refused(Reply),
}

/// One mechanism; a rejected token is fetched anew once, since tokens expire.
fn with_mechanism(
    session: &mut Session,
    account: &Account,
    login: &Login,
    relay: &Relay,
    mechanism: Mechanism,
) -> Result<Ended, Fact> {
    let ended = exchange(session, login, relay, mechanism)?;
    let Ended::Refused(reply) = &ended else { return Ok(ended) };
    let Some(source @ Password::Command(_)) = account.password.as_ref().filter(|_| mechanism.wants_token()) else {
        return Ok(ended);
    };
    if !reply.is_permanent() {
        return Ok(ended);
    }
    session.stream.watch().note("the token was rejected; running the password command for a new one");
    match source.fetch() {
        Ok(fresh) if login.password.as_ref().is_none_or(|old| old.expose() != fresh.expose()) => {
            let login = Login { password: Some(fresh), ..login.clone() };
            exchange(session, &login, relay, mechanism)
        }
        Ok(_) | Err(_) => Ok(ended),
    }
}

/// The exchange itself.
fn exchange(session: &mut Session, login: &Login, relay: &Relay, mechanism: Mechanism) -> Result<Ended, Fact> {
    let fact = |seen| Fact { phase: Phase::Auth, seen };
    let limit = session.timeouts.auth;
    let around = Surroundings {
        host: &relay.host,
        port: relay.port,
        binding: session.stream.binding(),
        plus: sasl::plus(&session.capabilities.auth),
        nonce: nonce().map_err(|text| local(Phase::Auth, text))?,
    };
    let mut exchange = Exchange::new(mechanism, login, &around);
    let name = mechanism.name();
    let mut waiting = exchange.opening();
    let stream = &mut session.stream;
    let at_once = waiting.as_ref().map(|message| encoded(message)).filter(|text| {
        // "AUTH ", a blank, CRLF.
        text.len() + name.len() + 8 <= LONGEST_COMMAND
    });
    match at_once {
        Some(response) => {
            waiting = None;
            let response = if response.is_empty() { Zeroizing::new("=".to_owned()) } else { response };
            let masked = if mechanism == Mechanism::External {
                format!("AUTH {name} {}", *response)
            } else {
                format!("AUTH {name} (secret)")
            };
            stream.send_secret(&joined(&format!("AUTH {name} "), &response), &masked, limit).map_err(fact)?;
        }
        None => stream.send_secret(&format!("AUTH {name}"), &format!("AUTH {name}"), limit).map_err(fact)?,
    }
    let (mut reply, mut challenge) = stream.challenge(limit).map_err(fact)?;
    if sasl::is_unsupported(reply.code) {
        return Ok(Ended::Unsupported(reply.code));
    }
    let mut prompts = 0;
    while reply.code == 334 {
        prompts += 1;
        if prompts > MOST_PROMPTS {
            return Err(fact(Seen::Garbage("the server keeps sending challenges during the login".to_owned())));
        }
        let answer = if let Some(opening) = waiting.take() {
            Ok(opening)
        } else {
            let bytes = Zeroizing::new(STANDARD.decode(challenge.trim()).unwrap_or_default());
            exchange.answer(&bytes)
        };
        match answer {
            Ok(answer) => stream.send_secret(&encoded(&answer), "(secret)", limit).map_err(fact)?,
            Err(wrong) => {
                // The exchange is called off (RFC 4954 section 4); what is said to that changes nothing.
                stream.send_secret("*", "*", limit).map_err(fact)?;
                let _ = stream.challenge(limit);
                return Err(fact(Seen::Garbage(format!("the server violates {name}: {wrong}"))));
            }
        }
        (reply, challenge) = stream.challenge(limit).map_err(fact)?;
    }
    match reply.code {
        200..300 if exchange.is_convinced() => Ok(Ended::Done),
        200..300 => Err(fact(Seen::Garbage(format!(
            "the server reported a successful login without proving that it knows the password ({name})"
        )))),
        300..400 => Err(fact(Seen::Garbage(format!("unexpected reply to the login: {}", reply.code)))),
        _ => Ok(Ended::Refused(reply)),
    }
}

/// 18 random octets, printable.
fn nonce() -> Result<String, String> {
    let mut bytes = [0; 18];
    SystemRandom::new().fill(&mut bytes).map_err(|_| "the system provides no random numbers".to_owned())?;
    Ok(STANDARD.encode(bytes))
}

/// Allocated once, so that no copy stays behind in memory.
fn joined(before: &str, secret: &str) -> Zeroizing<String> {
    let mut line = Zeroizing::new(String::with_capacity(before.len() + secret.len()));
    line.push_str(before);
    line.push_str(secret);
    line
}

fn encoded(bytes: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(STANDARD.encode(bytes))
}
