//! Fields of lines as columns answer what the functions answer, and save the reading of lines.

use super::fixture::Fixture;

/// The same question in a form that is left to the functions.
fn by_functions(statement: &str) -> String {
    statement.replace("(message,", "(concat(message, ''),").replace("(l.message,", "(concat(l.message, ''),")
}

#[tokio::test]
async fn fields_answer_as_the_functions_do() {
    let fixture = Fixture::new().await;
    for statement in [
        "SELECT json_extract_scalar(message, '$.level') AS level, count(*) AS n FROM logs GROUP BY 1 ORDER BY 1",
        "SELECT json_extract_scalar(message, '$.nothing') AS x, count(*) AS n FROM logs GROUP BY 1",
        "SELECT json_extract_scalar(message, '$.level') AS level, max(cast(json_extract_scalar(message, '$.n') AS BIGINT)) AS n \
         FROM logs WHERE log_stream = 'app-1' GROUP BY 1 HAVING count(*) > 1 ORDER BY 1",
        "SELECT message FROM logs WHERE json_extract_scalar(message, '$.level') = 'error' ORDER BY timestamp",
        "SELECT * FROM logs WHERE json_extract_scalar(message, '$.level') IN ('error', 'none') ORDER BY timestamp LIMIT 5",
        "SELECT l.timestamp, json_extract_scalar(l.message, '$[''text'']') AS text FROM logs AS l \
         WHERE json_extract_scalar(l.message, '$.text') = 'needle' ORDER BY 1 DESC",
        "SELECT split_part(message, ' ', 1) AS a, split_part(message, ' ', 2) AS b, count(*) AS n FROM logs \
         WHERE json_extract_scalar(message, '$.n') < '2' GROUP BY 1, 2 ORDER BY 1 LIMIT 7",
        "SELECT count(*) AS n FROM logs WHERE timestamp IN \
         (SELECT timestamp FROM logs WHERE json_extract_scalar(message, '$.level') = 'error')",
        "SELECT a.level, b.n FROM (SELECT json_extract_scalar(message, '$.level') AS level, count(*) AS n FROM logs GROUP BY 1) a \
         JOIN (SELECT json_extract_scalar(message, '$.level') AS level, count(*) AS n FROM logs WHERE log_group = 'web' GROUP BY 1) b \
         ON a.level = b.level ORDER BY 1",
        "SELECT count(DISTINCT json_extract_scalar(message, '$.text')) AS n FROM logs \
         WHERE NOT json_extract_scalar(message, '$.level') = 'info'",
        "SELECT json_extract_scalar(message, '$.level') FROM logs ORDER BY timestamp, json_extract_scalar(message, '$.n') LIMIT 2",
    ] {
        let expected = fixture.rows(&by_functions(statement)).await;
        let found = fixture.rows(statement).await;
        // Without an AS the name of a column is its expression.
        let values = |rows: &[serde_json::Value]| -> Vec<Vec<serde_json::Value>> {
            rows.iter().map(|row| row.as_object().unwrap().values().cloned().collect()).collect()
        };
        assert_eq!(values(&found), values(&expected), "{statement}");
        assert!(!found.is_empty() || statement.contains("needle"), "{statement}");
    }
}

#[tokio::test]
async fn a_kept_field_saves_the_lines_and_what_cannot_match_is_skipped() {
    let fixture = Fixture::new().await;
    let plan = fixture.explain("EXPLAIN", "SELECT json_extract_scalar(message, '$.level') FROM logs").await;
    assert!(plan.contains("columns=[$.level]"), "{plan}");
    let plan = fixture.explain("EXPLAIN", "SELECT split_part(message, ' ', 3), message FROM logs AS l").await;
    assert!(plan.contains("columns=[message, word 3]"), "{plan}");
    let none = "SELECT message FROM logs WHERE json_extract_scalar(message, '$.level') = 'fatal'";
    assert!(fixture.rows(none).await.is_empty());
    let plan = fixture.explain("EXPLAIN ANALYZE", none).await;
    assert!(plan.contains("$.level is one of 1"), "{plan}");
    let in_memory = fixture.logs.len() as u64 / 3;
    assert!(super::pruning::count(&plan, "row_groups_skipped") >= 20, "{plan}");
    assert!(super::pruning::count(&plan, "rows_seen") <= in_memory, "{plan}");
    // Beyond what is kept, or of another text, the functions answer.
    for statement in [
        "SELECT split_part(message, ' ', 99) FROM logs",
        "SELECT split_part(message, ' ', -1) FROM logs",
        "SELECT split_part(message, ',', 1) FROM logs",
        "SELECT json_extract_scalar(message, '$.a.b') FROM logs",
        "SELECT json_extract_scalar(log_group, '$.a') FROM logs",
    ] {
        let plan = fixture.explain("EXPLAIN", statement).await;
        assert!(!plan.contains("word") && !plan.contains("columns=[$"), "{plan}");
        assert_eq!(fixture.rows(statement).await.len(), fixture.logs.len(), "{statement}");
    }
}

#[tokio::test]
async fn lines_are_not_read_for_texts_that_they_must_contain() {
    let fixture = Fixture::new().await;
    let from = super::fixture::T0 + 5 * super::fixture::MINUTE;
    for (condition, pushed) in [
        ("message LIKE '%needle%'", true),
        ("contains(message, 'needle') AND message LIKE '%\"level\"%'", true),
        ("message LIKE '%need_e%'", false),
        ("message LIKE '%needle%' OR message LIKE '%error%'", false),
        ("message NOT LIKE '%needle%'", false),
    ] {
        let count =
            format!("SELECT count(*) AS n FROM logs WHERE timestamp >= to_timestamp_millis({from}) AND ({condition})");
        let plan = fixture.explain("EXPLAIN", &count).await;
        assert_eq!(plan.contains("columns=[],"), pushed, "{plan}");
        assert_eq!(plan.contains("FilterExec"), !pushed, "{plan}");
        let expected = fixture
            .rows(
                &count
                    .replace("message LIKE", "concat(message, '') LIKE")
                    .replace("contains(message", "contains(concat(message, '')"),
            )
            .await;
        assert_eq!(fixture.rows(&count).await, expected, "{condition}");
        assert!(expected[0]["n"].as_u64().unwrap() > 0, "{condition}");
    }
}
