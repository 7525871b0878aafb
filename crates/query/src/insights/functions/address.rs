//! Functions of IP addresses.

use crate::insights::ast::Function;
use crate::insights::value::Value;
use std::net::IpAddr;

/// Whether a text is an address of the function's family.
pub fn is_valid<'e>(function: Function, text: &Value<'_>) -> Value<'e> {
    let Some(text) = text.text() else { return Value::Null };
    Value::Bool(match text.parse() {
        Ok(IpAddr::V4(_)) => function != Function::IsValidIpV6,
        Ok(IpAddr::V6(_)) => function != Function::IsValidIpV4,
        Err(_) => false,
    })
}

/// Whether an address of the function's family lies in a subnet in CIDR notation.
pub fn is_in_subnet<'e>(function: Function, address: &Value<'_>, subnet: &Value<'_>) -> Value<'e> {
    let (Some(address), Some(subnet)) = (address.text(), subnet.text()) else { return Value::Null };
    let (Ok(address), Some((base, bits))) = (address.parse(), subnet.split_once('/')) else {
        return Value::Bool(false);
    };
    let (Ok(base), Ok(bits)) = (base.parse(), bits.parse::<u32>()) else { return Value::Bool(false) };
    Value::Bool(match (address, base) {
        (IpAddr::V4(address), IpAddr::V4(base)) if function != Function::IsIpv6InSubnet && bits <= 32 => {
            (address.to_bits() ^ base.to_bits()).checked_shr(32 - bits).unwrap_or(0) == 0
        }
        (IpAddr::V6(address), IpAddr::V6(base)) if function != Function::IsIpv4InSubnet && bits <= 128 => {
            (address.to_bits() ^ base.to_bits()).checked_shr(128 - bits).unwrap_or(0) == 0
        }
        _ => false,
    })
}
