//! The To field of mail that has none (`missing_to` in postrider.toml(5)): some servers refuse mail without a field that names
//! recipients. Pure.

use super::inbound::Arrival;
use crate::config::{MissingTo, TableFault};
use crate::mail::address::{Address, Mailbox};
use crate::mail::header::{Field, Header};
use crate::mail::list::Spec;

/// Fields that name recipients to all who read the message.
const NAMING: [&str; 4] = ["To", "Cc", "Resent-To", "Resent-Cc"];

/// Fields whose recipients are secret. They are removed before the message is stored.
const SECRET: [&str; 2] = ["Bcc", "Resent-Bcc"];

const UNDISCLOSED: &str = "undisclosed-recipients:;";

/// The most recipients that are named: more of them are a list, whose members need not know each other.
const MOST: usize = 100;

/// Whether a message with this header, as submitted, lacks a field with recipients and has no secret ones either.
#[must_use]
pub fn may_name_recipients(header: &Header) -> bool {
    !header.fields.iter().any(|field| is_of(field, &NAMING) && !is_empty(field))
        && !header.fields.iter().any(|field| is_of(field, &SECRET))
}

/// The value of a field with these recipients, as they were given, rewritten as on arrival; `None`: they are too many, or one cannot be
/// named to every server.
pub fn recipients<'s>(
    arrival: &Arrival<'_>,
    given: impl Iterator<Item = &'s Spec>,
) -> Result<Option<String>, TableFault> {
    let addresses = given.filter_map(|spec| match spec.qualify(&arrival.config.origin) {
        Some(Mailbox::Valid(address)) => Some(address),
        Some(Mailbox::Invalid(_)) | None => None,
    });
    let field = field(&addresses.collect::<Vec<_>>());
    let header = arrival.header(&Header { fields: field.into_iter().collect() })?;
    Ok(header.first("To").map(|field| String::from_utf8_lossy(field.value()).trim().to_owned()))
}

fn is_of(field: &Field, names: &[&str]) -> bool {
    names.iter().any(|name| field.is(name))
}

/// Such a field names nobody, and RFC 5322 has none: servers that want a To refuse it.
fn is_empty(field: &Field) -> bool {
    field.value().iter().all(|byte| byte.is_ascii_whitespace() || *byte == b',')
}

/// The places of the fields that one with recipients replaces: those that are empty. `None` if the message needs none.
#[must_use]
pub fn replaced(header: &Header, missing_to: Option<MissingTo>) -> Option<Vec<usize>> {
    missing_to?;
    let naming = header.fields.iter().enumerate().filter(|(_, field)| is_of(field, &NAMING));
    let (empty, others): (Vec<_>, Vec<_>) = naming.partition(|(_, field)| is_empty(field));
    others.is_empty().then(|| empty.into_iter().map(|(at, _)| at).collect())
}

/// `None` as well for an address that only a server with SMTPUTF8 may be shown (RFC 6532): which server it will be is not known
/// yet.
fn field(recipients: &[Address]) -> Option<Field> {
    let mut seen: Vec<String> = Vec::new();
    for address in recipients {
        let domain = idna::domain_to_ascii(address.domain()).ok()?;
        let text = Address::new(address.local(), &domain).ok().filter(Address::is_ascii)?.to_string();
        if !seen.contains(&text) {
            seen.push(text);
        }
        if seen.len() > MOST {
            return None;
        }
    }
    (!seen.is_empty()).then(|| Field::new("To", &seen.join(",\r\n\t")))
}

/// Adds the field where it is missing. `named` is what `recipients` made of those that are not secret.
#[must_use]
pub fn add(header: &Header, missing_to: Option<MissingTo>, named: Option<&str>) -> Header {
    let Some(replaced) = replaced(header, missing_to) else { return header.clone() };
    let fields = header.fields.iter().enumerate().filter(|(at, _)| !replaced.contains(at));
    let value = match missing_to {
        Some(MissingTo::Recipients) => named.unwrap_or(UNDISCLOSED),
        Some(MissingTo::Undisclosed) | None => UNDISCLOSED,
    };
    let to = Field::new("To", value);
    Header { fields: fields.map(|(_, field)| field.clone()).chain([to]).collect() }
}
