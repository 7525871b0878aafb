//! Few are answered at once, and each in time.

use super::*;
use std::future::pending;

#[tokio::test]
async fn who_gets_no_turn_or_no_answer_in_time_is_told_so() {
    let turns = Semaphore::new(1);
    assert_eq!(in_turn(&turns, TIME_MAX, async { Ok(1) }).await.unwrap(), 1);
    let taken = turns.acquire().await.unwrap();
    let late = in_turn(&turns, Duration::ZERO, async { Ok(2) }).await.unwrap_err();
    assert_eq!(late.code(), "ValidationException");
    assert_eq!(late.message(), "There was no answer within a minute. Ask for a shorter time.");
    drop(taken);
    assert!(in_turn(&turns, Duration::ZERO, pending::<Result<(), ApiError>>()).await.is_err());
    // Its turn is free again.
    assert_eq!(turns.available_permits(), 1);
}
