//! `fallback` of an account: the account that it names must exist, not lead back to this one, and let everybody through whom this
//! one lets through.

use super::faults::Faults;
use super::section::At;
use crate::config::Account;

/// Faults of the accounts that have one, at these places.
pub(super) fn check(accounts: &[Account], places: &[At<&str>], faults: &mut Faults) {
    let named = |name: &str| accounts.iter().find(|account| account.name == name);
    for place in places {
        let Some(account) = named(place.value) else { continue };
        let Some(fallback) = &account.fallback else { continue };
        let Some(other) = named(fallback) else {
            let known: Vec<&str> = accounts.iter().map(|account| account.name.as_str()).collect();
            let known = known.join(", ");
            faults.add(place.at, format!("`fallback` does not match any [account.NAME]; existing accounts: {known}"));
            continue;
        };
        if is_circle(account, accounts) {
            faults.add(place.at, "`fallback` leads back to this account: remove it from one of the accounts");
        } else if let Some(key) = lacks(account, other) {
            faults.add(
                place.at,
                format!(
                    "`{key}` of the `fallback` account does not let everyone through who may use this account: add them there"
                ),
            );
        }
    }
}

fn is_circle(account: &Account, accounts: &[Account]) -> bool {
    let next = |one: &Account| accounts.iter().find(|other| Some(&other.name) == one.fallback.as_ref());
    let chain = std::iter::successors(next(account), |one| next(one)).take(accounts.len());
    chain.into_iter().any(|other| other.name == account.name)
}

/// The key of the other account by which somebody may use this one alone.
fn lacks(account: &Account, other: &Account) -> Option<&'static str> {
    let within = |some: &[String], all: &[String]| some.iter().all(|one| all.contains(one));
    let users = match (&account.users, &other.users) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(some), Some(all)) => within(some, all),
    };
    let clients = match (clients(account), clients(other)) {
        (_, Clients::All) | (Clients::Some([]), _) => true,
        (Clients::All, Clients::Some(_)) => false,
        (Clients::Some(some), Clients::Some(all)) => within(some, all),
    };
    if users { (!clients).then_some("clients") } else { Some("users") }
}

/// The network clients that an account serves.
enum Clients<'a> {
    All,
    Some(&'a [String]),
}

fn clients(account: &Account) -> Clients<'_> {
    match (&account.clients, &account.users) {
        (Some(names), _) => Clients::Some(names),
        (None, Some(_)) => Clients::Some(&[]),
        (None, None) => Clients::All,
    }
}
