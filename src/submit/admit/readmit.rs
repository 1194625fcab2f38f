//! Applies the arrival tables again (`queue retry --readmit`): the addresses that waiting recipients expand to now.
//! The runner makes the change.
//!
//! The result is a difference and not a new list. Recipients are never removed from a message, since the journal
//! numbers them: the ones that the tables no longer name are marked as replaced, and new ones follow at the end.

use std::collections::HashSet;

use super::complete;
use crate::config::{self, ArrivalTables, Config, TableFault};
use crate::mail::fold_case::small_letters;
use crate::rules::inbound::Arrival;
use crate::spool::Recipient;
use crate::submit::frontend::recipients;

/// The differences.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Readmitted {
    /// New recipients.
    pub added: Vec<Recipient>,
    /// Indices of recipients that are no longer in the result.
    pub replaced: Vec<usize>,
}

/// Applies the arrival tables to the original form of each pending recipient. An address that is already a recipient,
/// waiting or not, is not added again.
pub fn readmit(config: &Config, all: &[Recipient], pending: &[usize]) -> Result<Readmitted, TableFault> {
    let tables = ArrivalTables::load(&config.rewriting);
    let arrival = Arrival { config, tables: &tables, include: config::included };
    let key = |recipient: &Recipient| (small_letters(&recipient.given), recipient.address.folded());
    let mut known: HashSet<_> = all.iter().filter(|recipient| recipient.refused.is_none()).map(key).collect();
    let (mut seen, mut named, mut readmitted) = (HashSet::new(), HashSet::new(), Readmitted::default());
    let pending = pending.iter().filter_map(|&index| all.get(index).map(|recipient| (index, recipient)));
    for (_, recipient) in pending.clone() {
        if !seen.insert(small_letters(&recipient.given)) {
            continue;
        }
        // What cannot be read as one address any more stays as it is.
        let [given] = &recipients::in_argument(recipient.given.as_bytes())[..] else {
            named.insert(key(recipient));
            continue;
        };
        for one in complete::rewritten(&arrival, given)? {
            named.insert(key(&one));
            if known.insert(key(&one)) {
                let (notify, orcpt) = (recipient.notify.clone(), recipient.orcpt.clone());
                readmitted.added.push(Recipient { given: recipient.given.clone(), notify, orcpt, ..one });
            }
        }
    }
    let is_gone = |recipient: &Recipient| recipient.refused.is_some() || !named.contains(&key(recipient));
    readmitted.replaced = pending.filter(|(_, recipient)| is_gone(recipient)).map(|(index, _)| index).collect();
    Ok(readmitted)
}

#[cfg(test)]
mod tests;
