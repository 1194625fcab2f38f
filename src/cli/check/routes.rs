//! Where mail goes, followed to its end as delivery would: to root, postmaster and every user whose jobs send mail, and from
//! every sender that an account names.

use super::Findings;
use crate::config::{self, ArrivalTables, Config, TableSet};
use crate::control::report::Kind;
use crate::deliver::plan::{self, NoPlan};
use crate::mail::address::{Address, ReversePath};
use crate::rules::inbound::{Arrival, Destination};
use crate::spool::{Envelope, MessageId};

/// Nobody reads more.
const MOST: usize = 20;

/// What mail is followed through.
struct Routes<'a> {
    config: &'a Config,
    arrival: Arrival<'a>,
    generic: &'a TableSet,
}

/// `jobs` are users whose jobs send mail, and addresses that they send it to.
pub(super) fn check(config: &Config, jobs: &[String], findings: &mut Findings) {
    // Without an account all mail waits, wherever it goes.
    if config.accounts.is_empty() {
        return;
    }
    let arriving = ArrivalTables::load(&config.rewriting);
    let generic = TableSet::load("generic", &config.generic);
    let arrival = Arrival { config, tables: &arriving, include: config::included };
    let routes = Routes { config, arrival, generic: &generic };
    let mut names: Vec<&str> = vec!["root", "postmaster", &config.postmaster];
    names.extend(jobs.iter().map(String::as_str));
    let mut to: Vec<Address> = names.into_iter().filter_map(|name| complete(config, name)).collect();
    to.sort_by_cached_key(Address::folded);
    to.dedup_by_key(|address| address.folded());
    for address in &to {
        routes.to(address, findings);
    }
    for account in &config.accounts {
        for sender in account.senders.iter().filter_map(|sender| complete(config, sender)).take(MOST) {
            routes.from(Some(&account.name), &sender, findings);
        }
    }
    // Where no account serves root, it serves no other user's mail either.
    if let Some(root) = complete(config, "root") {
        routes.from(None, &root, findings);
    }
}

fn complete(config: &Config, name: &str) -> Option<Address> {
    // An entry of `senders` may be a domain.
    let complete = if name.contains('@') { name.to_owned() } else { format!("{name}@{}", config.origin) };
    Address::parse(&complete).ok()
}

impl Routes<'_> {
    /// A table that cannot be used was named before.
    fn to(&self, address: &Address, findings: &mut Findings) {
        let Ok((destinations, _)) = self.arrival.recipient(address) else { return };
        let subject = address.to_string();
        for destination in destinations {
            match destination {
                Destination::Refused(_, why) => {
                    findings.error(Kind::Alias, Some(&subject), format!("mail to {address} is returned: {why}"));
                }
                Destination::Address(end) if !plan::is_deliverable(self.config, self.generic, &end) => {
                    let way = if end == *address { String::new() } else { format!(" goes to {end}, which") };
                    findings.warning(
                        Kind::Unmapped,
                        Some(&subject),
                        format!(
                            "mail to {address}{way} waits, because this machine has no mailboxes; in `generic`, map \
                             it to a real address: \"{end}\" = \"{}\"",
                            self.own_address()
                        ),
                    );
                }
                Destination::Address(_) => {}
            }
        }
    }

    /// Mail from a sender, which this account lists.
    fn from(&self, account: Option<&str>, sender: &Address, findings: &mut Findings) {
        let Ok((admitted, _)) = self.arrival.sender(&ReversePath::Mailbox(sender.clone())) else { return };
        let envelope = Envelope::mail(MessageId::new(0, 0), jiff::Timestamp::UNIX_EPOCH, admitted, Vec::new());
        match plan::account_name(self.config, self.generic, &envelope) {
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

    fn own_address(&self) -> String {
        let own = self.config.accounts.iter().find_map(crate::config::Account::own_address);
        own.map_or_else(|| "you@provider.example".to_owned(), |own| own.to_string())
    }
}
