//! CloudWatch Logs operations: one file per operation, named after the CLI command.

use crate::Watch;
use wire::Operation;

/// The implemented Logs operations.
pub fn operations() -> Vec<Operation<Watch>> {
    Vec::new()
}
