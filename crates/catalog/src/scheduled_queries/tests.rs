//! Which runs are forgotten.

use super::*;

const DAY_MS: i64 = 86_400_000;

#[tokio::test]
async fn the_runs_that_an_alarm_evaluates_are_kept_however_old() {
    let catalog = Catalog::in_memory().await.unwrap();
    for (id, alarm) in [("of-alarm", Some("a")), ("of-client", None)] {
        sqlx::query(
            "INSERT INTO scheduled_queries (account, region, id, name, document, state, created_ms, updated_ms, alarm) \
             VALUES ('1', 'r', $1, $1, '{}', 'ENABLED', 0, 0, $2)",
        )
        .bind(id)
        .bind(alarm)
        .execute(&catalog.pool)
        .await
        .unwrap();
        for day in 0..RESULTS_KEPT + 5 {
            sqlx::query(
                "INSERT INTO scheduled_query_runs (account, region, scheduled_id, triggered_ms, query_id, status, destinations) \
                 VALUES ('1', 'r', $1, $2, '', 'Complete', '[]')",
            )
            .bind(id)
            .bind(day * 30 * DAY_MS)
            .execute(&catalog.pool)
            .await
            .unwrap();
        }
    }
    let newest = (RESULTS_KEPT + 4) * 30 * DAY_MS;
    catalog.expire_scheduled_runs(Timestamp(newest - 30 * DAY_MS)).await.unwrap();
    let left: Vec<(String, i64, i64)> = sqlx::query_as(
        "SELECT scheduled_id, COUNT(*), MIN(triggered_ms) FROM scheduled_query_runs GROUP BY scheduled_id ORDER BY scheduled_id",
    )
    .fetch_all(&catalog.pool)
    .await
    .unwrap();
    let wanted =
        [("of-alarm".to_owned(), RESULTS_KEPT, 5 * 30 * DAY_MS), ("of-client".to_owned(), 2, newest - 30 * DAY_MS)];
    assert_eq!(left, wanted);
}
