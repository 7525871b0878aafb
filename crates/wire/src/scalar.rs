//! Scalars in the forms that several codecs share: integral floats, epoch seconds, ISO times, NaN and the infinities.

use crate::shape::DecodeError;
use model::Timestamp;

/// Seconds of 9999-12-31T23:59:59Z, the latest instant that every AWS time format can write.
const EPOCH_SECONDS_MAX: f64 = 253_402_300_799.0;
/// Seconds of 0001-01-01T00:00:00Z.
const EPOCH_SECONDS_MIN: f64 = -62_135_596_800.0;

/// The integer that `value` stands for, when it stands for one: `5.0` is 5, `5.5` and `1e300` are none.
pub(crate) fn integral(value: f64) -> Option<i64> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0; // 2^63, exactly representable
    (value.fract() == 0.0 && (-LIMIT..LIMIT).contains(&value)).then_some(value as i64)
}

/// `NaN`, `Infinity` and `-Infinity`, which JSON, query and XML carry as text.
pub(crate) fn special_double(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

/// The text of a double that is not a finite number.
pub(crate) fn special_text(value: f64) -> Option<&'static str> {
    if value.is_finite() {
        None
    } else if value.is_nan() {
        Some("NaN")
    } else if value > 0.0 {
        Some("Infinity")
    } else {
        Some("-Infinity")
    }
}

/// The instant `seconds` after the epoch, to the millisecond.
pub(crate) fn epoch_seconds(seconds: f64) -> Result<Timestamp, DecodeError> {
    if !(EPOCH_SECONDS_MIN..=EPOCH_SECONDS_MAX + 0.999).contains(&seconds) {
        return Err(DecodeError::new(format!("{seconds} is not a time in seconds since 1970")));
    }
    Ok(Timestamp((seconds * 1000.0).round() as i64))
}

/// The instant that `text` tells: ISO 8601, or epoch seconds as digits.
pub(crate) fn timestamp_text(text: &str) -> Result<Timestamp, DecodeError> {
    if let Some(instant) = Timestamp::parse_iso(text) {
        return Ok(instant);
    }
    match text.parse::<f64>() {
        Ok(seconds) => epoch_seconds(seconds),
        Err(_) => Err(DecodeError::new("timestamp must follow ISO8601")),
    }
}

/// Appends `value` in decimal.
pub(crate) fn push_integer(out: &mut Vec<u8>, value: i64) {
    let mut digits = [0u8; 20];
    let mut start = digits.len();
    let mut rest = value.unsigned_abs();
    for slot in digits.iter_mut().rev() {
        *slot = b'0' + (rest % 10) as u8;
        rest /= 10;
        start -= 1;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[start..]);
}

/// Appends a finite double in the shortest form that reads back equal, always marked as one: `5.0`, `1e300`.
pub(crate) fn push_double(out: &mut Vec<u8>, value: f64) {
    use std::io::Write as _;
    write!(out, "{value:?}").expect("writing to memory cannot fail");
}

/// Appends `instant` as epoch seconds, with three decimals where it is not a whole second.
pub(crate) fn push_epoch_seconds(out: &mut Vec<u8>, instant: Timestamp) {
    let millis = instant.millis();
    if millis % 1000 == 0 {
        return push_integer(out, millis / 1000);
    }
    if millis < 0 {
        out.push(b'-');
    }
    let magnitude = millis.unsigned_abs();
    push_integer(out, (magnitude / 1000) as i64);
    let fraction = magnitude % 1000;
    out.push(b'.');
    out.extend([fraction / 100, fraction / 10 % 10, fraction % 10].map(|digit| b'0' + digit as u8));
}

/// Decodes base64 text, with or without padding.
pub(crate) fn base64_text(text: &str) -> Result<Vec<u8>, DecodeError> {
    use base64::Engine as _;
    use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    LENIENT.decode(text.as_bytes()).map_err(|_| DecodeError::new("a blob must be base64 text"))
}

/// Bytes as base64 text with padding.
pub(crate) fn to_base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(push: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        push(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn integers_print_to_the_ends_of_their_range() {
        for value in [0, 1, -1, 10, 1_767_323_045_678, i64::MAX, i64::MIN] {
            assert_eq!(text(|out| push_integer(out, value)), value.to_string());
        }
    }

    #[test]
    fn only_integral_floats_in_range_are_integers() {
        assert_eq!(integral(5.0), Some(5));
        assert_eq!(integral(-9_223_372_036_854_775_808.0), Some(i64::MIN));
        assert_eq!(integral(9_223_372_036_854_775_808.0), None);
        assert_eq!(integral(5.5), None);
        assert_eq!(integral(f64::NAN), None);
        assert_eq!(integral(f64::INFINITY), None);
    }

    #[test]
    fn times_keep_their_milliseconds() {
        assert_eq!(epoch_seconds(1_767_323_045.678), Ok(Timestamp(1_767_323_045_678)));
        assert_eq!(epoch_seconds(-0.5), Ok(Timestamp(-500)));
        assert!(epoch_seconds(f64::NAN).is_err());
        assert!(epoch_seconds(1e15).is_err());
        assert_eq!(timestamp_text("2026-01-02T03:04:05.678Z"), Ok(Timestamp(1_767_323_045_678)));
        assert_eq!(timestamp_text("1767323045"), Ok(Timestamp(1_767_323_045_000)));
        assert!(timestamp_text("inf").is_err());
        assert!(timestamp_text("tomorrow").is_err());
        for (millis, expected) in
            [(0, "0"), (1_500, "1.500"), (-1_500, "-1.500"), (-1, "-0.001"), (1_767_323_045_678, "1767323045.678")]
        {
            assert_eq!(text(|out| push_epoch_seconds(out, Timestamp(millis))), expected);
        }
    }

    #[test]
    fn base64_needs_no_padding() {
        assert_eq!(base64_text("aGk="), Ok(b"hi".to_vec()));
        assert_eq!(base64_text("aGk"), Ok(b"hi".to_vec()));
        assert!(base64_text("a!").is_err());
    }
}
