//! The names that a type's serde implementation reads: the members of a struct, the variants of an enum. They come from the
//! implementation itself, so a member cannot be forgotten.

use std::collections::BTreeSet;

use serde::de::value::Error;
use serde::de::{DeserializeOwned, Error as _, Visitor};
use serde::{Deserializer, forward_to_deserialize_any};

/// Takes the names that a type asks its deserializer for, and gives it nothing.
struct Asked<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Asked<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("neither a struct nor an enum"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        members: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        *self.0 = members;
        Err(Error::custom("asked"))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        *self.0 = variants;
        Err(Error::custom("asked"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct
        seq tuple tuple_struct map identifier ignored_any
    }
}

/// The members or variants of the type.
pub fn names<T: DeserializeOwned>() -> BTreeSet<String> {
    let mut names: &'static [&'static str] = &[];
    let _ = T::deserialize(Asked(&mut names));
    assert!(!names.is_empty(), "{} is neither a struct nor an enum", std::any::type_name::<T>());
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The variants of an enum that is told apart by the member `tag`: a variant that does not exist is refused with the list of
/// those that do.
pub fn tagged<T: DeserializeOwned>(tag: &str) -> BTreeSet<String> {
    let unknown = serde_json::json!({ tag: "?" });
    let refusal = serde_json::from_value::<T>(unknown).err().unwrap().to_string();
    let (_, listed) = refusal.split_once("expected one of ").unwrap();
    listed.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}
