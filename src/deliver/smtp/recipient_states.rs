//! The states of a transaction's recipients, in their order. At the end, each has a fact.

use crate::mail::outcome::Fact;

/// The state of a recipient.
#[derive(Debug, Clone)]
pub(crate) enum RecipientState {
    /// Not answered yet.
    Open,
    /// Its RCPT was accepted, so the reply to the content applies to it.
    Accepted,
    /// It has its final fact.
    Settled(Fact),
}

/// The states of all recipients, in their order.
pub(crate) struct RecipientStates(pub(crate) Vec<RecipientState>);

impl RecipientStates {
    pub(crate) fn new(count: usize) -> Self {
        Self(vec![RecipientState::Open; count])
    }

    pub(crate) fn has_accepted(&self) -> bool {
        self.0.iter().any(|state| matches!(state, RecipientState::Accepted))
    }

    /// Number of recipients that were accepted.
    pub(crate) fn accepted(&self) -> usize {
        self.0.iter().filter(|state| matches!(state, RecipientState::Accepted)).count()
    }

    /// Settles the accepted recipients with these facts, in their order. Those behind the last fact share it.
    pub(crate) fn settle_accepted(&mut self, facts: Vec<Fact>) {
        let mut facts = facts.into_iter();
        let accepted = self.0.iter_mut().filter(|state| matches!(state, RecipientState::Accepted));
        let mut last = None;
        for state in accepted {
            last = facts.next().or(last);
            if let Some(fact) = &last {
                *state = RecipientState::Settled(fact.clone());
            }
        }
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.0.iter().all(|state| matches!(state, RecipientState::Settled(_)))
    }

    /// A recipient with a fact keeps it. That a connection is lost later does not change that the server refused this
    /// recipient before.
    pub(crate) fn settle_rest(&mut self, fact: &Fact) {
        for state in &mut self.0 {
            match state {
                RecipientState::Open | RecipientState::Accepted => *state = RecipientState::Settled(fact.clone()),
                RecipientState::Settled(_) => {}
            }
        }
    }

    /// The facts of all recipients. Those without a fact get this one.
    pub(crate) fn close(mut self, fact: &Fact) -> Vec<Fact> {
        self.settle_rest(fact);
        self.0
            .into_iter()
            .map(|state| match state {
                RecipientState::Settled(own) => own,
                RecipientState::Open | RecipientState::Accepted => fact.clone(),
            })
            .collect()
    }
}
