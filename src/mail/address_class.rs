//! What an address is in a message, in the terms of Postfix's `canonical_classes` and `masquerade_classes` (postconf(5)).

use super::header::Field;

/// Address fields that name recipients (Postfix's `header_opts`); the others name senders.
const RECIPIENT_FIELDS: [&str; 7] = ["To", "Cc", "Bcc", "Apparently-To", "Resent-To", "Resent-Cc", "Resent-Reply-To"];

/// Where an address stands, and for whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressClass {
    /// MAIL FROM.
    EnvelopeSender,
    /// RCPT TO.
    EnvelopeRecipient,
    /// RCPT TO, where the domain is none of this machine's own names.
    RemoteRecipient,
    /// In From, Sender, Reply-To and their like.
    HeaderSender,
    /// In To, Cc and their like.
    HeaderRecipient,
}

impl AddressClass {
    /// Those of Postfix, which are all addresses.
    pub const ALL: [Self; 4] =
        [Self::EnvelopeSender, Self::EnvelopeRecipient, Self::HeaderSender, Self::HeaderRecipient];

    /// As written in the config, and in Postfix's.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EnvelopeSender => "envelope_sender",
            Self::EnvelopeRecipient => "envelope_recipient",
            Self::RemoteRecipient => "remote_recipient",
            Self::HeaderSender => "header_sender",
            Self::HeaderRecipient => "header_recipient",
        }
    }

    /// That of the addresses in an address field.
    #[must_use]
    pub fn of_field(field: &Field) -> Self {
        if RECIPIENT_FIELDS.iter().any(|name| field.is(name)) { Self::HeaderRecipient } else { Self::HeaderSender }
    }
}
