//! Live detections where the planes are joined: the folder of rules on this machine's disk, and findings on their way into the
//! store, with what trails deliver of them. Commands are in `command.rs`, history is asked for in `backtest.rs`.

pub mod backtest;
pub mod command;
mod folder;

pub use folder::DiskFolder;

use crate::log_delivery;
use crate::server::Server;
use model::{Batch, Datapoint, Event};
use std::path::Path;
use std::sync::Arc;
use trail::detections::{Appending, Findings, Follower};

/// A follower of the server's events, with the rules of a folder; the first of all begins with what is accepted from now on.
pub fn follower(server: &Arc<Server>, rules: &Path) -> Follower {
    let begin = server.trail.store.event_sequence();
    Follower::new(Arc::new(DiskFolder::new(rules)), recorded(server), begin)
}

/// Where what follows from audit events goes.
pub fn recorded(server: &Arc<Server>) -> Arc<dyn Findings> {
    Arc::new(Recorded(Arc::clone(server)))
}

/// Findings are recorded as our own calls are.
struct Recorded(Arc<Server>);

impl Findings for Recorded {
    fn append(&self, events: Vec<Event>, datapoints: Vec<Datapoint>) -> Appending<'_> {
        Box::pin(async move {
            let mut batch = Batch { datapoints, ..Batch::default() };
            let mut delivered = Vec::new();
            for event in events {
                let (one, deliveries) = log_delivery::batch(&self.0, event).await;
                batch.logs.extend(one.logs);
                batch.datapoints.extend(one.datapoints);
                batch.events.extend(one.events);
                delivered.push(deliveries);
            }
            self.0.trail.store.append(batch).await?;
            for deliveries in delivered {
                deliveries.stored(&self.0, self.0.clock.now()).await;
            }
            Ok(())
        })
    }
}
