//! A value of a condition, read once as its operator needs it.

use super::super::arn_pattern::ArnPattern;
use super::super::context::Context;
use super::super::pattern::{Pattern, Syntax};
use super::Test;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::Timestamp;
use std::net::IpAddr;

/// A value that a policy asks for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expected {
    Text(Pattern),
    Arn(ArnPattern),
    /// A number, or the milliseconds of a date.
    Number(f64),
    Bool(bool),
    Bytes(Vec<u8>),
    Network {
        address: IpAddr,
        bits: u32,
    },
}

impl Expected {
    /// Reads a value; `None` when it is not of the test's type.
    pub fn parse(test: Test, text: &str, variables: bool) -> Option<Self> {
        Some(match test {
            Test::Text { wildcards, .. } => Self::Text(Pattern::parse(text, Syntax { wildcards, variables })?),
            Test::Arn => Self::Arn(ArnPattern::parse(text, variables).ok()?),
            Test::Number(_) => Self::Number(number(text)?),
            Test::Date(_) => Self::Number(date(text)?),
            Test::Bool | Test::Null => Self::Bool(boolean(text)?),
            Test::Binary => Self::Bytes(STANDARD.decode(text).ok()?),
            Test::Address => {
                let (address, bits) = network(text)?;
                Self::Network { address, bits }
            }
        })
    }

    /// Whether a value of the request is what is asked for; `None` when a variable is not resolved.
    pub fn met_by(&self, test: Test, value: &str, context: &dyn Context) -> Option<bool> {
        Some(match (self, test) {
            (Self::Text(pattern), Test::Text { fold: true, .. }) => {
                return pattern.equals_ignoring_case(value, context);
            }
            (Self::Text(pattern), _) => return pattern.matches(value, context),
            (Self::Arn(pattern), _) => return pattern.matches(value, context),
            (Self::Number(expected), Test::Number(order)) => {
                number(value).is_some_and(|value| order.holds(value, *expected))
            }
            (Self::Number(expected), Test::Date(order)) => {
                date(value).is_some_and(|value| order.holds(value, *expected))
            }
            (Self::Number(_), _) => false,
            (Self::Bool(expected), _) => boolean(value) == Some(*expected),
            (Self::Bytes(expected), _) => STANDARD.decode(value).is_ok_and(|bytes| bytes == *expected),
            (Self::Network { address, bits }, _) => {
                network(value).is_some_and(|(inner, inner_bits)| inner_bits >= *bits && covers(*address, *bits, inner))
            }
        })
    }
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse::<f64>().ok().filter(|number| number.is_finite())
}

/// ISO 8601, a date alone, or seconds since 1970, as milliseconds.
fn date(text: &str) -> Option<f64> {
    let text = text.trim();
    if text.len() == 10 && text.contains('-') {
        return Timestamp::parse_iso(&format!("{text}T00:00:00Z")).map(|time| time.millis() as f64);
    }
    match number(text) {
        Some(seconds) => Some(seconds * 1000.0),
        None => Timestamp::parse_iso(text).map(|time| time.millis() as f64),
    }
}

fn boolean(text: &str) -> Option<bool> {
    [("true", true), ("false", false)].into_iter().find(|(name, _)| text.eq_ignore_ascii_case(name)).map(|(_, it)| it)
}

/// An address, or a network in CIDR notation.
fn network(text: &str) -> Option<(IpAddr, u32)> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    // An IPv4 client of an IPv6 socket is an IPv4 client.
    let address = address.parse::<IpAddr>().ok()?.to_canonical();
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = match bits {
        Some(bits) => bits.parse::<u32>().ok().filter(|bits| *bits <= most)?,
        None => most,
    };
    Some((address, bits))
}

fn covers(network: IpAddr, bits: u32, address: IpAddr) -> bool {
    let (network, address, width) = match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            (u128::from(network.to_bits()), u128::from(address.to_bits()), 32)
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => (network.to_bits(), address.to_bits(), 128),
        _ => return false,
    };
    (network ^ address).checked_shr(width - bits).unwrap_or(0) == 0
}
