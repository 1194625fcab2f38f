//! What a network client may do: connect, be known by its address, send as somebody, write to somebody. Pure; addresses of this
//! machine and tables are given. What a user of this machine may do is in `route`.

use std::net::IpAddr;

use super::route::{entry_form, forms, lookups};
use crate::config::client::Client;
use crate::config::listener::Listener;
use crate::config::network::{Network, Prefix};
use crate::config::{Config, Span, TableFault, TableSet};
use crate::mail::address::{Address, ReversePath};
use crate::mail::header::Header;
use crate::mail::list::{self, Spec};

/// What is known of this machine's network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// The networks of its links, but for loopback.
    pub on_link: Vec<Prefix>,
    /// Addresses that other machines may appear under: this machine's own, its bridges' and its gateways'. A port that a
    /// container publishes, or a router that translates addresses, makes the Internet look like them.
    pub shared: Vec<IpAddr>,
}

/// Whether a peer may connect at all.
#[must_use]
pub fn may_connect(listener: &Listener, around: &Surroundings, peer: IpAddr) -> bool {
    let peer = peer.to_canonical();
    if listener.networks.is_empty() {
        return peer.is_loopback();
    }
    peer.is_loopback()
        || listener.networks.iter().any(|network| match network {
            Network::Local => around.on_link.iter().any(|prefix| prefix.contains(peer)),
            Network::Prefix(prefix) => prefix.contains(peer),
        })
}

/// The client that a peer is by its address alone. An address that others may appear under is nobody's, unless the client says
/// that this is as it should be; on loopback there are no others but the users of this machine.
#[must_use]
pub fn trusted<'c>(config: &'c Config, listener: &Listener, around: &Surroundings, peer: IpAddr) -> Option<&'c Client> {
    let peer = peer.to_canonical();
    let is_shared = !peer.is_loopback() && around.shared.iter().any(|address| address.to_canonical() == peer);
    let clients = listener.trust.iter().filter_map(|name| config.client(name));
    let mut clients = clients.filter(|client| client.scram.is_empty() && is_from(client, peer));
    clients.find(|client| !is_shared || client.behind_nat_ok)
}

/// Whether the client connects from there.
#[must_use]
pub fn is_from(client: &Client, peer: IpAddr) -> bool {
    client.networks.iter().any(|prefix| prefix.contains(peer))
}

/// Whether a client that logs in may do so from there.
#[must_use]
pub fn may_log_in_from(client: &Client, peer: IpAddr) -> bool {
    !client.scram.is_empty() && (client.networks.is_empty() || is_from(client, peer))
}

/// Whether the client may send from the address.
pub fn may_send_from(
    config: &Config,
    client: &Client,
    tables: &TableSet,
    address: &Address,
) -> Result<bool, TableFault> {
    let forms = forms(address, &config.recipient_delimiter);
    let Some(senders) = &client.senders else {
        let own = entry_form(client.name.as_str(), &config.origin);
        let is_from = client.from.as_ref().is_some_and(|from| from == address);
        return Ok(is_from || forms.contains(&own));
    };
    let lookups = lookups(address, &config.recipient_delimiter);
    let finds = |entry: &String| lookups.iter().any(|lookup| lookup.finds(entry, &config.origin));
    if senders.addresses.iter().any(finds) {
        return Ok(true);
    }
    for (at, form) in forms.iter().enumerate() {
        let span = if at == 0 { Span::Whole } else { Span::Part };
        // Postfix's access tables have domains without the @.
        for key in [form.as_str(), form.trim_start_matches('@')] {
            if let Some(hit) = tables.lookup(key, span)? {
                return Ok(!hit.value.to_ascii_uppercase().starts_with("REJECT"));
            }
        }
    }
    Ok(false)
}

/// Letters by which the local part of an address asks its mail system to send on: `user%remote@here`, `remote!user@here` and
/// `"user@remote"@here`. Postfix calls it sender-specified routing and lets no stranger do it (`allow_untrusted_routing`).
const ROUTING: [char; 3] = ['%', '!', '@'];

/// Whether the client may write to the address. One that asks to be sent on is not known to end in an allowed domain, so it must
/// be listed as it is.
#[must_use]
pub fn may_write_to(config: &Config, client: &Client, address: &Address) -> bool {
    client.allowed_recipients.as_ref().is_none_or(|allowed| {
        let forms = forms(address, &config.recipient_delimiter);
        let forms = if address.local().contains(ROUTING) { &forms[..1] } else { &forms[..] };
        allowed.iter().any(|entry| forms.contains(&entry_form(entry, &config.origin)))
    })
}

/// Why a client may not send what it wants to send; each names the key to change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotPermitted {
    /// An address in the envelope or a field is not one of its own.
    #[error("{client} may not send as <{address}> ({place}); add it to senders in [client.{client}], or set from")]
    Sender {
        /// Who.
        client: String,
        /// As whom.
        address: String,
        /// `MAIL FROM`, or the field.
        place: &'static str,
    },
    /// The null sender.
    #[error("{client} may not send from <>; for a mail system, set relay_for_others = true in [client.{client}]")]
    NullSender {
        /// Who.
        client: String,
    },
    /// A field that may name somebody else, for all that can be told.
    #[error("the address {text} in {place} cannot be read: write it as name@domain")]
    Unreadable {
        /// As given.
        text: String,
        /// The field.
        place: &'static str,
    },
    /// Several From fields (RFC 5322 section 3.6): what a provider compares is another one than what a reader sees.
    #[error("the message has {0} From fields; send one, or set from in [client.{1}]")]
    ManyFroms(usize, String),
    /// A From field that names nobody.
    #[error("From has no address; write it as name@domain, leave the field out, or set from in [client.{0}]")]
    NoAuthor(String),
    /// Several authors and nobody who sends (RFC 5322 section 3.6.2).
    #[error("the message has several addresses in From and no Sender; add a Sender field")]
    ManyAuthors,
}

/// Whether the client may use the envelope sender.
pub fn envelope_sender(
    config: &Config,
    client: &Client,
    tables: &TableSet,
    sender: &ReversePath,
) -> Result<Result<(), NotPermitted>, TableFault> {
    let name = || client.name.to_string();
    let ReversePath::Mailbox(address) = sender else {
        // What a device sends from nobody is sent from its own address.
        let is_fine = client.relay_for_others || client.from.is_some();
        return Ok(if is_fine { Ok(()) } else { Err(NotPermitted::NullSender { client: name() }) });
    };
    if client.from.is_some() || may_send_from(config, client, tables, address)? {
        return Ok(Ok(()));
    }
    Ok(Err(NotPermitted::Sender { client: name(), address: address.to_string(), place: "MAIL FROM" }))
}

/// Whether the client may use the addresses of the fields that say who sends.
pub fn header_senders(
    config: &Config,
    client: &Client,
    tables: &TableSet,
    header: &Header,
) -> Result<Result<(), NotPermitted>, TableFault> {
    if client.relay_for_others {
        return Ok(Ok(()));
    }
    let froms = header.all("From").count();
    if froms > 1 && client.from.is_none() {
        return Ok(Err(NotPermitted::ManyFroms(froms, client.name.to_string())));
    }
    let (mut authors, mut signers) = (0, 0);
    for field in ["From", "Sender", "Resent-From", "Resent-Sender"] {
        if field == "From" && client.from.is_some() {
            continue;
        }
        // A name alone gets the address of MAIL, which is one of the client's.
        let (named, listed): (Vec<_>, Vec<_>) =
            header.all(field).partition(|field| list::name_alone(field.value()).is_some());
        authors += if field == "From" { named.len() } else { 0 };
        for found in listed.into_iter().flat_map(|field| list::parse(field.value())) {
            authors += usize::from(field == "From" && found.spec != Spec::Null);
            signers += usize::from(field == "Sender" && found.spec != Spec::Null);
            let address = match found.spec {
                Spec::Complete(address) => address,
                Spec::Bare(local) => match Address::new(&local, &config.origin) {
                    Ok(address) => address,
                    Err(_) => return Ok(Err(NotPermitted::Unreadable { text: local, place: field })),
                },
                Spec::Broken(text, _) => return Ok(Err(NotPermitted::Unreadable { text, place: field })),
                Spec::Null => continue,
            };
            if !may_send_from(config, client, tables, &address)? {
                let (client, address) = (client.name.to_string(), address.to_string());
                return Ok(Err(NotPermitted::Sender { client, address, place: field }));
            }
        }
    }
    if froms > 0 && authors == 0 && client.from.is_none() {
        return Ok(Err(NotPermitted::NoAuthor(client.name.to_string())));
    }
    Ok(if authors > 1 && signers == 0 { Err(NotPermitted::ManyAuthors) } else { Ok(()) })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
