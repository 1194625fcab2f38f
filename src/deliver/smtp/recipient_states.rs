//! How the recipients of a transaction stand, in their order, while it goes on. At the
//! end each has its fact.

use crate::mail::outcome::Fact;

/// How a recipient stands.
#[derive(Debug, Clone)]
pub(crate) enum RecipientState {
    /// Nothing is known yet.
    Open,
    /// Its RCPT was accepted: what becomes of the content becomes of it.
    Accepted,
    /// That is it.
    Settled(Fact),
}

/// The recipients in their order.
pub(crate) struct RecipientStates(pub(crate) Vec<RecipientState>);

impl RecipientStates {
    pub(crate) fn new(count: usize) -> Self {
        Self(vec![RecipientState::Open; count])
    }

    pub(crate) fn has_accepted(&self) -> bool {
        self.0.iter().any(|state| matches!(state, RecipientState::Accepted))
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.0.iter().all(|state| matches!(state, RecipientState::Settled(_)))
    }

    pub(crate) fn settle_rest(&mut self, fact: &Fact) {
        for state in &mut self.0 {
            match state {
                RecipientState::Open | RecipientState::Accepted => *state = RecipientState::Settled(fact.clone()),
                RecipientState::Settled(_) => {}
            }
        }
    }

    /// The facts; whoever has none gets this one.
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
