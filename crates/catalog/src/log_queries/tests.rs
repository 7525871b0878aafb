//! Which queries are listed, and which are kept.

use super::*;

fn scope() -> Scope {
    Scope { account: "123456789012".into(), region: "us-east-1".into() }
}

/// A catalog with ended queries, each with its id, who it was asked for and the bytes of its answer, in the order of time.
async fn catalog(queries: &[(&str, Option<&str>, usize)]) -> Catalog {
    let catalog = Catalog::in_memory().await.unwrap();
    for (index, (id, asked_for, bytes)) in queries.iter().enumerate() {
        let query = LogQuery {
            id: (*id).into(),
            expression: "fields @message".into(),
            language: "CWLI".into(),
            log_groups: "[]".into(),
            user_identity: String::new(),
            unmasks: false,
            asked_for: asked_for.map(str::to_owned),
            status: "Running".into(),
            created_ms: index as i64 + 1,
            ended_ms: None,
            statistics: None,
        };
        catalog.begin_log_query(&scope(), &query).await.unwrap();
        let at = Timestamp(query.created_ms);
        let answer = Some("x".repeat(*bytes));
        let end = LogQueryEnd { status: "Complete", at, statistics: "{}".into(), answer };
        catalog.end_log_query(id, end).await.unwrap();
    }
    catalog
}

async fn kept(catalog: &Catalog, keep: LogQueriesKept) -> Vec<String> {
    catalog.expire_log_queries(&keep).await.unwrap();
    let rows: Vec<(String,)> =
        sqlx::query_as("SELECT id FROM log_queries ORDER BY created_ms").fetch_all(&catalog.pool).await.unwrap();
    rows.into_iter().map(|(id,)| id).collect()
}

const KEEP: LogQueriesKept =
    LogQueriesKept { since: Timestamp(0), bytes_max: 100, alarms_bytes_max: 100, of_each_alarm: 10 };

#[tokio::test]
async fn alarms_push_out_no_answer_of_a_client() {
    let catalog = catalog(&[
        ("c1", None, 60),
        ("a1", Some("a"), 60),
        ("a2", Some("a"), 60),
        ("c2", None, 40),
        ("b1", Some("b"), 40),
    ])
    .await;
    assert_eq!(kept(&catalog, KEEP).await, ["c1", "a2", "c2", "b1"], "100 bytes of each");
    assert_eq!(kept(&catalog, LogQueriesKept { bytes_max: 99, ..KEEP }).await, ["a2", "c2", "b1"]);
    assert_eq!(kept(&catalog, LogQueriesKept { since: Timestamp(4), ..KEEP }).await, ["c2", "b1"]);
}

#[tokio::test]
async fn the_newest_of_each_alarm_are_kept_and_none_is_listed() {
    let catalog = catalog(&[
        ("a1", Some("a"), 1),
        ("b1", Some("b"), 1),
        ("c1", None, 1),
        ("c2", None, 1),
        ("a2", Some("a"), 1),
        ("c3", None, 1),
        ("a3", Some("a"), 1),
    ])
    .await;
    let keep = LogQueriesKept { of_each_alarm: 2, ..KEEP };
    assert_eq!(kept(&catalog, keep).await, ["b1", "c1", "c2", "a2", "c3", "a3"]);
    let listed = catalog.log_queries(&scope(), (i64::MAX, ""), 10).await.unwrap();
    assert_eq!(listed.iter().map(|query| query.id.as_str()).collect::<Vec<_>>(), ["c3", "c2", "c1"]);
    let found = catalog.log_query(&scope(), "a3").await.unwrap().unwrap();
    assert_eq!(found.asked_for.as_deref(), Some("a"));
}
