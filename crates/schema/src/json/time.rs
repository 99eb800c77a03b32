//! `Timestamp` and `Duration` as JSON has them: RFC 3339 in UTC, and seconds with an `s`.

use super::text;

const DAY: i64 = 86_400;
/// 0001-01-01T00:00:00Z, the first second of a `Timestamp`.
const FIRST: i64 = -62_135_596_800;
/// 9999-12-31T23:59:59Z, the last one.
const LAST: i64 = 253_402_300_799;
/// About 10,000 years: the longest `Duration`, in seconds.
const LONGEST: i64 = 315_576_000_000;
const SECOND: i32 = 1_000_000_000;

const NOT_A_TIME: &str = "expected a time such as \"2026-01-31T12:00:00Z\"";
const NOT_A_DURATION: &str = "expected a duration such as \"1.5s\"";
const TIME_RANGE: &str = "is a time outside of the years 1 to 9999";
const DURATION_RANGE: &str = "is a duration of more than 10,000 years, or its nanoseconds contradict its seconds";

/// Appends `2026-01-31T12:00:00.000Z` with 0, 3, 6 or 9 digits of the second.
pub(super) fn write_timestamp(seconds: i64, nanos: i64, out: &mut String) -> Result<(), &'static str> {
    let nanos = i32::try_from(nanos).ok().filter(|nanos| (0..SECOND).contains(nanos)).ok_or(TIME_RANGE)?;
    if !(FIRST..=LAST).contains(&seconds) {
        return Err(TIME_RANGE);
    }
    let (year, month, day) = date(seconds.div_euclid(DAY));
    let second = seconds.rem_euclid(DAY);
    let ([y1, y2], [y3, y4], [m1, m2], [d1, d2]) = (pair(year / 100), pair(year % 100), pair(month), pair(day));
    let ([h1, h2], [n1, n2], [s1, s2]) = (pair(second / 3600), pair(second / 60 % 60), pair(second % 60));
    let date = [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', h1, h2, b':', n1, n2, b':', s1, s2];
    out.push_str(str::from_utf8(&date).unwrap_or_default());
    fraction(out, nanos);
    out.push('Z');
    Ok(())
}

/// Appends `-1.500s` with 0, 3, 6 or 9 digits of the second.
pub(super) fn write_duration(seconds: i64, nanos: i64, out: &mut String) -> Result<(), &'static str> {
    let nanos = i32::try_from(nanos).ok().filter(|nanos| (-SECOND < *nanos) && (*nanos < SECOND));
    let nanos = nanos.ok_or(DURATION_RANGE)?;
    let contradiction = (seconds > 0 && nanos < 0) || (seconds < 0 && nanos > 0);
    if contradiction || !(-LONGEST..=LONGEST).contains(&seconds) {
        return Err(DURATION_RANGE);
    }
    if seconds < 0 || nanos < 0 {
        out.push('-');
    }
    text::whole(out, seconds.unsigned_abs(), false);
    fraction(out, nanos.abs());
    out.push('s');
    Ok(())
}

/// Seconds since 1970 and nanoseconds of an RFC 3339 time with any offset.
pub(crate) fn parse_timestamp(text: &str) -> Result<(i64, i32), &'static str> {
    let (date, rest) = text.split_once('T').ok_or(NOT_A_TIME)?;
    let at = rest.find(['Z', '+', '-']).ok_or(NOT_A_TIME)?;
    let (clock, zone) = rest.split_at_checked(at).ok_or(NOT_A_TIME)?;
    let (clock, nanos) = match clock.split_once('.') {
        Some((clock, fraction)) => (clock, parse_fraction(fraction).ok_or(NOT_A_TIME)?),
        None => (clock, 0),
    };
    let [year, month, day] = numbers(date, '-', [4, 2, 2]).ok_or(NOT_A_TIME)?;
    let [hour, minute, second] = numbers(clock, ':', [2, 2, 2]).ok_or(NOT_A_TIME)?;
    let offset = parse_offset(zone).ok_or(NOT_A_TIME)?;
    let exists = (1..=12).contains(&month) && (1..=days_of(year, month)).contains(&day);
    if !exists || hour > 23 || minute > 59 || second > 59 {
        return Err("is a time that does not exist");
    }
    let seconds = days(year, month, day) * DAY + hour * 3600 + minute * 60 + second - offset;
    if (FIRST..=LAST).contains(&seconds) { Ok((seconds, nanos)) } else { Err(TIME_RANGE) }
}

/// Seconds and nanoseconds, of one sign.
pub(crate) fn parse_duration(text: &str) -> Result<(i64, i32), &'static str> {
    let number = text.strip_suffix('s').ok_or(NOT_A_DURATION)?;
    let (sign, number) = number.strip_prefix('-').map_or((1, number), |number| (-1, number));
    let (seconds, nanos) = match number.split_once('.') {
        Some((seconds, fraction)) => (seconds, parse_fraction(fraction).ok_or(NOT_A_DURATION)?),
        None => (number, 0),
    };
    if seconds.is_empty() || !seconds.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(NOT_A_DURATION);
    }
    let seconds = seconds.parse::<i64>().ok().filter(|seconds| *seconds <= LONGEST).ok_or(DURATION_RANGE)?;
    Ok((seconds * i64::from(sign), nanos * sign))
}

fn fraction(out: &mut String, nanos: i32) {
    let width = match nanos {
        0 => return,
        _ if nanos % 1_000_000 == 0 => 3,
        _ if nanos % 1000 == 0 => 6,
        _ => 9,
    };
    let nanos = i64::from(nanos);
    let [_, a] = pair(nanos / 100_000_000);
    let ([b, c], [d, e]) = (pair(nanos / 1_000_000 % 100), pair(nanos / 10_000 % 100));
    let ([f, g], [h, i]) = (pair(nanos / 100 % 100), pair(nanos % 100));
    let text = [b'.', a, b, c, d, e, f, g, h, i];
    out.extend(str::from_utf8(&text).ok().and_then(|text| text.get(..=width)));
}

/// The two digits of a number below 100.
fn pair(number: i64) -> [u8; 2] {
    let number = u8::try_from(number).unwrap_or_default();
    [b'0' + number / 10, b'0' + number % 10]
}

/// One to nine digits behind the point.
fn parse_fraction(text: &str) -> Option<i32> {
    let count = u32::try_from(text.len()).ok().filter(|count| (1..=9).contains(count))?;
    Some(i32::try_from(number(text)?).ok()? * 10_i32.pow(9 - count))
}

/// Seconds east of Greenwich.
fn parse_offset(zone: &str) -> Option<i64> {
    let (sign, clock) = match zone.split_at_checked(1)? {
        ("Z", "") => return Some(0),
        ("+", clock) => (1, clock),
        ("-", clock) => (-1, clock),
        _ => return None,
    };
    let [hours, minutes] = numbers(clock, ':', [2, 2]).filter(|[hours, minutes]| *hours < 24 && *minutes < 60)?;
    Some(sign * (hours * 3600 + minutes * 60))
}

/// As many numbers as there are widths, each of as many digits as its width.
fn numbers<const N: usize>(text: &str, separator: char, widths: [usize; N]) -> Option<[i64; N]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; N];
    for (place, width) in numbers.iter_mut().zip(widths) {
        *place = parts.next().filter(|part| part.len() == width).and_then(number)?;
    }
    parts.next().is_none().then_some(numbers)
}

fn number(text: &str) -> Option<i64> {
    text.bytes().try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0')))
}

fn days_of(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

// The two conversions count years from 1 March, so that the leap day is the last of its year; a cycle of 400 years has
// 146,097 days and 719,468 of them lie between 1 March 0000 and 1970. Source:
// <https://howardhinnant.github.io/date_algorithms.html>.

/// Days since 1970-01-01.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month > 2 { year } else { year - 1 };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let of_cycle = year.rem_euclid(400);
    year.div_euclid(400) * 146_097 + of_cycle * 365 + of_cycle / 4 - of_cycle / 100 + day_of_year - 719_468
}

/// Year, month and day.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let day = days.rem_euclid(146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (year + days.div_euclid(146_097) * 400 + next, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_the_range_is_written_and_read_back() {
        for day in FIRST / DAY..=LAST / DAY {
            let (year, month, of_month) = date(day);
            assert_eq!(days(year, month, of_month), day);
            assert!((1..=12).contains(&month) && (1..=days_of(year, month)).contains(&of_month));
        }
        assert_eq!(date(0), (1970, 1, 1));
        assert_eq!(date(FIRST / DAY), (1, 1, 1));
        assert_eq!(date(LAST / DAY), (9999, 12, 31));
        assert_eq!(date(11_016), (2000, 2, 29));
    }
}
