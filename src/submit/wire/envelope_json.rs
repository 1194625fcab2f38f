//! The JSON of a submission's envelope, parsed with a limit on recipients and on recipients with their own report
//! requests. serde's derived code cannot limit lists, so the two structures with lists are parsed by hand. `envelope`
//! uses it.

use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::mail::address::{Address, AddressError};
use crate::mail::dsn::{Asked, Dsn};
use crate::mail::list::Spec;
use crate::submit::frontend::collect::Origin;
use crate::submit::frontend::recipients::RecipientArgument;

/// The envelope as collected.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Envelope {
    pub(crate) v: u32,
    pub(crate) token: String,
    /// `None` means the caller's login.
    pub(crate) sender: Option<Text>,
    #[serde(serialize_with = "as_written")]
    pub(crate) recipients: Vec<RecipientArgument>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) arguments: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) account: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) full_name: Option<Text>,
    pub(crate) origin: Origin,
    pub(crate) dsn: Dsn,
}

/// An argument, which is nearly always text.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum Text {
    Utf8(String),
    Bytes(Vec<u8>),
}

impl From<&[u8]> for Text {
    fn from(bytes: &[u8]) -> Self {
        std::str::from_utf8(bytes).map_or_else(|_| Self::Bytes(bytes.to_owned()), |text| Self::Utf8(text.to_owned()))
    }
}

impl From<Text> for Vec<u8> {
    fn from(text: Text) -> Self {
        match text {
            Text::Utf8(text) => text.into_bytes(),
            Text::Bytes(bytes) => bytes,
        }
    }
}

/// A recipient in JSON.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum WireRecipient<A, T> {
    Complete(A),
    Bare(T),
    Broken(T),
}

fn as_written<S: serde::Serializer>(recipients: &[RecipientArgument], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(recipients.iter().map(|given| match &given.spec {
        Spec::Complete(address) => WireRecipient::Complete(address),
        Spec::Bare(text) => WireRecipient::Bare(text),
        Spec::Broken(text, _) => WireRecipient::Broken(text),
        Spec::Null => WireRecipient::Bare(&given.text),
    }))
}

impl From<WireRecipient<Address, String>> for RecipientArgument {
    fn from(whom: WireRecipient<Address, String>) -> Self {
        match whom {
            WireRecipient::Complete(address) => Self { text: address.to_string(), spec: Spec::Complete(address) },
            WireRecipient::Bare(text) => Self { spec: Spec::Bare(text.clone()), text },
            WireRecipient::Broken(text) => Self { spec: Spec::Broken(text.clone(), AddressError::BadSyntax), text },
        }
    }
}

/// Longest non-UTF-8 text in bytes. Arguments of a program cannot be longer.
const LONGEST_TEXT: usize = 128 << 10;

/// The most entries of a list.
#[derive(Debug)]
pub(super) struct Bound {
    most: usize,
    is_exceeded: Cell<bool>,
}

impl Bound {
    pub(super) fn new(most: usize) -> Self {
        Self { most, is_exceeded: Cell::new(false) }
    }

    /// Whether parsing ended because a list was too long.
    pub(super) fn is_exceeded(&self) -> bool {
        self.is_exceeded.get()
    }

    /// Fails if a list that has this many entries is full.
    fn check<E: Error>(&self, held: usize) -> Result<(), E> {
        if held < self.most {
            return Ok(());
        }
        self.is_exceeded.set(true);
        Err(E::custom("too many entries"))
    }
}

/// Parses the envelope.
pub(super) struct EnvelopeSeed<'a>(pub(super) &'a Bound);

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Member {
    V,
    Token,
    Sender,
    Recipients,
    Arguments,
    Account,
    FullName,
    Origin,
    Dsn,
    #[serde(other)]
    Unknown,
}

impl<'de> DeserializeSeed<'de> for EnvelopeSeed<'_> {
    type Value = Envelope;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Envelope, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for EnvelopeSeed<'_> {
    type Value = Envelope;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an envelope")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Envelope, A::Error> {
        let mut envelope = Envelope::default();
        let (mut version, mut token, mut recipients) = (None, None, None);
        while let Some(member) = map.next_key()? {
            match member {
                Member::V => version = Some(map.next_value()?),
                Member::Token => token = Some(map.next_value()?),
                Member::Sender => envelope.sender = map.next_value()?,
                Member::Recipients => recipients = Some(map.next_value_seed(RecipientsSeed(self.0))?),
                Member::Arguments => envelope.arguments = map.next_value()?,
                Member::Account => envelope.account = map.next_value()?,
                Member::FullName => envelope.full_name = map.next_value()?,
                Member::Origin => envelope.origin = map.next_value()?,
                Member::Dsn => envelope.dsn = map.next_value_seed(DsnSeed(self.0))?,
                Member::Unknown => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        envelope.v = version.ok_or_else(|| A::Error::missing_field("v"))?;
        envelope.token = token.ok_or_else(|| A::Error::missing_field("token"))?;
        envelope.recipients = recipients.ok_or_else(|| A::Error::missing_field("recipients"))?;
        Ok(envelope)
    }
}

struct RecipientsSeed<'a>(&'a Bound);

impl<'de> DeserializeSeed<'de> for RecipientsSeed<'_> {
    type Value = Vec<RecipientArgument>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<RecipientArgument>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for RecipientsSeed<'_> {
    type Value = Vec<RecipientArgument>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("recipients")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<RecipientArgument>, A::Error> {
        let mut recipients = Vec::new();
        while let Some(recipient) = list.next_element::<WireRecipient<Address, String>>()? {
            self.0.check(recipients.len())?;
            recipients.push(recipient.into());
        }
        Ok(recipients)
    }
}

struct DsnSeed<'a>(&'a Bound);

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum DsnMember {
    Notify,
    Ret,
    Envid,
    Of,
    #[serde(other)]
    Unknown,
}

impl<'de> DeserializeSeed<'de> for DsnSeed<'_> {
    type Value = Dsn;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Dsn, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for DsnSeed<'_> {
    type Value = Dsn;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DSN parameters")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Dsn, A::Error> {
        let mut dsn = Dsn::default();
        while let Some(member) = map.next_key()? {
            match member {
                DsnMember::Notify => dsn.notify = map.next_value()?,
                DsnMember::Ret => dsn.ret = map.next_value()?,
                DsnMember::Envid => dsn.envid = map.next_value()?,
                DsnMember::Of => dsn.of = map.next_value_seed(AskedSeed(self.0))?,
                DsnMember::Unknown => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(dsn)
    }
}

struct AskedSeed<'a>(&'a Bound);

impl<'de> DeserializeSeed<'de> for AskedSeed<'_> {
    type Value = HashMap<String, Asked>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for AskedSeed<'_> {
    type Value = HashMap<String, Asked>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("recipients with their DSN parameters")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut asked = HashMap::new();
        while let Some((recipient, parameters)) = map.next_entry()? {
            self.0.check(asked.len())?;
            asked.insert(recipient, parameters);
        }
        Ok(asked)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ReadText)
    }
}

struct ReadText;

impl<'de> Visitor<'de> for ReadText {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, or its octets")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Text, E> {
        Ok(Text::Utf8(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Text, A::Error> {
        let mut octets = Vec::new();
        while let Some(octet) = list.next_element()? {
            if octets.len() >= LONGEST_TEXT {
                return Err(A::Error::invalid_length(octets.len(), &"at most 128 KiB of text"));
            }
            octets.push(octet);
        }
        Ok(Text::Bytes(octets))
    }
}
