//! What each submitter has used of its limits, so that no submitter blocks the others: connections, bytes in transit,
//! messages and requests per minute, and one response at a time. root is limited only by the total number of
//! connections.
//!
//! Any local user may connect, and the runner has one pool of threads, descriptors and memory for all of them. The
//! limits are per user rather than in total, because a total alone would let one user, or one script in a loop, use
//! all of it while cron's mail and everybody else's is turned away. Refusals cost the user no mail: a front end that
//! is not let in writes the submission to drop/, and one that is refused exits with 75 (`EX_TEMPFAIL`), so that its
//! caller knows that nothing was stored.
//!
//! Connections, messages and bytes that are counted up are counted down again on every path, also on errors: a byte
//! that stayed in `in_transit` would reduce the user's limit until the runner restarts.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::connection::Connection;
use crate::config::Limits;
use crate::mail::submitter::Submitter;
use crate::spool::usage::Usage;
use crate::sys::user::Caller;

/// Submitters that are remembered before those of whom nothing has to be remembered are forgotten: one that sends a
/// message and never comes back would be remembered for good.
const REMEMBERED: usize = 1000;
const MINUTE: Duration = Duration::from_mins(1);
/// A connection whose client has been idle for this long may be given to another client.
const STALLED: Duration = Duration::from_secs(1);

/// The usage of all submitters.
#[derive(Debug, Default)]
pub struct SubmitterLimits {
    clients: Mutex<HashMap<Submitter, SubmitterUsage>>,
    /// Signals that a response ended.
    answered: Condvar,
}

/// What one submitter uses.
#[derive(Debug, Default)]
struct SubmitterUsage {
    connections: Vec<Arc<Connection>>,
    /// Bytes received and not stored yet.
    ///
    /// Counted as they are read and not as they are announced, because a client may announce anything.
    in_transit: u64,
    /// Messages being received.
    ///
    /// They count against `waiting` as well: without them a hundred parallel submissions would each see one free
    /// place, and all would be stored.
    arriving: u64,
    messages: SlidingWindow,
    requests: SlidingWindow,
    /// Whether a thread is reading the queue for it.
    is_answered: bool,
}

/// The limit that a client has reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Connections: of one user, or of all users together.
    Connections,
    /// Bytes of one user in transit.
    InFlight(u64),
    /// Messages or requests of one user per minute.
    PerMinute(u32),
    /// Waiting messages of one user.
    Waiting(Usage, u32),
    /// Bytes of one user's waiting messages.
    WaitingSize(Usage, u64),
}

impl Refusal {
    /// The error text for the user.
    #[must_use]
    pub fn explain_to(&self, submitter: &Submitter) -> String {
        let login = match submitter {
            Submitter::Local(uid) => Caller::of(*uid).login,
            Submitter::Client(name) => format!("the client {name}"),
        };
        let waits = |usage: &Usage| {
            let messages = if usage.messages == 1 { "message" } else { "messages" };
            format!("{login} has {} {messages} ({} bytes) in the queue or in failed/", usage.messages, usage.octets)
        };
        let what_to_do =
            "wait until some are sent, or delete some (`mailq` lists them, `postrider queue delete ID` deletes one)";
        match self {
            Self::Connections => format!("{login} has the maximum number of connections for one user"),
            Self::InFlight(most) => {
                format!("{login} has more than {most} bytes in transit (limit: in_flight in [limits]); try again later")
            }
            Self::PerMinute(most) => {
                format!(
                    "{login} has made more than {most} submissions or requests in a minute (limit: per_minute in [limits]); try again in a minute"
                )
            }
            Self::Waiting(usage, most) => {
                format!("{} (limit: {most} messages, waiting in [limits]); {what_to_do}", waits(usage))
            }
            Self::WaitingSize(usage, most) => {
                format!(
                    "{}, counting their journals and today's history (limit: {most} bytes, waiting_size in [limits]); {what_to_do}",
                    waits(usage)
                )
            }
        }
    }
}

/// Events within the last minute.
///
/// The window slides instead of restarting every minute: with fixed minutes a client could use the limit twice within
/// a few seconds, at the end of one and the start of the next. It holds at most as many entries as the limit has.
#[derive(Debug, Default)]
struct SlidingWindow(VecDeque<Instant>);

impl SlidingWindow {
    /// Counts another event, unless the limit is reached.
    fn count(&mut self, most: u32) -> bool {
        while self.0.front().is_some_and(|first| first.elapsed() > MINUTE) {
            self.0.pop_front();
        }
        let is_free = self.0.len() < usize::try_from(most).unwrap_or(usize::MAX);
        if is_free {
            self.0.push_back(Instant::now());
        }
        is_free
    }

    fn is_over(&self) -> bool {
        self.0.back().is_none_or(|last| last.elapsed() > MINUTE)
    }
}

/// The limit that a file of drop/ would exceed if it were picked up.
///
/// Unlike over the socket nobody waits for the answer: the file stays in drop/ and is tried again.
#[must_use]
pub fn over(usage: Usage, octets: u64, limits: &Limits) -> Option<Refusal> {
    if usage.messages >= u64::from(limits.waiting) {
        Some(Refusal::Waiting(usage, limits.waiting))
    } else if usage.octets.saturating_add(octets) > limits.waiting_size {
        Some(Refusal::WaitingSize(usage, limits.waiting_size))
    } else {
        None
    }
}

/// A client's turn to have the queue read for it. Dropping it lets the next request proceed.
///
/// A guard, so that the turn ends on every path, also when writing the response fails. A turn that was never given
/// back would lock the user out of `mailq`.
#[derive(Debug)]
pub struct ResponseTurn<'a> {
    limits: &'a SubmitterLimits,
    submitter: Submitter,
}

impl Drop for ResponseTurn<'_> {
    fn drop(&mut self) {
        if let Some(client) = self.limits.clients.lock().get_mut(&self.submitter) {
            client.is_answered = false;
        }
        self.limits.answered.notify_all();
    }
}

impl SubmitterLimits {
    /// Admits a connection. `most` is the limit per submitter, `altogether` the limit for all. If all connections are
    /// in use, a client without any gets one whose client is idle.
    pub fn connect(&self, connection: Connection, most: u32, altogether: usize) -> Result<Arc<Connection>, Refusal> {
        let (mut clients, submitter) = (self.clients.lock(), connection.submitter());
        let all: usize = clients.values().map(|client| client.connections.len()).sum();
        let own = clients.get(&submitter).map_or(0, |client| client.connections.len());
        // A tenth of the connections is reserved for root.
        let (most, altogether) = match submitter {
            Submitter::ROOT => (altogether, altogether),
            _ => (usize::try_from(most).unwrap_or(altogether), altogether / 10 * 9),
        };
        // The user's own limit is checked first. Only one with no connection at all may take somebody else's, so a
        // user cannot gain connections by opening more of them.
        let is_admitted = own < most && (all < altogether || (own == 0 && disconnect_idle(&mut clients)));
        if !is_admitted {
            return Err(Refusal::Connections);
        }
        let connection = Arc::new(connection);
        clients.entry(submitter).or_default().connections.push(Arc::clone(&connection));
        Ok(connection)
    }

    /// Ends a connection. `octets` of it are still counted as in transit.
    pub fn disconnected(&self, connection: &Arc<Connection>, octets: u64) {
        let (mut clients, submitter) = (self.clients.lock(), connection.submitter());
        if let Some(client) = clients.get_mut(&submitter) {
            // Already removed if it was disconnected to make room for another client.
            client.connections.retain(|taken| !Arc::ptr_eq(taken, connection));
            client.in_transit = client.in_transit.saturating_sub(octets);
            if client.is_done() {
                clients.remove(&submitter);
            }
        }
    }

    /// Admits a message unless its user has reached the limit of waiting messages.
    pub fn begin_message(&self, submitter: &Submitter, usage: Usage, limits: &Limits) -> Result<(), Refusal> {
        let mut clients = self.clients.lock();
        if clients.len() >= REMEMBERED && !clients.contains_key(submitter) {
            clients.retain(|_, client| !client.is_done());
        }
        let client = clients.entry(submitter.clone()).or_default();
        if *submitter != Submitter::ROOT && usage.messages.saturating_add(client.arriving) >= u64::from(limits.waiting)
        {
            return Err(Refusal::Waiting(usage, limits.waiting));
        }
        client.arriving += 1;
        Ok(())
    }

    /// The message is stored or given up, so its bytes are no longer in transit.
    pub fn end_message(&self, submitter: &Submitter, octets: u64) {
        if let Some(client) = self.clients.lock().get_mut(submitter) {
            client.arriving = client.arriving.saturating_sub(1);
            client.in_transit = client.in_transit.saturating_sub(octets);
        }
    }

    /// Counts a message.
    pub fn count_message(&self, submitter: &Submitter, most: u32) -> Result<(), Refusal> {
        if *submitter != Submitter::ROOT
            && !self.clients.lock().entry(submitter.clone()).or_default().messages.count(most)
        {
            return Err(Refusal::PerMinute(most));
        }
        Ok(())
    }

    /// Counts a request. The limit is the same as for messages, but is counted separately.
    pub fn count_request(&self, submitter: &Submitter, most: u32) -> Result<(), Refusal> {
        if *submitter != Submitter::ROOT
            && !self.clients.lock().entry(submitter.clone()).or_default().requests.count(most)
        {
            return Err(Refusal::PerMinute(most));
        }
        Ok(())
    }

    /// Counts received bytes.
    ///
    /// Called while the content is read: the refusal ends the transfer at the limit, instead of after it. The bytes of
    /// the refused read are counted too, and `end_message` subtracts them.
    pub fn count_octets(
        &self,
        submitter: &Submitter,
        octets: u64,
        usage: Usage,
        limits: &Limits,
    ) -> Result<(), Refusal> {
        let mut clients = self.clients.lock();
        let client = clients.entry(submitter.clone()).or_default();
        client.in_transit = client.in_transit.saturating_add(octets);
        if *submitter != Submitter::ROOT && client.in_transit > limits.in_flight {
            return Err(Refusal::InFlight(limits.in_flight));
        }
        if *submitter != Submitter::ROOT && usage.octets.saturating_add(client.in_transit) > limits.waiting_size {
            return Err(Refusal::WaitingSize(usage, limits.waiting_size));
        }
        Ok(())
    }

    /// Waits until no other response to this submitter is being prepared: reading the whole queue is expensive, and a
    /// client may send many requests at once. `None` if the wait takes longer than `patience`.
    pub fn wait_for_turn(&self, submitter: &Submitter, patience: Duration) -> Option<ResponseTurn<'_>> {
        let is_answered = |clients: &mut HashMap<Submitter, SubmitterUsage>| {
            clients.entry(submitter.clone()).or_default().is_answered
        };
        let mut clients = self.clients.lock();
        // All waiting threads are woken by every turn that ends, because they wait for different submitters on one
        // condition; `is_answered` sends the others back to sleep.
        self.answered.wait_while_for(&mut clients, is_answered, patience);
        let client = clients.entry(submitter.clone()).or_default();
        let is_free = !std::mem::replace(&mut client.is_answered, true);
        // Created only if it is this client's turn, because dropping it ends the turn.
        is_free.then(|| ResponseTurn { limits: self, submitter: submitter.clone() })
    }
}

impl SubmitterUsage {
    /// Number of connections whose clients are idle.
    fn stalled(&self) -> usize {
        self.connections.iter().filter(|connection| connection.idle() >= STALLED).count()
    }

    /// Whether nothing about it has to be remembered.
    fn is_done(&self) -> bool {
        self.connections.is_empty()
            && self.arriving == 0
            && self.in_transit == 0
            && !self.is_answered
            && self.messages.is_over()
            && self.requests.is_over()
    }
}

/// Disconnects the longest idle client, of the submitter with the most idle connections. Returns whether there was
/// one. A client whose submission is cut off gets no reply, so it uses the drop program instead. Connections of root
/// are never chosen.
fn disconnect_idle(clients: &mut HashMap<Submitter, SubmitterUsage>) -> bool {
    let others = clients.iter_mut().filter(|(submitter, _)| **submitter != Submitter::ROOT).map(|(_, client)| client);
    let Some(client) = others.max_by_key(|client| (client.stalled(), client.connections.len())) else { return false };
    // Without a stalled connection, only a user with several loses one: taking the only connection of somebody who is
    // sending would help one user by harming another.
    let has_few = client.stalled() == 0 && client.connections.len() < 2;
    let idle = client.connections.iter().map(|connection| connection.idle()).enumerate();
    match idle.max_by_key(|(_, idle)| *idle) {
        // Nor is a connection whose message is being stored right now.
        Some((longest, idle)) if !has_few && !idle.is_zero() => {
            client.connections.swap_remove(longest).disconnect();
            true
        }
        _ => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
