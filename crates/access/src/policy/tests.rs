//! A table of published cases, refusals in IAM's words, and random policies against a naive evaluator.

mod decisions;
mod elements;
mod malformed;
mod naive;

use super::*;
use std::collections::BTreeMap;
use std::sync::Arc;

const ACCOUNT: &str = "123456789012";
const USER: &str = "arn:aws:iam::123456789012:user/johndoe";

type Keys = BTreeMap<String, Vec<String>>;

fn keys(pairs: &[(&str, &[&str])]) -> Keys {
    let texts = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
    pairs.iter().map(|(key, values)| (key.to_ascii_lowercase(), texts(values))).collect()
}

fn user() -> Principal<'static> {
    Principal { kind: PrincipalKind::User, account: ACCOUNT, arn: USER, role_arn: None }
}

fn request<'a>(action: &'a str, resource: &'a str, context: &'a Keys) -> Request<'a> {
    Request { principal: user(), action, resource, context }
}

fn policy(text: &str) -> Arc<Policy> {
    Arc::new(Policy::parse("p", text, Purpose::Identity).unwrap_or_else(|error| panic!("{error}: {text}")))
}

fn resource_policy(text: &str) -> Arc<Policy> {
    Arc::new(Policy::parse("r", text, Purpose::Resource).unwrap_or_else(|error| panic!("{error}: {text}")))
}

/// One statement, with Version 2012-10-17.
fn statement(body: &str) -> Arc<Policy> {
    policy(&format!(r#"{{"Version":"2012-10-17","Statement":{{{body}}}}}"#))
}

fn allows(policies: &[Arc<Policy>], action: &str, resource: &str, context: &Keys) -> bool {
    decide(&request(action, resource, context), &Policies { identity: policies, ..Policies::default() }).is_allowed()
}

/// Whether a condition of an allowing statement holds.
fn holds(condition: &str, context: &Keys) -> bool {
    let body = format!(r#""Effect":"Allow","Action":"a:B","Resource":"*","Condition":{condition}"#);
    allows(&[statement(&body)], "a:B", "*", context)
}
