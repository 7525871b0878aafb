//! A proxy in front of any AWS-compatible backend that turns each call into one Event and its Datapoints.

pub mod call;
pub mod forms;
