//! Everything that is left to chance, drawn from one integer.

use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

/// The dice of a world.
#[derive(Debug)]
pub(super) struct Chance(ChaCha8Rng);

impl Chance {
    /// `purpose` keeps runs of different scenarios with one integer apart.
    pub(super) fn new(integer: u64, purpose: &str) -> Self {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&integer.to_be_bytes());
        for (at, byte) in purpose.bytes().enumerate() {
            seed[8 + at % 24] = seed[8 + at % 24].wrapping_mul(31).wrapping_add(byte);
        }
        Self(ChaCha8Rng::from_seed(seed))
    }

    /// 32 random bytes.
    pub(super) fn bytes(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// Any number.
    pub(super) fn number(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `below`, which is not 0.
    pub(super) fn roll(&mut self, below: u64) -> u64 {
        ((u128::from(self.0.next_u64()) * u128::from(below)) >> 64) as u64
    }

    pub(super) fn permille(&mut self, rate: u64) -> bool {
        rate > 0 && self.roll(1_000) < rate
    }

    /// Above 0, at most 1.
    fn unit(&mut self) -> f64 {
        ((self.0.next_u64() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    /// Exponentially distributed with this mean.
    pub(super) fn exponential(&mut self, mean: u64) -> u64 {
        (-self.unit().ln() * mean as f64) as u64
    }

    /// Log-normally distributed with this median and this deviation of the logarithm.
    pub(super) fn log_normal(&mut self, median: u64, sigma: f64) -> u64 {
        // Box and Muller, 1958.
        let radius = (-2.0 * self.unit().ln()).sqrt();
        let normal = radius * (core::f64::consts::TAU * self.unit()).cos();
        (median as f64 * (sigma * normal).exp()) as u64
    }
}
