//! What the connections of all listeners share: the configuration in force, failed logins, what clients did, and the keys of users
//! whom nobody knows.
//!
//! One instance serves all listeners of the runner and survives reloads. Blocks and failure counts would otherwise be
//! forgotten with each change of the configuration, and an attacker on one port would be a stranger on the other.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use ring::rand::{SecureRandom, SystemRandom};

use super::activity::Activity;
use super::intake_state::IntakeState;
use super::login_guard::LoginGuard;
use crate::config::scram::{NEW_ITERATIONS, NEW_SALT, ScramHash, StoredKeys};
use crate::control::listeners;
use crate::rules::submission::Surroundings;

/// How old what is known of this machine's network may be.
const NETWORK_AGE: Duration = Duration::from_secs(1);

/// What all connections share.
#[derive(Debug)]
pub struct Shared {
    /// The configuration in force, limits and spool.
    pub intake: Arc<IntakeState>,
    /// Failed logins.
    pub guard: LoginGuard,
    /// What clients do.
    pub activity: Activity,
    /// Held by whoever makes a certificate.
    pub making_certificates: Arc<Mutex<()>>,
    /// This machine's network, and when it was looked at.
    around: Mutex<Option<(Instant, Arc<Surroundings>)>>,
    /// Makes up salts for users whom nobody knows.
    secret: [u8; 32],
}

impl Shared {
    /// At the start of the runner. Without randomness, salts of unknown users could be told apart: there is no listener then.
    pub fn new(intake: Arc<IntakeState>) -> std::io::Result<Self> {
        let mut secret = [0; 32];
        SystemRandom::new()
            .fill(&mut secret)
            .map_err(|_| std::io::Error::other("the system provides no random numbers"))?;
        let activity = Activity::new(intake.spool.clone());
        Ok(Self {
            intake,
            guard: LoginGuard::default(),
            activity,
            making_certificates: Arc::default(),
            around: Mutex::default(),
            secret,
        })
    }

    /// This machine's network as it is now, or was a second ago: looking takes more system calls than all the rest that a message
    /// of a trusted client needs, and each of its commands asks.
    pub fn surroundings(&self) -> Arc<Surroundings> {
        let mut around = self.around.lock();
        if let Some((_, known)) = around.as_ref().filter(|(at, _)| at.elapsed() < NETWORK_AGE) {
            return Arc::clone(known);
        }
        let now = Arc::new(listeners::surroundings());
        *around = Some((Instant::now(), Arc::clone(&now)));
        now
    }

    /// Keys that no password fits, the same for a name whenever it is asked for.
    ///
    /// Derived from a secret of this process and the name, because an attacker who asks twice must get the same salt
    /// twice. A random one would show that the name is unknown. After a restart the salts of unknown names change and
    /// those of real ones do not; that much a patient attacker can see.
    pub fn keys_of_nobody(&self, username: &str, hash: ScramHash) -> StoredKeys {
        let derive = |what: &str| {
            let text = [what, username].concat();
            ScramHash::Sha256.hmac(&self.secret, text.as_bytes()).as_ref()[..hash.length()].to_vec()
        };
        StoredKeys {
            hash,
            iterations: NEW_ITERATIONS,
            salt: derive("salt")[..NEW_SALT].to_vec(),
            stored_key: derive("stored"),
            server_key: derive("server"),
        }
    }
}
