//! Metric filters of log groups: limits, versions, pages.

use super::*;
use crate::{LogTarget, LogTargetFound, NewLogGroup};

const NOW: Timestamp = Timestamp(1_772_323_200_000);
const LIMITS: FilterLimits = FilterLimits { filters: 3, with_regex: 1 };

fn scope() -> Scope {
    Scope { account: "123456789012".into(), region: "us-east-1".into() }
}

async fn catalog_with(groups: &[&str]) -> Catalog {
    let catalog = Catalog::in_memory().await.unwrap();
    for name in groups {
        let new = NewLogGroup { name, created_at: NOW, class: "STANDARD", kms_key_id: None, deletion_protected: false };
        let id = catalog.create_log_group(&scope(), new, name, &BTreeMap::new()).await.unwrap().unwrap();
        catalog.create_log_stream(id, "s", NOW).await.unwrap();
    }
    catalog
}

fn transformation() -> MetricTransformation {
    MetricTransformation {
        value: "1".into(),
        default_value: Some(0.5),
        dimensions: None,
        unit: Some("Count".into()),
        on_transformed_logs: None,
        field_selection: None,
        system_dimensions: None,
    }
}

async fn put(catalog: &Catalog, group: &str, name: &str, has_regex: bool, at: Timestamp) -> MetricFilterPut {
    let transformation = &transformation();
    let (metric_namespace, metric_name) = ("N", group);
    let new = NewLogMetricFilter { name, pattern: "p", has_regex, metric_namespace, metric_name, transformation, at };
    catalog.put_metric_filter(&scope(), group, new, LIMITS).await.unwrap()
}

async fn target(catalog: &Catalog, group: &str) -> LogTarget {
    match catalog.log_target(&scope(), group, "s").await.unwrap() {
        LogTargetFound::Found(target) => target,
        other => panic!("{other:?}"),
    }
}

async fn names(catalog: &Catalog, query: MetricFilterQuery<'_>, limit: usize) -> Vec<String> {
    let filters = catalog.list_metric_filters(&scope(), query, limit).await.unwrap();
    filters.iter().map(|filter| format!("{} {}", filter.name, filter.group_name)).collect()
}

#[tokio::test]
async fn the_version_of_a_group_follows_its_filters() {
    let catalog = catalog_with(&["g"]).await;
    assert_eq!(target(&catalog, "g").await.metric_filters, 0);
    assert_eq!(put(&catalog, "absent", "a", false, NOW).await, MetricFilterPut::NoGroup);
    put(&catalog, "g", "a", false, NOW).await;
    let first = target(&catalog, "g").await;
    let (version, filters) = catalog.metric_filters_of(first.group).await.unwrap();
    assert_eq!((version, filters.len()), (first.metric_filters, 1));
    assert_eq!((filters[0].created, &filters[0].transformation), (NOW, &transformation()));
    put(&catalog, "g", "a", false, NOW + 5).await;
    let second = target(&catalog, "g").await;
    assert!(second.metric_filters > first.metric_filters);
    let (_, replaced) = catalog.metric_filters_of(second.group).await.unwrap();
    assert_eq!(replaced[0].created, NOW, "replacing is no creation");
    assert!(replaced[0].id > filters[0].id);
    put(&catalog, "g", "b", false, NOW).await;
    let scope = scope();
    let delete = |name: &'static str| catalog.delete_metric_filter(&scope, "g", name);
    let version = target(&catalog, "g").await.metric_filters;
    assert_eq!(delete("b").await.unwrap(), MetricFilterDeletion::Deleted);
    assert!(target(&catalog, "g").await.metric_filters > version);
    assert_eq!(delete("b").await.unwrap(), MetricFilterDeletion::NoFilter);
    assert_eq!(delete("a").await.unwrap(), MetricFilterDeletion::Deleted);
    assert_eq!(target(&catalog, "g").await.metric_filters, 0);
    let gone = catalog.delete_metric_filter(&scope, "absent", "a").await.unwrap();
    assert_eq!(gone, MetricFilterDeletion::NoGroup);
}

#[tokio::test]
async fn a_group_has_only_so_many() {
    let catalog = catalog_with(&["g"]).await;
    assert_eq!(put(&catalog, "g", "a", true, NOW).await, MetricFilterPut::Done);
    assert_eq!(put(&catalog, "g", "a", true, NOW).await, MetricFilterPut::Done, "it takes its own place");
    assert_eq!(put(&catalog, "g", "b", true, NOW).await, MetricFilterPut::TooManyWithRegex);
    assert_eq!(put(&catalog, "g", "b", false, NOW).await, MetricFilterPut::Done);
    assert_eq!(put(&catalog, "g", "c", false, NOW).await, MetricFilterPut::Done);
    assert_eq!(put(&catalog, "g", "d", false, NOW).await, MetricFilterPut::TooMany);
    assert_eq!(put(&catalog, "g", "c", false, NOW).await, MetricFilterPut::Done);
    assert_eq!(catalog.log_group(&scope(), "g").await.unwrap().unwrap().metric_filters, 3);
}

#[tokio::test]
async fn a_deleted_group_takes_its_filters_along() {
    let catalog = catalog_with(&["g"]).await;
    put(&catalog, "g", "a", false, NOW).await;
    let group = target(&catalog, "g").await.group;
    catalog.delete_log_group(&scope(), "g", "g", NOW).await.unwrap();
    assert_eq!(catalog.metric_filters_of(group).await.unwrap(), (0, Vec::new()));
    assert_eq!(names(&catalog, MetricFilterQuery::default(), 9).await, [""; 0]);
}

#[tokio::test]
async fn lists_are_by_name_and_go_on_after_one() {
    let catalog = catalog_with(&["g", "h"]).await;
    for (group, name) in [("h", "ab"), ("g", "b"), ("g", "ab"), ("h", "a")] {
        put(&catalog, group, name, false, NOW).await;
    }
    let all = MetricFilterQuery::default();
    assert_eq!(names(&catalog, all, 9).await, ["a h", "ab g", "ab h", "b g"]);
    assert_eq!(names(&catalog, all, 2).await, ["a h", "ab g"]);
    let rest = MetricFilterQuery { after: Some(("ab", "g")), ..all };
    assert_eq!(names(&catalog, rest, 9).await, ["ab h", "b g"]);
    assert_eq!(names(&catalog, MetricFilterQuery { prefix: "ab", ..all }, 9).await, ["ab g", "ab h"]);
    assert_eq!(names(&catalog, MetricFilterQuery { metric: Some(("N", "g")), ..all }, 9).await, ["ab g", "b g"]);
    assert_eq!(names(&catalog, MetricFilterQuery { metric: Some(("N", "x")), ..all }, 9).await, [""; 0]);
    let group = Some(target(&catalog, "h").await.group);
    assert_eq!(names(&catalog, MetricFilterQuery { group, ..all }, 9).await, ["a h", "ab h"]);
    let elsewhere = Scope { region: "eu-west-1".into(), ..scope() };
    assert_eq!(catalog.list_metric_filters(&elsewhere, all, 9).await.unwrap(), []);
}

#[tokio::test]
async fn a_filter_that_was_switched_off_is_on_again_when_it_is_put() {
    let catalog = catalog_with(&["g"]).await;
    put(&catalog, "g", "a", false, NOW).await;
    let group = target(&catalog, "g").await.group;
    let first = catalog.metric_filters_of(group).await.unwrap().1.remove(0);
    catalog.disable_metric_filter(group, first.id, NOW).await.unwrap();
    assert_eq!(catalog.metric_filters_of(group).await.unwrap().1[0].disabled, Some(NOW));
    put(&catalog, "g", "a", false, NOW).await;
    catalog.disable_metric_filter(group, first.id, NOW).await.unwrap();
    assert_eq!(catalog.metric_filters_of(group).await.unwrap().1[0].disabled, None, "it is another one");
}
