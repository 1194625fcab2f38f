//! Which messages a `queue` command means, and what a listing knows beyond the messages
//! themselves: accounts in trouble, what is being sent just now.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::QueueError;
use crate::cli::exit::{Exit, Failure};
use crate::config::{Config, units};
use crate::deliver::plan;
use crate::runner::control::{self, Answer, Question};
use crate::runner::selection::Selection;
use crate::runner::settings::Settings;
use crate::runner::watch::Watchers;
use crate::spool::health::{self, Health};
use crate::spool::journal::State;
use crate::spool::{Envelope, MessageId, Spool};

/// A runner that is busy is not waited for.
const PATIENCE: Duration = Duration::from_millis(200);

/// Which messages; all that is given must hold.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Which {
    /// These messages
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// Mail of this account
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Mail from this sender (<> for reports)
    #[arg(long, value_name = "ADDRESS")]
    sender: Option<String>,
    /// Mail to this recipient
    #[arg(long, value_name = "ADDRESS")]
    recipient: Option<String>,
    /// Mail in the queue for longer than this (30m, 4h, 2d)
    #[arg(long, value_name = "AGE")]
    older: Option<String>,
    /// All messages
    #[arg(long)]
    pub(in crate::cli) all: bool,
}

impl Which {
    /// The selection in the runner's words.
    pub(in crate::cli) fn selection(&self, config: &Config) -> Result<Selection, Failure> {
        let read = |id: &String| MessageId::parse(id).ok_or_else(|| QueueError::NoId(id.clone()));
        let ids = self.ids.iter().map(read).collect::<Result<_, _>>()?;
        if let Some(name) = self.account.as_deref().filter(|name| config.account(name).is_none()) {
            let known: Vec<&str> = config.accounts.iter().map(|account| account.name.as_str()).collect();
            let message = format_args!("no account {name} in {}; there is {}", config.path.display(), known.join(", "));
            return Err(Failure::new(Exit::Usage, message));
        }
        let older = self.older.as_deref().map(units::duration).transpose();
        let older = older.map_err(|error| Failure::new(Exit::Usage, format_args!("--older: {error}")))?;
        let (sender, recipient) = (self.sender.clone(), self.recipient.clone());
        Ok(Selection { ids, account: self.account.clone(), sender, recipient, older })
    }
}

/// What a listing knows besides the messages.
#[derive(Debug, Default)]
pub struct Look {
    selection: Selection,
    health: Health,
    active: HashSet<String>,
    settings: Option<Settings>,
}

impl Look {
    /// At this spool.
    pub(in crate::cli) fn at(config: &Config, spool: &Spool, selection: Selection) -> Self {
        let health = health::read(spool);
        let settings = (!health.is_empty() || !selection.is_all())
            .then(|| Settings::new(config.clone(), spool.clone(), Arc::new(Watchers::default())));
        Self { selection, health, active: active(spool), settings }
    }

    pub(super) fn names(&self, id: &MessageId) -> bool {
        self.selection.names(id)
    }

    pub(super) fn is_meant(&self, envelope: &Envelope, state: &State) -> bool {
        let account = || self.account(envelope, state).unwrap_or_default();
        self.settings.as_ref().is_none_or(|settings| self.selection.matches(envelope, account, &settings.clock))
    }

    pub(super) fn is_active(&self, id: &MessageId) -> bool {
        self.active.contains(id.as_str())
    }

    /// Through which account it goes, as far as is known.
    pub(super) fn account(&self, envelope: &Envelope, state: &State) -> Option<String> {
        let planned = || {
            let settings = self.settings.as_ref()?;
            let name = plan::account_name(&settings.config, &settings.generic(), envelope).ok()?.to_owned();
            Some(name)
        };
        planned().or_else(|| state.account.clone()).or_else(|| envelope.account.clone())
    }

    /// Why a message waits that has no reason of its own.
    pub(super) fn trouble(&self, envelope: &Envelope, state: &State) -> Option<String> {
        if self.health.is_empty() {
            return None;
        }
        self.health.get(&self.account(envelope, state)?).map(|sick| sick.reason.clone())
    }
}

/// What the runner is sending just now; nothing where it does not say so at once.
fn active(spool: &Spool) -> HashSet<String> {
    let Ok(Some(answers)) = control::ask(spool, &Question::Active, Some(PATIENCE)) else { return HashSet::new() };
    let ids = answers.map_while(Result::ok).find_map(|answer| match answer {
        Answer::Active { ids } => Some(ids),
        _ => None,
    });
    ids.unwrap_or_default().into_iter().collect()
}
