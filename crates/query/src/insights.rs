//! CloudWatch Logs Insights: queries over log events, in three languages that are read into one tree and run by one engine.

pub mod ast;
