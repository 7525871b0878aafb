use super::*;
use crate::NewLogGroup;

fn scope() -> Scope {
    Scope { account: "123456789012".into(), region: "us-east-1".into() }
}

async fn with_detector() -> (Catalog, LogAnomalyDetector) {
    let catalog = Catalog::in_memory().await.unwrap();
    let group = NewLogGroup {
        name: "g",
        created_at: Timestamp(1),
        class: "STANDARD",
        kms_key_id: None,
        deletion_protected: false,
    };
    let group = catalog.create_log_group(&scope(), group, "arn", &Default::default()).await.unwrap().unwrap();
    let new = NewLogAnomalyDetector {
        id: "d".into(),
        group,
        name: "n".into(),
        frequency: "ONE_MIN".into(),
        filter_pattern: None,
        kms_key_id: None,
        visibility_days: 21,
    };
    let tags = BTreeMap::from([("k".to_owned(), "v".to_owned())]);
    assert!(catalog.create_log_anomaly_detector(&new, (Timestamp(5), 9), "detector", &tags).await.unwrap());
    let gone = NewLogAnomalyDetector { id: "e".into(), group: GroupId(99), ..new };
    assert!(!catalog.create_log_anomaly_detector(&gone, (Timestamp(5), 9), "e", &tags).await.unwrap());
    let detector = catalog.log_anomaly_detector(&scope(), "d").await.unwrap().unwrap();
    (catalog, detector)
}

fn anomaly(id: &str, pattern: &str, seen_ms: i64) -> LogAnomaly {
    LogAnomaly {
        id: id.into(),
        detector_id: "d".into(),
        pattern_id: pattern.into(),
        kind: "SURGE".into(),
        priority: "LOW".into(),
        first_seen_ms: seen_ms,
        last_seen_ms: seen_ms,
        document: "{}".into(),
        baseline: false,
        suppressed_ms: None,
        suppressed_until_ms: None,
        pattern_suppressed: false,
    }
}

#[tokio::test]
async fn a_detector_advances_only_from_where_it_was_read() {
    let (catalog, detector) = with_detector().await;
    assert_eq!((detector.position, detector.evaluated_ms, detector.status.as_str()), (9, 5, "INITIALIZING"));
    assert_eq!(catalog.log_anomaly_model("d").await.unwrap().as_deref(), Some(""));
    let progress =
        LogAnomalyProgress { status: "TRAINING", position: 20, evaluated_ms: 60, model: Some("learned".into()) };
    let found = [anomaly("1", "p", 60), anomaly("2", "q", 60)];
    assert!(catalog.advance_log_anomaly_detector(&detector, &progress, &found, 10).await.unwrap());
    assert!(!catalog.advance_log_anomaly_detector(&detector, &progress, &[], 10).await.unwrap());
    assert_eq!(catalog.log_anomaly_model("d").await.unwrap().as_deref(), Some("learned"));
    let now = catalog.every_log_anomaly_detector().await.unwrap().pop().unwrap();
    let again = [LogAnomaly { document: "[]".into(), ..anomaly("3", "p", 70) }];
    let further = LogAnomalyProgress { position: 30, model: None, ..progress };
    assert!(catalog.advance_log_anomaly_detector(&now, &further, &again, 1).await.unwrap());
    let kept = catalog.log_anomalies_of("d").await.unwrap();
    assert_eq!(
        kept,
        [LogAnomaly { first_seen_ms: 60, last_seen_ms: 70, document: "[]".into(), ..anomaly("1", "p", 0) }]
    );
    assert_eq!(catalog.log_anomaly_model("d").await.unwrap().as_deref(), Some("learned"));
}

#[tokio::test]
async fn anomalies_are_suppressed_listed_and_gone_with_the_group() {
    let (catalog, detector) = with_detector().await;
    let progress = LogAnomalyProgress { status: "ANALYZING", position: 20, evaluated_ms: 60, model: None };
    let found = [anomaly("1", "p", 60), anomaly("2", "q", 60), anomaly("3", "r", 60)];
    assert!(catalog.advance_log_anomaly_detector(&detector, &progress, &found, 10).await.unwrap());
    let span = Some((Timestamp(100), Timestamp(200)));
    assert!(catalog.suppress_log_anomalies("d", LogAnomalyTarget::Pattern("q"), span).await.unwrap());
    assert!(!catalog.suppress_log_anomalies("d", LogAnomalyTarget::Anomaly("9"), span).await.unwrap());
    assert!(catalog.baseline_log_anomalies("d", LogAnomalyTarget::Anomaly("3"), true).await.unwrap());
    let listed = async |suppressed: Option<(bool, i64)>, after: &str| -> Vec<String> {
        let suppressed = suppressed.map(|(is, at)| (is, Timestamp(at)));
        let list = catalog.log_anomalies(&scope(), Some("d"), suppressed, after, 2).await.unwrap();
        list.into_iter().map(|anomaly| anomaly.id).collect()
    };
    assert_eq!(listed(None, "").await, ["1", "2"]);
    assert_eq!(listed(None, "2").await, ["3"]);
    assert_eq!(listed(Some((true, 150)), "").await, ["2"]);
    assert_eq!(listed(Some((false, 150)), "").await, ["1", "3"]);
    assert_eq!(listed(Some((true, 200)), "").await, Vec::<String>::new());
    let all = catalog.log_anomalies_of("d").await.unwrap();
    assert_eq!(
        all.iter().map(|a| (a.baseline, a.pattern_suppressed)).collect::<Vec<_>>(),
        [(false, false), (false, true), (true, false)]
    );
    assert!(catalog.suppress_log_anomalies("d", LogAnomalyTarget::Pattern("q"), None).await.unwrap());
    assert_eq!(listed(Some((true, 150)), "").await, Vec::<String>::new());
    assert_eq!(catalog.count_log_anomaly_detectors(&scope()).await.unwrap(), 1);
    catalog.delete_log_group(&scope(), "g", "arn", Timestamp(2)).await.unwrap();
    assert!(catalog.log_anomalies_of("d").await.unwrap().is_empty());
    assert!(catalog.every_log_anomaly_detector().await.unwrap().is_empty());
    assert!(!catalog.delete_log_anomaly_detector("d", "detector").await.unwrap());
}
