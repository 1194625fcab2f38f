//! What a listener decides about one connection: who the client is, what it may send, and its admission. The rules are
//! `rules::submission`'s, the conversation `submit::smtp_server`'s.

use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom, SystemRandom};

use super::login_guard::{self, Verdict};
use super::smtp_message::{ClientMessage, not_permitted, sender_tables, table};
use super::smtp_state::Shared;
use crate::config::Mechanism;
use crate::config::client::Client;
use crate::config::listener::Listener;
use crate::config::scram::{ScramHash, StoredKeys};
use crate::control::loaded::Loaded;
use crate::control::local_recipient;
use crate::log;
use crate::mail::address::{Address, ReversePath};
use crate::mail::submitter::ClientName;
use crate::rules::{client_account, submission};
use crate::submit::admit::context::Trace;
use crate::submit::smtp_server::auth::{Attempt, Proof};
use crate::submit::smtp_server::dialogue::{self, Decision, Envelope, Policy, Refusal, Service};

/// One connection's.
pub struct ConnectionPolicy {
    pub(super) shared: Arc<Shared>,
    pub(super) listener: Arc<Listener>,
    pub(super) peer: IpAddr,
    /// The client that it is by its address.
    pub(super) trusted: Option<ClientName>,
}

impl ConnectionPolicy {
    fn loaded(&self) -> Result<Arc<Loaded>, Refusal> {
        self.shared
            .intake
            .loaded()
            .map_err(|_| Refusal::new(451, "4.3.5", "the configuration cannot be read; try again later"))
    }

    /// The name of whoever logged in, else of whom its address says.
    fn name(&self, client: &dialogue::Client) -> Option<ClientName> {
        match &client.login {
            Some((username, _)) => ClientName::parse(username).ok(),
            None => self.trusted.clone(),
        }
    }

    /// Who it is.
    fn client<'c>(&self, loaded: &'c Loaded, client: &dialogue::Client) -> Result<&'c Client, Refusal> {
        let known = self.name(client).and_then(|name| loaded.config.client(&name));
        // It was removed from the configuration since it logged in.
        known.ok_or_else(|| Refusal::new(530, "5.7.0", "log in first (AUTH)"))
    }

    /// Logs a refusal as Postfix does, and remembers it.
    fn refuse(&self, client: &dialogue::Client, command: &str, refusal: Refusal) -> Refusal {
        if let Some(name) = self.name(client) {
            self.shared.activity.refused(&name, self.peer, command, refusal.text());
        }
        log::client_refused(self.peer, command, String::from_utf8_lossy(&refusal.to_wire()).trim_end());
        refusal
    }

    /// Logs that the client took too long behind this command, and remembers it.
    pub(super) fn timed_out(&self, client: &dialogue::Client, stage: &str, refusal: &Refusal) {
        if let Some(name) = self.name(client) {
            self.shared.activity.refused(&name, self.peer, stage, refusal.text());
        }
        log::client_timed_out(self.peer, stage, refusal.text());
    }

    fn check_sender(&self, client: &dialogue::Client, sender: &ReversePath) -> Result<(), Refusal> {
        let loaded = self.loaded()?;
        let client = self.client(&loaded, client)?;
        let tables = sender_tables(client);
        let verdict =
            submission::envelope_sender(&loaded.config, client, &tables, sender).map_err(|fault| table(&fault))?;
        verdict.map_err(|no| not_permitted(&no))?;
        let sent_from = client.from.clone().map_or_else(|| sender.clone(), ReversePath::Mailbox);
        let account = client_account::account_for(&loaded.config, &loaded.generic(), client, &sent_from);
        match account.map_err(|fault| table(&fault))? {
            Ok(_) => Ok(()),
            Err(no) => Err(Refusal::new(550, "5.7.1", no.to_string())),
        }
    }
}

impl Policy for ConnectionPolicy {
    fn scram(&mut self, username: &str, hash: ScramHash) -> Result<(StoredKeys, String), Refusal> {
        let loaded = self.shared.intake.loaded().ok();
        let name = ClientName::parse(username).ok();
        let known = loaded.as_ref().zip(name).and_then(|(loaded, name)| loaded.config.client(&name));
        let keys = known
            .filter(|client| submission::may_log_in_from(client, self.peer))
            .and_then(|client| client.scram.iter().find(|keys| keys.hash == hash))
            .cloned()
            .unwrap_or_else(|| self.shared.keys_of_nobody(username, hash));
        let mut nonce = [0; 18];
        SystemRandom::new()
            .fill(&mut nonce)
            .map_err(|_| Refusal::new(454, "4.7.0", "the system provides no random numbers; try again later"))?;
        Ok((keys, STANDARD.encode(nonce)))
    }

    fn sender(&mut self, client: &dialogue::Client, sender: &ReversePath) -> Result<(), Refusal> {
        self.check_sender(client, sender).map_err(|refusal| self.refuse(client, "MAIL", refusal))
    }

    fn recipient(
        &mut self,
        session: &dialogue::Client,
        _envelope: &Envelope,
        recipient: &Address,
    ) -> Result<(), Refusal> {
        let loaded = self.loaded()?;
        let client = self.client(&loaded, session)?;
        let refusal = if !submission::may_write_to(&loaded.config, client, recipient) {
            let text =
                format!("{0} may not write to <{recipient}>; see allowed_recipients in [client.{0}]", client.name);
            Refusal::new(550, "5.7.1", text)
        } else if local_recipient::is_nobody(&loaded, recipient).map_err(|fault| table(&fault))? {
            let text = format!("<{recipient}>: no user of this machine, and no entry of aliases, virtual or generic");
            Refusal::new(550, "5.1.1", text)
        } else {
            return Ok(());
        };
        Err(self.refuse(session, "RCPT", refusal))
    }
}

impl Service for ConnectionPolicy {
    type Message = ClientMessage;

    fn login(&mut self, client: &dialogue::Client, attempt: &Attempt) -> Decision {
        let guard = &self.shared.guard;
        let loaded = match self.loaded() {
            Ok(loaded) => loaded,
            Err(refusal) => return Decision::at_once(Err(refusal)),
        };
        let name = ClientName::parse(&attempt.username).ok();
        let named = name.as_ref().and_then(|name| loaded.config.client(name));
        let known = named.filter(|client| submission::may_log_in_from(client, self.peer));
        let is_permitted = |known: &Client| client.tls.is_some() || known.allow_plaintext;
        std::thread::sleep(guard.delay(self.peer, &self.listener.limits));
        let verdict = guard.in_turn(self.peer, &self.listener.limits, || match (&attempt.proof, known) {
            (Proof::Wrong, _) => false,
            (Proof::Right(_), known) => known.is_some_and(is_permitted),
            (Proof::Password(password), known) => {
                // It takes as long for a user whom nobody knows.
                let nobody = || self.shared.keys_of_nobody(&attempt.username, ScramHash::Sha256);
                let keys = known.and_then(|client| client.scram.first().cloned()).unwrap_or_else(nobody);
                keys.is_of(password.expose()) && known.is_some_and(is_permitted)
            }
        });
        let blocked = || Refusal::new(421, "4.7.0", "too many rejected logins from this address; try again later");
        match verdict {
            Verdict::Right => {
                if let Some(known) = known {
                    let mechanism = Some(attempt.mechanism.name());
                    self.shared.activity.logged_in(&known.name, self.peer, mechanism, client.tls.as_deref());
                }
                return Decision::at_once(Ok(()));
            }
            Verdict::Crowded => {
                let crowded = Refusal::new(454, "4.7.0", "too many logins at once; try again later");
                return Decision::at_once(Err(crowded));
            }
            Verdict::NotLookedAt => return Decision::at_once(Err(blocked())),
            Verdict::Wrong | Verdict::WrongAndBlocked => {}
        }
        // A name that nobody has may be a password that was typed into the wrong field.
        let who = known.map_or("(unknown)", |client| client.name.as_str());
        if let Some(named) = named {
            let why = why_rejected(named, known, client, self.peer);
            self.shared.activity.refused(&named.name, self.peer, "AUTH", &why);
        }
        log::login_rejected(self.peer, attempt.mechanism.name(), format_args!("sasl_username={who}"));
        let refusal = match verdict {
            Verdict::WrongAndBlocked => blocked(),
            _ => Refusal::new(535, "5.7.8", "wrong user name or password"),
        };
        Decision { verdict: Err(refusal), pause: login_guard::PAUSE }
    }

    fn begin(&mut self, client: &dialogue::Client, envelope: &Envelope) -> Result<ClientMessage, Refusal> {
        let loaded = self.loaded()?;
        let known = self.client(&loaded, client)?.clone();
        let trace = trace(&self.listener, client, self.peer);
        let message = ClientMessage::begin(Arc::clone(&self.shared), loaded, known, trace, envelope);
        let login = match &client.login {
            Some((username, mechanism)) => {
                format!(", sasl_method={}, sasl_username={username}", Mechanism::name(*mechanism))
            }
            None => String::new(),
        };
        message
            .map(|message| message.logged_as(self.peer, login))
            .map_err(|refusal| self.refuse(client, "DATA", refusal))
    }
}

/// Why a login under this name was rejected, for its owner: the client itself is told no more than that it was.
fn why_rejected(named: &Client, known: Option<&Client>, session: &dialogue::Client, peer: IpAddr) -> String {
    let name = &named.name;
    match known {
        None if named.scram.is_empty() => format!("it has no password; run \"postrider client password {name}\""),
        None => format!("{peer} is not in networks of [client.{name}]"),
        Some(_) if session.tls.is_none() && !named.allow_plaintext => {
            format!("no TLS, and allow_plaintext is not set in [client.{name}]")
        }
        Some(_) => format!("wrong password; \"postrider client password {name}\" sets another"),
    }
}

/// Addresses of the house stay in the house, unless the listener says otherwise.
fn trace(listener: &Listener, client: &dialogue::Client, peer: IpAddr) -> Trace {
    let is_private = match peer.to_canonical() {
        IpAddr::V4(v4) => v4.is_private() || v4.is_loopback() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    };
    let helo = client.helo.as_deref().unwrap_or("unknown");
    let literal = match peer.to_canonical() {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("IPv6:{v6}"),
    };
    Trace {
        from: (!listener.hide_clients.unwrap_or(is_private)).then(|| format!("{helo} ([{literal}])")),
        protocol: match (&client.tls, &client.login) {
            (Some(_), Some(_)) => "ESMTPSA",
            (Some(_), None) => "ESMTPS",
            (None, Some(_)) => "ESMTPA",
            (None, None) => "ESMTP",
        },
    }
}
