use super::*;

/// Deliveries with a running round of each trail.
fn running(rounds: impl IntoIterator<Item = (i64, bool)>) -> Deliveries {
    let mut deliveries = Deliveries::every(60_000);
    for (id, panics) in rounds {
        let due = Timestamp(60_000);
        deliveries.paces.insert(id, Pace { is_running: true, failures: 0, regular: due, due });
        let task = deliveries.running.spawn(async move {
            assert!(!panics, "a defect");
            std::future::pending().await
        });
        deliveries.trail_of.insert(task.id(), id);
    }
    deliveries
}

#[tokio::test]
async fn a_round_that_panics_is_a_failure_of_its_trail_alone() {
    let mut deliveries = running([(1, false), (2, true)]);
    let ended = deliveries.running.join_next_with_id().await.unwrap();
    deliveries.end(ended, Timestamp(5_000));
    let state = |id: i64| (deliveries.paces[&id].is_running, deliveries.paces[&id].due);
    assert_eq!(state(2), (false, Timestamp(6_000)), "although another trail is in a round");
    assert_eq!(state(1), (true, Timestamp(60_000)));
    assert_eq!(deliveries.trail_of.values().collect::<Vec<_>>(), [&1]);
}

#[test]
fn waits_double_up_to_a_minute_from_the_end_of_a_round() {
    let regular = Timestamp(600_000);
    let mut pace = Pace { is_running: true, failures: 0, regular, due: Timestamp(0) };
    let mut waits = Vec::new();
    for _ in 0..8 {
        pace.end(Ended { succeeded: false, at: Timestamp(700) });
        waits.push(pace.due - Timestamp(700));
    }
    assert_eq!(waits, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
    pace.end(Ended { succeeded: true, at: Timestamp(90_000) });
    assert_eq!((pace.failures, pace.due), (0, regular));
    assert!(pace.waits(Timestamp(599_999), 600_000) && !pace.waits(regular, 600_000));
    assert!(!pace.waits(Timestamp(-1), 600_000), "the clock was set back");
}
