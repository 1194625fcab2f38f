//! What the two sides of an exchange say to each other, and the one error that every
//! mechanism shares.

use zeroize::Zeroizing;

/// Bytes that are wiped.
pub type Message = Zeroizing<Vec<u8>>;

/// What came from the server is no step of the mechanism; in our words, without its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OutOfStep(pub &'static str);
