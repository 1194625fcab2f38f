//! Who sees what of the machine's queue: the runner's user, root and the operators all of
//! it, others what they handed in, and whoever cannot be told apart nothing.

use crate::config::Config;
use crate::sys::user::Caller;

/// Somebody who asks about the queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AccessScope {
    /// Sees and changes everybody's mail: whoever can read the spool, too.
    #[default]
    Everything,
    /// Sees and deletes the mail of this uid.
    Own(u32),
    /// The kernel shows many under one uid: nobody's mail is theirs.
    Nothing,
}

impl AccessScope {
    /// The peer with this uid. Without a config there are no operators.
    #[must_use]
    pub fn of(uid: u32, config: Option<&Config>) -> Self {
        if uid == 0 || uid == rustix::process::geteuid().as_raw() {
            return Self::Everything;
        }
        let caller = Caller::of(uid);
        let is_operator = |config: &Config| config.operators.contains(&caller.login);
        match (caller.is_somebody(), config.is_some_and(is_operator)) {
            (false, _) => Self::Nothing,
            (true, true) => Self::Everything,
            (true, false) => Self::Own(uid),
        }
    }

    /// Whether mail that this uid handed in is shown.
    #[must_use]
    pub fn sees(self, uid: u32) -> bool {
        match self {
            Self::Everything => true,
            Self::Own(own) => own == uid,
            Self::Nothing => false,
        }
    }
}
