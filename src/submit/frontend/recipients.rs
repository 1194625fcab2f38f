//! The recipients that the caller names: address lists in arguments and, with `-t`, in the header. Admission decides
//! what they mean.

use crate::mail::address::{Address, AddressError};
use crate::mail::header::{Field, Header};
use crate::mail::list::{self, Spec};

/// Where recipients come from (`-t`).
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
    /// The address as given, without display name, comments and unnecessary quotes.
    pub text: String,
    /// The parsed address.
    pub spec: Spec,
}

impl RecipientArgument {
    fn new(spec: Spec) -> Self {
        let spec = match spec {
            // As Postfix does (empty_address_recipient).
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

/// Removes quotes and brackets that cannot be meant: around a whole address (`"a@x"`), or unbalanced at its start or
/// end. Postfix does this for the envelope, not for the header.
#[must_use]
pub fn plain(spec: Spec) -> Spec {
    let text = match &spec {
        Spec::Bare(text) => text.as_str(),
        Spec::Broken(text, AddressError::BadSyntax) => text.trim_start_matches('"').trim_end_matches(['"', '>']),
        Spec::Complete(_) | Spec::Null | Spec::Broken(..) => return spec,
    };
    Address::parse(text).map_or(spec, Spec::Complete)
}

/// The recipients in an argument. An empty argument is the empty address.
#[must_use]
pub fn in_argument(argument: &[u8]) -> Vec<RecipientArgument> {
    let found: Vec<RecipientArgument> = in_list(argument).map(RecipientArgument::new).collect();
    if found.is_empty() { vec![RecipientArgument::new(Spec::Null)] } else { found }
}

/// The recipients in a header: To, Cc and Bcc; or, if there is any Resent-To, Resent-Cc or Resent-Bcc, only these.
#[must_use]
pub fn in_header(header: &Header) -> Vec<RecipientArgument> {
    const PLAIN: [&str; 3] = ["To", "Cc", "Bcc"];
    const RESENT: [&str; 3] = ["Resent-To", "Resent-Cc", "Resent-Bcc"];
    let one_of = |names: [&str; 3], field: &Field| names.iter().any(|name| field.is(name));
    let names = if header.fields.iter().any(|field| one_of(RESENT, field)) { RESENT } else { PLAIN };
    let fields = header.fields.iter().filter(|field| one_of(names, field));
    let specs = fields.flat_map(|field| in_list(field.value()));
    // In an argument an empty address means MAILER-DAEMON, in a header it means nobody.
    specs.filter(|spec| *spec != Spec::Null).map(RecipientArgument::new).collect()
}

fn in_list(text: &[u8]) -> impl Iterator<Item = Spec> {
    list::parse(text).into_iter().map(|found| found.spec)
}

#[cfg(test)]
mod tests;
