//! Dates as RFC 3339 has them, in UTC.

const DAY_MS: u64 = 86_400_000;

/// Milliseconds since 1970 as `2026-12-01T14:02:03.004Z`.
pub(super) fn rfc3339(ms: u64) -> String {
    let (year, month, day) = civil(ms / DAY_MS);
    let [hour, minute, second] = [ms / 3_600_000 % 24, ms / 60_000 % 60, ms / 1_000 % 60];
    let milli = ms % 1_000;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

/// The same for people: `2026-12-01 14:02`.
pub(super) fn short(ms: u64) -> String {
    let whole = rfc3339(ms);
    whole
        .chars()
        .take(16)
        .map(|c| if c == 'T' { ' ' } else { c })
        .collect()
}

/// Year, month and day of a number of days since 1970, by eras of 400 years that begin in March,
/// so that a leap day is the last of its year.
const fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let january = if month <= 2 { 1 } else { 0 };
    (era * 400 + year_of_era + january, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_as_calendars_do() {
        for (ms, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_796_083_200_000, "2026-12-01T00:00:00.000Z"),
            (1_709_251_200_001, "2024-03-01T00:00:00.001Z"),
            (4_107_542_399_000, "2100-02-28T23:59:59.000Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(rfc3339(ms), expected);
        }
        assert_eq!(short(1_796_083_200_000), "2026-12-01 00:00");
        assert!(rfc3339(u64::MAX).ends_with('Z'));
    }
}
