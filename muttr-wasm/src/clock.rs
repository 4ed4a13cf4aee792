//! The tab's two clocks.

use muttr_core::time::Time;
use web_time::Instant;

/// Counts from its making.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn new() -> Self {
        Self(Instant::now())
    }

    /// This moment by both clocks.
    pub(crate) fn now(self) -> Time {
        let mono_ms = u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX);
        // A clock set before 1970 counts as 1970.
        Time {
            mono_ms,
            wall_ms: js_sys::Date::now().max(0.0) as u64,
        }
    }
}
