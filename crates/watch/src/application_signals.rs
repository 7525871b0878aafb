//! The operations of `aws application-signals`, one file per command: change events, which are audit events in another form.

mod list_entity_events;

use crate::Watch;
use wire::{Access, Audit, Operation, application_signals, operation};

/// The rows of this service.
pub fn operations() -> Vec<Operation<Watch>> {
    vec![operation!(
        Access::Read,
        Audit::Management,
        application_signals::ListEntityEvents,
        list_entity_events::list_entity_events,
    )]
}
