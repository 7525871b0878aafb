//! Golden files for every function and family of operators, and what is not about values: syntax, types, labels, limits.

mod golden;
mod naive;
mod unit;
