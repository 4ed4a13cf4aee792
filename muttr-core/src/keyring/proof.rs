//! Signatures over labelled bytes: proofs of identity and attestations.
//!
//! What is signed is `label ‖ bytes`. A label starts with `muttr/` and ends with the only NUL in
//! it, so no labelled bytes can be read under another label, and none can be read as a payload
//! (which is a CBOR map and starts with another byte).

use alloc::{string::String, vec::Vec};

use pgp::{
    errors::Error,
    packet::{SignatureType, Subpacket},
    ser::Serialize,
    types::{Password, SigningKey, VerifyingKey},
};
use rand_core::{CryptoRng, RngCore};

use super::{
    selfsign,
    statement::{Statement, kind},
};
use crate::{
    envelope::packet::{self, Length, tag},
    rejection::Rejection,
    time::Time,
};

/// Whether `label` is one: then no two labelled byte strings are the same.
fn is_label(label: &[u8]) -> bool {
    let inner = label
        .strip_prefix(b"muttr/")
        .and_then(|rest| rest.strip_suffix(b"\0"));
    inner.is_some_and(|inner| !inner.contains(&0))
}

/// A detached signature packet by `key` over `label` and `bytes`.
pub(super) fn sign(
    rng: &mut (impl CryptoRng + RngCore),
    now: Time,
    key: &impl SigningKey,
    label: &[u8],
    bytes: &[u8],
) -> Result<Vec<u8>, Error> {
    if !is_label(label) {
        return Err(Error::from(String::from("not a label")));
    }
    let no_more: Vec<Subpacket> = Vec::new();
    let config = selfsign::config(rng, SignatureType::Binary, now.wall_s(), key, no_more)?;
    let signed = [label, bytes].concat();
    let signature = config.sign(key, &Password::empty(), signed.as_slice())?;
    let mut packet = Vec::new();
    packet::push(&mut packet, tag::SIGNATURE, &signature.to_bytes()?);
    Ok(packet)
}

/// Reads a detached signature, which must be one packet and not past its end.
///
/// One from the future is not refused: freshness is what the signed bytes are for, and a tab
/// learns the right time only after it has shown who it is.
pub(super) fn read(now: Time, signature: &[u8]) -> Result<Statement, Rejection> {
    let (packet, rest) = packet::next(signature).ok_or(Rejection::BadSignature)?;
    if packet.tag != tag::SIGNATURE || packet.length != Length::Shortest || !rest.is_empty() {
        return Err(Rejection::BadSignature);
    }
    let statement = Statement::read(packet.body).map_err(|_| Rejection::BadSignature)?;
    let over = statement
        .expires_s
        .is_some_and(|expires_s| expires_s <= now.wall_s());
    if statement.kind != kind::BINARY
        || statement.intended.is_some()
        || statement.has_unsigned_part
        || over
    {
        return Err(Rejection::BadSignature);
    }
    Ok(statement)
}

/// Whether `key` made `statement` over `label` and `bytes`.
pub(super) fn check(
    statement: &Statement,
    key: &impl VerifyingKey,
    label: &[u8],
    bytes: &[u8],
) -> Result<(), Rejection> {
    let signed = [label, bytes].concat();
    if is_label(label) && statement.verifies(key, &signed) {
        Ok(())
    } else {
        Err(Rejection::BadSignature)
    }
}
