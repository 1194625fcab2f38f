//! Is mail flowing, and if not, why: what `postrider status` and `[told] status` over the
//! socket say. Counts and reasons, no addresses of anybody.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::clock::Clock;
use crate::config::{Config, TableSet};
use crate::deliver::plan::{self, NoPlan};
use crate::spool::health::{self, Trouble};
use crate::spool::journal::{Journal, State};
use crate::spool::lock::{RunnerLock, TryLock};
use crate::spool::waiting::Place;
use crate::spool::{Envelope, MessageId, Spool, SpoolError};

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    waiting: usize,
    held: usize,
    late: usize,
    damaged: usize,
    homeless: usize,
    dropped: usize,
    raw: usize,
    oldest: Duration,
    failed: usize,
    runner: bool,
    troubles: Vec<String>,
    /// Messages whose sender the provider refuses.
    #[serde(default)]
    refused: usize,
    /// What would mend that.
    #[serde(default)]
    cures: BTreeSet<String>,
    stuck: bool,
    warn_after: Duration,
}

/// Who is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nobody: mail flows.
    Flowing,
    /// Nobody yet: some of it is late.
    Late,
    /// Somebody: something will not go away by itself.
    Stuck,
}

impl Standing {
    /// Looks.
    pub fn look(config: &Config, spool: Option<&Spool>) -> Result<Self, SpoolError> {
        let warn_after = config.queue.warn_after;
        let Some(spool) = spool else { return Ok(Self { warn_after, ..Self::default() }) };
        let clock = Clock::start(spool);
        let mut found = Self { failed: spool.failed()?.len(), warn_after, ..Self::default() };
        // A glance at the lock, given back at once.
        found.runner = matches!(RunnerLock::try_take(spool), Ok(TryLock::Held(_)));
        for (account, sick) in health::read(spool) {
            found.stuck |= sick.trouble != Trouble::Relay;
            found.troubles.push(format!("account {account}: {}", sick.reason));
        }
        found.dropped = spool.waiting_names(Place::Drop)?.len();
        found.raw = spool.waiting_names(Place::Raw)?.len();
        let generic = TableSet::load("generic", &config.generic);
        for id in spool.ids()? {
            match state(spool, &id) {
                Ok((_, state)) if state.held => found.held += 1,
                Ok((envelope, state)) => {
                    let age = clock.age(envelope.arrived);
                    found.waiting += 1;
                    found.note_cures(&state);
                    found.homeless += usize::from(is_homeless(config, &generic, &envelope));
                    found.late += usize::from(age >= warn_after);
                    found.oldest = found.oldest.max(age);
                }
                Err(SpoolError::Gone(_)) => {}
                Err(_) => found.damaged += 1,
            }
        }
        Ok(found)
    }

    /// What anybody may know: servers quote addresses in their reasons.
    #[must_use]
    pub fn without_reasons(mut self) -> Self {
        for trouble in &mut self.troubles {
            let account = trouble.split(':').next().unwrap_or_default();
            *trouble = format!("{account} is in trouble");
        }
        self.cures.clear();
        self
    }

    fn note_cures(&mut self, state: &State) {
        let outcomes = state.pending().into_iter().filter_map(|index| state.outcomes[index].as_ref());
        let mut cures = outcomes.filter_map(|outcome| outcome.cure.clone()).peekable();
        self.refused += usize::from(cures.peek().is_some());
        self.cures.extend(cures);
    }

    /// What it comes to.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        if self.stuck || self.failed > 0 || self.damaged > 0 || self.homeless > 0 || self.refused > 0 {
            Verdict::Stuck
        } else if self.late > 0 {
            Verdict::Late
        } else {
            Verdict::Flowing
        }
    }

    /// In words.
    #[must_use]
    pub fn words(&self) -> String {
        let mut words = match self.waiting {
            0 if self.dropped + self.raw > 0 => Vec::new(),
            0 => vec!["nothing waits".to_owned()],
            1 => vec!["1 message waits".to_owned()],
            more => vec![format!("{more} messages wait")],
        };
        let mut add = |count: usize, what: &str| {
            if count > 0 {
                words.push(format!("{count} {what}"));
            }
        };
        add(self.late, "later than warn_after (`mailq` says why)");
        add(self.homeless, "whose sender no account serves (`postrider check` says what to set)");
        add(self.refused, "whose sender the provider refuses (`mailq` says why)");
        add(self.dropped, "in drop/, where no runner has taken it over yet");
        add(self.raw, "taken in while the configuration or a table could not be read");
        add(self.held, "held");
        add(self.damaged, "unreadable");
        add(self.failed, "in failed/ (`postrider queue list --failed` says why)");
        words.extend(self.troubles.iter().chain(&self.cures).cloned());
        if !self.runner && self.waiting + self.dropped + self.raw > 0 {
            words.push("no runner is at work: `postrider flush` sends now, `postrider run` stays".to_owned());
        }
        words.join(", ")
    }

    /// As monitoring plug-ins write it.
    #[must_use]
    pub fn perfdata(&self) -> String {
        format!(
            "queued={};;;0 held={};;;0 failed={};;0;0 oldest={}s;{};;0",
            self.waiting,
            self.held,
            self.failed,
            self.oldest.as_secs(),
            self.warn_after.as_secs()
        )
    }
}

/// Whether no account serves the sender; where one serves all, nobody need ask.
fn is_homeless(config: &Config, generic: &TableSet, envelope: &Envelope) -> bool {
    config.default_account.is_none() && matches!(plan::account_name(config, generic, envelope), Err(NoPlan::Account(_)))
}

/// Its envelope, and how it stands.
fn state(spool: &Spool, id: &MessageId) -> Result<(Envelope, State), SpoolError> {
    let envelope = spool.open_message(id)?.envelope;
    let state = Journal::peek(spool, id, envelope.recipients.len())?;
    Ok((envelope, state))
}
