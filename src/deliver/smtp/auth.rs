//! AUTH on an open connection: the mechanisms to try with a credential (`credential`), and the exchange of each. `sasl`
//! selects the mechanisms; `login_history` has the results of earlier logins.
//!
//! Three rules limit what a login may cost. A secret leaves this machine only over verified TLS, or to a privileged
//! port of this machine. At most one rejection more than necessary is risked, since providers lock accounts after a
//! few. And once a login was bound to the connection, or the server broke SCRAM, the plain password is not sent any
//! more unless `auth` allows nothing stronger: an attacker in between can remove the strong mechanisms from the offer,
//! but cannot undo what was seen before.

use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use super::connection::{Session, local};
use super::credential;
use super::login_history::{LoginHistory, Other, Rejection};
use super::sasl::exchange::{Exchange, Plus, Surroundings, TokenReport};
use super::sasl::{self, Bindable, Cover, Login};
use super::stream::AuthReply;
use crate::config::relay::Relay;
use crate::config::{Account, Mechanism};
use crate::deliver::confidential::Confidential;
use crate::mail::outcome::{Fact, Phase, Reply, Seen};
use crate::rules::classify;
use crate::rules::meaning::{self, Meaning, Stage};
use crate::rules::trouble;

/// A longer AUTH command would exceed the limit of RFC 4954 section 4, so the initial response then waits for its
/// prompt.
const LONGEST_COMMAND: usize = 512;
/// How many prompts are answered.
const MOST_PROMPTS: usize = 5;

/// Why a login failed.
pub(crate) struct LoginFailure {
    /// The server's reply or our own finding.
    pub fact: Fact,
    /// The mechanisms that were tried for this login, in this session and in the one before.
    pub tried: Vec<Mechanism>,
}

impl From<Fact> for LoginFailure {
    fn from(fact: Fact) -> Self {
        Self { fact, tried: Vec::new() }
    }
}

/// Logs in. If the rejection may be due to the mechanism rather than the credential, one other mechanism is tried,
/// once per credential. More attempts could lock the account.
pub(crate) fn log_in(
    session: &mut Session,
    login: &Login,
    place: &Place<'_>,
    history: &LoginHistory,
) -> Result<(), LoginFailure> {
    let account = place.account;
    let cover = if session.stream.tls_version().is_some() { Cover::Tls } else { Cover::Clear };
    // Before the mechanisms are looked at: also a challenge-response without TLS gives a listener something to guess
    // the password by.
    if !sasl::may_carry_secret(cover, place.peer) && !account.allow_plaintext {
        return Err(local(
            Phase::Auth,
            format!(
                "the password of account {name} is not sent in clear text to {peer}; set tls = \"starttls\" or \
                 \"implicit\" in [account.{name}] (or allow_plaintext = true, if nobody can listen in)",
                name = account.name,
                peer = place.peer
            ),
        )
        .into());
    }
    let offered = session.capabilities.auth.clone();
    // A client certificate was already presented in the handshake. Without EXTERNAL there is nothing else to do.
    if login.password.is_none() && offered.is_empty() {
        return Ok(());
    }
    let past = history.past(account, login);
    let bindable = if session.stream.binding().is_some() { Bindable::Yes } else { Bindable::No };
    let mut candidates = sasl::candidates(&offered, &account.auth, login, bindable, cover);
    // -PLUS was offered and worked, and is gone now. What does not show the password may still be tried; PLAIN and
    // LOGIN may not.
    let is_stripped = past.was_bound && sasl::plus(&offered) == Plus::NotOffered && allows_bound(account);
    let is_broken = past.broke_scram && account.auth.iter().any(|mechanism| sasl::is_scram(*mechanism));
    if is_stripped || is_broken {
        candidates.retain(|mechanism| !sasl::shows_password(*mechanism));
        if candidates.is_empty() {
            let words = if is_stripped { sasl::stripped } else { sasl::broken };
            let words = words(&account.name, &offered);
            return Err(Fact { phase: Phase::Auth, seen: Seen::NotOffered(words) }.into());
        }
    }
    let mut attempt = Attempt { session, login, place, history, cover, tried: Vec::new() };
    attempt.run(candidates, &past.other, &offered).map_err(|fact| LoginFailure { fact, tried: attempt.tried })
}

/// Whether the account permits binding a login to its TLS connection.
fn allows_bound(account: &Account) -> bool {
    account.auth.iter().any(|mechanism| sasl::is_bound(*mechanism))
}

/// The server that the login is for.
pub(crate) struct Place<'a> {
    pub account: &'a Account,
    pub relay: &'a Relay,
    pub peer: &'a SocketAddr,
}

/// A login, with as many mechanisms as it needs.
struct Attempt<'a> {
    session: &'a mut Session,
    login: &'a Login,
    place: &'a Place<'a>,
    history: &'a LoginHistory,
    cover: Cover,
    tried: Vec<Mechanism>,
}

impl Attempt<'_> {
    /// Tries the candidates in order, unless an earlier login showed which mechanism to use.
    ///
    /// Three ends of an exchange differ in what may follow. `Unsupported` costs nothing and goes on to the next
    /// candidate. `Refused` counts as a wrong password at the provider, so at most one other mechanism follows, and
    /// its result is remembered for this credential. `NotBound` ends the login, since everything weaker is what an
    /// attacker would want. An error (`Fact`) ends it as well: the connection is lost or the server is out of step.
    fn run(&mut self, mut left: Vec<Mechanism>, other: &Other, offered: &[String]) -> Result<(), Fact> {
        let mut rejection = self.apply_history(&mut left, other);
        let mut may_try_another = *other == Other::Untried;
        let mut unsupported = Vec::new();
        while !left.is_empty() {
            let mechanism = left.remove(0);
            self.tried.push(mechanism);
            match self.with_mechanism_noted(mechanism)? {
                Ended::Done => {
                    if rejection.is_some() {
                        self.note(Other::Accepted(mechanism));
                    }
                    self.accepted(mechanism);
                    return Ok(());
                }
                Ended::Unsupported(code) => {
                    unsupported.push((mechanism, code));
                    self.forbid_password(mechanism, &mut left);
                }
                // A closed connection says nothing about the other mechanism, so that one is still due.
                Ended::Refused { reply, .. } if reply.code == 421 && rejection.is_some() => return Err(refused(reply)),
                Ended::Refused { reply, .. } => {
                    self.forbid_password(mechanism, &mut left);
                    let another = sasl::other(mechanism, self.meaning(mechanism, &reply), &left);
                    let Some(next) = another.filter(|_| may_try_another) else {
                        if rejection.is_some() {
                            self.note(Other::Spent);
                        }
                        return Err(refused(reply));
                    };
                    may_try_another = false;
                    let earlier = Rejection { mechanism, reply };
                    // Noted before the attempt. If the server closes the connection now, the next session goes
                    // straight to this mechanism, instead of repeating the rejected one first.
                    self.note(Other::Due(earlier.clone(), next));
                    let observer = self.session.stream.observer();
                    observer.note(&format!("the server may not support {}; trying {}", mechanism.name(), next.name()));
                    (rejection, left) = (Some(earlier), vec![next]);
                }
                Ended::NotBound(reply) => return Err(refused(reply)),
            }
        }
        // The server did not support the second mechanism, so the first one's rejection is the reason to report.
        if let Some(earlier) = rejection {
            self.note(Other::Spent);
            return Err(refused(earlier.reply));
        }
        Err(self.nothing_left(offered, &unsupported))
    }

    /// Limits the candidates to the mechanism that an earlier login showed. Returns the rejection because of which that one is
    /// tried.
    fn apply_history(&mut self, left: &mut Vec<Mechanism>, other: &Other) -> Option<Rejection> {
        match other {
            Other::Due(earlier, next) if left.contains(next) => {
                self.tried.push(earlier.mechanism);
                *left = vec![*next];
                Some(earlier.clone())
            }
            Other::Accepted(mechanism) if left.contains(mechanism) => {
                *left = vec![*mechanism];
                None
            }
            Other::Due(..) | Other::Accepted(_) | Other::Untried | Other::Spent => None,
        }
    }

    /// Tries one mechanism, and remembers if the server violated SCRAM.
    fn with_mechanism_noted(&mut self, mechanism: Mechanism) -> Result<Ended, Fact> {
        let ended = self.with_mechanism(mechanism);
        let breaks = matches!(ended, Err(Fact { seen: Seen::Garbage(_), .. }) | Ok(Ended::NotBound(_)));
        if breaks && sasl::is_scram(mechanism) {
            self.history.note_broken(self.place.account, self.login);
        }
        ended
    }

    fn nothing_left(&self, offered: &[String], unsupported: &[(Mechanism, u16)]) -> Fact {
        let account = self.place.account;
        let words = if unsupported.is_empty() {
            sasl::none_fits(&account.name, offered, &account.auth, self.cover)
        } else {
            sasl::all_unsupported(&account.name, offered, unsupported)
        };
        Fact { phase: Phase::Auth, seen: Seen::NotOffered(words) }
    }

    fn accepted(&mut self, mechanism: Mechanism) {
        self.session.described.auth = Some(mechanism);
        let who = self.login.username.as_deref().map_or_else(String::new, |username| format!(" as {username}"));
        self.session.stream.observer().reached(&format!("logged in{who} with {}", mechanism.name()));
        if sasl::is_bound(mechanism) {
            self.history.note_bound(self.place.account, self.login);
        }
    }

    fn note(&self, other: Other) {
        self.history.note(self.place.account, self.login, other);
    }

    /// Removes mechanisms that reveal the password, if there is no TLS or if the failed mechanism was bound to the
    /// connection. A server that fails a bound login may be an attacker who wants the plain password instead.
    fn forbid_password(&self, mechanism: Mechanism, left: &mut Vec<Mechanism>) {
        if self.cover == Cover::Clear || sasl::is_bound(mechanism) {
            left.retain(|mechanism| !sasl::shows_password(*mechanism));
        }
    }

    fn meaning(&self, mechanism: Mechanism, reply: &Reply) -> Meaning {
        let secret = if mechanism.wants_token() { meaning::Secret::Token } else { meaning::Secret::Password };
        let session = trouble::Session::logging_in(self.place.account, secret);
        classify::classify(&session.at(Stage::Auth), reply).meaning
    }

    /// Tries one mechanism. Tokens expire, so after a rejection a new one is fetched, once.
    ///
    /// The renewed token makes a second rejected login at most. It is skipped for the same token, which would be
    /// rejected again, and for a 4xx reply, which says nothing about the token.
    fn with_mechanism(&mut self, mechanism: Mechanism) -> Result<Ended, Fact> {
        let ended = exchange(self.session, self.login, self.place.relay, mechanism)?;
        let Ended::Refused { reply, .. } = &ended else { return Ok(ended) };
        let (account, rejected) = (self.place.account, self.login.password.as_ref());
        if !mechanism.wants_token() || !reply.is_permanent() {
            return Ok(ended);
        }
        let mut note = |text: &str| self.session.stream.observer().note(text);
        let fresh = credential::renewed(account, rejected, &mut note);
        let Some(fresh) = fresh.map_err(|seen| Fact { phase: Phase::Auth, seen })? else { return Ok(ended) };
        let login = Login { password: Some(fresh), ..self.login.clone() };
        match exchange(self.session, &login, self.place.relay, mechanism)? {
            Ended::Refused { reply, report } if account.oauth.is_some() => {
                Err(Fact { phase: Phase::Auth, seen: credential::rejected_again(account, &reply, report) })
            }
            ended => Ok(ended),
        }
    }
}

fn refused(reply: Reply) -> Fact {
    Fact { phase: Phase::Auth, seen: Seen::Reply(reply) }
}

/// How an exchange ended.
enum Ended {
    /// Logged in.
    Done,
    /// The server does not support the mechanism after all.
    Unsupported(u16),
    /// The server rejected the credential.
    Refused {
        /// Its reply.
        reply: Reply,
        /// What it said about a token before that.
        report: Option<TokenReport>,
    },
    /// The server rejected the binding to the connection: there may be an attacker in between.
    NotBound(Reply),
}

/// Runs the exchange of one mechanism. Later replies on the connection that repeat what was sent are not kept.
fn exchange(session: &mut Session, login: &Login, relay: &Relay, mechanism: Mechanism) -> Result<Ended, Fact> {
    let password = login.password.as_ref().map_or("", |secret| secret.expose());
    let mut confidential = Confidential::of_login(login.username.as_deref().unwrap_or_default(), password);
    if mechanism.wants_token() {
        confidential.add_token(password);
    }
    let ended = exchange_messages(session, login, relay, mechanism, &mut confidential);
    session.stream.withhold(confidential);
    ended
}

fn exchange_messages(
    session: &mut Session,
    login: &Login,
    relay: &Relay,
    mechanism: Mechanism,
    confidential: &mut Confidential,
) -> Result<Ended, Fact> {
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
    let mut waiting = send_auth(session, exchange.opening(), mechanism, confidential).map_err(fact)?;
    let stream = &mut session.stream;
    let AuthReply { mut reply, mut challenge } = stream.auth_reply(limit, confidential).map_err(fact)?;
    if sasl::is_unsupported(reply.code) {
        return Ok(Ended::Unsupported(reply.code));
    }
    // Bounded, or a server could keep the session in challenges forever: each reply comes within its limit, and there
    // is always another.
    let mut prompts = 0;
    // 354 asks for content. Any other code counts by its first digit (RFC 5321 section 4.2.1).
    while (300..400).contains(&reply.code) && reply.code != 354 {
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
        match answer.map(|answer| encoded(&answer)) {
            Ok(answer) => {
                confidential.add_response(&answer);
                stream.send_secret(&answer, "(secret)", limit).map_err(fact)?;
            }
            Err(wrong) => {
                // Cancels the exchange (RFC 4954 section 4). The server's reply does not matter.
                stream.send_secret("*", "*", limit).map_err(fact)?;
                let _ = stream.auth_reply(limit, confidential);
                return Err(fact(Seen::Garbage(format!("the server violates {name}: {wrong}"))));
            }
        }
        AuthReply { reply, challenge } = stream.auth_reply(limit, confidential).map_err(fact)?;
    }
    ended(&exchange, name, reply).map_err(fact)
}

/// Sends AUTH, with the initial response if it fits into the command. Otherwise returns the response, which then waits for its
/// prompt.
fn send_auth(
    session: &mut Session,
    opening: Option<Zeroizing<Vec<u8>>>,
    mechanism: Mechanism,
    confidential: &mut Confidential,
) -> Result<Option<Zeroizing<Vec<u8>>>, Seen> {
    let (name, limit) = (mechanism.name(), session.timeouts.auth);
    let at_once = opening.as_ref().map(|message| encoded(message)).filter(|text| {
        // "AUTH ", a blank, and CRLF.
        text.len() + name.len() + 8 <= LONGEST_COMMAND
    });
    let Some(response) = at_once else {
        session.stream.send_secret(&format!("AUTH {name}"), &format!("AUTH {name}"), limit)?;
        return Ok(opening);
    };
    confidential.add_response(&response);
    let response = if response.is_empty() { Zeroizing::new("=".to_owned()) } else { response };
    let masked = if mechanism == Mechanism::External {
        format!("AUTH {name} {}", *response)
    } else {
        format!("AUTH {name} (secret)")
    };
    session.stream.send_secret(&joined(&format!("AUTH {name} "), &response), &masked, limit)?;
    Ok(None)
}

/// The result of an exchange, from its last reply.
///
/// A mechanism with mutual authentication is complete only if the server has proved itself; a bare 235 from somebody
/// in between must not count.
fn ended(exchange: &Exchange, name: &str, reply: Reply) -> Result<Ended, Seen> {
    match reply.code {
        200..300 if exchange.is_convinced() => Ok(Ended::Done),
        200..300 => Err(Seen::Garbage(format!(
            "the server reported a successful login without proving that it knows the password ({name})"
        ))),
        300..400 => Err(Seen::Garbage(format!("unexpected reply to the login: {}", reply.code))),
        _ if exchange.is_binding_refused() => Ok(Ended::NotBound(reply)),
        _ => Ok(Ended::Refused { reply, report: exchange.token_report() }),
    }
}

/// 18 random bytes as text.
fn nonce() -> Result<String, String> {
    let mut bytes = [0; 18];
    SystemRandom::new().fill(&mut bytes).map_err(|_| "the system provides no random numbers".to_owned())?;
    Ok(STANDARD.encode(bytes))
}

/// Allocated at its final size, so that growing leaves no copy of the secret in memory.
fn joined(before: &str, secret: &str) -> Zeroizing<String> {
    let mut line = Zeroizing::new(String::with_capacity(before.len() + secret.len()));
    line.push_str(before);
    line.push_str(secret);
    line
}

fn encoded(bytes: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(STANDARD.encode(bytes))
}
