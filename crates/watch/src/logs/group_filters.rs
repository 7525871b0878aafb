//! `GroupFilters`: the metric filters of log groups, kept ready in memory, because PutLogEvents asks for them in every call.
//!
//! Groups without metric filters cost nothing: `LogTarget` tells them. For the others it tells a version, which rises with
//! every change; what is kept of an older one is read anew. A filter that did not change keeps what it remembers.

use super::metric_filter::{Filter, Rule};
use catalog::{Catalog, LogMetricFilter, LogTarget};
use model::limits::METRIC_FILTERS_READY_MAX;
use model::{GroupId, Scope};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A metric filter that counts.
#[derive(Debug, Clone)]
pub(super) struct ReadyFilter {
    /// Its id in the catalog.
    pub(super) id: u64,
    /// Its name.
    pub(super) name: String,
    /// What it does.
    pub(super) filter: Arc<Filter>,
}

/// Metric filters by log group. It only saves work, and remembers which minutes and dimensions were seen.
#[derive(Debug, Default)]
pub struct GroupFilters(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    groups: HashMap<GroupId, Ready>,
    /// Of all groups together.
    filters: usize,
}

#[derive(Debug, Clone)]
struct Ready {
    version: u64,
    filters: Arc<[ReadyFilter]>,
}

impl GroupFilters {
    /// The filters of a group that are switched on.
    pub(super) async fn of(
        &self,
        catalog: &Catalog,
        scope: &Scope,
        target: LogTarget,
    ) -> catalog::Result<Arc<[ReadyFilter]>> {
        if target.metric_filters == 0 {
            return Ok(Arc::default());
        }
        let known = self.kept().groups.get(&target.group).cloned();
        if let Some(ready) = &known
            && ready.version >= target.metric_filters
        {
            return Ok(Arc::clone(&ready.filters));
        }
        let (version, rows) = catalog.metric_filters_of(target.group).await?;
        let known = known.map_or_else(Arc::default, |ready| ready.filters);
        let filters = rows.iter().filter(|row| row.disabled.is_none()).filter_map(|row| ready(scope, row, &known));
        Ok(self.keep(target.group, Ready { version, filters: filters.collect() }))
    }

    /// Keeps what was read, unless another call has read it meanwhile; gives what is kept.
    fn keep(&self, group: GroupId, read: Ready) -> Arc<[ReadyFilter]> {
        let mut kept = self.kept();
        let kept = &mut *kept;
        if let Some(ready) = kept.groups.get(&group)
            && ready.version >= read.version
        {
            return Arc::clone(&ready.filters);
        }
        if kept.filters + read.filters.len() > METRIC_FILTERS_READY_MAX {
            *kept = Kept::default();
        }
        kept.filters += read.filters.len();
        let filters = Arc::clone(&read.filters);
        if let Some(old) = kept.groups.insert(group, read) {
            kept.filters -= old.filters.len();
        }
        filters
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A filter of the catalog made ready, or as it is known.
fn ready(scope: &Scope, row: &LogMetricFilter, known: &[ReadyFilter]) -> Option<ReadyFilter> {
    if let Some(same) = known.iter().find(|ready| ready.id == row.id) {
        return Some(same.clone());
    }
    let rule = Rule {
        pattern: &row.pattern,
        namespace: &row.metric_namespace,
        name: &row.metric_name,
        transformation: &row.transformation,
    };
    match Filter::new(scope, rule) {
        Ok(filter) => Some(ReadyFilter { id: row.id, name: row.name.clone(), filter: Arc::new(filter) }),
        // It was checked when it was put: only another version of the server can have taken it.
        Err(error) => {
            tracing::warn!(log_group = row.group_name, filter = row.name, error, "skip metric filter");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use catalog::{
        FilterLimits, LogTargetFound, MetricFilterPut, MetricTransformation, NewLogGroup, NewLogMetricFilter,
    };
    use model::Timestamp;
    use std::collections::BTreeMap;

    const NOW: Timestamp = Timestamp(1_772_323_200_000);

    fn scope() -> Scope {
        Scope { account: "123456789012".into(), region: "us-east-1".into() }
    }

    async fn catalog_with_group() -> Catalog {
        let catalog = Catalog::in_memory().await.unwrap();
        let new =
            NewLogGroup { name: "g", created_at: NOW, class: "STANDARD", kms_key_id: None, deletion_protected: false };
        let group = catalog.create_log_group(&scope(), new, "g", &BTreeMap::new()).await.unwrap().unwrap();
        catalog.create_log_stream(group, "s", NOW).await.unwrap();
        catalog
    }

    async fn put(catalog: &Catalog, name: &str) {
        let transformation = MetricTransformation {
            value: "1".into(),
            default_value: None,
            dimensions: None,
            unit: None,
            on_transformed_logs: None,
            field_selection: None,
            system_dimensions: None,
        };
        let new = NewLogMetricFilter {
            name,
            pattern: "ERROR",
            has_regex: false,
            metric_namespace: "N",
            metric_name: "m",
            transformation: &transformation,
            at: NOW,
        };
        let limits = FilterLimits { filters: 100, with_regex: 5 };
        assert_eq!(catalog.put_metric_filter(&scope(), "g", new, limits).await.unwrap(), MetricFilterPut::Done);
    }

    async fn filters(groups: &GroupFilters, catalog: &Catalog) -> Arc<[ReadyFilter]> {
        match catalog.log_target(&scope(), "g", "s").await.unwrap() {
            LogTargetFound::Found(target) => groups.of(catalog, &scope(), target).await.unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn what_did_not_change_is_kept_with_what_it_remembers() {
        let (groups, catalog) = (GroupFilters::default(), catalog_with_group().await);
        assert!(filters(&groups, &catalog).await.is_empty());
        put(&catalog, "a").await;
        let first = filters(&groups, &catalog).await;
        assert!(Arc::ptr_eq(&first, &filters(&groups, &catalog).await), "nothing is read again");
        put(&catalog, "b").await;
        let second = filters(&groups, &catalog).await;
        assert!(Arc::ptr_eq(&first[0].filter, &second[0].filter));
        put(&catalog, "a").await;
        let third = filters(&groups, &catalog).await;
        assert!(!Arc::ptr_eq(&second[0].filter, &third[0].filter), "put anew, it is another one");
        assert!(Arc::ptr_eq(&second[1].filter, &third[1].filter));
        catalog.delete_metric_filter(&scope(), "g", "a").await.unwrap();
        assert_eq!(filters(&groups, &catalog).await.len(), 1);
        assert_eq!(groups.kept().filters, 1);
    }

    #[tokio::test]
    async fn it_stays_bounded() {
        let (groups, catalog) = (GroupFilters::default(), catalog_with_group().await);
        put(&catalog, "a").await;
        let one = filters(&groups, &catalog).await[0].clone();
        let many: Arc<[ReadyFilter]> = vec![one; METRIC_FILTERS_READY_MAX / 4].into();
        for group in 10..30 {
            let read = Ready { version: 1, filters: Arc::clone(&many) };
            assert_eq!(groups.keep(GroupId(group), read).len(), many.len());
            assert!(groups.kept().filters <= METRIC_FILTERS_READY_MAX);
        }
        let newest = Ready { version: 9, filters: Arc::default() };
        assert!(groups.keep(GroupId(29), newest).is_empty());
        let late = Ready { version: 1, filters: many };
        assert!(groups.keep(GroupId(29), late).is_empty(), "another call has read a newer version");
    }
}
