//! Logins at a listener (RFC 4954): the keys that a password is verified with, the verdict, and what a rejected login
//! leaves in the log and for `postrider client list`. `login_guard` slows down guessing.
//!
//! A wrong name, a wrong password, an address from which the client may not log in, and missing TLS give the same
//! reply after the same time and work. Which one it was is in the log and in `postrider client list`, for the owner
//! only. A reply that told them apart would tell a stranger which names exist.

use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom, SystemRandom};

use super::login_guard::{self, Verdict};
use super::smtp_policy::ConnectionPolicy;
use crate::config::client::Client;
use crate::config::scram::{ScramHash, StoredKeys};
use crate::log;
use crate::rules::submission;
use crate::submit::smtp_server::auth::{Attempt, Proof};
use crate::submit::smtp_server::dialogue::{self, Decision, Refusal};

impl ConnectionPolicy {
    /// The keys to verify a SCRAM exchange with, and the server's nonce (RFC 5802 section 5.1). For a user that is
    /// unknown or may not log in from this address the keys match no password, so that the exchange looks the same.
    pub(super) fn keys_and_nonce(&self, username: &str, hash: ScramHash) -> Result<(StoredKeys, String), Refusal> {
        let loaded = self.shared.intake.loaded().ok();
        let known = loaded.as_ref().and_then(|loaded| loaded.config.client_of_login(username));
        let keys = known
            .filter(|client| submission::may_log_in_from(client, self.peer))
            .and_then(|client| client.scram.iter().find(|keys| keys.hash == hash))
            .cloned()
            // RFC 5802 sends the salt before the proof. A name without keys gets a salt too, the same one each time,
            // as a real one would.
            .unwrap_or_else(|| self.shared.keys_of_nobody(username, hash));
        let mut nonce = [0; 18];
        SystemRandom::new()
            .fill(&mut nonce)
            .map_err(|_| Refusal::new(454, "4.7.0", "the system provides no random numbers; try again later"))?;
        Ok((keys, STANDARD.encode(nonce)))
    }

    /// Decides about a login: accepted, rejected after a pause, or not verified because too many are waiting.
    pub(super) fn decide_login(&mut self, client: &dialogue::Client, attempt: &Attempt) -> Decision {
        let shared = Arc::clone(&self.shared);
        let guard = &shared.guard;
        // A configuration that cannot be read is 451 and no failed login: it says nothing about the password, and the
        // guard does not count it.
        let loaded = match self.loaded() {
            Ok(loaded) => loaded,
            Err(refusal) => return Decision::at_once(Err(refusal)),
        };
        let named = loaded.config.client_of_login(&attempt.username);
        let known = named.filter(|client| submission::may_log_in_from(client, self.peer));
        let is_permitted = |known: &Client| client.tls.is_some() || known.allow_plaintext;
        // Before the turn and outside of it: a client that waits here because of earlier failures must not hold up
        // others.
        std::thread::sleep(guard.delay(self.peer, &self.listener.limits));
        let verdict = guard.in_turn(self.peer, &self.listener.limits, || match (&attempt.proof, known) {
            (Proof::Wrong, _) => false,
            // The proof was checked against keys that were looked up at the start of the exchange. The client may have
            // lost its right since, and the keys may have been those of nobody.
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
                    self.logged_in = Some(known.name.clone());
                    self.keys.clone_from(&known.scram);
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
        // Only for names that exist. Guesses at other names would fill the list of clients with them.
        if let Some(named) = named {
            let why = why_rejected(named, known, client, self.peer);
            self.shared.activity.refused(&named.name, self.peer, "AUTH", &why);
        }
        log::login_rejected(self.peer, attempt.mechanism.name(), format_args!("sasl_username={who}"));
        // 421 closes the connection (RFC 5321 section 3.8): from now on every command from there would be refused. 535
        // is RFC 4954's reply to a wrong credential.
        let refusal = match verdict {
            Verdict::WrongAndBlocked => blocked(),
            _ => Refusal::new(535, "5.7.8", "wrong user name or password"),
        };
        Decision { verdict: Err(refusal), pause: login_guard::PAUSE }
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
