//! What may be changed at all: anything that breaks nobody, or additions only.

use crate::diag::{Diagnostic, Severity};

/// How long something stays after it was deprecated, under the policy of additions.
const DEPRECATION_DAYS: i64 = 120;

/// The rules of a team.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Only additions are allowed: what is there stays as it is, until its users had time to move on.
    pub additive: bool,
    /// Today, in days since 1970-01-01. With it, what has an annotation `deprecated = "2026-01-31"` may be
    /// removed 120 days after that date.
    pub today: Option<i64>,
}

impl Policy {
    /// Decides on a removal under the policy of additions.
    pub(super) fn judge_removal(&self, diagnostic: &mut Diagnostic, deprecated: Option<&str>) {
        let (true, Some(today), Some(date)) = (self.additive, self.today, deprecated) else { return };
        let Some(since) = days(date) else {
            diagnostic.notes.push(format!("`deprecated` is {date:?}, not a date like \"2026-01-31\""));
            return;
        };
        match since + DEPRECATION_DAYS - today {
            ..=0 => {
                diagnostic.severity = Severity::Warning;
                diagnostic.notes.push(format!("deprecated on {date}: its {DEPRECATION_DAYS} days are over"));
            }
            left => diagnostic.notes.push(format!("deprecated on {date}: may go in {left} days")),
        }
    }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar, written `2026-01-31`.
fn days(date: &str) -> Option<i64> {
    let mut parts = date.trim().splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Years begin in March here, so that the odd day comes last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year / 4 - year / 100 + year / 400;
    Some(year * 365 + leap_days + (153 * month + 2) / 5 + day - 1 - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        assert_eq!(days("1970-01-01"), Some(0));
        assert_eq!(days("2000-03-01"), Some(11_017));
        assert_eq!(days("2024-02-29"), Some(19_782));
        assert_eq!((days("2024-13-01"), days("soon"), days("2024-01")), (None, None, None));
    }
}
