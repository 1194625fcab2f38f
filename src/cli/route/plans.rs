//! The plans for a message: one for the recipients with mailboxes on this machine, one for those whose mail leaves it.

use crate::config::{Config, LeavingTables};
use crate::deliver::plan::{self, NoPlan, Plan, Planned, Split, Undeliverable};
use crate::spool::Envelope;

/// At least one of them.
pub(super) struct Plans<'c> {
    pub(super) here: Option<Plan<'c>>,
    pub(super) away: Option<Plan<'c>>,
}

impl<'c> Plans<'c> {
    /// As delivery makes them.
    pub(super) fn of(config: &'c Config, tables: &LeavingTables, envelope: &Envelope) -> Result<Self, NoPlan> {
        let all: Vec<usize> = (0..envelope.recipients.len()).collect();
        let Split { here, away } = plan::split(config, tables, envelope, &all)?;
        let here = (!here.is_empty()).then(|| plan::plan_here(config, envelope, &here)).flatten();
        let needs_away = !away.is_empty() || here.is_none();
        let away = needs_away.then(|| plan::plan(config, tables, envelope, &away)).transpose()?;
        Ok(Self { here, away })
    }

    /// What leaves, or else what stays.
    pub(super) fn main(&self) -> Option<&Plan<'c>> {
        self.away.as_ref().or(self.here.as_ref())
    }

    /// Both of them.
    pub(super) fn all(&self) -> impl Iterator<Item = &Plan<'c>> {
        self.here.iter().chain(&self.away)
    }

    /// The plan that delivers to this recipient of the envelope.
    pub(super) fn recipient(&self, index: usize) -> Option<(&Plan<'c>, &Planned)> {
        self.all().find_map(|plan| Some((plan, plan.recipients.iter().find(|one| one.index == index)?)))
    }

    /// Why this recipient of the envelope is refused.
    pub(super) fn refused(&self, index: usize) -> Option<&Undeliverable> {
        self.all().flat_map(|plan| &plan.nowhere).find(|(at, _)| *at == index).map(|(_, why)| why)
    }
}
