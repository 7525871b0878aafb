//! Columns of numbers inside a metric chunk: floats as scaled integers, integers as lines, varints or pco.
//!
//! # Format, version 1
//! A reader knows how many numbers a column has; a column of none is empty. `varint` is LEB128, `signed` a zigzag varint.
//! All integer arithmetic wraps.
//!
//! Integer column: a kind, then
//!
//! | kind u8 | content | number `i` is |
//! | --- | --- | --- |
//! | 0 | signed first, signed step | `first + i * step` |
//! | 1, 2, 3 | signed each | itself; added to the one before; added to the one before plus that one's own difference |
//! | 4 | varint length, that many bytes | in a pco standalone file of 64-bit signed integers |
//!
//! Float column: a scale, then
//!
//! | scale u8 | content | number `i` is |
//! | --- | --- | --- |
//! | 0 to 15 | integer column | integer `i` divided by 10^scale, rounded to nearest: written only where that gives the exact bits |
//! | 254 | f64 each, little-endian | itself |
//! | 255 | varint length, that many bytes | in a pco standalone file of 64-bit floats |
//!
//! The floats 0.25, 0.50, 0.75 are `02 00 32 32`: hundredths, a line from 25 by 25.

use crate::codec::{Damage, Decoder, Encoder};
use pco::ChunkConfig;
use pco::standalone::{simple_compress, simple_decompress_into};

/// From this many numbers on, pco is smaller than varints in spite of its header.
const PCO_MIN: usize = 96;
/// Most decimal places that are looked for.
const SCALE_MAX: u8 = 15;
const SCALE_BITS: u8 = 254;
const SCALE_PCO: u8 = 255;
/// Integers beyond this are not all floats.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
/// Below this, a half can be added to each.
const HALVES_MAX: f64 = EXACT_MAX / 4.0;

const POWERS: [f64; SCALE_MAX as usize + 1] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

fn varint_len(value: u64) -> usize {
    (70 - (value | 1).leading_zeros() as usize) / 7
}

/// Level 4 is as small as 12 on metrics and five times faster.
fn pco_config() -> ChunkConfig {
    ChunkConfig::default().with_compression_level(4)
}

/// Appends an integer column.
pub(crate) fn put_integers(numbers: &[i64], encoder: &mut Encoder) {
    let Some(&first) = numbers.first() else { return };
    let step = numbers.get(1).map_or(0, |second| second.wrapping_sub(first));
    if numbers.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) == step) {
        encoder.u8(0);
        encoder.varint(zigzag(first));
        encoder.varint(zigzag(step));
        return;
    }
    if numbers.len() >= PCO_MIN
        && let Ok(bytes) = simple_compress(numbers, &pco_config())
    {
        encoder.u8(4);
        encoder.varint(bytes.len() as u64);
        encoder.0.extend_from_slice(&bytes);
        return;
    }
    let order = (0..3).min_by_key(|order| differences(numbers, *order).map(varint_len).sum::<usize>()).unwrap_or(0);
    encoder.u8(1 + order);
    differences(numbers, order).for_each(|value| encoder.varint(value));
}

/// The numbers, their differences or the differences of those, zigzagged.
fn differences(numbers: &[i64], order: u8) -> impl Iterator<Item = u64> + '_ {
    let (mut last, mut last_step) = (0i64, 0i64);
    numbers.iter().map(move |&number| {
        let step = number.wrapping_sub(last);
        let second = step.wrapping_sub(last_step);
        (last, last_step) = (number, step);
        zigzag([number, step, second][usize::from(order)])
    })
}

/// Takes an integer column of `count` numbers into `numbers`, which is emptied first.
pub(crate) fn take_integers(decoder: &mut Decoder<'_>, count: usize, numbers: &mut Vec<i64>) -> Result<(), Damage> {
    numbers.clear();
    if count == 0 {
        return Ok(());
    }
    match decoder.u8()? {
        0 => {
            let (first, step) = (unzigzag(decoder.varint()?), unzigzag(decoder.varint()?));
            numbers.extend((0..count as i64).map(|i| first.wrapping_add(step.wrapping_mul(i))));
        }
        kind @ 1..=3 => {
            let (mut last, mut last_step) = (0i64, 0i64);
            for _ in 0..count {
                let value = unzigzag(decoder.varint()?);
                let number = match kind {
                    1 => value,
                    2 => last.wrapping_add(value),
                    _ => last.wrapping_add(last_step.wrapping_add(value)),
                };
                (last_step, last) = (number.wrapping_sub(last), number);
                numbers.push(number);
            }
        }
        4 => {
            let bytes = decoder.bytes()?;
            numbers.resize(count, 0);
            take_pco(bytes, numbers)?;
        }
        _ => return Err("has a column of an unknown kind"),
    }
    Ok(())
}

fn take_pco<T: pco::data_types::Number>(bytes: &[u8], numbers: &mut [T]) -> Result<(), Damage> {
    match simple_decompress_into(bytes, numbers) {
        Ok(progress) if progress.n_processed == numbers.len() && progress.finished => Ok(()),
        _ => Err("has a column that cannot be decompressed"),
    }
}

/// Appends a float column.
pub(crate) fn put_floats(numbers: &[f64], encoder: &mut Encoder) {
    if numbers.is_empty() {
        return;
    }
    if let Some((scale, integers)) = scaled(numbers) {
        encoder.u8(scale);
        return put_integers(&integers, encoder);
    }
    if numbers.len() >= PCO_MIN
        && let Ok(bytes) = simple_compress(numbers, &pco_config())
    {
        encoder.u8(SCALE_PCO);
        encoder.varint(bytes.len() as u64);
        encoder.0.extend_from_slice(&bytes);
        return;
    }
    encoder.u8(SCALE_BITS);
    numbers.iter().for_each(|number| encoder.f64(*number));
}

/// The number as an integer of 10^-scale, if that brings its exact bits back.
fn integer(number: f64, scale: u8) -> Option<i64> {
    let power = POWERS[usize::from(scale)];
    let scaled = number * power;
    let integer = match scaled.abs() < HALVES_MAX {
        // Rounds to nearest without a call into the library, which would take most of the time of this.
        true => (scaled + 0.5f64.copysign(scaled)) as i64,
        false => scaled.round() as i64,
    };
    (scaled.abs() < EXACT_MAX && (integer as f64 / power).to_bits() == number.to_bits()).then_some(integer)
}

/// All numbers as integers of the least scale that fits all; `None` when there is none.
fn scaled(numbers: &[f64]) -> Option<(u8, Vec<i64>)> {
    let mut integers = Vec::with_capacity(numbers.len());
    let mut scale = 0;
    while let Some(&number) = numbers.get(integers.len()) {
        if let Some(integer) = integer(number, scale) {
            integers.push(integer);
            continue;
        }
        // Those before are looked at anew: that happens within the first numbers of most columns.
        scale = (scale + 1..=SCALE_MAX).find(|scale| integer(number, *scale).is_some())?;
        integers.clear();
    }
    Some((scale, integers))
}

/// Takes a float column of `count` numbers into `numbers`, which is emptied first; `integers` is room to work in.
pub(crate) fn take_floats(
    decoder: &mut Decoder<'_>,
    count: usize,
    numbers: &mut Vec<f64>,
    integers: &mut Vec<i64>,
) -> Result<(), Damage> {
    numbers.clear();
    if count == 0 {
        return Ok(());
    }
    match decoder.u8()? {
        0 => {
            take_integers(decoder, count, integers)?;
            numbers.extend(integers.iter().map(|integer| *integer as f64));
        }
        scale @ 1..=SCALE_MAX => {
            take_integers(decoder, count, integers)?;
            let power = POWERS[usize::from(scale)];
            numbers.extend(integers.iter().map(|integer| *integer as f64 / power));
        }
        SCALE_BITS => {
            for _ in 0..count {
                numbers.push(decoder.f64()?);
            }
        }
        SCALE_PCO => {
            let bytes = decoder.bytes()?;
            numbers.resize(count, 0.0);
            take_pco(bytes, numbers)?;
        }
        _ => return Err("has a column of an unknown scale"),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn floats_round_trip(numbers: &[f64]) -> usize {
        let mut encoder = Encoder::default();
        put_floats(numbers, &mut encoder);
        let (mut back, mut room) = (Vec::new(), Vec::new());
        let mut decoder = Decoder(&encoder.0);
        take_floats(&mut decoder, numbers.len(), &mut back, &mut room).unwrap();
        decoder.end().unwrap();
        let bits = |numbers: &[f64]| numbers.iter().map(|number| number.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&back), bits(numbers));
        encoder.0.len()
    }

    fn integers_round_trip(numbers: &[i64]) {
        let mut encoder = Encoder::default();
        put_integers(numbers, &mut encoder);
        let mut back = Vec::new();
        let mut decoder = Decoder(&encoder.0);
        take_integers(&mut decoder, numbers.len(), &mut back).unwrap();
        decoder.end().unwrap();
        assert_eq!(back, numbers);
    }

    #[test]
    fn the_example_of_the_header_is_true() {
        let mut encoder = Encoder::default();
        put_floats(&[0.25, 0.5, 0.75], &mut encoder);
        assert_eq!(encoder.0, [0x02, 0x00, 0x32, 0x32]);
    }

    #[test]
    fn extreme_floats_keep_their_bits() {
        let odd = [
            -0.0,
            0.0,
            f64::NAN,
            f64::from_bits(0xfff8_0000_dead_beef),
            f64::from_bits(0x7ff0_0000_0000_0001),
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::MIN_POSITIVE,
            5e-324,
            f64::MAX,
            0.1 + 0.2,
        ];
        floats_round_trip(&odd);
        floats_round_trip(&odd.repeat(40));
        for number in odd {
            floats_round_trip(&[number]);
            floats_round_trip(&[vec![1.5; 200], vec![number]].concat());
        }
        integers_round_trip(&[i64::MIN, i64::MAX, 0, -1, i64::MIN]);
        integers_round_trip(&[i64::MIN, i64::MAX, 0, -1].repeat(100));
    }

    #[test]
    fn decimals_become_integers_of_the_least_scale() {
        assert_eq!(scaled(&[1.0, -2.5, 0.125, 7.0]), Some((3, vec![1000, -2500, 125, 7000])));
        for whole in [4_503_599_627_370_497.0, 2_251_799_813_685_249.0, -9_007_199_254_740_991.0] {
            assert_eq!(scaled(&[whole]), Some((0, vec![whole as i64])));
        }
        assert_eq!([scaled(&[-0.0]), scaled(&[0.5, 0.1 + 0.2]), scaled(&[f64::NAN])], [None, None, None]);
    }

    #[test]
    fn metrics_are_small() {
        let walk: Vec<f64> = (0..1440i64).map(|n| ((n * n * 7919) % 4001) as f64 / 100.0).collect();
        assert!(floats_round_trip(&walk) < 1440 * 2);
        assert!(floats_round_trip(&vec![42.5; 1440]) < 8);
    }

    proptest! {
        #[test]
        fn all_bit_patterns_come_back(bits in prop::collection::vec(any::<u64>(), 0..300)) {
            floats_round_trip(&bits.iter().map(|bits| f64::from_bits(*bits)).collect::<Vec<_>>());
            integers_round_trip(&bits.iter().map(|bits| *bits as i64).collect::<Vec<_>>());
        }

        #[test]
        fn decimals_come_back(cents in prop::collection::vec(-100_000i64..100_000, 0..300), scale in 0usize..6) {
            floats_round_trip(&cents.iter().map(|cents| *cents as f64 / POWERS[scale]).collect::<Vec<_>>());
            integers_round_trip(&cents);
        }

        #[test]
        fn damage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), count in 0usize..200) {
            let (mut floats, mut room) = (Vec::new(), Vec::new());
            let _ = take_floats(&mut Decoder(&bytes), count, &mut floats, &mut room);
            let _ = take_integers(&mut Decoder(&bytes), count, &mut room);
        }
    }
}
