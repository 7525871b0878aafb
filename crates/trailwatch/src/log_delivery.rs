//! Audit events on their way into the log groups of trails: `trail` says which, `watch` how a log event is stored, and the
//! batch of the audit event takes both along.

use crate::server::Server;
use model::{Batch, Event, Timestamp};
use trail::log_delivery::Delivery;
use watch::logs::{Receipt, prepare_delivery};

/// What is to be done once the batch is stored.
#[derive(Default)]
pub struct Deliveries(Vec<(Delivery, Receipt)>);

/// Puts an event into a batch, and beside it what its trails deliver. A delivery that fails is noted: the event is recorded
/// all the same.
pub async fn batch(server: &Server, event: Event) -> (Batch, Deliveries) {
    let mut batch = Batch::default();
    let mut deliveries = Deliveries::default();
    for delivery in server.trail.log_delivery.of(&event) {
        let line = (event.time, event.record.clone());
        let Delivery { scope, group_name, stream_name, .. } = &delivery;
        match prepare_delivery(&server.watch, scope, group_name, stream_name, vec![line]).await {
            Ok(prepared) => {
                batch.logs.extend(prepared.logs);
                batch.datapoints.extend(prepared.datapoints);
                deliveries.0.push((delivery, prepared.receipt));
            }
            Err(error) => {
                let reason = format!("{}: {}", error.code(), error.message());
                tracing::debug!(trail = delivery.trail_name, log_group = group_name, reason, "deliver audit event");
                server.trail.log_delivery.note(&delivery, event.time, Err(reason));
            }
        }
    }
    batch.events.push(event);
    (batch, deliveries)
}

impl Deliveries {
    /// The batch is stored.
    pub async fn stored(self, server: &Server, at: Timestamp) {
        for (delivery, receipt) in self.0 {
            receipt.stored(&server.watch).await;
            server.trail.log_delivery.note(&delivery, at, Ok(()));
        }
    }
}

#[cfg(test)]
mod tests;
