//! Counts of columns of the event table, which are taken from packed texts, are those of the records.

use super::{COLUMNAR, Fixture, ID, question};
use crate::lake::{Lake, Looked};
use datafusion::physical_plan::displayable;
use std::sync::Arc;

impl Fixture {
    /// The text of a statement's plan.
    async fn plan(&self, statement: &str) -> String {
        let (session, plan) =
            super::super::plan(&self.sql.store, &question(statement, &[]), &Arc::default()).await.unwrap();
        let plan = session.state().create_physical_plan(&plan).await.unwrap();
        displayable(plan.as_ref()).indent(false).to_string()
    }
}

#[tokio::test]
async fn what_is_counted_in_columns_is_what_the_records_say() {
    let fixture = Fixture::new().await;
    for (columns, count, condition) in [
        ("eventname", 1, ""),
        ("errorcode, eventsource", 2, "WHERE errorcode IS NOT NULL"),
        ("errorcode", 1, ""),
        ("date_trunc('hour', eventtime), eventsource", 2, ""),
        (
            "date_trunc('day', eventtime), readonly",
            2,
            "WHERE eventname LIKE '%Trail%' AND eventtime > '2026-01-01 10:30:00'",
        ),
        ("useragent, sourceipaddress, eventversion, vpcendpointid, errormessage", 5, ""),
        ("length(eventname), coalesce(errorcode, 'none')", 2, "WHERE awsregion = 'us-east-1'"),
    ] {
        let statement = |id: &str| {
            let order: Vec<String> = (1..=count).map(|at: usize| at.to_string()).collect();
            let (from, order) = (format!("FROM {id} {condition}"), order.join(", "));
            format!("SELECT {columns}, count(*), count(1) {from} GROUP BY {columns} ORDER BY {order}")
        };
        let plan = fixture.plan(&statement(COLUMNAR)).await;
        assert!(plan.contains("CountExec") && !plan.contains("FilterExec"), "{plan}");
        let plan = fixture.plan(&statement(ID)).await;
        assert!(!plan.contains("CountExec"), "{plan}");
        let of_records = fixture.rows(&statement(ID)).await;
        assert!(!of_records.is_empty());
        assert_eq!(fixture.rows(&statement(COLUMNAR)).await, of_records, "{columns} {condition}");
        let mut matched = Vec::new();
        for id in [ID, COLUMNAR] {
            let looked: Arc<Looked> = Arc::default();
            fixture.sql.run(question(&statement(id), &[]), Arc::clone(&looked)).await.unwrap();
            matched.push(looked.matched());
        }
        assert_eq!(matched[0], matched[1], "{columns} {condition}");
    }
    let all = |id: &str| format!("SELECT count(*) FROM {id} WHERE eventtime < '2026-01-01 13:30:00'");
    assert_eq!(fixture.rows(&all(COLUMNAR)).await, ["4"]);
    assert_eq!(fixture.rows(&all(ID)).await, ["4"]);
    assert!(!fixture.plan(&all(COLUMNAR)).await.contains("FilterExec"));
}
