//! `[limits]`: what one user may hand in at once, in system mode, so that
//! nobody starves the others. root is exempt.

/// Per uid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once.
    pub connections: u32,
    /// Octets being handed in at once.
    pub in_flight: u64,
    /// Messages in any minute.
    pub per_minute: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 20, in_flight: 500_000_000, per_minute: 2_000 }
    }
}
