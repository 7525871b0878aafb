//! A proxy in front of any AWS-compatible backend that turns each call into one Event and its Datapoints.
//!
//! One call: `connection` (bytes) -> `proxy` (the walk) -> `forms` (which operation; pure) -> `identity` (who) -> `rules` (whether) ->
//! `audit` (the event, to `spool`) -> `proxy/upstream` (the backend). Beside the calls: `delivery` (spool to Trailwatch) and `metrics`.
//!
//! Clock, ids and disk are parameters; the subcommand `trailwatch gateway` has the real ones.

mod audit;
pub mod call;
pub mod connection;
pub mod delivery;
pub mod forms;
pub mod identity;
pub mod metrics;
pub mod proxy;
mod refusal;
pub mod rules;
pub mod shares;
pub mod spool;

pub use call::Tls;
pub use forms::Service;
pub use proxy::{Gateway, Parts, Settings};
