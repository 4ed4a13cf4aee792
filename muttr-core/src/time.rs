//! Time as it is handed in from outside. Nothing here reads a clock.

/// One moment, told by two clocks.
///
/// Deadlines are set on `mono_ms`, which never jumps; expiries and dates are compared with
/// `wall_ms`, which a shell may have corrected by its pod's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Time {
    /// Milliseconds on a clock that only moves forward; its zero means nothing.
    pub mono_ms: u64,
    /// Milliseconds since 1970-01-01 UTC.
    pub wall_ms: u64,
}

impl Time {
    /// The deadline `delay_ms` from now, on the monotonic clock.
    #[must_use]
    pub const fn after(self, delay_ms: u64) -> u64 {
        self.mono_ms.saturating_add(delay_ms)
    }

    /// Whole seconds since 1970, which is what OpenPGP and record headers count in.
    #[must_use]
    pub const fn wall_s(self) -> u64 {
        self.wall_ms / 1000
    }
}

/// The earlier of two optional deadlines.
#[must_use]
pub fn earliest(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, None) | (None, one) => one,
    }
}
