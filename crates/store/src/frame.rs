//! The payload of a journal frame: one `Batch`, encoded so that it is copied rather than parsed.
//!
//! # Format, version 1
//! Integers are little-endian; `varint` is LEB128; `text` is a varint length and UTF-8 bytes; `f64` is its exact bits.
//!
//! | part | content |
//! | --- | --- |
//! | version | u8 = 1 |
//! | runs of log events | varint runs; each: group u64, stream u64, ingestion time i64, varint events; each: timestamp i64, text |
//! | series | varint; each: account, region, namespace, name, unit as text; varint dimensions; each: name, value as text |
//! | datapoints | varint; each: varint series (place in the list above), timestamp i64, resolution u8, observation |
//! | observation | u8 0: varint pairs, each value f64, count f64; u8 1: count, sum, min, max as f64 |
//! | audit events | varint; each: see `put_event` |
//!
//! A batch with the one log event "hi" of group 1, stream 2, both times 3:
//! `01  01 0100000000000000 0200000000000000 0300000000000000 01 0300000000000000 02 6869  00 00 00`.

use crate::codec::{Damage, Decoder, Encoder};
use model::{Batch, Datapoint, Event, EventResource, GroupId, LogEvent, Observation, SeriesKey, StreamId, Timestamp};
use proof::merkle::{Hash, leaf_hashes};
use std::collections::HashMap;
use std::sync::Arc;

const VERSION: u8 = 1;

/// So many audit events are copied, and then hashed: their records are in the processor's cache still, where hashing takes a tenth to a quarter
/// less time, and they are enough to be hashed side by side with others of their length.
const HASHED_AT_ONCE: usize = 256;

/// Appends the encoded batch; answers the hashes of its audit events, the leaves of the hash tree.
pub(crate) fn encode(batch: &Batch, encoder: &mut Encoder) -> Vec<Hash> {
    encoder.u8(VERSION);
    put_logs(&batch.logs, encoder);
    put_datapoints(&batch.datapoints, encoder);
    encoder.varint(batch.events.len() as u64);
    let mut hashes = Vec::with_capacity(batch.events.len());
    for events in batch.events.chunks(HASHED_AT_ONCE) {
        for event in events {
            put_event(event, encoder);
        }
        hashes.extend(leaves(events));
    }
    hashes
}

/// The hashes of audit events in the hash tree.
pub(crate) fn leaves(events: &[Event]) -> Vec<Hash> {
    leaf_hashes(&events.iter().map(|event| event.record.as_bytes()).collect::<Vec<_>>())
}

/// The batch of a payload. Never panics, whatever the bytes.
pub(crate) fn decode(payload: &[u8]) -> Result<Batch, Damage> {
    let mut decoder = Decoder(payload);
    if decoder.u8()? != VERSION {
        return Err("has a payload of an unknown version");
    }
    let logs = take_logs(&mut decoder)?;
    let datapoints = take_datapoints(&mut decoder)?;
    let count = decoder.count(20)?;
    let events = (0..count).map(|_| take_event(&mut decoder)).collect::<Result<_, _>>()?;
    decoder.end()?;
    Ok(Batch { logs, datapoints, events })
}

/// A batch as bytes, for another node of a cluster.
pub fn encode_batch(batch: &Batch) -> Vec<u8> {
    let mut encoder = Encoder(Vec::with_capacity(size_hint(batch)));
    encode(batch, &mut encoder);
    encoder.0
}

/// The batch of [`encode_batch`].
///
/// # Errors
/// What is wrong with the bytes. Never panics, whatever they are.
pub fn decode_batch(bytes: &[u8]) -> Result<Batch, &'static str> {
    decode(bytes)
}

/// About how many bytes `encode` will write.
pub(crate) fn size_hint(batch: &Batch) -> usize {
    let logs: usize = batch.logs.iter().map(|log| log.message.len() + 16).sum();
    let events: usize = batch.events.iter().map(|event| event.record.len() + 512).sum();
    64 + logs + events + batch.datapoints.len() * 160
}

fn put_logs(logs: &[LogEvent], encoder: &mut Encoder) {
    let runs = || logs.chunk_by(|a, b| (a.group, a.stream, a.ingestion_time) == (b.group, b.stream, b.ingestion_time));
    encoder.varint(runs().count() as u64);
    for run in runs() {
        encoder.u64(run[0].group.0);
        encoder.u64(run[0].stream.0);
        encoder.i64(run[0].ingestion_time.0);
        encoder.varint(run.len() as u64);
        for log in run {
            encoder.i64(log.timestamp.0);
            encoder.text(&log.message);
        }
    }
}

fn take_logs(decoder: &mut Decoder<'_>) -> Result<Vec<LogEvent>, Damage> {
    let mut logs = Vec::new();
    for _ in 0..decoder.count(25)? {
        let group = GroupId(decoder.u64()?);
        let stream = StreamId(decoder.u64()?);
        let ingestion_time = Timestamp(decoder.i64()?);
        let count = decoder.count(9)?;
        logs.reserve(count);
        for _ in 0..count {
            let timestamp = Timestamp(decoder.i64()?);
            logs.push(LogEvent { group, stream, timestamp, ingestion_time, message: decoder.string()? });
        }
    }
    Ok(logs)
}

fn put_datapoints(datapoints: &[Datapoint], encoder: &mut Encoder) {
    // Clients repeat an Arc for a repeated series, so the address finds most repetitions; a missed one only costs bytes.
    let mut places: HashMap<usize, u64, foldhash::fast::RandomState> =
        HashMap::with_capacity_and_hasher(datapoints.len(), foldhash::fast::RandomState::default());
    let mut series: Vec<&SeriesKey> = Vec::with_capacity(datapoints.len());
    let mut of_point = Vec::with_capacity(datapoints.len());
    for point in datapoints {
        let place = *places.entry(Arc::as_ptr(&point.series) as usize).or_insert_with(|| {
            series.push(&point.series);
            series.len() as u64 - 1
        });
        of_point.push(place);
    }
    encoder.varint(series.len() as u64);
    for key in series {
        put_series(key, encoder);
    }
    encoder.varint(datapoints.len() as u64);
    for (point, place) in datapoints.iter().zip(of_point) {
        encoder.varint(place);
        encoder.i64(point.timestamp.0);
        encoder.u8(point.resolution_secs);
        match &point.observation {
            Observation::Values(pairs) => {
                encoder.u8(0);
                encoder.varint(pairs.len() as u64);
                for &(value, count) in pairs {
                    encoder.f64(value);
                    encoder.f64(count);
                }
            }
            &Observation::Set { count, sum, min, max } => {
                encoder.u8(1);
                [count, sum, min, max].into_iter().for_each(|value| encoder.f64(value));
            }
        }
    }
}

fn take_datapoints(decoder: &mut Decoder<'_>) -> Result<Vec<Datapoint>, Damage> {
    let count = decoder.count(6)?;
    let series = (0..count).map(|_| take_series(decoder).map(Arc::new)).collect::<Result<Vec<_>, _>>()?;
    let count = decoder.count(12)?;
    let mut datapoints = Vec::with_capacity(count);
    for _ in 0..count {
        let place = usize::try_from(decoder.varint()?).map_err(|_| "names a series that it does not list")?;
        let series = series.get(place).ok_or("names a series that it does not list")?;
        let timestamp = Timestamp(decoder.i64()?);
        let resolution_secs = decoder.u8()?;
        let observation = match decoder.u8()? {
            0 => {
                let count = decoder.count(16)?;
                let pairs = (0..count).map(|_| Ok((decoder.f64()?, decoder.f64()?)));
                Observation::Values(pairs.collect::<Result<_, Damage>>()?)
            }
            1 => {
                let (count, sum, min, max) = (decoder.f64()?, decoder.f64()?, decoder.f64()?, decoder.f64()?);
                Observation::Set { count, sum, min, max }
            }
            _ => return Err("has an observation of an unknown kind"),
        };
        datapoints.push(Datapoint { series: Arc::clone(series), timestamp, resolution_secs, observation });
    }
    Ok(datapoints)
}

/// Appends a series key; segment indexes use the same form.
pub(crate) fn put_series(key: &SeriesKey, encoder: &mut Encoder) {
    for text in [&key.account, &key.region, &key.namespace, &key.name, &key.unit] {
        encoder.text(text);
    }
    encoder.varint(key.dimensions.len() as u64);
    for (name, value) in &key.dimensions {
        encoder.text(name);
        encoder.text(value);
    }
}

/// Takes what `put_series` appended.
pub(crate) fn take_series(decoder: &mut Decoder<'_>) -> Result<SeriesKey, Damage> {
    let (account, region) = (decoder.string()?, decoder.string()?);
    let (namespace, name, unit) = (decoder.string()?, decoder.string()?, decoder.string()?);
    let count = decoder.count(2)?;
    let dimensions = (0..count).map(|_| Ok((decoder.string()?, decoder.string()?))).collect::<Result<_, Damage>>()?;
    Ok(SeriesKey { account, region, namespace, name, dimensions, unit })
}

/// Twelve texts in the order of the code, two times as i64, `read_only` as u8 (0 unknown, 1 false, 2 true), resources, record.
fn put_event(event: &Event, encoder: &mut Encoder) {
    encoder.i64(event.time.0);
    encoder.i64(event.ingestion_time.0);
    encoder.u8(event.read_only.map_or(0, |read_only| 1 + u8::from(read_only)));
    for text in [&event.event_id, &event.account, &event.region, &event.name, &event.source, &event.category] {
        encoder.text(text);
    }
    for text in [&event.username, &event.access_key_id, &event.error_code, &event.source_ip, &event.user_arn] {
        encoder.text(text);
    }
    encoder.varint(event.resources.len() as u64);
    for resource in &event.resources {
        encoder.text(&resource.resource_type);
        encoder.text(&resource.name);
    }
    encoder.text(&event.record);
}

fn take_event(decoder: &mut Decoder<'_>) -> Result<Event, Damage> {
    // Struct fields are evaluated in the order written here, which is the order of `put_event`.
    Ok(Event {
        time: Timestamp(decoder.i64()?),
        ingestion_time: Timestamp(decoder.i64()?),
        read_only: match decoder.u8()? {
            0 => None,
            1 => Some(false),
            2 => Some(true),
            _ => return Err("has an unknown readOnly"),
        },
        event_id: decoder.string()?,
        account: decoder.string()?,
        region: decoder.string()?,
        name: decoder.string()?,
        source: decoder.string()?,
        category: decoder.string()?,
        username: decoder.string()?,
        access_key_id: decoder.string()?,
        error_code: decoder.string()?,
        source_ip: decoder.string()?,
        user_arn: decoder.string()?,
        resources: take_resources(decoder)?,
        record: decoder.string()?,
    })
}

fn take_resources(decoder: &mut Decoder<'_>) -> Result<Vec<EventResource>, Damage> {
    let count = decoder.count(2)?;
    (0..count).map(|_| Ok(EventResource { resource_type: decoder.string()?, name: decoder.string()? })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Batch {
        let log = |stream, timestamp, message: &str| LogEvent {
            group: GroupId(1),
            stream: StreamId(stream),
            timestamp: Timestamp(timestamp),
            ingestion_time: Timestamp(3),
            message: message.into(),
        };
        let series = Arc::new(SeriesKey {
            account: "1".into(),
            dimensions: vec![("d".into(), "ü".into())],
            ..SeriesKey::default()
        });
        let point = |observation| Datapoint {
            series: Arc::clone(&series),
            timestamp: Timestamp(-5),
            resolution_secs: 60,
            observation,
        };
        Batch {
            logs: vec![log(2, 3, "hi"), log(2, -4, ""), log(7, 9, "ß\0")],
            datapoints: vec![
                point(Observation::Values(vec![(-0.0, 1.0), (f64::MIN_POSITIVE, 2.5)].into())),
                point(Observation::Set { count: 3.0, sum: 1e300, min: -1.0, max: 2.0 }),
            ],
            events: vec![Event {
                event_id: "e".into(),
                read_only: Some(false),
                resources: vec![EventResource { resource_type: "t".into(), name: "n".into() }],
                record: "{}".into(),
                ..Event::default()
            }],
        }
    }

    fn encoded(batch: &Batch) -> Vec<u8> {
        let mut encoder = Encoder::default();
        encode(batch, &mut encoder);
        encoder.0
    }

    #[test]
    fn the_example_of_the_header_is_true() {
        let mut batch = sample();
        batch.logs.truncate(1);
        batch.datapoints.clear();
        batch.events.clear();
        let hex: String = encoded(&batch).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            hex,
            "010101000000000000000200000000000000030000000000000001030000000000000002 6869000000".replace(' ', "")
        );
    }

    #[test]
    fn a_batch_comes_back_exactly() {
        let batch = sample();
        assert_eq!(decode(&encoded(&batch)), Ok(batch));
        assert_eq!(decode(&encoded(&Batch::default())), Ok(Batch::default()));
    }

    #[test]
    fn damaged_payloads_are_refused_without_panic() {
        let good = encoded(&sample());
        for end in 0..good.len() {
            assert!(decode(&good[..end]).is_err(), "cut at {end}");
        }
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[at] ^= 1 << bit;
                let _ = decode(&bad);
            }
        }
    }
}
