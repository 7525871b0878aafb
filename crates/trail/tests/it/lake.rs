//! CloudTrail Lake: event data stores, and queries with an engine that answers what the test says.

use crate::*;
use catalog::TrailImport;
use futures::future::{BoxFuture, FutureExt};
use model::buckets::{BucketError, Buckets, Head, Listed, MemoryBuckets, NewObject, Object};
use model::time::DAY;
use query::lake::{Admits, Candidate, Lake, LakeAnswer, LakeError, LakeQuestion, Looked};
use std::sync::Mutex;
use tokio::sync::Semaphore;

/// Answers with rows of one column once it is let go.
#[derive(Debug)]
pub(crate) struct Engine {
    rows: usize,
    pub(crate) go: Semaphore,
    pub(crate) asked: Mutex<Vec<LakeQuestion>>,
}

impl Lake for Engine {
    fn check(&self, question: LakeQuestion) -> BoxFuture<'_, Result<(), LakeError>> {
        let wrong = question.statement.contains("wrong");
        async move { if wrong { Err(LakeError::Invalid("line 1:8: wrong".into())) } else { Ok(()) } }.boxed()
    }

    fn run(&self, question: LakeQuestion, looked: Arc<Looked>) -> BoxFuture<'_, Result<LakeAnswer, LakeError>> {
        let fails = question.statement.contains("fails");
        self.asked.lock().unwrap().push(question);
        async move {
            self.go.acquire().await.unwrap().forget();
            looked.look(9, 900);
            looked.set_matched(4);
            if fails {
                return Err(LakeError::Invalid("Division by zero".into()));
            }
            let rows = (0..self.rows).map(|row| vec![Some(row.to_string()), None]).collect();
            Ok(LakeAnswer { columns: vec!["n".into(), "n".into()], rows })
        }
        .boxed()
    }
}

pub(crate) async fn plane(rows: usize) -> (Plane, Arc<Engine>) {
    let mut plane = Plane::new().await;
    let engine = Arc::new(Engine { rows, go: Semaphore::new(0), asked: Mutex::default() });
    plane.trail.lake = engine.clone();
    (plane, engine)
}

/// Creates a store; answers its id.
pub(crate) async fn create(plane: &Plane, input: Value) -> String {
    let made = plane.call("CreateEventDataStore", input).await.unwrap();
    let arn = made["EventDataStoreArn"].as_str().unwrap();
    arn.rsplit('/').next().unwrap().to_owned()
}

pub(crate) async fn ended(plane: &Plane, id: &str) -> Value {
    loop {
        let query = plane.call("DescribeQuery", json!({"QueryId": id})).await.unwrap();
        if !["QUEUED", "RUNNING"].contains(&query["QueryStatus"].as_str().unwrap()) {
            return query;
        }
        tokio::task::yield_now().await;
    }
}

async fn start(plane: &Plane, statement: String) -> Result<String, String> {
    let started = plane.call("StartQuery", json!({"QueryStatement": statement})).await?;
    Ok(started["QueryId"].as_str().unwrap().to_owned())
}

/// Whether a store has an event: it is one of its kind, and came in time.
fn admits(admits: &Arc<dyn Admits>, candidate: &Candidate<'_>) -> bool {
    admits.covers(candidate) && admits.took_in(candidate)
}

#[tokio::test]
async fn a_store_lives_from_creation_to_deletion() {
    let (plane, _) = plane(0).await;
    let made =
        plane.call("CreateEventDataStore", json!({"Name": "all", "TagsList": [{"Key": "a", "Value": "b"}]})).await;
    let made = made.unwrap();
    let arn = made["EventDataStoreArn"].as_str().unwrap().to_owned();
    assert_eq!((&made["Status"], &made["RetentionPeriod"]), (&json!("CREATED"), &json!(366)));
    assert_eq!(made["TerminationProtectionEnabled"], json!(true));
    assert_eq!(
        made["AdvancedEventSelectors"][0]["FieldSelectors"],
        json!([{"Field": "eventCategory", "Equals": ["Management"]}])
    );
    refused(plane.call("CreateEventDataStore", json!({"Name": "all"})).await, "EventDataStoreAlreadyExistsException");
    let got = plane.call("GetEventDataStore", json!({"EventDataStore": arn})).await.unwrap();
    assert_eq!((&got["Status"], &got["MultiRegionEnabled"]), (&json!("ENABLED"), &json!(true)));
    let tags = plane.call("ListTags", json!({"ResourceIdList": [arn]})).await.unwrap();
    assert_eq!(tags["ResourceTagList"][0]["TagsList"], json!([{"Key": "a", "Value": "b"}]));
    let delete = json!({"EventDataStore": arn});
    refused(plane.call("DeleteEventDataStore", delete.clone()).await, "EventDataStoreTerminationProtectedException");
    refused(plane.call("UpdateEventDataStore", delete.clone()).await, "InvalidParameterException");
    let update = json!({"EventDataStore": arn, "TerminationProtectionEnabled": false, "Name": "renamed"});
    assert_eq!(plane.call("UpdateEventDataStore", update).await.unwrap()["Name"], json!("renamed"));
    refused(plane.call("RestoreEventDataStore", delete.clone()).await, "InvalidEventDataStoreStatusException");
    plane.call("DeleteEventDataStore", delete.clone()).await.unwrap();
    refused(plane.call("UpdateEventDataStore", delete.clone()).await, "InactiveEventDataStoreException");
    let tags = json!([{"Key": "c", "Value": "d"}]);
    for (operation, input) in [
        ("AddTags", json!({"ResourceId": arn, "TagsList": tags})),
        ("RemoveTags", json!({"ResourceId": arn, "TagsList": tags})),
        ("ListTags", json!({"ResourceIdList": [arn]})),
    ] {
        refused(plane.call(operation, input).await, "InactiveEventDataStoreException");
    }
    plane.clock.advance(6 * DAY);
    trail::lake::expire(&plane.trail).await;
    let restored = plane.call("RestoreEventDataStore", delete.clone()).await.unwrap();
    assert_eq!(restored["Status"], json!("ENABLED"));
    let tags = plane.call("ListTags", json!({"ResourceIdList": [arn]})).await.unwrap();
    assert_eq!(tags["ResourceTagList"][0]["TagsList"], json!([{"Key": "a", "Value": "b"}]));
    plane.call("DeleteEventDataStore", delete.clone()).await.unwrap();
    plane.clock.advance(7 * DAY);
    trail::lake::expire(&plane.trail).await;
    refused(plane.call("GetEventDataStore", delete).await, "EventDataStoreNotFoundException");
    assert_eq!(plane.call("ListEventDataStores", json!({})).await.unwrap()["EventDataStores"], json!([]));
}

#[tokio::test]
async fn a_store_keeps_its_key() {
    let (plane, _) = plane(0).await;
    let id = create(&plane, json!({"Name": "plain"})).await;
    let update = |id: &str, key: &str| json!({"EventDataStore": id, "KmsKeyId": key});
    let arn = |key: &str| format!("arn:aws:kms:us-east-1:{ACCOUNT}:alias/{key}");
    for key in ["alias/a", "alias/a", &arn("a")] {
        let updated = plane.call("UpdateEventDataStore", update(&id, key)).await.unwrap();
        assert_eq!(updated["KmsKeyId"], json!(arn("a")));
    }
    refused(plane.call("UpdateEventDataStore", update(&id, "alias/b")).await, "InvalidParameterException");
    let got = plane.call("GetEventDataStore", json!({"EventDataStore": id})).await.unwrap();
    assert_eq!(got["KmsKeyId"], json!(arn("a")));
}

#[tokio::test]
async fn a_store_is_not_changed_while_it_takes_in_an_import() {
    let (plane, _) = plane(0).await;
    let id = create(&plane, json!({"Name": "importing", "TerminationProtectionEnabled": false})).await;
    let other = create(&plane, json!({"Name": "other"})).await;
    let import = TrailImport {
        id: "4ee9d4f0-0000-4000-8000-000000000001".into(),
        account: ACCOUNT.into(),
        region: "us-east-1".into(),
        store_id: id.clone(),
        status: "IN_PROGRESS".into(),
        ..TrailImport::default()
    };
    assert!(plane.trail.catalog.start_trail_import(&import).await.unwrap());
    let rename = |id: &str| json!({"EventDataStore": id, "Name": "renamed"});
    let ongoing = "EventDataStoreHasOngoingImportException";
    refused(plane.call("UpdateEventDataStore", rename(&id)).await, ongoing);
    refused(plane.call("DeleteEventDataStore", json!({"EventDataStore": id})).await, ongoing);
    plane.call("UpdateEventDataStore", rename(&other)).await.unwrap();
    plane.call("StopImport", json!({"ImportId": import.id})).await.unwrap();
    plane.call("DeleteEventDataStore", json!({"EventDataStore": id})).await.unwrap();
}

#[tokio::test]
async fn stores_are_counted_listed_in_pages_and_checked() {
    let (plane, _) = plane(0).await;
    for n in 0..10 {
        create(&plane, json!({"Name": format!("store-{n}")})).await;
    }
    refused(
        plane.call("CreateEventDataStore", json!({"Name": "more"})).await,
        "EventDataStoreMaxLimitExceededException",
    );
    let mut names = Vec::new();
    let mut input = json!({"MaxResults": 4});
    loop {
        let page = plane.call("ListEventDataStores", input.clone()).await.unwrap();
        names
            .extend(page["EventDataStores"].as_array().unwrap().iter().map(|s| s["Name"].as_str().unwrap().to_owned()));
        if page["NextToken"].is_null() {
            break;
        }
        input["NextToken"] = page["NextToken"].clone();
    }
    names.sort();
    assert_eq!(names, (0..10).map(|n| format!("store-{n}")).collect::<Vec<_>>());
    let fixed = json!({"Name": "fixed", "BillingMode": "FIXED_RETENTION_PRICING", "RetentionPeriod": 3000});
    refused(plane.call("CreateEventDataStore", fixed).await, "InvalidParameterException");
    refused(
        plane.call("CreateEventDataStore", json!({"Name": "org", "OrganizationEnabled": true})).await,
        "OrganizationsNotInUseException",
    );
    let selector = |category: &str| json!({"FieldSelectors": [{"Field": "eventCategory", "Equals": [category]}]});
    for selectors in [json!([selector("Nonsense")]), json!([selector("Management"), selector("Evidence")])] {
        let input = json!({"Name": "bad", "AdvancedEventSelectors": selectors});
        refused(plane.call("CreateEventDataStore", input).await, "InvalidEventSelectorsException");
    }
    refused(
        plane.call("GetEventDataStore", json!({"EventDataStore": "nonsense"})).await,
        "EventDataStoreARNInvalidException",
    );
    let foreign = "arn:aws:cloudtrail:eu-west-1:123456789012:eventdatastore/4ee9d4f0-0000-4000-8000-000000000001";
    refused(
        plane.call("GetEventDataStore", json!({"EventDataStore": foreign})).await,
        "EventDataStoreNotFoundException",
    );
}

#[tokio::test]
async fn a_store_has_what_it_took_in() {
    let (plane, engine) = plane(0).await;
    let writes = json!([{"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]},
        {"Field": "readOnly", "Equals": ["false"]}]}]);
    let input =
        json!({"Name": "writes", "AdvancedEventSelectors": writes, "RetentionPeriod": 7, "MultiRegionEnabled": false});
    let id = create(&plane, input).await;
    plane.clock.advance(1_000);
    plane.call("StopEventDataStoreIngestion", json!({"EventDataStore": id})).await.unwrap();
    refused(
        plane.call("StopEventDataStoreIngestion", json!({"EventDataStore": id})).await,
        "InvalidEventDataStoreStatusException",
    );
    plane.clock.advance(1_000);
    plane.call("StartEventDataStoreIngestion", json!({"EventDataStore": id})).await.unwrap();
    engine.go.add_permits(1);
    let query = start(&plane, format!("SELECT 1 FROM {id}")).await.unwrap();
    ended(&plane, &query).await;
    let asked = engine.asked.lock().unwrap();
    let store = &asked[0].stores[0];
    assert_eq!((store.id.as_str(), store.account.as_str()), (id.as_str(), ACCOUNT));
    assert_eq!(store.categories, ["Management"]);
    assert_eq!(store.range.start, NOW + 2_000 - 7 * DAY);
    let has = |received: i64, read_only: bool, region: &str, category: &str| {
        let read_only = Some(read_only);
        let ingestion_time = NOW + received;
        admits(
            &store.admits,
            &Candidate {
                time: NOW,
                ingestion_time,
                account: ACCOUNT,
                region,
                category,
                read_only,
                ..Candidate::default()
            },
        )
    };
    assert!(has(0, false, "us-east-1", "Management"));
    for (received, read_only, region, category) in [
        (-1, false, "us-east-1", "Management"),
        (1_000, false, "us-east-1", "Management"),
        (1_999, false, "us-east-1", "Management"),
        (0, true, "us-east-1", "Management"),
        (0, false, "eu-west-1", "Management"),
        (0, false, "us-east-1", "Data"),
    ] {
        assert!(!has(received, read_only, region, category), "{received} {read_only} {region} {category}");
    }
    assert!(has(2_000, false, "us-east-1", "Management"));
}

#[tokio::test]
async fn a_query_runs_and_its_rows_are_paged() {
    let (plane, engine) = plane(1_201).await;
    let id = create(&plane, json!({"Name": "all"})).await;
    let query = start(&plane, format!("SELECT n FROM {id}")).await.unwrap();
    let results = json!({"QueryId": query, "MaxQueryResults": 1000});
    let early = plane.call("GetQueryResults", results.clone()).await.unwrap();
    assert!(["QUEUED", "RUNNING"].contains(&early["QueryStatus"].as_str().unwrap()), "{early}");
    assert_eq!(early["QueryResultRows"], json!([]));
    engine.go.add_permits(1);
    let described = ended(&plane, &query).await;
    assert_eq!(described["QueryStatus"], json!("FINISHED"));
    let statistics = &described["QueryStatistics"];
    assert_eq!(
        (&statistics["EventsScanned"], &statistics["BytesScanned"], &statistics["EventsMatched"]),
        (&json!(9), &json!(900), &json!(4))
    );
    let first = plane.call("GetQueryResults", results.clone()).await.unwrap();
    assert_eq!(first["QueryResultRows"][999], json!([{"n": "999"}, {"n": ""}]));
    assert_eq!(first["QueryStatistics"], json!({"ResultsCount": 1000, "TotalResultsCount": 1201, "BytesScanned": 900}));
    let mut next = results.clone();
    next["NextToken"] = first["NextToken"].clone();
    let second = plane.call("GetQueryResults", next).await.unwrap();
    assert_eq!((second["QueryResultRows"].as_array().unwrap().len(), &second["NextToken"]), (201, &Value::Null));
    refused(plane.call("CancelQuery", json!({"QueryId": query})).await, "InactiveQueryException");
    let listed = plane.call("ListQueries", json!({"EventDataStore": id, "QueryStatus": "FINISHED"})).await.unwrap();
    assert_eq!(listed["Queries"][0]["QueryId"], json!(query));
    plane.clock.advance(7 * DAY + 1);
    trail::lake::expire(&plane.trail).await;
    refused(plane.call("GetQueryResults", results).await, "QueryIdNotFoundException");
}

#[tokio::test]
async fn queries_fail_end_early_and_are_limited() {
    let (plane, engine) = plane(1).await;
    let id = create(&plane, json!({"Name": "all"})).await;
    refused(start(&plane, format!("SELECT wrong FROM {id}")).await.map(Value::from), "InvalidQueryStatementException");
    refused(start(&plane, "SELECT 1".into()).await.map(Value::from), "InvalidQueryStatementException");
    let absent = "SELECT 1 FROM 3270e016-59a1-4448-8dd1-d27a4796502d";
    refused(start(&plane, absent.into()).await.map(Value::from), "EventDataStoreNotFoundException");
    let mut ids = Vec::new();
    for n in 0..10 {
        let what = if n == 0 { "fails" } else { "1" };
        ids.push(start(&plane, format!("SELECT {what} FROM {id}")).await.unwrap());
    }
    refused(start(&plane, format!("SELECT 1 FROM {id}")).await.map(Value::from), "MaxConcurrentQueriesException");
    let cancelled = plane.call("CancelQuery", json!({"QueryId": ids[9]})).await.unwrap();
    assert_eq!(cancelled["QueryStatus"], json!("CANCELLED"));
    refused(plane.call("CancelQuery", json!({"QueryId": ids[9]})).await, "InactiveQueryException");
    let waiting = plane.call("ListQueries", json!({"EventDataStore": id, "QueryStatus": "QUEUED"})).await.unwrap();
    assert!(waiting["Queries"].as_array().unwrap().len() >= 7, "{waiting}");
    engine.go.add_permits(10);
    let mut statuses = Vec::new();
    for id in &ids {
        statuses.push(ended(&plane, id).await["QueryStatus"].as_str().unwrap().to_owned());
    }
    assert_eq!((statuses[0].as_str(), statuses[9].as_str()), ("FAILED", "CANCELLED"));
    assert!(statuses[1..9].iter().all(|status| status == "FINISHED"), "{statuses:?}");
    let failed = plane.call("GetQueryResults", json!({"QueryId": ids[0]})).await.unwrap();
    assert_eq!(failed["ErrorMessage"], json!("Division by zero"));
}

#[tokio::test]
async fn policies_are_kept_with_their_resource() {
    let (plane, _) = plane(0).await;
    let arn = plane.create_activity_store("all").await;
    let id = arn.rsplit('/').next().unwrap().to_owned();
    let statement = json!({"Effect": "Allow", "Principal": "*", "Action": "cloudtrail:StartQuery", "Resource": arn});
    let policy = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
    refused(plane.call("GetResourcePolicy", json!({"ResourceArn": arn})).await, "ResourcePolicyNotFoundException");
    plane.call("PutResourcePolicy", json!({"ResourceArn": arn, "ResourcePolicy": policy})).await.unwrap();
    let got = plane.call("GetResourcePolicy", json!({"ResourceArn": arn})).await.unwrap();
    assert_eq!(got["ResourcePolicy"], json!(policy));
    let with = |member: &str, value: &str| {
        let mut statement = statement.clone();
        statement[member] = json!(value);
        json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
    };
    for bad in [
        "nonsense",
        "{}",
        r#"{"Statement":[{"Effect":"Maybe"}]}"#,
        &with("Action", "cloudtrail:DeleteEventDataStore"),
        &with("Action", "cloudtrail:StartDashboardRefresh"),
        &with("Resource", "*"),
        &with("Principal", "nobody"),
    ] {
        let input = json!({"ResourceArn": arn, "ResourcePolicy": bad});
        refused(plane.call("PutResourcePolicy", input).await, "ResourcePolicyNotValidException");
    }
    plane.call("DeleteResourcePolicy", json!({"ResourceArn": arn})).await.unwrap();
    refused(plane.call("DeleteResourcePolicy", json!({"ResourceArn": arn})).await, "ResourcePolicyNotFoundException");
    let absent = arn.replace(&id, "3270e016-59a1-4448-8dd1-d27a4796502d");
    refused(plane.call("GetResourcePolicy", json!({"ResourceArn": absent})).await, "ResourceNotFoundException");
    // One policy, however the id is written; a channel's goes with the channel, and a channel keeps a store.
    let upper = arn.replace(&id, &id.to_uppercase());
    plane.call("PutResourcePolicy", json!({"ResourceArn": upper, "ResourcePolicy": policy})).await.unwrap();
    plane.call("GetResourcePolicy", json!({"ResourceArn": arn})).await.unwrap();
    let destinations = json!([{"Type": "EVENT_DATA_STORE", "Location": upper}]);
    let channel = json!({"Name": "app", "Source": "Custom", "Destinations": destinations});
    let made = plane.call("CreateChannel", channel).await.unwrap();
    assert_eq!(made["Destinations"][0]["Location"], json!(arn));
    let channel = made["ChannelArn"].as_str().unwrap();
    let policy = json!({"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Principal": {"AWS": "999999999999"}, "Action": "cloudtrail-data:PutAuditEvents", "Resource": channel,
    }});
    let input = json!({"ResourceArn": channel, "ResourcePolicy": policy.to_string()});
    plane.call("PutResourcePolicy", input).await.unwrap();
    refused(plane.call("DeleteEventDataStore", json!({"EventDataStore": arn})).await, "ChannelExistsForEDSException");
    plane.call("DeleteChannel", json!({"Channel": channel})).await.unwrap();
    assert_eq!(plane.trail.catalog.cloudtrail_policy(channel).await.unwrap(), None);
}

#[tokio::test]
async fn the_policy_of_a_store_lets_other_accounts_ask_it_and_may_deny_its_own() {
    let (plane, engine) = plane(1).await;
    engine.go.add_permits(9);
    let id = create(&plane, json!({"Name": "all"})).await;
    let arn = format!("arn:aws:cloudtrail:us-east-1:{ACCOUNT}:eventdatastore/{id}");
    let foreign = Caller::root(Scope { account: "999999999999".into(), region: "us-east-1".into() }, "AKIAFOREIGN");
    let policy = async |effect: &str, account: &str, actions: &[&str]| {
        let actions: Vec<String> = actions.iter().map(|action| format!("cloudtrail:{action}")).collect();
        let statement = json!({"Effect": effect, "Principal": {"AWS": account}, "Action": actions, "Resource": arn});
        let document = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
        plane.call("PutResourcePolicy", json!({"ResourceArn": arn, "ResourcePolicy": document})).await.unwrap();
    };
    let statement = format!("SELECT 1 FROM {id}");
    let query = async |caller: &Caller| {
        let input = json!({"QueryStatement": statement, "EventDataStoreOwnerAccountId": ACCOUNT});
        plane.call_with(caller, "StartQuery", "", input).await
    };
    let own = caller("us-east-1");
    let made = query(&own).await.unwrap()["QueryId"].clone();
    let of = |query: &Value| json!({"QueryId": query, "EventDataStoreOwnerAccountId": ACCOUNT});
    let calls = |query: &Value| {
        [
            ("GetEventDataStore", json!({"EventDataStore": arn})),
            ("ListQueries", json!({"EventDataStore": arn})),
            ("GenerateQuery", json!({"EventDataStores": [arn], "Prompt": "What are the most frequent errors?"})),
            ("DescribeQuery", of(query)),
            ("GetQueryResults", of(query)),
            ("CancelQuery", of(query)),
        ]
    };
    // Without a policy, and with one for somebody else, nobody of another account is told anything.
    for other in [None, Some("888888888888")] {
        if let Some(other) = other {
            policy("Allow", other, &["StartQuery", "GetEventDataStore", "ListQueries", "GenerateQuery"]).await;
        }
        let said = refused(query(&foreign).await, "AccessDeniedException");
        assert!(
            said.contains(&format!("cloudtrail:StartQuery on resource: {arn} because no resource-based")),
            "{said}"
        );
        for (operation, input) in calls(&made) {
            refused(plane.call_with(&foreign, operation, "", input).await, "AccessDeniedException");
        }
        let absent = arn.replace(&id, "3270e016-59a1-4448-8dd1-d27a4796502d");
        let absent = plane.call_with(&foreign, "GetEventDataStore", "", json!({"EventDataStore": absent})).await;
        refused(absent, "AccessDeniedException");
    }
    // One action lets nobody do another.
    policy("Allow", "999999999999", &["StartQuery"]).await;
    let theirs = query(&foreign).await.unwrap();
    assert_eq!(theirs["EventDataStoreOwnerAccountId"], json!(ACCOUNT));
    for (operation, input) in calls(&theirs["QueryId"]) {
        refused(plane.call_with(&foreign, operation, "", input).await, "AccessDeniedException");
    }
    let all = ["StartQuery", "GetEventDataStore", "ListQueries", "GenerateQuery", "DescribeQuery", "GetQueryResults"];
    policy("Allow", "999999999999", &all).await;
    for (operation, input) in calls(&theirs["QueryId"]).into_iter().filter(|(operation, _)| *operation != "CancelQuery")
    {
        plane.call_with(&foreign, operation, "", input).await.unwrap();
    }
    ended(&plane, theirs["QueryId"].as_str().unwrap()).await;
    let results = plane.call_with(&foreign, "GetQueryResults", "", of(&theirs["QueryId"])).await.unwrap();
    assert_eq!(results["QueryResultRows"][0][0], json!({"n": "0"}), "its owner's query as well");
    // Stores of the owner are no stores of who may ask them; and settings are the owner's alone.
    let plain = json!({"QueryStatement": statement});
    refused(plane.call_with(&foreign, "StartQuery", "", plain).await, "EventDataStoreNotFoundException");
    for operation in ["UpdateEventDataStore", "DeleteEventDataStore", "StopEventDataStoreIngestion"] {
        let answer = plane.call_with(&foreign, operation, "", json!({"EventDataStore": arn})).await;
        refused(answer, "EventDataStoreNotFoundException");
    }
    policy("Deny", ACCOUNT, &["StartQuery", "GetEventDataStore"]).await;
    refused(query(&own).await, "AccessDeniedException");
    refused(plane.call("GetEventDataStore", json!({"EventDataStore": id})).await, "AccessDeniedException");
    plane.call("ListQueries", json!({"EventDataStore": id})).await.unwrap();
    plane.call("DeleteResourcePolicy", json!({"ResourceArn": arn})).await.unwrap();
    query(&own).await.unwrap();
}

#[tokio::test]
async fn results_of_a_query_of_another_accounts_store_go_to_the_bucket_of_who_asked() {
    let (mut plane, engine) = plane(1).await;
    let bucket = Arc::new(MemoryBuckets::default());
    plane.trail.buckets = bucket.clone();
    plane.trail.digest_keys = Some(Arc::new(crate::digests::world::key_store(1)));
    engine.go.add_permits(1);
    let id = create(&plane, json!({"Name": "all"})).await;
    let arn = format!("arn:aws:cloudtrail:us-east-1:{ACCOUNT}:eventdatastore/{id}");
    let statement = json!({"Effect": "Allow", "Principal": {"AWS": "999999999999"},
        "Action": ["cloudtrail:StartQuery", "cloudtrail:DescribeQuery"], "Resource": arn});
    let document = json!({"Version": "2012-10-17", "Statement": statement}).to_string();
    plane.call("PutResourcePolicy", json!({"ResourceArn": arn, "ResourcePolicy": document})).await.unwrap();
    let foreign = Caller::root(Scope { account: "999999999999".into(), region: "us-east-1".into() }, "AKIAFOREIGN");
    let input = json!({"QueryStatement": format!("SELECT 1 FROM {id}"), "EventDataStoreOwnerAccountId": ACCOUNT,
        "DeliveryS3Uri": "s3://logs/results"});
    let made = plane.call_with(&foreign, "StartQuery", "", input).await.unwrap();
    ended(&plane, made["QueryId"].as_str().unwrap()).await;
    let asked = json!({"QueryId": made["QueryId"], "EventDataStoreOwnerAccountId": ACCOUNT});
    while plane.call_with(&foreign, "DescribeQuery", "", asked.clone()).await.unwrap()["DeliveryStatus"] == "PENDING" {
        tokio::task::yield_now().await;
    }
    let keys = bucket.keys();
    assert!(keys.iter().all(|key| key.starts_with("results/AWSLogs/999999999999/CloudTrail-Lake/")), "{keys:?}");
    assert_eq!(keys.len(), 2);
}

#[tokio::test]
async fn a_build_without_sql_says_so() {
    let plane = Plane::new().await;
    let id = create(&plane, json!({"Name": "all"})).await;
    refused(start(&plane, format!("SELECT 1 FROM {id}")).await.map(Value::from), "UnsupportedOperationException");
}

/// A file of a trail.
fn trail_file(records: &[Value]) -> Vec<u8> {
    use std::io::Write as _;
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(json!({"Records": records}).to_string().as_bytes()).unwrap();
    packed.finish().unwrap()
}

fn old_record(id: &str, time: &str) -> Value {
    json!({"eventTime": time, "eventName": "RunInstances", "eventSource": "ec2.amazonaws.com", "eventID": id,
        "awsRegion": "us-east-1", "eventCategory": "Management", "recipientAccountId": ACCOUNT, "readOnly": false})
}

async fn imported(plane: &Plane, id: &str) -> Value {
    loop {
        let import = plane.call("GetImport", json!({"ImportId": id})).await.unwrap();
        if import["ImportStatus"] != "IN_PROGRESS" {
            return import;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_import_adds_the_time_of_its_files_to_its_store() {
    let (mut plane, engine) = plane(0).await;
    plane.trail.buckets = Arc::new(MemoryBuckets::default());
    let put = |key: &str, body: Vec<u8>| plane.trail.buckets.put("logs", key, body.into()).unwrap();
    let folder = "AWSLogs/123456789012/CloudTrail/us-east-1/2025/12/01";
    let records = [old_record("a", "2025-12-01T00:00:00Z"), old_record("b", "2025-12-01T01:00:00Z")];
    put(&format!("{folder}/1.json.gz"), trail_file(&records));
    put(&format!("{folder}/2.json.gz"), b"nonsense".to_vec());
    put("AWSLogs/123456789012/CloudTrail-Digest/us-east-1/3.json.gz", b"nonsense".to_vec());
    let id = create(&plane, json!({"Name": "all"})).await;
    plane.call("StopEventDataStoreIngestion", json!({"EventDataStore": id})).await.unwrap();
    let source = |uri: &str| json!({"S3": {"S3LocationUri": uri, "S3BucketRegion": "us-east-1", "S3BucketAccessRoleArn": "arn:aws:iam::1:role/r"}});
    let arn = format!("arn:aws:cloudtrail:us-east-1:{ACCOUNT}:eventdatastore/{id}");
    for wrong in ["s3://missing/x", "s3://closed/x", "logs"] {
        let input = json!({"Destinations": [arn], "ImportSource": source(wrong)});
        refused(plane.call("StartImport", input).await, "InvalidImportSourceException");
    }
    let input = json!({"Destinations": [arn], "ImportSource": source("s3://logs/AWSLogs/123456789012/")});
    let started = plane.call("StartImport", input.clone()).await.unwrap();
    let import = started["ImportId"].as_str().unwrap();
    refused(plane.call("StartImport", input).await, "AccountHasOngoingImportException");
    let done = imported(&plane, import).await;
    let statistics = json!({"PrefixesFound": 1, "PrefixesCompleted": 1, "FilesCompleted": 1, "EventsCompleted": 2, "FailedEntries": 1});
    assert_eq!((&done["ImportStatus"], &done["ImportStatistics"]), (&json!("FAILED"), &statistics));
    let failures = plane.call("ListImportFailures", json!({"ImportId": import})).await.unwrap();
    assert_eq!(failures["Failures"][0]["Location"], json!(format!("s3://logs/{folder}/2.json.gz")));
    let listed = plane.call("ListImports", json!({"Destination": arn, "ImportStatus": "FAILED"})).await.unwrap();
    assert_eq!(listed["Imports"].as_array().unwrap().len(), 1);
    engine.go.add_permits(1);
    let query = start(&plane, format!("SELECT 1 FROM {id}")).await.unwrap();
    ended(&plane, &query).await;
    let asked = engine.asked.lock().unwrap();
    let has = |record: Value| {
        let time = Timestamp::parse_iso(record["eventTime"].as_str().unwrap()).unwrap();
        let category = "Management";
        admits(
            &asked[0].stores[0].admits,
            &Candidate {
                time,
                ingestion_time: NOW - 1,
                account: ACCOUNT,
                region: "us-east-1",
                category,
                ..Candidate::default()
            },
        )
    };
    assert!(records.into_iter().all(has), "what was received before the store took in, and imported");
    assert!(!has(old_record("c", "2025-12-01T01:00:01Z")));
}

/// A record of the network activity of an endpoint.
fn network_record(id: &str, error: &str) -> Value {
    json!({"eventVersion": "1.09", "eventTime": "2025-12-01T00:30:00Z", "eventName": "Decrypt", "eventID": id,
        "eventSource": "kms.amazonaws.com", "eventType": "AwsVpceEvents", "eventCategory": "NetworkActivity",
        "awsRegion": "us-east-1", "recipientAccountId": ACCOUNT, "errorCode": error, "vpcEndpointId": "vpce-1"})
}

/// The ids of the stored events that a store has.
async fn has(plane: &Plane, engine: &Engine, id: &str) -> Vec<String> {
    engine.go.add_permits(1);
    let query = start(plane, format!("SELECT 1 FROM {id}")).await.unwrap();
    ended(plane, &query).await;
    let question = engine.asked.lock().unwrap().pop().unwrap();
    let store = &question.stores[0];
    let mut ids = Vec::new();
    for event in crate::imports::stored(plane).await {
        let record: Value = serde_json::from_str(&event.record).unwrap();
        let endpoint = record["vpcEndpointId"].as_str().unwrap_or_default().to_owned();
        let candidate = Candidate {
            time: event.time,
            ingestion_time: event.ingestion_time,
            account: &event.account,
            region: &event.region,
            category: &event.category,
            source: &event.source,
            name: &event.name,
            error_code: &event.error_code,
            vpc_endpoint_id: &endpoint,
            record: &event.record,
            read_only: event.read_only,
            ..Candidate::default()
        };
        if store.categories.contains(&event.category) && admits(&store.admits, &candidate) {
            ids.push(event.event_id);
        }
    }
    ids.sort();
    ids
}

#[tokio::test]
async fn what_an_import_brings_is_its_stores_alone() {
    let (mut plane, engine) = plane(0).await;
    plane.trail.buckets = Arc::new(MemoryBuckets::default());
    let put = |key: &str, body: Vec<u8>| plane.trail.buckets.put("logs", key, body.into()).unwrap();
    put(
        "AWSLogs/1/CloudTrail/1.json.gz",
        trail_file(&[old_record("a", "2025-12-01T00:00:00Z"), old_record("b", "2025-12-01T01:00:00Z")]),
    );
    put(
        "AWSLogs/1/CloudTrail-NetworkActivity/1.json.gz",
        trail_file(&[network_record("n", ""), network_record("denied", "VpceAccessDenied")]),
    );
    let denials = json!([{"FieldSelectors": [{"Field": "eventCategory", "Equals": ["NetworkActivity"]},
        {"Field": "eventSource", "Equals": ["kms.amazonaws.com"]}, {"Field": "errorCode", "Equals": ["VpceAccessDenied"]}]}]);
    let first = create(&plane, json!({"Name": "first"})).await;
    let second = create(&plane, json!({"Name": "second"})).await;
    let network = create(&plane, json!({"Name": "network", "AdvancedEventSelectors": denials})).await;
    let import = async |id: &str, prefix: &str| {
        let source = json!({"S3": {"S3LocationUri": format!("s3://logs/{prefix}"), "S3BucketRegion": "us-east-1", "S3BucketAccessRoleArn": "arn:aws:iam::1:role/r"}});
        let arn = format!("arn:aws:cloudtrail:us-east-1:{ACCOUNT}:eventdatastore/{id}");
        let started = plane.call("StartImport", json!({"Destinations": [arn], "ImportSource": source})).await.unwrap();
        let done = imported(&plane, started["ImportId"].as_str().unwrap()).await;
        assert_eq!(done["ImportStatus"], "COMPLETED", "{done}");
    };
    import(&first, "AWSLogs/1/").await;
    let none: [&str; 0] = [];
    assert_eq!(has(&plane, &engine, &first).await, ["a", "b"]);
    assert_eq!(has(&plane, &engine, &second).await, none, "it took events in, but not those of another's import");
    // What comes in the same millisecond, of a call or through a channel, is no import's.
    let own = Event {
        ingestion_time: NOW,
        time: NOW,
        record: json!({"eventTime": "2026-01-02T03:04:05Z", "eventName": "X", "eventSource": "x.amazonaws.com", "eventCategory": "Management"}).to_string(),
        event_id: "own".into(),
        account: ACCOUNT.into(),
        region: "us-east-1".into(),
        category: "Management".into(),
        ..Event::default()
    };
    plane.append(vec![own]).await;
    assert_eq!(has(&plane, &engine, &second).await, ["own"]);
    plane.clock.advance(1_000);
    import(&second, "AWSLogs/1/").await;
    assert_eq!(has(&plane, &engine, &second).await, ["a", "b", "own"], "by an import of its own it has them");
    import(&network, "AWSLogs/1/CloudTrail-NetworkActivity/").await;
    assert_eq!(has(&plane, &engine, &network).await, ["denied"]);
    assert_eq!(has(&plane, &engine, &first).await, ["a", "b", "own"]);
}

/// Buckets whose file `…/2.json.gz` cannot be read at first, in one way or another.
#[derive(Default)]
struct Broken {
    within: MemoryBuckets,
    /// What becomes of reading it; afterwards it can be read.
    next: Mutex<Vec<Break>>,
    gets: Mutex<Vec<String>>,
}

#[derive(Clone, Copy)]
enum Break {
    Unreachable,
    /// The thread that reads ends.
    Panic,
}

impl Buckets for Broken {
    fn check(&self, scope: &Scope, bucket: &str) -> Result<(), BucketError> {
        self.within.check(scope, bucket)
    }

    fn put(&self, bucket: &str, key: &str, object: NewObject) -> Result<(), BucketError> {
        self.within.put(bucket, key, object)
    }

    fn get(&self, bucket: &str, key: &str) -> Result<Object, BucketError> {
        self.gets.lock().unwrap().push(key.rsplit('/').next().unwrap().to_owned());
        let next = key.ends_with("/2.json.gz").then(|| self.next.lock().unwrap().pop()).flatten();
        match next {
            Some(Break::Unreachable) => Err(BucketError::Unreachable("told to fail".into())),
            Some(Break::Panic) => panic!("told to"),
            None => self.within.get(bucket, key),
        }
    }

    fn head(&self, bucket: &str, key: &str) -> Result<Head, BucketError> {
        self.within.head(bucket, key)
    }

    fn list(&self, bucket: &str, prefix: &str, after: &str, max: usize) -> Result<Vec<Listed>, BucketError> {
        self.within.list(bucket, prefix, after, max)
    }
}

#[tokio::test]
async fn an_import_that_failed_reads_what_failed_once_more() {
    for (how, between) in [(Break::Unreachable, (2, 1)), (Break::Panic, (1, 1))] {
        let (mut plane, _) = plane(0).await;
        let buckets = Arc::new(Broken { next: vec![how].into(), ..Broken::default() });
        plane.trail.buckets = buckets.clone();
        for (n, time) in [(1, "2025-12-01T00:00:00Z"), (2, "2025-12-01T06:00:00Z"), (3, "2025-12-01T12:00:00Z")] {
            let body = trail_file(&[old_record(&n.to_string(), time)]);
            buckets.put("logs", &format!("CloudTrail/{n}.json.gz"), body.into()).unwrap();
        }
        let id = create(&plane, json!({"Name": "all"})).await;
        let input = json!({"Destinations": [format!("arn:aws:cloudtrail:us-east-1:{ACCOUNT}:eventdatastore/{id}")], "ImportSource":
            {"S3": {"S3LocationUri": "s3://logs", "S3BucketRegion": "us-east-1", "S3BucketAccessRoleArn": "arn:aws:iam::1:role/r"}}});
        let started = plane.call("StartImport", input).await.unwrap();
        let import = started["ImportId"].as_str().unwrap();
        let failed = imported(&plane, import).await;
        let counts = &failed["ImportStatistics"];
        let (completed, entries) = between;
        assert_eq!(failed["ImportStatus"], json!("FAILED"));
        assert_eq!((&counts["FilesCompleted"], &counts["FailedEntries"]), (&json!(completed), &json!(entries)));
        plane.call("StartImport", json!({"ImportId": import})).await.unwrap();
        let done = imported(&plane, import).await;
        assert_eq!(done["ImportStatus"], json!("COMPLETED"), "{done}");
        let statistics = json!({"PrefixesFound": 1, "PrefixesCompleted": 1, "FilesCompleted": 3, "EventsCompleted": 3, "FailedEntries": 0});
        assert_eq!(done["ImportStatistics"], statistics);
        let failures = plane.call("ListImportFailures", json!({"ImportId": import})).await.unwrap();
        assert_eq!(failures["Failures"], json!([]));
        let mut gets = buckets.gets.lock().unwrap().clone();
        gets.sort();
        assert_eq!(
            gets,
            ["1.json.gz", "2.json.gz", "2.json.gz", "3.json.gz"],
            "each is read once, but that which failed"
        );
        let found = plane.call("LookupEvents", json!({})).await.unwrap();
        assert_eq!(found["Events"].as_array().unwrap().len(), 3, "{found}");
        let scope = caller("us-east-1").scope;
        let store = plane.trail.catalog.event_data_store(&scope, &id).await.unwrap().unwrap();
        let day = 1_764_547_200_000;
        assert_eq!(store.imported, [(day, day + 12 * 3_600_000 + 1)], "one range, whatever lies between files");
    }
}

#[tokio::test]
async fn an_import_takes_the_files_of_cloudtrail_alone() {
    for (uri, expected) in
        [("s3://logs", 2), ("s3://logs/AWSLogs/1/", 1), ("s3://logs/old/", 1), ("s3://logs/AWSLogs/1/Config/", 0)]
    {
        let (mut plane, _) = plane(0).await;
        plane.trail.buckets = Arc::new(MemoryBuckets::default());
        let file = |id: &str| trail_file(&[old_record(id, "2025-12-01T00:00:00Z")]);
        for (key, body) in [
            ("AWSLogs/1/CloudTrail/us-east-1/a.json.gz", file("a")),
            ("CloudTrail/b.json.gz", file("b")),
            ("old/c.json.gz", file("c")),
            ("AWSLogs/1/CloudTrail-Digest/us-east-1/d.json.gz", b"nonsense".to_vec()),
            ("AWSLogs/1/CloudTrail-Insight/us-east-1/e.json.gz", b"nonsense".to_vec()),
            ("AWSLogs/1/Config/us-east-1/f.json.gz", b"nonsense".to_vec()),
        ] {
            plane.trail.buckets.put("logs", key, body.into()).unwrap();
        }
        let id = create(&plane, json!({"Name": "all"})).await;
        let input = json!({"Destinations": [format!("arn:aws:cloudtrail:us-east-1:{ACCOUNT}:eventdatastore/{id}")], "ImportSource":
            {"S3": {"S3LocationUri": uri, "S3BucketRegion": "us-east-1", "S3BucketAccessRoleArn": "arn:aws:iam::1:role/r"}}});
        let started = plane.call("StartImport", input).await.unwrap();
        let done = imported(&plane, started["ImportId"].as_str().unwrap()).await;
        assert_eq!(
            (&done["ImportStatus"], &done["ImportStatistics"]["EventsCompleted"]),
            (&json!("COMPLETED"), &json!(expected)),
            "{uri}"
        );
    }
}

#[tokio::test]
async fn samples_are_found_by_their_words() {
    let plane = Plane::new().await;
    let mut input = json!({"SearchPhrase": "calls of principals", "MaxResults": 2});
    let mut found = Vec::new();
    loop {
        let page = plane.call("SearchSampleQueries", input.clone()).await.unwrap();
        let results = page["SearchResults"].as_array().unwrap();
        assert!(results.len() <= 2);
        found.extend(results.iter().map(|sample| sample["Relevance"].as_f64().unwrap()));
        if page["NextToken"].is_null() {
            break;
        }
        input["NextToken"] = page["NextToken"].clone();
    }
    assert!(
        found.len() > 4 && found.is_sorted_by(|a, b| a >= b) && found.iter().all(|relevance| *relevance > 0.0),
        "{found:?}"
    );
    let none = plane.call("SearchSampleQueries", json!({"SearchPhrase": "zebra"})).await.unwrap();
    assert_eq!(none["SearchResults"], json!([]));
}

#[tokio::test]
async fn results_are_delivered_with_a_signed_list_that_verifies() {
    let (mut plane, engine) = plane(3).await;
    let bucket = Arc::new(MemoryBuckets::default());
    plane.trail.buckets = bucket.clone();
    let store = create(&plane, json!({"Name": "all"})).await;
    let start = async |plane: &Plane, uri: &str, statement: &str| {
        let statement = format!("SELECT {statement} FROM {store}");
        plane.call("StartQuery", json!({"QueryStatement": statement, "DeliveryS3Uri": uri})).await
    };
    refused(start(&plane, "s3://logs/a", "n").await, "UnsupportedOperationException");
    plane.trail.digest_keys = Some(Arc::new(crate::digests::world::key_store(1)));
    refused(start(&plane, "s3://nowhere", "n").await, "S3BucketDoesNotExistException");
    engine.go.add_permits(3);
    let delivered = async |plane: &Plane, id: &str| loop {
        let query = plane.call("DescribeQuery", json!({"QueryId": id})).await.unwrap();
        if query["DeliveryStatus"] != "PENDING" {
            return query;
        }
        tokio::task::yield_now().await;
    };
    let id = start(&plane, "s3://logs/a/", "n").await.unwrap()["QueryId"].as_str().unwrap().to_owned();
    let query = delivered(&plane, &id).await;
    assert_eq!((&query["DeliveryStatus"], &query["DeliveryS3Uri"]), (&json!("SUCCESS"), &json!("s3://logs/a/")));
    let path = format!("a/AWSLogs/123456789012/CloudTrail-Lake/Query/2026/01/02/{id}/");
    assert_eq!(bucket.keys(), [format!("{path}result_1.csv.gz"), format!("{path}result_sign.json")]);
    let packed = bucket.object(&format!("{path}result_1.csv.gz"));
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&packed[..]), &mut text).unwrap();
    assert_eq!(text, "n,n\n0,\n1,\n2,\n");
    let sign_file: Value = serde_json::from_slice(&bucket.object(&format!("{path}result_sign.json"))).unwrap();
    let hash = trail::digest::hash_hex(&packed);
    assert_eq!(sign_file["files"], json!([{"fileHashValue": hash, "fileName": "result_1.csv.gz"}]));
    let complete = Timestamp::parse_iso(sign_file["queryCompleteTime"].as_str().unwrap()).unwrap();
    let secs = complete.0 / 1000;
    let keys = plane.call("ListPublicKeys", json!({"StartTime": secs, "EndTime": secs})).await.unwrap();
    let key = &keys["PublicKeyList"][0];
    assert_eq!(key["Fingerprint"], sign_file["publicKeyFingerprint"]);
    let value = key["Value"].as_str().unwrap();
    let der = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, value).unwrap();
    let signature = sign_file["hashSignature"].as_str().unwrap();
    assert!(trail::digest::signing_key::verifies(&der, &hash, signature));
    bucket.close_after(1);
    let id = start(&plane, "s3://logs", "n").await.unwrap()["QueryId"].as_str().unwrap().to_owned();
    assert_eq!(delivered(&plane, &id).await["DeliveryStatus"], "FAILED_SIGNING_FILE");
    let id = start(&plane, "s3://logs", "fails").await.unwrap()["QueryId"].as_str().unwrap().to_owned();
    let query = delivered(&plane, &id).await;
    assert_eq!((&query["QueryStatus"], &query["DeliveryStatus"]), (&json!("FAILED"), &json!("FAILED")));
}
