//! Alarms: the pure rule (`state`), its words (`reason`, `history`), and the hub that the clock drives (`evaluate`).

pub mod actions;
pub mod evaluate;
pub mod history;
pub mod mute;
pub mod notification;
pub mod reason;
pub mod recovery;
pub mod rule;
pub mod state;
pub mod suppression;
pub mod transition;
pub mod window;
pub mod zone;

pub use evaluate::{Evaluated, evaluate_due};
