//! How a session comes about: relays and their addresses in order, greeting, EHLO,
//! STARTTLS, AUTH; and what of that ends the walk. Transactions are `transaction`'s.

use std::net::{SocketAddr, ToSocketAddrs};

use super::capabilities::{Capabilities, Extension};
use super::command;
use super::observe::Observer;
use super::sasl::{self, Cover, Login, Script};
use super::session::{Described, NotOpened, Session, State};
use super::stream::{Keep, Stream, Watch};
use super::timeouts::Timeouts;
use crate::config::relay::{Lookup, Relay};
use crate::config::{Account, TlsMode};
use crate::mail::outcome::{Fact, Phase, Reply, Seen};
use crate::tls::{Client, Roots};

/// Opens a session for the account, as [`Session::open`] says.
pub(super) fn open(account: &Account, hostname: &str, observer: Box<dyn Observer>) -> Result<Session, NotOpened> {
    match credential(account) {
        Ok(login) => walk(account, hostname, login, observer),
        Err(text) => Err(at_first(account, local(Phase::Credential, text))),
    }
}

/// The walk over the relays, the credential in hand.
pub(super) fn walk(
    account: &Account,
    hostname: &str,
    login: Option<Login>,
    observer: Box<dyn Observer>,
) -> Result<Session, NotOpened> {
    let tls = client(account).map_err(|text| at_first(account, local(Phase::Tls, text)))?;
    let opener =
        Opener { account, hostname, login, tls, timeouts: Timeouts::new(account.timeout), watch: Watch::new(observer) };
    let mut best: Option<NotOpened> = None;
    for relay in &account.relays {
        match opener.relay(relay) {
            Ok(session) => return Ok(session),
            Err(Stop::Account(failure)) => return Err(failure),
            Err(Stop::Relay(failure)) => best = Some(further(best, failure)),
        }
    }
    Err(best.unwrap_or_else(|| {
        at_first(account, local(Phase::Resolve, format!("account {} names no relay", account.name)))
    }))
}

/// A failure before any relay was tried.
fn at_first(account: &Account, fact: Fact) -> NotOpened {
    NotOpened { relay: account.relays.first().map_or_else(|| "none".to_owned(), place), fact }
}

/// Why a relay gave no session.
enum Stop {
    /// It is the account's own trouble: no other relay would do better.
    Account(NotOpened),
    /// Another relay may do.
    Relay(NotOpened),
}

struct Opener<'a> {
    account: &'a Account,
    hostname: &'a str,
    login: Option<Login>,
    tls: Option<Client>,
    timeouts: Timeouts,
    watch: Watch,
}

impl Opener<'_> {
    /// Tries all addresses of one relay.
    fn relay(&self, relay: &Relay) -> Result<Session, Stop> {
        let addresses = self.resolve(relay).map_err(|seen| {
            Stop::Relay(NotOpened { relay: place(relay), fact: Fact { phase: Phase::Resolve, seen } })
        })?;
        let mut best: Option<NotOpened> = None;
        for address in addresses {
            match self.address(relay, address) {
                Ok(session) => return Ok(session),
                Err(fact) => {
                    self.watch.note(&format!("{}: {}", described(relay, &address), fact.seen));
                    let failure = NotOpened { relay: described(relay, &address), fact };
                    if is_account_trouble(&failure.fact) {
                        return Err(Stop::Account(failure));
                    }
                    best = Some(further(best, failure));
                }
            }
        }
        Err(Stop::Relay(best.unwrap_or_else(|| NotOpened { relay: place(relay), fact: no_address(relay) })))
    }

    fn resolve(&self, relay: &Relay) -> Result<Vec<SocketAddr>, Seen> {
        let addresses: Vec<SocketAddr> = match relay.lookup {
            // MX records are not asked for yet: a name without brackets is taken for the host itself.
            Lookup::Address | Lookup::Mx => (relay.host.as_str(), relay.port).to_socket_addrs(),
        }
        .map_err(|error| {
            Seen::Failed(format!(
                "cannot find the address of {}: {error}; check relay in [account.{}] and this machine's DNS",
                relay.host, self.account.name
            ))
        })?
        .collect();
        let listed: Vec<String> = addresses.iter().map(|a| a.ip().to_string()).collect();
        self.watch.note(&format!("{} is {}", relay.host, listed.join(", ")));
        Ok(addresses)
    }

    /// Opens a session with one address.
    fn address(&self, relay: &Relay, address: SocketAddr) -> Result<Session, Fact> {
        let stream = Stream::connect(&address, self.timeouts.connect, self.watch.clone())
            .map_err(|seen| Fact { phase: Phase::Connect, seen: at_address(seen, &address) })?;
        self.watch.note(&format!("connected to {}", described(relay, &address)));
        let mut session = Session {
            described: Described { relay: described(relay, &address), tls: None, auth: None },
            stream,
            capabilities: Capabilities::none(),
            timeouts: self.timeouts,
            state: State::Ready,
        };
        match self.introduce(&mut session, relay, &address) {
            Ok(()) => Ok(session),
            Err(fact) => {
                take_leave(session, &fact);
                Err(fact)
            }
        }
    }

    /// All that comes before the first transaction.
    fn introduce(&self, session: &mut Session, relay: &Relay, address: &SocketAddr) -> Result<(), Fact> {
        match self.account.tls_mode(relay) {
            TlsMode::Implicit => {
                self.start_tls(session, relay)?;
                greeting(session)?;
                self.hello(session)?;
            }
            TlsMode::Starttls => {
                greeting(session)?;
                self.hello(session)?;
                self.ask_for_tls(session)?;
                self.start_tls(session, relay)?;
                // Whatever was offered in the clear may have been somebody else's word.
                session.capabilities = Capabilities::none();
                self.hello(session)?;
            }
            TlsMode::None => {
                greeting(session)?;
                self.hello(session)?;
            }
        }
        self.log_in(session, address)
    }

    /// EHLO; HELO where EHLO is refused and nothing that only EHLO can give is needed.
    fn hello(&self, session: &mut Session) -> Result<(), Fact> {
        let fact = |seen| Fact { phase: Phase::Ehlo, seen };
        let limit = self.timeouts.ehlo;
        let local = session.stream.local_ip();
        say(session, &command::ehlo(self.hostname, local)).map_err(fact)?;
        let (reply, lines) = session.stream.reply_lines(limit).map_err(fact)?;
        if reply.is_positive() {
            session.capabilities = Capabilities::read(&lines);
            return Ok(());
        }
        let needs_ehlo = self.login.is_some() || (self.tls.is_some() && session.stream.tls_version().is_none());
        if !reply.is_permanent() || needs_ehlo {
            return Err(fact(Seen::Reply(reply)));
        }
        say(session, &command::helo(self.hostname, local)).map_err(fact)?;
        let reply = session.stream.reply(limit, Keep::Text).map_err(fact)?;
        if reply.is_positive() { Ok(()) } else { Err(fact(Seen::Reply(reply))) }
    }

    fn ask_for_tls(&self, session: &mut Session) -> Result<(), Fact> {
        let fact = |seen| Fact { phase: Phase::StartTls, seen };
        if !session.capabilities.offers(Extension::StartTls) {
            return Err(fact(Seen::NotOffered(format!(
                "the server does not offer STARTTLS, and account {} wants TLS; nothing secret was sent. Somebody between \
                 may have removed the offer; else try port 465 with tls = \"implicit\" in [account.{}]",
                self.account.name, self.account.name
            ))));
        }
        say(session, &command::starttls()).map_err(fact)?;
        let reply = session.stream.reply(self.timeouts.starttls, Keep::Text).map_err(fact)?;
        if reply.is_positive() { Ok(()) } else { Err(fact(Seen::Reply(reply))) }
    }

    fn start_tls(&self, session: &mut Session, relay: &Relay) -> Result<(), Fact> {
        let fact = |seen| Fact { phase: Phase::Tls, seen };
        let Some(client) = &self.tls else {
            return Err(fact(Seen::Local("TLS was not set up".to_owned())));
        };
        let name = self.account.tls_name.as_deref().unwrap_or(&relay.host);
        session.stream.start_tls(client, name, self.timeouts.starttls).map_err(|seen| match seen {
            // The clear text behind STARTTLS's reply is that command's business.
            Seen::Garbage(_) => Fact { phase: Phase::StartTls, seen },
            other => fact(other),
        })?;
        session.described.tls = session.stream.tls_version();
        Ok(())
    }

    /// AUTH, if the account has a login.
    fn log_in(&self, session: &mut Session, peer: &SocketAddr) -> Result<(), Fact> {
        let Some(login) = &self.login else { return Ok(()) };
        let cover = if session.stream.tls_version().is_some() { Cover::Tls } else { Cover::Clear };
        if !sasl::may_carry_secret(cover, peer) && !self.account.allow_plaintext {
            return Err(local(
                Phase::Auth,
                format!(
                    "the password of account {name} is not sent in the clear to {peer}; set tls = \"starttls\" or \
                     \"implicit\" in [account.{name}] (or allow_plaintext = true, if nobody can listen)",
                    name = self.account.name
                ),
            ));
        }
        let offered = session.capabilities.auth.clone();
        let mut unsupported: Option<Reply> = None;
        for mechanism in sasl::candidates(&offered, &self.account.auth) {
            match self.exchange(session, &Script::new(mechanism, login))? {
                Exchange::Done => {
                    session.described.auth = Some(mechanism);
                    return Ok(());
                }
                Exchange::Unsupported(reply) => unsupported = Some(reply),
            }
        }
        let seen = match unsupported {
            Some(reply) => Seen::Reply(reply),
            None => Seen::NotOffered(sasl::none_fits(&self.account.name, &offered, &self.account.auth, cover)),
        };
        Err(Fact { phase: Phase::Auth, seen })
    }

    /// One mechanism's exchange.
    fn exchange(&self, session: &mut Session, script: &Script) -> Result<Exchange, Fact> {
        let fact = |seen| Fact { phase: Phase::Auth, seen };
        let limit = self.timeouts.auth;
        let stream = &mut session.stream;
        stream.send_secret(&script.opening, &script.masked, limit).map_err(fact)?;
        let mut reply = stream.reply(limit, Keep::Code).map_err(fact)?;
        if sasl::is_unsupported(reply.code) {
            return Ok(Exchange::Unsupported(reply));
        }
        for answer in &script.answers {
            if reply.code != 334 {
                break;
            }
            stream.send_secret(answer, "(secret)", limit).map_err(fact)?;
            reply = stream.reply(limit, Keep::Code).map_err(fact)?;
        }
        match reply.code {
            200..300 => Ok(Exchange::Done),
            300..400 => Err(fact(Seen::Garbage(format!(
                "the server answered the login with {} where 235 or a refusal was due",
                reply.code
            )))),
            _ => Err(fact(Seen::Reply(reply))),
        }
    }
}

/// How an exchange went, where it did not end the opening.
enum Exchange {
    /// Logged in.
    Done,
    /// The server does not have that mechanism after all.
    Unsupported(Reply),
}

/// The password, read before anything is connected.
fn credential(account: &Account) -> Result<Option<Login>, String> {
    let Some(username) = &account.username else { return Ok(None) };
    let name = &account.name;
    let Some(password) = &account.password else {
        return Err(format!("account {name} has a username but no password; set password in [account.{name}]"));
    };
    let password = password.fetch().map_err(|error| error.to_string())?;
    // NUL divides the parts of PLAIN (RFC 4616): it would move the border between them.
    if username.contains('\0') || password.expose().contains('\0') {
        return Err(format!("the username or password of account {name} holds a NUL, which no login can carry"));
    }
    Ok(Some(Login { username: username.clone(), password }))
}

/// The TLS side, unless every relay goes without.
fn client(account: &Account) -> Result<Option<Client>, String> {
    if account.relays.iter().all(|relay| account.tls_mode(relay) == TlsMode::None) {
        return Ok(None);
    }
    let roots = account.tls_ca.as_deref().map_or(Roots::Platform, Roots::File);
    Client::new(roots).map(Some).map_err(|error| error.to_string())
}

fn greeting(session: &mut Session) -> Result<(), Fact> {
    let fact = |seen| Fact { phase: Phase::Greeting, seen };
    let reply = session.stream.reply(session.timeouts.greeting, Keep::Text).map_err(fact)?;
    match reply.code {
        220 => Ok(()),
        200..400 => Err(fact(Seen::Garbage(format!("the server greeted with \"{reply}\" where 220 was due")))),
        _ => Err(fact(Seen::Reply(reply))),
    }
}

/// A server that still listens hears QUIT; it would note a lost connection else.
fn take_leave(session: Session, fact: &Fact) {
    let listens = match &fact.seen {
        Seen::Reply(reply) => reply.code != 421,
        // Local: before a password in the clear, with the connection as good as ever.
        Seen::NotOffered(_) | Seen::Local(_) => true,
        Seen::Closed | Seen::Timeout | Seen::Failed(_) | Seen::Garbage(_) | Seen::Tls(_) => false,
    };
    if listens {
        session.quit();
    }
}

fn say(session: &mut Session, line: &str) -> Result<(), Seen> {
    session.stream.send_lines([line].into_iter(), session.timeouts.block)
}

/// What no other relay of the account would mend. 4xx may be one machine's, and so may a missing
/// STARTTLS (somebody between may have removed it).
fn is_account_trouble(fact: &Fact) -> bool {
    match (&fact.phase, &fact.seen) {
        (_, Seen::Local(_)) | (Phase::Auth, Seen::NotOffered(_)) => true,
        (Phase::Ehlo | Phase::StartTls | Phase::Auth, Seen::Reply(reply)) => reply.is_permanent(),
        _ => false,
    }
}

/// The failure that got further tells more; of two equals the later one.
fn further(best: Option<NotOpened>, next: NotOpened) -> NotOpened {
    match best {
        Some(best) if progress(best.fact.phase) > progress(next.fact.phase) => best,
        Some(_) | None => next,
    }
}

fn progress(phase: Phase) -> u8 {
    match phase {
        Phase::Credential => 0,
        Phase::Resolve => 1,
        Phase::Connect => 2,
        Phase::Greeting => 3,
        Phase::Ehlo => 4,
        Phase::StartTls => 5,
        Phase::Tls => 6,
        Phase::Auth => 7,
        Phase::Mail | Phase::Rcpt | Phase::Data | Phase::Content | Phase::FinalDot | Phase::Idle => 8,
    }
}

fn local(phase: Phase, text: String) -> Fact {
    Fact { phase, seen: Seen::Local(text) }
}

fn no_address(relay: &Relay) -> Fact {
    Fact { phase: Phase::Resolve, seen: Seen::Failed(format!("{} has no address", relay.host)) }
}

/// `host:port`.
fn place(relay: &Relay) -> String {
    format!("{}:{}", relay.host, relay.port)
}

/// `host[ip]:port`.
fn described(relay: &Relay, address: &SocketAddr) -> String {
    format!("{}[{}]:{}", relay.host, address.ip(), address.port())
}

/// The system's words do not name whom they are about.
fn at_address(seen: Seen, address: &SocketAddr) -> Seen {
    match seen {
        Seen::Failed(text) => Seen::Failed(format!("cannot connect to {address}: {text}")),
        other => other,
    }
}
