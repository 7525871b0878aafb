//! Calls CloudWatch through the AWS SDK for Rust and prints one JSON document of what the SDK sent and saw.
//!
//! Usage: `sdk-client NAMESPACE EPOCH_SECONDS`. The namespace also begins the names of alarms and dashboards; the time is
//! that of the first datum. Server, keys and region come from the environment, as for every AWS client.

mod alarms;
mod metrics;
mod refused;
mod wire;

use anyhow::{Context, bail};
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::config::retry::RetryConfig;
use aws_sdk_cloudwatch::config::{BehaviorVersion, Config, Credentials, Region};
use aws_smithy_http_client::Builder;
use serde_json::{Value, json};
use wire::Wire;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [namespace, at] = arguments.as_slice() else { bail!("usage: sdk-client NAMESPACE EPOCH_SECONDS") };
    let at: i64 = at.parse().context("EPOCH_SECONDS must be a whole number")?;
    let wire = Wire::default();
    let client = client(&wire)?;
    let seen = json!({
        "metrics": metrics::calls(&client, namespace, at).await?,
        "alarms": alarms::calls(&client, namespace).await?,
        "dashboard": dashboard(&client, namespace).await?,
        "errors": refused::calls(&client, namespace, at).await?,
        "exchanges": wire.exchanges(),
        "put_metric_data_bodies": wire.bodies_of("PutMetricData"),
    });
    println!("{seen}");
    Ok(())
}

/// A client that tries once and speaks plain HTTP, so that a failure shows and no TLS library is needed.
fn client(wire: &Wire) -> anyhow::Result<Client> {
    let environment = |name| std::env::var(name).with_context(|| format!("{name} is not set"));
    let credentials = Credentials::new(
        environment("AWS_ACCESS_KEY_ID")?,
        environment("AWS_SECRET_ACCESS_KEY")?,
        std::env::var("AWS_SESSION_TOKEN").ok(),
        None,
        "environment",
    );
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(environment("AWS_DEFAULT_REGION")?))
        .endpoint_url(environment("AWS_ENDPOINT_URL")?)
        .credentials_provider(credentials)
        .retry_config(RetryConfig::disabled())
        .http_client(Builder::new().build_http())
        .interceptor(wire.clone())
        .build();
    Ok(Client::from_conf(config))
}

async fn dashboard(client: &Client, namespace: &str) -> anyhow::Result<Value> {
    let name = namespace.replace('/', "-");
    let body = r#"{"widgets":[{"type":"text","x":0,"y":0,"width":3,"height":3,"properties":{"markdown":"é"}}]}"#;
    let put = client.put_dashboard().dashboard_name(&name).dashboard_body(body).send().await?;
    let got = client.get_dashboard().dashboard_name(&name).send().await?;
    Ok(json!({
        "name": got.dashboard_name(),
        "arn": got.dashboard_arn(),
        "body_is_what_was_put": got.dashboard_body() == Some(body),
        "validation_messages": put.dashboard_validation_messages().len(),
    }))
}
