//! Seeds that are left alone for a while: those that could not be reached, and those that broke the
//! protocol.
//!
//! Once may be bad luck, and is soon tried again by whoever has few links. Twice in a row means as a
//! rule that one is gone, or that there is no way between the two of us, and then every other attempt
//! is a dial for nothing. Where most dials are for nothing, it is we who cannot be met: as a rule
//! behind a network that shows another address to everyone. Whoever can reach us will come.

use alloc::collections::BTreeMap;

use crate::{limit, name::SeedId, time::Time};

#[derive(Clone, Copy, Debug)]
struct Reason {
    until_ms: u64,
    failures: u8,
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Avoided {
    seeds: BTreeMap<SeedId, Reason>,
    now_ms: u64,
    /// One more for each that could not be reached, several fewer for each that could.
    in_vain: u8,
}

impl Avoided {
    /// Time passes.
    pub(super) fn set_time(&mut self, now: Time) {
        self.now_ms = now.mono_ms;
    }

    pub(super) fn contains(&self, seed: &SeedId) -> bool {
        let reason = self.seeds.get(seed);
        reason.is_some_and(|reason| reason.until_ms > self.now_ms)
    }

    /// It could not be reached, or did not answer; `calm` when there are enough others.
    pub(super) fn failed(&mut self, now: Time, seed: SeedId, calm: bool) {
        let before = self.seeds.get(&seed).map_or(0, |reason| reason.failures);
        let failures = before.saturating_add(1);
        let in_vain = self.in_vain.saturating_add(1);
        self.in_vain = in_vain.min(2 * limit::IN_VAIN);
        let pause_ms = if before == 0 && !calm && !self.is_in_vain() {
            limit::AVOID_MS
        } else {
            limit::AVOID_AGAIN_MS
        };
        self.insert(
            seed,
            Reason {
                until_ms: now.after(pause_ms),
                failures,
            },
        );
    }

    /// It broke the protocol once too often.
    pub(super) fn banish(&mut self, now: Time, seed: SeedId) {
        let until_ms = now.after(limit::AVOID_FAULT_MS);
        let failures = 1;
        self.insert(seed, Reason { until_ms, failures });
    }

    fn insert(&mut self, seed: SeedId, reason: Reason) {
        if self.seeds.len() >= limit::REMEMBERED_SEEDS_MAX {
            let soonest = self.seeds.iter().min_by_key(|(_, it)| it.until_ms);
            if let Some(soonest) = soonest.map(|(seed, _)| *seed) {
                self.seeds.remove(&soonest);
            }
        }
        self.seeds.insert(seed, reason);
    }

    /// It is there.
    pub(super) fn forgive(&mut self, seed: &SeedId) {
        self.seeds.remove(seed);
        self.in_vain = self.in_vain.saturating_sub(limit::IN_VAIN_FORGIVEN);
    }

    /// Most of those we dial cannot be reached.
    pub(super) const fn is_in_vain(&self) -> bool {
        self.in_vain >= limit::IN_VAIN
    }

    /// We may be in another network now.
    pub(super) const fn hope(&mut self) {
        self.in_vain = 0;
    }

    /// Forgets what is long over.
    pub(super) fn prune(&mut self, now: Time) {
        let over = |reason: &Reason| reason.until_ms.saturating_add(limit::AVOID_AGAIN_MS);
        self.seeds.retain(|_, reason| over(reason) > now.mono_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(mono_ms: u64) -> Time {
        Time {
            mono_ms,
            wall_ms: 0,
        }
    }

    #[test]
    fn who_fails_again_is_left_alone_for_longer() {
        let seed = SeedId([1; 32]);
        let mut avoided = Avoided::default();
        avoided.failed(at(0), seed, false);
        assert!(avoided.contains(&seed));
        let later = at(limit::AVOID_MS);
        avoided.set_time(later);
        avoided.prune(later);
        assert!(!avoided.contains(&seed));
        avoided.failed(later, seed, false);
        avoided.set_time(at(3 * limit::AVOID_MS));
        assert!(avoided.contains(&seed));
        avoided.forgive(&seed);
        assert!(!avoided.contains(&seed));
    }

    #[test]
    fn where_most_dials_fail_few_are_made() {
        let mut avoided = Avoided::default();
        let seeds = (0..40).map(|number| SeedId([number; 32]));
        for (number, seed) in seeds.clone().enumerate() {
            if number % 6 == 0 {
                avoided.forgive(&seed);
            } else {
                avoided.failed(at(0), seed, false);
            }
        }
        assert!(avoided.is_in_vain(), "one in six is met");
        let last = SeedId([39; 32]);
        avoided.set_time(at(2 * limit::AVOID_MS));
        assert!(avoided.contains(&last), "nobody is tried again soon");
        avoided.hope();
        assert!(!avoided.is_in_vain());
        for (number, seed) in seeds.enumerate() {
            if number % 3 == 0 {
                avoided.failed(at(0), seed, false);
            } else {
                avoided.forgive(&seed);
            }
        }
        assert!(!avoided.is_in_vain(), "two in three are met");
    }

    #[test]
    fn what_is_long_over_is_forgotten() {
        let seed = SeedId([1; 32]);
        let mut avoided = Avoided::default();
        avoided.failed(at(0), seed, false);
        let later = at(limit::AVOID_MS + limit::AVOID_AGAIN_MS);
        avoided.prune(later);
        avoided.failed(later, seed, false);
        avoided.set_time(at(later.mono_ms + limit::AVOID_MS));
        assert!(!avoided.contains(&seed), "once again, after long");
    }

    #[test]
    fn those_soonest_to_be_forgiven_make_room() {
        let mut avoided = Avoided::default();
        let seeds = (0..=u8::MAX).map(|number| SeedId([number; 32]));
        for (passed_ms, seed) in (0..).zip(seeds) {
            avoided.failed(at(passed_ms), seed, false);
        }
        let other = SeedId([0x11; 32]);
        let another = SeedId(core::array::from_fn(|at| at as u8));
        avoided.banish(at(9), another);
        avoided.set_time(at(9));
        assert!(!avoided.contains(&SeedId([0; 32])));
        assert!(avoided.contains(&another) && avoided.contains(&other));
    }
}
