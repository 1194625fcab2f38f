//! One address map: which keys are asked for an address, in Postfix's order, and what an
//! answer makes of it. Which addresses go through which map is for `rewrite` (on the way
//! out) and `arrival`. Pure: tables are handed in, loaded.

use crate::config::{Config, Hit, HitBy, Propagates, Span, TableFault, TableSet};
use crate::mail::address::{Address, without_extension};
use crate::mail::fold_case::fold_case;
use crate::mail::list::{self, Spec};

/// A map of one machine, borrowed for one use.
#[derive(Debug, Clone, Copy)]
pub struct Map<'a> {
    /// Own names, origin, delimiter, what propagates.
    pub config: &'a Config,
    /// Its loaded tables.
    pub tables: &'a TableSet,
    /// What it is to propagation.
    pub kind: Propagates,
}

/// One look-up that answered, for explaining.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewritten {
    /// The result.
    pub address: Address,
    /// The key that matched.
    pub key: String,
    /// `file:line` or `generic (inline)`.
    pub place: String,
    /// How the row answered.
    pub by: HitBy,
}

/// The same for a map that may give several addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expanded {
    /// At least one.
    pub addresses: Vec<Address>,
    /// The key that matched.
    pub key: String,
    /// `file:line` or `virtual (inline)`.
    pub place: String,
}

/// A key to ask for, and what its results get.
struct Query<'a> {
    key: String,
    span: Span,
    /// The local part of a result `@other`.
    keeps: &'a str,
    /// Delimiter and extension that the key does not have.
    unmatched: &'a str,
}

impl Map<'_> {
    /// The one address that takes the place of this one; `None`: there is no row for it.
    pub fn one(&self, address: &Address) -> Result<Option<Rewritten>, TableFault> {
        let Some((hit, query)) = self.lookup(address)? else { return Ok(None) };
        let mut results = self.results(&hit, &query)?;
        match (results.pop(), results.is_empty()) {
            (Some(address), true) => Ok(Some(Rewritten { address, key: query.key, place: hit.place, by: hit.by })),
            _ => Err(bad_value(&hit, &query, "is not a single mail address; write user@domain or @domain")),
        }
    }

    /// All addresses that take its place; `None`: there is no row for it.
    pub fn many(&self, address: &Address) -> Result<Option<Expanded>, TableFault> {
        let Some((hit, query)) = self.lookup(address)? else { return Ok(None) };
        let addresses = self.results(&hit, &query)?;
        Ok(Some(Expanded { addresses, key: query.key, place: hit.place }))
    }

    /// Whether there is a row for it, whatever the row says.
    pub fn has(&self, address: &Address) -> Result<bool, TableFault> {
        Ok(self.lookup(address)?.is_some())
    }

    fn lookup<'q>(&self, address: &'q Address) -> Result<Option<(Hit, Query<'q>)>, TableFault> {
        if self.tables.is_empty() {
            return Ok(None);
        }
        for query in self.queries(address) {
            if let Some(hit) = self.tables.lookup(&query.key, query.span)? {
                return Ok(Some((hit, Query { key: fold_case(&query.key).into_owned(), ..query })));
            }
        }
        Ok(None)
    }

    /// Postfix's order: user+ext@domain, user@domain, for own domains user+ext, user, then @domain;
    /// a local part that needs quotes is asked for without them, then with them.
    fn queries<'a>(&self, address: &'a Address) -> Vec<Query<'a>> {
        let (local, domain) = (address.local(), address.domain());
        let bare = without_extension(local, &self.config.recipient_delimiter);
        let locals: Vec<&str> = std::iter::once(local).chain(bare).collect();
        let mut queries: Vec<Query> = Vec::new();
        let mut ask = |key: String, span, keeps: &'a str| {
            if queries.iter().all(|query| query.key != key) {
                queries.push(Query { key, span, keeps, unmatched: &local[keeps.len()..] });
            }
        };
        for keeps in &locals {
            let span = if *keeps == local { Span::Whole } else { Span::Part };
            ask(format!("{keeps}@{domain}"), span, keeps);
            if let Ok(quoted) = address.with_local(keeps) {
                ask(quoted.to_string(), span, keeps);
            }
        }
        if self.config.is_users_domain(domain) {
            for keeps in &locals {
                ask((*keeps).to_owned(), Span::Part, keeps);
            }
        }
        ask(format!("@{domain}"), Span::Part, local);
        queries
    }

    /// A row's value as addresses: `@other` keeps the user, a bare one gets the origin.
    fn results(&self, hit: &Hit, query: &Query) -> Result<Vec<Address>, TableFault> {
        let value = hit.value.trim();
        let found = match value.strip_prefix('@') {
            Some(domain) if !domain.contains([':', ',']) => Address::new(query.keeps, domain).ok().map(|one| vec![one]),
            _ => list::parse(value.as_bytes()).iter().map(|found| complete(&found.spec, &self.config.origin)).collect(),
        };
        match found {
            Some(found) if !found.is_empty() => found.iter().map(|one| self.extended(one, hit, query)).collect(),
            _ => Err(bad_value(hit, query, "is not a single mail address; write user@domain or @domain")),
        }
    }

    /// With the unmatched extension, where this map propagates it.
    fn extended(&self, result: &Address, hit: &Hit, query: &Query) -> Result<Address, TableFault> {
        if query.unmatched.is_empty() || !self.config.rewriting.propagate_extensions.contains(&self.kind) {
            return Ok(result.clone());
        }
        let extended = result.with_local(&format!("{}{}", result.local(), query.unmatched));
        extended.map_err(|_| bad_value(hit, query, "is too long with the extension added; shorten it"))
    }
}

fn bad_value(hit: &Hit, query: &Query, what: &str) -> TableFault {
    TableFault(format!("{}: the value \"{}\" for \"{}\" {what}", hit.place, hit.value.trim(), query.key))
}

/// The address meant, if it is one.
pub(super) fn complete(spec: &Spec, origin: &str) -> Option<Address> {
    match spec {
        Spec::Complete(address) => Some(address.clone()),
        Spec::Bare(local) => Address::new(local, origin).ok(),
        Spec::Null | Spec::Broken(..) => None,
    }
}
