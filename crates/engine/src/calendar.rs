//! When people work, when nothing may change, and when maintenance is welcome. Times are UTC.

use model::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A stretch of each week.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Weekly {
    /// Days, 1 for Monday to 7 for Sunday.
    pub days: Vec<u8>,
    /// First minute of the day inside, UTC, 0 to 1439.
    pub from_minute: u16,
    /// First minute of the day after, UTC, 1 to 1440. At or before `from_minute`: over midnight.
    pub to_minute: u16,
}

/// A time in which nothing may change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Freeze {
    /// First instant inside, RFC 3339 in quotes: `"2026-12-24T00:00:00Z"`.
    #[schemars(with = "String")]
    pub from: Timestamp,
    /// First instant after.
    #[schemars(with = "String")]
    pub to: Timestamp,
}

/// The calendar.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Calendar {
    /// When people work.
    pub business_hours: Vec<Weekly>,
    /// When nothing may change.
    pub freezes: Vec<Freeze>,
    /// When maintenance is welcome.
    pub maintenance: Vec<Weekly>,
}

const MINUTE_MS: i64 = 60_000;
const DAY_MINUTES: i64 = 1_440;

impl Weekly {
    /// Whether an instant is inside.
    #[must_use]
    pub fn contains(&self, at: Timestamp) -> bool {
        let minutes = at.as_unix_ms().div_euclid(MINUTE_MS);
        let (day, minute) = (minutes.div_euclid(DAY_MINUTES), minutes.rem_euclid(DAY_MINUTES));
        // 1970-01-01 was a Thursday, day 4.
        let weekday = |day: i64| u8::try_from((day + 3).rem_euclid(7) + 1).unwrap_or(1);
        let (from, to) = (i64::from(self.from_minute), i64::from(self.to_minute));
        if from < to {
            return self.days.contains(&weekday(day)) && (from..to).contains(&minute);
        }
        (self.days.contains(&weekday(day)) && minute >= from)
            || (self.days.contains(&weekday(day - 1)) && minute < to)
    }
}

impl Calendar {
    /// Whether it is business hours.
    #[must_use]
    pub fn is_business_hours(&self, at: Timestamp) -> bool {
        self.business_hours.iter().any(|w| w.contains(at))
    }

    /// Whether changes are frozen.
    #[must_use]
    pub fn is_frozen(&self, at: Timestamp) -> bool {
        self.freezes.iter().any(|f| f.from <= at && at < f.to)
    }

    /// Whether maintenance is welcome.
    #[must_use]
    pub fn is_maintenance(&self, at: Timestamp) -> bool {
        self.maintenance.iter().any(|w| w.contains(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_over_midnight_belongs_to_the_day_it_begins_on() {
        let saturday_night = Weekly { days: vec![6], from_minute: 23 * 60, to_minute: 2 * 60 };
        let check = |text: &str, inside: bool| {
            assert_eq!(saturday_night.contains(Timestamp::parse(text).unwrap()), inside, "{text}");
        };
        check("2026-11-21T22:59:00Z", false); // Saturday
        check("2026-11-21T23:00:00Z", true);
        check("2026-11-22T01:59:00Z", true);
        check("2026-11-22T02:00:00Z", false);
        check("2026-11-22T23:30:00Z", false); // Sunday
    }
}
