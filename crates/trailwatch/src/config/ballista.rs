//! `[ballista]`: which SQL queries run on other machines, and where these are.

use anyhow::{Context, bail};
use serde::Deserialize;

/// A statement that reads so many stored bytes goes elsewhere, unless the file says otherwise.
const WIDE_BYTES: u64 = 256 * 1024 * 1024;
/// Tasks that a table is cut into, unless the file says otherwise; and at most.
const TASKS: usize = 16;
const TASKS_MAX: usize = 1_024;

/// `[ballista]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BallistaSection {
    /// `HOST:PORT` of the scheduler.
    pub scheduler: String,
    /// See [`BallistaSettings::wide_bytes`].
    pub wide_bytes: Option<u64>,
    /// See [`BallistaSettings::tasks`].
    pub tasks: Option<usize>,
}

/// Where wide queries run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(not(feature = "cluster"), allow(dead_code))]
pub struct BallistaSettings {
    /// Where the scheduler is.
    pub scheduler: (String, u16),
    /// A query that reads at least so many stored bytes goes there.
    pub wide_bytes: u64,
    /// Tasks that a table is cut into, at most: as many as all executors run at the same time.
    pub tasks: usize,
}

impl BallistaSection {
    /// Checks and completes it.
    pub fn resolve(self) -> anyhow::Result<BallistaSettings> {
        if !cfg!(feature = "cluster") {
            bail!("[ballista] needs a build with the feature `cluster` (docs/wide-queries.md)");
        }
        let tasks = self.tasks.unwrap_or(TASKS);
        if !(1..=TASKS_MAX).contains(&tasks) {
            bail!("[ballista] tasks must be 1 to {TASKS_MAX}, not {tasks}");
        }
        let scheduler = host_and_port(&self.scheduler).context("[ballista] scheduler")?;
        Ok(BallistaSettings { scheduler, wide_bytes: self.wide_bytes.unwrap_or(WIDE_BYTES), tasks })
    }
}

/// The two parts of `HOST:PORT`.
pub fn host_and_port(text: &str) -> anyhow::Result<(String, u16)> {
    let parts = text.rsplit_once(':').and_then(|(host, port)| Some((host.to_owned(), port.parse().ok()?)));
    let is_host = |host: &str| !host.is_empty() && !host.contains(['/', '@', '?', '#']) && !host.contains("..");
    parts.filter(|(host, _)| is_host(host)).with_context(|| format!("must be HOST:PORT, not '{text}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheduler_is_a_host_and_a_port() {
        assert_eq!(host_and_port("10.0.0.2:50050").unwrap(), ("10.0.0.2".into(), 50050));
        assert_eq!(host_and_port("[::1]:50050").unwrap(), ("[::1]".into(), 50050));
        for wrong in ["10.0.0.2", ":50050", "http://a:1", "a:b", "a:70000"] {
            let error = format!("{:#}", host_and_port(wrong).unwrap_err());
            assert!(error.contains(wrong), "{error}");
        }
    }

    #[test]
    fn the_section_has_defaults_where_there_are_machines_to_run_on() {
        let resolve = |text: &str| toml::from_str::<BallistaSection>(text).unwrap().resolve();
        let plain = resolve("scheduler = '10.0.0.2:50050'");
        if !cfg!(feature = "cluster") {
            assert!(plain.unwrap_err().to_string().contains("`cluster`"));
            return;
        }
        let settings = plain.unwrap();
        assert_eq!((settings.wide_bytes, settings.tasks), (WIDE_BYTES, TASKS));
        assert_eq!(resolve("scheduler = 'a:1'\nwide_bytes = 0\ntasks = 3").unwrap().wide_bytes, 0);
        for (text, part) in [("scheduler = 'a'", "[ballista] scheduler"), ("scheduler = 'a:1'\ntasks = 0", "tasks")] {
            let error = format!("{:#}", resolve(text).unwrap_err());
            assert!(error.contains(part), "{text}: {error}");
        }
        assert!(toml::from_str::<BallistaSection>("wide_bytes = 1").is_err(), "there is no scheduler by default");
    }
}
