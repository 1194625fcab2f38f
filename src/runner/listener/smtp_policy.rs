//! The decisions of a listener about a connection: who the client is, what it may send, and whether its mail is
//! admitted. The rules are in `rules::submission`, the dialogue in `submit::smtp_server`.

use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom, SystemRandom};

use super::intake_state::IntakeState;
use super::login_guard::{self, LoginGuard, Verdict};
use super::smtp_message::{ClientMessage, not_permitted, sender_tables, table};
use crate::config::Mechanism;
use crate::config::client::Client;
use crate::config::listener::Listener;
use crate::config::scram::{FEWEST_ITERATIONS, ScramHash, StoredKeys};
use crate::control::loaded::Loaded;
use crate::log;
use crate::mail::address::{Address, ReversePath};
use crate::mail::submitter::ClientName;
use crate::rules::outbound::Generic;
use crate::rules::submission;
use crate::rules::{route, route::NoAccount};
use crate::submit::admit::context::Trace;
use crate::submit::smtp_server::auth::{Attempt, Proof};
use crate::submit::smtp_server::dialogue::{self, Envelope, Policy, Refusal};

/// Shared by all connections.
#[derive(Debug)]
pub struct Shared {
    /// The configuration in use, the limits and the spool.
    pub intake: Arc<IntakeState>,
    /// Failed logins.
    pub guard: LoginGuard,
    /// The key from which the salts of unknown users are derived.
    secret: [u8; 32],
}

impl Shared {
    /// At the start of the runner. Without random numbers, salts of unknown users could be recognised, so there is no
    /// listener then.
    pub fn new(intake: Arc<IntakeState>) -> std::io::Result<Self> {
        let mut secret = [0; 32];
        SystemRandom::new()
            .fill(&mut secret)
            .map_err(|_| std::io::Error::other("the system provides no random numbers"))?;
        Ok(Self { intake, guard: LoginGuard::default(), secret })
    }

    /// Keys that match no password. They are always the same for a name, so that repeated attempts do not reveal that
    /// the user is unknown.
    fn keys_of_nobody(&self, username: &str, hash: ScramHash) -> StoredKeys {
        let derive = |what: &str| {
            let text = [what, username].concat();
            ScramHash::Sha256.hmac(&self.secret, text.as_bytes()).as_ref()[..hash.length()].to_vec()
        };
        StoredKeys {
            hash,
            iterations: ITERATIONS,
            salt: derive("salt")[..SALT].to_vec(),
            stored_key: derive("stored"),
            server_key: derive("server"),
        }
    }
}

/// Length of a salt in bytes.
pub const SALT: usize = 16;

/// Iterations for new keys.
pub const ITERATIONS: std::num::NonZeroU32 = std::num::NonZeroU32::new(FEWEST_ITERATIONS).unwrap();

/// The policy of one connection.
pub struct ConnectionPolicy {
    pub(super) shared: Arc<Shared>,
    pub(super) listener: Arc<Listener>,
    pub(super) peer: IpAddr,
    /// The client, if its address identifies it.
    pub(super) trusted: Option<ClientName>,
}

impl ConnectionPolicy {
    fn loaded(&self) -> Result<Arc<Loaded>, Refusal> {
        self.shared
            .intake
            .loaded()
            .map_err(|_| Refusal::new(451, "4.3.5", "the configuration cannot be read; try again later"))
    }

    /// The client that logged in, or else the one that the address identifies.
    fn client<'c>(&self, loaded: &'c Loaded, client: &dialogue::Client) -> Result<&'c Client, Refusal> {
        let name = match &client.login {
            Some((username, _)) => ClientName::parse(username).ok(),
            None => self.trusted.clone(),
        };
        let known = name.and_then(|name| loaded.config.client(&name));
        // It was removed from the configuration after it logged in.
        known.ok_or_else(|| Refusal::new(530, "5.7.0", "log in first (AUTH)"))
    }

    /// Logs a refusal in Postfix's words.
    fn refuse(&self, command: &str, refusal: Refusal) -> Refusal {
        log::client_refused(self.peer, command, String::from_utf8_lossy(&refusal.to_wire()).trim_end());
        refusal
    }

    fn check_sender(&self, client: &dialogue::Client, sender: &ReversePath) -> Result<(), Refusal> {
        let loaded = self.loaded()?;
        let client = self.client(&loaded, client)?;
        let tables = sender_tables(client);
        let verdict =
            submission::envelope_sender(&loaded.config, client, &tables, sender).map_err(|fault| table(&fault))?;
        verdict.map_err(|no| not_permitted(&no))?;
        let sent_from = client.from.clone().map_or_else(|| sender.clone(), ReversePath::Mailbox);
        check_account(&loaded, client, &sent_from)
    }
}

/// Whether there is an account for the client's mail. Otherwise the mail would be held, and a device would never
/// learn of it.
fn check_account(loaded: &Loaded, client: &Client, sender: &ReversePath) -> Result<(), Refusal> {
    let tables = loaded.generic();
    let generic = Generic { config: &loaded.config, tables: &tables };
    let rewritten =
        sender.mailbox().map(|address| generic.address(address)).transpose().map_err(|fault| table(&fault))?;
    let after = match rewritten.flatten() {
        Some(rewritten) => ReversePath::Mailbox(rewritten.address),
        None => sender.clone(),
    };
    let name = &client.name;
    match route::choose_for_client(&loaded.config, client, sender, &after) {
        Ok(choice) if route::serves_client(choice.account, name) => Ok(()),
        Ok(choice) => Err(Refusal::new(
            550,
            "5.7.1",
            format!("{name} may not use the account {0}; add it to clients in [account.{0}]", choice.account.name),
        )),
        Err(NoAccount { .. }) => Err(Refusal::new(
            550,
            "5.7.1",
            format!(
                "no account for <{sender}>; set account in [client.{name}], or add the sender to senders of an account"
            ),
        )),
    }
}

impl Policy for ConnectionPolicy {
    type Message = ClientMessage;

    fn login(&mut self, client: &dialogue::Client, attempt: &Attempt) -> Result<(), Refusal> {
        let guard = &self.shared.guard;
        let loaded = self.loaded()?;
        let name = ClientName::parse(&attempt.username).ok();
        let known = name.as_ref().and_then(|name| loaded.config.client(name));
        let known = known.filter(|client| submission::may_log_in_from(client, self.peer));
        let is_permitted = |known: &Client| client.tls.is_some() || known.allow_plaintext;
        std::thread::sleep(guard.delay(self.peer, &self.listener.limits));
        let verdict = guard.in_turn(self.peer, &self.listener.limits, || match (&attempt.proof, known) {
            (Proof::Wrong, _) => false,
            (Proof::Right(_), known) => known.is_some_and(is_permitted),
            (Proof::Password(password), known) => {
                // Verification takes the same time for unknown users.
                let nobody = || self.shared.keys_of_nobody(&attempt.username, ScramHash::Sha256);
                let keys = known.and_then(|client| client.scram.first().cloned()).unwrap_or_else(nobody);
                keys.is_of(password.expose()) && known.is_some_and(is_permitted)
            }
        });
        let blocked = || Refusal::new(421, "4.7.0", "too many rejected logins from this address; try again later");
        match verdict {
            Verdict::Right => return Ok(()),
            Verdict::Crowded => return Err(Refusal::new(454, "4.7.0", "too many logins at once; try again later")),
            Verdict::NotLookedAt => return Err(blocked()),
            Verdict::Wrong | Verdict::WrongAndBlocked => {}
        }
        // An unknown name may be a password typed into the wrong field, so it is not logged.
        let who = known.map_or("(unknown)", |client| client.name.as_str());
        log::login_rejected(self.peer, attempt.mechanism.name(), format_args!("sasl_username={who}"));
        std::thread::sleep(login_guard::PAUSE);
        Err(match verdict {
            Verdict::WrongAndBlocked => blocked(),
            _ => Refusal::new(535, "5.7.8", "wrong user name or password"),
        })
    }

    fn scram(&mut self, username: &str, hash: ScramHash) -> Option<(StoredKeys, String)> {
        let loaded = self.shared.intake.loaded().ok();
        let name = ClientName::parse(username).ok();
        let known = loaded.as_ref().zip(name).and_then(|(loaded, name)| loaded.config.client(&name));
        let keys = known
            .filter(|client| submission::may_log_in_from(client, self.peer))
            .and_then(|client| client.scram.iter().find(|keys| keys.hash == hash))
            .cloned()
            .unwrap_or_else(|| self.shared.keys_of_nobody(username, hash));
        let mut nonce = [0; 18];
        SystemRandom::new().fill(&mut nonce).ok()?;
        Some((keys, STANDARD.encode(nonce)))
    }

    fn sender(&mut self, client: &dialogue::Client, sender: &ReversePath) -> Result<(), Refusal> {
        self.check_sender(client, sender).map_err(|refusal| self.refuse("MAIL", refusal))
    }

    fn recipient(
        &mut self,
        client: &dialogue::Client,
        _envelope: &Envelope,
        recipient: &Address,
    ) -> Result<(), Refusal> {
        let loaded = self.loaded()?;
        let client = self.client(&loaded, client)?;
        if submission::may_write_to(&loaded.config, client, recipient) {
            return Ok(());
        }
        let text = format!("{0} may not write to <{recipient}>; see allowed_recipients in [client.{0}]", client.name);
        Err(self.refuse("RCPT", Refusal::new(550, "5.7.1", text)))
    }

    fn begin(&mut self, client: &dialogue::Client, envelope: &Envelope) -> Result<ClientMessage, Refusal> {
        let loaded = self.loaded()?;
        let known = self.client(&loaded, client)?.clone();
        let trace = trace(client, self.peer);
        let message = ClientMessage::begin(Arc::clone(&self.shared.intake), loaded, known, trace, envelope);
        let login = match &client.login {
            Some((username, mechanism)) => {
                format!(", sasl_method={}, sasl_username={username}", Mechanism::name(*mechanism))
            }
            None => String::new(),
        };
        message.map(|message| message.logged_as(self.peer, login)).map_err(|refusal| self.refuse("DATA", refusal))
    }
}

/// The client as Received shows it. Private addresses are left out.
fn trace(client: &dialogue::Client, peer: IpAddr) -> Trace {
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
        from: (!is_private).then(|| format!("{helo} ([{literal}])")),
        protocol: match (&client.tls, &client.login) {
            (Some(_), Some(_)) => "ESMTPSA",
            (Some(_), None) => "ESMTPS",
            (None, Some(_)) => "ESMTPA",
            (None, None) => "ESMTP",
        },
    }
}
