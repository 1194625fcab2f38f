//! The client side of SCRAM (RFC 5802, RFC 7677): the password is never sent, and the server must prove that it knows
//! it. Pure.
//!
//! The state only moves forward, and only `Convinced` counts as a login. The server signs both nonces with a key that
//! is derived from the password; so a recorded exchange cannot be played back, and a server that does not know the
//! password cannot finish it.

use std::num::NonZeroU32;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::message::{Message, OutOfStep};
use crate::config::Secret;
use crate::config::scram::{FEWEST_ITERATIONS, MOST_ITERATIONS, ScramHash, prepared};
use crate::deliver::smtp::sasl::Login;
use crate::tls::Binding;

/// The state of the exchange.
enum Stage {
    /// The first message was sent.
    First,
    /// Our proof was sent; the server must answer with this signature.
    Proven(Vec<u8>),
    /// The server's signature was correct.
    Convinced,
    /// The server rejected the binding to the connection.
    NotBound,
}

/// What an exchange is bound to (RFC 5802 section 6).
#[derive(Debug, Clone, Copy)]
pub enum Bound<'a> {
    /// The connection (a -PLUS mechanism).
    To(&'a Binding),
    /// Nothing, because the server offers no -PLUS. If it did and an attacker in between removed the offer, the
    /// server will notice.
    NotOffered,
    /// Nothing.
    Not,
}

/// An exchange.
pub struct Scram {
    hash: ScramHash,
    /// `n,,`, `y,,` or `p=TYPE,,`.
    header: String,
    bound: Vec<u8>,
    bare: String,
    nonce: String,
    password: Secret,
    stage: Stage,
}

impl Scram {
    /// Starts an exchange.
    pub fn new(hash: ScramHash, login: &Login, bound: Bound<'_>, nonce: &str) -> Self {
        let username = login.username.as_deref().unwrap_or_default();
        let username = prepared(username).replace('=', "=3D").replace(',', "=2C");
        let password = login.password.as_ref().map_or("", |secret| secret.expose());
        Self {
            hash,
            header: match bound {
                Bound::To(binding) => format!("p={},,", binding.kind),
                Bound::NotOffered => "y,,".to_owned(),
                Bound::Not => "n,,".to_owned(),
            },
            bound: match bound {
                Bound::To(binding) => binding.data.clone(),
                Bound::NotOffered | Bound::Not => Vec::new(),
            },
            bare: format!("n={username},r={nonce}"),
            nonce: nonce.to_owned(),
            password: Secret::new(prepared(password).to_string()),
            stage: Stage::First,
        }
    }

    /// The client-first-message.
    pub fn first(&self) -> String {
        format!("{}{}", self.header, self.bare)
    }

    /// The response to the server-first-message, then to the server-final-message.
    pub fn answer(&mut self, challenge: &[u8]) -> Result<Message, OutOfStep> {
        match &self.stage {
            Stage::First => self.proof(challenge),
            Stage::Proven(expected) => {
                let text = std::str::from_utf8(challenge).unwrap_or_default();
                let shown = text.split(',').next().and_then(|field| field.strip_prefix("v="));
                match shown.and_then(|shown| STANDARD.decode(shown).ok()) {
                    Some(shown) if shown == *expected => {
                        self.stage = Stage::Convinced;
                        Ok(Zeroizing::new(Vec::new()))
                    }
                    // An error (`e=...`); the server sends 535 next.
                    None if text.starts_with("e=") => {
                        if text.contains("channel-binding") {
                            self.stage = Stage::NotBound;
                        }
                        Ok(Zeroizing::new(Vec::new()))
                    }
                    Some(_) | None => Err(OutOfStep("it has not proved that it knows the password (SCRAM)")),
                }
            }
            Stage::Convinced | Stage::NotBound => Err(OutOfStep("it continues after the end of SCRAM")),
        }
    }

    /// Whether the server's signature was correct.
    pub fn is_convinced(&self) -> bool {
        matches!(self.stage, Stage::Convinced)
    }

    /// Whether the server rejected the binding to the connection: there may be an attacker in between.
    pub fn is_binding_refused(&self) -> bool {
        matches!(self.stage, Stage::NotBound)
    }

    /// The client-final-message.
    fn proof(&mut self, challenge: &[u8]) -> Result<Message, OutOfStep> {
        const BAD: OutOfStep = OutOfStep("its challenge is not a SCRAM challenge");
        let text = std::str::from_utf8(challenge).map_err(|_| BAD)?;
        let mut fields = text.split(',');
        let mut field = |name: &str| fields.next().and_then(|field| field.strip_prefix(name)).ok_or(BAD);
        let nonce = field("r=")?;
        let salt = STANDARD.decode(field("s=")?).map_err(|_| BAD)?;
        let rounds: NonZeroU32 = field("i=")?.parse().map_err(|_| BAD)?;
        // RFC 5802 section 5.1: the server appends to our nonce. One that does not may be replaying an old exchange.
        if nonce.len() <= self.nonce.len() || !nonce.starts_with(&self.nonce) {
            return Err(OutOfStep("its challenge does not contain the client's nonce (SCRAM)"));
        }
        // A server in between could ask for one iteration, and then try passwords against our proof at full speed.
        if rounds.get() < FEWEST_ITERATIONS {
            return Err(OutOfStep("it demands too few hash iterations to protect the password (SCRAM)"));
        }
        // Each login would keep a core busy for a long time.
        if rounds.get() > MOST_ITERATIONS {
            return Err(OutOfStep("it demands millions of hash iterations (SCRAM)"));
        }
        let salted = self.hash.salted(self.password.expose(), &salt, rounds);
        let client_key = self.hash.hmac(&salted, b"Client Key");
        let stored_key = self.hash.digest(client_key.as_ref());
        let binding = STANDARD.encode([self.header.as_bytes(), &self.bound].concat());
        let unproven = format!("c={binding},r={nonce}");
        let both = format!("{},{text},{unproven}", self.bare);
        let signature = self.hash.hmac(stored_key.as_ref(), both.as_bytes());
        let proof: Vec<u8> = client_key.as_ref().iter().zip(signature.as_ref()).map(|(key, sign)| key ^ sign).collect();
        let server_key = self.hash.hmac(&salted, b"Server Key");
        self.stage = Stage::Proven(self.hash.hmac(server_key.as_ref(), both.as_bytes()).as_ref().to_vec());
        Ok(Zeroizing::new(format!("{unproven},p={}", STANDARD.encode(proof)).into_bytes()))
    }
}

#[cfg(test)]
mod tests;
