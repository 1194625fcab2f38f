//! The server side of SCRAM (RFC 5802, RFC 7677): checks the client's messages and its proof. Pure; the stored keys
//! and the nonce are arguments. The client side is `deliver::smtp::sasl::scram`.
//!
//! The keys on disk are not the password: the stored key verifies a proof, and the server key signs the answer (RFC
//! 5802 section 9). Somebody who reads them can pretend to be this server to its clients, but must guess the password
//! to log in.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::reply::Refusal;
use crate::config::scram::{StoredKeys, is_same};
use crate::tls::Binding;

/// What the exchange is bound to (RFC 5802 section 6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Channel {
    /// The connection, by a -PLUS mechanism.
    Bound(Binding),
    /// Nothing, although a -PLUS mechanism was offered. A client that supports these must say so.
    PlusOffered,
    /// Nothing, because no -PLUS mechanism was offered.
    Unbound,
}

/// A client-first-message that was checked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct First {
    pub(crate) username: String,
    /// The GS2 header as sent, such as `n,,`.
    header: String,
    bare: String,
    nonce: String,
}

/// The state after the server-first-message was sent.
#[derive(Debug)]
pub(crate) struct Challenged {
    first: First,
    challenge: String,
    nonce: String,
    keys: StoredKeys,
    channel: Channel,
}

/// The result of the client-final-message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Proven {
    pub(crate) username: String,
    /// The server-final-message, if the proof is right.
    pub(crate) server_final: Option<String>,
}

fn malformed() -> Refusal {
    Refusal::new(501, "5.5.2", "this is not a SCRAM message (RFC 5802)")
}

impl First {
    /// RFC 5802 section 7 for the syntax. Extensions after the nonce are optional and ignored; a mandatory one (`m=`)
    /// stands in place of the user name and is refused as malformed.
    pub(crate) fn read(message: &str, channel: &Channel) -> Result<Self, Refusal> {
        let (flag, rest) = message.split_once(',').ok_or_else(malformed)?;
        let (authzid, bare) = rest.split_once(',').ok_or_else(malformed)?;
        let is_right = match (channel, flag) {
            (Channel::Bound(binding), flag) => flag.strip_prefix("p=") == Some(binding.kind),
            (Channel::PlusOffered | Channel::Unbound, "n") | (Channel::Unbound, "y") => true,
            // The client saw no -PLUS in our offer: an attacker in between removed it.
            (Channel::PlusOffered, "y") => {
                return Err(Refusal::new(535, "5.7.8", "channel binding was offered, but did not reach the client"));
            }
            _ => false,
        };
        let mut fields = bare.split(',');
        let username = fields.next().and_then(|field| field.strip_prefix("n=")).and_then(unescaped);
        let nonce = fields.next().and_then(|field| field.strip_prefix("r=")).filter(|nonce| !nonce.is_empty());
        let (true, Some(username), Some(nonce)) = (is_right, username, nonce) else { return Err(malformed()) };
        let authzid = match authzid {
            "" => None,
            named => Some(named.strip_prefix("a=").and_then(unescaped).ok_or_else(malformed)?),
        };
        if authzid.is_some_and(|authzid| authzid != username) {
            return Err(Refusal::new(535, "5.7.8", "acting for another user is not allowed"));
        }
        let header = message[..message.len() - bare.len()].to_owned();
        Ok(Self { username, header, bare: bare.to_owned(), nonce: nonce.to_owned() })
    }

    /// Continues with this user's keys and our nonce. Returns the server-first-message.
    ///
    /// The nonce has a part of either side, so neither can play back an earlier exchange.
    pub(crate) fn challenge(self, keys: StoredKeys, channel: Channel, nonce: &str) -> (String, Challenged) {
        let nonce = format!("{}{nonce}", self.nonce);
        let challenge = format!("r={nonce},s={},i={}", STANDARD.encode(&keys.salt), keys.iterations);
        (challenge.clone(), Challenged { first: self, challenge, nonce, keys, channel })
    }
}

impl Challenged {
    /// Handles the client-final-message.
    ///
    /// The comparisons of secrets take the same time wherever they differ. A wrong proof is not an error here: it is
    /// decided like a wrong password, with the same pause.
    pub(crate) fn prove(self, message: &str) -> Result<Proven, Refusal> {
        let (unproven, proof) = message.rsplit_once(",p=").ok_or_else(malformed)?;
        let mut fields = unproven.split(',');
        let bound =
            fields.next().and_then(|field| field.strip_prefix("c=")).and_then(|text| STANDARD.decode(text).ok());
        let nonce = fields.next().and_then(|field| field.strip_prefix("r="));
        let (Some(bound), Some(nonce), Ok(proof)) = (bound, nonce, STANDARD.decode(proof)) else {
            return Err(malformed());
        };
        // What the client bound itself to must be what this connection is. An attacker in between has another TLS
        // connection to each side, and thus other binding data.
        let mut expected = self.first.header.clone().into_bytes();
        if let Channel::Bound(binding) = &self.channel {
            expected.extend_from_slice(&binding.data);
        }
        let keys = &self.keys;
        let both = format!("{},{},{unproven}", self.first.bare, self.challenge);
        let signature = keys.hash.hmac(&keys.stored_key, both.as_bytes());
        let client_key: Vec<u8> = proof.iter().zip(signature.as_ref()).map(|(proof, sign)| proof ^ sign).collect();
        let shown = keys.hash.digest(&client_key);
        let is_right = is_same(&bound, &expected)
            && nonce == self.nonce
            && proof.len() == keys.hash.length()
            && is_same(shown.as_ref(), &keys.stored_key);
        let server_final =
            is_right.then(|| format!("v={}", STANDARD.encode(keys.hash.hmac(&keys.server_key, both.as_bytes()))));
        Ok(Proven { username: self.first.username, server_final })
    }
}

/// Decodes `=2C` to a comma and `=3D` to an equals sign. Any other `=` is an error.
fn unescaped(name: &str) -> Option<String> {
    let mut parts = name.split('=');
    let mut plain = parts.next()?.to_owned();
    for part in parts {
        let (mark, rest) = part.split_at_checked(2)?;
        plain.push(match mark {
            "2C" => ',',
            "3D" => '=',
            _ => return None,
        });
        plain.push_str(rest);
    }
    (!plain.is_empty()).then_some(plain)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
