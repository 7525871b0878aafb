//! Encodes and decodes the index object of a segment; `segment.rs` specifies the format.

use super::{Extent, GroupRows, Keys, Kind, LaneTimes, RowGroup, SegmentEntry, SeriesRows};
use crate::codec::{Damage, Decoder, Encoder};
use crate::frame::{put_series, take_series};
use crate::series::SeriesIndex;
use crate::streams::StreamStats;
use model::{GroupId, SeriesKey, StreamId, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The last byte is the version.
const MAGIC: &[u8; 8] = b"TWINDEX3";
/// A longer body is taken for damage.
const BODY_BYTES_MAX: usize = 1024 * 1024 * 1024;

/// A decoded index.
pub(super) struct Index {
    pub tail: u64,
    pub extents: Vec<Extent>,
    pub row_groups: Vec<RowGroup>,
    /// Of the filter object.
    pub filters: Vec<Extent>,
    /// Of the fields object.
    pub fields: Vec<Extent>,
    pub keys: StoredKeys,
}

/// As `Keys`, with series named by their keys.
pub(super) enum StoredKeys {
    Logs(Vec<GroupRows>),
    Metrics(Vec<(Arc<SeriesKey>, SeriesRows)>, Vec<LaneTimes>),
    Events,
}

/// The object of an index. `sides` are the extents of filters and of fields; `series` knows the keys of the numbers in `keys`.
pub(super) fn encode(
    entry: &SegmentEntry,
    tail: u64,
    extents: &[Extent],
    row_groups: &[RowGroup],
    sides: [&[Extent]; 2],
    keys: &Keys,
    series: &SeriesIndex,
) -> std::io::Result<Vec<u8>> {
    let body = encode_body(entry, tail, extents, row_groups, sides, keys, series);
    let compressed = zstd::bulk::compress(&body, 1)?;
    let mut rest = Encoder::default();
    rest.u32(u32::try_from(body.len()).unwrap_or(u32::MAX));
    rest.0.extend_from_slice(&compressed);
    let mut object = Encoder(MAGIC.to_vec());
    object.u32(crc32fast::hash(&rest.0));
    object.0.extend_from_slice(&rest.0);
    Ok(object.0)
}

fn encode_body(
    entry: &SegmentEntry,
    tail: u64,
    extents: &[Extent],
    row_groups: &[RowGroup],
    sides: [&[Extent]; 2],
    keys: &Keys,
    series: &SeriesIndex,
) -> Vec<u8> {
    let mut body = Encoder::default();
    body.u8(kind_code(entry.kind));
    body.u64(entry.id);
    body.u64(tail);
    put_extents(&mut body, extents);
    body.varint(row_groups.len() as u64);
    for group in row_groups {
        put_rows(&mut body, group.rows, group.min_time, group.max_time);
    }
    sides.iter().for_each(|extents| put_extents(&mut body, extents));
    match keys {
        Keys::Logs(groups) => {
            body.varint(groups.len() as u64);
            groups.iter().for_each(|group| put_group(&mut body, group));
        }
        Keys::Metrics { rows, lanes, .. } => {
            body.varint(lanes.len() as u64);
            for lane in lanes {
                put_rows(&mut body, u64::from(lane.resolution_secs), lane.min_time, lane.max_time);
            }
            body.varint(rows.len() as u64);
            for rows in rows {
                put_series(series.key(rows.series).map(Arc::as_ref).unwrap_or(&SeriesKey::default()), &mut body);
                put_rows(&mut body, rows.rows, rows.min_time, rows.max_time);
                body.i64(rows.last_written.0);
                body.i64(rows.latest.0.0);
                body.f64(rows.latest.1);
            }
        }
        Keys::Events => {}
    }
    body.0
}

fn kind_code(kind: Kind) -> u8 {
    match kind {
        Kind::Logs => 1,
        Kind::Metrics => 2,
        Kind::Events => 3,
    }
}

fn put_extents(body: &mut Encoder, extents: &[Extent]) {
    body.varint(extents.len() as u64);
    let mut end = 0;
    for extent in extents {
        body.varint(extent.start - end);
        body.varint(u64::from(extent.len));
        body.u32(extent.crc);
        end = extent.start + u64::from(extent.len);
    }
}

fn put_rows(body: &mut Encoder, rows: u64, min_time: Timestamp, max_time: Timestamp) {
    body.varint(rows);
    body.i64(min_time.0);
    body.i64(max_time.0);
}

fn put_group(body: &mut Encoder, group: &GroupRows) {
    body.u64(group.group.0);
    put_rows(body, group.rows, group.min_time, group.max_time);
    body.varint(group.streams.len() as u64);
    for (stream, stats) in &group.streams {
        body.u64(stream.0);
        body.i64(stats.first_timestamp.0);
        body.i64(stats.last_timestamp.0);
        body.i64(stats.last_ingestion_time.0);
        body.varint(stats.events);
        body.varint(stats.bytes);
    }
}

/// The index in an object; `entry` says which segment it must be of.
pub(super) fn decode(object: &[u8], entry: &SegmentEntry) -> Result<Index, Damage> {
    let rest = object.strip_prefix(MAGIC).ok_or_else(|| {
        let is_index = object.starts_with(&MAGIC[..7]);
        if is_index { "is of a version that this program does not know" } else { "does not begin as one" }
    })?;
    let mut decoder = Decoder(rest);
    let crc = decoder.u32()?;
    if crc32fast::hash(decoder.0) != crc {
        return Err("has a wrong checksum");
    }
    let length = decoder.u32()? as usize;
    if length > BODY_BYTES_MAX {
        return Err("is too long");
    }
    let body = zstd::bulk::decompress(decoder.0, length).map_err(|_| "cannot be decompressed")?;
    decode_body(&body, entry)
}

fn decode_body(body: &[u8], entry: &SegmentEntry) -> Result<Index, Damage> {
    let mut body = Decoder(body);
    if (body.u8()?, body.u64()?) != (kind_code(entry.kind), entry.id) {
        return Err("is of another segment");
    }
    let tail = body.u64()?;
    let extents = take_extents(&mut body)?;
    let count = body.count(17)?;
    let mut row_groups = Vec::with_capacity(count);
    let mut first_row = 0u64;
    for _ in 0..count {
        let (rows, min_time, max_time) = take_rows(&mut body)?;
        row_groups.push(RowGroup { first_row, rows, min_time, max_time });
        first_row = first_row.checked_add(rows).ok_or("has too many rows")?;
    }
    if first_row != entry.rows {
        return Err("has another number of rows than the manifest");
    }
    let (filters, fields) = (take_extents(&mut body)?, take_extents(&mut body)?);
    if [&filters, &fields].iter().any(|extents| !extents.is_empty() && extents.len() != row_groups.len()) {
        return Err("has another number of filters or fields than of row groups");
    }
    let keys = match entry.kind {
        Kind::Logs => StoredKeys::Logs(take_groups(&mut body)?),
        Kind::Metrics => {
            let lanes = take_lanes(&mut body)?;
            StoredKeys::Metrics(take_all_series(&mut body)?, lanes)
        }
        Kind::Events => StoredKeys::Events,
    };
    body.end()?;
    Ok(Index { tail, extents, row_groups, filters, fields, keys })
}

fn take_extents(body: &mut Decoder<'_>) -> Result<Vec<Extent>, Damage> {
    let count = body.count(6)?;
    let mut extents = Vec::with_capacity(count);
    let mut end = 0u64;
    for _ in 0..count {
        let start = end.checked_add(body.varint()?).ok_or("has an extent beyond 64 bits")?;
        let len = u32::try_from(body.varint()?).map_err(|_| "has an extent beyond 4 GiB")?;
        extents.push(Extent { start, len, crc: body.u32()? });
        end = start.checked_add(u64::from(len)).ok_or("has an extent beyond 64 bits")?;
    }
    Ok(extents)
}

fn take_rows(body: &mut Decoder<'_>) -> Result<(u64, Timestamp, Timestamp), Damage> {
    Ok((body.varint()?, Timestamp(body.i64()?), Timestamp(body.i64()?)))
}

fn take_groups(body: &mut Decoder<'_>) -> Result<Vec<GroupRows>, Damage> {
    let count = body.count(26)?;
    let mut groups = Vec::with_capacity(count);
    let mut first_row = 0u64;
    for _ in 0..count {
        let group = GroupId(body.u64()?);
        let (rows, min_time, max_time) = take_rows(body)?;
        let mut streams = BTreeMap::new();
        for _ in 0..body.count(34)? {
            let stream = StreamId(body.u64()?);
            let stats = StreamStats {
                first_timestamp: Timestamp(body.i64()?),
                last_timestamp: Timestamp(body.i64()?),
                last_ingestion_time: Timestamp(body.i64()?),
                events: body.varint()?,
                bytes: body.varint()?,
            };
            streams.insert(stream, stats);
        }
        groups.push(GroupRows { group, first_row, rows, min_time, max_time, streams });
        first_row = first_row.checked_add(rows).ok_or("has too many rows")?;
    }
    Ok(groups)
}

fn take_lanes(body: &mut Decoder<'_>) -> Result<Vec<LaneTimes>, Damage> {
    let count = body.count(17)?;
    let mut lanes = Vec::with_capacity(count);
    for _ in 0..count {
        let (resolution_secs, min_time, max_time) = take_rows(body)?;
        let resolution_secs = u16::try_from(resolution_secs).map_err(|_| "has an unknown resolution")?;
        lanes.push(LaneTimes { resolution_secs, min_time, max_time });
    }
    Ok(lanes)
}

fn take_all_series(body: &mut Decoder<'_>) -> Result<Vec<(Arc<SeriesKey>, SeriesRows)>, Damage> {
    let count = body.count(47)?;
    let mut series = Vec::with_capacity(count);
    let mut first_row = 0u64;
    for _ in 0..count {
        let key = Arc::new(take_series(body)?);
        let (rows, min_time, max_time) = take_rows(body)?;
        let last_written = Timestamp(body.i64()?);
        let latest = (Timestamp(body.i64()?), body.f64()?);
        series.push((key, SeriesRows { series: 0, first_row, rows, min_time, max_time, last_written, latest }));
        first_row = first_row.checked_add(rows).ok_or("has too many rows")?;
    }
    Ok(series)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(kind: Kind, rows: u64) -> SegmentEntry {
        SegmentEntry { id: 5, kind, bytes: 7, rows, min_time: 0, max_time: 0 }
    }

    #[test]
    fn the_example_of_the_specification_is_true() {
        let extent = Extent { start: 4, len: 3, crc: 0x01020304 };
        let body =
            encode_body(&entry(Kind::Events, 0), 4, &[extent], &[], [&[], &[]], &Keys::Events, &SeriesIndex::default());
        let hex: String = body.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "03 0500000000000000 0400000000000000 01 04 03 04030201 00 00 00".replace(' ', ""));
    }

    #[test]
    fn keys_come_back_and_damage_is_refused() {
        let mut series = SeriesIndex::default();
        let key = Arc::new(SeriesKey { name: "cpu".into(), ..SeriesKey::default() });
        let rows = SeriesRows {
            series: series.touch(&key, Timestamp(9), (Timestamp(2), 0.5)),
            first_row: 0,
            rows: 2,
            min_time: Timestamp(1),
            max_time: Timestamp(2),
            last_written: Timestamp(9),
            latest: (Timestamp(2), 0.5),
        };
        let lanes = vec![LaneTimes { resolution_secs: 60, min_time: Timestamp(1), max_time: Timestamp(2) }];
        let row_groups = [RowGroup { first_row: 0, rows: 2, min_time: Timestamp(1), max_time: Timestamp(2) }];
        let entry = entry(Kind::Metrics, 2);
        let extent = Extent { start: 0, len: 9, crc: 7 };
        let keys = Keys::of_metrics(vec![rows], lanes.clone());
        let object = encode(&entry, 4, &[], &row_groups, [&[extent], &[extent]], &keys, &series).unwrap();
        let index = decode(&object, &entry).unwrap();
        assert_eq!(index.row_groups, row_groups);
        assert_eq!((index.filters, index.fields), (vec![extent], vec![extent]));
        let StoredKeys::Metrics(stored, stored_lanes) = index.keys else { panic!("metrics have series") };
        assert_eq!((stored, stored_lanes), (vec![(key, rows)], lanes));
        for at in 0..object.len() {
            let mut bad = object.clone();
            bad[at] ^= 1;
            assert!(decode(&bad, &entry).is_err(), "flip at {at}");
        }
        let mut later = object;
        later[7] = b'9';
        assert_eq!(decode(&later, &entry).err(), Some("is of a version that this program does not know"));
    }
}
