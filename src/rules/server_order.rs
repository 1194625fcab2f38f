//! The order of the servers that DNS names for one relay: by priority, and at random among those of one priority, in proportion to
//! their weights (RFC 2782). Pure; the random numbers are the caller's.

/// A server, with what its record says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranked<T> {
    /// The lowest comes first: the priority of an SRV record, the preference of an MX record.
    pub priority: u16,
    /// Its share of the load among those of its priority. MX records have none: the same for each.
    pub weight: u16,
    /// The server.
    pub server: T,
}

/// The servers in the order in which to try them, in groups of one priority. `chance` gives uniform numbers in 0..=1.
///
/// RFC 5321 section 5.1 demands that exchangers of one preference are tried in random order, so that they share the load.
pub fn in_order<T>(mut servers: Vec<Ranked<T>>, mut chance: impl FnMut() -> f64) -> Vec<Vec<T>> {
    servers.sort_by_key(|ranked| ranked.priority);
    let mut groups = Vec::new();
    while let Some(first) = servers.first() {
        let priority = first.priority;
        let next = servers.iter().position(|ranked| ranked.priority != priority).unwrap_or(servers.len());
        groups.push(drawn(servers.drain(..next).collect(), &mut chance));
    }
    groups
}

/// Draws one after the other. One without weight is drawn only after all that have some: RFC 2782 wants it to have a very
/// small chance.
fn drawn<T>(mut left: Vec<Ranked<T>>, chance: &mut impl FnMut() -> f64) -> Vec<T> {
    let mut order = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let sum: f64 = left.iter().map(|ranked| f64::from(ranked.weight)).sum();
        // Where none has a weight, each has the same.
        let weight = |ranked: &Ranked<T>| if sum > 0.0 { f64::from(ranked.weight) } else { 1.0 };
        let total: f64 = left.iter().map(weight).sum();
        let (point, mut passed) = (chance() * total, 0.0);
        let hit = left.iter().position(|ranked| {
            passed += weight(ranked);
            point < passed
        });
        // A chance of exactly 1 is beyond the last that has a weight.
        let at = hit.or_else(|| left.iter().rposition(|ranked| weight(ranked) > 0.0)).unwrap_or_default();
        order.push(left.remove(at).server);
    }
    order
}

#[cfg(test)]
mod tests;
