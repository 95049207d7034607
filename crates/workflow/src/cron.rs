//! Cron expressions: the five classic fields, seconds before them if wanted, in a time zone, across clock changes.
//!
//! Fields take `*`, lists, ranges, steps and names; `L` is the last day of the month, `5#2` the second Friday, `5L` the
//! last. When both days are restricted either counts (POSIX crontab). `CRON_TZ=Europe/Berlin ` in front names the
//! zone; without it UTC counts. Pure: zone rules are built in, never read from the machine.

use jiff::Zoned;
use jiff::civil::{Date, DateTime, Time, date};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use model::Timestamp;

/// Days that are looked through for the next time: leap days fall at most eight years apart.
const MAX_DAYS: usize = 366 * 9;
const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const NICKNAMES: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

/// When something happens again and again.
#[derive(Clone, Debug, PartialEq)]
pub struct Cron {
    seconds: u64,
    minutes: u64,
    hours: u64,
    days: Days,
    months: u64,
    zone: TimeZone,
    /// Whether it happens every hour or in every few, rather than at hours of the day: then real time counts
    /// when clocks change.
    interval: bool,
}

#[derive(Clone, Debug, PartialEq)]
struct Days {
    /// Days of the month; all of them when the field is a star.
    month: u64,
    /// Whether the last day of the month counts.
    last: bool,
    /// Days of the week, Sunday is 0.
    week: u64,
    /// `weekday#n`, or the last one for 0.
    nth: Vec<(u8, u8)>,
    month_given: bool,
    week_given: bool,
}

impl Cron {
    /// Reads a cron expression.
    ///
    /// # Errors
    /// It is not one, names an unknown time zone, or never comes; the text says which field.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut text = text.trim();
        let mut zone = TimeZone::UTC;
        if let Some(rest) = text.strip_prefix("CRON_TZ=").or_else(|| text.strip_prefix("TZ=")) {
            let (name, rest) =
                rest.split_once(char::is_whitespace).ok_or("after the time zone comes the schedule")?;
            zone = TimeZoneDatabase::bundled().get(name).map_err(|_| {
                format!("there is no time zone {:?}; name one such as Europe/Berlin", crate::yaml::clip(name))
            })?;
            text = rest.trim();
        }
        if text.starts_with('@') {
            let lower = text.to_lowercase();
            text = NICKNAMES.iter().find(|(name, _)| *name == lower).map(|(_, is)| *is).ok_or_else(|| {
                let names = NICKNAMES.map(|(n, _)| n).join(", ");
                format!("there is no {:?}; known: {names}", crate::yaml::clip(text))
            })?;
        }
        let mut fields: Vec<&str> = text.split_whitespace().collect();
        match fields.len() {
            5 => fields.insert(0, "0"),
            6 => {}
            n => {
                return Err(format!(
                    "a cron expression has five fields (minute, hour, day, month, weekday), or six with the \
                     second first; this one has {n}"
                ));
            }
        }
        let cron = Self {
            seconds: field(fields[0], "second", 0, 59, &[])?,
            minutes: field(fields[1], "minute", 0, 59, &[])?,
            hours: field(fields[2], "hour", 0, 23, &[])?,
            days: Days::parse(fields[3], fields[5])?,
            months: field(fields[4], "month", 1, 12, &MONTHS)?,
            zone,
            interval: fields[2].starts_with('*'),
        };
        if cron.next_civil(date(2024, 1, 1).at(0, 0, 0, 0)).is_none() {
            return Err("this day never comes; check day and month".to_owned());
        }
        Ok(cron)
    }

    /// The first time after an instant. A time of day that is skipped when clocks go forward comes as much later as
    /// they jumped (RFC 5545); one that comes twice when they go back counts once. What happens every hour or
    /// more often follows real time instead.
    #[must_use]
    pub fn next_after(&self, at: Timestamp) -> Option<Timestamp> {
        let at = jiff::Timestamp::from_millisecond(at.as_unix_ms()).ok()?;
        let next = if self.interval { self.next_interval(at) } else { self.next_time_of_day(at) }?;
        Some(Timestamp::from_unix_ms(next.as_millisecond()))
    }

    fn next_time_of_day(&self, at: jiff::Timestamp) -> Option<jiff::Timestamp> {
        let mut from = whole_second(at.to_zoned(self.zone.clone()).datetime())?;
        // At most the times of one repeated hour lie behind; they are at most so many seconds.
        for _ in 0..=7200 {
            let civil = self.next_civil(from)?;
            let zoned: Zoned = self.zone.to_ambiguous_zoned(civil).compatible().ok()?;
            if zoned.timestamp() > at {
                return Some(zoned.timestamp());
            }
            from = civil.checked_add(jiff::SignedDuration::from_secs(1)).ok()?;
        }
        None
    }

    fn next_interval(&self, at: jiff::Timestamp) -> Option<jiff::Timestamp> {
        let mut after = at;
        for _ in 0..=MAX_DAYS {
            let offset = self.zone.to_offset(after);
            let from = whole_second(offset.to_datetime(after))?;
            let civil = self.next_civil(from)?;
            let next = offset.to_timestamp(civil).ok()?;
            // With another offset from there, the civil time means another instant: look again from the change on.
            match self.zone.following(after).next().map(|t| t.timestamp()) {
                Some(change) if change <= next => {
                    after = change.checked_sub(jiff::SignedDuration::from_millis(1)).ok()?;
                    let offset = self.zone.to_offset(change);
                    let civil = self.next_civil(offset.to_datetime(change))?;
                    let first = offset.to_timestamp(civil).ok()?;
                    let until = self.zone.following(change).next().map(|t| t.timestamp());
                    if until.is_none_or(|u| first < u) {
                        return Some(first);
                    }
                    after = change.max(after);
                }
                _ => return Some(next),
            }
        }
        None
    }

    /// The first matching time on the clock, this one included.
    fn next_civil(&self, from: DateTime) -> Option<DateTime> {
        let mut day = from.date();
        let mut since = from.time();
        for _ in 0..MAX_DAYS {
            if self.months >> day.month() & 1 == 1
                && self.days.include(day)
                && let Some(time) = self.next_time(since)
            {
                return Some(day.to_datetime(time));
            }
            day = day.tomorrow().ok()?;
            since = Time::midnight();
        }
        None
    }

    /// The first matching time of day from this one on.
    fn next_time(&self, from: Time) -> Option<Time> {
        let first = |bits: u64, from: u32| {
            let left = bits.checked_shr(from).unwrap_or(0);
            (left != 0).then(|| from + left.trailing_zeros())
        };
        let (mut minute_from, mut second_from) = (from.minute() as u32, from.second() as u32);
        let mut hour = first(self.hours, from.hour() as u32)?;
        if hour > from.hour() as u32 {
            (minute_from, second_from) = (0, 0);
        }
        loop {
            let mut minute = first(self.minutes, minute_from);
            while let Some(m) = minute {
                if m > minute_from {
                    second_from = 0;
                }
                if let Some(second) = first(self.seconds, second_from) {
                    return Time::new(hour as i8, m as i8, second as i8, 0).ok();
                }
                second_from = 0;
                minute = first(self.minutes, m + 1);
            }
            (minute_from, second_from) = (0, 0);
            hour = first(self.hours, hour + 1)?;
        }
    }
}

/// The first whole second after a time on the clock.
fn whole_second(at: DateTime) -> Option<DateTime> {
    let next = at.checked_add(jiff::SignedDuration::from_secs(1)).ok()?;
    next.with().subsec_nanosecond(0).build().ok()
}

impl Days {
    fn parse(month: &str, week: &str) -> Result<Self, String> {
        let last = month.eq_ignore_ascii_case("l");
        let days = if last { 0 } else { field(month, "day of the month", 1, 31, &[])? };
        let (mut weekdays, mut nth) = (0, Vec::new());
        for part in week.split(',') {
            if let Some((day, n)) = part.split_once('#') {
                let n = n.parse().ok().filter(|n| (1..=5).contains(n));
                let n = n.ok_or_else(|| format!("`{}`: after `#` comes 1 to 5", crate::yaml::clip(part)))?;
                nth.push((number(day, "weekday", 0, 7, &WEEKDAYS)? as u8 % 7, n));
            } else if let Some(day) = part.strip_suffix(['L', 'l']).filter(|d| !d.is_empty()) {
                nth.push((number(day, "weekday", 0, 7, &WEEKDAYS)? as u8 % 7, 0));
            } else {
                weekdays |= field(part, "weekday", 0, 7, &WEEKDAYS)?;
            }
        }
        // Sunday is 0 and 7.
        weekdays = (weekdays | weekdays >> 7) & 0x7f;
        let given = |text: &str| !text.starts_with('*') && text != "?";
        Ok(Self {
            month: days,
            last,
            week: weekdays,
            nth,
            month_given: given(month),
            week_given: given(week),
        })
    }

    fn include(&self, day: Date) -> bool {
        let weekday = day.weekday().to_sunday_zero_offset() as u8;
        let in_month = self.month >> day.day() & 1 == 1 || self.last && day.day() == day.days_in_month();
        let in_week = self.week >> weekday & 1 == 1
            || self.nth.iter().any(|(on, n)| {
                *on == weekday
                    && match n {
                        0 => day.day() + 7 > day.days_in_month(),
                        n => (day.day() as u8 - 1) / 7 + 1 == *n,
                    }
            });
        match (self.month_given, self.week_given) {
            (true, true) => in_month || in_week,
            _ => in_month && in_week,
        }
    }
}

/// The values of one field as bits.
fn field(text: &str, what: &str, least: u32, most: u32, names: &[&str]) -> Result<u64, String> {
    let mut bits = 0;
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => {
                let step = step.parse::<u32>().ok().filter(|s| (1..=most).contains(s)).ok_or_else(|| {
                    format!(
                        "the {what} `{}` needs a step from 1 to {most} after `/`",
                        crate::yaml::clip(part)
                    )
                })?;
                (range, Some(step))
            }
            None => (part, None),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" || range == "?" => (least, most),
            Some((from, to)) => {
                (number(from, what, least, most, names)?, number(to, what, least, most, names)?)
            }
            None => {
                let from = number(range, what, least, most, names)?;
                (from, if step.is_some() { most } else { from })
            }
        };
        if from > to {
            return Err(format!("the {what} `{}` counts backwards", crate::yaml::clip(part)));
        }
        bits |= (from..=to).step_by(step.unwrap_or(1) as usize).fold(0, |bits, n| bits | 1_u64 << n);
    }
    Ok(bits)
}

fn number(text: &str, what: &str, least: u32, most: u32, names: &[&str]) -> Result<u32, String> {
    let lower = text.to_lowercase();
    if let Some(place) = names.iter().position(|n| *n == lower) {
        // Months begin with 1, weekdays with 0.
        return Ok(place as u32 + least);
    }
    let number =
        text.parse().ok().filter(|n| (least..=most).contains(n) && text.bytes().all(|b| b.is_ascii_digit()));
    number.ok_or_else(|| {
        format!("the {what} cannot be `{}`; it goes from {least} to {most}", crate::yaml::clip(text))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(cron: &str, from: &str, count: usize) -> Vec<String> {
        let cron = Cron::parse(cron).unwrap_or_else(|e| panic!("{cron}: {e}"));
        let mut at = Timestamp::parse(from).expect(from);
        let mut times = Vec::new();
        for _ in 0..count {
            at = cron.next_after(at).expect("it comes again");
            times.push(at.to_string().trim_end_matches(":00.000Z").to_owned());
        }
        times
    }

    #[test]
    fn times_come_in_order() {
        for (cron, from, expect) in [
            ("0 0 * * *", "2026-11-21T12:00:00Z", vec!["2026-11-22T00:00", "2026-11-23T00:00"]),
            ("*/15 9-10 * * mon-fri", "2026-11-20T10:40:00Z", vec!["2026-11-20T10:45", "2026-11-23T09:00"]),
            (
                "5,10 0 1 */6 *",
                "2026-11-21T00:00:00Z",
                vec!["2027-01-01T00:05", "2027-01-01T00:10", "2027-07-01T00:05"],
            ),
            ("*/20 * * * * *", "2026-11-21T00:00:30Z", vec!["2026-11-21T00:00:40.000Z", "2026-11-21T00:01"]),
            ("0 12 29 2 *", "2026-01-01T00:00:00Z", vec!["2028-02-29T12:00", "2032-02-29T12:00"]),
            (
                "0 0 13 * 5",
                "2026-11-21T00:00:00Z",
                vec!["2026-11-27T00:00", "2026-12-04T00:00", "2026-12-11T00:00", "2026-12-13T00:00"],
            ),
            ("0 0 L * *", "2026-02-01T00:00:00Z", vec!["2026-02-28T00:00", "2026-03-31T00:00"]),
            ("0 0 * * 5#2", "2026-11-01T00:00:00Z", vec!["2026-11-13T00:00", "2026-12-11T00:00"]),
            ("0 0 ? * 5L", "2026-11-01T00:00:00Z", vec!["2026-11-27T00:00", "2026-12-25T00:00"]),
            ("0 0 * * 7", "2026-11-21T00:00:00Z", vec!["2026-11-22T00:00", "2026-11-29T00:00"]),
            ("@hourly", "2026-11-21T23:59:59.999Z", vec!["2026-11-22T00:00", "2026-11-22T01:00"]),
            ("CRON_TZ=Asia/Kolkata 30 9 * * *", "2026-11-21T00:00:00Z", vec!["2026-11-21T04:00"]),
        ] {
            assert_eq!(times(cron, from, expect.len()), expect, "{cron}");
        }
    }

    /// Berlin: 02:00 becomes 03:00 on 29 March 2026, 03:00 becomes 02:00 on 25 October.
    #[test]
    fn clocks_that_change_lose_and_repeat_nothing() {
        for (cron, from, expect) in [
            // A time of day that does not exist comes later, once.
            (
                "CRON_TZ=Europe/Berlin 30 2 * * *",
                "2026-03-28T00:00:00Z",
                vec!["2026-03-28T01:30", "2026-03-29T01:30", "2026-03-30T00:30"],
            ),
            // One that exists twice comes once.
            (
                "CRON_TZ=Europe/Berlin 30 2 * * *",
                "2026-10-24T12:00:00Z",
                vec!["2026-10-25T00:30", "2026-10-26T01:30"],
            ),
            (
                "CRON_TZ=Europe/Berlin 0,30 2,3 * * *",
                "2026-10-25T00:15:00Z",
                vec!["2026-10-25T00:30", "2026-10-25T02:00", "2026-10-25T02:30"],
            ),
            // Every half hour is every half hour.
            (
                "CRON_TZ=Europe/Berlin */30 * * * *",
                "2026-03-29T00:20:00Z",
                vec!["2026-03-29T00:30", "2026-03-29T01:00", "2026-03-29T01:30"],
            ),
            (
                "CRON_TZ=Europe/Berlin */30 * * * *",
                "2026-10-24T23:45:00Z",
                vec![
                    "2026-10-25T00:00",
                    "2026-10-25T00:30",
                    "2026-10-25T01:00",
                    "2026-10-25T01:30",
                    "2026-10-25T02:00",
                ],
            ),
            // Midnight that does not exist: Cairo, 24 April 2026.
            (
                "CRON_TZ=Africa/Cairo 0 0 * * *",
                "2026-04-23T12:00:00Z",
                vec!["2026-04-23T22:00", "2026-04-24T21:00"],
            ),
        ] {
            assert_eq!(times(cron, from, expect.len()), expect, "{cron}");
        }
    }

    #[test]
    fn wrong_expressions_say_what_is_wrong() {
        for (cron, part) in [
            ("* * * *", "has 4"),
            ("60 * * * *", "minute cannot be `60`"),
            ("* * * * fry", "weekday cannot be `fry`"),
            ("* * 0 * *", "from 1 to 31"),
            ("5-1 * * * *", "backwards"),
            ("*/0 * * * *", "step from 1"),
            ("0 0 30 2 *", "never comes"),
            ("0 0 * * 5#6", "1 to 5"),
            ("@often", "@hourly"),
            ("CRON_TZ=Mars/Base 0 0 * * *", "time zone"),
            ("CRON_TZ=UTC", "comes the schedule"),
            ("+5 * * * *", "cannot be `+5`"),
            ("", "has 0"),
        ] {
            let error = Cron::parse(cron).expect_err(cron);
            assert!(error.contains(part), "{cron}: {error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_time_is_later_and_no_text_breaks_it(cron in "[0-9*/,LW#@ a-z-]{0,24}", minute in 0..60, hour in "[*0-9]", from in 0_i64..4_000_000_000_000) {
            let _either = Cron::parse(&cron);
            if let Ok(cron) = Cron::parse(&format!("CRON_TZ=Europe/Berlin {minute} {hour} * * *")) {
                let at = Timestamp::from_unix_ms(from);
                let next = cron.next_after(at).expect("it comes every day");
                proptest::prop_assert!(next > at);
                proptest::prop_assert!(next.since_ms(at) <= 49 * 3_600_000);
            }
        }
    }
}
