//! Whether `generic` gives this machine's addresses one that the provider knows, and leaves those of the provider alone.

use super::Findings;
use crate::config::{self, Account, ArrivalTables, Config, TableSet};
use crate::control::report::Kind;
use crate::mail::address::{Address, ReversePath};
use crate::mail::address_class::AddressClass;
use crate::rules::inbound::Arrival;
use crate::rules::outbound::{Generic, Rewritten};

pub(super) fn check(config: &Config, findings: &mut Findings) {
    let tables = TableSet::load("generic", &config.generic);
    let generic = Generic { config, tables: &tables };
    own_addresses(generic, findings);
    for account in &config.accounts {
        providers_addresses(generic, account, findings);
    }
}

/// What programs send under this machine's own names must get an address that the provider knows.
fn own_addresses(generic: Generic<'_>, findings: &mut Findings) {
    let config = generic.config;
    let account = config.default_account.as_deref().and_then(|name| config.account(name));
    let (Some(account), Ok(root)) = (account, Address::new("root", &config.origin)) else { return };
    let arriving = ArrivalTables::load(&config.rewriting);
    let arrival = Arrival { config, tables: &arriving, include: config::included };
    // A table that cannot be read was told above; `from` gives every mail an address.
    let Ok((ReversePath::Mailbox(root), _)) = arrival.sender(&ReversePath::Mailbox(root)) else { return };
    let Ok(rewritten) = generic.address(AddressClass::EnvelopeSender, &root) else { return };
    let outgoing = rewritten.map_or_else(|| root.clone(), |rewritten| rewritten.address);
    let is_known = !config.is_own_domain(outgoing.domain()) || config.is_providers_domain(outgoing.domain());
    if account.username.is_none() || account.from.is_some() || is_known {
        return;
    }
    if !config.generic_classes.contains(&AddressClass::EnvelopeSender) {
        let text = format!(
            "mail from {root} leaves with that address, which most providers reject as a sender: add \"envelope_sender\" to \
             `generic_classes`"
        );
        findings.warning(Kind::Rewriting, Some(&root.to_string()), text);
        return;
    }
    let own = account.own_address().map_or_else(|| "you@provider.example".to_owned(), |own| own.to_string());
    findings.warning(
        Kind::Rewriting,
        Some(&root.to_string()),
        format!(
            "no entry of `generic` maps {root} to a real address, and most providers reject such a sender: add \
         \"@{}\" = \"{own}\"",
            config.origin
        ),
    );
}

/// Where a row catches the provider's whole domain, mail to everybody else there goes to one address.
fn providers_addresses(generic: Generic<'_>, account: &Account, findings: &mut Findings) {
    let address = |text: &str| Address::parse(text.trim_start_matches('@')).ok();
    let login = account.username.as_deref().and_then(address);
    let domain_of =
        |entry: &String| entry.rsplit_once('@').map_or_else(|| entry.clone(), |(_, domain)| domain.to_owned());
    let listed = account.senders.iter().map(domain_of);
    let mut seen: Vec<String> = Vec::new();
    for domain in login.iter().map(|one| one.domain().to_owned()).chain(listed) {
        if seen.iter().any(|known| known.eq_ignore_ascii_case(&domain)) {
            continue;
        }
        seen.push(domain.clone());
        let is_logins = login.as_ref().is_some_and(|one| one.domain().eq_ignore_ascii_case(&domain));
        let Some(row) = catch_all(generic, &domain) else { continue };
        // A row from a made-up domain to the provider's is what `generic` is for.
        if is_logins || row.address.domain().eq_ignore_ascii_case(&domain) {
            findings.error(Kind::Rewriting, Some(&row.place), format!(
                "{}: the entry \"{}\" sends mail to everybody at {domain} to {}, and account {} sends from that domain; \
                 write entries for single addresses of it instead",
                row.place, row.key, row.address, account.name
            ));
        }
    }
}

/// The row that gives an address that nobody has another user.
fn catch_all(generic: Generic<'_>, domain: &str) -> Option<Rewritten> {
    let nobody = Address::new("nobody.of.this.name", domain).ok()?;
    let row = generic.address(AddressClass::EnvelopeRecipient, &nobody).ok()??;
    (row.address.local() != nobody.local()).then_some(row)
}
