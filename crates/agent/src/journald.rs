//! Follows the systemd journal with `journalctl` as a child process, whose entries come as lines of JSON.
//!
//! Field names: systemd.journal-fields(7); the format: systemd, "Journal JSON Format". An event is a line of JSON with `message`,
//! `unit`, `identifier`, `priority` and `pid`, as far as an entry has them. Its time is when the journal received it.

use crate::backoff::wait_ms;
use crate::config::JournalSettings;
use crate::logs::{Journal, JournalEntry};
use crate::positions::Event;
use crate::records::TEXT_BYTES_MAX;
use serde_json::{Map, Value};
use std::io::{self, BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Entries that wait between journalctl and the agent; journalctl waits when there are so many.
const WAITING_MAX: usize = 1_000;
/// Longest line of journalctl; longer ones are left out, and told.
const LINE_BYTES_MAX: u64 = 1024 * 1024;
/// Fields that are kept, and what they are called.
const FIELDS: [(&str, &str); 5] = [
    ("MESSAGE", "message"),
    ("_SYSTEMD_UNIT", "unit"),
    ("SYSLOG_IDENTIFIER", "identifier"),
    ("PRIORITY", "priority"),
    ("_PID", "pid"),
];

/// A journal that a thread of its own reads. Dropping it ends journalctl.
#[derive(Debug)]
pub struct Journald {
    entries: Receiver<JournalEntry>,
    running: Arc<Mutex<Running>>,
}

/// The child, as far as there is one.
#[derive(Debug, Default)]
struct Running {
    child: Option<Child>,
    stopped: bool,
}

impl Drop for Journald {
    fn drop(&mut self) {
        let mut running = lock(&self.running);
        running.stopped = true;
        // The thread that reads from it waits for it.
        let _ = running.child.as_mut().map(Child::kill);
    }
}

fn lock(running: &Mutex<Running>) -> MutexGuard<'_, Running> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Journal for Journald {
    fn next(&mut self) -> Option<JournalEntry> {
        self.entries.try_recv().ok()
    }
}

/// Says whether the program that reads the journal can be run.
///
/// # Errors
/// In words, when it cannot.
pub fn check(settings: &JournalSettings) -> Result<(), String> {
    let output = Command::new(&settings.program).arg("--version").stdin(Stdio::null()).output();
    let program = settings.program.display();
    match output {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!("'{program} --version' ended with {}", output.status)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(format!("{program} is not installed")),
        Err(error) => Err(format!("run {program}: {error}")),
    }
}

impl Journald {
    /// Follows the journal after `cursor`.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn follow(settings: JournalSettings, cursor: Option<&str>) -> io::Result<Self> {
        let (sender, entries) = sync_channel(WAITING_MAX);
        let cursor = cursor.map(str::to_owned);
        let running = Arc::new(Mutex::new(Running::default()));
        let of_thread = Arc::clone(&running);
        let follow = move || follow(&settings, cursor, &sender, &of_thread);
        std::thread::Builder::new().name("journal".into()).spawn(follow)?;
        Ok(Self { entries, running })
    }
}

/// Runs journalctl again and again: it ends when the journal's files are vacuumed under it, for instance.
fn follow(
    settings: &JournalSettings,
    mut cursor: Option<String>,
    sender: &SyncSender<JournalEntry>,
    running: &Mutex<Running>,
) {
    let mut failures = 0;
    loop {
        let began = cursor.clone();
        let output = {
            let mut running = lock(running);
            if running.stopped {
                return;
            }
            command(settings, cursor.as_deref()).spawn().map(|child| running.child.insert(child).stdout.take())
        };
        let ended = match output {
            Ok(output) => {
                read(output, &mut cursor, !settings.from_beginning, sender);
                let child = lock(running).child.take();
                child.map_or_else(String::new, |mut child| {
                    // It may run still, when it was its output only that ended.
                    let _ = child.kill();
                    child.wait().map_or_else(|error| error.to_string(), |status| status.to_string())
                })
            }
            Err(error) => error.to_string(),
        };
        if lock(running).stopped {
            return;
        }
        failures = if cursor == began { failures + 1 } else { 1 };
        let wait_ms = wait_ms(failures, 1.0);
        let program = settings.program.display();
        tracing::warn!(%program, ended, wait_ms, "the journal's reader ended; starting it again");
        std::thread::sleep(Duration::from_millis(wait_ms.unsigned_abs()));
    }
}

fn command(settings: &JournalSettings, cursor: Option<&str>) -> Command {
    let mut command = Command::new(&settings.program);
    command.args(["--follow", "--output=json", "--no-pager", "--quiet"]);
    command.args(settings.directory.iter().map(|directory| format!("--directory={}", directory.display())));
    command.args(settings.units.iter().map(|unit| format!("--unit={unit}")));
    match cursor {
        // Else only the last ten of them.
        Some(cursor) => command.arg(format!("--after-cursor={cursor}")).arg("--no-tail"),
        None if settings.from_beginning => command.arg("--no-tail"),
        // The last one says where to begin; it is not told itself.
        None => command.arg("--lines=1"),
    };
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    command
}

/// Reads until journalctl ends, or nobody listens any more. Without a cursor the message of the first entry is left out if
/// `from_now`.
fn read(output: Option<impl Read>, cursor: &mut Option<String>, from_now: bool, sender: &SyncSender<JournalEntry>) {
    let Some(output) = output else { return };
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    loop {
        line.clear();
        match output.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        if !line.ends_with(b"\n") {
            if line.len() as u64 == LINE_BYTES_MAX {
                tracing::warn!("a journal entry is too long and left out");
            }
            if output.skip_until(b'\n').is_err() {
                return;
            }
            continue;
        }
        match entry(&line) {
            Some(mut entry) => {
                if cursor.replace(entry.cursor.clone()).is_none() && from_now {
                    entry.event.message.clear();
                }
                if sender.send(entry).is_err() {
                    return;
                }
            }
            None => tracing::warn!("a line of journalctl is not understood"),
        }
    }
}

/// Reads one line of `journalctl --output=json`.
fn entry(line: &[u8]) -> Option<JournalEntry> {
    let fields: Map<String, Value> = serde_json::from_slice(line).ok()?;
    let cursor = fields.get("__CURSOR")?.as_str()?.to_owned();
    let micros: i64 = fields.get("__REALTIME_TIMESTAMP")?.as_str()?.parse().ok()?;
    let kept = FIELDS.iter().filter_map(|(field, name)| Some(((*name).to_owned(), text(fields.get(*field)?)?.into())));
    let kept: Map<String, Value> = kept.collect();
    let message = if kept.contains_key("message") { Value::Object(kept).to_string() } else { String::new() };
    // Longer than a line of journalctl it cannot be, but nearly.
    let message = if message.len() > TEXT_BYTES_MAX {
        message[..message.floor_char_boundary(TEXT_BYTES_MAX)].into()
    } else {
        message
    };
    Some(JournalEntry { cursor, event: Event { timestamp: micros / 1_000, message } })
}

/// A field's text: a string, bytes that are not UTF-8 as numbers, or the first of several.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(values) if values.iter().all(Value::is_u64) => {
            let bytes = values.iter().map(|byte| byte.as_u64().and_then(|byte| u8::try_from(byte).ok()));
            Some(String::from_utf8_lossy(&bytes.collect::<Option<Vec<u8>>>()?).into_owned())
        }
        Value::Array(values) => values.first()?.as_str().map(str::to_owned),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_a_line_of_json_at_its_time() {
        let line = br#"{"__CURSOR":"s=1;i=2","__REALTIME_TIMESTAMP":"1764000000123456","MESSAGE":"hi","_PID":"7","PRIORITY":"6","_BOOT_ID":"x","SYSLOG_IDENTIFIER":["sshd","x"]}"#;
        let JournalEntry { cursor, event } = entry(line).unwrap();
        assert_eq!((cursor.as_str(), event.timestamp), ("s=1;i=2", 1_764_000_000_123));
        assert_eq!(event.message, r#"{"message":"hi","identifier":"sshd","priority":"6","pid":"7"}"#);
        let binary = br#"{"__CURSOR":"c","__REALTIME_TIMESTAMP":"0","MESSAGE":[104,255,105]}"#;
        assert_eq!(entry(binary).unwrap().event.message, "{\"message\":\"h\u{fffd}i\"}");
        let large = br#"{"__CURSOR":"c","__REALTIME_TIMESTAMP":"0","MESSAGE":null}"#;
        assert_eq!(entry(large).unwrap().event.message, "");
        assert_eq!(entry(b"{}"), None);
        assert_eq!(entry(b"no"), None);
    }

    #[test]
    fn what_is_no_entry_is_passed_over_and_the_first_says_where_to_begin() {
        let line = |number: u8, message: &str| {
            format!(r#"{{"__CURSOR":"{number}","__REALTIME_TIMESTAMP":"0","MESSAGE":"{message}"}}"#)
        };
        let long = "x".repeat(LINE_BYTES_MAX as usize);
        let output =
            [line(1, "old"), "no".into(), line(2, &long), line(3, "new"), line(4, "cut")[..20].into()].join("\n");
        for (from_now, first) in [(true, ""), (false, r#"{"message":"old"}"#)] {
            let (sender, entries) = sync_channel(10);
            let mut cursor = None;
            read(Some(output.as_bytes()), &mut cursor, from_now, &sender);
            drop(sender);
            let read: Vec<(String, String)> =
                entries.into_iter().map(|entry| (entry.cursor, entry.event.message)).collect();
            assert_eq!(read, [("1".into(), first.into()), ("3".into(), r#"{"message":"new"}"#.into())]);
            assert_eq!(cursor.as_deref(), Some("3"));
        }
    }

    #[test]
    fn journalctl_is_asked_from_the_cursor_on() {
        let arguments = |settings: &str, cursor: Option<&str>| {
            let command = command(&toml::from_str(settings).unwrap(), cursor);
            command.get_args().map(|argument| argument.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
        };
        let settings = "group = 'g'\nunits = ['a.service']";
        let common = "--follow --output=json --no-pager --quiet --unit=a.service";
        assert_eq!(arguments(settings, None), format!("{common} --lines=1"));
        assert_eq!(arguments(settings, Some("s=1")), format!("{common} --after-cursor=s=1 --no-tail"));
        let of_containers = "group = 'g'\ndirectory = '/host/var/log/journal'";
        let expected = "--follow --output=json --no-pager --quiet --directory=/host/var/log/journal --lines=1";
        assert_eq!(arguments(of_containers, None), expected);
    }

    #[test]
    fn a_program_that_is_absent_is_told() {
        let settings: JournalSettings = toml::from_str("group = 'g'\nprogram = '/nonexistent/journalctl'").unwrap();
        assert_eq!(check(&settings), Err("/nonexistent/journalctl is not installed".into()));
    }
}
