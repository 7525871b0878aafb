//! Delivery policies: how often and when a failed delivery is tried again.
//!
//! AWS: <https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html>. HTTP and HTTPS: what topic and subscription
//! say, else 3 retries 20 seconds apart. E-mail and webhooks: 50 retries over six hours, 2 after 10 seconds, 10 with exponential
//! back-off from 10 seconds to 10 minutes, 38 every 10 minutes. AWS draws the back-off functions as curves and gives no formulas;
//! `delay_ms` has ours. It adds no jitter: what spreads deliveries is that few are made to one receiver at a time.
//! Throttling (`throttlePolicy`) is not offered, and refused.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Longest time that all retries of one delivery may take, seconds.
const TOTAL_SECS_MAX: i64 = 3_600;
/// Most retries.
const RETRIES_MAX: i64 = 100;
/// Longest content type, bytes.
const CONTENT_TYPE_BYTES_MAX: usize = 100;
/// The content type of HTTP deliveries where no policy gives one.
pub const CONTENT_TYPE: &str = "text/plain; charset=UTF-8";

/// Retries in four phases; delays in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct RetryPolicy {
    /// Shortest delay.
    pub min_delay_target: i64,
    /// Longest delay.
    pub max_delay_target: i64,
    /// All retries.
    pub num_retries: i64,
    /// Retries at the end, with the longest delay.
    pub num_max_delay_retries: i64,
    /// Retries at the beginning, without delay.
    pub num_no_delay_retries: i64,
    /// Retries after those, with the shortest delay.
    pub num_min_delay_retries: i64,
    /// How the delay grows between these phases.
    pub backoff_function: BackoffFunction,
}

/// How delays grow from the shortest to the longest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BackoffFunction {
    /// By the same amount each time.
    Linear,
    /// By an amount that grows by the same amount each time.
    Arithmetic,
    /// By the same factor each time.
    Geometric,
    /// Twice as much each time, brought to the two delays.
    Exponential,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self::HTTP
    }
}

impl RetryPolicy {
    /// HTTP and HTTPS where nothing else is said.
    pub const HTTP: Self = Self {
        min_delay_target: 20,
        max_delay_target: 20,
        num_retries: 3,
        num_max_delay_retries: 0,
        num_no_delay_retries: 0,
        num_min_delay_retries: 0,
        backoff_function: BackoffFunction::Linear,
    };
    /// E-mail and webhooks.
    pub const PATIENT: Self = Self {
        min_delay_target: 10,
        max_delay_target: 600,
        num_retries: 50,
        num_max_delay_retries: 38,
        num_no_delay_retries: 0,
        num_min_delay_retries: 2,
        backoff_function: BackoffFunction::Exponential,
    };

    /// How long to wait after the `failed`th failed attempt, from 1; `None` when there is to be no other.
    pub fn delay_ms(&self, failed: i64) -> Option<i64> {
        if failed < 1 || failed > self.num_retries {
            return None;
        }
        let (min, max) = (self.min_delay_target as f64, self.max_delay_target as f64);
        let growing_from = self.num_no_delay_retries + self.num_min_delay_retries;
        let growing = self.num_retries - growing_from - self.num_max_delay_retries;
        let place = failed - growing_from;
        let seconds = if failed <= self.num_no_delay_retries {
            0.0
        } else if place <= 0 {
            min
        } else if place > growing {
            max
        } else {
            // From just above 0 to 1.
            let t = place as f64 / growing as f64;
            match self.backoff_function {
                BackoffFunction::Linear => min + (max - min) * t,
                BackoffFunction::Arithmetic => min + (max - min) * t * (t + 1.0) / 2.0,
                BackoffFunction::Geometric => min * (max / min).powf(t),
                BackoffFunction::Exponential => {
                    let doublings = growing as f64;
                    min + (max - min) * ((doublings * t).exp2() - 1.0) / (doublings.exp2() - 1.0)
                }
            }
        };
        Some((seconds * 1_000.0).round() as i64)
    }

    fn check(&self) -> Result<(), String> {
        let within = |name: &str, value: i64, min: i64, max: i64| {
            if (min..=max).contains(&value) { Ok(()) } else { Err(format!("{name} must be between {min} and {max}")) }
        };
        within("numRetries", self.num_retries, 0, RETRIES_MAX)?;
        within("maxDelayTarget", self.max_delay_target, 1, TOTAL_SECS_MAX)?;
        within("minDelayTarget", self.min_delay_target, 1, self.max_delay_target)?;
        for (name, value) in [
            ("numNoDelayRetries", self.num_no_delay_retries),
            ("numMinDelayRetries", self.num_min_delay_retries),
            ("numMaxDelayRetries", self.num_max_delay_retries),
        ] {
            within(name, value, 0, self.num_retries)?;
        }
        if self.num_no_delay_retries + self.num_min_delay_retries + self.num_max_delay_retries > self.num_retries {
            return Err("numRetries must be at least the sum of the retries of its phases".into());
        }
        let total_ms: i64 = (1..=self.num_retries).filter_map(|failed| self.delay_ms(failed)).sum();
        if total_ms > TOTAL_SECS_MAX * 1_000 {
            return Err(format!("all retries together must not take longer than {TOTAL_SECS_MAX} seconds"));
        }
        Ok(())
    }
}

/// What topic and subscription come to for HTTP and HTTPS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryPolicy {
    /// When to try again.
    pub retry: RetryPolicy,
    /// The Content-Type of deliveries.
    pub content_type: String,
    /// Whether subscriptions may say otherwise.
    pub overridable: bool,
}

impl Default for DeliveryPolicy {
    fn default() -> Self {
        Self { retry: RetryPolicy::HTTP, content_type: CONTENT_TYPE.to_owned(), overridable: true }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OfTopic {
    http: Option<OfHttp>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OfHttp {
    default_healthy_retry_policy: Option<RetryPolicy>,
    default_sickly_retry_policy: Option<Value>,
    default_throttle_policy: Option<Value>,
    default_request_policy: Option<OfRequest>,
    disable_subscription_overrides: Option<bool>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OfSubscription {
    healthy_retry_policy: Option<RetryPolicy>,
    sickly_retry_policy: Option<Value>,
    throttle_policy: Option<Value>,
    request_policy: Option<OfRequest>,
    #[serde(default)]
    #[allow(dead_code)]
    guaranteed: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OfRequest {
    header_content_type: String,
}

impl DeliveryPolicy {
    /// The policy that a topic's `DeliveryPolicy` says.
    pub fn of_topic(text: &str) -> Result<Self, String> {
        let read: OfTopic = serde_json::from_str(text).map_err(|error| format!("failed to parse JSON: {error}"))?;
        let http = read.http.unwrap_or_default();
        let policy = Self::default().with(
            http.default_healthy_retry_policy,
            http.default_request_policy,
            [http.default_sickly_retry_policy, http.default_throttle_policy],
        )?;
        Ok(Self { overridable: !http.disable_subscription_overrides.unwrap_or(false), ..policy })
    }

    /// This policy of a topic with what a subscription's `DeliveryPolicy` says instead.
    pub fn with_subscription(self, text: &str) -> Result<Self, String> {
        let read: OfSubscription =
            serde_json::from_str(text).map_err(|error| format!("failed to parse JSON: {error}"))?;
        let unsupported = [read.sickly_retry_policy, read.throttle_policy];
        let overridden = self.clone().with(read.healthy_retry_policy, read.request_policy, unsupported)?;
        Ok(if self.overridable { overridden } else { self })
    }

    fn with(
        mut self,
        retry: Option<RetryPolicy>,
        request: Option<OfRequest>,
        unsupported: [Option<Value>; 2],
    ) -> Result<Self, String> {
        if unsupported.iter().flatten().next().is_some() {
            return Err("Trailwatch has no throttlePolicy and no sicklyRetryPolicy".into());
        }
        if let Some(retry) = retry {
            retry.check()?;
            self.retry = retry;
        }
        if let Some(OfRequest { header_content_type: content_type }) = request {
            let sound = content_type.bytes().all(|byte| matches!(byte, b' '..=b'~')) && content_type.contains('/');
            if !sound || content_type.len() > CONTENT_TYPE_BYTES_MAX {
                return Err("headerContentType is not a content type".into());
            }
            self.content_type = content_type;
        }
        Ok(self)
    }

    /// `EffectiveDeliveryPolicy` of a topic.
    pub fn topic_document(&self) -> String {
        json!({ "http": {
            "defaultHealthyRetryPolicy": self.retry,
            "disableSubscriptionOverrides": !self.overridable,
            "defaultRequestPolicy": { "headerContentType": self.content_type },
        } })
        .to_string()
    }

    /// `EffectiveDeliveryPolicy` of a subscription.
    pub fn subscription_document(&self) -> String {
        json!({
            "healthyRetryPolicy": self.retry, "sicklyRetryPolicy": null, "throttlePolicy": null,
            "requestPolicy": { "headerContentType": self.content_type }, "guaranteed": false,
        })
        .to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(policy: &RetryPolicy) -> Vec<i64> {
        (1..).map_while(|failed| policy.delay_ms(failed)).map(|ms| ms / 1_000).collect()
    }

    #[test]
    fn the_default_policies_are_those_of_aws() {
        assert_eq!(seconds(&RetryPolicy::HTTP), [20, 20, 20]);
        let mail = seconds(&RetryPolicy::PATIENT);
        assert_eq!(mail.len(), 50);
        assert_eq!(mail[..2], [10, 10]);
        assert!(mail[2..12].is_sorted() && mail[2] >= 10 && mail[11] == 600, "{mail:?}");
        assert_eq!(mail[12..], [600; 38]);
        assert!(mail.iter().sum::<i64>() > 6 * 3_600);
    }

    #[test]
    fn each_function_grows_from_the_shortest_to_the_longest_delay() {
        for (function, expected) in [
            ("linear", [25, 50, 75, 100]),
            ("arithmetic", [15, 37, 65, 100]),
            ("geometric", [3, 10, 31, 100]),
            ("exponential", [7, 20, 47, 100]),
        ] {
            let text = format!(
                r#"{{"healthyRetryPolicy":{{"minDelayTarget":1,"maxDelayTarget":100,"numRetries":6,"numNoDelayRetries":1,
                "numMinDelayRetries":1,"backoffFunction":"{function}"}}}}"#
            );
            let policy = DeliveryPolicy::default().with_subscription(&text).unwrap().retry;
            let delays = seconds(&policy);
            assert_eq!(delays[..2], [0, 1]);
            let growing: Vec<i64> = delays[2..].to_vec();
            assert!(growing.iter().zip(expected).all(|(a, b)| (a - b).abs() <= 1), "{function}: {growing:?}");
        }
    }

    #[test]
    fn a_subscription_overrides_its_topic_unless_that_forbids_it() {
        let topic = r#"{"http":{"defaultHealthyRetryPolicy":{"numRetries":5},"disableSubscriptionOverrides":true}}"#;
        let subscription =
            r#"{"healthyRetryPolicy":{"numRetries":1},"requestPolicy":{"headerContentType":"application/json"}}"#;
        let forbidden = DeliveryPolicy::of_topic(topic).unwrap().with_subscription(subscription).unwrap();
        assert_eq!((forbidden.retry.num_retries, forbidden.content_type.as_str()), (5, CONTENT_TYPE));
        let allowed = DeliveryPolicy::default().with_subscription(subscription).unwrap();
        assert_eq!((allowed.retry.num_retries, allowed.content_type.as_str()), (1, "application/json"));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let of_retry =
            |retry: &str| DeliveryPolicy::default().with_subscription(&format!("{{\"healthyRetryPolicy\":{retry}}}"));
        for retry in [
            r#"{"numRetries":101}"#,
            r#"{"numRetries":-1}"#,
            r#"{"minDelayTarget":30}"#,
            r#"{"minDelayTarget":0}"#,
            r#"{"maxDelayTarget":3601}"#,
            r#"{"numNoDelayRetries":4}"#,
            r#"{"numNoDelayRetries":2,"numMaxDelayRetries":2}"#,
            r#"{"maxDelayTarget":3600,"numMaxDelayRetries":3}"#,
            r#"{"backoffFunction":"random"}"#,
            r#"{"numRetires":1}"#,
        ] {
            assert!(of_retry(retry).is_err(), "{retry}");
        }
        assert!(of_retry("null").is_ok());
        for text in [
            "",
            "[]",
            r#"{"throttlePolicy":{"maxReceivesPerSecond":1}}"#,
            r#"{"requestPolicy":{"headerContentType":"a/b\r\nx: y"}}"#,
        ] {
            assert!(DeliveryPolicy::default().with_subscription(text).is_err(), "{text}");
        }
        assert!(DeliveryPolicy::of_topic(r#"{"https":{}}"#).is_err());
    }
}
