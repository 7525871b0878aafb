//! The operations of `aws cloudtrail-data`, one file per command.

pub mod audit_event;
pub mod put_audit_events;

use crate::Trail;
use wire::{Access, Audit, Operation, cloudtrail_data, operation};

/// The rows of this service.
pub fn operations() -> Vec<Operation<Trail>> {
    vec![operation!(
        Access::Write,
        Audit::Data("AWS::CloudTrail::Channel"),
        cloudtrail_data::PutAuditEvents,
        put_audit_events::put_audit_events,
    )]
}
