//! Codecs: versioned, bounded, canonical. What does not parse is never looked at again.
//!
//! Structured messages are DAG-CBOR: RFC 8949 section 4.2 deterministic encoding with string
//! keys in length-first order, no indefinite lengths, no floats where integers do. Decoding
//! encodes again and compares, so that one meaning has one spelling.

use alloc::vec::Vec;

use serde::{Serialize, de::DeserializeOwned};

use crate::rejection::Rejection;

pub mod channel;
pub mod fed;
pub mod signal;
pub mod store;
pub(crate) mod varint;

/// Encodes canonically.
#[must_use]
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    // Fails only on types that CBOR cannot express; none of ours is such (tests cover each).
    serde_ipld_dagcbor::to_vec(value).unwrap_or_default()
}

/// Decodes what [`encode`] made, and nothing else.
///
/// # Errors
/// [`Rejection::TooLarge`] past `bytes_max`, [`Rejection::Malformed`] for anything not canonical.
pub fn decode<T: Serialize + DeserializeOwned>(
    bytes: &[u8],
    bytes_max: usize,
) -> Result<T, Rejection> {
    if bytes.len() > bytes_max {
        return Err(Rejection::TooLarge);
    }
    let value: T = serde_ipld_dagcbor::from_slice(bytes).map_err(|_| Rejection::Malformed)?;
    if encode(&value) == bytes {
        Ok(value)
    } else {
        Err(Rejection::Malformed)
    }
}
