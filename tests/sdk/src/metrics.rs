//! Metric calls: data in every form a datum has, and read back in every way there is.

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    Dimension, Metric, MetricDataQuery, MetricDatum, MetricStat, ScanBy, StandardUnit, Statistic, StatisticSet,
};
use serde_json::{Value, json};

/// Datums of the large call: enough that the SDK compresses its body.
const MANY: i32 = 400;

/// Puts metrics, then lists and reads them.
pub async fn calls(client: &Client, namespace: &str, at: i64) -> anyhow::Result<Value> {
    let put = client.put_metric_data().namespace(namespace).set_metric_data(Some(data(at)));
    put.send().await?;
    let many = (0..MANY).map(|n| {
        let datum = MetricDatum::builder().metric_name("Many").value(f64::from(n)).timestamp(DateTime::from_secs(at));
        datum.dimensions(dimension("Number", &n.to_string())).build()
    });
    let large = format!("{namespace}/Large");
    client.put_metric_data().namespace(&large).set_metric_data(Some(many.collect())).send().await?;
    Ok(json!({
        "listed": list(client, namespace).await?,
        "listed_large": list(client, &large).await?.len(),
        "statistics": statistics(client, namespace, at).await?,
        "data": data_results(client, namespace, at).await?,
    }))
}

fn dimension(name: &str, value: &str) -> Dimension {
    Dimension::builder().name(name).value(value).build()
}

fn dimensions() -> Vec<Dimension> {
    vec![dimension("Host", "a b/c=&"), dimension("Zone", "1")]
}

/// One value, values with counts, and a statistic set, in the minute of `at`; then a value in the next minute.
fn data(at: i64) -> Vec<MetricDatum> {
    let latency = |timestamp| {
        let datum = MetricDatum::builder().metric_name("Latency").unit(StandardUnit::Milliseconds);
        datum.set_dimensions(Some(dimensions())).timestamp(timestamp)
    };
    let set = StatisticSet::builder().sample_count(2.0).sum(10.0).minimum(4.0).maximum(6.0).build();
    vec![
        latency(DateTime::from_secs(at + 1)).value(1.25).build(),
        latency(DateTime::from_secs_f64(at as f64 + 2.5))
            .set_values(Some(vec![2.0, 3.5]))
            .set_counts(Some(vec![2.0, 1.0]))
            .build(),
        latency(DateTime::from_secs(at + 3)).statistic_values(set).storage_resolution(60).build(),
        latency(DateTime::from_secs(at + 60)).value(-1e100).build(),
    ]
}

async fn list(client: &Client, namespace: &str) -> anyhow::Result<Vec<Value>> {
    let mut pages = client.list_metrics().namespace(namespace).into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        found.extend(page?.metrics().iter().map(|metric| {
            let pairs = metric.dimensions().iter().map(|dimension| json!([dimension.name(), dimension.value()]));
            json!({
                "namespace": metric.namespace(),
                "name": metric.metric_name(),
                "dimensions": pairs.collect::<Vec<_>>(),
            })
        }));
    }
    Ok(found)
}

async fn statistics(client: &Client, namespace: &str, at: i64) -> anyhow::Result<Vec<Value>> {
    let wanted = [Statistic::SampleCount, Statistic::Sum, Statistic::Minimum, Statistic::Maximum, Statistic::Average];
    let answer = client
        .get_metric_statistics()
        .namespace(namespace)
        .metric_name("Latency")
        .set_dimensions(Some(dimensions()))
        .start_time(DateTime::from_secs(at))
        .end_time(DateTime::from_secs(at + 60))
        .period(60)
        .set_statistics(Some(wanted.to_vec()))
        .send()
        .await?;
    let points = answer.datapoints().iter().map(|point| {
        json!({
            "timestamp": point.timestamp().map(DateTime::as_secs_f64),
            "sample_count": point.sample_count(),
            "sum": point.sum(),
            "minimum": point.minimum(),
            "maximum": point.maximum(),
            "average": point.average(),
            "unit": point.unit().map(StandardUnit::as_str),
        })
    });
    Ok(points.collect())
}

async fn data_results(client: &Client, namespace: &str, at: i64) -> anyhow::Result<Vec<Value>> {
    let metric = Metric::builder().namespace(namespace).metric_name("Latency").set_dimensions(Some(dimensions()));
    let metric = metric.build();
    let query = |id: &str, statistic: &str| {
        let stat = MetricStat::builder().metric(metric.clone()).period(60).stat(statistic).build();
        MetricDataQuery::builder().id(id).metric_stat(stat).label(format!("the {statistic}")).build()
    };
    let answer = client
        .get_metric_data()
        .start_time(DateTime::from_secs(at))
        .end_time(DateTime::from_secs(at + 120))
        .scan_by(ScanBy::TimestampAscending)
        .metric_data_queries(query("sums", "Sum"))
        .metric_data_queries(query("counts", "SampleCount"))
        .send()
        .await?;
    let results = answer.metric_data_results().iter().map(|result| {
        json!({
            "id": result.id(),
            "label": result.label(),
            "status": result.status_code().map(|status| status.as_str()),
            "timestamps": result.timestamps().iter().map(DateTime::as_secs_f64).collect::<Vec<_>>(),
            "values": result.values(),
        })
    });
    Ok(results.collect())
}
