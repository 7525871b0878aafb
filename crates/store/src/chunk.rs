//! A chunk: a bounded run of points of one series and resolution, ascending by time, as bytes.
//!
//! # Format, version 1
//! `varint` is LEB128; integer and float columns are those of `numbers.rs`.
//!
//! | part | content |
//! | --- | --- |
//! | version | u8 = 1 |
//! | points | varint n |
//! | unit | varint: milliseconds that times are counted in, 1 or 1000 |
//! | times | integer column of n, in units since 1970 |
//! | others | varint m: points that say more than one sample of one value |
//! | values | float column of n - m: the values of all other points in order |
//!
//! and, where m is not 0,
//!
//! | part | content |
//! | --- | --- |
//! | places | integer column of m: which points, from 0, ascending |
//! | kinds | integer column of m: 0 pairs of value and count, 1 statistic set, 2 roll-up with sketch |
//! | sizes | integer column of m: pairs, or buckets of the sketch; 0 for a set |
//! | pairs | float columns of all values, then of all counts |
//! | totals | float columns of all counts, sums, minima, maxima of sets and roll-ups |
//! | sketches | integer column of all bucket keys (`sketch.rs`), float column of their counts |
//!
//! Three samples 0.25, 0.5, 0.75 a minute apart from 1970-01-01T00:01:00Z are
//! `01 03 e807 00 78 78 00 02 00 32 32`: version, points, 1000 ms, a line from 60 by 60, no others, hundredths 25 by 25.

use crate::codec::{Damage, Decoder, Encoder};
use crate::numbers::{put_floats, put_integers, take_floats, take_integers};
use crate::points::{PointSlice, Points, Sample, Samples, Totals};
use crate::sketch::Sketch;
use model::Timestamp;
use std::ops::Range;

const VERSION: u8 = 1;
/// Most points of a chunk.
const POINTS_MAX: usize = 8192;
/// A chunk ends with the point that brings it to this many numbers beside times.
const ITEMS_MAX: usize = 64 * 1024;
/// More numbers than this in a stored chunk are taken for damage.
const ITEMS_LIMIT: usize = 16 * 1024 * 1024;
/// A chunk holds this many steps of its resolution, so that a day of minutes is one.
const WINDOW_STEPS: i64 = 1440;

/// Which window a time belongs to; a chunk does not reach over its end.
pub(crate) fn window(resolution_secs: u16, time: i64) -> i64 {
    // Seconds come in thousands and leave soon: two hours of them.
    let steps = if resolution_secs < 60 { 7200 } else { WINDOW_STEPS };
    time.div_euclid(i64::from(resolution_secs.max(1)) * 1000 * steps)
}

/// Cuts points that ascend into chunks: ranges of places.
pub(crate) fn cut(resolution_secs: u16, points: PointSlice<'_>) -> Vec<Range<usize>> {
    let mut chunks = Vec::new();
    let (mut start, mut items) = (0, 0);
    let mut of_first = 0;
    for (place, (time, sample)) in points.iter().enumerate() {
        let of_this = window(resolution_secs, time.0);
        if place > start && (place - start >= POINTS_MAX || items >= ITEMS_MAX || of_this != of_first) {
            chunks.push(start..place);
            (start, items) = (place, 0);
        }
        if place == start {
            of_first = of_this;
        }
        items += match sample {
            Sample::Value(_) => 1,
            Sample::Many(samples) => samples.items(),
        };
    }
    if start < points.len() {
        chunks.push(start..points.len());
    }
    chunks
}

/// The bytes of points that ascend, at most as many as `cut` puts together.
pub(crate) fn encode(points: PointSlice<'_>) -> Vec<u8> {
    let mut encoder = Encoder::default();
    encoder.u8(VERSION);
    encoder.varint(points.len() as u64);
    let unit = if points.times().iter().all(|time| time % 1000 == 0) { 1000 } else { 1 };
    encoder.varint(unit as u64);
    if unit == 1 {
        put_integers(points.times(), &mut encoder);
    } else {
        put_integers(&points.times().iter().map(|time| time / unit).collect::<Vec<_>>(), &mut encoder);
    }
    if let Some((_, values)) = points.plain() {
        encoder.varint(0);
        put_floats(values, &mut encoder);
    } else {
        put_others(points, &mut encoder);
    }
    encoder.0
}

/// The columns of points that are not all plain, while they are written.
#[derive(Default)]
struct Columns {
    values: Vec<f64>,
    places: Vec<i64>,
    kinds: Vec<i64>,
    sizes: Vec<i64>,
    pairs: [Vec<f64>; 2],
    totals: [Vec<f64>; 4],
    keys: Vec<i64>,
    key_counts: Vec<f64>,
}

impl Columns {
    fn push(&mut self, place: usize, samples: &Samples) {
        self.places.push(place as i64);
        let (kind, size) = match samples {
            Samples::Pairs(pairs) => {
                self.pairs[0].extend(pairs.iter().map(|pair| pair.0));
                self.pairs[1].extend(pairs.iter().map(|pair| pair.1));
                (0, pairs.len())
            }
            Samples::Set(totals) => {
                self.push_totals(totals);
                (1, 0)
            }
            Samples::Summary(totals, Sketch(buckets)) => {
                self.push_totals(totals);
                self.keys.extend(buckets.iter().map(|bucket| i64::from(bucket.0)));
                self.key_counts.extend(buckets.iter().map(|bucket| bucket.1));
                (2, buckets.len())
            }
        };
        self.kinds.push(kind);
        self.sizes.push(size as i64);
    }

    fn push_totals(&mut self, &Totals { count, sum, min, max }: &Totals) {
        self.totals.iter_mut().zip([count, sum, min, max]).for_each(|(column, number)| column.push(number));
    }
}

fn put_others(points: PointSlice<'_>, encoder: &mut Encoder) {
    let mut columns = Columns::default();
    for (place, (_, sample)) in points.iter().enumerate() {
        match sample {
            Sample::Value(value) => columns.values.push(value),
            Sample::Many(samples) => columns.push(place, samples),
        }
    }
    encoder.varint(columns.places.len() as u64);
    put_floats(&columns.values, encoder);
    put_integers(&columns.places, encoder);
    put_integers(&columns.kinds, encoder);
    put_integers(&columns.sizes, encoder);
    columns.pairs.iter().chain(&columns.totals).for_each(|column| put_floats(column, encoder));
    put_integers(&columns.keys, encoder);
    put_floats(&columns.key_counts, encoder);
}

/// Decodes the bytes into `points`, which are emptied first. `integers` is room to work in.
pub(crate) fn decode(bytes: &[u8], points: &mut Points, integers: &mut Vec<i64>) -> Result<(), Damage> {
    points.clear();
    let mut decoder = Decoder(bytes);
    if decoder.u8()? != VERSION {
        return Err("has a chunk of an unknown version");
    }
    let count = usize::try_from(decoder.varint()?).unwrap_or(usize::MAX);
    if count > POINTS_MAX {
        return Err("has a chunk of too many points");
    }
    let unit = decoder.varint()?;
    take_integers(&mut decoder, count, &mut points.times)?;
    match unit {
        1 => {}
        1000 => points.times.iter_mut().for_each(|time| *time = time.wrapping_mul(1000)),
        _ => return Err("has times in an unknown unit"),
    }
    if !points.is_sorted() {
        return Err("has times that do not ascend");
    }
    let others = usize::try_from(decoder.varint()?).unwrap_or(usize::MAX);
    let plain = count.checked_sub(others).ok_or("has more points than it says")?;
    take_floats(&mut decoder, plain, &mut points.values, integers)?;
    if others > 0 {
        take_others(&mut decoder, others, points)?;
    }
    decoder.end()
}

fn take_others(decoder: &mut Decoder<'_>, count: usize, points: &mut Points) -> Result<(), Damage> {
    let mut room = Vec::new();
    let integers = |decoder: &mut Decoder<'_>, count: usize| -> Result<Vec<i64>, Damage> {
        let mut column = Vec::new();
        take_integers(decoder, count, &mut column)?;
        Ok(column)
    };
    let (places, kinds) = (integers(decoder, count)?, integers(decoder, count)?);
    let sizes: Vec<usize> =
        integers(decoder, count)?.into_iter().map(|size| usize::try_from(size).unwrap_or(usize::MAX)).collect();
    let items = |kind: i64| -> Result<usize, Damage> {
        let of_kind = kinds.iter().zip(&sizes).filter(|(k, _)| **k == kind);
        let total = of_kind.fold(0usize, |sum, (_, size)| sum.saturating_add(*size));
        if total > ITEMS_LIMIT { Err("has too many samples") } else { Ok(total) }
    };
    let sets = kinds.iter().filter(|kind| **kind != 0).count();
    let (pairs, buckets) = (items(0)?, items(2)?);
    let mut columns: [Vec<f64>; 6] = Default::default();
    for (column, count) in columns.iter_mut().zip([pairs, pairs, sets, sets, sets, sets]) {
        take_floats(decoder, count, column, &mut room)?;
    }
    let keys = integers(decoder, buckets)?;
    let mut key_counts = Vec::new();
    take_floats(decoder, buckets, &mut key_counts, &mut room)?;
    let [values, counts, totals @ ..] = &columns;
    let mut pairs = values.iter().copied().zip(counts.iter().copied());
    let mut totals = (0..sets).map(|at| {
        let [count, sum, min, max] = [0, 1, 2, 3].map(|field: usize| totals[field][at]);
        Totals { count, sum, min, max }
    });
    let mut buckets = keys.iter().map(|key| i32::try_from(*key).unwrap_or(i32::MAX)).zip(key_counts);
    for ((place, kind), size) in places.iter().zip(&kinds).zip(&sizes) {
        let mut set = || totals.next().ok_or("has fewer sets than it says");
        let samples = match kind {
            0 => Samples::Pairs(pairs.by_ref().take(*size).collect()),
            1 => Samples::Set(set()?),
            2 => Samples::Summary(set()?, Sketch(buckets.by_ref().take(*size).collect())),
            _ => return Err("has a point of an unknown kind"),
        };
        let place = u32::try_from(*place).map_err(|_| "names a point that it does not have")?;
        points.others.push((place, samples));
    }
    spread(points)
}

/// Moves the values to their places among the others.
fn spread(points: &mut Points) -> Result<(), Damage> {
    let places = || points.others.iter().map(|other| other.0 as usize);
    if !places().is_sorted_by(|a, b| a < b) || places().next_back().is_some_and(|last| last >= points.times.len()) {
        return Err("names a point that it does not have");
    }
    let mut values = points.values.iter().copied();
    let mut others = places().peekable();
    let spread = (0..points.times.len())
        .map(|place| if others.next_if_eq(&place).is_some() { 0.0 } else { values.next().unwrap_or_default() });
    points.values = spread.collect();
    Ok(())
}

/// First time, last time and totals of points that ascend and are not empty.
pub(crate) fn bounds(points: PointSlice<'_>) -> (Timestamp, Timestamp, Totals) {
    let times = points.times();
    let at = |time: Option<&i64>| Timestamp(time.copied().unwrap_or_default());
    (at(times.first()), at(times.last()), points.totals())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decoded(bytes: &[u8]) -> Result<Points, Damage> {
        let mut points = Points::default();
        decode(bytes, &mut points, &mut Vec::new())?;
        Ok(points)
    }

    fn said(points: &Points) -> Vec<String> {
        points.all().iter().map(|(time, sample)| format!("{} {sample:?}", time.0)).collect()
    }

    #[test]
    fn the_example_of_the_header_is_true() {
        let mut points = Points::default();
        for (minute, value) in [(1, 0.25), (2, 0.5), (3, 0.75)] {
            points.push_value(Timestamp(minute * 60_000), value);
        }
        let hex: String = encode(points.all()).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "01 03 e807 00 78 78 00 02 00 32 32".replace(' ', ""));
    }

    #[test]
    fn a_day_of_minutes_is_one_chunk_and_limits_cut() {
        let mut points = Points::default();
        for minute in 0..3000 {
            points.push_value(Timestamp(minute * 60_000), 1.0);
        }
        assert_eq!(cut(60, points.all()), [0..1440, 1440..2880, 2880..3000]);
        let mut same = Points::default();
        (0..10_000).for_each(|_| same.push_value(Timestamp(5), 1.0));
        assert_eq!(cut(60, same.all()), [0..8192, 8192..10_000]);
        let mut wide = Points::default();
        (0..3).for_each(|_| wide.push_samples(Timestamp(5), Samples::Pairs(vec![(1.0, 1.0); 40_000])));
        assert_eq!(cut(60, wide.all()), [0..2, 2..3]);
        assert_eq!(decoded(&encode(points.all().part(0, 1440))).unwrap().len(), 1440);
        assert!(encode(points.all().part(0, 1440)).len() < 24);
    }

    fn samples() -> impl Strategy<Value = Samples> {
        let number = || prop_oneof![Just(-0.0), Just(f64::MAX), Just(1e-300), -500f64..500.0];
        let totals = (0f64..9.0, -9f64..9.0, -9f64..9.0, -9f64..9.0).prop_map(|(count, sum, min, max)| Totals {
            count,
            sum,
            min,
            max,
        });
        let pairs = prop::collection::vec((number(), 0.5f64..4.0), 1..5);
        let sketch = prop::collection::vec((0.0f64..1e9, 1f64..9.0), 1..9).prop_map(|pairs| Sketch::of(&pairs));
        prop_oneof![
            pairs.prop_map(Samples::Pairs),
            totals.clone().prop_map(Samples::Set),
            (totals, sketch).prop_map(|(totals, sketch)| Samples::Summary(totals, sketch)),
        ]
    }

    proptest! {
        #[test]
        fn all_points_come_back(
            points in prop::collection::vec((0i64..5000, any::<u64>(), prop::option::weighted(0.3, samples())), 0..300),
            unit in prop_oneof![Just(1i64), Just(1000)],
        ) {
            let mut all = Points::default();
            for (time, bits, samples) in points {
                match samples {
                    Some(samples) => all.push_samples(Timestamp(time * unit), samples),
                    None => all.push_value(Timestamp(time * unit), f64::from_bits(bits)),
                }
            }
            all.sort();
            let back = decoded(&encode(all.all())).unwrap();
            prop_assert_eq!(said(&back), said(&all));
        }

        #[test]
        fn damage_is_refused_or_harmless(at in any::<prop::sample::Index>(), flip in 1u8..) {
            let mut points = Points::default();
            for minute in 0..40 {
                points.push_value(Timestamp(minute * 60_000), minute as f64 / 10.0);
                points.push_samples(Timestamp(minute * 60_000), Samples::Pairs(vec![(1.0, 2.0), (3.0, 4.0)]));
            }
            let mut bytes = encode(points.all());
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
            let _ = decoded(&bytes);
            let _ = decoded(&bytes[..at]);
        }
    }
}
