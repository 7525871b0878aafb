//! What Ballista says through the crate `log`, as events of `tracing`.

use log::{Level, LevelFilter, Log, Metadata, Record};
use tracing::{debug, error, info, trace, warn};

/// Takes in all that this process says through `log`, under the target `ballista`: `RUST_LOG=ballista=info` shows each job and task.
pub fn take_in_log() {
    // Only the first of a process is taken, and all are the same.
    if log::set_logger(&Said).is_ok() {
        log::set_max_level(LevelFilter::Trace);
    }
}

struct Said;

impl Log for Said {
    fn enabled(&self, said: &Metadata<'_>) -> bool {
        match said.level() {
            Level::Error => tracing::enabled!(target: "ballista", tracing::Level::ERROR),
            Level::Warn => tracing::enabled!(target: "ballista", tracing::Level::WARN),
            Level::Info => tracing::enabled!(target: "ballista", tracing::Level::INFO),
            Level::Debug => tracing::enabled!(target: "ballista", tracing::Level::DEBUG),
            Level::Trace => tracing::enabled!(target: "ballista", tracing::Level::TRACE),
        }
    }

    fn log(&self, said: &Record<'_>) {
        if !self.enabled(said.metadata()) {
            return;
        }
        let (of, words) = (said.target(), said.args());
        match said.level() {
            Level::Error => error!(target: "ballista", of, "{words}"),
            Level::Warn => warn!(target: "ballista", of, "{words}"),
            Level::Info => info!(target: "ballista", of, "{words}"),
            Level::Debug => debug!(target: "ballista", of, "{words}"),
            Level::Trace => trace!(target: "ballista", of, "{words}"),
        }
    }

    fn flush(&self) {}
}
