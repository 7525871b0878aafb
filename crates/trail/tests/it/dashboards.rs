//! Dashboards of CloudTrail Lake, federation, and generated queries, with an engine that answers what the test says.

use crate::lake::{create, ended, plane};
use crate::*;
use model::time::HOUR;
use trail::lake_dashboards::refresh_due;

fn widget(statement: String, parameters: &[&str]) -> Value {
    let mut widget = json!({"QueryStatement": statement, "ViewProperties": {"Title": "TopErrors", "View": "Table"}});
    if !parameters.is_empty() {
        widget["QueryParameters"] = json!(parameters);
    }
    widget
}

/// Lets CloudTrail do `action` on a resource of this test's account, for one of its dashboards or for all.
async fn permit(plane: &Plane, resource: &str, action: &str, dashboard: &str) {
    let arn = |resource: &str| format!("arn:aws:cloudtrail:us-east-1:{ACCOUNT}:{resource}");
    let statement = json!({
        "Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"},
        "Action": format!("cloudtrail:{action}"), "Resource": arn(resource),
        "Condition": {"StringLike": {"AWS:SourceArn": arn(&format!("dashboard/{dashboard}"))},
            "StringEquals": {"AWS:SourceAccount": ACCOUNT}},
    });
    let document = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
    let input = json!({"ResourceArn": arn(resource), "ResourcePolicy": document});
    plane.call("PutResourcePolicy", input).await.unwrap();
}

#[tokio::test]
async fn a_dashboard_lives_from_creation_to_deletion() {
    let (plane, _) = plane(0).await;
    let store = create(&plane, json!({"Name": "all"})).await;
    let input = json!({"Name": "errors", "Widgets": [widget(format!("SELECT 1 FROM {store}"), &[])],
        "TagsList": [{"Key": "a", "Value": "b"}], "TerminationProtectionEnabled": true,
        "RefreshSchedule": {"Frequency": {"Unit": "HOURS", "Value": 6}, "Status": "ENABLED", "TimeOfDay": "01:30"}});
    let made = plane.call("CreateDashboard", input.clone()).await.unwrap();
    let arn = made["DashboardArn"].as_str().unwrap().to_owned();
    assert_eq!(arn, format!("arn:aws:cloudtrail:us-east-1:{ACCOUNT}:dashboard/errors"));
    assert_eq!((&made["Type"], &made["RefreshSchedule"]), (&json!("CUSTOM"), &input["RefreshSchedule"]));
    assert_eq!(made["Widgets"][0]["ViewProperties"], input["Widgets"][0]["ViewProperties"]);
    refused(plane.call("CreateDashboard", input).await, "ConflictException");
    let got = plane.call("GetDashboard", json!({"DashboardId": "errors"})).await.unwrap();
    assert_eq!((&got["Status"], &got["Widgets"]), (&json!("CREATED"), &made["Widgets"]));
    let tags = plane.call("ListTags", json!({"ResourceIdList": [arn]})).await.unwrap();
    assert_eq!(tags["ResourceTagList"][0]["TagsList"], json!([{"Key": "a", "Value": "b"}]));
    refused(plane.call("DeleteDashboard", json!({"DashboardId": arn})).await, "ConflictException");
    let update = json!({"DashboardId": arn, "TerminationProtectionEnabled": false, "Widgets": []});
    let updated = plane.call("UpdateDashboard", update).await.unwrap();
    assert_eq!((&updated["Widgets"], &updated["Name"]), (&json!([]), &json!("errors")));
    let got = plane.call("GetDashboard", json!({"DashboardId": arn})).await.unwrap();
    assert_eq!((&got["Status"], &got["TerminationProtectionEnabled"]), (&json!("UPDATED"), &json!(false)));
    plane.call("DeleteDashboard", json!({"DashboardId": arn})).await.unwrap();
    for gone in [arn.as_str(), "errors", "arn:aws:cloudtrail:eu-west-1:123456789012:dashboard/errors"] {
        refused(plane.call("GetDashboard", json!({"DashboardId": gone})).await, "ResourceNotFoundException");
    }
}

#[tokio::test]
async fn dashboards_are_listed_in_pages_and_checked() {
    let (plane, _) = plane(0).await;
    let store = create(&plane, json!({"Name": "all"})).await;
    for name in ["ops-1", "iam-1", "iam-2", "iam-3"] {
        plane.call("CreateDashboard", json!({"Name": name})).await.unwrap();
    }
    let first = plane.call("ListDashboards", json!({"NamePrefix": "iam-", "MaxResults": 2})).await.unwrap();
    let next = json!({"NamePrefix": "iam-", "MaxResults": 2, "NextToken": first["NextToken"]});
    let second = plane.call("ListDashboards", next).await.unwrap();
    assert_eq!((first["Dashboards"].as_array().unwrap().len(), &second["NextToken"]), (2, &Value::Null));
    assert!(second["Dashboards"][0]["DashboardArn"].as_str().unwrap().ends_with("dashboard/iam-3"), "{second}");
    let managed = plane.call("ListDashboards", json!({"Type": "MANAGED"})).await.unwrap();
    assert_eq!(managed["Dashboards"], json!([]));
    let with = |widget: Value| json!({"Name": "bad", "Widgets": [widget]});
    let absent = "SELECT 1 FROM 3270e016-59a1-4448-8dd1-d27a4796502d";
    for (input, code) in [
        (with(widget(format!("SELECT wrong FROM {store}"), &[])), "InvalidQueryStatementException"),
        (with(widget(absent.into(), &[])), "EventDataStoreNotFoundException"),
        (with(widget(format!("SELECT ? FROM {store}"), &["$EventDataStoreId$"])), "InvalidParameterException"),
        (json!({"Name": "AWSCloudTrail-Highlights"}), "UnsupportedOperationException"),
        (
            json!({"Name": "bad", "RefreshSchedule": {"Frequency": {"Unit": "DAYS", "Value": 2}}}),
            "InvalidParameterException",
        ),
        (
            json!({"Name": "bad", "Widgets": vec![widget(format!("SELECT 1 FROM {store}"), &[]); 11]}),
            "ServiceQuotaExceededException",
        ),
    ] {
        refused(plane.call("CreateDashboard", input).await, code);
    }
}

#[tokio::test]
async fn a_refresh_runs_each_widget_with_its_values() {
    let (plane, engine) = plane(3).await;
    let store = create(&plane, json!({"Name": "all"})).await;
    let trend = widget(format!("SELECT '?', '?' FROM {store}"), &["$Period$", "$StartTime$"]);
    let widgets = json!([trend, widget(format!("SELECT 2 FROM {store}"), &[])]);
    let made = plane.call("CreateDashboard", json!({"Name": "two", "Widgets": widgets})).await.unwrap();
    let alias = |n: usize| made["Widgets"][n]["QueryAlias"].clone();
    refused(plane.call("DescribeQuery", json!({"QueryAlias": alias(0)})).await, "QueryIdNotFoundException");
    permit(&plane, &format!("eventdatastore/{store}"), "StartQuery", "two").await;
    engine.go.add_permits(4);
    let values = json!({"$StartTime$": "2026-01-01T00:00:00Z"});
    let refresh = json!({"DashboardId": "two", "QueryParameterValues": values});
    let first = plane.call("StartDashboardRefresh", refresh.clone()).await.unwrap()["RefreshId"].clone();
    let second = plane.call("StartDashboardRefresh", json!({"DashboardId": "two"})).await.unwrap()["RefreshId"].clone();
    assert!(first.as_str().unwrap() < second.as_str().unwrap(), "{first} {second}");
    let mut queries = Vec::new();
    for (n, refresh) in [(0, &first), (1, &first), (0, &second), (1, &second)] {
        let asked = json!({"QueryAlias": alias(n), "RefreshId": refresh});
        let described = plane.call("DescribeQuery", asked).await.unwrap();
        assert_eq!(described["QueryString"], made["Widgets"][n]["QueryStatement"]);
        queries.push(described["QueryId"].as_str().unwrap().to_owned());
    }
    for query in &queries {
        assert_eq!(ended(&plane, query).await["QueryStatus"], json!("FINISHED"));
    }
    let latest = plane.call("DescribeQuery", json!({"QueryAlias": alias(0)})).await.unwrap();
    assert_eq!(latest["QueryId"], json!(queries[2]));
    let results = plane.call("GetQueryResults", json!({"QueryId": queries[0]})).await.unwrap();
    assert_eq!(results["QueryResultRows"].as_array().unwrap().len(), 3);
    let mut parameters: Vec<Vec<String>> =
        engine.asked.lock().unwrap().iter().map(|asked| asked.parameters.clone()).collect();
    parameters.sort();
    let day_before = ["hour", "2026-01-01T03:04:05Z"].map(str::to_owned).to_vec();
    let given = ["hour", "2026-01-01T00:00:00Z"].map(str::to_owned).to_vec();
    assert_eq!(parameters, [vec![], vec![], given, day_before]);
    let got = plane.call("GetDashboard", json!({"DashboardId": "two"})).await.unwrap();
    assert_eq!(got["LastRefreshId"], second);
    let unknown = json!({"DashboardId": "two", "QueryParameterValues": {"$Region$": "x"}});
    refused(plane.call("StartDashboardRefresh", unknown).await, "InvalidParameterException");
    refused(plane.call("StartDashboardRefresh", json!({"DashboardId": "no"})).await, "ResourceNotFoundException");
    // As many as can be queued at once, and two more.
    for _ in 0..5 {
        plane.call("StartDashboardRefresh", json!({"DashboardId": "two"})).await.unwrap();
    }
    refused(plane.call("StartDashboardRefresh", refresh).await, "ServiceQuotaExceededException");
}

#[tokio::test]
async fn a_refresh_needs_the_leave_of_each_store() {
    let (plane, engine) = plane(1).await;
    engine.go.add_permits(2);
    let open = create(&plane, json!({"Name": "open"})).await;
    let closed = create(&plane, json!({"Name": "closed"})).await;
    permit(&plane, &format!("eventdatastore/{open}"), "StartQuery", "two").await;
    let widgets = json!([
        widget(format!("SELECT 1 FROM {open}"), &[]),
        widget(format!("SELECT 1 FROM {open} JOIN {closed} ON true"), &[])
    ]);
    let refreshed = async |name: &str| {
        let made = plane.call("CreateDashboard", json!({"Name": name, "Widgets": widgets})).await.unwrap();
        let refresh = plane.call("StartDashboardRefresh", json!({"DashboardId": name})).await.unwrap();
        let mut queries = Vec::new();
        for widget in made["Widgets"].as_array().unwrap() {
            let asked = json!({"QueryAlias": widget["QueryAlias"], "RefreshId": refresh["RefreshId"]});
            let id = plane.call("DescribeQuery", asked).await.unwrap()["QueryId"].as_str().unwrap().to_owned();
            queries.push(ended(&plane, &id).await);
        }
        queries
    };
    let [first, second] = &refreshed("two").await[..] else { panic!("two widgets") };
    assert_eq!(first["QueryStatus"], json!("FINISHED"));
    assert_eq!(second["QueryStatus"], json!("FAILED"));
    let said = second["ErrorMessage"].as_str().unwrap();
    let resource =
        format!("cloudtrail:StartQuery on resource: arn:aws:cloudtrail:us-east-1:{ACCOUNT}:eventdatastore/{closed} ");
    assert!(said.starts_with("User: cloudtrail.amazonaws.com is not authorized") && said.contains(&resource), "{said}");
    // The policy is for one dashboard.
    let statuses: Vec<Value> = refreshed("other").await.into_iter().map(|query| query["QueryStatus"].clone()).collect();
    assert_eq!(statuses, ["FAILED", "FAILED"]);
}

#[tokio::test]
async fn a_schedule_refreshes_once_and_says_why_it_could_not() {
    let (plane, engine) = plane(1).await;
    let store = create(&plane, json!({"Name": "all", "TerminationProtectionEnabled": false})).await;
    let schedule = json!({"Frequency": {"Unit": "HOURS", "Value": 1}, "Status": "ENABLED", "TimeOfDay": "00:10"});
    let widgets = json!([widget(format!("SELECT 1 FROM {store}"), &[])]);
    let input = json!({"Name": "hourly", "Widgets": widgets, "RefreshSchedule": schedule});
    plane.call("CreateDashboard", input).await.unwrap();
    engine.go.add_permits(9);
    let refreshed = async || plane.call("GetDashboard", json!({"DashboardId": "hourly"})).await.unwrap();
    permit(&plane, &format!("eventdatastore/{store}"), "StartQuery", "*").await;
    refresh_due(&plane.trail).await;
    let got = refreshed().await;
    assert_eq!((&got["LastRefreshId"], &got["LastRefreshFailureReason"]), (&Value::Null, &Value::Null), "it is 03:04");
    plane.clock.advance(HOUR / 10);
    refresh_due(&plane.trail).await;
    let got = refreshed().await;
    let reason = got["LastRefreshFailureReason"].as_str().unwrap();
    assert!(reason.starts_with("AccessDeniedException: User: cloudtrail.amazonaws.com is not authorized"), "{reason}");
    assert_eq!(got["LastRefreshId"], Value::Null);
    permit(&plane, "dashboard/hourly", "StartDashboardRefresh", "hourly").await;
    plane.clock.advance(HOUR);
    refresh_due(&plane.trail).await;
    refresh_due(&plane.trail).await;
    let first = refreshed().await["LastRefreshId"].clone();
    assert!(first.is_string(), "it is 04:10");
    let ran = async || plane.call("ListQueries", json!({"EventDataStore": store})).await.unwrap()["Queries"].clone();
    assert_eq!(ran().await.as_array().unwrap().len(), 1);
    plane.clock.advance(HOUR);
    refresh_due(&plane.trail).await;
    assert_ne!(refreshed().await["LastRefreshId"], first);
    plane.call("DeleteEventDataStore", json!({"EventDataStore": store})).await.unwrap();
    plane.clock.advance(HOUR);
    refresh_due(&plane.trail).await;
    let reason = refreshed().await["LastRefreshFailureReason"].as_str().unwrap().to_owned();
    assert!(reason.starts_with("InactiveEventDataStoreException: "), "{reason}");
    plane.call("RestoreEventDataStore", json!({"EventDataStore": store})).await.unwrap();
    plane.call("StartDashboardRefresh", json!({"DashboardId": "hourly"})).await.unwrap();
    assert_eq!(refreshed().await["LastRefreshFailureReason"], Value::Null);
}

#[tokio::test]
async fn a_generated_query_is_a_sample_that_can_be_started_by_its_alias() {
    let (plane, engine) = plane(1).await;
    let store = create(&plane, json!({"Name": "all"})).await;
    let ask = |prompt: &str| json!({"EventDataStores": [store], "Prompt": prompt});
    let made = plane.call("GenerateQuery", ask("console logins without MFA in the last week")).await.unwrap();
    let statement = made["QueryStatement"].as_str().unwrap();
    assert!(statement.starts_with("-- Sample query: Console sign-ins without MFA\nSELECT "), "{statement}");
    assert!(statement.contains(&format!("FROM {store} ")), "{statement}");
    engine.go.add_permits(1);
    let started = plane.call("StartQuery", json!({"QueryAlias": made["QueryAlias"]})).await.unwrap();
    ended(&plane, started["QueryId"].as_str().unwrap()).await;
    let described = plane.call("DescribeQuery", json!({"QueryAlias": made["QueryAlias"]})).await.unwrap();
    assert_eq!(described["Prompt"], json!("console logins without MFA in the last week"));
    assert_eq!((&described["QueryId"], &described["QueryString"]), (&started["QueryId"], &json!(statement)));
    refused(plane.call("GenerateQuery", ask("how to bake bread")).await, "GenerateResponseException");
    refused(plane.call("StartQuery", json!({"QueryAlias": "generated-x"})).await, "InvalidParameterException");
    plane.clock.advance(model::limits::LAKE_RESULTS_MS + 1);
    trail::lake::expire(&plane.trail).await;
    refused(plane.call("StartQuery", json!({"QueryAlias": made["QueryAlias"]})).await, "InvalidParameterException");
}

#[tokio::test]
async fn federation_is_off_and_cannot_be_had() {
    let (plane, _) = plane(0).await;
    let store = create(&plane, json!({"Name": "all"})).await;
    let role = format!("arn:aws:iam::{ACCOUNT}:role/federation");
    let enable = json!({"EventDataStore": store, "FederationRoleArn": role});
    let said = refused(plane.call("EnableFederation", enable).await, "UnsupportedOperationException");
    assert!(said.contains("no AWS Glue Data Catalog"), "{said}");
    let disabled = plane.call("DisableFederation", json!({"EventDataStore": store})).await.unwrap();
    assert_eq!(disabled["FederationStatus"], json!("DISABLED"));
    let absent = json!({"EventDataStore": "3270e016-59a1-4448-8dd1-d27a4796502d"});
    refused(plane.call("DisableFederation", absent).await, "EventDataStoreNotFoundException");
}
