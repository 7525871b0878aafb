use super::*;
use model::time::{DAY, HOUR, MINUTE};

const SETTINGS: Settings = Settings { training_ms: 15 * MINUTE, training_windows: 5, novel_ms: 7 * DAY };

/// A service whose traffic follows the day, with noise.
struct Service {
    seed: u64,
    model: Model,
    window_ms: i64,
    now_ms: i64,
}

impl Service {
    fn new(window_ms: i64) -> Self {
        Self { seed: 7, model: Model::default(), window_ms, now_ms: 0 }
    }

    /// Below `end`.
    fn random(&mut self, end: u64) -> u64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 33) % end
    }

    /// The next window of steady traffic.
    fn window(&mut self) -> Window {
        let mut window = Window::new(self.now_ms);
        let day = (self.now_ms % DAY) as f64 / DAY as f64 * std::f64::consts::TAU;
        let requests = 40 + (30.0 * (1.0 - day.cos())) as u64 + self.random(20);
        for _ in 0..requests {
            let (id, ms) = (self.random(1_000_000), 5 + self.random(300));
            let status = [200, 200, 200, 201, 304][self.random(5) as usize];
            window
                .add(&format!("INFO request {id} GET /orders/{} took {ms} ms status={status}", id % 977), self.now_ms);
            if self.random(6) == 0 {
                window.add(&format!("WARN slow query of {ms} ms on replica-{}", self.random(3)), self.now_ms);
            }
            if self.random(20) == 0 {
                window.add(
                    &format!("ERROR request {id} failed: connection to 10.0.0.{} reset", self.random(9)),
                    self.now_ms,
                );
            }
        }
        if self.now_ms % HOUR == 0 {
            for part in 0..60 {
                window.add(&format!("DEBUG compacted segment {part} of {}", self.random(9_999)), self.now_ms);
            }
        }
        self.now_ms += self.window_ms;
        window
    }

    fn evaluate(&mut self, window: Window) -> Vec<Finding> {
        self.model.evaluate(window, &SETTINGS)
    }

    /// Steady traffic up to a time; what it found.
    fn steady(&mut self, until_ms: i64) -> Vec<Finding> {
        let mut findings = Vec::new();
        while self.now_ms < until_ms {
            let window = self.window();
            findings.extend(self.evaluate(window));
        }
        findings
    }
}

fn said(findings: &[Finding]) -> Vec<(Kind, Priority, u64, &str)> {
    findings.iter().map(|f| (f.kind, f.priority, f.count, f.description.as_str())).collect()
}

#[test]
fn steady_traffic_is_no_anomaly_for_days() {
    let mut service = Service::new(5 * MINUTE);
    assert_eq!(said(&service.steady(3 * DAY)), []);
    assert!(service.model.is_trained(3 * DAY, &SETTINGS));
}

#[test]
fn a_new_error_is_found_with_its_lines_and_stays_new_for_its_time() {
    let mut service = Service::new(5 * MINUTE);
    service.steady(6 * HOUR);
    let mut window = service.window();
    for disk in 0..4 {
        window.add(&format!("ERROR disk sd{disk} is full, {disk} blocks left"), 5);
    }
    let findings = service.evaluate(window);
    assert_eq!(findings.len(), 1, "{:?}", said(&findings));
    let first = &findings[0];
    assert_eq!((first.kind, first.priority, first.count), (Kind::NewPattern, Priority::High, 4));
    assert!(first.description.starts_with("New log pattern: ERROR disk <Token-1> is full, <"), "{}", first.description);
    assert_eq!(first.samples[0], Sample { time_ms: 5, line: "ERROR disk sd0 is full, 0 blocks left".into() });
    let id = first.pattern_id.clone();
    assert_eq!(said(&service.steady(service.now_ms + HOUR)), []);
    let mut window = service.window();
    window.add("ERROR disk sd9 is full, 17 blocks left", 6);
    let again = service.evaluate(window);
    assert_eq!(
        again.iter().map(|f| (f.kind, f.pattern_id.as_str(), f.count)).collect::<Vec<_>>(),
        [(Kind::NewPattern, id.as_str(), 1)]
    );
    service.now_ms += SETTINGS.novel_ms;
    let mut window = service.window();
    window.add("ERROR disk sd3 is full, 5 blocks left", 7);
    assert_eq!(said(&service.evaluate(window)), [], "it is normal by now");
}

#[test]
fn a_new_line_of_information_matters_less() {
    let mut service = Service::new(5 * MINUTE);
    service.steady(2 * HOUR);
    let mut window = service.window();
    window.add("INFO configuration was loaded again", 5);
    let findings = service.evaluate(window);
    assert_eq!(
        said(&findings),
        [(Kind::NewPattern, Priority::Medium, 1, "New log pattern: INFO configuration was loaded again")]
    );
}

#[test]
fn a_surge_is_found_until_its_level_is_usual() {
    let mut service = Service::new(5 * MINUTE);
    service.steady(12 * HOUR);
    let surge = |service: &mut Service| {
        let mut window = service.window();
        for id in 0..300 {
            window.add(&format!("ERROR request {id} failed: connection to 10.0.0.{} reset", id % 9), service.now_ms);
        }
        service.evaluate(window)
    };
    let findings = surge(&mut service);
    assert_eq!(findings.len(), 1, "{:?}", said(&findings));
    assert_eq!((findings[0].kind, findings[0].priority), (Kind::Surge, Priority::High));
    assert!(findings[0].description.contains("log events of a pattern where about"), "{}", findings[0].description);
    let mut windows = 1;
    while !surge(&mut service).is_empty() {
        windows += 1;
        assert!(windows < 60);
    }
    assert!(windows >= 3, "a surge goes on for a while: {windows}");
    assert_eq!(said(&service.steady(service.now_ms + HOUR)), []);
}

#[test]
fn few_events_are_no_surge() {
    let mut service = Service::new(MINUTE);
    for minute in 0..120 {
        let mut window = Window::new(minute * MINUTE);
        window.add("INFO heartbeat", 0);
        let more = if minute == 100 { 19 } else { 0 };
        (0..more).for_each(|_| window.add("INFO heartbeat", 0));
        assert_eq!(said(&service.evaluate(window)), []);
    }
    let mut window = Window::new(120 * MINUTE);
    (0..31).for_each(|_| window.add("INFO heartbeat", 0));
    assert_eq!(service.evaluate(window).len(), 1);
}

#[test]
fn a_value_is_new_where_few_values_are_usual() {
    let mut service = Service::new(5 * MINUTE);
    service.steady(6 * HOUR);
    let mut window = service.window();
    window.add("INFO request 17 GET /orders/3 took 7 ms status=503", 9);
    let findings = service.evaluate(window);
    assert_eq!(findings.len(), 1, "{:?}", said(&findings));
    assert_eq!((findings[0].kind, findings[0].priority), (Kind::NewValue, Priority::Medium));
    assert!(
        findings[0].description.starts_with("New value of a token, \"503\" of Status-"),
        "{}",
        findings[0].description
    );
    let mut window = service.window();
    window.add("INFO request 18 GET /orders/4 took 9 ms status=503", 9);
    assert_eq!(said(&service.evaluate(window)), [], "it is known now");
}

#[test]
fn a_model_survives_being_written_and_read() {
    let mut service = Service::new(5 * MINUTE);
    service.steady(2 * HOUR);
    let text = serde_json::to_string(&service.model).unwrap();
    assert!(text.len() < 20_000, "{}", text.len());
    let mut read = Service::new(5 * MINUTE);
    read.model = serde_json::from_str(&text).unwrap();
    (read.seed, read.now_ms) = (service.seed, service.now_ms);
    for service in [&mut service, &mut read] {
        let mut window = service.window();
        window.add("FATAL out of memory", 1);
        let findings = service.evaluate(window);
        assert_eq!(said(&findings), [(Kind::NewPattern, Priority::High, 1, "New log pattern: FATAL out of memory")]);
    }
    assert_eq!(said(&read.steady(DAY)), []);
}

#[test]
fn what_never_repeats_is_bounded_and_soon_no_news() {
    let mut service = Service::new(MINUTE);
    let mut sizes = Vec::new();
    for minute in 0..30i64 {
        let mut window = Window::new(minute * MINUTE);
        for line in 0..200u64 {
            let words: Vec<String> =
                (0..8).map(|_| (0..6).map(|_| char::from(b'a' + service.random(26) as u8)).collect()).collect();
            window.add(&format!("{} {line}", words.join(" ")), 0);
        }
        window.add(&"€".repeat(5_000), 0);
        let findings = service.evaluate(window);
        assert!(
            minute < 20 || findings.iter().all(|finding| finding.kind != Kind::NewPattern),
            "{:?}",
            said(&findings)
        );
        sizes.push(serde_json::to_string(&service.model).unwrap().len());
    }
    assert!(sizes.iter().all(|size| *size < 2 << 20), "{sizes:?}");
}

#[test]
fn where_patterns_keep_appearing_only_warnings_are_news() {
    let mut service = Service::new(5 * MINUTE);
    for round in 0..40 {
        let mut window = service.window();
        let mut word =
            |length: usize| -> String { (0..length).map(|_| char::from(b'a' + service.random(26) as u8)).collect() };
        let words: Vec<String> = (0..4 + round % 9).map(|at| word(3 + at)).collect();
        window.add(&words.join(" "), 1);
        let findings = service.evaluate(window);
        assert!(round < 12 || findings.is_empty(), "{round}: {:?}", said(&findings));
    }
    let mut window = service.window();
    window.add("INFO configuration was read", 1);
    window.add("WARN nearly out of memory", 1);
    let description = "New log pattern: WARN nearly out of memory";
    assert_eq!(said(&service.evaluate(window)), [(Kind::NewPattern, Priority::Medium, 1, description)]);
    service.steady(service.now_ms + 4 * HOUR);
    let mut window = service.window();
    window.add("INFO configuration was loaded again", 1);
    assert_eq!(service.evaluate(window).len(), 1, "they have stopped to appear");
}
