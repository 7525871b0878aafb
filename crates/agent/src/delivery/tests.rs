//! What a delivery does with each answer. Whole runs are tested in `logs`.

use super::*;
use crate::disk::{Found, LogFile};
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::io;

const NOW: Timestamp = Timestamp(1_764_000_000_000);

/// State files in memory, and a server whose answers are written down beforehand.
#[derive(Default)]
struct Scripted {
    files: RefCell<BTreeMap<String, Vec<u8>>>,
    answers: RefCell<VecDeque<Result<Value, Failure>>>,
    calls: RefCell<Vec<(Operation, Value)>>,
}

impl Endpoint for Scripted {
    fn call(&self, operation: Operation, input: &Value) -> Result<Value, Failure> {
        self.calls.borrow_mut().push((operation, input.clone()));
        self.answers.borrow_mut().pop_front().expect("no more calls than answers")
    }
}

impl Disk for Scripted {
    fn find(&self, _: &str) -> Vec<Found> {
        Vec::new()
    }
    fn siblings(&self, _: &str) -> Vec<Found> {
        Vec::new()
    }
    fn open(&self, _: &str) -> io::Result<Box<dyn LogFile>> {
        Err(io::ErrorKind::NotFound.into())
    }
    fn state_names(&self) -> io::Result<Vec<String>> {
        Ok(self.files.borrow().keys().cloned().collect())
    }
    fn load(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(self.files.borrow().get(name).cloned())
    }
    fn save(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.files.borrow_mut().insert(name.into(), bytes.into());
        Ok(())
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        self.files.borrow_mut().remove(name);
        Ok(())
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let bytes = self.files.borrow_mut().remove(from).ok_or(io::ErrorKind::NotFound)?;
        self.save(to, &bytes)
    }
}

fn refused(code: &str) -> Result<Value, Failure> {
    Err(Failure::Refused { code: code.into(), message: String::new() })
}

fn page(messages: &[&str], next: &str) -> Result<Value, Failure> {
    let events: Vec<Value> = messages.iter().map(|message| json!({ "timestamp": NOW.0, "message": message })).collect();
    Ok(json!({ "events": events, "nextForwardToken": next }))
}

struct Bench {
    outside: Scripted,
    delivery: Delivery,
}

impl Bench {
    fn new(newest: Option<i64>) -> Self {
        let delivered = Delivered { sequence: 4, newest };
        Self { outside: Scripted::default(), delivery: Delivery::new(StreamName::new("g", "s"), delivered) }
    }

    fn push(&mut self, timestamp: i64) {
        let event = Event { timestamp, message: "x".into() };
        self.delivery.filling().unwrap().push(event, NOW).unwrap();
    }

    /// One step, with these answers; gives what was called, and whether the batch was done.
    fn step(&mut self, now: Timestamp, answers: Vec<Result<Value, Failure>>) -> (Vec<Operation>, bool) {
        self.outside.answers.borrow_mut().extend(answers);
        let outside = Outside { disk: &self.outside, endpoint: &self.outside, random: &|| 1.0 };
        let done = self.delivery.step(now, 0, &outside).is_some();
        assert!(self.outside.answers.borrow().is_empty(), "fewer calls than answers");
        (self.outside.calls.borrow_mut().drain(..).map(|call| call.0).collect(), done)
    }
}

use Operation::{CreateLogGroup, CreateLogStream, GetLogEvents, PutLogEvents};

#[test]
fn later_events_are_sent_without_a_question_and_others_after_one() {
    let mut bench = Bench::new(Some(NOW.0 - 1));
    bench.push(NOW.0);
    assert_eq!(bench.step(NOW, vec![Ok(json!({}))]), (vec![PutLogEvents], true));
    bench.push(NOW.0);
    let answers = vec![page(&["x", "y"], "f/1"), page(&[], "f/1"), Ok(json!({}))];
    assert_eq!(bench.step(NOW, answers), (vec![GetLogEvents, GetLogEvents, PutLogEvents], true));
}

#[test]
fn a_batch_is_sent_again_only_if_no_more_equal_events_are_there() {
    for (found, expected) in
        [(vec!["x"], (vec![GetLogEvents, PutLogEvents], true)), (vec!["x", "x"], (vec![GetLogEvents], true))]
    {
        let mut bench = Bench::new(Some(NOW.0));
        bench.push(NOW.0);
        let broke = Err(Failure::Unknown("broke".into()));
        let one = || json!({ "events": [{ "timestamp": NOW.0, "message": "x" }] });
        assert!(!bench.step(NOW, vec![Ok(one()), broke]).1);
        assert_eq!(bench.step(NOW + SETTLE_MS - 1, vec![]), (vec![], false), "what was sent may not be seen yet");
        let events: Vec<Value> =
            found.iter().map(|message| json!({ "timestamp": NOW.0, "message": message })).collect();
        let mut answers = vec![Ok(json!({ "events": events }))];
        answers.extend((found.len() == 1).then_some(Ok(json!({}))));
        assert_eq!(bench.step(NOW + SETTLE_MS, answers), expected);
    }
}

#[test]
fn one_equal_line_of_another_writer_is_not_the_batch() {
    let mut bench = Bench::new(Some(NOW.0 - 1));
    for message in ["first", "x", "the longest", "last"] {
        let event = Event { timestamp: NOW.0, message: message.into() };
        bench.delivery.filling().unwrap().push(event, NOW).unwrap();
    }
    let there = |messages: &[&str]| {
        let event = |message: &&str| json!({ "timestamp": NOW.0, "message": message });
        Ok(json!({ "events": messages.iter().map(event).collect::<Vec<_>>() }))
    };
    let broke = || Err(Failure::Unknown("broke".into()));
    assert_eq!(bench.step(NOW, vec![broke()]), (vec![PutLogEvents], false));
    let answers = vec![there(&["first", "last"]), there(&["first", "last"]), broke()];
    let calls = vec![GetLogEvents, GetLogEvents, PutLogEvents];
    assert_eq!(bench.step(NOW + SETTLE_MS, answers), (calls, false));
    let all = ["first", "the longest", "last"];
    let answers = vec![there(&all), there(&all), there(&all)];
    assert_eq!(bench.step(NOW + 2 * SETTLE_MS, answers), (vec![GetLogEvents; 3], true));
}

#[test]
fn without_leave_to_look_a_batch_is_sent_again() {
    let mut bench = Bench::new(None);
    bench.push(NOW.0);
    let answers = vec![refused("AccessDeniedException"), Err(Failure::Unknown("broke".into()))];
    assert_eq!(bench.step(NOW, answers), (vec![GetLogEvents, PutLogEvents], false));
    assert_eq!(bench.step(NOW + SETTLE_MS, vec![Ok(json!({}))]), (vec![PutLogEvents], true));
}

#[test]
fn a_clock_that_was_set_back_holds_nothing_up() {
    let mut bench = Bench::new(Some(NOW.0 - 1));
    bench.push(NOW.0);
    assert_eq!(bench.step(NOW, vec![Err(Failure::NotSent("down".into()))]), (vec![PutLogEvents], false));
    assert_eq!(bench.step(NOW - HOUR, vec![Ok(json!({}))]), (vec![PutLogEvents], true));
}

#[test]
fn an_absent_group_or_stream_is_made() {
    let missing = || refused("ResourceNotFoundException");
    let mut bench = Bench::new(None);
    bench.push(NOW.0);
    let answers = vec![missing(), missing(), Ok(json!({})), Ok(json!({})), Ok(json!({}))];
    let calls = vec![GetLogEvents, PutLogEvents, CreateLogGroup, CreateLogStream, PutLogEvents];
    assert_eq!(bench.step(NOW, answers), (calls, true));
    // A group that may not be made is the reason that is told; nothing is lost meanwhile.
    bench.push(NOW.0 + 1);
    let answers = vec![missing(), refused("AccessDeniedException"), missing()];
    assert_eq!(bench.step(NOW, answers), (vec![PutLogEvents, CreateLogGroup, CreateLogStream], false));
    assert_eq!(bench.step(NOW + 499, vec![]), (vec![], false));
    assert_eq!(bench.step(NOW + 500, vec![Ok(json!({}))]), (vec![PutLogEvents], true));
}

#[test]
fn events_that_the_server_will_not_keep_are_not_looked_for() {
    let mut bench = Bench::new(None);
    bench.push(0);
    let broke = Err(Failure::Unknown("broke".into()));
    assert_eq!(bench.step(NOW, vec![broke]), (vec![PutLogEvents], false));
    let rejected = json!({ "rejectedLogEventsInfo": { "tooOldLogEventEndIndex": 1 } });
    assert_eq!(bench.step(NOW + SETTLE_MS, vec![Ok(rejected)]), (vec![PutLogEvents], true));
    assert_eq!(bench.delivery.delivered, Delivered { sequence: 5, newest: None });
}

#[test]
fn own_times_go_forward_when_the_clock_goes_back_a_little() {
    let bench = Bench::new(Some(NOW.0));
    assert_eq!(bench.delivery.stamp(NOW + 5), NOW.0 + 5);
    assert_eq!(bench.delivery.stamp(NOW), NOW.0 + 1);
    assert_eq!(bench.delivery.stamp(NOW - 10 * SECOND), NOW.0 + 1);
    assert_eq!(bench.delivery.stamp(NOW - 2 * MINUTE), NOW.0 - 2 * MINUTE, "not for long: the clock was wrong before");
}
