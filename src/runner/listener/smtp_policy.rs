//! What a listener decides about one connection: who the client is, what it may send, and its admission. Logins are
//! decided in `smtp_login`; the rules are `rules::submission`'s, the dialogue is `submit::smtp_server`'s.
//!
//! Every command is decided by the configuration that is in use then, not by that of the beginning of the connection:
//! a client that was removed, or whose rights were reduced, must not go on for as long as it stays connected. The
//! settings of the dialogue itself (TLS, mechanisms, limits) stay as they were at the greeting.

use std::net::IpAddr;
use std::sync::Arc;

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
use crate::submit::smtp_server::auth::Attempt;
use crate::submit::smtp_server::dialogue::{self, Decision, Envelope, Policy, Refusal, Service};

/// One connection's.
pub struct ConnectionPolicy {
    pub(super) shared: Arc<Shared>,
    pub(super) listener: Arc<Listener>,
    pub(super) peer: IpAddr,
    /// The client that it is by its address.
    pub(super) trusted: Option<ClientName>,
    /// The client that logged in; it may have given its name with a realm.
    pub(super) logged_in: Option<ClientName>,
    /// The keys of the client that logged in, as they were then.
    pub(super) keys: Vec<StoredKeys>,
}

impl ConnectionPolicy {
    /// The configuration in use; without one, the client tries again later.
    pub(super) fn loaded(&self) -> Result<Arc<Loaded>, Refusal> {
        self.shared
            .intake
            .loaded()
            .map_err(|_| Refusal::new(451, "4.3.5", "the configuration cannot be read; try again later"))
    }

    /// The name of whoever logged in, else of whom its address says.
    fn name(&self, client: &dialogue::Client) -> Option<ClientName> {
        match &client.login {
            Some(_) => self.logged_in.clone(),
            None => self.trusted.clone(),
        }
    }

    /// Who it is.
    fn client<'c>(&self, loaded: &'c Loaded, client: &dialogue::Client) -> Result<&'c Client, Refusal> {
        let known = self.name(client).and_then(|name| loaded.config.client(&name));
        known
            .filter(|known| self.is_still(loaded, client, known))
            .ok_or_else(|| Refusal::new(530, "5.7.0", "log in first (AUTH)"))
    }

    /// Whether the configuration in use would let the client in again: it may have been removed, got another password,
    /// or lost its address or the listener's trust since the session began, and a session may last an hour.
    fn is_still(&self, loaded: &Loaded, session: &dialogue::Client, known: &Client) -> bool {
        if session.login.is_some() {
            return known.scram == self.keys && submission::may_log_in_from(known, self.peer);
        }
        let listener = loaded.config.listeners.iter().find(|listener| listener.name == self.listener.name);
        let trusted = |listener| submission::trusted(&loaded.config, listener, &self.shared.surroundings(), self.peer);
        listener.and_then(trusted).is_some_and(|trusted| trusted.name == known.name)
    }

    /// Logs a refusal as Postfix does, and remembers it.
    ///
    /// Postfix's form, so that the tools that read its log read this one too.
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

    /// At MAIL rather than at the end of the content: the device can still show it, and nothing was transferred in
    /// vain.
    fn check_sender(&self, client: &dialogue::Client, sender: &ReversePath) -> Result<(), Refusal> {
        let loaded = self.loaded()?;
        let client = self.client(&loaded, client)?;
        let tables = sender_tables(client);
        let verdict =
            submission::envelope_sender(&loaded.config, client, &tables, sender).map_err(|fault| table(&fault))?;
        verdict.map_err(|no| not_permitted(&no))?;
        let sent_from = client.from.clone().map_or_else(|| sender.clone(), ReversePath::Mailbox);
        let account = client_account::account_for(&loaded.config, &loaded.leaving().generic, client, &sent_from);
        match account.map_err(|fault| table(&fault))? {
            Ok(_) => Ok(()),
            Err(no) => Err(Refusal::new(550, "5.7.1", no.to_string())),
        }
    }
}

impl Policy for ConnectionPolicy {
    fn scram(&mut self, username: &str, hash: ScramHash) -> Result<(StoredKeys, String), Refusal> {
        self.keys_and_nonce(username, hash)
    }

    fn sender(&mut self, client: &dialogue::Client, sender: &ReversePath) -> Result<(), Refusal> {
        self.check_sender(client, sender).map_err(|refusal| self.refuse(client, "MAIL", refusal))
    }

    /// At RCPT, because the client still has the message and can say which recipient is wrong. The bounce that would
    /// come instead goes to the client's owner, who has to find out what the device wanted to send.
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
        self.decide_login(client, attempt)
    }

    /// The rights of the sender are not asked for again, but the client is looked up: it may have been removed since
    /// MAIL.
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
