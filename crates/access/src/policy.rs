//! IAM policies: JSON text compiled to statements, and the decision over a request; pure, without IO and without a clock.
//!
//! `Policy::parse` compiles a document once; `decide` asks many. What AWS documents is followed (IAM User Guide: policy grammar,
//! evaluation logic, condition operators). Where it is silent, the choice that grants less is made:
//! - A policy variable that the request does not resolve matches nothing. Under a negation (NotResource, StringNotEquals) an
//!   Allow statement then does not apply, and a Deny statement does.
//! - An object of the document that has a member twice is refused, for readers would differ about it.
//! - A value of the request that is not of an operator's type (a number, a date, an address) equals nothing.

mod arn_pattern;
mod condition;
mod context;
mod decide;
mod document;
mod json;
mod parse;
mod pattern;
mod principals;

pub use context::{Context, Principal, PrincipalKind, Request, Values};
pub use decide::{Decision, Found, Policies, PolicyKind, ResourcePolicies, decide, matching};
pub use document::{Effect, Policy, Position, Purpose, Statement};
pub use parse::Malformed;

#[cfg(test)]
mod tests;
