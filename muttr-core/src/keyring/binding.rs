//! Bindings: the owner's signed word that an alias is theirs.

use alloc::{
    string::{String, ToString as _},
    vec::Vec,
};

use rand_core::{CryptoRng, RngCore};
use sha2::{Digest, Sha256};

use super::{Certificate, Identity};
use crate::{
    limit,
    name::Alias,
    rejection::Rejection,
    time::Time,
    wire::{
        self,
        channel::{Binding, SignedBinding},
    },
};

const LABEL: &[u8] = b"muttr/binding/1\0";

/// Largest encoded binding: its names, two hashes, and the keys of its map.
const BYTES_MAX: usize = 2 * (limit::LABEL_BYTES_MAX + limit::HOST_BYTES_MAX) + 512;

/// Binds `alias` to the identity's certificate from `now` on, for as long as bindings last.
///
/// `seq` counts the owner's bindings of this alias from 1; `previous` is the [`hash`] of the one
/// before, and absent in the first.
#[must_use]
pub fn sign(
    identity: &Identity,
    rng: &mut (impl CryptoRng + RngCore),
    now: Time,
    alias: &Alias,
    seq: u64,
    previous: Option<[u8; 32]>,
) -> SignedBinding {
    sign_as(identity, rng, now, alias, (seq, previous), String::new())
}

/// The same for an alias whose owner has moved: from `now` on they are found under `to`.
#[must_use]
pub fn sign_moved(
    identity: &Identity,
    rng: &mut (impl CryptoRng + RngCore),
    now: Time,
    alias: &Alias,
    chain: (u64, Option<[u8; 32]>),
    to: &Alias,
) -> SignedBinding {
    sign_as(identity, rng, now, alias, chain, to.to_string())
}

fn sign_as(
    identity: &Identity,
    rng: &mut (impl CryptoRng + RngCore),
    now: Time,
    alias: &Alias,
    (seq, previous): (u64, Option<[u8; 32]>),
    moved_to: String,
) -> SignedBinding {
    let binding = wire::encode(&Binding {
        alias: alias.clone(),
        fingerprint: identity.fingerprint(),
        certificate_hash: identity.certificate().hash().to_vec(),
        seq,
        previous: previous.map_or_else(Vec::new, |hash| hash.to_vec()),
        not_after_ms: now.wall_ms.saturating_add(limit::BINDING_LIFE_MAX_MS),
        moved_to,
    });
    let signature = identity.attest(rng, now, LABEL, &binding);
    SignedBinding { binding, signature }
}

/// Checks that the owner of `certificate` made this binding for exactly this certificate, and
/// that it holds now. Whether its alias and sequence are the expected ones is the caller's
/// question.
///
/// # Errors
/// [`Rejection::BadSignature`] when it is not the certificate's; [`Rejection::BindingExpired`]
/// when it ran out; [`Rejection::Malformed`] when its fields contradict each other.
pub fn check(
    signed: &SignedBinding,
    certificate: &Certificate,
    now: Time,
) -> Result<Binding, Rejection> {
    certificate.check_attestation(now, LABEL, &signed.binding, &signed.signature)?;
    let binding: Binding = wire::decode(&signed.binding, BYTES_MAX)?;
    if binding.fingerprint != certificate.fingerprint()
        || binding.certificate_hash != certificate.hash()
    {
        return Err(Rejection::BadSignature);
    }
    let astray = !binding.moved_to.is_empty()
        && moved_to(&binding).is_none_or(|elsewhere| elsewhere == binding.alias);
    let first = binding.seq == 1;
    let chained = if first {
        binding.previous.is_empty()
    } else {
        binding.previous.len() == 32
    };
    let latest_ms = now
        .wall_ms
        .saturating_add(limit::BINDING_LIFE_MAX_MS)
        .saturating_add(limit::CLOCK_SKEW_MS);
    if astray || binding.seq == 0 || !chained || binding.not_after_ms > latest_ms {
        return Err(Rejection::Malformed);
    }
    if binding.not_after_ms <= now.wall_ms {
        return Err(Rejection::BindingExpired);
    }
    Ok(binding)
}

/// Where the owner has moved to, if they have.
#[must_use]
pub fn moved_to(binding: &Binding) -> Option<Alias> {
    binding.moved_to.parse().ok()
}

/// What the next binding names this one by.
#[must_use]
pub fn hash(signed: &SignedBinding) -> [u8; 32] {
    Sha256::digest(wire::encode(signed)).into()
}
