//! The operations as calls, from form to XML, and decisions over what they made.

mod identities;
mod permissions;
mod sessions;

use super::*;
use model::clock::ManualClock;
use model::{Caller, Scope, Timestamp};
use std::sync::atomic::{AtomicU8, Ordering};
use wire::{Call, Guard, Protocol, Service};

const ACCOUNT: &str = "123456789012";
const NOW: Timestamp = Timestamp(1_795_651_200_000);

/// Identities over an empty catalog, at a clock that stands still.
struct World {
    access: Access,
    clock: Arc<ManualClock>,
    catalog: Catalog,
}

fn scope() -> Scope {
    Scope { account: ACCOUNT.into(), region: "us-east-1".into() }
}

fn root() -> Caller {
    Caller::root(scope(), "AKIAROOT")
}

/// Bytes that count on, so that no two draws are alike.
fn counting() -> Random {
    let next = AtomicU8::new(0);
    Arc::new(move |bytes: &mut [u8]| {
        bytes.iter_mut().for_each(|byte| *byte = next.fetch_add(1, Ordering::Relaxed));
        let last = bytes.len() - 1;
        bytes[last] ^= next.fetch_add(1, Ordering::Relaxed).rotate_left(3);
        Ok(())
    })
}

impl World {
    async fn new() -> Self {
        let catalog = Catalog::in_memory().await.unwrap();
        let clock = Arc::new(ManualClock::at(NOW));
        let sealing = SealingKey::new([9; 32]);
        let access = Access::open(catalog.clone(), clock.clone(), counting(), sealing).await.unwrap();
        Self { access, clock, catalog }
    }

    /// Calls an operation with `Name=value` pairs; answers the XML, or `Code: text`.
    async fn call_as(&self, caller: &Caller, operation: &str, pairs: &[(&str, &str)]) -> Result<String, String> {
        let row = operations().into_iter().find(|row| row.name == operation).expect(operation);
        let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        let form: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        let form = form.join("&");
        let asking = Asking { caller, now: self.clock.now() };
        let guard = self.access.guard(asking, row.service, row.name);
        let call = Call {
            protocol: Protocol::Query,
            path: "/",
            query: "",
            body: form.as_bytes(),
            request_id: "r",
            audited: true,
            guard: guard.as_ref().map(|guard| guard as &dyn Guard),
        };
        let answer = (row.run)(&self.access, caller, call).await;
        for recorded in [&answer.request_parameters, &answer.response_elements] {
            assert!(!recorded.as_deref().unwrap_or_default().contains("SECRET"), "{recorded:?}");
        }
        match answer.error {
            Some(error) => {
                assert!(error.status() < 500, "{error:?}");
                Err(format!("{}: {}", error.shape().query_code, error.message()))
            }
            None => Ok(String::from_utf8(answer.response.body.to_vec()).unwrap()),
        }
    }

    async fn call(&self, operation: &str, pairs: &[(&str, &str)]) -> Result<String, String> {
        self.call_as(&root(), operation, pairs).await
    }

    async fn done(&self, operation: &str, pairs: &[(&str, &str)]) -> String {
        self.call(operation, pairs).await.unwrap_or_else(|error| panic!("{operation}: {error}"))
    }

    /// A user with one inline policy, and who calls with its key.
    async fn user(&self, name: &str, statement: &str) -> Caller {
        self.done("CreateUser", &[("UserName", name)]).await;
        self.put_policy(name, statement).await;
        let key = self.done("CreateAccessKey", &[("UserName", name)]).await;
        self.identified(&element(&key, "AccessKeyId"), None).unwrap()
    }

    async fn put_policy(&self, name: &str, statement: &str) {
        let document = document(statement);
        let pairs = [("UserName", name), ("PolicyName", "inline"), ("PolicyDocument", document.as_str())];
        self.done("PutUserPolicy", &pairs).await;
    }

    fn identified(&self, key: &str, token: Option<&str>) -> Result<Caller, wire::sigv4::SignatureError> {
        let found = self.access.identify(key, token, self.clock.now())?;
        Ok(found.into_caller("us-east-1".into(), key.to_owned()))
    }
}

fn document(statement: &str) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":[{{{statement}}}]}}"#)
}

/// The text of the first element called `name`.
fn element(xml: &str, name: &str) -> String {
    let (_, rest) = xml.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("no {name} in {xml}"));
    rest.split_once(&format!("</{name}>")).unwrap().0.to_owned()
}

const ALL: &str = r#""Effect":"Allow","Action":"*","Resource":"*""#;
