//! The To field of mail that has none (`missing_to` in postrider.toml(5)): some servers refuse mail without a field that names
//! recipients. Pure.

use crate::config::MissingTo;
use crate::mail::address::Address;
use crate::mail::header::{Field, Header};

/// Fields that name recipients, also those that are removed before others see them.
const NAMING: [&str; 6] = ["To", "Cc", "Bcc", "Resent-To", "Resent-Cc", "Resent-Bcc"];

const UNDISCLOSED: &str = "undisclosed-recipients:;";

/// The most recipients that are named: more of them are a list, whose members need not know each other.
const MOST: usize = 100;

/// Whether no field of the header names a recipient.
#[must_use]
pub fn is_missing(header: &Header) -> bool {
    !header.fields.iter().any(|field| NAMING.iter().any(|name| field.is(name)))
}

/// The field that names these recipients; `None`: they are too many.
#[must_use]
pub fn naming(recipients: &[Address]) -> Option<Field> {
    let mut seen: Vec<String> = Vec::new();
    for address in recipients {
        let text = address.to_string();
        if !seen.contains(&text) {
            seen.push(text);
        }
        if seen.len() > MOST {
            return None;
        }
    }
    (!seen.is_empty()).then(|| Field::new("To", &seen.join(",\r\n\t")))
}

/// Adds the field where it is missing. `named` is what `naming` made of recipients that are no secret.
#[must_use]
pub fn add(header: &Header, missing_to: Option<MissingTo>, named: Option<&str>) -> Header {
    let mut header = header.clone();
    let value = match missing_to {
        _ if !is_missing(&header) => None,
        None => None,
        Some(MissingTo::Undisclosed) => Some(UNDISCLOSED),
        Some(MissingTo::Recipients) => Some(named.unwrap_or(UNDISCLOSED)),
    };
    header.fields.extend(value.map(|value| Field::new("To", value)));
    header
}
