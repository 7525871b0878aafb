//! Everything that the model is told: what was measured and where that stands, what the program fixes, what is chosen, and what is assumed.
//!
//! One table makes the fields, `--set NAME=VALUE`, the list of `bench model --inputs` and the sensitivity. Raw figures stand here as they were
//! measured; what follows from them is computed where it is used.

use anyhow::{Context, bail};

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It was measured; the source says where the figure stands.
    Measured,
    /// A constant of the program, or a size that follows from a format.
    Program,
    /// The load and the wishes of who runs it: no figure of ours.
    Choice,
    /// Nobody measured it here.
    Assumed,
    /// A list price, or what stands for one.
    Price,
}

impl Origin {
    /// As tables have it.
    pub fn name(self) -> &'static str {
        match self {
            Origin::Measured => "measured",
            Origin::Program => "program",
            Origin::Choice => "choice",
            Origin::Assumed => "**assumed**",
            Origin::Price => "price",
        }
    }
}

/// One row of the table.
#[derive(Debug)]
pub struct Row {
    /// As `--set` has it.
    pub name: &'static str,
    /// Of the value.
    pub unit: &'static str,
    /// Where it comes from.
    pub origin: Origin,
    /// The line of `docs/benchmarks.md`, the constant, or the reason.
    pub source: &'static str,
}

macro_rules! inputs {
    ($($name:ident = $default:expr, $unit:literal, $origin:ident, $source:literal;)*) => {
        /// The values.
        #[derive(Debug, Clone, PartialEq)]
        pub struct Inputs { $(#[doc = $source] pub $name: f64,)* }

        impl Default for Inputs {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }

        /// All inputs, in the order of their subjects.
        pub const ROWS: &[Row] = &[$(Row {
            name: stringify!($name), unit: $unit, origin: Origin::$origin, source: $source,
        },)*];

        impl Inputs {
            fn place(&mut self, name: &str) -> Option<&mut f64> {
                match name {
                    $(stringify!($name) => Some(&mut self.$name),)*
                    _ => None,
                }
            }
        }
    };
}

inputs! {
    log_share = 0.7, "of the bytes", Choice, "the mix";
    metric_share = 0.1, "of the bytes", Choice, "the mix";
    event_share = 0.2, "of the bytes", Choice, "the mix";
    retention_days = 30.0, "days", Choice, "how long everything is kept";
    peak = 2.0, "times the mean", Choice, "the busiest minutes, which nodes must bear";
    headroom = 0.7, "of a resource", Choice, "how full a resource may be at the peak";
    database = 1.0, "1 or 0", Choice, "the catalog in a managed PostgreSQL; 0 for the file of SQLite";
    object_durability = 1.0, "1 or 0", Choice, "durability: 1 for object, 0 for local";
    readers = 0.0, "nodes", Choice, "nodes that read beside each writer (docs/cluster.md, Reading), as large as it";
    log_call_lines = 100.0, "lines", Choice, "a call of PutLogEvents";
    metric_call_datums = 20.0, "datums", Choice, "a call of PutMetricData";
    event_call_events = 50.0, "events", Choice, "a batch of an import or of a gateway";
    series = 10_000.0, "series", Choice, "metrics that have data in each flush";
    alarms = 1_000.0, "alarms", Choice, "each evaluated once a minute";
    needles = 2_000.0, "a day", Choice, "searches for a rare term";
    scans = 200.0, "a day", Choice, "searches that read all lines of their range, such as a regex of digits";
    aggregations = 500.0, "a day", Choice, "queries that group by a field of JSON lines";
    dashboards = 5_000.0, "a day", Choice, "GetMetricData over 1,000 series and a day";
    lookups = 2_000.0, "a day", Choice, "LookupEvents of a user's newest events";
    query_hours = 1.0, "hours", Choice, "the range of a search, an aggregation or a lookup";
    query_groups_share = 0.1, "of the log data", Choice, "what lies in the groups that a query names";
    cache_hit = 0.8, "of the bytes read", Assumed, "found in memory, of which parts of segments have 128 MiB";

    log_bytes = 249.6, "bytes", Measured, "The store, table of workloads: W1, 499.1 MB of text in 2 M lines";
    metric_bytes = 142.0, "bytes", Measured, "Trailwatch alone, put-metric-data-cbor-1000: 100 MB/s by 706,640 records/s";
    event_bytes = 1_301.0, "bytes", Measured, "The store, table of workloads: W3, 1.3 GB of 1 M records";
    log_call_10_ms = 0.0760, "CPU ms", Measured, "Trailwatch alone, put-log-events-10";
    log_call_1mb_ms = 11.1, "CPU ms", Measured, "Trailwatch alone, put-log-events-1mb; 148 MB/s by 157 calls/s are 942,700 bytes of text";
    metric_call_20_ms = 0.117, "CPU ms", Measured, "Trailwatch alone, put-metric-data-cbor-20";
    metric_call_1000_ms = 2.63, "CPU ms", Measured, "Trailwatch alone, put-metric-data-cbor-1000";
    events_per_cpu_s = 29_913.0, "events", Measured, "CloudTrail Lake, proofs, search: StartImport of W3 into a running server; an import into a stopped one takes 76,687";
    sync_cpu_ms = 0.33, "CPU ms", Measured, "The store, the same, 100 lines a call: 38.2 MB / CPU s are 0.65 ms a call, 0.32 of them of a call that shares its sync";
    sync_ms = 0.54, "ms", Measured, "Few connections, PutLogEvents with 10 lines: the median of a whole call, most of it its sync";
    log_stored = 0.198, "of the text", Measured, "The store, W1 on disk: 99.0 MB of 499.1 MB";
    metric_stored = 1.50, "bytes", Measured, "The store, W2 on disk, bytes / sample";
    event_stored = 83.4, "bytes", Measured, "The store, W3 on disk: 83.4 MB of 1 M events";
    alarm_minute_us = 27.0, "CPU us", Measured, "Many alarms: 2.7 s of CPU a minute for 100,000";
    needle_ms = 11.9, "CPU ms", Measured, "The store, needle, over 499.1 MB of text";
    scan_ms = 824.0, "CPU ms", Measured, "The store, regex of digits only, over 499.1 MB of text";
    aggregation_ms = 83.3, "CPU ms", Measured, "The store, status per minute, from JSON fields: 35 % of the lines";
    dashboard_ms = 109.0, "CPU ms", Measured, "The store, averages of each of 1,000 series at 5 min";
    lookup_ms = 7.08, "CPU ms", Measured, "The store, newest 50 events of a user, of 1 M";
    base_memory = 55.0, "MB", Measured, "The store, idle memory: 55 MB without data";
    flush_log = 0.584, "of the CPU of ingest", Measured, "docs/sizing.md, threads: store-flush, W1";
    flush_metric = 0.075, "of the CPU of ingest", Measured, "docs/sizing.md, threads: store-flush, W2";
    flush_event = 0.167, "of the CPU of ingest", Measured, "docs/sizing.md, threads: store-flush, W3";
    writer_log = 0.093, "of the CPU of ingest", Measured, "docs/sizing.md, threads: store-writer, W1";
    writer_metric = 0.143, "of the CPU of ingest", Measured, "docs/sizing.md, threads: store-writer, W2";
    writer_event = 0.042, "of the CPU of ingest", Measured, "docs/sizing.md, threads: store-writer, W3";
    merge_log = 0.82, "of the CPU of its ingest", Measured, "docs/sizing.md, merges: W1, each time that a byte is merged";
    merge_metric = 0.059, "of the CPU of its ingest", Measured, "docs/sizing.md, merges: W2";
    merge_event = 0.078, "of the CPU of its ingest", Measured, "docs/sizing.md, merges: W3";
    log_parquet = 0.910, "of the stored bytes", Measured, "docs/sizing.md, objects: .parquet of logs, whose size decides about merges";
    log_index = 0.00036, "of the stored bytes", Measured, "docs/sizing.md, objects: .index of logs";

    memtable_bytes = 67_108_864.0, "bytes", Program, "store: memtable_bytes_max";
    memtable_secs = 600.0, "s", Program, "store: memtable_age_ms_max";
    log_overhead = 140.0, "bytes", Program, "store/memtable.rs: LOG_OVERHEAD_BYTES";
    metric_memory = 24.0, "bytes", Program, "store/memtable.rs: POINT_BYTES";
    event_overhead = 700.0, "bytes", Program, "store/memtable.rs: EVENT_OVERHEAD_BYTES";
    group_bytes = 16_777_216.0, "bytes", Program, "store/append.rs: GROUP_BYTES_MAX";
    queue_calls = 4_096.0, "calls", Program, "store/append.rs: QUEUE_BATCHES_MAX";
    journal_objects = 4_096.0, "objects", Program, "store/journal/objects.rs: OBJECTS_MAX, after which a memtable is cut";
    log_objects = 4.0, "objects", Program, "store/segment.rs: .parquet, .index, .filter, .fields";
    metric_objects = 2.0, "objects", Program, "store/segment.rs: .parquet, .index";
    event_objects = 2.0, "objects", Program, "store/segment.rs: .parquet, .index";
    manifest_entry = 124.0, "bytes", Program, "store/manifest.rs: an entry with an id of an epoch";
    merge_core_share = 0.5, "of a core", Program, "store: rewrite_share";
    merge_read_rows = 4_096.0, "rows", Program, "store/compact.rs: READ_ROWS, each read is a request";
    row_group_lines = 8_192.0, "lines", Program, "store/segment/logs.rs: ROW_GROUP_ROWS_MAX";
    caches = 224.0, "MB", Program, "store: filters 32, points 32, parts of objects 128, sum in MiB; bucket alone";
    open_parallel = 16.0, "requests", Program, "store/open.rs: PARALLEL";
    series_memory = 76.0, "bytes", Program, "store/segment.rs: SeriesRows and its place, for each series of each segment";
    log_journal_overhead = 10.0, "bytes", Program, "store/frame.rs: time and length of a line";

    put_ms = 30.0, "ms", Assumed, "S3, a small PUT; AWS: small requests take tens of milliseconds in the median";
    put_mb_s = 85.0, "MB/s", Assumed, "S3, one request; AWS: 85 to 90 MB/s for each request";
    get_ms = 20.0, "ms", Assumed, "S3, a small GET";
    disk_mb_s = 320.0, "MB/s", Assumed, "a disk that takes a journal of its own; durability local alone";
    put_cpu_ms = 0.5, "CPU ms", Assumed, "signing, TLS, a request, besides what a sync takes; not measured";
    put_cpu_ms_mb = 1.2, "CPU ms / MB", Assumed, "hashing and TLS of what is put; not measured";
    prefix_puts = 3_500.0, "a second", Assumed, "S3 documents at least so many PUT and DELETE for a prefix";
    prefix_gets = 5_500.0, "a second", Assumed, "S3 documents at least so many GET for a prefix";
    metric_journal_bytes = 130.0, "bytes", Assumed, "a datum with its key in a journal; the program guesses 160 (store/frame.rs: size_hint)";
    event_journal_overhead = 400.0, "bytes", Assumed, "fields beside the record; the program guesses 512 (store/frame.rs: size_hint)";
    scan_read = 0.8, "of the stored bytes", Assumed, "what a scan of logs fetches";
    needle_read = 0.07, "of the stored bytes", Assumed, "the filters of all row groups: .filter is 6 % of the objects";
    aggregation_read = 0.05, "of the stored bytes", Assumed, "the fields of all row groups and pages of the others";
    dashboard_read_mb = 2.2, "MB", Assumed, "1,440 points of 1,000 series at their stored size";
    gets_per_mb = 1.0, "requests / MB", Assumed, "ranges less than 1 MiB apart are one request";
    lookup_read = 0.3, "of the stored bytes", Assumed, "the columns that a lookup reads of the events of its range";
    footer_memory = 0.005, "of the stored bytes", Assumed, "footers of log segments, all of them read once: 40 kB for 64 MB of logs by a comment in store/segment.rs, a segment of 8 MB";
    index_memory = 3.0, "times its object", Assumed, "an index in memory, its object is compressed";
    catalog_writes_minute = 60.0, "writes", Assumed, "positions of deliveries, insights and tasks";
    transitions = 4.0, "a day", Assumed, "changes of state of an alarm";
    catalog_ms = 6.0, "ms", Assumed, "a write to PostgreSQL: a commit (3.7 ms, PostgreSQL 15 on a disk like ours) and four journeys";
    core_speed = 1.0, "times", Assumed, "a vCPU of the node beside a core of the machine that was measured (Zen 4, shared)";
    restart_s = 60.0, "s", Choice, "longest time to open the store, for a restart or a takeover";
    node_cores_max = 64.0, "vCPU", Choice, "the largest node (m7g.16xlarge)";
    node_memory = 4.0, "GB / vCPU", Price, "m7g";
    node_gbit = 0.46875, "Gbit/s / vCPU", Assumed, "m7g.4xlarge, baseline 7.5 Gbit/s; not looked up again";

    usd_vcpu_hour = 0.0408, "USD", Price, "EC2 m7g on demand, us-east-1, June 2026: m7g.large, 2 vCPU, 0.0816";
    usd_s3_gb = 0.023, "USD / month", Price, "S3 Standard, us-east-1, June 2026, first 50 TB; larger tiers are up to 9 % cheaper";
    usd_put = 0.005, "USD / 1,000", Price, "S3 Standard, us-east-1, 2026: PUT, LIST";
    usd_get = 0.0004, "USD / 1,000", Price, "S3 Standard, us-east-1, 2026: GET, HEAD; DELETE is free";
    usd_ebs_gb = 0.08, "USD / month", Price, "EBS gp3, us-east-1, 2026";
    ebs_gb = 20.0, "GB / node", Choice, "the data directory without records";
    usd_database_hour = 0.130, "USD", Price, "RDS PostgreSQL db.t4g.medium Multi-AZ, us-east-1, 2026; storage not counted";
    own_core_month = 11.0, "USD", Assumed, "on premises: a server of 32 cores for 10,000 over 48 months, 0.4 kW at 0.15, 100 for its place";
    own_tb_month = 2.5, "USD", Assumed, "on premises: 240 TB of disks for 14,000 over 60 months, 0.35 kW, 100 for their place; 1.5 times for redundancy";
}

impl Inputs {
    /// Sets what `--set NAME=VALUE` says.
    pub fn set(&mut self, text: &str) -> anyhow::Result<()> {
        let (name, value) = text.split_once('=').with_context(|| format!("--set {text}: NAME=VALUE is wanted"))?;
        let value: f64 = value.parse().with_context(|| format!("--set {text}: that is no number"))?;
        let place = self.place(name).with_context(|| format!("--set {text}: see --inputs for the names"))?;
        if !value.is_finite() || value < 0.0 {
            bail!("--set {text}: a number from 0 on is wanted");
        }
        *place = value;
        Ok(())
    }

    /// The same with one value multiplied.
    pub fn times(&self, name: &str, factor: f64) -> Self {
        let mut changed = self.clone();
        if let Some(place) = changed.place(name) {
            *place *= factor;
        }
        changed
    }
}

/// The list of inputs as a Markdown table.
pub fn table(inputs: &Inputs) -> String {
    let mut all = inputs.clone();
    let mut text = String::from("| input | value | unit | origin | source |\n| --- | --: | --- | --- | --- |\n");
    for Row { name, unit, origin, source, .. } in ROWS {
        let value = all.place(name).map_or(0.0, |value| *value);
        text += &format!("| `{name}` | {} | {unit} | {} | {source} |\n", plain(value), origin.name());
    }
    text
}

/// A number with as many digits as it needs.
fn plain(value: f64) -> String {
    if value >= 1e4 { crate::report::number(value) } else { format!("{value}") }
}
