//! Permissions that fill again with time.

use crate::{rejection::Rejection, time::Time};

/// How many permissions there are at once, and how fast they come back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    pub(super) burst: u32,
    /// In a thousand seconds, so that slow rates are whole numbers too.
    pub(super) per_1000_s: u64,
}

impl Rate {
    pub(super) const fn per_s(burst: u32, per_s: u32) -> Self {
        Self {
            burst,
            per_1000_s: (per_s as u64).saturating_mul(1_000),
        }
    }

    pub(super) const fn per_minute(burst: u32, per_minute: u32) -> Self {
        Self {
            burst,
            per_1000_s: (per_minute as u64).saturating_mul(1_000) / 60,
        }
    }

    const fn most(self) -> u64 {
        (self.burst as u64).saturating_mul(MILLIONTHS)
    }
}

const MILLIONTHS: u64 = 1_000_000;

/// A bucket of permissions, counted in millionths so that it fills evenly.
#[derive(Debug)]
pub(super) struct Allowance {
    left: u64,
    at: u64,
}

impl Allowance {
    pub(super) const fn full(now: Time, rate: Rate) -> Self {
        Self {
            left: rate.most(),
            at: now.mono_ms,
        }
    }

    /// Takes one permission.
    ///
    /// # Errors
    /// [`Rejection::RateLimited`].
    pub(super) fn take(&mut self, now: Time, rate: Rate) -> Result<(), Rejection> {
        self.fill(now, rate);
        self.left = self
            .left
            .checked_sub(MILLIONTHS)
            .ok_or(Rejection::RateLimited)?;
        Ok(())
    }

    fn fill(&mut self, now: Time, rate: Rate) {
        let passed = now.mono_ms.saturating_sub(self.at);
        let gained = passed.saturating_mul(rate.per_1000_s);
        self.left = self.left.saturating_add(gained).min(rate.most());
        self.at = now.mono_ms;
    }

    /// Whether it would be no different if it were made anew.
    pub(super) fn is_full(&mut self, now: Time, rate: Rate) -> bool {
        self.fill(now, rate);
        self.left >= rate.most()
    }
}
