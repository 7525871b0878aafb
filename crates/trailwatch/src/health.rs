//! `GET /health`: whether the server takes writes, in JSON, without authentication and without secrets.

use serde_json::{Value, json};
use store::Health;

/// The answer's HTTP status and body. 503 when writes are refused, so that a load balancer needs no JSON.
pub fn report(health: &Health, uptime_ms: i64) -> (u16, Value) {
    let status = if health.poisoned.is_some() { "read-only" } else { "ok" };
    let body = json!({
        "status": status,
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_seconds": uptime_ms.max(0) / 1000,
        "reason": health.poisoned,
        "store": {
            "journal_bytes": health.journal_bytes,
            "memtable_bytes": health.memtable_bytes,
            "segments": health.segments,
            "segment_bytes": health.segment_bytes,
            "flush_error": health.flush_error,
        },
    });
    (if health.poisoned.is_some() { 503 } else { 200 }, body)
}
