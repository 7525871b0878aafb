//! Alarms: the pure rule (`state`), its words (`reason`, `history`), and the hub that the clock drives (`evaluate`).
//!
//! Pure too: composite alarms (`rule`) and what suppresses their actions (`suppression`), mute rules (`mute`), the periods
//! that are looked at (`window`), alarms on many series (`recovery`), and what the world is told (`notification`). `observe`
//! reads what an alarm watches, or other nodes do (`observers`); `memory` is what it remembers. Log alarms have a hub of their own (`log_alarm`).

pub mod actions;
pub mod backtest;
pub mod composite;
pub mod evaluate;
pub mod history;
pub mod log_alarm;
pub mod memory;
pub mod mute;
pub mod muting;
pub mod notification;
pub mod observe;
pub mod observers;
mod places;
pub mod reason;
pub mod recovery;
pub mod rule;
pub mod state;
pub mod suppression;
pub mod transition;
pub mod window;
pub mod zone;

pub use evaluate::{Evaluated, evaluate_due};
pub use log_alarm::evaluate_due_on_logs;
pub use mute::cron::Cron;
