//! The server's own log: to stderr for the operator, and to log group `/trailwatch/server` through the same append path.

use model::{Clock, Timestamp};
use std::fmt::Write as _;
use std::io;
use std::sync::Arc;
use tokio::sync::mpsc;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt};

/// Lines that wait to be stored; more are dropped (stderr still has them), for logging must never block a request.
const LINES_WAITING_MAX: usize = 4096;
/// Longest stored line, bytes.
const LINE_BYTES_MAX: usize = 16 * 1024;

/// A line for `/trailwatch/server`.
pub type Line = (Timestamp, String);

/// Installs the log. `filter` is in the syntax of `RUST_LOG`. Answers the stream of lines to store.
pub fn install(filter: &str, clock: Arc<dyn Clock>) -> anyhow::Result<mpsc::Receiver<Line>> {
    let (sender, receiver) = mpsc::channel(LINES_WAITING_MAX);
    tracing_subscriber::registry()
        .with(EnvFilter::try_new(filter)?)
        .with(fmt::layer().with_writer(|| OneLine(std::io::stderr())).with_ansi(false))
        .with(StoredLines { sender, clock })
        .try_init()?;
    Ok(receiver)
}

/// Writes what is written at once as one line: clients' words in it cannot begin another, nor speak to a terminal.
struct OneLine<W>(W);

impl<W: io::Write> io::Write for OneLine<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let (line, end) = text.strip_suffix('\n').map_or((&*text, ""), |line| (line, "\n"));
        let mut escaped = String::with_capacity(text.len());
        for c in line.chars() {
            match c.is_control() {
                true => escaped.extend(c.escape_default()),
                false => escaped.push(c),
            }
        }
        self.0.write_all(escaped.as_bytes())?;
        self.0.write_all(end.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The layer that turns each log event into one line of JSON.
struct StoredLines {
    sender: mpsc::Sender<Line>,
    clock: Arc<dyn Clock>,
}

impl<S: Subscriber> Layer<S> for StoredLines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let now = self.clock.now();
        let mut fields = Fields::default();
        fields.0.insert("level".into(), event.metadata().level().as_str().into());
        fields.0.insert("target".into(), event.metadata().target().into());
        event.record(&mut fields);
        let mut line = serde_json::Value::Object(fields.0).to_string();
        if line.len() > LINE_BYTES_MAX {
            line.truncate(line.floor_char_boundary(LINE_BYTES_MAX));
        }
        let _ = self.sender.try_send((now, line));
    }
}

#[derive(Default)]
struct Fields(serde_json::Map<String, serde_json::Value>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let mut text = String::new();
        let _ = write!(text, "{value:?}");
        self.0.insert(field.name().into(), text.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().into(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().into(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().into(), value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.insert(field.name().into(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().into(), value.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn what_is_written_at_once_is_one_line() {
        let mut written = Vec::new();
        OneLine(&mut written).write_all("INFO é a\nERROR forged\u{1b}[2J\u{9b}\t\r\n".as_bytes()).unwrap();
        let expected = "INFO é a\\nERROR forged\\u{1b}[2J\\u{9b}\\t\\r\n";
        assert_eq!(String::from_utf8(written).unwrap(), expected);
    }
}
