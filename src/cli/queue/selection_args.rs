//! The arguments that say which messages a command is about.

use crate::cli::exit::{Exit, Failure};
use crate::cli::queue::ids;
use crate::config::units;
use crate::control::message_ids::Place;
use crate::control::queue_access::QueueAccess;
use crate::control::selection::Selection;

/// Which messages; all that is given must hold.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Which {
    /// Only these messages; the first digits of an id are enough
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// Only mail of this account
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Only mail from this sender (<> for reports)
    #[arg(long, value_name = "ADDRESS")]
    sender: Option<String>,
    /// Only mail to this recipient
    #[arg(long, value_name = "ADDRESS")]
    recipient: Option<String>,
    /// Only mail that has been queued for longer than this (30m, 4h, 2d)
    #[arg(long, value_name = "AGE")]
    older: Option<String>,
    /// All messages
    #[arg(long)]
    pub(in crate::cli) all: bool,
    /// Only what is in failed/
    #[arg(long)]
    failed: bool,
}

impl Which {
    /// Whether it is about failed/.
    pub(in crate::cli) fn is_failed(&self) -> bool {
        self.failed
    }

    /// The selection as it is requested. An account's name is checked where this process reads the config.
    pub(in crate::cli) fn selection(&self, access: &QueueAccess) -> Result<Selection, Failure> {
        let place = if self.failed { Place::Failed } else { Place::Anywhere };
        let id = |typed: &String| ids::resolve(access, typed, place);
        let ids = self.ids.iter().map(id).collect::<Result<_, _>>()?;
        if let (Some(name), Some(config)) = (self.account.as_deref(), access.config())
            && config.account_meant(name).is_none()
        {
            let known = config.account_names();
            let message = format_args!(
                "there is no account {name} in {}; existing accounts: {}",
                config.path.display(),
                known.join(", ")
            );
            return Err(Failure::new(Exit::Usage, message));
        }
        let older = self.older.as_deref().map(units::duration).transpose();
        let older = older.map_err(|error| Failure::new(Exit::Usage, format_args!("--older: {error}")))?;
        let (sender, recipient) = (self.sender.clone(), self.recipient.clone());
        Ok(Selection { ids, account: self.account.clone(), sender, recipient, older, failed: self.failed })
    }
}
