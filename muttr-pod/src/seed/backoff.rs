//! When to try again what failed.

use std::time::Duration;

use rand_core::{OsRng, RngCore as _};

/// Pauses that double from a first one to a longest one, each up to a quarter longer by chance, so
/// that a pod that comes back is not met by all its seeds at once.
#[derive(Debug)]
pub(super) struct Backoff {
    first_ms: u64,
    longest_ms: u64,
    failures: u32,
}

impl Backoff {
    /// Nothing has failed yet.
    pub(super) const fn new((first_ms, longest_ms): (u64, u64)) -> Self {
        Self {
            first_ms,
            longest_ms,
            failures: 0,
        }
    }

    /// It failed: how long to wait before the next attempt.
    pub(super) fn fail(&mut self) -> Duration {
        let doubled = self.first_ms.saturating_mul(1 << self.failures.min(16));
        let pause_ms = doubled.min(self.longest_ms);
        self.failures = self.failures.saturating_add(1);
        let chance_ms = OsRng.next_u64() % (pause_ms / 4 + 1);
        Duration::from_millis(pause_ms + chance_ms)
    }

    /// It worked: the next pause is the first one again.
    pub(super) const fn succeed(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_begin_anew() {
        let mut backoff = Backoff::new((500, 30_000));
        for expected in [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000] {
            let pause = backoff.fail().as_millis();
            assert!(
                (expected..=expected + expected / 4).contains(&pause),
                "{pause}"
            );
        }
        backoff.succeed();
        assert!(backoff.fail().as_millis() <= 625);
    }
}
