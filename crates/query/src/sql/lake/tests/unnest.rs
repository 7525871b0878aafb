//! `UNNEST` in Trino's way.

use super::{Fixture, ID, question};
use crate::lake::{Lake, LakeError};

#[tokio::test]
async fn lists_maps_and_rows_become_rows_and_columns() {
    let fixture = Fixture::new().await;
    let of = |what: &str, unnest: &str| format!("SELECT {what} FROM {ID} {unnest} ORDER BY 1, 2");
    for (statement, rows) in [
        // A row is as many columns as it has members; with one name it stays one.
        (
            of("eventid, n", "CROSS JOIN UNNEST(resources) AS t(account, kind, n, prefix)"),
            vec!["e-1|arn:aws:ec2:::i-1", "e-1|arn:aws:ec2:::i-2"],
        ),
        (
            of("eventid, r.arn", "CROSS JOIN UNNEST(resources) AS t(r)"),
            vec!["e-1|arn:aws:ec2:::i-1", "e-1|arn:aws:ec2:::i-2"],
        ),
        (
            of("e.eventname, R.arn, accountId", "AS e CROSS JOIN UNNEST(e.resources) AS \"R\""),
            vec!["RunInstances|arn:aws:ec2:::i-1|1", "RunInstances|arn:aws:ec2:::i-2|-"],
        ),
        (
            of("arn, eventsource", ", UNNEST(resources)"),
            vec!["arn:aws:ec2:::i-1|ec2.amazonaws.com", "arn:aws:ec2:::i-2|ec2.amazonaws.com"],
        ),
        (
            of("k, v", "CROSS JOIN UNNEST(requestParameters) AS t(k, v) WHERE eventid = 'e-1' AND k <> 'tags'"),
            vec!["count|2", "dry|false", "instanceType|m5.large", "nothing|-"],
        ),
        (
            of("place, k", "CROSS JOIN UNNEST(map_keys(requestParameters)) WITH ORDINALITY AS t(k, place)"),
            vec!["1|count", "1|userName", "2|dry", "3|instanceType", "4|nothing", "5|tags"],
        ),
        (
            of("n, r.arn, part", "CROSS JOIN UNNEST(resources, split('a,b,c', ',')) WITH ORDINALITY t(r, part, n)"),
            vec![
                "1|arn:aws:ec2:::i-1|a",
                "1|-|a",
                "1|-|a",
                "1|-|a",
                "1|-|a",
                "2|arn:aws:ec2:::i-2|b",
                "2|-|b",
                "2|-|b",
                "2|-|b",
                "2|-|b",
                "3|-|c",
                "3|-|c",
                "3|-|c",
                "3|-|c",
                "3|-|c",
            ],
        ),
        (
            of("eventid, r.arn", "LEFT JOIN UNNEST(resources) AS t(r) ON TRUE WHERE eventid < 'e-3'"),
            vec!["e-1|arn:aws:ec2:::i-1", "e-1|arn:aws:ec2:::i-2", "e-2|-"],
        ),
        (of("eventid, w", "CROSS JOIN UNNEST(ARRAY['x', 'y']) AS t(w) WHERE eventid = 'e-3'"), vec!["e-3|x", "e-3|y"]),
        (
            of(
                "part, count(*)",
                "CROSS JOIN UNNEST(resources) AS t(r) CROSS JOIN UNNEST(split(r.arn, ':')) AS p(part) \
                WHERE part <> '' GROUP BY part",
            ),
            vec!["arn|2", "aws|2", "ec2|2", "i-1|1", "i-2|1"],
        ),
        (
            format!(
                "SELECT a.eventid, r.arn FROM {ID} a JOIN {ID} b ON a.eventid = b.eventid CROSS JOIN UNNEST(b.resources) AS t(r) \
                WHERE r.arn LIKE '%2'"
            ),
            vec!["e-1|arn:aws:ec2:::i-2"],
        ),
        (
            format!(
                "WITH t AS (SELECT eventid, r.type AS kind FROM {ID} CROSS JOIN UNNEST(resources) AS u(r)) \
                SELECT kind, count(*) FROM t GROUP BY kind"
            ),
            vec!["AWS::EC2::Instance|2"],
        ),
        (
            format!(
                "SELECT eventid FROM {ID} WHERE eventid IN (SELECT eventid FROM {ID} CROSS JOIN UNNEST(resources))"
            ),
            vec!["e-1"],
        ),
        (
            of(
                "eventid, part",
                "e CROSS JOIN UNNEST(split(e.useridentity.sessioncontext.sessionissuer.arn, ':')) AS t(part) WHERE part LIKE 'r%'",
            ),
            vec!["e-1|role/r"],
        ),
        (
            of(
                "eventid, n",
                "CROSS JOIN UNNEST(filter(resources, r -> r.accountid IS NULL)) AS t(account, kind, n, prefix)",
            ),
            vec!["e-1|arn:aws:ec2:::i-2"],
        ),
        ("SELECT n, x FROM UNNEST(ARRAY[7, 8]) WITH ORDINALITY AS t(x, n) ORDER BY n".into(), vec!["1|7", "2|8"]),
        (format!("SELECT count(*) FROM {ID} CROSS JOIN UNNEST(resources)"), vec!["2"]),
    ] {
        // Rows that are the same in the columns of the order come in any.
        let (mut found, mut rows) = (fixture.rows(&statement).await, rows);
        found.sort();
        rows.sort_unstable();
        assert_eq!(found, rows, "{statement}");
        fixture.sql.check(question(&statement, &[])).await.unwrap();
    }
    let all = fixture.ask(&format!("SELECT t.* FROM {ID} CROSS JOIN UNNEST(resources) AS t")).await.unwrap();
    assert_eq!(all.0, ["accountid", "type", "arn", "arnprefix"]);
}

#[tokio::test]
async fn what_cannot_be_unnested_is_refused_when_the_query_is_started() {
    let fixture = Fixture::new().await;
    for (unnest, error) in [
        ("CROSS JOIN UNNEST(eventname) AS t(x)", "line 1:76: Cannot unnest type: varchar: it takes arrays and maps"),
        ("CROSS JOIN UNNEST(useridentity) AS t(x)", "line 1:76: Cannot unnest type: row: it takes arrays and maps"),
        (
            "CROSS JOIN UNNEST(resources) AS t(a, b)",
            "line 1:76: Column alias list has 2 entries but 't' has 4 columns available",
        ),
        (
            "CROSS JOIN UNNEST(requestparameters) AS t(a)",
            "line 1:76: Column alias list has 1 entries but 't' has 2 columns available",
        ),
        (
            "e LEFT JOIN UNNEST(resources) AS t(r) ON r.arn = e.eventid",
            "LEFT JOIN involving UNNEST is only supported with condition ON TRUE",
        ),
        ("RIGHT JOIN UNNEST(resources) AS t(r) ON TRUE", "LATERAL syntax is not supported"),
        (
            "e WHERE EXISTS (SELECT 1 FROM UNNEST(e.resources) AS t(r) WHERE r.arn = 'x')",
            "UNNEST can only name columns of the tables before it in the same FROM",
        ),
        ("CROSS JOIN UNNEST(nonsense) AS t(r)", "line 1:76: "),
        ("CROSS JOIN UNNEST() AS t(r)", ""),
    ] {
        let statement = format!("SELECT eventid FROM {ID} {unnest}");
        let checked = fixture.sql.check(question(&statement, &[])).await;
        let found = checked.map_err(|error| error.to_string()).unwrap_err();
        assert!(found.contains(error), "{statement}: {found}");
        fixture.error(&statement).await;
    }
}

#[tokio::test]
async fn a_sub_query_without_steps_is_refused_when_the_query_is_started() {
    let fixture = Fixture::new().await;
    for statement in [
        format!("SELECT (SELECT b.eventid FROM {ID} b WHERE b.eventtime < a.eventtime LIMIT 1) FROM {ID} a"),
        format!(
            "SELECT (SELECT max(b.eventid) FROM {ID} b WHERE length(b.eventid) + length(a.eventid) > 3 AND a.readonly) FROM {ID} a GROUP BY 1"
        ),
    ] {
        match (fixture.sql.check(question(&statement, &[])).await, fixture.ask(&statement).await) {
            (Err(LakeError::Invalid(_)), Err(LakeError::Invalid(_))) | (Ok(()), Ok(_)) => {}
            (checked, ran) => panic!("{statement}: {checked:?}, but {ran:?}"),
        }
    }
}

#[tokio::test]
async fn no_list_makes_more_rows_than_fit() {
    let fixture = Fixture::new().await;
    let long = "ab,".repeat(5_000);
    let statement = |list: &str| {
        format!(
            "SELECT count(*), max(length(a)) FROM (SELECT eventid || '{long}' AS a FROM {ID}) CROSS JOIN UNNEST({list}) AS t(p) \
            WHERE length(a) + length(p) > 0"
        )
    };
    assert_eq!(fixture.rows(&statement("split(a, ',')")).await, ["25005|15003"]);
    let error = fixture.error(&statement("split(a || a, 'b')")).await;
    assert!(error.contains("UNNEST would make more than"), "{error}");
}
