//! Who is at the socket, uid by uid, and how much of the limits each has used, so that nobody
//! starves the others. root has no limits but the places there are.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::connection::Connection;
use crate::config::Limits;
use crate::spool::usage::Usage;
use crate::sys::user::Caller;

const MINUTE: Duration = Duration::from_mins(1);
/// Who has made no move for this long keeps a place that others could use.
const STALLED: Duration = Duration::from_secs(1);

/// All of them.
#[derive(Debug, Default)]
pub struct ClientLimits(Mutex<HashMap<u32, ClientUsage>>);

/// One uid's doings.
#[derive(Debug, Default)]
struct ClientUsage {
    seats: Vec<Arc<Connection>>,
    in_flight: u64,
    /// Messages that are being handed in.
    arriving: u64,
    messages: SlidingWindow,
    questions: SlidingWindow,
}

/// Why somebody is not served now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// As many connections as one user, or all together, may have.
    Connections,
    /// As many octets as one user may hand in at once.
    InFlight(u64),
    /// As many messages as one user may hand in a minute.
    PerMinute(u32),
    /// As many messages wait as one user may have.
    Waiting(Usage, u32),
    /// As many octets wait as one user may have.
    WaitingSize(Usage, u64),
}

impl Refusal {
    /// In words for this user.
    #[must_use]
    pub fn said_to(&self, uid: u32) -> String {
        let login = Caller::of(uid).login;
        let waits = |load: &Usage| {
            let messages = if load.messages == 1 { "message" } else { "messages" };
            format!("{login} has {} {messages} ({} bytes) in the queue or in failed/", load.messages, load.octets)
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
            Self::Waiting(load, most) => {
                format!("{} (limit: {most} messages, waiting in [limits]); {what_to_do}", waits(load))
            }
            Self::WaitingSize(load, most) => {
                format!("{} (limit: {most} bytes, waiting_size in [limits]); {what_to_do}", waits(load))
            }
        }
    }
}

/// What was done within the last minute.
#[derive(Debug, Default)]
struct SlidingWindow(VecDeque<Instant>);

impl SlidingWindow {
    /// Counts one more, if it is not one too many.
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

/// Why what waits in drop/ stays there: whose it is has as much as he may.
#[must_use]
pub fn over(load: Usage, octets: u64, limits: &Limits) -> Option<Refusal> {
    if load.messages >= u64::from(limits.waiting) {
        Some(Refusal::Waiting(load, limits.waiting))
    } else if load.octets.saturating_add(octets) > limits.waiting_size {
        Some(Refusal::WaitingSize(load, limits.waiting_size))
    } else {
        None
    }
}

impl ClientLimits {
    /// Lets a connection in; `most` is what one uid, and what all together may have. Where all places are taken, somebody
    /// who has none gets one of those that another keeps to no purpose.
    pub fn enter(&self, uid: u32, seat: Connection, most: u32, altogether: usize) -> Result<Arc<Connection>, Refusal> {
        let mut guests = lock(&self.0);
        let all: usize = guests.values().map(|guest| guest.seats.len()).sum();
        let own = guests.get(&uid).map_or(0, |guest| guest.seats.len());
        // A tenth of the places is root's.
        let (most, places) = match uid {
            0 => (altogether, altogether),
            _ => (usize::try_from(most).unwrap_or(altogether), altogether / 10 * 9),
        };
        let is_let_in = own < most && (all < places || (own == 0 && make_room(&mut guests)));
        if !is_let_in {
            return Err(Refusal::Connections);
        }
        let seat = Arc::new(seat);
        guests.entry(uid).or_default().seats.push(Arc::clone(&seat));
        Ok(seat)
    }

    /// A connection ended, with so many octets of it still counted.
    pub fn leave(&self, uid: u32, seat: &Arc<Connection>, octets: u64) {
        let mut guests = lock(&self.0);
        if let Some(guest) = guests.get_mut(&uid) {
            // It may have been shown out.
            guest.seats.retain(|taken| !Arc::ptr_eq(taken, seat));
            guest.in_flight = guest.in_flight.saturating_sub(octets);
            let is_here = !guest.seats.is_empty() || guest.arriving > 0 || guest.in_flight > 0;
            if !is_here && guest.messages.is_over() && guest.questions.is_over() {
                guests.remove(&uid);
            }
        }
    }

    /// Lets a message come that is neither one too many of its user's nor has no octet left.
    pub fn expect(&self, uid: u32, load: Usage, limits: &Limits) -> Result<(), Refusal> {
        let mut guests = lock(&self.0);
        let guest = guests.entry(uid).or_default();
        if uid != 0 && load.messages.saturating_add(guest.arriving) >= u64::from(limits.waiting) {
            return Err(Refusal::Waiting(load, limits.waiting));
        }
        guest.arriving += 1;
        Ok(())
    }

    /// A message that was let come is stored, or is not: none of its octets is on the way any more.
    pub fn arrived(&self, uid: u32, octets: u64) {
        let mut guests = lock(&self.0);
        if let Some(guest) = guests.get_mut(&uid) {
            guest.arriving = guest.arriving.saturating_sub(1);
            guest.in_flight = guest.in_flight.saturating_sub(octets);
        }
    }

    /// Counts a message.
    pub fn count_message(&self, uid: u32, most: u32) -> Result<(), Refusal> {
        if uid != 0 && !lock(&self.0).entry(uid).or_default().messages.count(most) {
            return Err(Refusal::PerMinute(most));
        }
        Ok(())
    }

    /// Counts a question, of which a user has as many as messages.
    pub fn count_question(&self, uid: u32, most: u32) -> Result<(), Refusal> {
        if uid != 0 && !lock(&self.0).entry(uid).or_default().questions.count(most) {
            return Err(Refusal::PerMinute(most));
        }
        Ok(())
    }

    /// Counts octets that come in.
    pub fn count_octets(&self, uid: u32, octets: u64, load: Usage, limits: &Limits) -> Result<(), Refusal> {
        let mut guests = lock(&self.0);
        let guest = guests.entry(uid).or_default();
        guest.in_flight = guest.in_flight.saturating_add(octets);
        if uid != 0 && guest.in_flight > limits.in_flight {
            return Err(Refusal::InFlight(limits.in_flight));
        }
        if uid != 0 && load.octets.saturating_add(guest.in_flight) > limits.waiting_size {
            return Err(Refusal::WaitingSize(load, limits.waiting_size));
        }
        Ok(())
    }
}

impl ClientUsage {
    /// Places that are kept without a move.
    fn stalled(&self) -> usize {
        self.seats.iter().filter(|seat| seat.idle() >= STALLED).count()
    }
}

/// Shows out whoever has made no move for longest, of the user who keeps the most places so; whether there is anybody. Whose
/// submission is cut short finds no answer, and has the drop program. Never one of root's.
fn make_room(guests: &mut HashMap<u32, ClientUsage>) -> bool {
    let others = guests.iter_mut().filter(|(uid, _)| **uid != 0).map(|(_, guest)| guest);
    let Some(guest) = others.max_by_key(|guest| (guest.stalled(), guest.seats.len())) else { return false };
    let keeps_few = guest.stalled() == 0 && guest.seats.len() < 2;
    let idle = guest.seats.iter().map(|seat| seat.idle()).enumerate();
    match idle.max_by_key(|(_, idle)| *idle) {
        // Nor one whose mail is being stored just now.
        Some((longest, idle)) if !keeps_few && !idle.is_zero() => {
            guest.seats.swap_remove(longest).show_out();
            true
        }
        Some(_) | None => false,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn one_user_at_his_limits_costs_the_others_nothing() {
        let guests = ClientLimits::default();
        let enter = |uid| guests.enter(uid, seat().0, 3, 100);
        let [_, _, last] = [(); 3].map(|()| enter(1000).unwrap());
        assert_eq!(enter(1000).unwrap_err(), Refusal::Connections);
        enter(1001).unwrap();
        guests.leave(1000, &last, 0);
        enter(1000).unwrap();
        let limits = Limits { in_flight: 10, waiting: 2, ..Limits::default() };
        assert_eq!(guests.count_octets(1000, 11, Usage::default(), &limits), Err(Refusal::InFlight(10)));
        guests.count_octets(1001, 10, Usage::default(), &limits).unwrap();
        guests.count_octets(0, 1_000, Usage::default(), &limits).unwrap();
        for _ in 0..2 {
            guests.expect(1000, Usage::default(), &limits).unwrap();
        }
        assert_eq!(guests.expect(1000, Usage::default(), &limits), Err(Refusal::Waiting(Usage::default(), 2)));
        guests.expect(1001, Usage::default(), &limits).unwrap();
        guests.arrived(1000, 11);
        guests.expect(1000, Usage::default(), &limits).unwrap();
        guests.count_octets(1000, 10, Usage::default(), &limits).unwrap();
        for _ in 0..5 {
            guests.count_message(1000, 5).unwrap();
            guests.count_message(0, 0).unwrap();
        }
        assert_eq!(guests.count_message(1000, 5), Err(Refusal::PerMinute(5)));
        guests.count_message(1001, 5).unwrap();
        // Who asks a lot does not send less.
        guests.count_question(1000, 1).unwrap();
        assert_eq!(guests.count_question(1000, 1), Err(Refusal::PerMinute(1)));
    }

    #[test]
    fn what_waits_counts_against_its_user_and_never_against_root() {
        let guests = ClientLimits::default();
        let (messages, size) =
            (Limits { waiting: 1, ..Limits::default() }, Limits { waiting_size: 2_500, ..Limits::default() });
        let load = Usage { messages: 1, octets: 2_000 };
        assert_eq!(guests.expect(1000, load, &messages), Err(Refusal::Waiting(load, 1)));
        guests.count_octets(1000, 500, load, &size).unwrap();
        assert_eq!(guests.count_octets(1000, 1, load, &size), Err(Refusal::WaitingSize(load, 2_500)));
        guests.expect(0, load, &messages).unwrap();
        guests.count_octets(0, 2_500, load, &size).unwrap();
        guests.expect(1001, Usage::default(), &messages).unwrap();
        guests.count_octets(1001, 2_500, Usage::default(), &size).unwrap();
        let said = Refusal::WaitingSize(load, 2_500).said_to(4_000_000_000);
        assert!(said.contains("1 message (2000 bytes)") && said.contains("waiting_size"), "{said}");
    }

    #[test]
    fn a_tenth_of_the_places_is_roots() {
        let guests = ClientLimits::default();
        let enter = |uid| guests.enter(uid, seat().0, 10, 10);
        for uid in 1..=9 {
            enter(uid).unwrap();
        }
        assert_eq!(enter(11).unwrap_err(), Refusal::Connections, "of those who have one each, nobody loses it");
        enter(0).unwrap();
        assert_eq!(enter(0).unwrap_err(), Refusal::Connections);
    }

    #[test]
    fn where_all_places_are_taken_whoever_keeps_many_loses_the_idlest_to_one_who_has_none() {
        let guests = ClientLimits::default();
        let enter = |uid, seat: Connection| guests.enter(uid, seat, 5, 10);
        // Root's is idle for longest.
        let (roots, _root) = seat();
        enter(0, roots).unwrap();
        let (of_1, clients): (Vec<_>, Vec<_>) = (0..5).map(|_| seat()).unzip();
        let of_1: Vec<_> = of_1.into_iter().map(|seat| enter(1, seat).unwrap()).collect();
        for _ in 0..3 {
            enter(2, seat().0).unwrap();
        }
        assert_eq!(enter(2, seat().0).unwrap_err(), Refusal::Connections, "one who has some already gets no other's");
        // All but the third have made a move since.
        for number in [0, 1, 3, 4] {
            (&clients[number]).write_all(b"x").unwrap();
            (&*of_1[number]).read_exact(&mut [0]).unwrap();
        }
        enter(3, seat().0).unwrap();
        assert_eq!((&clients[2]).read(&mut [0]).unwrap(), 0, "it was shown out");
        for number in [0, 1, 3, 4] {
            clients[number].set_nonblocking(true).unwrap();
            assert!((&clients[number]).read(&mut [0]).is_err(), "{number} is still there");
        }
        // Its end gives back no place a second time.
        guests.leave(1, &of_1[2], 0);
        assert_eq!(enter(3, seat().0).unwrap_err(), Refusal::Connections);
    }

    /// A place, and its client.
    fn seat() -> (Connection, UnixStream) {
        let (stream, client) = UnixStream::pair().unwrap();
        (Connection::new(stream).unwrap(), client)
    }
}
