//! The arguments that say which messages a command is about.

use crate::cli::exit::{Exit, Failure};
use crate::cli::queue::format::QueueError;
use crate::config::{Config, units};
use crate::control::selection::Selection;
use crate::spool::MessageId;

/// Which messages; all that is given must hold.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Which {
    /// Only these messages
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
    /// Only what is in failed/ (retry and delete)
    #[arg(long)]
    failed: bool,
}

impl Which {
    /// Whether it is about failed/.
    pub(super) fn is_failed(&self) -> bool {
        self.failed
    }

    /// The selection as it is requested. An account's name is checked where this process reads the config.
    pub(in crate::cli) fn selection(&self, config: Option<&Config>) -> Result<Selection, Failure> {
        let read = |id: &String| MessageId::parse(id).ok_or_else(|| QueueError::NoId(id.clone()));
        let ids = self.ids.iter().map(read).collect::<Result<_, _>>()?;
        if let (Some(name), Some(config)) = (self.account.as_deref(), config)
            && config.account(name).is_none()
        {
            let known: Vec<&str> = config.accounts.iter().map(|account| account.name.as_str()).collect();
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
