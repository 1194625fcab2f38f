//! What is of use in a token endpoint's answer (RFC 6749 section 5.1), however odd the rest of it is. Nothing is refused for a member
//! that is not needed, since a refresh token that comes along is the login from then on.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::config::Secret;

/// The members of an answer that have the right form; the last one, where one comes twice.
#[derive(Debug, Default)]
pub(super) struct Reply {
    pub(super) access: Option<Secret>,
    pub(super) kind: Option<String>,
    pub(super) lifetime: Option<Duration>,
    pub(super) refresh: Option<Secret>,
    pub(super) scope: Option<String>,
}

/// Some services write numbers as text, and some something else.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Seconds {
    Number(f64),
    Text(String),
    Other(IgnoredAny),
}

impl Seconds {
    /// `None` for what is no time to come.
    pub(super) fn duration(&self) -> Option<Duration> {
        let seconds = match self {
            Self::Number(number) => *number,
            Self::Text(text) => text.trim().parse().ok()?,
            Self::Other(_) => return None,
        };
        Duration::try_from_secs_f64(seconds).ok().filter(|time| !time.is_zero())
    }
}

/// Which members are looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Members {
    All,
    /// Without those that may hold what cannot be read, such as a number beyond all bounds.
    Tokens,
}

/// The text without the mark of its byte order, which JSON does not have (RFC 8259 section 8.1).
pub(super) fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

impl Reply {
    /// What can be read, as far as it can be read. What follows the object does not matter.
    pub(super) fn read(body: &[u8]) -> Self {
        let read = |members: Members| {
            let mut reply = Self::default();
            let mut json = serde_json::Deserializer::from_slice(without_mark(body));
            let whole = Gather { reply: &mut reply, members }.deserialize(&mut json);
            (whole.is_ok(), reply)
        };
        match read(Members::All) {
            (true, reply) => reply,
            (false, _) => read(Members::Tokens).1,
        }
    }
}

/// Fills a reply as it goes, so that what comes before a fault is not lost with it.
struct Gather<'r> {
    reply: &'r mut Reply,
    members: Members,
}

impl<'de> DeserializeSeed<'de> for Gather<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

/// A text, or none where something else is in its place. It may be a token, so no copy of it is left behind.
struct Text(Option<Secret>);

impl Text {
    fn shown(self) -> Option<String> {
        self.0.map(|text| text.expose().to_owned())
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OfText)
    }
}

struct OfText;

impl<'de> Visitor<'de> for OfText {
    type Value = Text;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("anything")
    }

    fn visit_str<E>(self, text: &str) -> Result<Text, E> {
        Ok(Text(Some(Secret::new(text.to_owned()))))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Text, E> {
        Ok(Text(None))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Text, E> {
        Ok(Text(None))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Text, E> {
        Ok(Text(None))
    }

    fn visit_unit<E>(self) -> Result<Text, E> {
        Ok(Text(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Text, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Text(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Text, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Text(None))
    }
}

impl<'de> Visitor<'de> for Gather<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { reply, members } = self;
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "access_token" => reply.access = map.next_value::<Text>()?.0.or(reply.access.take()),
                "refresh_token" => {
                    let token = map.next_value::<Text>()?.0.filter(|token| !token.expose().is_empty());
                    reply.refresh = token.or(reply.refresh.take());
                }
                "token_type" => reply.kind = map.next_value::<Text>()?.shown(),
                "expires_in" if members == Members::All => reply.lifetime = map.next_value::<Seconds>()?.duration(),
                "scope" if members == Members::All => reply.scope = map.next_value::<Text>()?.shown(),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
