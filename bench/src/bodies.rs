//! Request bodies, made from a seed: log lines of three kinds, and metric data in each protocol.

use std::fmt::Write as _;

/// A small deterministic generator (splitmix64), so that the same seed makes the same bodies everywhere.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Begins at `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    /// One of `from`.
    pub fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len() as u64) as usize]
    }
}

const PATHS: [&str; 8] =
    ["/", "/api/orders", "/api/users", "/login", "/static/app.js", "/search", "/cart", "/api/payments"];
const AGENTS: [&str; 3] = [
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Version/17.5 Mobile/15E148",
    "curl/8.5.0",
];
const SERVICES: [&str; 5] = ["orders", "users", "payments", "search", "cart"];
const LEVELS: [&str; 6] = ["INFO", "INFO", "INFO", "INFO", "WARN", "ERROR"];

/// One log line of about 250 bytes: half web access, a third JSON, the rest syslog.
pub fn log_line(random: &mut Random) -> String {
    let id = random.next();
    match random.below(100) {
        0..50 => format!(
            "{}.{}.{}.{} - - [22/Nov/2026:10:{:02}:{:02} +0000] \"GET {}?id={:016x}&page={} HTTP/1.1\" {} {} \"https://shop.example/{}\" \"{}\" {:.3}",
            random.below(223) + 1,
            random.below(256),
            random.below(256),
            random.below(256),
            random.below(60),
            random.below(60),
            random.pick(&PATHS),
            id,
            random.below(50),
            [200, 200, 200, 304, 404, 500][random.below(6) as usize],
            random.below(90_000),
            random.pick(&SERVICES),
            random.pick(&AGENTS),
            random.below(2_000) as f64 / 1000.0
        ),
        50..85 => format!(
            "{{\"level\":\"{}\",\"service\":\"{}\",\"request_id\":\"{id:016x}{:016x}\",\"path\":\"{}\",\"status\":{},\"latency_ms\":{},\"user\":\"user-{}\",\"message\":\"handled the request, wrote {} rows to the orders table and published the change to the queue\"}}",
            random.pick(&LEVELS),
            random.pick(&SERVICES),
            random.next(),
            random.pick(&PATHS),
            [200, 201, 400, 500][random.below(4) as usize],
            random.below(3_000),
            random.below(500),
            random.below(1_000)
        ),
        _ => format!(
            "Nov 22 10:{:02}:{:02} host-{:03} sshd[{}]: Accepted publickey for deploy{} from 10.{}.{}.{} port {} ssh2: ED25519 SHA256:{id:016x}{:016x}; session opened for the user by the daemon (uid=0), limits applied, environment read",
            random.below(60),
            random.below(60),
            random.below(200),
            random.below(60_000),
            random.below(20),
            random.below(256),
            random.below(256),
            random.below(256),
            random.below(60_000),
            random.next()
        ),
    }
}

/// One document of the embedded metric format of about 350 bytes: two metrics, two sets of dimensions.
pub fn emf_line(random: &mut Random, at_ms: i64) -> String {
    format!(
        "{{\"_aws\":{{\"Timestamp\":{at_ms},\"CloudWatchMetrics\":[{{\"Namespace\":\"Bench/Emf\",\"Dimensions\":[[\"service\"],[\"service\",\"path\"]],\"Metrics\":[{{\"Name\":\"Latency\",\"Unit\":\"Milliseconds\"}},{{\"Name\":\"Requests\",\"Unit\":\"Count\"}}]}}]}},\"service\":\"{}\",\"path\":\"{}\",\"Latency\":{},\"Requests\":1,\"request_id\":\"{:016x}{:016x}\"}}",
        random.pick(&SERVICES),
        random.pick(&PATHS),
        random.below(3_000),
        random.next(),
        random.next()
    )
}

/// A PutLogEvents body and the bytes of message text in it.
pub struct LogBody {
    /// JSON.
    pub json: Vec<u8>,
    /// Events in it.
    pub events: u64,
    /// UTF-8 bytes of all messages.
    pub text_bytes: u64,
}

/// A PutLogEvents body with at most `events_max` lines, within AWS's batch limit of 1,048,576 bytes (26 for each event).
/// The lines are one millisecond apart and end at `end_ms`; `mark`, if any, is appended to the middle line.
pub fn put_log_events(
    random: &mut Random,
    group: &str,
    stream: &str,
    end_ms: i64,
    events_max: usize,
    mark: Option<&str>,
) -> LogBody {
    put_lines(group, stream, end_ms, events_max, mark, || log_line(random))
}

/// The same with lines of one's own.
pub fn put_lines(
    group: &str,
    stream: &str,
    end_ms: i64,
    events_max: usize,
    mark: Option<&str>,
    mut next_line: impl FnMut() -> String,
) -> LogBody {
    const BATCH_BYTES_MAX: usize = 1_048_576 - 1024;
    let mut lines = Vec::new();
    let mut batch_bytes = 0;
    while lines.len() < events_max {
        let line = next_line();
        if batch_bytes + line.len() + 26 > BATCH_BYTES_MAX {
            break;
        }
        batch_bytes += line.len() + 26;
        lines.push(line);
    }
    if let Some(mark) = mark {
        let middle = lines.len() / 2;
        if let Some(line) = lines.get_mut(middle) {
            line.push(' ');
            line.push_str(mark);
        }
    }
    let mut json = format!("{{\"logGroupName\":\"{group}\",\"logStreamName\":\"{stream}\",\"logEvents\":[");
    let first_ms = end_ms - lines.len() as i64;
    for (index, line) in lines.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let text = serde_json::to_string(line).unwrap_or_default();
        let _ = write!(json, "{comma}{{\"timestamp\":{},\"message\":{text}}}", first_ms + index as i64);
    }
    json.push_str("]}");
    LogBody {
        json: json.into_bytes(),
        events: lines.len() as u64,
        text_bytes: lines.iter().map(|line| line.len() as u64).sum(),
    }
}

/// One value of one metric, with two dimensions.
#[derive(Debug, Clone)]
pub struct Datum {
    name: String,
    service: String,
    instance: String,
    seconds: i64,
    /// In thousandths, so that every protocol writes the same decimal.
    milli: i64,
}

impl Datum {
    /// `metric` of one of 1,000 instances of five services at `seconds` since the epoch.
    pub fn draw(random: &mut Random, metric: usize, seconds: i64) -> Self {
        Self {
            name: format!("Metric{metric}"),
            service: random.pick(&SERVICES).to_owned(),
            instance: format!("i-{:08x}", random.below(1_000)),
            seconds,
            milli: random.below(2_000_000) as i64,
        }
    }

    /// `metric` of a fixed instance.
    pub fn fixed(metric: usize, seconds: i64, milli: i64) -> Self {
        let (service, instance) = ("orders".into(), "i-00000000".into());
        Self { name: format!("Metric{metric}"), service, instance, seconds, milli }
    }

    /// A given value.
    pub fn new(name: &str, service: String, instance: String, seconds: i64, milli: i64) -> Self {
        Self { name: name.into(), service, instance, seconds, milli }
    }

    /// Its time, seconds since the epoch.
    pub fn seconds(&self) -> i64 {
        self.seconds
    }

    /// As a line of CSV: name, service, instance, seconds, value.
    pub fn write_csv(&self, out: &mut impl std::io::Write) -> std::io::Result<()> {
        writeln!(out, "{},{},{},{},{:?}", self.name, self.service, self.instance, self.seconds, self.value())
    }

    /// Name and dimensions as labels, sorted by name.
    pub fn labels(&self) -> [(&'static str, &str); 3] {
        [("__name__", &self.name), ("instance", &self.instance), ("service", &self.service)]
    }

    /// Its value.
    pub fn value(&self) -> f64 {
        self.milli as f64 / 1000.0
    }
}

/// PutMetricData as awsJson 1.0.
pub fn put_metric_data_json(namespace: &str, datums: &[Datum]) -> Vec<u8> {
    let mut json = format!("{{\"Namespace\":\"{namespace}\",\"MetricData\":[");
    for (index, datum) in datums.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let _ = write!(
            json,
            "{comma}{{\"MetricName\":\"{}\",\"Dimensions\":[{{\"Name\":\"Service\",\"Value\":\"{}\"}},{{\"Name\":\"InstanceId\",\"Value\":\"{}\"}}],\"Timestamp\":{},\"Value\":{:?},\"Unit\":\"Milliseconds\"}}",
            datum.name,
            datum.service,
            datum.instance,
            datum.seconds,
            datum.value()
        );
    }
    json.push_str("]}");
    json.into_bytes()
}

/// PutMetricData as a query-protocol form.
pub fn put_metric_data_query(namespace: &str, datums: &[Datum]) -> Vec<u8> {
    let mut form = format!("Action=PutMetricData&Version=2010-08-01&Namespace={}", namespace.replace('/', "%2F"));
    for (index, datum) in datums.iter().enumerate() {
        let member = format!("MetricData.member.{}", index + 1);
        let time = jiff::Timestamp::from_second(datum.seconds).map(|t| t.to_string()).unwrap_or_default();
        let _ = write!(
            form,
            "&{member}.MetricName={}&{member}.Dimensions.member.1.Name=Service&{member}.Dimensions.member.1.Value={}&{member}.Dimensions.member.2.Name=InstanceId&{member}.Dimensions.member.2.Value={}&{member}.Timestamp={}&{member}.Value={:?}&{member}.Unit=Milliseconds",
            datum.name,
            datum.service,
            datum.instance,
            time.replace(':', "%3A"),
            datum.value()
        );
    }
    form.into_bytes()
}

/// PutMetricData as RPC v2 CBOR, definite lengths, doubles, tag-1 integer times.
pub fn put_metric_data_cbor(namespace: &str, datums: &[Datum]) -> Vec<u8> {
    let mut out = Vec::with_capacity(datums.len() * 170);
    cbor_head(&mut out, 5, 2);
    cbor_text(&mut out, "Namespace");
    cbor_text(&mut out, namespace);
    cbor_text(&mut out, "MetricData");
    cbor_head(&mut out, 4, datums.len() as u64);
    for datum in datums {
        cbor_head(&mut out, 5, 5);
        cbor_text(&mut out, "MetricName");
        cbor_text(&mut out, &datum.name);
        cbor_text(&mut out, "Dimensions");
        cbor_head(&mut out, 4, 2);
        for (name, value) in [("Service", &datum.service), ("InstanceId", &datum.instance)] {
            cbor_head(&mut out, 5, 2);
            cbor_text(&mut out, "Name");
            cbor_text(&mut out, name);
            cbor_text(&mut out, "Value");
            cbor_text(&mut out, value);
        }
        cbor_text(&mut out, "Timestamp");
        out.push(0xc1);
        cbor_head(&mut out, 0, datum.seconds.unsigned_abs());
        cbor_text(&mut out, "Value");
        out.push(0xfb);
        out.extend_from_slice(&datum.value().to_be_bytes());
        cbor_text(&mut out, "Unit");
        cbor_text(&mut out, "Milliseconds");
    }
    out
}

fn cbor_text(out: &mut Vec<u8>, text: &str) {
    cbor_head(out, 3, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Major type and argument in the shortest form.
fn cbor_head(out: &mut Vec<u8>, major: u8, argument: u64) {
    let major = major << 5;
    let bytes = argument.to_be_bytes();
    match argument {
        0..24 => out.push(major | bytes[7]),
        24..0x100 => out.extend_from_slice(&[major | 24, bytes[7]]),
        0x100..0x1_0000 => out.extend_from_slice(&[major | 25, bytes[6], bytes[7]]),
        0x1_0000..0x1_0000_0000 => out.extend_from_slice(&[major | 26, bytes[4], bytes[5], bytes[6], bytes[7]]),
        _ => {
            out.push(major | 27);
            out.extend_from_slice(&bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_bodies() {
        let body = |seed| put_log_events(&mut Random::new(seed), "g", "s", 1_000_000, 100, None).json;
        assert_eq!(body(1), body(1));
        assert_ne!(body(1), body(2));
    }

    #[test]
    fn a_full_batch_keeps_the_limit_of_aws() {
        let body = put_log_events(&mut Random::new(1), "g", "s", 1_000_000, usize::MAX, Some("needle"));
        assert!(body.text_bytes + 26 * body.events <= 1_048_576);
        assert!((3_000..5_000).contains(&body.events), "{} events", body.events);
        let read: serde_json::Value = serde_json::from_slice(&body.json).unwrap();
        let events = read["logEvents"].as_array().unwrap();
        assert_eq!(events.len() as u64, body.events);
        assert_eq!(events.iter().filter(|e| e["message"].as_str().unwrap().contains("needle")).count(), 1);
    }

    #[test]
    fn documents_of_the_embedded_metric_format_are_json() {
        let line = emf_line(&mut Random::new(1), 1_767_323_045_000);
        let read: serde_json::Value = serde_json::from_str(&line).unwrap();
        let directive = &read["_aws"]["CloudWatchMetrics"][0];
        for name in ["Latency", "Requests"] {
            assert!(read[name].is_number() && directive["Metrics"].to_string().contains(name));
        }
        assert_eq!(directive["Dimensions"][1], serde_json::json!(["service", "path"]));
    }

    #[test]
    fn metric_bodies_say_the_same_in_each_protocol() {
        let datums = [Datum::fixed(7, 1_767_323_045, 1_500)];
        let json = String::from_utf8(put_metric_data_json("Bench/App", &datums)).unwrap();
        assert!(json.contains(r#""Timestamp":1767323045,"Value":1.5"#));
        let form = String::from_utf8(put_metric_data_query("Bench/App", &datums)).unwrap();
        assert!(form.contains("Namespace=Bench%2FApp&MetricData.member.1.MetricName=Metric7&"));
        assert!(form.contains("Timestamp=2026-01-02T03%3A04%3A05Z&MetricData.member.1.Value=1.5&"));
        let cbor = put_metric_data_cbor("Bench/App", &datums);
        assert!(cbor.starts_with(b"\xa2\x69Namespace\x69Bench/App\x6aMetricData\x81\xa5"));
    }
}
