//! ARNs: parsed into their six parts, and made for the resources that Trailwatch keeps.

use crate::Scope;

/// `arn:partition:service:region:account:resource`, borrowed from its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arn<'a> {
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: &'a str,
    /// `logs`, `cloudwatch`, `cloudtrail`, `sns`...
    pub service: &'a str,
    /// Region, empty for global resources.
    pub region: &'a str,
    /// Account id, empty for some (S3 buckets).
    pub account: &'a str,
    /// All after the fifth colon.
    pub resource: &'a str,
}

impl<'a> Arn<'a> {
    /// Splits an ARN; `None` when it does not have six parts beginning with `arn`.
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        if parts.next()? != "arn" {
            return None;
        }
        let arn = Self {
            partition: parts.next()?,
            service: parts.next()?,
            region: parts.next()?,
            account: parts.next()?,
            resource: parts.next()?,
        };
        (!arn.partition.is_empty() && !arn.service.is_empty() && !arn.resource.is_empty()).then_some(arn)
    }
}

/// `arn:aws:logs:…:log-group:NAME` (no trailing `:*`).
pub fn log_group(scope: &Scope, name: &str) -> String {
    format!("arn:aws:logs:{}:{}:log-group:{name}", scope.region, scope.account)
}

/// `arn:aws:logs:…:log-group:GROUP:log-stream:STREAM`.
pub fn log_stream(scope: &Scope, group: &str, stream: &str) -> String {
    format!("{}:log-stream:{stream}", log_group(scope, group))
}

/// `arn:aws:logs:…:destination:NAME`.
pub fn log_destination(scope: &Scope, name: &str) -> String {
    format!("arn:aws:logs:{}:{}:destination:{name}", scope.region, scope.account)
}

/// `arn:aws:logs:…:delivery-source:NAME`.
pub fn delivery_source(scope: &Scope, name: &str) -> String {
    format!("arn:aws:logs:{}:{}:delivery-source:{name}", scope.region, scope.account)
}

/// `arn:aws:logs:…:delivery-destination:NAME`.
pub fn delivery_destination(scope: &Scope, name: &str) -> String {
    format!("arn:aws:logs:{}:{}:delivery-destination:{name}", scope.region, scope.account)
}

/// `arn:aws:logs:…:delivery:ID`.
pub fn delivery(scope: &Scope, id: &str) -> String {
    format!("arn:aws:logs:{}:{}:delivery:{id}", scope.region, scope.account)
}

/// `arn:aws:logs:…:scheduled-query:ID`.
pub fn scheduled_query(scope: &Scope, id: &str) -> String {
    format!("arn:aws:logs:{}:{}:scheduled-query:{id}", scope.region, scope.account)
}

/// `arn:aws:cloudwatch:…:alarm:NAME`.
pub fn alarm(scope: &Scope, name: &str) -> String {
    format!("arn:aws:cloudwatch:{}:{}:alarm:{name}", scope.region, scope.account)
}

/// An alarm mute rule.
pub fn alarm_mute_rule(scope: &Scope, name: &str) -> String {
    format!("arn:aws:cloudwatch:{}:{}:alarm-mute-rule:{name}", scope.region, scope.account)
}

/// `arn:aws:cloudwatch::ACCOUNT:dashboard/NAME`: dashboards are global.
pub fn dashboard(account: &str, name: &str) -> String {
    format!("arn:aws:cloudwatch::{account}:dashboard/{name}")
}

/// `arn:aws:cloudwatch:…:insight-rule/NAME`.
pub fn insight_rule(scope: &Scope, name: &str) -> String {
    format!("arn:aws:cloudwatch:{}:{}:insight-rule/{name}", scope.region, scope.account)
}

/// `arn:aws:cloudwatch:…:metric-query-definition/ID`.
pub fn metric_query(scope: &Scope, id: &str) -> String {
    format!("arn:aws:cloudwatch:{}:{}:metric-query-definition/{id}", scope.region, scope.account)
}

/// `arn:aws:cloudwatch:…:metric-stream/NAME`.
pub fn metric_stream(scope: &Scope, name: &str) -> String {
    format!("arn:aws:cloudwatch:{}:{}:metric-stream/{name}", scope.region, scope.account)
}

/// `arn:aws:cloudwatch:…:dataset/ID`.
pub fn dataset(scope: &Scope, id: &str) -> String {
    format!("arn:aws:cloudwatch:{}:{}:dataset/{id}", scope.region, scope.account)
}

/// `arn:aws:cloudtrail:…:trail/NAME`.
pub fn trail(scope: &Scope, name: &str) -> String {
    format!("arn:aws:cloudtrail:{}:{}:trail/{name}", scope.region, scope.account)
}

/// `arn:aws:cloudtrail:…:channel/ID`.
pub fn channel(scope: &Scope, id: &str) -> String {
    format!("arn:aws:cloudtrail:{}:{}:channel/{id}", scope.region, scope.account)
}

/// `arn:aws:cloudtrail:…:eventdatastore/<id>`.
pub fn event_data_store(scope: &Scope, id: &str) -> String {
    format!("arn:aws:cloudtrail:{}:{}:eventdatastore/{id}", scope.region, scope.account)
}

/// `arn:aws:cloudtrail:…:dashboard/NAME`: a dashboard of CloudTrail Lake.
pub fn lake_dashboard(scope: &Scope, name: &str) -> String {
    format!("arn:aws:cloudtrail:{}:{}:dashboard/{name}", scope.region, scope.account)
}

/// `arn:aws:oam:REGION:ACCOUNT:sink/ID`.
pub fn sink(scope: &Scope, id: &str) -> String {
    format!("arn:aws:oam:{}:{}:sink/{id}", scope.region, scope.account)
}

/// `arn:aws:oam:REGION:ACCOUNT:link/ID`.
pub fn link(scope: &Scope, id: &str) -> String {
    format!("arn:aws:oam:{}:{}:link/{id}", scope.region, scope.account)
}

/// `arn:aws:sns:REGION:ACCOUNT:NAME`.
pub fn topic(scope: &Scope, name: &str) -> String {
    format!("arn:aws:sns:{}:{}:{name}", scope.region, scope.account)
}

/// `arn:aws:sns:REGION:ACCOUNT:TOPIC:ID`.
pub fn subscription(scope: &Scope, topic_name: &str, id: &str) -> String {
    format!("{}:{id}", topic(scope, topic_name))
}

/// `arn:trailwatch:notify:REGION:ACCOUNT:webhook/NAME`: ours, AWS has no such thing.
pub fn webhook(scope: &Scope, name: &str) -> String {
    format!("arn:trailwatch:notify:{}:{}:webhook/{name}", scope.region, scope.account)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_six_parts_and_keeps_colons_of_the_resource() {
        let arn = Arn::parse("arn:aws:logs:us-east-1:123456789012:log-group:/a:*").unwrap();
        assert_eq!((arn.service, arn.resource), ("logs", "log-group:/a:*"));
        assert_eq!(Arn::parse("arn:aws:logs:us-east-1"), None);
        assert_eq!(Arn::parse("not-an-arn"), None);
    }
}
