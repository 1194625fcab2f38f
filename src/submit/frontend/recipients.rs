//! Whom a submission goes to, as its caller says: address lists in arguments, and with
//! `-t` those of the header. What becomes of each is admission's business.

use crate::mail::address::{Address, AddressError};
use crate::mail::header::{Field, Header};
use crate::mail::list::{self, Spec};

/// Where recipients are taken from (`-t`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecipientsFrom {
    /// The arguments.
    Arguments,
    /// The arguments and the header's address fields.
    ArgumentsAndHeader,
}

/// A recipient before admission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipientArgument {
    /// As given, without display name, comment and needless quotes.
    pub text: String,
    /// As read.
    pub spec: Spec,
}

impl RecipientArgument {
    fn new(spec: Spec) -> Self {
        let spec = match spec {
            // Postfix's empty_address_recipient.
            Spec::Null => Spec::Bare("MAILER-DAEMON".to_owned()),
            other => plain(other),
        };
        let text = match &spec {
            Spec::Complete(address) => address.to_string(),
            Spec::Bare(text) | Spec::Broken(text, _) => text.clone(),
            Spec::Null => String::new(),
        };
        Self { text, spec }
    }
}

impl From<&Address> for RecipientArgument {
    fn from(address: &Address) -> Self {
        Self { text: address.to_string(), spec: Spec::Complete(address.clone()) }
    }
}

/// Without marks around it that cannot be meant: an address in quotes as a whole (`"a@x"`), or with a quote or bracket too
/// many at its start or end. Postfix takes these off in an envelope, not in a header.
#[must_use]
pub fn plain(spec: Spec) -> Spec {
    let text = match &spec {
        Spec::Bare(text) => text.as_str(),
        Spec::Broken(text, AddressError::BadSyntax) => text.trim_start_matches('"').trim_end_matches(['"', '>']),
        Spec::Complete(_) | Spec::Null | Spec::Broken(..) => return spec,
    };
    Address::parse(text).map_or(spec, Spec::Complete)
}

/// The recipients in one argument; an argument without any stands for the empty address.
#[must_use]
pub fn in_argument(argument: &[u8]) -> Vec<RecipientArgument> {
    let found: Vec<RecipientArgument> = in_list(argument).map(RecipientArgument::new).collect();
    if found.is_empty() { vec![RecipientArgument::new(Spec::Null)] } else { found }
}

/// The recipients in a header: To, Cc and Bcc, but only the Resent- ones where there is one of these.
#[must_use]
pub fn in_header(header: &Header) -> Vec<RecipientArgument> {
    const PLAIN: [&str; 3] = ["To", "Cc", "Bcc"];
    const RESENT: [&str; 3] = ["Resent-To", "Resent-Cc", "Resent-Bcc"];
    let one_of = |names: [&str; 3], field: &Field| names.iter().any(|name| field.is(name));
    let names = if header.fields.iter().any(|field| one_of(RESENT, field)) { RESENT } else { PLAIN };
    let fields = header.fields.iter().filter(|field| one_of(names, field));
    let specs = fields.flat_map(|field| in_list(field.value()));
    // An empty address is somebody in an argument, but nobody in a header.
    specs.filter(|spec| *spec != Spec::Null).map(RecipientArgument::new).collect()
}

fn in_list(text: &[u8]) -> impl Iterator<Item = Spec> {
    list::parse(text).into_iter().map(|found| found.spec)
}

#[cfg(test)]
mod tests;
