//! The people of the plays: fixed keys, worth nothing, since everybody has them.

use std::fs;

use muttr_core::{keyring::Identity, time::Time};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use crate::{
    scenario::{Person, PodName},
    tree,
};

/// 1 January 2026, UTC: when all of them made their keys.
pub const BORN: Time = Time {
    mono_ms: 0,
    wall_ms: 1_767_225_600_000,
};

/// A person's identity, from `tests/fixtures/cast`.
///
/// # Panics
/// When the fixture is missing or damaged.
#[must_use]
pub fn identity(person: Person) -> Identity {
    let path = tree::root().join(format!("tests/fixtures/cast/{person}.pgp"));
    let bytes = fs::read(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    Identity::from_secret(&bytes).expect("a secret key of the cast")
}

/// A pod's identity, made of its name.
///
/// # Panics
/// When the OpenPGP library fails.
#[must_use]
pub fn pod_identity(pod: PodName) -> Identity {
    let mut seed = [0; 32];
    seed[..pod.word().len()].copy_from_slice(pod.word().as_bytes());
    Identity::generate(&mut ChaCha20Rng::from_seed(seed), BORN).expect("an identity")
}
