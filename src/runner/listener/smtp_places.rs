//! How many connections listeners have: altogether, from each address, and of clients that nobody knows yet.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

use super::login_guard::counted_as;
use crate::config::listener::Listener;

/// Connections of all listeners together.
const ALTOGETHER: usize = 500;

/// Counters of connections.
#[derive(Debug, Default)]
pub struct Connections {
    all: usize,
    before_login: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// Whether a client must log in before it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Login {
    /// It must.
    Awaited,
    /// Its address identifies it.
    Unneeded,
}

/// A connection's slot. Dropping it frees the slot.
#[derive(Debug)]
pub struct Place {
    connections: Arc<Mutex<Connections>>,
    address: IpAddr,
    is_before_login: bool,
}

impl Place {
    /// The limit before login is separate, so that strangers who connect and say nothing cannot take the places of
    /// clients that have logged in.
    pub fn take(
        connections: &Arc<Mutex<Connections>>,
        peer: IpAddr,
        listener: &Listener,
        login: Login,
    ) -> Option<Self> {
        let (address, limits) = (counted_as(peer), &listener.limits);
        let mut counted = connections.lock();
        let own = counted.by_address.get(&address).copied().unwrap_or_default();
        let is_before_login = login == Login::Awaited;
        let is_crowded = is_before_login && counted.before_login >= limits.connections_before_login;
        if own >= limits.connections_per_address || counted.all >= ALTOGETHER || is_crowded {
            return None;
        }
        counted.all += 1;
        counted.before_login += usize::from(is_before_login);
        *counted.by_address.entry(address).or_default() += 1;
        Some(Self { connections: Arc::clone(connections), address, is_before_login })
    }

    /// The client is now known.
    pub fn identified(&mut self) {
        // Also called on drop; the flag makes it count once.
        if std::mem::take(&mut self.is_before_login) {
            let mut counted = self.connections.lock();
            counted.before_login = counted.before_login.saturating_sub(1);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.identified();
        let mut counted = self.connections.lock();
        counted.all = counted.all.saturating_sub(1);
        if let Some(own) = counted.by_address.get_mut(&self.address) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                counted.by_address.remove(&self.address);
            }
        }
    }
}
