//! The present moment as TM Forum writes it.

use std::time::{SystemTime, UNIX_EPOCH};

use faststr::FastStr;

/// Now, in UTC, to the second: `2026-01-31T09:30:00Z`.
pub fn now() -> FastStr {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    date_time(since.as_secs()).into()
}

/// Seconds since 1970 as ISO 8601.
pub(crate) fn date_time(seconds: u64) -> String {
    let (year, month, day) = date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Year, month and day of a day number since 1970. Years are counted from March, so that a leap day ends one.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::date_time;

    #[test]
    fn known_moments() {
        assert_eq!(date_time(0), "1970-01-01T00:00:00Z");
        assert_eq!(date_time(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(date_time(1_769_851_800), "2026-01-31T09:30:00Z");
        assert_eq!(date_time(4_107_542_399), "2100-02-28T23:59:59Z");
    }
}
