//! The framing of a submission, and how a file comes to stay on disk: what the
//! privileged drop program shares with the rest of postrider. Nothing here can
//! panic: no indexing, no unchecked arithmetic, std and rustix only.

#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic
    )
)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod durable;
pub mod frame;
