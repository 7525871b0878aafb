//! Questions: asked once to warm up, then until seven answers or more are in; the median time and the server's CPU count.

use crate::data::Plan;
use crate::figures::Figure;
use crate::http::{Answer, Connection, Endpoint};
use crate::measure::signed;
use crate::process;
use crate::server::Server;
use crate::sign::Key;
use crate::workloads::Call;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::time::{Duration, Instant};

/// Runs that a median is taken of.
const RUNS: usize = 7;
/// Short questions run on until their CPU time is well above the tick that it is counted in; the longest go without all runs.
const TIME_MIN: Duration = Duration::from_millis(500);
const TIME_MAX: Duration = Duration::from_secs(20);
/// Most runs and most pages of an answer.
const RUNS_MAX: usize = 500;
const PAGES_MAX: usize = 10_000;

/// What came of asking once.
pub enum Asked {
    /// The answer in a form that can be compared.
    Answer(String),
    /// The server did not answer; says how.
    Refused(String),
}

/// Asks once.
pub type Question<'a> = dyn FnMut(&mut Client) -> anyhow::Result<Asked> + 'a;

/// One connection to a server.
#[derive(Debug)]
pub struct Client {
    connection: Connection,
    endpoint: Endpoint,
    key: Key,
    pid: u32,
}

impl Client {
    /// A connection of its own.
    pub fn new(server: &Server) -> Self {
        let endpoint = server.endpoint.clone();
        Self { connection: Connection::new(&endpoint), endpoint, key: server.key.clone(), pid: server.pid() }
    }

    /// A connection to a server that asks for no signature.
    pub fn to(endpoint: Endpoint, pid: u32) -> Self {
        let key = Key { id: String::new(), secret: String::new() };
        Self { connection: Connection::new(&endpoint), endpoint, key, pid }
    }

    /// Sends without a signature.
    pub fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> anyhow::Result<Answer> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\n", self.endpoint.host);
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
        let mut request = head.into_bytes();
        request.extend_from_slice(body);
        self.connection.call(&request)
    }

    /// Signs, sends, reads.
    pub fn call(&mut self, call: &Call) -> anyhow::Result<Answer> {
        self.connection.call(&signed(&self.endpoint, &self.key, call))
    }

    /// The figure of a question.
    pub fn measure(&mut self, name: &str, question: &mut Question<'_>) -> anyhow::Result<Figure> {
        let answer = match question(self)? {
            Asked::Answer(answer) => answer,
            Asked::Refused(why) => return Ok(Figure::missing(name, format!("not served ({why})"))),
        };
        process::settle(self.pid, Duration::from_secs(5))?;
        let before = process::cpu(self.pid)?;
        let started = Instant::now();
        let mut times = Vec::new();
        while times.len() < RUNS_MAX
            && (times.len() < RUNS || started.elapsed() < TIME_MIN)
            && (times.len() < 3 || started.elapsed() < TIME_MAX)
        {
            let began = Instant::now();
            let asked = question(self)?;
            times.push(began.elapsed().as_secs_f64() * 1000.0);
            match asked {
                Asked::Answer(again) if again == answer => {}
                Asked::Answer(again) => {
                    return Ok(Figure::missing(name, format!("answers change: {answer}, {again}")));
                }
                Asked::Refused(why) => return Ok(Figure::missing(name, format!("failed ({why})"))),
            }
        }
        let cpu = process::cpu(self.pid)?.saturating_sub(before);
        times.sort_by(f64::total_cmp);
        Ok(Figure {
            cpu_ms: Some(cpu.as_secs_f64() * 1000.0 / times.len() as f64),
            answer: Some(answer),
            ..Figure::new(name, times[times.len() / 2])
        })
    }

    /// Makes the call that `page` gives for each token, until an answer has none, and counts what `count` finds in them.
    pub fn pages<T: for<'de> Deserialize<'de>>(
        &mut self,
        page: impl Fn(Option<&str>) -> Call,
        read: impl Fn(T) -> (u64, Option<String>),
    ) -> anyhow::Result<Result<u64, String>> {
        let (mut count, mut token) = (0, None::<String>);
        for _ in 0..PAGES_MAX {
            let answer = self.call(&page(token.as_deref()))?;
            if answer.status != 200 {
                return Ok(Err(refusal(&answer)));
            }
            let (found, next) = read(serde_json::from_slice(&answer.body)?);
            count += found;
            token = next;
            if token.is_none() {
                return Ok(Ok(count));
            }
        }
        Ok(Err(format!("more than {PAGES_MAX} pages")))
    }

    /// Asks in SQL. The answer is the value of the only row, or how many rows there are.
    pub fn sql(&mut self, text: &str) -> anyhow::Result<Asked> {
        let headers = vec![("content-type", "text/plain".to_owned())];
        let body = text.as_bytes().to_vec();
        let call = Call { service: "trailwatch", path: "/_trailwatch/sql", headers, body, records: 0, bytes: 0 };
        let answer = self.call(&call)?;
        if answer.status != 200 {
            return Ok(Asked::Refused(refusal(&answer)));
        }
        let lines: Vec<&[u8]> = answer.body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
        if let [line] = lines[..]
            && let Ok(row) = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(line)
            && let [value] = row.values().collect::<Vec<_>>()[..]
        {
            return Ok(Asked::Answer(value.to_string()));
        }
        Ok(Asked::Answer(format!("{} rows", lines.len())))
    }
}

fn refusal(answer: &Answer) -> String {
    let text: String = String::from_utf8_lossy(&answer.body).chars().take(200).collect();
    eprintln!("  refused with HTTP {}: {text}", answer.status);
    format!("HTTP {}", answer.status)
}

/// A count of all pages as an answer.
pub fn counted(count: Result<u64, String>) -> Asked {
    match count {
        Ok(count) => Asked::Answer(count.to_string()),
        Err(why) => Asked::Refused(why),
    }
}

/// A page of FilterLogEvents or GetLogEvents.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogPage {
    /// Its events.
    pub events: Vec<IgnoredAny>,
    /// FilterLogEvents: where the next page begins.
    pub next_token: Option<String>,
}

/// A day that ends with the plan, seconds: start, end.
pub fn day(plan: &Plan) -> (i64, i64) {
    let end = plan.end_ms / 1000;
    (end - 86_400, end)
}

/// The condition of SQL for a time range, seconds; the end is outside.
pub fn sql_between(column: &str, from: i64, to: i64) -> String {
    let text = |seconds| jiff::Timestamp::from_second(seconds).map(|time| time.to_string()).unwrap_or_default();
    format!("{column} >= '{}' AND {column} < '{}'", text(from), text(to))
}

/// Percent-encodes a query for a path.
pub fn percent(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
