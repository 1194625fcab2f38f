//! Opens a session: relays and their addresses in order, greeting, EHLO, STARTTLS, AUTH. Decides which failures end
//! the search and which lead to the next address. STARTTLS and what guards it are in `starttls`, transactions in
//! `transaction`.
//!
//! Providers lock accounts after a few wrong logins, and every relay of an account checks the same credential. So a
//! failure that another relay would repeat, such as a rejected login, ends the search at once, while a failure of one
//! server only leads to the next.
//!
//! A failure is kept as the best one if it got further than the ones before it. Of three relays, two that refuse the
//! connection and one with a wrong certificate, the certificate is what somebody must fix.

use std::net::{SocketAddr, TcpStream};

use super::auth::{LoginFailure, Place};
use super::capabilities::{Capabilities, Extension};
use super::connection::{LeftOut, NotOpened, Protocol, Server, Session, SessionInfo, State, local};
use super::greeting::greeting_of;
use super::host_status::HostStatus;
use super::login_history::{LoginHistory, Other};
use super::not_opened::{at_address, described, further, is_account_trouble, no_address, place};
use super::observer::Observer;
use super::resolve::{Found, resolve};
use super::sasl::Login;
use super::stream::{self, Keep, SharedObserver, Stream};
use super::timeouts::Timeouts;
use super::{auth, command, credential, happy_eyeballs, starttls};
use crate::config::relay::Relay;
use crate::config::{Account, TlsMin, TlsMode};
use crate::log;
use crate::mail::outcome::{Fact, Phase, Seen};
use crate::rules::classify::Provider;
use crate::tls::{Client, Oldest, Roots};

/// Opens a session for the account; see [`Session::open`].
pub(crate) fn open(
    account: &Account,
    hostname: &str,
    history: &LoginHistory,
    hosts: &HostStatus,
    observer: Box<dyn Observer>,
) -> Result<Session, NotOpened> {
    match credential::credential(account) {
        Ok(login) => walk(account, hostname, login, history, hosts, observer),
        Err(seen) => Err(at_first(account, Fact { phase: Phase::Credential, seen })),
    }
}

/// Tries the relays in order, with the credential.
///
/// Certificates and keys of the account are read before the first connection, for the same reason as the credential:
/// no relay can help if they are missing.
pub(crate) fn walk(
    account: &Account,
    hostname: &str,
    login: Option<Login>,
    history: &LoginHistory,
    hosts: &HostStatus,
    observer: Box<dyn Observer>,
) -> Result<Session, NotOpened> {
    let tls = client(account).map_err(|text| at_first(account, local(Phase::Tls, text)))?;
    let opener = Opener {
        account,
        hostname,
        login,
        history,
        hosts,
        tls,
        timeouts: Timeouts::new(account.timeout, &account.timeouts),
        observer: SharedObserver::new(observer),
    };
    let (mut best, mut last) = (None, Vec::new());
    for relay in &account.relays {
        match opener.find(relay) {
            Ok(found) => {
                let (failed, good): (Vec<_>, Vec<_>) =
                    found.into_iter().partition(|found| hosts.has_failed(&found.server.place));
                last.extend(failed);
                if let Some(session) = opener.first_of(good, &mut best)? {
                    return Ok(session);
                }
            }
            Err(Stop::Account(failure)) => return Err(failure),
            Err(Stop::Relay(failure)) => best = Some(further(best, failure)),
        }
    }
    if let Some(session) = opener.first_of(last, &mut best)? {
        return Ok(session);
    }
    Err(best
        .unwrap_or_else(|| at_first(account, local(Phase::Resolve, format!("account {} has no relay", account.name)))))
}

/// A failure before any relay was tried.
fn at_first(account: &Account, fact: Fact) -> NotOpened {
    NotOpened { relay: account.relays.first().map_or_else(|| "none".to_owned(), place), fact, tried: Vec::new() }
}

/// Why a relay gave no session.
///
/// Kept apart because the second kind costs nothing to try again elsewhere, while the first may cost a locked account.
enum Stop {
    /// The account is the problem: no other relay would help.
    Account(NotOpened),
    /// Another relay may work.
    Relay(NotOpened),
}

struct Opener<'a> {
    account: &'a Account,
    hostname: &'a str,
    login: Option<Login>,
    history: &'a LoginHistory,
    hosts: &'a HostStatus,
    tls: Option<Client>,
    timeouts: Timeouts,
    observer: SharedObserver,
}

impl Opener<'_> {
    /// The hosts that a configured relay leads to, with their addresses.
    ///
    /// Several hosts come from MX or SRV records, in their order of preference (RFC 5321 section 5.1, RFC 2782).
    fn find(&self, written: &Relay) -> Result<Vec<Found>, Stop> {
        resolve(self.account, written, self.hosts, &self.observer).map_err(|fact| {
            let is_account = is_account_trouble(&fact, self.account);
            let failure = NotOpened { relay: place(written), fact, tried: Vec::new() };
            if is_account { Stop::Account(failure) } else { Stop::Relay(failure) }
        })
    }

    /// A session with the first of these that gives one; the failures of the others are in `best`. A failure of the account
    /// ends the search.
    fn first_of(&self, found: Vec<Found>, best: &mut Option<NotOpened>) -> Result<Option<Session>, NotOpened> {
        for Found { relay, addresses, server } in found {
            let waiting = self.hosts.wait(&server.place);
            let opened = self.host(&relay, &addresses);
            drop(waiting);
            match opened {
                Ok(session) => return Ok(Some(Session { server, ..session })),
                Err(Stop::Account(failure)) => return Err(failure),
                Err(Stop::Relay(failure)) => {
                    self.hosts.failed(&server.place);
                    *best = Some(further(best.take(), failure));
                }
            }
        }
        Ok(None)
    }

    /// Tries all addresses of a host.
    ///
    /// Each round connects to whichever remaining address answers first. An address that answered and failed
    /// afterwards, by its greeting or its TLS, is not tried again; the others still are, because a provider's servers
    /// behind one name need not be in the same state. Rounds end because each removes at least one address, except for
    /// the single repetition below.
    fn host(&self, relay: &Relay, addresses: &[SocketAddr]) -> Result<Session, Stop> {
        let mut left = happy_eyeballs::by_turns(addresses);
        let mut best: Option<NotOpened> = None;
        let mut is_again = false;
        while !left.is_empty() {
            let raced = happy_eyeballs::connect(&left, &self.account.source_address, self.timeouts.connect);
            for (address, error) in raced.failed {
                left.retain(|other| *other != address);
                let fact = Fact { phase: Phase::Connect, seen: at_address(stream::seen(&error), relay, &address) };
                best = Some(further(best, self.failed(relay, &address, fact.into())));
            }
            // No address answered within its time. Those that have not failed by now are the ones that timed out.
            let Some((address, socket)) = raced.winner else {
                for address in std::mem::take(&mut left) {
                    let fact = Fact { phase: Phase::Connect, seen: Seen::Timeout };
                    best = Some(further(best, self.failed(relay, &address, fact.into())));
                }
                break;
            };
            left.retain(|other| *other != address);
            match self.address(relay, address, socket) {
                Ok(session) => return Ok(session),
                Err(failure) => {
                    let failure = self.failed(relay, &address, failure);
                    // The server hung up on the rejected login. The other mechanism is tried on the same address,
                    // once, because it was this server that rejected the first.
                    if !is_again && self.owes_another_mechanism(&failure.fact) {
                        is_again = true;
                        left.insert(0, address);
                        continue;
                    }
                    if is_account_trouble(&failure.fact, self.account) {
                        return Err(Stop::Account(failure));
                    }
                    best = Some(further(best, failure));
                }
            }
        }
        Err(Stop::Relay(best.unwrap_or_else(|| no_address(relay))))
    }

    /// Whether the server closed the connection and another mechanism must still be tried over a new one.
    fn owes_another_mechanism(&self, fact: &Fact) -> bool {
        let is_closed = match &fact.seen {
            Seen::Closed => true,
            Seen::Reply(reply) => reply.code == 421,
            _ => false,
        };
        let is_due = |login| matches!(self.history.past(self.account, login).other, Other::Due(..));
        fact.phase == Phase::Auth && is_closed && self.login.as_ref().is_some_and(is_due)
    }

    /// Every failure goes to the observer at once. The one that is reported in the end is only the best of them, and
    /// `flush -v` should show all.
    fn failed(&self, relay: &Relay, address: &SocketAddr, failure: LoginFailure) -> NotOpened {
        let place = described(relay, address);
        let LoginFailure { fact, tried } = failure;
        self.observer.note(&format!("{place}: {}", fact.seen));
        NotOpened { relay: place, fact, tried }
    }

    /// Opens a session with one address.
    fn address(&self, relay: &Relay, address: SocketAddr, socket: TcpStream) -> Result<Session, LoginFailure> {
        let stream = Stream::new(socket, self.observer.clone())
            .map_err(|seen| Fact { phase: Phase::Connect, seen: at_address(seen, relay, &address) })?;
        self.observer.reached(&format!("connected to {}", described(relay, &address)));
        let mut session = Session {
            described: SessionInfo { relay: described(relay, &address), tls: None, auth: None, dsn: false },
            server: Server::default(),
            stream,
            capabilities: Capabilities::none(),
            timeouts: self.timeouts,
            state: State::Ready,
            protocol: Protocol::Smtp,
            mails: 0,
            is_cautious: false,
            left_out: LeftOut::default(),
            ended_at: None,
            provider: Provider::of(self.account.relays.iter().map(|relay| relay.host.as_str())),
            early_data: self.account.early_data,
        };
        match self.introduce(&mut session, relay, &address) {
            Ok(()) => {
                session.described.dsn = session.capabilities.offers(Extension::Dsn);
                if !session.capabilities.discarded.is_empty() {
                    let keywords = session.capabilities.discarded.join(" ");
                    self.observer.note(&format!("discarding EHLO keywords: {keywords}"));
                    log::discarding(&self.account.name, &session.described.relay, &keywords);
                }
                Ok(session)
            }
            Err(failure) => {
                take_leave(session, &failure.fact);
                Err(failure)
            }
        }
    }

    /// Everything before the first transaction.
    ///
    /// RFC 3207 section 4.2: what was learned before STARTTLS is discarded, and EHLO is sent again. With implicit TLS
    /// (RFC 8314 section 3.3) nothing is said in the clear at all.
    fn introduce(&self, session: &mut Session, relay: &Relay, address: &SocketAddr) -> Result<(), LoginFailure> {
        let server = place(relay);
        match self.account.tls_mode(relay) {
            TlsMode::Implicit => {
                self.start_tls(session, relay)?;
                greeting_of(session, &server, self.hosts)?;
                self.hello(session)?;
            }
            TlsMode::Starttls => {
                greeting_of(session, &server, self.hosts)?;
                self.hello(session)?;
                starttls::request(session, &self.account.name)?;
                self.start_tls(session, relay)?;
                // An attacker may have changed what was offered before TLS.
                session.capabilities = Capabilities::none();
                self.hello(session)?;
            }
            TlsMode::None => {
                greeting_of(session, &server, self.hosts)?;
                self.hello(session)?;
            }
        }
        let Some(login) = &self.login else { return Ok(()) };
        let place = Place { account: self.account, relay, peer: address };
        auth::log_in(session, login, &place, self.history)?;
        if session.described.auth.is_some() {
            self.hello_again(session)?;
        }
        Ok(())
    }

    /// EHLO; or HELO, if EHLO is rejected and nothing is needed that requires EHLO.
    ///
    /// RFC 5321 section 3.2 has this fallback for old servers. HELO has no extensions, so it is no way out if STARTTLS
    /// or AUTH is needed: the account would then fail with a misleading reason, or send in the clear.
    fn hello(&self, session: &mut Session) -> Result<(), Fact> {
        let fact = |seen| Fact { phase: Phase::Ehlo, seen };
        let limit = self.timeouts.ehlo;
        let local = session.stream.local_ip();
        say(session, &command::ehlo(self.hostname, local)).map_err(fact)?;
        let (reply, lines) = session.stream.reply_lines(limit).map_err(fact)?;
        if reply.is_positive() {
            self.take_offer(session, lines);
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

    /// EHLO after the login, because some servers then offer more, or a smaller SIZE. If the server rejects it, the
    /// earlier offer stays valid.
    fn hello_again(&self, session: &mut Session) -> Result<(), Fact> {
        let fact = |seen| Fact { phase: Phase::Ehlo, seen };
        let local = session.stream.local_ip();
        say(session, &command::ehlo(self.hostname, local)).map_err(fact)?;
        let (reply, lines) = session.stream.reply_lines(self.timeouts.ehlo).map_err(fact)?;
        match reply.code {
            421 => return Err(fact(Seen::Reply(reply))),
            200..300 => self.take_offer(session, lines),
            _ => {}
        }
        Ok(())
    }

    /// What the account discards is not offered. The keywords are logged by an open session, once.
    fn take_offer(&self, session: &mut Session, lines: Vec<String>) {
        let discarded = self.account.discard_ehlo_keywords.logged(&lines);
        session.capabilities = Capabilities::read(&self.account.discard_ehlo_keywords.left_of(lines));
        session.capabilities.discarded = discarded;
    }

    /// The handshake, after STARTTLS or at once.
    fn start_tls(&self, session: &mut Session, relay: &Relay) -> Result<(), Fact> {
        let fact = |seen| Fact { phase: Phase::Tls, seen };
        let Some(client) = &self.tls else {
            return Err(fact(Seen::Local("TLS was not set up".to_owned())));
        };
        let name = self.account.tls_name.as_deref().unwrap_or(&relay.host);
        session.stream.start_tls(client, name, self.timeouts.starttls).map_err(fact)?;
        session.described.tls = session.stream.tls_version();
        self.history.saw_certificate(self.account, session.stream.certificate_end());
        Ok(())
    }
}

/// The TLS client, unless no relay uses TLS.
fn client(account: &Account) -> Result<Option<Client>, String> {
    if account.relays.iter().all(|relay| account.tls_mode(relay) == TlsMode::None) {
        return Ok(None);
    }
    let roots = match account.tls_ca.as_deref() {
        _ if !account.tls_fingerprint.is_empty() => Roots::Pins(&account.tls_fingerprint),
        Some(file) => Roots::File(file),
        None => Roots::Platform,
    };
    let oldest = match account.tls_min {
        TlsMin::Tls12 => Oldest::Tls12,
        TlsMin::Tls13 => Oldest::Tls13,
    };
    let client = Client::new(roots).and_then(|client| match &account.tls_client {
        Some((chain, key)) => client.showing(chain, key),
        None => Ok(client),
    });
    client.map(|client| Some(client.at_least(oldest))).map_err(|error| error.to_string())
}

/// Sends QUIT if the server is still listening. It would otherwise log a lost connection.
fn take_leave(session: Session, fact: &Fact) {
    let listens = match &fact.seen {
        Seen::Reply(reply) => reply.code != 421,
        // For example before a password would be sent in clear text. The connection still works.
        Seen::NotOffered(_) | Seen::Refused(..) | Seen::LoginRefused(_) | Seen::IssuerBusy(..) | Seen::Local(_) => true,
        Seen::Closed | Seen::Timeout | Seen::Failed(_) | Seen::Unreachable(_) | Seen::Garbage(_) | Seen::Tls(_) => {
            false
        }
    };
    if listens {
        session.quit();
    }
}

fn say(session: &mut Session, line: &str) -> Result<(), Seen> {
    session.stream.send_lines([line].into_iter(), session.timeouts.block)
}
