mod world;

use super::*;
use crate::timestamps::TimestampFormat;
use jiff::tz::TimeZone;
use model::time::MINUTE;
use proptest::prelude::*;
use world::{Mood, World};

const LOG: &str = "/var/log/app.log";
const START: Timestamp = Timestamp(1_764_000_000_000);
const TIMES: Times = Times { batch_ms: 2_000, record_ms: 5_000 };

fn rule(pattern: &str) -> FileRule {
    FileRule {
        patterns: vec![pattern.into()],
        exclude: Vec::new(),
        group: "g".into(),
        stream: "s".into(),
        start: None,
        time: None,
        from_beginning: true,
    }
}

/// An agent in a world.
struct Bench {
    world: World,
    rules: Vec<FileRule>,
    logs: Logs,
    now: Timestamp,
}

impl Bench {
    fn new(rules: Vec<FileRule>) -> Self {
        let world = World::default();
        let logs = Logs::open(&world, rules.clone(), TIMES, START).unwrap();
        Self { world, rules, logs, now: START }
    }

    fn pass(&mut self, millis: i64) {
        self.now = self.now + millis;
        let outside = Outside { disk: &self.world, endpoint: &self.world, random: &|| 0.5 };
        for _ in 0..100 {
            if !self.logs.pass(self.now, &outside) {
                break;
            }
        }
    }

    /// Long enough for everything to be delivered.
    fn settle(&mut self) {
        for _ in 0..60 {
            self.pass(1_000);
        }
    }

    /// kill -9 after `effects` more effects, and a new start.
    fn restart(&mut self, effects: u32) {
        self.world.fuel.set(effects);
        self.pass(1_000);
        self.pass(3_000);
        self.world.fuel.set(u32::MAX);
        self.logs = Logs::open(&self.world, self.rules.clone(), TIMES, self.now).unwrap();
    }

    fn messages(&self) -> Vec<String> {
        self.world.messages("g:s")
    }
}

#[test]
fn lines_arrive_once_and_in_order_across_a_rename() {
    let mut bench = Bench::new(vec![rule("/var/log/*.log")]);
    bench.world.write(LOG, "one\ntwo\npart");
    bench.settle();
    assert_eq!(bench.messages(), ["one", "two"]);
    bench.world.write(LOG, "ial\n");
    bench.world.rename_log(LOG, "/var/log/app.log.1");
    bench.world.write(LOG, "three\n");
    bench.world.write("/var/log/app.log.1", "late\n");
    bench.settle();
    assert_eq!(bench.messages(), ["one", "two", "partial", "late", "three"]);
}

#[test]
fn an_unfinished_line_is_taken_when_its_file_is_done() {
    let mut bench = Bench::new(vec![rule("/var/log/*.log")]);
    bench.world.write(LOG, "one\nhalf");
    bench.settle();
    assert_eq!(bench.messages(), ["one"]);
    bench.world.rename_log(LOG, "/var/log/app.log.1");
    bench.settle();
    assert_eq!(bench.messages(), ["one", "half"]);
}

#[test]
fn a_deleted_file_is_read_to_its_end_and_forgotten_and_its_inode_is_a_new_file() {
    let mut bench = Bench::new(vec![rule("/var/log/*.log")]);
    bench.world.write(LOG, "one\n");
    bench.pass(0);
    bench.world.write(LOG, "two\n");
    bench.world.delete(LOG);
    bench.settle();
    assert_eq!(bench.messages(), ["one", "two"]);
    bench.pass(6 * MINUTE);
    assert!(bench.logs.tails.by_id.is_empty() && bench.logs.positions.files.is_empty());
    assert!(bench.logs.positions.streams.is_empty() && bench.logs.deliveries.is_empty());
    bench.world.write(LOG, "three is longer than the others\n");
    bench.settle();
    assert_eq!(bench.messages()[2..], ["three is longer than the others"]);
}

#[test]
fn an_inode_that_is_used_again_while_the_agent_was_away_is_a_new_file() {
    let mut bench = Bench::new(vec![rule("/var/log/*.log")]);
    bench.world.write(LOG, "one\n");
    bench.settle();
    bench.world.delete(LOG);
    bench.logs = Logs::open(&bench.world, Vec::new(), TIMES, bench.now).unwrap();
    bench.world.write("/var/log/b.log", "two is longer\n");
    bench.restart(u32::MAX);
    bench.settle();
    assert_eq!(bench.messages(), ["one", "two is longer"]);
}

#[test]
fn what_a_copy_has_beyond_what_was_read_is_read_before_the_truncated_file() {
    for pattern in ["/var/log/app.log", "/var/log/app.log*"] {
        let mut bench = Bench::new(vec![rule(pattern)]);
        bench.world.write(LOG, "one\n");
        bench.settle();
        bench.world.write(LOG, "two\n");
        bench.world.copy(LOG, "/var/log/app.log.1");
        bench.world.truncate(LOG);
        bench.world.write(LOG, "three\n");
        bench.settle();
        assert_eq!(bench.messages(), ["one", "two", "three"], "{pattern}");
        bench.restart(u32::MAX);
        bench.settle();
        assert_eq!(bench.messages(), ["one", "two", "three"], "{pattern}");
    }
}

#[test]
fn a_copy_that_a_glob_finds_before_the_truncation_is_not_read_twice() {
    let mut bench = Bench::new(vec![rule("/var/log/app.log*")]);
    bench.world.write(LOG, "one\n");
    bench.settle();
    bench.world.copy(LOG, "/var/log/app.log.1");
    bench.pass(1_000);
    bench.world.write(LOG, "two\n");
    bench.pass(1_000);
    bench.world.truncate(LOG);
    bench.world.write(LOG, "3\n");
    bench.settle();
    assert_eq!(bench.messages(), ["one", "two", "3"]);
}

#[test]
fn two_files_that_are_equal_are_both_read() {
    let mut bench = Bench::new(vec![rule("/var/log/*.log")]);
    bench.world.write("/var/log/a.log", "started\n");
    bench.world.write("/var/log/b.log", "started\n");
    bench.settle();
    assert_eq!(bench.messages(), ["started", "started"]);
}

#[test]
fn compressed_and_excluded_files_are_left_alone_and_each_path_may_have_a_stream() {
    let mut rule = rule("/var/log/*");
    rule.exclude = vec![glob::Pattern::new("*/secret*").unwrap()];
    rule.stream = "h{path}".into();
    let mut bench = Bench::new(vec![rule]);
    for path in ["/var/log/a:1", "/var/log/a.gz", "/var/log/secret.log"] {
        bench.world.write(path, "x\n");
    }
    bench.settle();
    assert_eq!(bench.world.streams.borrow().keys().collect::<Vec<_>>(), ["g:h/var/log/a_1"]);
}

#[test]
fn without_from_beginning_only_what_is_there_at_the_very_first_start_is_passed_over() {
    let mut rule = rule("/var/log/*.log");
    rule.from_beginning = false;
    let mut bench = Bench::new(vec![rule]);
    bench.world.write(LOG, "old\n");
    bench.pass(0);
    bench.world.write(LOG, "new\n");
    bench.restart(u32::MAX);
    bench.world.write("/var/log/later.log", "later\n");
    bench.settle();
    assert_eq!(bench.messages(), ["new", "later"]);
}

#[test]
fn a_file_that_no_rule_wants_for_a_while_is_gone_on_with_later() {
    let mut bench = Bench::new(vec![rule(LOG)]);
    bench.world.write(LOG, "one\n");
    bench.settle();
    let mut other = rule("/srv/*.log");
    other.group = "other".into();
    let rules = std::mem::replace(&mut bench.rules, vec![other]);
    bench.restart(u32::MAX);
    bench.settle();
    bench.rules = rules;
    bench.world.write(LOG, "two\n");
    bench.restart(u32::MAX);
    bench.settle();
    assert_eq!(bench.messages(), ["one", "two"]);
}

#[test]
fn records_of_several_lines_wait_for_the_next_start_or_for_silence() {
    let mut rule = rule(LOG);
    rule.start = Some(regex::Regex::new(r"^\d").unwrap());
    let mut bench = Bench::new(vec![rule]);
    bench.world.write(LOG, "1 a\n  at\n2 b\n");
    bench.pass(0);
    bench.pass(3_000);
    assert_eq!(bench.messages(), ["1 a\n  at"]);
    bench.world.write(LOG, "  at\n");
    bench.settle();
    assert_eq!(bench.messages(), ["1 a\n  at", "2 b\n  at"]);
}

#[test]
fn a_batch_that_is_refused_for_good_is_set_aside_and_the_next_goes_on() {
    let mut bench = Bench::new(vec![rule(LOG)]);
    bench.world.write(LOG, "bad\n");
    bench.world.mood.set(Mood::Refuses);
    bench.settle();
    bench.world.mood.set(Mood::Up);
    bench.world.write(LOG, "good\n");
    bench.settle();
    assert_eq!(bench.messages(), ["good"]);
    let aside = bench.world.state.borrow();
    let (name, bytes) = aside.iter().find(|(name, _)| name.starts_with("refused-000001-")).unwrap();
    assert!(String::from_utf8_lossy(bytes).contains("bad"), "{name}");
    assert_eq!(aside.len(), 2, "{:?}", aside.keys());
}

#[test]
fn nothing_more_is_read_while_the_server_is_down() {
    let mut bench = Bench::new(vec![rule(LOG)]);
    bench.world.mood.set(Mood::Down);
    let line = format!("{}\n", "x".repeat(1_000));
    for _ in 0..50 {
        bench.world.write(LOG, &line.repeat(100));
        bench.pass(1_000);
    }
    assert!(bench.logs.buffered() <= 1_048_576, "{}", bench.logs.buffered());
    bench.world.mood.set(Mood::Up);
    bench.settle();
    assert_eq!(bench.messages().len(), 5_000);
}

#[test]
fn the_last_pass_sends_what_was_read() {
    let mut bench = Bench::new(vec![rule(LOG)]);
    bench.world.write(LOG, "one\n");
    bench.pass(0);
    assert!(bench.messages().is_empty());
    let outside = Outside { disk: &bench.world, endpoint: &bench.world, random: &|| 0.5 };
    bench.logs.finish(bench.now, &outside);
    assert_eq!(bench.messages(), ["one"]);
}

/// A journal of numbered entries: the last that was read, and how many there are.
struct Numbers(u32, u32);

impl Journal for Numbers {
    fn next(&mut self) -> Option<JournalEntry> {
        self.0 += 1;
        let event = Event { timestamp: START.0 + i64::from(self.0), message: format!("entry {}", self.0) };
        (self.0 <= self.1).then(|| JournalEntry { cursor: self.0.to_string(), event })
    }
}

#[test]
fn a_journal_goes_on_after_the_last_entry_that_arrived() {
    for effects in 0..12 {
        let mut bench = Bench::new(Vec::new());
        let stream = StreamName::new("g", "s");
        let follow = |bench: &mut Bench| {
            let after = bench.logs.cursor(&stream).map_or(0, |cursor| cursor.parse().unwrap());
            bench.logs.follow(stream.clone(), Box::new(Numbers(after, 5)));
        };
        follow(&mut bench);
        bench.restart(effects);
        follow(&mut bench);
        bench.settle();
        assert_eq!(bench.messages(), ["entry 1", "entry 2", "entry 3", "entry 4", "entry 5"], "{effects} effects");
    }
}

#[test]
fn a_journal_waits_while_the_server_is_down() {
    let mut bench = Bench::new(Vec::new());
    bench.world.mood.set(Mood::Down);
    bench.logs.follow(StreamName::new("g", "s"), Box::new(Numbers(0, 25_000)));
    bench.pass(0);
    let outside = Outside { disk: &bench.world, endpoint: &bench.world, random: &|| 0.5 };
    assert!(!bench.logs.pass(bench.now, &outside), "there is nothing to do but to wait");
    bench.world.mood.set(Mood::Up);
    bench.settle();
    assert_eq!(bench.messages().len(), 25_000);
}

#[derive(Debug, Clone)]
enum Act {
    /// So many lines; the last one unfinished if true.
    Write(usize, bool),
    Rename,
    CopyTruncate,
    Pass(i64),
    Restart(u32),
    Server(Mood),
}

fn act() -> impl Strategy<Value = Act> {
    let mood = prop::sample::select(vec![
        Mood::Up,
        Mood::Up,
        Mood::Down,
        Mood::FailsBefore,
        Mood::FailsAfter,
        Mood::Throttles,
    ]);
    prop_oneof![
        5 => (0..5_usize, any::<bool>()).prop_map(|(lines, unfinished)| Act::Write(lines, unfinished)),
        1 => Just(Act::Rename),
        1 => Just(Act::CopyTruncate),
        4 => (1..4_000_i64).prop_map(Act::Pass),
        2 => (0..14_u32).prop_map(Act::Restart),
        2 => mood.prop_map(Act::Server),
    ]
}

/// Plays the acts; `line` makes the text of a line from its number. Gives what was written and what arrived.
fn play(rule: FileRule, acts: &[Act], line: impl Fn(usize) -> String) -> (Vec<String>, Vec<String>) {
    let mut bench = Bench::new(vec![rule]);
    let (mut written, mut unfinished, mut rotated) = (Vec::new(), false, 0);
    let end_line = |bench: &Bench, unfinished: &mut bool| {
        if std::mem::take(unfinished) {
            bench.world.write(LOG, "\n");
        }
    };
    for act in acts {
        match act {
            Act::Write(lines, last) => {
                end_line(&bench, &mut unfinished);
                for number in 0..*lines {
                    written.push(line(written.len()));
                    unfinished = *last && number + 1 == *lines;
                    let text = written.last().unwrap();
                    bench.world.write(LOG, &format!("{text}{}", if unfinished { "" } else { "\n" }));
                }
            }
            Act::Rename => {
                end_line(&bench, &mut unfinished);
                // A file that was never seen under its name has none that a glob finds.
                bench.pass(1_000);
                rotated += 1;
                bench.world.rename_log(LOG, &format!("/var/log/app.log.{rotated}"));
            }
            Act::CopyTruncate => {
                end_line(&bench, &mut unfinished);
                bench.pass(1_000);
                // What was never looked at cannot be known again in a copy.
                let inode = bench.world.inode(LOG);
                let saved = bench.logs.positions.files.values().rev().find(|at| Some(at.file.inode) == inode);
                if saved.is_some_and(|at| at.offset > 0) {
                    rotated += 1;
                    bench.world.copy(LOG, &format!("/var/log/app.log.{rotated}"));
                    bench.world.truncate(LOG);
                    bench.pass(0);
                }
            }
            Act::Pass(millis) => bench.pass(*millis),
            Act::Restart(effects) => bench.restart(*effects),
            Act::Server(mood) => bench.world.mood.set(*mood),
        }
    }
    end_line(&bench, &mut unfinished);
    bench.world.mood.set(Mood::Up);
    bench.settle();
    bench.settle();
    (written, bench.messages())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn every_line_arrives_exactly_once_and_in_order(acts in prop::collection::vec(act(), 1..40), wide in any::<bool>()) {
        let rule = rule(if wide { "/var/log/app.log*" } else { LOG });
        let (written, arrived) = play(rule, &acts, |number| format!("line {number}"));
        prop_assert_eq!(written, arrived);
    }

    #[test]
    fn equal_lines_of_one_second_arrive_as_often_as_they_were_written(acts in prop::collection::vec(act(), 1..40)) {
        let mut rule = rule(LOG);
        rule.time = Some(TimestampFormat::new("%s", TimeZone::UTC).unwrap());
        let (written, arrived) = play(rule, &acts, |number| format!("{} again", START.0 / 1_000 + number as i64 / 8));
        prop_assert_eq!(written, arrived);
    }
}
