//! Statements of CloudTrail Lake against a store with known events.

mod counts;
mod functions;
mod limits;
mod samples;
mod unnest;

use super::LakeSql;
use crate::lake::{Admits, Candidate, Lake, LakeError, LakeQuestion, LakeStore, Looked};
use model::clock::ManualClock;
use model::{Batch, Event, TimeRange, Timestamp};
use serde_json::{Value, json};
use std::sync::Arc;
use store::{Options, Store};

const ID: &str = "3270e016-59a1-4448-8dd1-d27a4796502d";
/// A store with the same events, which it tells from columns of the event table.
const COLUMNAR: &str = "00000000-0000-0000-0000-00000000000b";
/// 2026-01-02T03:04:05Z.
const NOW: Timestamp = Timestamp(1_767_323_045_000);
const ACCOUNT: &str = "123456789012";

/// All events, or those of one name.
#[derive(Debug)]
struct Named(&'static str);

impl Admits for Named {
    fn asks(&self) -> &[&'static str] {
        &["record"]
    }

    fn covers(&self, candidate: &Candidate<'_>) -> bool {
        candidate.record.contains(self.0)
    }
}

/// All events, told from columns alone.
#[derive(Debug)]
struct All;

impl Admits for All {
    fn asks(&self) -> &[&'static str] {
        &["category", "resource_types", "resource_names", "read_only"]
    }

    fn covers(&self, candidate: &Candidate<'_>) -> bool {
        candidate.category == "Management"
    }
}

struct Fixture {
    sql: LakeSql,
    _dir: tempfile::TempDir,
}

impl Fixture {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let options = Options { dir: dir.path().to_owned(), row_group_rows: 100, ..Options::default() };
        let store = Store::open(options, Arc::new(ManualClock::at(NOW))).await.unwrap();
        let mut first = records();
        let second = first.split_off(3);
        store.append(Batch { events: first, ..Batch::default() }).await.unwrap();
        store.flush().await.unwrap();
        store.append(Batch { events: second, ..Batch::default() }).await.unwrap();
        Self { sql: LakeSql::new(store).unwrap(), _dir: dir }
    }

    async fn ask(&self, statement: &str) -> Result<(Vec<String>, Vec<Vec<Option<String>>>), LakeError> {
        self.ask_with(statement, &[]).await
    }

    async fn ask_with(
        &self,
        statement: &str,
        parameters: &[&str],
    ) -> Result<(Vec<String>, Vec<Vec<Option<String>>>), LakeError> {
        let question = question(statement, parameters);
        let answer = self.sql.run(question, Arc::default()).await?;
        Ok((answer.columns, answer.rows))
    }

    /// Rows, NULL as `-`.
    async fn rows(&self, statement: &str) -> Vec<String> {
        let rows = self.ask(statement).await.unwrap_or_else(|error| panic!("{statement}: {error}")).1;
        let text = |value: Option<String>| value.unwrap_or_else(|| "-".into());
        rows.into_iter().map(|row| row.into_iter().map(text).collect::<Vec<_>>().join("|")).collect()
    }

    /// The only value of an expression over one event.
    async fn value(&self, expression: &str) -> String {
        let rows = self.rows(&format!("SELECT {expression} FROM {ID} WHERE eventid = 'e-1'")).await;
        assert_eq!(rows.len(), 1, "{expression}");
        rows.into_iter().next().unwrap()
    }

    async fn error(&self, statement: &str) -> String {
        match self.ask(statement).await {
            Err(LakeError::Invalid(message)) => message,
            other => panic!("{statement}: {other:?}"),
        }
    }
}

fn question(statement: &str, parameters: &[&str]) -> LakeQuestion {
    let store = |id: &str, name| LakeStore {
        id: id.into(),
        range: TimeRange::ALL,
        account: ACCOUNT.into(),
        categories: Vec::new(),
        admits: Arc::new(Named(name)),
    };
    let columnar = LakeStore { categories: vec!["Management".into()], admits: Arc::new(All), ..store(COLUMNAR, "") };
    LakeQuestion {
        statement: statement.into(),
        parameters: parameters.iter().map(|text| (*text).to_owned()).collect(),
        stores: vec![store(ID, ""), store("00000000-0000-0000-0000-00000000000a", "RunInstances"), columnar],
        now: NOW,
    }
}

fn event(id: &str, time: i64, name: &str, source: &str, more: Value) -> Event {
    let time = Timestamp(time * 1_000);
    let mut record = json!({
        "eventVersion": "1.11", "eventTime": time.iso_seconds(), "eventName": name, "eventSource": source,
        "awsRegion": "us-east-1", "eventID": id, "readOnly": name.starts_with("Describe"), "eventType": "AwsApiCall",
        "eventCategory": "Management", "managementEvent": true, "recipientAccountId": ACCOUNT,
    });
    for (key, value) in more.as_object().unwrap() {
        record[key] = value.clone();
    }
    Event {
        event_id: id.into(),
        account: record["recipientAccountId"].as_str().unwrap().into(),
        region: "us-east-1".into(),
        time,
        ingestion_time: NOW,
        name: name.into(),
        source: source.into(),
        category: "Management".into(),
        error_code: record["errorCode"].as_str().unwrap_or_default().into(),
        source_ip: record["sourceIPAddress"].as_str().unwrap_or_default().into(),
        read_only: record["readOnly"].as_bool(),
        record: record.to_string(),
        ..Event::default()
    }
}

/// Of 2026-01-01, from 10:00:00Z on, in steps of an hour.
fn records() -> Vec<Event> {
    let start = 1_767_261_600;
    let role = json!({"type": "AssumedRole", "principalId": "AROA:alice", "arn": "arn:aws:sts::1:assumed-role/r/alice",
        "sessionContext": {"sessionIssuer": {"type": "Role", "arn": "arn:aws:iam::1:role/r", "userName": "r"},
        "attributes": {"mfaAuthenticated": "false", "creationDate": "2026-01-01T00:00:00Z"}}});
    let run = json!({"userIdentity": role, "requestParameters": {"instanceType": "m5.large", "count": 2,
        "tags": [{"k": "v"}], "nothing": null, "dry": false}, "responseElements": {"instancesSet": {"items": [{"id": "i-1"}]}},
        "resources": [{"ARN": "arn:aws:ec2:::i-1", "accountId": "1", "type": "AWS::EC2::Instance"},
        {"ARN": "arn:aws:ec2:::i-2", "type": "AWS::EC2::Instance"}], "tlsDetails": {"tlsVersion": "TLSv1.2"}});
    let user = |name: &str| json!({"userIdentity": {"type": "IAMUser", "userName": name, "arn": format!("arn:aws:iam::1:user/{name}")}});
    let denied = json!({"userIdentity": {"type": "IAMUser", "userName": "bob"}, "errorCode": "AccessDenied"});
    let odd = json!({"requestParameters": {"userName": "a\"b"}, "errorCode": "", "errorMessage": null, "eventCategory": null,
        "userAgent": "a \"quoted\" one", "sourceIPAddress": "10.0.0.1", "eventVersion": "", "vpcEndpointId": "vpce-1"});
    let other = json!({"recipientAccountId": "999999999999"});
    vec![
        event("e-1", start, "RunInstances", "ec2.amazonaws.com", run),
        event("e-2", start + 3_600, "DescribeTrails", "cloudtrail.amazonaws.com", user("alice")),
        event("e-3", start + 7_200, "DescribeTrails", "cloudtrail.amazonaws.com", user("bob")),
        event("e-4", start + 10_800, "DeleteTrail", "cloudtrail.amazonaws.com", denied),
        event("e-5", start + 14_400, "CreateUser", "iam.amazonaws.com", odd),
        event("e-6", start + 18_000, "CreateUser", "iam.amazonaws.com", other),
    ]
}

#[tokio::test]
async fn columns_have_lakes_names_and_types() {
    let fixture = Fixture::new().await;
    let statement = format!(
        "SELECT eventID, UserIdentity.type, userIdentity.sessionContext.sessionIssuer.userName, eventTime, readOnly, \
         element_at(requestParameters, 'count'), requestParameters['tags'] AS Tags FROM {ID} WHERE eventName = 'RunInstances'"
    );
    let (columns, rows) = fixture.ask(&statement).await.unwrap();
    assert_eq!(columns, ["eventid", "type", "username", "eventtime", "readonly", "_col5", "tags"]);
    let row: Vec<&str> = rows[0].iter().map(|value| value.as_deref().unwrap()).collect();
    assert_eq!(row, ["e-1", "AssumedRole", "r", "2026-01-01 10:00:00.000", "false", "2", r#"[{"k":"v"}]"#]);
    for (expression, value) in [
        ("requestparameters", r#"{count=2, dry=false, instanceType=m5.large, nothing=null, tags=[{"k":"v"}]}"#),
        ("element_at(resources, 1).arn", "arn:aws:ec2:::i-1"),
        ("element_at(resources, -1).arn", "arn:aws:ec2:::i-2"),
        ("resources[2].type", "AWS::EC2::Instance"),
        ("element_at(resources, 3).arn", "-"),
        ("element_at(requestparameters, 'no')", "-"),
        ("element_at(requestparameters, 'nothing')", "-"),
        ("element_at(additionaleventdata, 'x')", "-"),
        ("tlsdetails", "{tlsversion=TLSv1.2, ciphersuite=null, clientprovidedhostheader=null}"),
        ("useridentity.sessioncontext.attributes.mfaauthenticated", "false"),
        ("errorcode", "-"),
        ("cardinality(requestparameters)", "5"),
        ("cardinality(resources)", "2"),
        ("json_extract_scalar(eventjson, '$.requestParameters.instanceType')", "m5.large"),
        ("json_extract(element_at(responseelements, 'instancesSet'), '$.items')", r#"[{"id":"i-1"}]"#),
        ("cast(json_extract(element_at(responseelements, 'instancesSet'), '$.items[0].id') as varchar)", "i-1"),
        ("map_keys(responseelements)", "[instancesSet]"),
    ] {
        assert_eq!(fixture.value(expression).await, value, "{expression}");
    }
    let all = fixture.ask(&format!("SELECT * FROM {ID} LIMIT 1")).await.unwrap().0;
    assert_eq!((all.len(), all[0].as_str(), all[2].as_str()), (35, "eventversion", "eventtime"));
    let twice = format!("SELECT useridentity.arn, useridentity.sessioncontext.sessionissuer.arn FROM {ID}");
    assert_eq!(fixture.ask(&twice).await.unwrap().0, ["arn", "arn"]);
}

#[tokio::test]
async fn columns_of_the_event_table_say_what_records_do() {
    let fixture = Fixture::new().await;
    let columns = fixture.ask(&format!("SELECT * FROM {ID} LIMIT 1")).await.unwrap().0;
    for column in columns.iter().map(String::as_str).chain(["errorcode, useridentity", "eventname, eventjson", "1"]) {
        let rows = async |id: &str| fixture.rows(&format!("SELECT eventid, {column} FROM {id} ORDER BY 1, 2")).await;
        let of_records = rows(ID).await;
        assert_eq!(of_records.len(), 5);
        assert_eq!(rows(COLUMNAR).await, of_records, "{column}");
    }
    let among = async |id: &str| {
        fixture.rows(&format!("SELECT count(*) FROM {id} WHERE errorcode IS NULL AND NOT readonly")).await
    };
    assert_eq!(among(COLUMNAR).await, ["1"]);
    assert_eq!(among(ID).await, ["1"]);
}

#[tokio::test]
async fn functions_answer_as_trinos_do() {
    let fixture = Fixture::new().await;
    for (expression, value) in [
        ("date(eventtime)", "2026-01-01"),
        ("day_of_week(eventtime)", "4"),
        ("extract(dow FROM eventtime)", "4"),
        ("year(eventtime) * 100 + month(eventtime)", "202601"),
        ("date_trunc('hour', eventtime)", "2026-01-01 10:00:00.000"),
        ("date_add('month', 1, eventtime)", "2026-02-01 10:00:00.000"),
        ("date_add('day', -1, date(eventtime))", "2025-12-31"),
        ("date_diff('hour', eventtime, timestamp '2026-01-02 09:59:59')", "23"),
        ("date_diff('month', timestamp '2025-11-02 00:00:00', eventtime)", "1"),
        ("date_format(eventtime, '%Y-%m-%d %H:%i:%s')", "2026-01-01 10:00:00"),
        ("from_iso8601_timestamp('2026-01-01T10:00:00Z') = eventtime", "true"),
        ("to_unixtime(eventtime)", "1.7672616E9"),
        ("cast(eventtime as varchar)", "2026-01-01 10:00:00.000"),
        ("cast(1.0e0 as varchar)", "1.0"),
        ("cast(1.5e0 as bigint) + cast(-1.2e0 as integer)", "1"),
        ("cast('7' as bigint)", "7"),
        ("timestamp '2026-01-02 12:30:00' - eventtime", "1 02:30:00.000"),
        ("cast(eventtime as varchar) LIKE '2026-01-01 10:%'", "true"),
        ("now() > eventtime", "true"),
        ("current_date", "2026-01-02"),
        ("substr('abcde', -2)", "de"),
        ("substr('abcde', 2, 3)", "bcd"),
        ("substring('abcde' FROM 2 FOR 1)", "b"),
        ("split('a,b', ',')", "[a, b]"),
        ("split_part('a,b', ',', 3)", "-"),
        ("replace('TLSv1.2', 'TLSv')", "1.2"),
        ("regexp_replace('a1b22', '[0-9]+', '_')", "a_b_"),
        ("regexp_extract('arn:aws:iam::1:role/x', 'role/(.*)', 1)", "x"),
        ("regexp_like('abc', '^a.c$')", "true"),
        ("concat('a', NULL, 'b')", "-"),
        ("concat('a', 'b', 'c')", "abc"),
        ("length('héé')", "3"),
        ("if(readonly, 1, 2)", "2"),
        ("mod(7, 3)", "1"),
        ("7 / 2", "3"),
        ("contains(map_keys(requestparameters), 'count')", "true"),
        ("'a\\b' LIKE 'a\\b'", "true"),
        ("json_array_get('[1,\"x\"]', 1)", "\"x\""),
        ("json_array_length('[1,2]')", "2"),
        ("coalesce(errorcode, 'none')", "none"),
        ("array_sort(split('b,a', ','))", "[a, b]"),
        ("array_join(split('b,a', ','), '-')", "b-a"),
    ] {
        assert_eq!(fixture.value(expression).await, value, "{expression}");
    }
}

#[tokio::test]
async fn rows_are_grouped_joined_and_ranked() {
    let fixture = Fixture::new().await;
    for (statement, rows) in [
        (
            format!("SELECT eventName, count(*) AS n FROM {ID} GROUP BY eventName ORDER BY n DESC, eventName"),
            vec!["DescribeTrails|2", "CreateUser|1", "DeleteTrail|1", "RunInstances|1"],
        ),
        (format!("SELECT errorcode FROM {ID} ORDER BY errorcode DESC LIMIT 3"), vec!["AccessDenied", "", "-"]),
        (
            format!(
                "SELECT element_at(requestParameters, 'count') c, COUNT(*) FROM {ID} GROUP BY requestParameters ORDER BY c"
            ),
            vec!["2|1", "-|3", "-|1"],
        ),
        (
            format!(
                "WITH t AS (SELECT eventid, useridentity.username AS u, row_number() OVER (PARTITION BY useridentity.username \
                 ORDER BY eventtime DESC) AS r FROM {ID}) SELECT eventid, u FROM t WHERE r = 1 AND u IS NOT NULL ORDER BY u"
            ),
            vec!["e-2|alice", "e-4|bob"],
        ),
        (
            format!(
                "SELECT a.eventid FROM {ID} a JOIN 00000000-0000-0000-0000-00000000000a b ON a.eventid = b.eventid"
            ),
            vec!["e-1"],
        ),
        (
            format!(
                "SELECT eventid FROM {ID} WHERE eventtime > '2026-01-01 11:00:00' AND eventtime <= '2026-01-01 13:00:00'"
            ),
            vec!["e-3", "e-4"],
        ),
        (
            format!("SELECT eventname FROM {ID} EXCEPT SELECT eventname FROM {ID} WHERE readonly = false"),
            vec!["DescribeTrails"],
        ),
        (
            format!(
                "SELECT max_by(eventid, eventtime), min_by(eventid, eventtime), count_if(readonly), approx_distinct(eventname), arbitrary(eventsource) FROM {ID} WHERE eventsource LIKE 'cloudtrail%'"
            ),
            vec!["e-4|e-2|2|2|cloudtrail.amazonaws.com"],
        ),
        (format!("SELECT count(DISTINCT eventname), avg(length(eventid)) FROM {ID}"), vec!["4|3.0"]),
        (format!("SELECT eventid FROM {ID} WHERE element_at(requestparameters, 'userName') = 'a\"b'"), vec!["e-5"]),
        (
            format!("SELECT eventid FROM {ID} WHERE eventtime > now() - interval '14' hour ORDER BY eventtime"),
            vec!["e-5"],
        ),
    ] {
        let mut found = fixture.rows(&statement).await;
        if !statement.contains("ORDER BY") {
            found.sort();
        }
        assert_eq!(found, rows, "{statement}");
    }
    let asking = format!("SELECT eventid FROM {ID} WHERE eventname = ? AND readonly = false");
    assert_eq!(fixture.ask_with(&asking, &["CreateUser"]).await.unwrap().1, [[Some("e-5".to_owned())]]);
    // As AWS's own widgets have them; without values it is a text like any other.
    let quoted = format!("SELECT eventid FROM {ID} WHERE date_trunc('?', eventtime) = '?' AND eventname = '?'");
    let none = fixture.ask_with(&quoted, &["hour", "2020-01-01T00:00:00Z", "CreateUser"]).await.unwrap();
    assert_eq!(none.1, Vec::<Vec<Option<String>>>::new());
    let asking = format!("SELECT eventid FROM {ID} WHERE eventname = '?' AND readonly = false");
    assert_eq!(fixture.ask_with(&asking, &["CreateUser"]).await.unwrap().1, [[Some("e-5".to_owned())]]);
    assert_eq!(fixture.ask_with(&asking, &[]).await.unwrap().1, Vec::<Vec<Option<String>>>::new());
}

#[tokio::test]
async fn what_has_no_meaning_here_is_refused_at_its_place() {
    let fixture = Fixture::new().await;
    for (statement, error) in [
        (format!("SELECT nonsense FROM {ID}"), "line 1:8: "),
        (format!("SELECT 1\nFROM {ID} WHERE nonsense = 1"), "line 2:49: "),
        (format!("SELECT geometry_union(eventid) FROM {ID}"), "line 1:8: Function 'geometry_union' not registered"),
        (format!("SELECT eventid FROM {ID} ORDER BYE eventid"), "line 1:"),
        (format!("SELECT random() FROM {ID}"), "line 1:8: Function 'random' not registered"),
        (format!("DELETE FROM {ID}"), "Only SELECT statements are supported."),
        (format!("SELECT 1 FROM {ID}; SELECT 2 FROM {ID}"), "Exactly one statement is needed."),
        (
            "SELECT * FROM information_schema.tables".into(),
            "line 1:15: table 'trailwatch.information_schema.tables' not found",
        ),
        ("SELECT * FROM elsewhere".into(), "line 1:15: table 'elsewhere' not found"),
        (format!("SELECT ? FROM {ID}"), "Incorrect number of parameters: expected 1 but found 0"),
        (format!("SELECT eventid FROM {ID} WHERE eventid ILIKE 'x'"), "line 1:"),
        (format!("SELECT cast(eventid as json) FROM {ID}"), "line 1:"),
        (format!("SELECT mod(1, 2, 3) FROM {ID}"), "line 1:8: Function 'mod' does not take 3 arguments here"),
        (format!("SELECT {}1{} FROM {ID}", "(".repeat(200), ")".repeat(200)), ""),
    ] {
        let found = fixture.error(&statement).await;
        assert!(found.starts_with(error), "{statement}: {found}");
        let checked = fixture.sql.check(question(&statement, &[])).await;
        assert!(checked.is_err(), "{statement}");
    }
    assert!(fixture.error(&format!("SELECT 1 / (length(eventid) - 3) FROM {ID}")).await.contains("zero"));
}

#[tokio::test]
async fn what_was_looked_at_is_counted() {
    let fixture = Fixture::new().await;
    let looked: Arc<Looked> = Arc::default();
    let statement =
        format!("SELECT count(*) FROM {ID} WHERE eventname = 'DescribeTrails' AND useridentity.username = 'bob'");
    fixture.sql.run(question(&statement, &[]), Arc::clone(&looked)).await.unwrap();
    assert_eq!(looked.matched(), 1);
    assert!((2..=6).contains(&looked.scanned()), "{}", looked.scanned());
    assert!(looked.bytes() > 100 * looked.scanned(), "{}", looked.bytes());
}
