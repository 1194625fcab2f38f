//! Which messages a `queue` command means, and what a listing knows beyond the messages
//! themselves: accounts in trouble, what is being sent just now.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use crate::cli::exit::{Exit, Failure};
use crate::cli::queue::{Look, QueueError};
use crate::config::{Config, units};
use crate::control::loaded::Loaded;
use crate::control::selection::Selection;
use crate::runner::listener::control_socket::{self, Answer, Question};
use crate::spool::{MessageId, Spool};

/// A runner that is busy is not waited for.
const PATIENCE: Duration = Duration::from_millis(200);

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
}

impl Which {
    /// The selection in the runner's words; accounts' names are checked where there is a config.
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
        Ok(Selection { ids, account: self.account.clone(), sender, recipient, older, ..Selection::default() })
    }
}

/// What a listing of this spool knows besides the messages.
pub(crate) fn look(config: &Config, spool: &Spool, selection: Selection) -> Look {
    let settings = || Some(Arc::new(Loaded::new(config.clone(), spool.clone())));
    Look::at(spool, selection, active(spool), settings)
}

/// What the runner is sending just now; nothing where it does not say so at once.
fn active(spool: &Spool) -> HashSet<String> {
    let Ok(Some(answers)) = control_socket::ask(spool, &Question::Active, Some(PATIENCE)) else {
        return HashSet::new();
    };
    let ids = answers.map_while(Result::ok).find_map(|answer| match answer {
        Answer::Active { ids } => Some(ids),
        _ => None,
    });
    ids.unwrap_or_default().into_iter().collect()
}
