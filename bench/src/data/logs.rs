//! W1: 2 M log lines of about 250 bytes in 50 streams over one day: 50 % web access, 35 % JSON, 15 % syslog.

use super::Plan;
use crate::bodies::Random;
use std::fmt::Write as _;

/// One kind of application: a log group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum App {
    /// Web access lines.
    Nginx,
    /// JSON lines.
    Json,
    /// Syslog lines.
    Syslog,
}

impl App {
    /// In the order of their streams.
    pub const ALL: [App; 3] = [App::Nginx, App::Json, App::Syslog];

    /// Name of the log group.
    pub fn group(self) -> &'static str {
        match self {
            App::Nginx => "/w1/nginx",
            App::Json => "/w1/app",
            App::Syslog => "/w1/syslog",
        }
    }

    /// How many streams it has.
    pub fn streams(self) -> u64 {
        if self == App::Syslog { 10 } else { 20 }
    }

    /// Lines of a batch, which is a little less than AWS's limit of 1 MiB.
    fn batch_lines(self) -> u64 {
        match self {
            App::Nginx => 3_572,
            App::Json => 2_500,
            App::Syslog => 2_143,
        }
    }
}

/// Streams of all applications; a slice of the day has one batch of each.
const STREAMS: u64 = 50;
/// Slices of the day at full size.
const SLICES: u64 = 14;
/// The day, milliseconds.
pub const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// The identifier that one line of each application holds.
pub const NEEDLE: &str = "7f3a91c25be4d608";
/// Words that are common alone and rare in this order: in 0.4 % of the JSON lines.
pub const PHRASE: &str = "upstream connection refused";

/// Lines of one stream in order of time.
#[derive(Debug)]
pub struct LogBatch {
    /// The application.
    pub app: App,
    /// Name of the log stream.
    pub stream: String,
    /// Milliseconds since the epoch, and the message.
    pub lines: Vec<(i64, String)>,
}

/// How many batches there are.
pub fn batches(plan: &Plan) -> u64 {
    plan.scaled(SLICES) * STREAMS
}

/// One batch. Batches of a stream follow each other in time.
pub fn batch(plan: &Plan, number: u64) -> LogBatch {
    let mut random = plan.random(1, number);
    let (slice, index) = (number / STREAMS, number % STREAMS);
    let (app, index) = match index {
        0..20 => (App::Nginx, index),
        20..40 => (App::Json, index - 20),
        _ => (App::Syslog, index - 40),
    };
    let slice_ms = DAY_MS / plan.scaled(SLICES) as i64;
    let first_ms = plan.end_ms - DAY_MS + slice as i64 * slice_ms;
    let count = app.batch_lines();
    let step_ms = slice_ms / count as i64;
    let marked = (slice == plan.scaled(SLICES) / 2 && index == 3).then_some(count / 3);
    let lines = (0..count)
        .map(|line| {
            let time = first_ms + line as i64 * step_ms + random.below(step_ms as u64) as i64;
            let id = if marked == Some(line) { NEEDLE.to_owned() } else { format!("{:016x}", random.next()) };
            let text = match app {
                App::Nginx => nginx(&mut random, time, &id),
                App::Json => json(&mut random, time, index, &id),
                App::Syslog => syslog(&mut random, time, index, &id),
            };
            (time, text)
        })
        .collect();
    LogBatch { app, stream: format!("host-{index:02}"), lines }
}

const RESOURCES: [&str; 12] = [
    "orders", "products", "users", "carts", "search", "login", "payments", "reviews", "images", "health", "stock",
    "static",
];
const SERVICES: [&str; 8] =
    ["checkout", "catalogue", "identity", "payments", "search", "shipping", "inventory", "recommendations"];
const AGENTS: [&str; 6] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "okhttp/4.12.0",
    "curl/8.5.0",
];
const MESSAGES: [&str; 10] = [
    "request completed without retries",
    "upstream connection established after handshake",
    "cache entry refreshed from the primary store",
    "payment refused by the issuer of the card",
    "connection returned to the pool",
    "retrying the call to upstream with backoff",
    "session token renewed before its end",
    "order accepted and queued for shipping",
    "rate limit of the client reached, request delayed",
    "database transaction committed",
];

/// A number below `limit`; small ones are far more frequent.
fn skewed(random: &mut Random, limit: u64) -> u64 {
    let unit = random.below(1 << 20) as f64 / f64::from(1 << 20);
    (unit * unit * unit * limit as f64) as u64
}

fn status(random: &mut Random) -> u16 {
    match random.below(100) {
        0..80 => 200,
        80..86 => 304,
        86..91 => 404,
        91..93 => 301,
        93..95 => 400,
        95..97 => 500,
        97 => 499,
        98 => 502,
        _ => 503,
    }
}

fn strftime(time_ms: i64, format: &str) -> String {
    jiff::Timestamp::from_millisecond(time_ms).map(|time| time.strftime(format).to_string()).unwrap_or_default()
}

fn nginx(random: &mut Random, time_ms: i64, id: &str) -> String {
    let client = skewed(random, 20_000);
    let mut line = format!(
        "{}.{}.{}.{} - - [{}] \"",
        11 + client % 180,
        client / 180 % 250,
        client * 7 % 251,
        client * 13 % 249,
        strftime(time_ms, "%d/%b/%Y:%H:%M:%S +0000")
    );
    let method = ["GET", "GET", "GET", "GET", "POST", "PUT"][random.below(6) as usize];
    let resource = RESOURCES[skewed(random, 12) as usize];
    let _ = write!(line, "{method} /api/v2/{resource}/{}", skewed(random, 50_000));
    if random.below(3) == 0 {
        let _ = write!(line, "?page={}&sort={}", random.below(20), random.pick(&["price", "name", "newest"]));
    }
    let (status, bytes) = (status(random), skewed(random, 60_000));
    let referer = random.pick(&RESOURCES);
    let agent = AGENTS[skewed(random, 6) as usize];
    let took = 1 + skewed(random, 3_000);
    let _ = write!(
        line,
        " HTTP/1.1\" {status} {bytes} \"https://shop.example/{referer}\" \"{agent}\" rt={}.{:03} id={id}",
        took / 1000,
        took % 1000
    );
    line
}

fn json(random: &mut Random, time_ms: i64, stream: u64, id: &str) -> String {
    let level = ["INFO", "INFO", "INFO", "INFO", "INFO", "DEBUG", "WARN", "ERROR"][random.below(8) as usize];
    let service = SERVICES[(stream % 8) as usize];
    let status = status(random);
    let took = 1 + skewed(random, 900_000);
    let user = skewed(random, 100_000);
    let message = match random.below(1_000) {
        0..4 => PHRASE.to_owned() + " while the pool was full",
        4 => format!("customer asked to be called back at 555-{:03}-{:04}", random.below(1_000), random.below(10_000)),
        _ => random.pick(&MESSAGES).to_owned(),
    };
    format!(
        "{{\"time\":\"{}\",\"level\":\"{level}\",\"service\":\"{service}\",\"instance\":\"i-{stream:04x}7c{:02x}\",\"request_id\":\"{id}\",\
         \"method\":\"{}\",\"route\":\"/v2/{}/:id\",\"status\":{status},\"latency_ms\":{}.{:03},\"user_id\":\"u-{user}\",\"msg\":\"{message}\"}}",
        strftime(time_ms, "%Y-%m-%dT%H:%M:%S%.3fZ"),
        stream * 3,
        random.pick(&["GET", "POST"]),
        random.pick(&RESOURCES),
        took / 1000,
        took % 1000
    )
}

fn syslog(random: &mut Random, time_ms: i64, stream: u64, id: &str) -> String {
    let head = format!("<{}>{} node-{stream:02}", 30 + random.below(4) * 8, strftime(time_ms, "%b %d %H:%M:%S"));
    let (pid, host) = (random.below(32_000), random.below(4_000));
    let address = format!("10.{}.{}.{}", stream, host / 250, host % 250);
    match random.below(5) {
        0 => format!(
            "{head} sshd[{pid}]: Accepted publickey for deploy{} from {address} port {} ssh2: ED25519 key of the release pipeline, session {id} opened",
            random.below(20),
            1_024 + random.below(60_000)
        ),
        1 => format!(
            "{head} kernel: [{}.{:06}] audit: type=1400 apparmor=\"ALLOWED\" operation=\"open\" profile=\"/usr/sbin/unit{}\" name=\"/var/lib/app/{id}\" pid={pid} comm=\"worker\" requested_mask=\"r\" denied_mask=\"r\" fsuid=1000 ouid=0",
            random.below(9_000_000),
            random.below(1_000_000),
            random.below(40)
        ),
        2 => format!(
            "{head} systemd[1]: app-worker@{}.service: Deactivated successfully; consumed {}.{:03}s of CPU time, {} bytes of traffic in and the journal kept under invocation {id} until the next rotation",
            random.below(64),
            random.below(90),
            random.below(1_000),
            random.below(9_000_000)
        ),
        3 => format!(
            "{head} CRON[{pid}]: (backup) CMD (/usr/local/bin/rotate --tenant {} --keep 14 --token {id} --target {address} >/dev/null 2>&1 || logger -t rotate failed and will be tried again at the next full hour)",
            random.below(500)
        ),
        _ => format!(
            "{head} dhcpd[{pid}]: DHCPACK on {address} to 52:54:00:{:02x}:{:02x}:{:02x} via eth{} lease {} seconds, transaction {id}, client in the pool of the second floor",
            random.below(256),
            random.below(256),
            random.below(256),
            random.below(4),
            600 * (1 + random.below(12))
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_keeps_the_limits_of_aws_and_the_average_of_the_workload() {
        let plan = Plan { seed: 1, scale: 0.1, end_ms: 1_767_323_040_000 };
        let (mut bytes, mut lines, mut needles) = (0, 0, 0);
        for number in 0..batches(&plan) {
            let batch = batch(&plan, number);
            let size: usize = batch.lines.iter().map(|(_, line)| line.len() + 26).sum();
            assert!(size <= 1_048_576, "{size} bytes in a batch of {:?}", batch.app);
            assert!(batch.lines.is_sorted_by_key(|(time, _)| *time));
            bytes += batch.lines.iter().map(|(_, line)| line.len()).sum::<usize>();
            lines += batch.lines.len();
            needles += batch.lines.iter().filter(|(_, line)| line.contains(NEEDLE)).count();
        }
        assert_eq!(needles, 3);
        assert!((240..260).contains(&(bytes / lines)), "{} bytes a line", bytes / lines);
    }
}
