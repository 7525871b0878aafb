//! CloudWatch Logs Insights: queries over log events, in three languages that are read into one tree and run by one engine.

mod aggregate;
pub mod ast;
mod build;
mod calendar;
mod code;
mod event;
mod extract;
mod functions;
mod groups;
mod plan;
mod push_down;
mod reduce;
mod rows;
mod scope;
mod step;
mod subqueries;
mod value;
mod worker;

pub use event::Event;
pub use plan::{Answer, Context, LookupTable, Plan, PlanError};
pub use worker::Worker;
