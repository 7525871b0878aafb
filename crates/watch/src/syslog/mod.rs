//! Syslog: what RFC 5424 and RFC 3164 messages say of their time and host, and how a TCP stream is cut into messages.
//!
//! A message is kept as it came, priority and all; only its time and its host are read. Whatever is neither of the two formats
//! is a message all the same: of now, from nobody.
//!
//! RFC 3164 has neither year nor time zone: the year is the one that puts the time nearest to now, the zone UTC. Some senders
//! (rsyslog among them) write an RFC 3339 time there, which is read too.

mod frames;
#[cfg(test)]
mod tests;

pub use frames::{BadFrame, Frames, MESSAGE_BYTES_MAX};

use jiff::civil;
use model::Timestamp;

/// Largest priority: facility 23, severity 7.
const PRIORITY_MAX: u32 = 191;
/// Longest host name read (RFC 5424).
const HOST_CHARS_MAX: usize = 255;
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A message with what was read of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyslogMessage {
    /// When it was sent, as the sender says, else when it came.
    pub time: Timestamp,
    /// Who sent it, as the sender says.
    pub host: Option<String>,
    /// The whole message; what is not UTF-8 is replaced.
    pub text: String,
}

/// Reads one message that came at `now`. `None` when there is nothing in it.
pub fn read(message: &[u8], now: Timestamp) -> Option<SyslogMessage> {
    let text = String::from_utf8_lossy(message);
    let text = text.trim_end_matches(['\r', '\n', '\0']);
    if text.trim().is_empty() {
        return None;
    }
    let (time, host) = header(text, now).unwrap_or_default();
    let host = host.filter(|host| is_host(host)).map(str::to_owned);
    Some(SyslogMessage { time: time.unwrap_or(now), host, text: text.to_owned() })
}

/// Time and host of a message, each where it says one.
fn header(text: &str, now: Timestamp) -> Option<(Option<Timestamp>, Option<&str>)> {
    let rest = after_priority(text)?;
    match rest.strip_prefix("1 ") {
        Some(rest) => Some(rfc5424(rest)),
        None => Some(rfc3164(rest, now)),
    }
}

/// What follows `<PRI>`.
fn after_priority(text: &str) -> Option<&str> {
    let (digits, rest) = text.strip_prefix('<')?.split_once('>')?;
    let valid = (1..=3).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && digits.parse::<u32>().is_ok_and(|priority| priority <= PRIORITY_MAX);
    valid.then_some(rest)
}

/// `TIMESTAMP HOSTNAME …`, where `-` stands for what is not known.
fn rfc5424(rest: &str) -> (Option<Timestamp>, Option<&str>) {
    let mut words = rest.split(' ');
    let time = words.next().and_then(rfc3339);
    (time, words.next().filter(|host| *host != "-"))
}

/// `Mmm dd hh:mm:ss HOSTNAME TAG: …`, or the same with an RFC 3339 time.
fn rfc3164(rest: &str, now: Timestamp) -> (Option<Timestamp>, Option<&str>) {
    let traditional = rest.split_at_checked(15).and_then(|(time, rest)| Some((near(time, now)?, rest)));
    let found = traditional.or_else(|| {
        let (time, rest) = rest.split_once(' ')?;
        Some((rfc3339(time)?, rest))
    });
    let Some((time, rest)) = found else { return (None, None) };
    let word = rest.trim_start().split(' ').next().unwrap_or_default();
    // A sender on the same machine leaves its host out: then this is the tag.
    let is_tag = word.is_empty() || word.ends_with(':') || word.contains('[');
    (Some(time), (!is_tag).then_some(word))
}

fn rfc3339(word: &str) -> Option<Timestamp> {
    let time: jiff::Timestamp = word.parse().ok()?;
    Some(Timestamp(time.as_millisecond()))
}

/// A time without a year, in the year that puts it nearest to `now`.
fn near(text: &str, now: Timestamp) -> Option<Timestamp> {
    let [month @ .., b' '] = text.as_bytes().get(..4)? else { return None };
    let month = MONTHS.iter().position(|name| name.as_bytes() == month)?;
    let (day, time) = text.get(4..)?.split_at_checked(2)?;
    let [hour, minute, second] = *time.strip_prefix(' ')?.split(':').collect::<Vec<_>>() else { return None };
    let number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<i8>().ok())?;
    let (day, hour, minute, second) = (number(day.trim_start())?, number(hour)?, number(minute)?, number(second)?);
    let year = jiff::Timestamp::from_millisecond(now.0).ok()?.to_zoned(jiff::tz::TimeZone::UTC).year();
    let month = i8::try_from(month + 1).ok()?;
    let in_year = |year: i16| {
        let civil = civil::DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
        Some(Timestamp(civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond()))
    };
    let years = [year.saturating_sub(1), year, year.saturating_add(1)];
    years.into_iter().filter_map(in_year).min_by_key(|time| (now - *time).saturating_abs())
}

fn is_host(host: &str) -> bool {
    (1..=HOST_CHARS_MAX).contains(&host.len()) && host.bytes().all(|byte| byte.is_ascii_graphic())
}
