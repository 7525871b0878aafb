//! How protobuf's JSON writes numbers, bytes and absence, as functions for `#[serde(deserialize_with)]`.
//!
//! 64-bit integers come as text, any number may; reals may be `"NaN"`, `"Infinity"` and `"-Infinity"`; `null` is the default of
//! its field. OTLP's own rule: trace and span ids are hexadecimal where protobuf would have Base64.

use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;
use serde::de::{Deserializer, Error};
use std::borrow::Cow;

/// A default value for `null`.
pub fn nullable<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Number<'a> {
    Unsigned(u64),
    Signed(i64),
    Real(f64),
    #[serde(borrow)]
    Text(Cow<'a, str>),
}

impl Number<'_> {
    fn integer<T: TryFrom<i128>>(&self) -> Option<T> {
        let whole = match self {
            Number::Unsigned(number) => i128::from(*number),
            Number::Signed(number) => i128::from(*number),
            // 1e3 and 5.0 are integers, too.
            Number::Real(number) if number.fract() == 0.0 && number.abs() < 1e18 => *number as i128,
            Number::Real(_) => return None,
            Number::Text(text) => text.parse().ok()?,
        };
        T::try_from(whole).ok()
    }

    fn real(&self) -> Option<f64> {
        Some(match self {
            Number::Unsigned(number) => *number as f64,
            Number::Signed(number) => *number as f64,
            Number::Real(number) => *number,
            Number::Text(text) => text.parse().ok()?,
        })
    }
}

/// An integer; `null` is 0.
pub fn integer<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<i128> + Default,
{
    Ok(optional_integer(deserializer)?.unwrap_or_default())
}

/// An integer, or `null`.
pub fn optional_integer<'de, D: Deserializer<'de>, T: TryFrom<i128>>(deserializer: D) -> Result<Option<T>, D::Error> {
    let number: Option<Number<'de>> = Option::deserialize(deserializer)?;
    number.map(|number| number.integer().ok_or_else(|| Error::custom("not an integer of its field's size"))).transpose()
}

/// A real number; `null` is 0.
pub fn real<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(optional_real(deserializer)?.unwrap_or_default())
}

/// A real number, or `null`.
pub fn optional_real<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    let number: Option<Number<'de>> = Option::deserialize(deserializer)?;
    number.map(|number| number.real().ok_or_else(|| Error::custom("not a number"))).transpose()
}

/// A list of integers.
pub fn integers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u64>, D::Error> {
    let numbers: Option<Vec<Number<'de>>> = Option::deserialize(deserializer)?;
    let read = |number: Number<'de>| number.integer().ok_or_else(|| Error::custom("not an unsigned 64-bit integer"));
    numbers.unwrap_or_default().into_iter().map(read).collect()
}

/// A list of real numbers.
pub fn reals<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
    let numbers: Option<Vec<Number<'de>>> = Option::deserialize(deserializer)?;
    numbers
        .unwrap_or_default()
        .into_iter()
        .map(|number| number.real().ok_or_else(|| Error::custom("not a number")))
        .collect()
}

/// Bytes in Base64 of either alphabet, padded or not.
pub fn base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    const LENIENT: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let text: Cow<'de, str> = Deserialize::deserialize(deserializer)?;
    let alphabet = if text.contains(['-', '_']) { base64::alphabet::URL_SAFE } else { base64::alphabet::STANDARD };
    GeneralPurpose::new(&alphabet, LENIENT).decode(text.as_bytes()).map_err(Error::custom)
}

/// Bytes in hexadecimal, upper or lower case.
pub fn hexadecimal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text: Option<Cow<'de, str>> = Option::deserialize(deserializer)?;
    let text = text.unwrap_or_default();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let byte = |pair: &[u8]| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    };
    let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(byte).collect();
    bytes.ok_or_else(|| Error::custom("not hexadecimal"))
}
