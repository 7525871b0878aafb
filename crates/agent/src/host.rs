//! The machine's CPU, memory, disks and network as metrics, under the names that the CloudWatch agent uses (`CWAgent`).
//!
//! Names: AWS, "Metrics collected by the CloudWatch agent". Counters such as `net_bytes_recv` are the bytes since the last
//! sample, as the agent reports them.

use model::{Datapoint, Observation, SeriesKey, Timestamp};
use std::sync::Arc;
use sysinfo::{CpuRefreshKind, Disks, MemoryRefreshKind, Networks, RefreshKind, System};

/// Reads the machine; keeps what the next sample is compared with.
#[derive(Debug)]
pub struct Host {
    series: SeriesKey,
    name: String,
    system: System,
    disks: Disks,
    networks: Networks,
}

impl Host {
    /// A first look at the machine. CPU use is known from the second sample on. Account, region and namespace of all metrics are
    /// those of `series`; dimension `host` is `name`, or what the machine calls itself.
    ///
    /// # Errors
    /// On a system whose counters cannot be read at all.
    pub fn new(series: SeriesKey, name: Option<&str>) -> Result<Self, sysinfo::Error> {
        let cpu = CpuRefreshKind::nothing().with_usage();
        let kinds = RefreshKind::nothing().with_cpu(cpu).with_memory(MemoryRefreshKind::everything());
        Ok(Self {
            series,
            name: name.map_or_else(name_of_machine, str::to_owned),
            system: System::new_with_specifics(kinds)?,
            disks: Disks::new_with_refreshed_list()?,
            networks: Networks::new_with_refreshed_list()?,
        })
    }

    /// One sample of everything, at `now`.
    pub fn sample(&mut self, now: Timestamp) -> Vec<Datapoint> {
        self.system.refresh_cpu_usage();
        self.system.refresh_memory();
        self.disks.refresh(true);
        self.networks.refresh(true);
        let mut sample = Sample { host: self, now: now.floor_to(1000), datapoints: Vec::new() };
        sample.cpu();
        sample.memory();
        sample.disks();
        sample.networks();
        sample.datapoints
    }
}

/// What the machine calls itself.
pub fn name_of_machine() -> String {
    System::host_name().unwrap_or_else(|_| "localhost".into())
}

struct Sample<'a> {
    host: &'a Host,
    now: Timestamp,
    datapoints: Vec<Datapoint>,
}

impl Sample<'_> {
    fn cpu(&mut self) {
        let active = f64::from(self.host.system.global_cpu_usage());
        let total = [("cpu", "cpu-total")];
        self.push("cpu_usage_active", "Percent", &total, active);
        self.push("cpu_usage_idle", "Percent", &total, 100.0 - active);
        if let Ok(load) = System::load_average() {
            self.push("system_load1", "None", &[], load.one);
            self.push("system_load5", "None", &[], load.five);
        }
    }

    fn memory(&mut self) {
        let system = &self.host.system;
        let (total, used, available) = (system.total_memory(), system.used_memory(), system.available_memory());
        self.push("mem_total", "Bytes", &[], total as f64);
        self.push("mem_used", "Bytes", &[], used as f64);
        self.push("mem_available", "Bytes", &[], available as f64);
        self.push("mem_used_percent", "Percent", &[], percent(used, total));
        let (swap_total, swap_used) = (system.total_swap(), system.used_swap());
        self.push("swap_used", "Bytes", &[], swap_used as f64);
        self.push("swap_used_percent", "Percent", &[], percent(swap_used, swap_total));
    }

    fn disks(&mut self) {
        for disk in self.host.disks.iter() {
            let device = disk.name().to_string_lossy().trim_start_matches("/dev/").to_owned();
            let fstype = disk.file_system().to_string_lossy().into_owned();
            let path = disk.mount_point().to_string_lossy().into_owned();
            if disk.total_space() == 0 || device.is_empty() || fstype.is_empty() || path.is_empty() {
                continue;
            }
            let dimensions = [("device", device.as_str()), ("fstype", fstype.as_str()), ("path", path.as_str())];
            let used = disk.total_space().saturating_sub(disk.available_space());
            self.push("disk_total", "Bytes", &dimensions, disk.total_space() as f64);
            self.push("disk_used", "Bytes", &dimensions, used as f64);
            self.push("disk_free", "Bytes", &dimensions, disk.available_space() as f64);
            self.push("disk_used_percent", "Percent", &dimensions, percent(used, disk.total_space()));
        }
    }

    fn networks(&mut self) {
        for (interface, data) in self.host.networks.iter() {
            let interface = interface.to_string_lossy();
            let dimensions = [("interface", interface.as_ref())];
            self.push("net_bytes_recv", "Bytes", &dimensions, data.received() as f64);
            self.push("net_bytes_sent", "Bytes", &dimensions, data.transmitted() as f64);
            self.push("net_packets_recv", "Count", &dimensions, data.packets_received() as f64);
            self.push("net_packets_sent", "Count", &dimensions, data.packets_transmitted() as f64);
            let errors = data.errors_on_received() + data.errors_on_transmitted();
            self.push("net_err", "Count", &dimensions, errors as f64);
        }
    }

    fn push(&mut self, name: &str, unit: &str, dimensions: &[(&str, &str)], value: f64) {
        if !value.is_finite() {
            return;
        }
        let mut dimensions: Vec<(String, String)> =
            dimensions.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        dimensions.push(("host".into(), self.host.name.clone()));
        dimensions.sort();
        self.datapoints.push(Datapoint {
            series: Arc::new(SeriesKey {
                name: name.into(),
                dimensions,
                unit: unit.into(),
                ..self.host.series.clone()
            }),
            timestamp: self.now,
            resolution_secs: 60,
            observation: Observation::value(value),
        });
    }
}

/// `part` of `whole` in percent; an empty whole is 0 % used.
fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_cpu_memory_and_sorted_dimensions() {
        let series = SeriesKey { namespace: "CWAgent".into(), ..SeriesKey::default() };
        let mut host = Host::new(series, Some("web-1")).unwrap();
        let datapoints = host.sample(Timestamp(1_234));
        for name in ["cpu_usage_active", "mem_used_percent", "system_load1"] {
            assert!(datapoints.iter().any(|d| d.series.name == name), "{name} is missing");
        }
        assert!(datapoints.iter().all(|d| d.series.dimensions.is_sorted() && d.timestamp == Timestamp(1_000)));
        let host = ("host".to_owned(), "web-1".to_owned());
        assert!(datapoints.iter().all(|d| d.series.namespace == "CWAgent" && d.series.dimensions.contains(&host)));
    }
}
