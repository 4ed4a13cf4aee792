//! Chance, from the browser's generator.

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

/// 32 bytes nobody else knows.
///
/// # Panics
/// When the platform has no `crypto.getRandomValues`: nothing can be kept secret there.
pub(crate) fn bytes() -> [u8; 32] {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the platform has a source of randomness");
    bytes
}

/// A generator begun with such bytes.
pub(crate) fn generator() -> ChaCha20Rng {
    ChaCha20Rng::from_seed(bytes())
}
