//! Saved metric queries.

use crate::plane::{NOW, Plane};
use model::time::MINUTE;
use serde_json::json;

#[tokio::test]
async fn a_saved_query_is_made_replaced_listed_and_deleted() {
    let plane = Plane::new(watch::cloudwatch::operations()).await;
    let made = plane
        .ok("PutMetricDataQueryDefinition", json!({
            "Path": "team/cpu", "Expression": "no ( query at all", "Type": "SQL", "Tags": [{ "Key": "k", "Value": "v" }],
        }))
        .await;
    let id = made["Id"].as_str().unwrap();
    let arn = format!("arn:aws:cloudwatch:us-east-1:123456789012:metric-query-definition/{id}");
    assert_eq!(made["Arn"], json!(arn));
    assert_eq!(plane.ok("GetMetricDataQueryDefinition", json!({ "Id": id })).await, made);
    assert_eq!(plane.ok("ListTagsForResource", json!({ "ResourceARN": arn })).await["Tags"][0]["Key"], "k");

    plane.clock.advance(MINUTE);
    let other = json!({ "Path": "team/cpu", "Expression": "up", "Type": "PROMQL" });
    assert_eq!(plane.refused("PutMetricDataQueryDefinition", other).await.0, "ConflictException");
    let replaced = json!({ "Id": id, "Path": "team/load", "Expression": "up", "Type": "PROMQL" });
    let replaced = plane.ok("PutMetricDataQueryDefinition", replaced).await;
    assert_eq!((&replaced["CreatedAt"], &replaced["Path"]), (&made["CreatedAt"], &json!("team/load")));
    assert_eq!(replaced["UpdatedAt"].as_f64().unwrap() as i64, NOW / 1000 + 60);
    let absent = json!({ "Id": "absent", "Path": "x", "Expression": "up", "Type": "PROMQL" });
    assert_eq!(plane.refused("PutMetricDataQueryDefinition", absent).await.0, "ResourceNotFoundException");

    let second = json!({ "Path": "b", "Expression": "m1", "Type": "METRIC_MATH" });
    let second = plane.ok("PutMetricDataQueryDefinition", second).await;
    let taken = json!({ "Id": second["Id"], "Path": "team/load", "Expression": "up", "Type": "PROMQL" });
    assert_eq!(plane.refused("PutMetricDataQueryDefinition", taken).await.0, "ConflictException");
    let first = plane.ok("ListMetricDataQueryDefinitions", json!({ "MaxResults": 1 })).await;
    let token = json!({ "MaxResults": 1, "NextToken": first["NextToken"] });
    let rest = plane.ok("ListMetricDataQueryDefinitions", token).await;
    assert!(rest.get("NextToken").is_none());
    let mut paths = vec![first["Items"][0]["Path"].as_str().unwrap(), rest["Items"][0]["Path"].as_str().unwrap()];
    paths.sort_unstable();
    assert_eq!(paths, ["b", "team/load"]);
    assert!(first["Items"][0].get("Expression").is_none());

    for _ in 0..2 {
        plane.ok("DeleteMetricDataQueryDefinition", json!({ "Id": id })).await;
    }
    let gone = plane.refused("GetMetricDataQueryDefinition", json!({ "Id": id })).await;
    assert_eq!(gone.0, "ResourceNotFoundException");
}
