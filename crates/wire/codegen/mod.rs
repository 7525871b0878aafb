//! Code generation, run by `build.rs`: `model` reads a service model, the others each write one kind of item.

pub mod errors;
pub mod model;
pub mod names;
pub mod operations;
pub mod rules;
pub mod structures;
pub mod texts;
