//! When to try again what failed.

use muttr_core::time::Time;

/// Pauses that double from a first one to a longest one, each up to a quarter longer by chance, so
/// that a pod that comes back is not met by all its seeds at once.
#[derive(Debug)]
pub(crate) struct Backoff {
    first_ms: u64,
    longest_ms: u64,
    failures: u32,
    due_ms: Option<u64>,
}

impl Backoff {
    /// Nothing has failed yet, and nothing is due.
    pub(crate) const fn new((first_ms, longest_ms): (u64, u64)) -> Self {
        Self {
            first_ms,
            longest_ms,
            failures: 0,
            due_ms: None,
        }
    }

    /// It failed: try again after a pause.
    pub(crate) fn fail(&mut self, now: Time) {
        let doubled = self.first_ms.saturating_mul(1 << self.failures.min(16));
        let pause_ms = doubled.min(self.longest_ms);
        self.failures += 1;
        let chance = (js_sys::Math::random() * (pause_ms / 4) as f64) as u64;
        self.due_ms = Some(now.after(pause_ms + chance));
    }

    /// It worked: the next pause is the first one again.
    pub(crate) const fn succeed(&mut self) {
        self.failures = 0;
    }

    /// Try at once, and begin with the first pause again.
    pub(crate) const fn hurry(&mut self, now: Time) {
        self.failures = 0;
        self.due_ms = Some(now.mono_ms);
    }

    /// When the next attempt is due.
    pub(crate) const fn due_ms(&self) -> Option<u64> {
        self.due_ms
    }

    /// Whether an attempt is due, which is then taken to be made.
    pub(crate) fn take_due(&mut self, now: Time) -> bool {
        let due = self.due_ms.is_some_and(|due_ms| due_ms <= now.mono_ms);
        if due {
            self.due_ms = None;
        }
        due
    }
}
