//! How long the runner has had nothing to do. What follows from that is decided in `idle_exit`.

use jiff::Timestamp;

/// Since when nothing is to be done.
#[derive(Debug, Default)]
pub(super) struct IdlePeriod {
    /// `None` while there is something to do.
    pub(super) quiet: Option<Quiet>,
    /// Whether the runner ends for this.
    pub(super) is_leaving: bool,
}

/// A time without anything to do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quiet {
    pub(super) since: Timestamp,
    /// The connections by then.
    pub(super) accepted: u64,
}
