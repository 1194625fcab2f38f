//! What the privileged drop program shares with the rest of postrider: the framing of a
//! submission, how a file comes to stay on disk, where submissions are dropped, and how
//! the program answers. Nothing here can panic (see the lints in Cargo.toml).

pub mod checksum;
pub mod durable;
pub mod file_system;
pub mod frame;

/// The spool of system mode.
pub const SPOOL: &str = match option_env!("POSTRIDER_SPOOL") {
    Some(spool) => spool,
    None => "/var/spool/postrider",
};

/// Below the spool: where submissions are left while no runner answers, each as `UID.SLOT`.
pub const FOLDER: &str = "drop";

/// What begins the hidden name of a submission that is being stored, as `.UID.SLOT`.
pub const HIDDEN: &str = ".";

/// The group that owns it, and as which the drop program runs.
pub const GROUP: &str = "postrider-drop";

/// So many submissions of one user wait in drop/ at most.
pub const SLOTS: u64 = 1000;

/// And so many of root's: cron's mails of two months, one a minute.
pub const ROOT_SLOTS: u64 = 100_000;

/// So many octets of one user wait in drop/ before no more are taken; root may fill the disk.
pub const WAITING: i64 = 1 << 30;

/// So many octets of the spool's disk are left to root and to the runner.
pub const RESERVE: u64 = 64 << 20;

/// Exit code: not stored, and worth another try (sysexits' `EX_TEMPFAIL`).
pub const NOT_STORED: u8 = 75;

/// Exit code: not stored, since the program does not run as [`GROUP`]: its set-group-id bit has no
/// effect here (sysexits' `EX_NOPERM`). The runner's socket is the only way in.
pub const NOT_IN_GROUP: u8 = 77;
