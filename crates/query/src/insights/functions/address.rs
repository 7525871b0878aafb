//! Functions of IP addresses.

use crate::insights::ast::Function;
use crate::insights::value::Value;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

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

/// Blocks of private addresses (RFC 1918).
const PRIVATE: [(Ipv4Addr, u32); 3] =
    [(Ipv4Addr::new(10, 0, 0, 0), 8), (Ipv4Addr::new(172, 16, 0, 0), 12), (Ipv4Addr::new(192, 168, 0, 0), 16)];
/// Blocks that are reserved for other uses (IANA's registry of special-purpose addresses).
const RESERVED: [(Ipv4Addr, u32); 11] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];
/// The same of IPv6; unique local addresses count as private.
const RESERVED_V6: [(Ipv6Addr, u32); 5] = [
    (Ipv6Addr::UNSPECIFIED, 128),
    (Ipv6Addr::LOCALHOST, 128),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8),
];
const PRIVATE_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7);

/// Whether an address is reserved, or else public.
pub fn is_of_kind<'e>(function: Function, address: &Value<'_>) -> Value<'e> {
    let Some(address) = address.text() else { return Value::Null };
    let Ok(address) = address.parse() else { return Value::Bool(false) };
    let (is_private, is_reserved) = match address {
        IpAddr::V4(address) => {
            let within = |(base, bits): &(Ipv4Addr, u32)| (address.to_bits() ^ base.to_bits()) >> (32 - bits) == 0;
            (PRIVATE.iter().any(within), RESERVED.iter().any(within))
        }
        IpAddr::V6(address) => {
            let within = |(base, bits): &(Ipv6Addr, u32)| (address.to_bits() ^ base.to_bits()) >> (128 - bits) == 0;
            (within(&PRIVATE_V6), RESERVED_V6.iter().any(within))
        }
    };
    Value::Bool(if function == Function::IsReservedIp { is_reserved } else { !is_private && !is_reserved })
}

/// An address of IPv4 as a number.
pub fn number<'e>(address: &Value<'_>) -> Value<'e> {
    let address: Option<Ipv4Addr> = address.text().and_then(|address| address.parse().ok());
    address.map_or(Value::Null, |address| Value::Number(f64::from(address.to_bits())))
}
