//! The hash functions of SCRAM (RFC 5802, RFC 7677) and stored keys (RFC 5803), which verify a password without containing it.
//! The messages of an exchange belong to the client's side in `deliver` and the server's in `submit`.

use std::fmt;
use std::num::NonZeroU32;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::{digest, hmac, pbkdf2};
use zeroize::Zeroizing;

/// Fewer iterations make a password easy to guess from a recorded proof or from stored keys (RFC 5802 section 5.1).
pub const FEWEST_ITERATIONS: u32 = 4096;
/// More iterations would keep a processor busy for seconds.
pub const MOST_ITERATIONS: u32 = 2_000_000;

/// Iterations of new keys.
pub const NEW_ITERATIONS: NonZeroU32 = NonZeroU32::new(FEWEST_ITERATIONS).unwrap();
/// Octets of a new salt.
pub const NEW_SALT: usize = 16;

/// The hash of the mechanism's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ScramHash {
    /// SCRAM-SHA-1.
    Sha1,
    /// SCRAM-SHA-256.
    Sha256,
}

impl ScramHash {
    /// Octets of a digest.
    #[must_use]
    pub fn length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// As RFC 5803 names the scheme.
    fn scheme(self) -> &'static str {
        match self {
            Self::Sha1 => "SCRAM-SHA-1",
            Self::Sha256 => "SCRAM-SHA-256",
        }
    }

    /// `HMAC()`.
    #[must_use]
    pub fn hmac(self, key: &[u8], text: &[u8]) -> hmac::Tag {
        let algorithm = match self {
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => hmac::HMAC_SHA256,
        };
        hmac::sign(&hmac::Key::new(algorithm, key), text)
    }

    /// `H()`.
    #[must_use]
    pub fn digest(self, bytes: &[u8]) -> digest::Digest {
        match self {
            Self::Sha1 => digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, bytes),
            Self::Sha256 => digest::digest(&digest::SHA256, bytes),
        }
    }

    /// `Hi()` of a prepared password.
    #[must_use]
    pub fn salted(self, password: &str, salt: &[u8], iterations: NonZeroU32) -> Zeroizing<Vec<u8>> {
        let algorithm = match self {
            Self::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
            Self::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
        };
        let mut out = Zeroizing::new(vec![0; self.length()]);
        pbkdf2::derive(algorithm, iterations, salt, password.as_bytes(), &mut out);
        out
    }
}

/// `SASLprep` (RFC 4013). What it forbids stays as it is.
#[must_use]
pub fn prepared(text: &str) -> Zeroizing<String> {
    Zeroizing::new(stringprep::saslprep(text).map_or_else(|_| text.to_owned(), std::borrow::Cow::into_owned))
}

/// What a server keeps of a password.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredKeys {
    /// Its hash.
    pub hash: ScramHash,
    /// How often it is applied.
    pub iterations: NonZeroU32,
    /// Random, of one password.
    pub salt: Vec<u8>,
    /// `StoredKey`: whoever has the password can show a value of which this is the hash.
    pub stored_key: Vec<u8>,
    /// `ServerKey`: shows that the server has these keys.
    pub server_key: Vec<u8>,
}

/// Why a text is not stored keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadStoredKeys {
    /// Not in the form of RFC 5803.
    #[error(
        "write SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY (RFC 5803); \"postrider client password NAME\" makes it"
    )]
    Malformed,
    /// Another hash.
    #[error("only SCRAM-SHA-256 and SCRAM-SHA-1 are supported; \"postrider client password NAME\" makes new keys")]
    OtherScheme,
    /// Too few iterations, or so many that a login takes seconds.
    #[error("the number of iterations must be {FEWEST_ITERATIONS} to {MOST_ITERATIONS}")]
    Iterations,
}

impl StoredKeys {
    /// From a password.
    #[must_use]
    pub fn of(hash: ScramHash, password: &str, salt: &[u8], iterations: NonZeroU32) -> Self {
        let salted = hash.salted(&prepared(password), salt, iterations);
        let client_key = hash.hmac(&salted, b"Client Key");
        Self {
            hash,
            iterations,
            salt: salt.to_vec(),
            stored_key: hash.digest(client_key.as_ref()).as_ref().to_vec(),
            server_key: hash.hmac(&salted, b"Server Key").as_ref().to_vec(),
        }
    }

    /// From a password that is new here, with a salt by chance; `None` where the system provides no random numbers.
    #[must_use]
    pub fn fresh(hash: ScramHash, password: &str) -> Option<Self> {
        let mut salt = [0; NEW_SALT];
        SystemRandom::new().fill(&mut salt).ok()?;
        Some(Self::of(hash, password, &salt, NEW_ITERATIONS))
    }

    /// Reads what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Result<Self, BadStoredKeys> {
        let mut parts = text.trim().split('$');
        let (scheme, info, values) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
        let (Some(info), Some(values), None) = (info, values, parts.next()) else {
            return Err(BadStoredKeys::Malformed);
        };
        let hash =
            [ScramHash::Sha256, ScramHash::Sha1].into_iter().find(|hash| hash.scheme().eq_ignore_ascii_case(scheme));
        let hash = hash.ok_or(BadStoredKeys::OtherScheme)?;
        let pair = |text: &str| text.split_once(':').map(|(one, other)| (one.to_owned(), other.to_owned()));
        let ((iterations, salt), (stored, server)) = pair(info).zip(pair(values)).ok_or(BadStoredKeys::Malformed)?;
        let iterations: u32 = iterations.parse().map_err(|_| BadStoredKeys::Malformed)?;
        let iterations = NonZeroU32::new(iterations)
            .filter(|count| (FEWEST_ITERATIONS..=MOST_ITERATIONS).contains(&count.get()))
            .ok_or(BadStoredKeys::Iterations)?;
        let bytes = |text: &str| STANDARD.decode(text).map_err(|_| BadStoredKeys::Malformed);
        let keys =
            Self { hash, iterations, salt: bytes(&salt)?, stored_key: bytes(&stored)?, server_key: bytes(&server)? };
        let is_whole = keys.stored_key.len() == hash.length() && keys.server_key.len() == hash.length();
        if is_whole && !keys.salt.is_empty() { Ok(keys) } else { Err(BadStoredKeys::Malformed) }
    }

    /// Whether this is the password.
    #[must_use]
    pub fn is_of(&self, password: &str) -> bool {
        let shown = Self::of(self.hash, password, &self.salt, self.iterations);
        // The keys are hashes of the password: how far two agree says nothing about it, but costs nothing to hide.
        is_same(&shown.stored_key, &self.stored_key)
    }
}

/// Compares in a time that does not depend on where the two differ.
#[must_use]
pub fn is_same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

impl fmt::Display for StoredKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [salt, stored, server] =
            [&self.salt, &self.stored_key, &self.server_key].map(|bytes| STANDARD.encode(bytes));
        write!(f, "{}${}:{salt}${stored}:{server}", self.hash.scheme(), self.iterations)
    }
}

/// Stored keys are for verifying, not for logs.
impl fmt::Debug for StoredKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredKeys").field("hash", &self.hash).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
