//! Binary fuse filters with 6-bit fingerprints: which of 2^64 keys are in a set, with 1.6 % of wrong yeses at 7.1 bits a key.
//!
//! The construction is that of Graf and Lemire, "Binary Fuse Filters" (2022): each key has three places, one in each of three
//! neighbouring segments of an array of 6-bit numbers, which are chosen such that the XOR of the three is the key's
//! fingerprint. What the places and the fingerprint of a key are is a part of the stored format, see `places` and `fingerprint`.
//! Number n of the array is bits 6n.. of a little-endian string of bits, padded to whole bytes.

use crate::codec::{Damage, Decoder, Encoder};

/// Each try places all keys with a probability of nearly 1, so this many failures mean that keys repeat.
const TRIES_MAX: u32 = 100;
const FINGERPRINT_BITS: usize = 6;
/// Longest segment, as a power of two.
const SEGMENT_BITS_MAX: u8 = 18;

/// The numbers that say where the places of keys are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    /// Which try it was.
    seed: u32,
    /// Length of a segment, as a power of two.
    segment_bits: u8,
    /// Segments that a key's first place may be in; there are two more.
    segments: u32,
}

impl Shape {
    /// A shape with room for `keys` keys.
    fn of(keys: usize) -> Self {
        let n = keys.max(2) as f64;
        let bits = (n.ln() / 3.33f64.ln() + 2.25).floor();
        let segment_bits = (bits as u8).min(SEGMENT_BITS_MAX);
        let factor = (0.875 + 0.25 * 1e6f64.ln() / n.ln()).max(1.125);
        let places = (n * factor).ceil() as u64;
        let segments = places.div_ceil(1 << segment_bits).saturating_sub(2).max(1);
        Self { seed: 0, segment_bits, segments: u32::try_from(segments).unwrap_or(u32::MAX) }
    }

    /// Numbers in the array.
    fn len(self) -> usize {
        (self.segments as usize + 2) << self.segment_bits
    }

    /// Bytes of the array.
    fn bytes(self) -> usize {
        (self.len() * FINGERPRINT_BITS).div_ceil(8)
    }

    /// The hash of a key: the key itself for seed 0, for keys are hashes already; else `mix(key + seed * 0x9e3779b97f4a7c15)`.
    fn hash(self, key: u64) -> u64 {
        if self.seed == 0 {
            return key;
        }
        mix(key.wrapping_add(u64::from(self.seed).wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }

    /// The places of a hash: the first is its upper 64 bits times the length of all first places; the second and the third
    /// are one and two segments on, with bits 18.. and 0.. of the hash flipped in.
    fn places(self, hash: u64) -> [usize; 3] {
        let mask = (1usize << self.segment_bits) - 1;
        let first_places = u128::from(self.segments) << self.segment_bits;
        let first = ((u128::from(hash) * first_places) >> 64) as usize;
        let second = (first + mask + 1) ^ ((hash >> 18) as usize & mask);
        let third = (first + 2 * (mask + 1)) ^ (hash as usize & mask);
        [first, second, third]
    }
}

/// The finaliser of MurmurHash3: makes hashes of numbers.
pub(super) fn mix(mut h: u64) -> u64 {
    h = (h ^ (h >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    h = (h ^ (h >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    h ^ (h >> 33)
}

/// What the places of a hash give: the lower bits of its two halves, XORed.
fn fingerprint(hash: u64) -> u8 {
    (hash ^ (hash >> 32)) as u8 & ((1 << FINGERPRINT_BITS) - 1)
}

/// The filter of distinct keys, which are hashes: its shape and its array. `None` when keys repeat. Ascending keys are fastest,
/// for they go through the array from its start to its end.
pub(super) fn build(keys: &[u64]) -> Option<(Shape, Vec<u8>)> {
    let mut shape = Shape::of(keys.len());
    (0..TRIES_MAX).find_map(|seed| {
        shape.seed = seed;
        let order = peel(shape, keys)?;
        Some((shape, assign(shape, &order)))
    })
}

/// The hashes with one place each that no hash before it in the list has; `None` when there is no such order.
fn peel(shape: Shape, keys: &[u64]) -> Option<Vec<(u64, u32)>> {
    // Of the hashes at each place: how many, and their XOR, which is the hash itself once one is left.
    let mut counts = vec![0u8; shape.len()];
    let mut hashes = vec![0u64; shape.len()];
    for key in keys {
        let hash = shape.hash(*key);
        for place in shape.places(hash) {
            counts[place] = counts[place].checked_add(1)?;
            hashes[place] ^= hash;
        }
    }
    let mut alone: Vec<u32> = (0..counts.len()).filter(|at| counts[*at] == 1).map(|at| at as u32).collect();
    let mut order = Vec::with_capacity(keys.len());
    while let Some(place) = alone.pop() {
        if counts[place as usize] != 1 {
            continue;
        }
        let hash = hashes[place as usize];
        order.push((hash, place));
        for place in shape.places(hash) {
            counts[place] -= 1;
            hashes[place] ^= hash;
            if counts[place] == 1 {
                alone.push(place as u32);
            }
        }
    }
    (order.len() == keys.len()).then_some(order)
}

/// Sets the place of each hash, last first, so that its three places give its fingerprint.
fn assign(shape: Shape, order: &[(u64, u32)]) -> Vec<u8> {
    let mut array = vec![0u8; shape.len()];
    for (hash, own) in order.iter().rev() {
        // The own place is still 0.
        let value = shape.places(*hash).iter().fold(fingerprint(*hash), |value, place| value ^ array[*place]);
        array[*own as usize] = value;
    }
    pack(&array)
}

/// Four numbers in three bytes.
fn pack(array: &[u8]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(array.len());
    for four in array.chunks(4) {
        let bits = four.iter().rev().fold(0u32, |bits, number| bits << FINGERPRINT_BITS | u32::from(*number));
        packed.extend_from_slice(&bits.to_le_bytes()[..(four.len() * FINGERPRINT_BITS).div_ceil(8)]);
    }
    packed
}

/// The number at a place of the packed array.
fn number(packed: &[u8], place: usize) -> u8 {
    let (at, shift) = (place * FINGERPRINT_BITS / 8, place * FINGERPRINT_BITS % 8);
    let byte = |at: usize| u16::from(packed.get(at).copied().unwrap_or(0));
    ((byte(at) | byte(at + 1) << 8) >> shift) as u8 & ((1 << FINGERPRINT_BITS) - 1)
}

/// True when the key may be in the set; false only when it is not.
pub(super) fn contains(shape: Shape, array: &[u8], key: u64) -> bool {
    let hash = shape.hash(key);
    let value = shape.places(hash).iter().fold(0, |value, place| value ^ number(array, *place));
    value == fingerprint(hash)
}

/// Seed u32, segment bits u8, segments u32.
pub(super) fn put_shape(shape: Shape, out: &mut Encoder) {
    out.u32(shape.seed);
    out.u8(shape.segment_bits);
    out.u32(shape.segments);
}

/// Reads what `put_shape` wrote; what follows in `from` must be the array.
pub(super) fn take_shape(from: &mut Decoder<'_>) -> Result<Shape, Damage> {
    let shape = Shape { seed: from.u32()?, segment_bits: from.u8()?, segments: from.u32()? };
    if shape.segment_bits > SEGMENT_BITS_MAX || shape.bytes() != from.0.len() {
        return Err("has another length than its shape says");
    }
    Ok(shape)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(count: u64, salt: u64) -> Vec<u64> {
        (0..count).map(|n| mix(n + salt)).collect()
    }

    #[test]
    fn every_key_is_found_and_few_others_are() {
        for count in [0, 1, 2, 3, 10, 100, 1_000, 30_000, 300_000] {
            let (shape, array) = build(&keys(count, 0)).unwrap();
            assert!(keys(count, 0).iter().all(|key| contains(shape, &array, *key)), "{count} keys");
            let wrong = keys(100_000, 1 << 40).iter().filter(|key| contains(shape, &array, **key)).count();
            assert!(wrong < 2_000, "{wrong} of 100,000 wrong yeses with {count} keys");
        }
    }

    #[test]
    fn seven_bits_a_key() {
        let (_, array) = build(&keys(100_000, 0)).unwrap();
        assert!(array.len() * 8 < 100_000 * 15 / 2, "{} bytes", array.len());
    }

    #[test]
    fn repeated_keys_are_refused_not_looped_over() {
        assert_eq!(build(&[5, 5]), None);
    }
}
