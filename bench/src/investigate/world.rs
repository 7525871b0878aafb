//! A made-up account: apps, people and robots, two weeks of what they change, one alarm, and at times the fault behind it.
//!
//! Robots do the same things again and again: by the hour, every night, at every deployment. People change this and that in working
//! hours. In the hour that is asked about there are all of these, and more: somebody looks at the very app that breaks, tags it, tries
//! something that is refused; another app is deployed or loses a policy. A fault's change is made by a person to whom it is
//! rare, or by one who does it often, or by the robot whose job it is. It shows after 20 seconds to 40 minutes.

use super::faults::{KINDS, Kind, Link};
use crate::bodies::Random;
use model::time::{DAY, HOUR, MINUTE, SECOND};
use model::{Event, EventResource, Timestamp};
use serde_json::json;

/// Where the weeks end, about: a Thursday afternoon.
const END_MS: i64 = 1_795_000_000_000;
/// Days of history.
const DAYS: i64 = 14;

/// The change behind an alarm.
#[derive(Debug, Clone)]
pub struct Fault {
    pub event_id: String,
    pub link: Link,
}

/// What is to be explained.
#[derive(Debug, Clone)]
pub struct World {
    pub alarm_name: String,
    pub namespace: String,
    pub metric_name: String,
    pub dimension: (String, String),
    pub period_ms: i64,
    pub points: Vec<(Timestamp, f64)>,
    /// When the points begin, and when it really began.
    pub points_from: Timestamp,
    pub onset: Timestamp,
    /// When the alarm went to ALARM, and what it looks at: periods.
    pub fired: Timestamp,
    pub evaluation_periods: i64,
    pub earlier: Vec<Timestamp>,
    pub events: Vec<Event>,
    pub lines: Vec<(Timestamp, String)>,
    pub log_group: Option<String>,
    pub fault: Option<Fault>,
}

struct Maker {
    random: Random,
    events: Vec<Event>,
    apps: Vec<String>,
    people: Vec<String>,
    onset: Timestamp,
}

const TEAMS: [&str; 6] = ["shop", "billing", "search", "media", "fleet", "crm"];
const THINGS: [&str; 10] =
    ["checkout", "assets", "orders", "index", "thumbs", "invoices", "users", "sessions", "prices", "reports"];
const NAMES: [&str; 10] = ["alice", "bob", "carol", "dan", "erin", "frank", "grace", "heidi", "ivan", "judy"];

/// What people do now and then, to things of any app.
const NOW_AND_THEN: [(&str, &str, &str, &str); 14] = [
    ("ec2.amazonaws.com", "CreateTags", "resourceId", "{app}"),
    ("s3.amazonaws.com", "PutBucketTagging", "bucketName", "{app}"),
    ("iam.amazonaws.com", "CreatePolicyVersion", "policyArn", "arn:aws:iam::111122223333:policy/{app}-read"),
    ("iam.amazonaws.com", "AttachUserPolicy", "userName", "intern"),
    ("lambda.amazonaws.com", "UpdateFunctionConfiguration20150331v2", "functionName", "{app}"),
    ("ec2.amazonaws.com", "AuthorizeSecurityGroupIngress", "groupId", "sg-{id}"),
    ("ec2.amazonaws.com", "ModifyInstanceAttribute", "instanceId", "i-{id}"),
    ("rds.amazonaws.com", "CreateDBSnapshot", "dBInstanceIdentifier", "{app}"),
    ("monitoring.amazonaws.com", "PutDashboard", "dashboardName", "{app}"),
    ("monitoring.amazonaws.com", "PutMetricAlarm", "alarmName", "{app}-latency"),
    ("ssm.amazonaws.com", "PutParameter", "name", "/{app}/feature/flag"),
    ("dynamodb.amazonaws.com", "UpdateTable", "tableName", "{app}"),
    ("s3.amazonaws.com", "DeleteBucketPolicy", "bucketName", "{app}-old"),
    ("signin.amazonaws.com", "ConsoleLogin", "mfa", "yes"),
];

impl World {
    /// The world of a seed; a quiet one has an alarm and no change behind it.
    pub fn made(seed: u64, is_quiet: bool) -> Self {
        let mut random = Random::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let onset = Timestamp(END_MS + random.below(8 * HOUR as u64) as i64);
        let mut apps: Vec<String> = Vec::new();
        for team in TEAMS {
            apps.extend(THINGS.iter().filter(|_| random.below(3) == 0).map(|thing| format!("{team}-{thing}")));
        }
        apps.push("core-gateway".into());
        let people = NAMES[..5 + random.below(5) as usize].iter().map(|name| (*name).to_owned()).collect();
        let mut maker = Maker { random, events: Vec::new(), apps, people, onset };
        let kind = &KINDS[maker.random.below(KINDS.len() as u64) as usize];
        let app = maker.app();
        let earlier = maker.earlier(kind, &app);
        maker.robots();
        maker.people_at_work();
        maker.the_hour(&app);
        let fault = (!is_quiet).then(|| maker.fault(kind, &app));
        maker.world(kind, &app, earlier, fault)
    }

    /// The same with a slow wave below the metric, as load has it: a period of one to six hours, up and down by half the level, and up to
    /// all of it. It follows from the seed, apart from all else.
    #[must_use]
    pub fn on_a_wave(mut self, seed: u64) -> Self {
        let mut random = Random::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x3a7e);
        let mut share = || random.below(1 << 20) as f64 / f64::from(1 << 20);
        let (hours, begin, height) = (6.0_f64.powf(share()), share(), 0.5 + 0.5 * share());
        let mut quiet: Vec<f64> = self.points.iter().map(|(_, value)| *value).collect();
        quiet.sort_unstable_by(f64::total_cmp);
        let amplitude = height * (quiet[quiet.len() / 2] + 1.0);
        for (time, value) in &mut self.points {
            let turns = (*time - self.points_from) as f64 / (hours * HOUR as f64) + begin;
            *value = (*value + amplitude * (1.0 + (turns * std::f64::consts::TAU).sin())).round();
        }
        self
    }
}

impl Maker {
    fn app(&mut self) -> String {
        let at = self.random.below(self.apps.len() as u64) as usize;
        self.apps[at].clone()
    }

    fn person(&mut self) -> String {
        let at = self.random.below(self.people.len() as u64) as usize;
        self.people[at].clone()
    }

    fn id(&mut self) -> String {
        format!("{:012x}", self.random.next() >> 16)
    }

    /// A number from 0 to 1.
    fn share(&mut self) -> f64 {
        self.random.below(1 << 30) as f64 / (1_u64 << 30) as f64
    }

    fn ago(&self, ms: i64) -> Timestamp {
        self.onset - ms
    }

    /// A moment of so many milliseconds before the onset.
    fn some_time(&mut self, within_ms: i64) -> Timestamp {
        self.onset - self.random.below(within_ms as u64) as i64
    }

    /// Records a call; answers its event id.
    fn call(
        &mut self,
        time: Timestamp,
        who: &str,
        (source, action): (&str, &str),
        (parameter, value): (&str, &str),
        (resource_type, error): (Option<&str>, &str),
    ) -> String {
        let event_id = format!("{:08x}-{:012x}", self.events.len(), self.random.next() >> 16);
        let is_robot = who.starts_with("robot-");
        let arn = match is_robot {
            true => format!("arn:aws:sts::111122223333:assumed-role/{who}/{who}"),
            false => format!("arn:aws:iam::111122223333:user/{who}"),
        };
        let record = json!({
            "eventVersion": "1.11", "eventID": event_id, "eventTime": time.iso_seconds(), "eventSource": source, "eventName": action,
            "awsRegion": "us-east-1", "sourceIPAddress": "203.0.113.7", "userAgent": "aws-cli/2", "readOnly": false,
            "userIdentity": { "type": if is_robot { "AssumedRole" } else { "IAMUser" }, "arn": arn, "userName": who },
            "requestParameters": { parameter: value }, "responseElements": null,
        });
        let resources =
            resource_type.map(|kind| EventResource { resource_type: kind.to_owned(), name: value.to_owned() });
        self.events.push(Event {
            event_id: event_id.clone(),
            account: "111122223333".into(),
            region: "us-east-1".into(),
            time: time.floor_to(SECOND),
            name: action.to_owned(),
            source: source.to_owned(),
            category: "Management".into(),
            username: who.to_owned(),
            read_only: Some(false),
            error_code: error.to_owned(),
            source_ip: "203.0.113.7".into(),
            user_arn: arn,
            resources: resources.into_iter().collect(),
            record: record.to_string(),
            ..Event::default()
        });
        event_id
    }

    /// Robots, over all days: deployments, what runs every night, what runs every few minutes.
    fn robots(&mut self) {
        let apps = self.apps.clone();
        for day in 0..=DAYS {
            for _ in 0..3 + self.random.below(5) {
                let (at, app) = (self.random.below(DAY as u64) as i64, self.app());
                let time = self.ago(day * DAY + at);
                if self.random.below(2) == 0 {
                    self.call(
                        time,
                        "robot-ci",
                        ("lambda.amazonaws.com", "UpdateFunctionCode20150331v2"),
                        ("functionName", &app),
                        (None, ""),
                    );
                } else {
                    let service = format!("{app}-web");
                    self.call(
                        time,
                        "robot-ci",
                        ("ecs.amazonaws.com", "RegisterTaskDefinition"),
                        ("family", &service),
                        (None, ""),
                    );
                    self.call(
                        time + 20 * SECOND,
                        "robot-ci",
                        ("ecs.amazonaws.com", "UpdateService"),
                        ("service", &service),
                        (None, ""),
                    );
                }
            }
            for (place, app) in apps.iter().enumerate() {
                let time = self.ago(day * DAY + 5 * HOUR + place as i64 * 17 * SECOND);
                self.call(
                    time,
                    "robot-backup",
                    ("rds.amazonaws.com", "CreateDBSnapshot"),
                    ("dBInstanceIdentifier", app),
                    (None, ""),
                );
            }
            // Every day at the same time, and the fault comes just after.
            let (time, app) = (self.ago(day * DAY + 7 * MINUTE), self.app());
            let secret = format!("{app}/database");
            self.call(
                time,
                "robot-rotate",
                ("secretsmanager.amazonaws.com", "PutSecretValue"),
                ("secretId", &secret),
                (None, ""),
            );
            for step in 0..24 {
                let jitter = self.random.below(50 * MINUTE as u64) as i64;
                let (time, app) = (self.ago(day * DAY + step * HOUR + jitter), self.app());
                self.call(time, "robot-scaler", ("ecs.amazonaws.com", "UpdateService"), ("service", &app), (None, ""));
                self.call(
                    time,
                    "robot-tags",
                    ("tagging.amazonaws.com", "TagResources"),
                    ("resourceARNList", &app),
                    (None, ""),
                );
                let key = format!("{app}/report-{step}.csv");
                self.call(time - MINUTE, "robot-etl", ("s3.amazonaws.com", "PutObject"), ("key", &key), (None, ""));
            }
        }
    }

    /// People, over all days before.
    fn people_at_work(&mut self) {
        for day in 1..=DAYS {
            for _ in 0..4 + self.random.below(16) {
                let at = self.random.below(9 * HOUR as u64) as i64;
                let time = self.ago(day * DAY + at);
                self.now_and_then(time);
            }
        }
    }

    fn now_and_then(&mut self, time: Timestamp) {
        let (source, action, parameter, value) = NOW_AND_THEN[self.random.below(NOW_AND_THEN.len() as u64) as usize];
        let (app, id, person) = (self.app(), self.id(), self.person());
        let error = if self.random.below(8) == 0 { "AccessDenied" } else { "" };
        let value = value.replace("{app}", &app).replace("{id}", &id);
        self.call(time, &person, (source, action), (parameter, &value), (None, error));
    }

    /// The hour before and the minutes after: what is always there, and what misleads.
    fn the_hour(&mut self, app: &str) {
        for _ in 0..3 + self.random.below(12) {
            let time = self.some_time(60 * MINUTE);
            self.now_and_then(time);
        }
        // Somebody looks after the app, before or when it already fails.
        for _ in 0..self.random.below(4) {
            let time = self.some_time(50 * MINUTE) + 10 * MINUTE;
            let person = self.person();
            let (source, action, error) = match self.random.below(4) {
                0 => ("tagging.amazonaws.com", "TagResources", ""),
                1 => ("monitoring.amazonaws.com", "PutDashboard", ""),
                2 => ("lambda.amazonaws.com", "UpdateFunctionConfiguration20150331v2", "AccessDenied"),
                _ => ("ecs.amazonaws.com", "TagResource", ""),
            };
            self.call(time, &person, (source, action), ("name", app), (None, error));
        }
        // Another app loses something, by somebody to whom it is just as rare.
        for _ in 0..self.random.below(3) {
            let kind = &KINDS[self.random.below(KINDS.len() as u64) as usize];
            let other = self.app();
            if other != app {
                let (time, person) = (self.some_time(60 * MINUTE), self.person());
                self.change(kind, &other, time, &person);
            }
        }
    }

    fn change(&mut self, kind: &Kind, app: &str, time: Timestamp, who: &str) -> String {
        let id = self.id();
        let value = kind.parameter.1.replace("{app}", app).replace("{id}", &id);
        self.call(time, who, (kind.source, kind.action), (kind.parameter.0, &value), (kind.resource_type, ""))
    }

    /// Earlier times that the alarm fired; before some of them the same action was called.
    fn earlier(&mut self, kind: &Kind, app: &str) -> Vec<Timestamp> {
        let mut earlier = Vec::new();
        for _ in 0..self.random.below(4) {
            let at = self.some_time(12 * DAY) - DAY;
            if self.random.below(3) == 0 {
                let person = self.person();
                self.change(kind, app, at - 5 * MINUTE, &person);
            }
            earlier.push(at);
        }
        earlier
    }

    /// Makes the change that breaks the app.
    fn fault(&mut self, kind: &Kind, app: &str) -> Fault {
        let delay = 20.0 * 120.0_f64.powf(self.share());
        let time = self.onset - (delay * 1_000.0) as i64;
        let person = self.person();
        let who = match self.random.below(10) {
            // The robot whose job it is.
            0 | 1 => "robot-ci".to_owned(),
            // Somebody who does it often, to other apps.
            2 => {
                for _ in 0..6 {
                    let (ago, other) = (DAY + self.random.below(12 * DAY as u64) as i64, self.app());
                    let time = self.ago(ago);
                    self.change(kind, &other, time, &person);
                }
                person
            }
            _ => person,
        };
        Fault { event_id: self.change(kind, app, time, &who), link: kind.link }
    }

    fn world(mut self, kind: &Kind, app: &str, earlier: Vec<Timestamp>, fault: Option<Fault>) -> World {
        let (namespace, metric_name, dimension) = kind.metric;
        let period_ms = if self.random.below(4) == 0 { 5 * MINUTE } else { MINUTE };
        let evaluation_periods = 1 + self.random.below(4) as i64;
        let points_from = (self.onset - 4 * HOUR).floor_to(period_ms);
        let last = self.onset.floor_to(period_ms) + (evaluation_periods + 1) * period_ms;
        let (level, noise) = (self.random.below(40) as f64, 0.1 + 0.3 * self.share());
        let rise = (level + 5.0) * (1.5 + 20.0 * self.share() * self.share());
        let mut points = Vec::new();
        let mut at = points_from;
        while at < last {
            // The share of the period that lies after the onset.
            let share = ((at + period_ms - self.onset) as f64 / period_ms as f64).clamp(0.0, 1.0);
            let wobble = (self.share() + self.share() + self.share() - 1.5) * 2.0 * noise * (level + 1.0);
            points.push((at, (level + wobble + rise * share).max(0.0).round()));
            at = at + period_ms;
        }
        let (lines, log_group) = self.lines(kind, app, last);
        let value = match dimension {
            "LoadBalancer" => format!("app/{app}-lb/50dc6c495c0c9188"),
            _ => app.to_owned(),
        };
        World {
            alarm_name: format!("{app}-{}", metric_name.to_lowercase()),
            namespace: namespace.to_owned(),
            metric_name: metric_name.to_owned(),
            dimension: (dimension.to_owned(), value),
            period_ms,
            points,
            points_from,
            onset: self.onset,
            fired: last + self.random.below(MINUTE as u64) as i64,
            evaluation_periods,
            earlier,
            events: self.events,
            lines,
            log_group,
            fault,
        }
    }

    /// Lines as always, and since the onset those of the fault, where it logs any and its log group is known.
    fn lines(&mut self, kind: &Kind, app: &str, until: Timestamp) -> (Vec<(Timestamp, String)>, Option<String>) {
        if kind.line.is_empty() || self.random.below(3) == 0 {
            return (Vec::new(), None);
        }
        let mut lines = Vec::new();
        let from = self.onset - 4 * HOUR;
        let length = (until - from) as u64;
        for n in 0..2_000 {
            let (at, id) = (from + self.random.below(length) as i64, self.id());
            lines.push((
                at,
                match n % 5 {
                    0 => format!("INFO GET /items/{id} 200 in {} ms", n % 90),
                    1 => format!("INFO order {id} accepted"),
                    2 => format!("DEBUG cache miss for key {id}"),
                    3 if n % 200 == 3 => format!("WARN slow query took {} ms for {id}", 900 + n),
                    _ => format!("INFO user {id} signed in from 10.0.{}.{}", n % 7, n % 250),
                },
            ));
        }
        for _ in 0..20 + self.random.below(200) {
            let (at, id) = (self.onset + self.random.below((until - self.onset).max(1) as u64) as i64, self.id());
            lines.push((at, format!("{}{id}", kind.line.replace("{app}", app))));
        }
        lines.sort();
        (lines, Some(format!("/app/{app}")))
    }
}
