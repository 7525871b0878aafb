//! CloudWatch operations: one file per operation, named after the CLI command.

use crate::Watch;
use wire::Operation;

/// The implemented CloudWatch operations.
pub fn operations() -> Vec<Operation<Watch>> {
    Vec::new()
}
