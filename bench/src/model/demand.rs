//! What a load asks of one writer: CPU, threads, requests, bytes and memory, from the measured costs of each record, call and question.

use super::inputs::Inputs;
use super::journal::{Journal, Put};
use super::segments::{self, KINDS, Segments};

/// Places in arrays by kind.
const LOGS: usize = 0;
const METRICS: usize = 1;
const EVENTS: usize = 2;
/// Seconds of a day.
pub const DAY: f64 = 86_400.0;
/// Text that the questions of the store benchmark were asked of, MB.
const ASKED_MB: f64 = 499.1;
/// Text of a call of put-log-events-10 and of put-log-events-1mb, bytes.
const SMALL_CALL: f64 = 2_345.0;
const LARGE_CALL: f64 = 942_700.0;
/// Datums of a call of put-metric-data-cbor-20 and -1000.
const FEW_DATUMS: f64 = 20.0;
const MANY_DATUMS: f64 = 1_000.0;
/// The header of a frame of the journal, and its payload without records (`store/journal.rs`, `frame.rs`).
const FRAME_BYTES: f64 = 85.0;
/// The manifest without entries.
const MANIFEST_BYTES: f64 = 600.0;
/// JSON that a core writes or checks in a second: 500 MB, a guess that matters only where the manifest has grown too large anyway.
const JSON_BYTES_S: f64 = 500e6;
/// Alarms that are put off to their next minute by one write.
const ALARMS_TOGETHER: f64 = 2_000.0;
/// Requests a second of a node that reads and finds nothing new: the next journal object, and the manifest.
const READER_LOOKS: f64 = 2.0;
/// Keys of a page of a list.
const LIST_KEYS: f64 = 1_000.0;

/// Records, calls and bytes of one kind, a second.
#[derive(Debug, Clone, Copy, Default)]
pub struct Flow {
    /// Useful bytes: text of logs, request bodies of metrics, records of events.
    pub bytes: f64,
    /// Records.
    pub records: f64,
    /// Calls.
    pub calls: f64,
    /// Bytes of the journal.
    pub journal: f64,
    /// Bytes of memtables.
    pub memory: f64,
    /// Bytes of all objects that hold it once merged.
    pub stored: f64,
    /// CPU seconds of taking it in, the flush included.
    pub cpu: f64,
}

/// What a load asks of a writer. Rates are per second.
#[derive(Debug, Clone, Copy)]
pub struct Demand {
    /// By kind.
    pub flows: [Flow; KINDS],
    /// The journal, in the bucket or on a disk.
    pub journal: Journal,
    /// Flushes and merges.
    pub segments: Segments,
    /// How long they were played, seconds.
    pub seconds: f64,
    /// CPU seconds of taking in (with flushes and the journal's puts), of merges, of questions, of alarms.
    pub cpu: [f64; 4],
    /// Share of the time that the writer's thread works, puts not counted.
    pub writer_busy: f64,
    /// The same of the flusher's, but for the manifest.
    pub flusher_busy: f64,
    /// The same of whatever merges.
    pub merger_busy: f64,
    /// Bytes of the manifest at the end.
    pub manifest: f64,
    /// Requests of each sort.
    pub requests: Requests,
    /// Bytes that come and go, but for the manifest.
    pub network: f64,
    /// Bytes of memory.
    pub memory: f64,
    /// Bytes in the bucket at the end.
    pub stored: f64,
    /// Writes to the catalog.
    pub catalog_writes: f64,
    /// Seconds to open the store.
    pub open_seconds: f64,
}

/// Requests a second.
#[derive(Debug, Clone, Copy, Default)]
pub struct Requests {
    /// Of the journal.
    pub journal_puts: f64,
    /// Of segments, by flushes and merges.
    pub segment_puts: f64,
    /// Of the manifest.
    pub manifest_puts: f64,
    /// By merges.
    pub merge_gets: f64,
    /// By questions.
    pub query_gets: f64,
    /// By nodes that read: each journal object, and each second a look for what may have come.
    pub reader_gets: f64,
    /// Whose the store is, once a minute.
    pub heads: f64,
    /// Of journal objects and of segments that were merged; free at AWS.
    pub deletes: f64,
}

impl Requests {
    /// All that put.
    pub fn puts(&self) -> f64 {
        self.journal_puts + self.segment_puts + self.manifest_puts
    }

    /// All that read.
    pub fn gets(&self) -> f64 {
        self.merge_gets + self.query_gets + self.reader_gets + self.heads
    }
}

/// How much is asked of a writer.
#[derive(Debug, Clone, Copy)]
pub struct Asking {
    /// Times the questions of the inputs.
    pub questions: f64,
    /// Its part of all dashboards and alarms.
    pub share: f64,
}

/// How long puts take.
pub fn put(inputs: &Inputs) -> Put {
    Put { base: inputs.put_ms * 1e-3, rate: inputs.put_mb_s * 1e6 }
}

/// How long the puts of the journal take, or its syncs on a disk.
pub fn journal_put(inputs: &Inputs) -> Put {
    if inputs.object_durability > 0.5 {
        put(inputs)
    } else {
        Put { base: inputs.sync_ms * 1e-3, rate: inputs.disk_mb_s * 1e6 }
    }
}

/// Objects of the journal a second; none on a disk.
fn journal_puts(inputs: &Inputs, journal: &Journal) -> f64 {
    if inputs.object_durability > 0.5 { journal.puts } else { 0.0 }
}

/// Seconds to write a manifest of so many bytes and to put it.
pub fn manifest_seconds(inputs: &Inputs, bytes: f64) -> f64 {
    put(inputs).seconds(bytes) + bytes / JSON_BYTES_S
}

/// Records of each kind for so many useful bytes a second.
pub fn flows(inputs: &Inputs, bytes: f64) -> [Flow; KINDS] {
    let per_call = |small: (f64, f64), large: (f64, f64)| {
        let slope = (large.1 - small.1) / (large.0 - small.0);
        (slope, (small.1 - slope * small.0).max(0.0))
    };
    let ms = 1e-3 / inputs.core_speed;
    let (log_byte, log_call) = per_call((SMALL_CALL, inputs.log_call_10_ms), (LARGE_CALL, inputs.log_call_1mb_ms));
    let (datum, metric_call) =
        per_call((FEW_DATUMS, inputs.metric_call_20_ms), (MANY_DATUMS, inputs.metric_call_1000_ms));
    let flow = |share: f64, record: f64, call_records: f64, journal: f64, memory: f64, stored: f64| {
        let records = bytes * share / record;
        let calls = records / call_records;
        Flow {
            bytes: bytes * share,
            records,
            calls,
            journal: records * journal + calls * FRAME_BYTES,
            memory: records * memory,
            stored: records * stored,
            cpu: 0.0,
        }
    };
    let (log, event) = (inputs.log_bytes, inputs.event_bytes);
    let logs = flow(
        inputs.log_share,
        log,
        inputs.log_call_lines,
        log + inputs.log_journal_overhead,
        log + inputs.log_overhead,
        log * inputs.log_stored,
    );
    let metrics = flow(
        inputs.metric_share,
        inputs.metric_bytes,
        inputs.metric_call_datums,
        inputs.metric_journal_bytes,
        inputs.metric_memory,
        inputs.metric_stored,
    );
    let events = flow(
        inputs.event_share,
        event,
        inputs.event_call_events,
        event + inputs.event_journal_overhead,
        event + inputs.event_overhead,
        inputs.event_stored,
    );
    [
        Flow { cpu: (logs.bytes * log_byte + logs.calls * log_call) * ms, ..logs },
        Flow { cpu: (metrics.records * datum + metrics.calls * metric_call) * ms, ..metrics },
        Flow { cpu: events.records / inputs.events_per_cpu_s / inputs.core_speed, ..events },
    ]
}

/// What each kind's Parquet object is of all its stored bytes; the objects beside it do not decide about merges.
fn parquet_part(inputs: &Inputs) -> [f64; KINDS] {
    [inputs.log_parquet, 1.0, 1.0]
}

/// The share of the CPU of its ingest that a merge of a byte costs.
fn merge_part(inputs: &Inputs) -> [f64; KINDS] {
    [inputs.merge_log, inputs.merge_metric, inputs.merge_event]
}

fn objects(inputs: &Inputs) -> [f64; KINDS] {
    [inputs.log_objects, inputs.metric_objects, inputs.event_objects]
}

/// Of so many useful bytes a second, for `seconds`. A question is about a share of what there is, wherever that is, so that each writer is asked
/// all `questions` times those of the inputs about its part; alarms and dashboards go to one of them, here its `share`.
pub fn demand(inputs: &Inputs, bytes: f64, seconds: f64, Asking { questions, share }: Asking) -> Demand {
    let flows = flows(inputs, bytes);
    let total = |of: fn(&Flow) -> f64| flows.iter().map(of).sum::<f64>();
    let put = put(inputs);
    let journal =
        Journal::of(total(|flow| flow.calls), total(|flow| flow.journal), journal_put(inputs), inputs.group_bytes);
    let segments = played(inputs, &flows, &journal, seconds);
    let query_bytes = read_bytes(inputs, &flows, share) * questions * (1.0 - inputs.cache_hit);
    let requests = requests(inputs, &flows, &segments, journal_puts(inputs, &journal), seconds, query_bytes);
    let merged = merged_stored(inputs, &segments);
    let merged_bytes = merged.iter().sum::<f64>() / seconds;
    let stored = total(|flow| flow.stored);

    let manifest = MANIFEST_BYTES + segments.all_listed() * inputs.manifest_entry;
    // Without the manifest, whose size is not one of the load.
    let bytes_put = requests.journal_puts * journal.put_bytes + stored + merged_bytes;
    let put_cpu = journal.puts * inputs.sync_cpu_ms
        + requests.puts() * inputs.put_cpu_ms
        + bytes_put / 1e6 * inputs.put_cpu_ms_mb;
    let ingest = total(|flow| flow.cpu);
    let flushed_objects: f64 = objects(inputs).into_iter().zip(segments.flushed).map(|(o, count)| o * count).sum();
    let threads =
        |log, metric, event| flows.iter().zip([log, metric, event]).map(|(flow, share)| flow.cpu * share).sum::<f64>();
    let flush = threads(inputs.flush_log, inputs.flush_metric, inputs.flush_event);
    // Encoding, then its objects one after the other.
    let flusher_busy = flush + flushed_objects / seconds * put.base + stored / put.rate;
    Demand {
        cpu: [
            ingest + put_cpu * 1e-3 / inputs.core_speed,
            merge_cpu(inputs, &flows, &merged, seconds),
            question_cpu(inputs, &flows, share) * questions,
            inputs.alarms * share * inputs.alarm_minute_us * 1e-6 / 60.0 / inputs.core_speed,
        ],
        writer_busy: threads(inputs.writer_log, inputs.writer_metric, inputs.writer_event),
        flusher_busy,
        merger_busy: segments.merging,
        manifest,
        network: total(|flow| flow.bytes) + bytes_put + merged_bytes + query_bytes,
        memory: (inputs.base_memory + inputs.caches) * 1e6
            + 3.0 * inputs.memtable_bytes
            + flows[LOGS].stored * seconds * (inputs.log_index * inputs.index_memory + inputs.footer_memory)
            + segments.listed[METRICS] * inputs.series * inputs.series_memory,
        stored: stored * seconds + manifest,
        catalog_writes: inputs.catalog_writes_minute / 60.0
            + inputs.alarms * share * (inputs.transitions / DAY + 1.0 / ALARMS_TOGETHER / 60.0),
        open_seconds: open_seconds(inputs, &segments, &journal),
        flows,
        journal,
        segments,
        seconds,
        requests,
    }
}

/// Flushes and merges. A merge waits for its reads one after the other, for its CPU and for its puts.
fn played(inputs: &Inputs, flows: &[Flow; KINDS], journal: &Journal, seconds: f64) -> Segments {
    let memory: f64 = flows.iter().map(|flow| flow.memory).sum();
    let puts = journal_puts(inputs, journal);
    let by_objects = if puts > 0.0 { inputs.journal_objects / puts } else { f64::MAX };
    let every = (inputs.memtable_bytes / memory).min(inputs.memtable_secs).min(by_objects);
    let (part, merge) = (parquet_part(inputs), merge_part(inputs));
    let load = segments::Load {
        every,
        flushed: std::array::from_fn(|kind| flows[kind].stored * every * part[kind]),
        merge_byte_seconds: std::array::from_fn(|kind| {
            let Flow { cpu, stored, records, .. } = flows[kind];
            if stored <= 0.0 {
                return 0.0;
            }
            // All but the last puts is in slices between which it rests, for it waits as if it worked (`store/pace.rs`).
            let cpu = cpu / stored * merge[kind];
            let reads = records / stored / inputs.merge_read_rows * inputs.get_ms * 1e-3;
            let bytes = 1.0 / (inputs.put_mb_s * 1e6);
            ((cpu + reads + bytes) / inputs.merge_core_share + bytes) / part[kind]
        }),
        merge_seconds: (inputs.log_objects + 1.0) * inputs.put_ms * 1e-3,
    };
    segments::play(&load, seconds)
}

/// Stored bytes of each kind that merges read, and write again.
fn merged_stored(inputs: &Inputs, segments: &Segments) -> [f64; KINDS] {
    let part = parquet_part(inputs);
    std::array::from_fn(|kind| segments.merged_bytes[kind] / part[kind])
}

/// CPU seconds a second. A byte that is merged costs a share of what it cost when it came, at each of its merges.
fn merge_cpu(inputs: &Inputs, flows: &[Flow; KINDS], merged: &[f64; KINDS], seconds: f64) -> f64 {
    let merge = merge_part(inputs);
    let cpu = |kind: usize| match flows[kind] {
        Flow { stored, cpu, .. } if stored > 0.0 => merged[kind] / seconds * cpu / stored * merge[kind],
        _ => 0.0,
    };
    (0..KINDS).map(cpu).sum()
}

fn requests(
    inputs: &Inputs,
    flows: &[Flow; KINDS],
    segments: &Segments,
    journal_puts: f64,
    seconds: f64,
    query_bytes: f64,
) -> Requests {
    let objects = objects(inputs);
    let of = |counts: [f64; KINDS]| objects.into_iter().zip(counts).map(|(o, count)| o * count).sum::<f64>();
    let reads = |kind: usize| {
        let Flow { records, stored, .. } = flows[kind];
        let rows = if stored > 0.0 { records / stored } else { 0.0 };
        merged_stored(inputs, segments)[kind] * rows / inputs.merge_read_rows
    };
    let merges: f64 = segments.merges.into_iter().sum();
    Requests {
        journal_puts,
        segment_puts: (of(segments.flushed) + of(segments.merges)) / seconds,
        manifest_puts: (segments.flushes + merges) / seconds,
        merge_gets: (0..KINDS).map(reads).sum::<f64>() / seconds,
        query_gets: query_bytes / 1e6 * inputs.gets_per_mb,
        reader_gets: inputs.readers * (journal_puts + READER_LOOKS),
        heads: 1.0 / 60.0,
        deletes: journal_puts + of(segments.merged) / seconds,
    }
}

/// Text and events that one question of each kind is about.
struct Asked {
    /// Text of the groups and the hours, MB.
    text: f64,
    /// Stored bytes of that text.
    stored: f64,
    /// Millions of events.
    events: f64,
}

impl Asked {
    fn of(inputs: &Inputs, flows: &[Flow; KINDS]) -> Self {
        let seconds = inputs.query_hours * 3_600.0;
        Self {
            text: flows[LOGS].bytes * seconds * inputs.query_groups_share / 1e6,
            stored: flows[LOGS].stored * seconds * inputs.query_groups_share,
            events: flows[EVENTS].records * seconds / 1e6,
        }
    }
}

/// CPU seconds a second. What a question costs grows with what it is about: an assumption that the benchmark cannot test at its one size.
fn question_cpu(inputs: &Inputs, flows: &[Flow; KINDS], share: f64) -> f64 {
    let asked = Asked::of(inputs, flows);
    let logs = asked.text / ASKED_MB;
    let ms = inputs.needles * inputs.needle_ms * logs
        + inputs.scans * inputs.scan_ms * logs
        + inputs.aggregations * inputs.aggregation_ms * logs
        + inputs.dashboards * share * inputs.dashboard_ms
        + inputs.lookups * inputs.lookup_ms * asked.events;
    ms * 1e-3 / DAY / inputs.core_speed
}

/// Bytes a second that questions read, from memory or not.
fn read_bytes(inputs: &Inputs, flows: &[Flow; KINDS], share: f64) -> f64 {
    let asked = Asked::of(inputs, flows);
    let of_logs = inputs.needles * inputs.needle_read
        + inputs.scans * inputs.scan_read
        + inputs.aggregations * inputs.aggregation_read;
    // A lookup reads columns of the events of its range.
    let events = inputs.lookups * asked.events * 1e6 * inputs.event_stored * inputs.lookup_read;
    (of_logs * asked.stored + inputs.dashboards * share * inputs.dashboard_read_mb * 1e6 + events) / DAY
}

/// Seconds to open the store: the index of each segment, sixteen at a time; the list of all objects; a full journal.
fn open_seconds(inputs: &Inputs, segments: &Segments, journal: &Journal) -> f64 {
    let get = inputs.get_ms * 1e-3;
    let indexes = segments.all_listed() / inputs.open_parallel * get;
    let objects: f64 = objects(inputs).into_iter().zip(segments.listed).map(|(o, listed)| o * listed).sum();
    // What lies in the journal when a node is lost: what came since the last flush, half of it in the mean.
    let lost = (segments.every * journal_puts(inputs, journal)).min(inputs.journal_objects) / 2.0;
    let read = lost / inputs.open_parallel * get + lost * journal.put_bytes / (inputs.put_mb_s * 1e6);
    indexes + (objects / LIST_KEYS).ceil() * get + read
}
