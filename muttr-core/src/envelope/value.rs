//! Any DAG-CBOR value: what a payload of a newer version may hold under keys unknown here.
//!
//! Floats and links have no use in payloads and are refused; the reader bounds the depth.

use alloc::{collections::BTreeMap, string::String, vec::Vec};
use core::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};

/// A value that is kept without being understood.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Positive(u64),
    Negative(i64),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Self>),
    Map(BTreeMap<String, Self>),
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => to.serialize_none(),
            Self::Bool(it) => to.serialize_bool(*it),
            Self::Positive(it) => to.serialize_u64(*it),
            Self::Negative(it) => to.serialize_i64(*it),
            Self::Text(it) => to.serialize_str(it),
            Self::Bytes(it) => to.serialize_bytes(it),
            Self::List(it) => it.serialize(to),
            Self::Map(it) => it.serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value without floats and links")
    }

    fn visit_none<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, it: bool) -> Result<Value, E> {
        Ok(Value::Bool(it))
    }

    fn visit_u64<E: Error>(self, it: u64) -> Result<Value, E> {
        Ok(Value::Positive(it))
    }

    fn visit_i64<E: Error>(self, it: i64) -> Result<Value, E> {
        Ok(u64::try_from(it).map_or(Value::Negative(it), Value::Positive))
    }

    fn visit_str<E: Error>(self, it: &str) -> Result<Value, E> {
        Ok(Value::Text(it.into()))
    }

    fn visit_bytes<E: Error>(self, it: &[u8]) -> Result<Value, E> {
        Ok(Value::Bytes(it.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(it) = from.next_element()? {
            list.push(it);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut map = BTreeMap::new();
        while let Some((key, it)) = from.next_entry()? {
            map.insert(key, it);
        }
        Ok(Value::Map(map))
    }
}
