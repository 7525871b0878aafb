//! Blocks of addresses, and the narrowest one that an address lies in (`cidrlookup`).

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

/// Rows of a table by the block that each names.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    rows: HashMap<(bool, u128, u32), u32, foldhash::fast::FixedState>,
    /// Lengths of prefixes, of either family.
    lengths: BTreeSet<(bool, u32)>,
}

impl Blocks {
    /// Of texts in CIDR notation, in the order of their rows; an address alone is a block of one. Of equal blocks the first counts.
    pub fn new<'t>(texts: impl Iterator<Item = Option<&'t str>>) -> Self {
        let mut blocks = Self::default();
        for (row, text) in texts.enumerate() {
            let Some((is_v6, base, length)) = text.and_then(block) else { continue };
            blocks.lengths.insert((is_v6, length));
            blocks.rows.entry((is_v6, masked(is_v6, base, length), length)).or_insert(row as u32);
        }
        blocks
    }

    /// The row of the narrowest block that an address lies in.
    pub fn find(&self, address: &str) -> Option<u32> {
        let (is_v6, bits, _) = block(address).filter(|(is_v6, _, length)| *length == width(*is_v6))?;
        let lengths = self.lengths.iter().rev().filter(|(family, _)| *family == is_v6);
        let found = |(_, length): &(bool, u32)| self.rows.get(&(is_v6, masked(is_v6, bits, *length), *length));
        lengths.into_iter().find_map(found).copied()
    }
}

fn width(is_v6: bool) -> u32 {
    if is_v6 { 128 } else { 32 }
}

/// Family, bits and length of the prefix.
fn block(text: &str) -> Option<(bool, u128, u32)> {
    let (address, length) = text.trim().split_once('/').map_or((text.trim(), None), |(a, length)| (a, Some(length)));
    let (is_v6, bits) = match address.parse().ok()? {
        IpAddr::V4(address) => (false, u128::from(address.to_bits())),
        IpAddr::V6(address) => (true, address.to_bits()),
    };
    let length = length.map_or(Some(width(is_v6)), |length| length.parse().ok())?;
    (length <= width(is_v6)).then_some((is_v6, bits, length))
}

fn masked(is_v6: bool, bits: u128, length: u32) -> u128 {
    let rest = width(is_v6) - length;
    bits.checked_shr(rest).unwrap_or(0).checked_shl(rest).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::Blocks;

    #[test]
    fn the_narrowest_block_counts() {
        let texts = ["10.0.0.0/8", "10.1.0.0/16", "no", "0.0.0.0/0", "2001:db8::/32", "10.1.2.3", "10.1.9.9/16"];
        let blocks = Blocks::new(texts.into_iter().map(Some).chain([None]));
        assert_eq!(blocks.find("10.9.9.9"), Some(0));
        assert_eq!(blocks.find("10.1.2.4"), Some(1));
        assert_eq!(blocks.find("10.1.2.3"), Some(5));
        assert_eq!(blocks.find("192.168.0.1"), Some(3));
        assert_eq!(blocks.find("2001:db8:1::1"), Some(4));
        assert_eq!(blocks.find("2001:dead::1"), None);
        assert_eq!(blocks.find("10.0.0.0/8"), None);
        assert_eq!(blocks.find("x"), None);
    }
}
