//! Where mail goes, followed to its end as delivery would: to root, postmaster, every user, and whatever jobs send mail to; through
//! every alias; and from every sender that an account names.

use std::collections::BTreeSet;
use std::path::Path;

use super::{Findings, Users};
use crate::config::places::SYSTEM_CONFIG;
use crate::config::sender_pattern::is_pattern;
use crate::config::{self, ArrivalTables, Config, LeavingTables, TableSet};
use crate::control::local_recipient::is_somebody_here;
use crate::control::report::Kind;
use crate::deliver::plan::{self, NoPlan};
use crate::mail::address::{Address, ReversePath};
use crate::rules::aliases::LOOP;
use crate::rules::inbound::{Arrival, Destination};
use crate::spool::{Envelope, MessageId, Recipient};
use crate::sys::user;

/// Nobody reads more.
const MOST: usize = 20;

/// What mail is followed through.
struct Routes<'a> {
    config: &'a Config,
    arrival: Arrival<'a>,
    leaving: &'a LeavingTables,
    /// What was named before: each row that is wrong is named once, whatever leads to it, and each loop, wherever it is entered.
    named: BTreeSet<String>,
    /// Recipients whose mail waits.
    unmapped: usize,
}

pub(super) fn check(config: &Config, users: &Users, findings: &mut Findings) {
    // Without an account all mail waits, wherever it goes.
    if config.accounts.is_empty() {
        return;
    }
    let arriving = ArrivalTables::load(&config.rewriting);
    let leaving = LeavingTables::load(config);
    let arrival = Arrival { config, tables: &arriving, include: config::included };
    let faults = arriving.faults().into_iter().map(|fault| fault.to_string()).collect();
    let mut routes = Routes { config, arrival, leaving: &leaving, named: faults, unmapped: 0 };
    let mut names: Vec<&str> = vec!["root", "postmaster", &config.postmaster];
    names.extend(users.recipients.iter().map(String::as_str));
    let mut to: Vec<Address> = names.into_iter().filter_map(|name| complete(config, name)).collect();
    to.sort_by_cached_key(Address::folded);
    to.dedup_by_key(|address| address.folded());
    for address in &to {
        routes.to(address, findings);
    }
    if routes.unmapped > MOST {
        let text = format!("mail to {} more users waits for the same reason", routes.unmapped - MOST);
        findings.warning(Kind::Unmapped, None, text);
    }
    for address in replaced(config, [&arriving.aliases, &arriving.virtuals]) {
        routes.through(&address, findings);
    }
    routes.canonical(findings);
    for account in &config.accounts {
        for sender in account
            .senders
            .iter()
            .filter(|sender| !is_pattern(sender))
            .filter_map(|sender| complete(config, sender))
            .take(MOST)
        {
            routes.from(Some(&account.name), &sender, findings);
        }
    }
    for login in users.submitters.iter().filter(|name| user::is_login(name)) {
        routes.submitted_by(login, findings);
    }
    // Where no account serves root, it serves no other user's mail either.
    if let Some(root) = complete(config, "root") {
        routes.from(None, &root, findings);
    }
}

/// The addresses that the tables have entries for. A bare name is a user of this machine.
fn replaced<'t>(config: &Config, tables: impl IntoIterator<Item = &'t TableSet>) -> Vec<Address> {
    let own = [&config.origin, &config.hostname].into_iter().chain(config.own_domains.iter().flatten());
    let own = own.into_iter().find(|domain| config.is_own_domain(domain)).unwrap_or(&config.origin);
    let address = |key: String| match key.rsplit_once('@') {
        Some((local, domain)) => Address::new(local, domain),
        None => Address::new(&key, own),
    };
    // A key of a domain has no local part.
    tables.into_iter().flat_map(TableSet::keys).filter_map(|key| address(key).ok()).collect()
}

/// What tells one cause from another. A loop is told from whichever of its names it was entered by.
fn key(why: &str) -> String {
    let Some(members) = why.strip_prefix(LOOP).and_then(|rest| rest.split("; ").next()) else { return why.to_owned() };
    let members: BTreeSet<&str> = members.split(" -> ").collect();
    members.into_iter().collect::<Vec<_>>().join(" ")
}

fn complete(config: &Config, name: &str) -> Option<Address> {
    // An entry of `senders` may be a domain.
    let complete = if name.contains('@') { name.to_owned() } else { format!("{name}@{}", config.origin) };
    Address::parse(&complete).ok()
}

impl Routes<'_> {
    /// Says whether mail to the address is refused, or waits.
    fn to(&mut self, address: &Address, findings: &mut Findings) {
        let mut ends = self.through(address, findings);
        ends.retain(|end| !plan::is_deliverable(self.config, self.leaving, &Recipient::of(end)));
        for end in &ends {
            self.unmapped += 1;
            if self.unmapped > MOST {
                continue;
            }
            let way = if end == address { String::new() } else { format!(" goes to {end}, which") };
            if self.config.local.is_some() {
                let waits = is_somebody_here(end.local(), &self.config.recipient_delimiter);
                let fate = if waits { "waits" } else { "bounces" };
                let text = format!(
                    "mail to {address}{way} {fate}, because no user and no table of this machine has that name; write \
                     \"{}: root\" or another login into a file of `aliases`, or list the name in `local_users`",
                    end.local()
                );
                findings.warning(Kind::Unmapped, Some(&address.to_string()), text);
                continue;
            }
            findings.warning(
                Kind::Unmapped,
                Some(&address.to_string()),
                format!(
                    "mail to {address}{way} waits, because this machine has no mailboxes; in `{}`, map it to a real \
                     address: \"{end}\" = \"{}\"",
                    plan::table_of_recipients(self.config),
                    self.own_address()
                ),
            );
        }
    }

    /// Says which entries of canonical tables map in a loop.
    fn canonical(&mut self, findings: &mut Findings) {
        let ArrivalTables { canonical, sender_canonical, recipient_canonical, .. } = self.arrival.tables;
        let recipients = replaced(self.config, [canonical, recipient_canonical]).into_iter();
        let to = recipients.map(|address| (self.arrival.recipient(&address).err(), address, "to"));
        let senders = replaced(self.config, [canonical, sender_canonical]).into_iter().map(ReversePath::Mailbox);
        let from = senders.filter_map(|sender| {
            let address = sender.mailbox()?.clone();
            Some((self.arrival.sender(&sender).err(), address, "from"))
        });
        for (fault, address, way) in to.chain(from) {
            if let Some(fault) = fault.filter(|fault| self.named.insert(fault.to_string())) {
                let text = format!("mail {way} {address} is not accepted: {fault}");
                findings.error(Kind::Rewriting, Some(&address.to_string()), text);
            }
        }
    }

    /// Where mail to the address goes; says why it does not go on.
    fn through(&mut self, address: &Address, findings: &mut Findings) -> Vec<Address> {
        let subject = address.to_string();
        let (destinations, _) = match self.arrival.recipient(address) {
            Ok(found) => found,
            Err(fault) => {
                if self.named.insert(fault.to_string()) {
                    findings.error(Kind::Alias, Some(&subject), format!("mail to {address} is not accepted: {fault}"));
                }
                return Vec::new();
            }
        };
        let mut ends = Vec::new();
        for destination in destinations {
            match destination {
                Destination::Address(end) => ends.push(end),
                Destination::Refused(_, why) => {
                    if self.named.insert(key(&why)) {
                        findings.error(Kind::Alias, Some(&subject), format!("mail to {address} is returned: {why}"));
                    }
                }
            }
        }
        ends
    }

    /// Mail from a sender, which this account lists.
    fn from(&self, account: Option<&str>, sender: &Address, findings: &mut Findings) {
        let Ok((admitted, _)) = self.arrival.sender(&ReversePath::Mailbox(sender.clone())) else { return };
        let envelope = Envelope::mail(MessageId::new(0, 0), jiff::Timestamp::UNIX_EPOCH, admitted, Vec::new());
        match plan::account_name(self.config, self.leaving, &envelope, &[]) {
            Err(NoPlan::Account(why)) => {
                findings.warning(Kind::Unserved, Some(&sender.to_string()), format!("mail from {sender} waits: {why}"));
            }
            Ok(chosen) => {
                if let Some(account) = account.filter(|account| *account != chosen) {
                    let text = format!(
                        "mail from {sender}, which account {account} lists, leaves through account {chosen}; see \"postrider \
                         route --from {sender} ADDRESS\""
                    );
                    findings.warning(Kind::Account, Some(account), text);
                }
            }
            // It was named before.
            Err(NoPlan::Table(_)) => {}
        }
    }

    /// Mail of a user under the user's own address.
    fn submitted_by(&self, login: &str, findings: &mut Findings) {
        let Some(Ok((sender, _))) =
            complete(self.config, login).map(|own| self.arrival.sender(&ReversePath::Mailbox(own)))
        else {
            return;
        };
        let envelope = Envelope::mail(MessageId::new(0, 0), jiff::Timestamp::UNIX_EPOCH, sender, Vec::new());
        let chosen = plan::account_name(self.config, self.leaving, &envelope, &[]).ok();
        let Some(account) = chosen.and_then(|name| self.config.account(name)) else { return };
        if account.users.as_ref().is_none_or(|users| users.iter().any(|user| user == login)) {
            return;
        }
        let name = &account.name;
        let text = format!(
            "mail that {login} submits is refused, because it leaves through account {name}, whose `users` does not list {login}; \
             add \"{login}\" to `users` in [account.{name}], or list {login}'s address in `senders` of another account"
        );
        if self.config.path == Path::new(SYSTEM_CONFIG) {
            findings.warning(Kind::Account, Some(name), text);
        } else {
            // All mail of this configuration is that user's.
            findings.error(Kind::Account, Some(name), text);
        }
    }

    fn own_address(&self) -> String {
        let own = self.config.accounts.iter().find_map(crate::config::Account::own_address);
        own.map_or_else(|| "you@provider.example".to_owned(), |own| own.to_string())
    }
}
