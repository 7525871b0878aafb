//! Worlds of users, roles and workloads whose events come in in any order, some never: what the index answers is what a resolver answers that
//! looks through all of them, and where nothing is missing it is the truth.

use super::{T0, call, record};
use crate::actors::{Call, Issuances, Means, Resolution, resolve};
use model::Timestamp;
use model::limits::ACTOR_CHAIN_MAX;
use proptest::prelude::*;
use serde_json::{Value, json};

/// What happens next.
#[derive(Debug, Clone)]
enum Step {
    /// Somebody logs in, in one of some ways.
    Login(u8),
    /// One of the sessions takes a role, under one of few names.
    Take(usize, u8),
    /// One of the sessions calls.
    Use(usize),
}

fn steps() -> impl Strategy<Value = Vec<(Step, i64)>> {
    let step = prop_oneof![
        (0..5_u8).prop_map(Step::Login),
        (any::<usize>(), 0..2_u8).prop_map(|(session, name)| Step::Take(session, name)),
        any::<usize>().prop_map(Step::Use),
    ];
    prop::collection::vec((step, prop_oneof![Just(0_i64), 1..40_i64, 3000..4000_i64]), 1..60)
}

/// A credential in somebody's hands.
#[derive(Debug, Clone)]
struct Held {
    identity: Value,
    actor: String,
    session: String,
    is_console: bool,
}

/// An event, and who did it in which session.
#[derive(Debug, Clone)]
struct Happened {
    call: Call,
    actor: String,
    session: String,
}

#[derive(Default)]
struct World {
    now: i64,
    held: Vec<Held>,
    happened: Vec<Happened>,
}

const ACCOUNT: &str = "111122223333";

impl World {
    fn of(steps: &[(Step, i64)]) -> Self {
        let mut world = World::default();
        for (step, seconds) in steps {
            world.now += seconds;
            match step {
                Step::Login(way) => world.login(*way),
                Step::Take(at, name) => world.take(*at, *name),
                Step::Use(at) => world.call(*at),
            }
        }
        world
    }

    fn key(&self, kind: &str) -> String {
        format!("{kind}{:016}", self.happened.len())
    }

    fn happens(&mut self, held: &Held, name: &str, source: &str, more: &Value) {
        let mut record = record(name, source, self.now, &held.identity, more);
        if held.is_console {
            record["sessionCredentialFromConsole"] = json!("true");
        }
        let call = call(&format!("event-{}", self.happened.len()), &record);
        self.happened.push(Happened { call, actor: held.actor.clone(), session: held.session.clone() });
    }

    fn created(&self) -> String {
        Timestamp(T0 + self.now * 1000).iso_seconds()
    }

    /// The session of a role that is given out now.
    fn session(&self, role: &str, name: &str, key: &str) -> Value {
        json!({ "type": "AssumedRole", "principalId": format!("AROA{role}:{name}"), "accountId": ACCOUNT, "accessKeyId": key,
            "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{name}"),
            "sessionContext": { "attributes": { "creationDate": self.created() },
                "sessionIssuer": { "type": "Role", "arn": format!("arn:aws:iam::{ACCOUNT}:role/{role}") } } })
    }

    fn gives(&self, role: &str, name: &str, key: &str) -> Value {
        json!({ "requestParameters": { "roleArn": format!("arn:aws:iam::{ACCOUNT}:role/{role}") }, "responseElements": {
            "credentials": { "accessKeyId": key }, "assumedRoleUser": { "assumedRoleId": format!("AROA{role}:{name}") } } })
    }

    fn user(&self, name: &str, key: &str) -> Value {
        json!({ "type": "IAMUser", "principalId": format!("AIDA{name}"), "accountId": ACCOUNT, "userName": name,
            "arn": format!("arn:aws:iam::{ACCOUNT}:user/{name}"), "accessKeyId": key })
    }

    fn login(&mut self, way: u8) {
        let n = self.happened.len();
        let name = format!("someone{n}");
        let arn = format!("arn:aws:iam::{ACCOUNT}:user/{name}");
        let key = self.key("ASIA");
        match way {
            // A key that does not expire.
            0 => {
                let key = self.key("AKIA");
                let identity = self.user(&name, &key);
                let held = Held { identity, actor: arn, session: key, is_console: false };
                self.happens(&held, "ListBuckets", "s3.amazonaws.com", &json!({}));
                self.held.push(held);
            }
            // A sign-in to the console.
            1 => {
                let login = Held {
                    identity: self.user(&name, ""),
                    actor: arn,
                    session: format!("event-{n}"),
                    is_console: false,
                };
                let mut identity = self.user(&name, &key);
                identity["sessionContext"] = json!({ "attributes": { "creationDate": self.created() } });
                self.now += 2;
                self.happens(
                    &login,
                    "ConsoleLogin",
                    "signin.amazonaws.com",
                    &json!({ "responseElements": { "ConsoleLogin": "Success" } }),
                );
                self.held.push(Held { identity, is_console: true, ..login });
            }
            way => {
                let (event, actor, identity) = match way {
                    2 => (
                        "AssumeRoleWithSAML",
                        format!("saml:idp/{name}"),
                        json!({ "type": "SAMLUser", "userName": name, "identityProvider": "idp" }),
                    ),
                    3 => (
                        "AssumeRoleWithWebIdentity",
                        format!("web:idp/{name}"),
                        json!({ "type": "WebIdentityUser", "userName": name, "identityProvider": "idp" }),
                    ),
                    _ => (
                        "AssumeRole",
                        format!("service:x.amazonaws.com/{name}"),
                        json!({ "type": "AWSService", "invokedBy": "x.amazonaws.com" }),
                    ),
                };
                let login = Held { identity, actor, session: key.clone(), is_console: false };
                self.happens(&login, event, "sts.amazonaws.com", &self.gives("entry", &name, &key));
                self.held.push(Held { identity: self.session("entry", &name, &key), ..login });
            }
        }
    }

    fn take(&mut self, at: usize, name: u8) {
        if self.held.is_empty() {
            return;
        }
        let held = self.held[at % self.held.len()].clone();
        let (name, key) = (format!("n{name}"), self.key("ASIA"));
        self.happens(&held, "AssumeRole", "sts.amazonaws.com", &self.gives("next", &name, &key));
        let begins = held.identity["accessKeyId"].as_str().is_some_and(|key| key.starts_with("AKIA"));
        let session = if begins { key.clone() } else { held.session.clone() };
        self.held.push(Held { identity: self.session("next", &name, &key), session, ..held });
    }

    fn call(&mut self, at: usize) {
        if self.held.is_empty() {
            return;
        }
        let mut held = self.held[at % self.held.len()].clone();
        if held.is_console && held.identity["type"] == "IAMUser" {
            // The console gets a key for each page.
            held.identity["accessKeyId"] = json!(self.key("ASIA"));
        }
        self.happens(&held, "GetObject", "s3.amazonaws.com", &json!({}));
    }
}

/// The same question, answered by looking through all calls each time; actor and session.
fn naive(call: &Call, all: &[Call]) -> (Option<String>, Option<String>) {
    let issued = |call: &Call| call.issued.clone().unwrap();
    let mut session = call
        .issued
        .as_ref()
        .filter(|_| !call.identity.is_session() && call.identity.access_key.is_empty())
        .map(|issued| issued.key.clone().unwrap_or_else(|| call.event_id.clone()));
    let mut at = call.clone();
    let mut steps = Vec::new();
    while at.identity.is_session() {
        let identity = at.identity.clone();
        let givers = all.iter().filter(|call| call.issued.is_some());
        let of_key = givers.clone().find(|call| issued(call).key.as_deref() == Some(identity.access_key.as_str()));
        let created = identity.created.unwrap().millis();
        let near = |call: &&Call, seconds: i64| {
            let is_itself = call.identity.principal == identity.principal && call.identity.created == identity.created;
            !is_itself
                && issued(call).principal == identity.principal
                && (call.time.millis() - created).abs() <= seconds * 1000
        };
        let console: Vec<&Call> = givers
            .clone()
            .filter(|call| identity.is_console && near(call, 5) && issued(call).by == Means::Key)
            .collect();
        let mut callers: Vec<_> =
            console.iter().map(|call| (&call.identity.access_key, &call.identity.principal)).collect();
        callers.dedup();
        callers.sort();
        callers.dedup();
        let nearest = |calls: Vec<&Call>| {
            calls.into_iter().min_by_key(|call| ((call.time.millis() - created).abs(), call.event_id.clone())).cloned()
        };
        let of_principal = match callers.len() {
            0 => nearest(givers.filter(|call| near(call, 60) && issued(call).by == Means::SignIn).collect()),
            1 => nearest(console),
            _ => None,
        };
        match of_key.cloned().or(of_principal) {
            Some(found) if steps.len() < ACTOR_CHAIN_MAX && !steps.contains(&found) => {
                session = Some(issued(&found).key.unwrap_or_else(|| found.event_id.clone()));
                steps.push(found.clone());
                at = found;
            }
            _ => {
                let is_user = identity.kind == "IAMUser";
                let by_date = format!("{}@{}", identity.principal, identity.created.unwrap().iso_seconds());
                let session = if identity.is_console { by_date } else { identity.access_key.clone() };
                assert!(is_user || identity.kind == "AssumedRole");
                return (Some(identity.arn), Some(session));
            }
        }
    }
    let identity = &at.identity;
    let principal =
        steps.last().unwrap_or(call).issued.as_ref().map(|issued| issued.principal.clone()).unwrap_or_default();
    let actor = match identity.kind.as_str() {
        "IAMUser" => identity.arn.clone(),
        "SAMLUser" => format!("saml:idp/{}", identity.user_name),
        "WebIdentityUser" => format!("web:idp/{}", identity.user_name),
        _ => format!("service:{}/{}", identity.invoked_by, principal.split_once(':').unwrap().1),
    };
    (Some(actor), session.or_else(|| Some(identity.access_key.clone())))
}

fn answers(resolution: Resolution) -> (Option<String>, Option<String>) {
    (resolution.actor, resolution.session)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arrival_in_any_order_changes_nothing(
        (steps, order) in steps().prop_flat_map(|steps| {
            let events = (0..steps.len()).collect::<Vec<_>>();
            (Just(steps), Just(events).prop_shuffle())
        }),
        missing in prop::collection::vec(0..60_usize, 0..4),
    ) {
        let world = World::of(&steps);
        let mut arrived: Vec<Call> = Vec::new();
        let (mut issuances, mut whole) = (Issuances::whole(), Issuances::whole());
        for at in order.iter().filter(|at| !missing.contains(at)) {
            let Some(happened) = world.happened.get(*at) else { continue };
            arrived.push(happened.call.clone());
            issuances.add(happened.call.clone());
            // What is known at this moment is answered, also about what came before.
            for probe in arrived.iter().rev().take(3).chain(arrived.first()) {
                prop_assert_eq!(answers(resolve(probe, &issuances).unwrap()), naive(probe, &arrived), "{:?}", probe);
            }
        }
        for call in &arrived {
            prop_assert_eq!(answers(resolve(call, &issuances).unwrap()), naive(call, &arrived), "{:?}", call);
        }
        world.happened.iter().for_each(|happened| whole.add(happened.call.clone()));
        for Happened { call, actor, session } in &world.happened {
            let resolution = resolve(call, &whole).unwrap();
            let by_name = resolution.chain.iter().any(|call| call.issued.as_ref().is_some_and(|issued| issued.by == Means::Key))
                && call.identity.is_console;
            // Roles that were taken at one moment in consoles of different people cannot be told apart.
            if !by_name || resolution.is_complete {
                prop_assert!(resolution.is_complete);
                prop_assert_eq!((resolution.actor.as_deref(), resolution.session.as_deref()), (Some(actor.as_str()), Some(session.as_str())));
            }
        }
    }
}
