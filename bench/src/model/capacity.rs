//! Where the first bottleneck stands, how much one writer takes, and how many nodes a load needs.

use super::demand::{Asking, DAY, Demand, demand, journal_put, manifest_seconds};
use super::inputs::Inputs;

/// Steps by which the largest load is searched.
const STEPS: u32 = 20;
/// Bytes a day between which it is searched.
const LEAST: f64 = 1e6;
const MOST: f64 = 1e15;
/// Most writers that are tried.
const WRITERS_MAX: u32 = 100_000;
/// vCPU of a node, smallest first, up to the input `node_cores_max`.
const SIZES: [f64; 6] = [2.0, 4.0, 8.0, 16.0, 32.0, 64.0];

/// One thing that may run out.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    /// Its name.
    pub name: &'static str,
    /// What is asked of it.
    pub asked: f64,
    /// What there is.
    pub there: f64,
    /// Of both.
    pub unit: &'static str,
}

impl Resource {
    /// 1 is full.
    pub fn used(&self) -> f64 {
        self.asked / self.there
    }
}

/// One of `writers`.
#[derive(Debug, Clone, Copy)]
pub struct Writer {
    /// On a day like any other, when as much is kept as ever.
    pub mean: Demand,
    /// At the peak, which does not last: what is kept is of the mean.
    pub peak: Demand,
}

impl Writer {
    /// Of so many useful bytes a day for all of them.
    pub fn of(inputs: &Inputs, bytes_day: f64, writers: u32) -> Self {
        let share = 1.0 / f64::from(writers);
        let bytes = bytes_day / DAY * share;
        Self {
            mean: demand(inputs, bytes, inputs.retention_days * DAY, Asking { questions: 1.0, share }),
            peak: demand(inputs, bytes * inputs.peak, DAY, Asking { questions: inputs.peak, share }),
        }
    }

    /// All that may run out. The last three grow with what is kept, the others with what comes.
    pub fn resources(&self, inputs: &Inputs) -> Vec<Resource> {
        let resource = |name, asked, there, unit| Resource { name, asked, there, unit };
        let (peak, cores) = (&self.peak, inputs.node_cores_max);
        let (journal, requests) = (&peak.journal, &peak.requests);
        let manifest = manifest_seconds(inputs, self.mean.manifest);
        let flushing = peak.flusher_busy + peak.segments.flushes / peak.seconds * manifest;
        let network = peak.network + requests.manifest_puts * self.mean.manifest;
        vec![
            resource("CPU of the largest node", peak.cpu.iter().sum(), cores, "cores"),
            resource(
                "journal: bytes, one put at a time",
                journal.bytes() / 1e6,
                journal_put(inputs).most(inputs.group_bytes) / 1e6,
                "MB/s",
            ),
            resource("journal: calls that wait", journal.waiting, inputs.queue_calls, "calls"),
            resource("thread that writes the journal", peak.writer_busy, 1.0, "threads"),
            resource("thread that flushes", flushing, 1.0, "threads"),
            resource("merging, one at a time, half a core", peak.merger_busy, 1.0, "threads"),
            resource("network", network * 8.0 / 1e9, cores * inputs.node_gbit, "Gbit/s"),
            resource(
                "bucket: PUT and DELETE below a prefix",
                requests.puts() + requests.deletes,
                inputs.prefix_puts,
                "/s",
            ),
            resource("bucket: GET below a prefix", requests.gets(), inputs.prefix_gets, "/s"),
            resource("catalog, one write at a time", peak.catalog_writes, 1e3 / inputs.catalog_ms, "/s"),
            resource("manifest, put at each commit", requests.manifest_puts * manifest, 1.0, "of the time"),
            resource("memory", self.mean.memory / 1e9, cores * inputs.node_memory, "GB"),
            resource("opening the store", self.mean.open_seconds, inputs.restart_s, "s"),
        ]
    }

    /// True when nothing is fuller than the headroom allows.
    fn fits(&self, inputs: &Inputs) -> bool {
        self.resources(inputs).iter().all(|resource| resource.used() <= inputs.headroom)
    }
}

/// The fullest one.
pub fn bottleneck(resources: &[Resource]) -> Option<&Resource> {
    resources.iter().max_by(|a, b| a.used().total_cmp(&b.used()))
}

fn fits(inputs: &Inputs, bytes_day: f64, writers: u32) -> bool {
    Writer::of(inputs, bytes_day, writers).fits(inputs)
}

/// The most bytes a day that one writer takes.
pub fn most_of_one(inputs: &Inputs) -> f64 {
    let (mut low, mut high) = (LEAST.ln(), MOST.ln());
    for _ in 0..STEPS {
        let middle = f64::midpoint(low, high);
        if fits(inputs, middle.exp(), 1) { low = middle } else { high = middle }
    }
    low.exp()
}

/// Writers for a load, and the vCPU of each.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Nodes {
    /// More than one is a projection.
    pub writers: u32,
    /// Of each.
    pub cores: f64,
}

/// The fewest writers that take it, each on the smallest node that is enough.
pub fn nodes(inputs: &Inputs, bytes_day: f64) -> Nodes {
    let mut few = 0;
    let mut many = 1;
    while many < WRITERS_MAX && !fits(inputs, bytes_day, many) {
        (few, many) = (many, many * 2);
    }
    while many - few > 1 {
        let middle = u32::midpoint(few, many);
        if fits(inputs, bytes_day, middle) { many = middle } else { few = middle }
    }
    let writer = Writer::of(inputs, bytes_day, many);
    let enough = |cores: &&f64| writer.fits(&Inputs { node_cores_max: **cores, ..inputs.clone() });
    let cores = SIZES.iter().find(enough).copied().unwrap_or(inputs.node_cores_max);
    Nodes { writers: many, cores }
}
