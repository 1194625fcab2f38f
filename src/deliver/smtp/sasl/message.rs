//! The messages of an exchange, and the error type of all mechanisms.

use zeroize::Zeroizing;

/// Bytes that are wiped when dropped.
pub type Message = Zeroizing<Vec<u8>>;

/// The server's message does not fit the mechanism. The text is ours and does not quote the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OutOfStep(pub &'static str);
