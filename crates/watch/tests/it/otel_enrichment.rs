//! Enrichment for OpenTelemetry: a setting that is kept.

use crate::plane::Plane;
use model::time::MINUTE;
use serde_json::json;

#[tokio::test]
async fn enrichment_is_started_changed_and_stopped() {
    let plane = Plane::new(watch::cloudwatch::operations()).await;
    assert_eq!(plane.ok("GetOTelEnrichment", json!({})).await, json!({ "Status": "Stopped" }));
    assert_eq!(plane.refused("UpdateOTelEnrichment", json!({})).await.0, "ResourceNotFoundException");
    let filters = json!([{ "Namespace": "AWS/EC2", "MetricNames": ["CPUUtilization"] }]);
    let started = plane.ok("StartOTelEnrichment", json!({ "IncludeFilters": filters })).await;
    assert_eq!(started["IncludeFilters"], filters);
    plane.clock.advance(MINUTE);
    let exclude = json!([{ "Namespace": "AWS/S3" }]);
    plane.ok("UpdateOTelEnrichment", json!({ "ExcludeFilters": exclude })).await;
    let got = plane.ok("GetOTelEnrichment", json!({})).await;
    assert_eq!((&got["Status"], &got["ExcludeFilters"]), (&json!("Running"), &exclude));
    assert!(got.get("IncludeFilters").is_none(), "both are replaced: {got}");
    assert_eq!(got["CreatedAt"], started["CreatedAt"]);
    assert_ne!(got["UpdatedAt"], started["UpdatedAt"]);
    let many = json!(vec![json!({ "Namespace": "N" }); 60]);
    let too_many = json!({ "IncludeFilters": many, "ExcludeFilters": many });
    assert_eq!(plane.refused("StartOTelEnrichment", too_many).await.0, "ValidationException");
    for _ in 0..2 {
        plane.ok("StopOTelEnrichment", json!({})).await;
    }
    assert_eq!(plane.ok("GetOTelEnrichment", json!({})).await, json!({ "Status": "Stopped" }));
}
