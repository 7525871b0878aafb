//! On which resources a call is, as ARNs: from the names in its input. Source: Service Authorization Reference.
//!
//! A call that names none, or whose resources have no ARN, is on `*`, which only a policy with `"Resource": "*"` allows.

use crate::directory::Account;
use crate::entities::Kind;
use model::{Caller, Scope, arn};
use std::sync::Arc;
use wire::Service;
use wire::shape::Texts;

/// A resource by its ARN, and by a second form that policies use for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resource {
    pub arn: String,
    pub alias: Option<String>,
}

impl Resource {
    pub fn of(arn: String) -> Self {
        Self { arn, alias: None }
    }
}

/// The resources of a call, at least one.
pub(crate) fn of(
    service: Service,
    operation: &str,
    input: &dyn Texts,
    caller: &Caller,
    account: &dyn Fn() -> Arc<Account>,
) -> Vec<Resource> {
    let named = Named { input, scope: &caller.scope };
    let mut found = match service {
        Service::Logs => named.logs(operation),
        Service::CloudWatch => named.cloudwatch(operation),
        Service::CloudTrail => named.cloudtrail(operation),
        Service::CloudTrailData => named.arns(&["channelArn"]),
        Service::Sns => named.sns(operation),
        Service::Iam => named.iam(operation, caller, &account()),
        Service::Sts | Service::ApplicationSignals => Vec::new(),
        Service::Oam => named.oam(operation),
    };
    if found.is_empty() {
        found.push(Resource::of("*".into()));
    }
    found
}

struct Named<'a> {
    input: &'a dyn Texts,
    scope: &'a Scope,
}

impl Named<'_> {
    /// The texts of these members, as they are where they are ARNs, else made to ARNs.
    fn each(&self, members: &[&str], make: impl Fn(&str) -> String) -> Vec<Resource> {
        let texts = members.iter().flat_map(|member| self.input.texts(member));
        texts.map(|text| Resource::of(if text.starts_with("arn:") { text.to_owned() } else { make(text) })).collect()
    }

    fn arns(&self, members: &[&str]) -> Vec<Resource> {
        self.each(members, str::to_owned)
    }

    fn logs(&self, operation: &str) -> Vec<Resource> {
        let scope = self.scope;
        // Most calls by far: PutLogEvents.
        if let ([group], [stream]) = (&self.input.texts("logGroupName")[..], &self.input.texts("logStreamName")[..]) {
            return vec![Resource::of(format!("{}:log-stream:{stream}", self.group_arn(group)))];
        }
        let about = |noun: &str| operation.contains(noun);
        if operation == "DescribeLogGroups" {
            return vec![self.group("")];
        }
        if about("DeliverySource") {
            return self.each(&["name", "deliverySourceName"], |name| arn::delivery_source(scope, name));
        }
        if about("DeliveryDestination") {
            return self.each(&["name", "deliveryDestinationName"], |name| arn::delivery_destination(scope, name));
        }
        if operation == "CreateDelivery" {
            return self.each(&["deliverySourceName"], |name| arn::delivery_source(scope, name));
        }
        if about("Delivery") {
            return self.each(&["id"], |id| arn::delivery(scope, id));
        }
        if about("Destination") {
            return self.each(&["destinationName"], |name| arn::log_destination(scope, name));
        }
        if about("ScheduledQuery") {
            return self.each(&["identifier"], |id| arn::scheduled_query(scope, id));
        }
        let groups = ["logGroupName", "logGroupIdentifier", "logGroupNames", "logGroupIdentifiers", "logGroupArnList"];
        let mut found: Vec<Resource> = Vec::new();
        for group in groups.iter().flat_map(|member| self.input.texts(member)) {
            let streams = self.input.texts("logStreamName");
            match streams.first() {
                Some(stream) => found.push(Resource::of(format!("{}:log-stream:{stream}", self.group_arn(group)))),
                None => found.push(self.group(group)),
            }
        }
        let others = ["resourceArn", "anomalyDetectorArn", "lookupTableArn", "deliverySourceArn", "resourceIdentifier"];
        for arn in others.iter().flat_map(|member| self.input.texts(member)).filter(|text| text.starts_with("arn:")) {
            match arn.contains(":log-group:") {
                true => found.push(self.group(arn)),
                false => found.push(Resource::of(arn.to_owned())),
            }
        }
        found
    }

    /// A call on a whole group is on `…:log-group:NAME:log-stream:`; policies may also say `…:log-group:NAME`.
    fn group(&self, name: &str) -> Resource {
        let group = self.group_arn(name);
        Resource { arn: format!("{group}:log-stream:"), alias: Some(group) }
    }

    fn group_arn(&self, name: &str) -> String {
        match name.starts_with("arn:") {
            // As those who read it take it: with `:*` or a colon at its end, or without.
            true => name.strip_suffix(":*").or_else(|| name.strip_suffix(':')).unwrap_or(name).to_owned(),
            false => arn::log_group(self.scope, name),
        }
    }

    fn cloudwatch(&self, operation: &str) -> Vec<Resource> {
        let scope = self.scope;
        let about = |noun: &str| operation.contains(noun);
        let mut found = if about("MuteRule") {
            self.each(&["AlarmMuteRuleName", "Name"], |name| arn::alarm_mute_rule(scope, name))
        } else if about("MetricStream") {
            self.each(&["Name", "Names"], |name| arn::metric_stream(scope, name))
        } else if about("InsightRule") {
            self.each(&["RuleName", "RuleNames"], |name| arn::insight_rule(scope, name))
        } else if about("Dashboard") {
            self.each(&["DashboardName", "DashboardNames"], |name| arn::dashboard(&scope.account, name))
        } else if about("Alarm") {
            self.each(&["AlarmName", "AlarmNames"], |name| arn::alarm(scope, name))
        } else {
            Vec::new()
        };
        found.extend(self.arns(&["ResourceARN", "ResourceArn"]));
        if found.is_empty() && about("Alarm") && !about("MuteRule") && !operation.contains("ForMetric") {
            found.push(Resource::of(arn::alarm(scope, "*")));
        }
        found
    }

    fn cloudtrail(&self, operation: &str) -> Vec<Resource> {
        let scope = self.scope;
        let is_trail = ["Trail", "Logging", "EventSelectors", "InsightSelectors", "EventConfiguration"]
            .iter()
            .any(|noun| operation.contains(noun));
        let mut found = if operation.contains("Channel") {
            self.each(&["Channel"], |id| arn::channel(scope, id))
        } else if operation.contains("Dashboard") {
            self.each(&["DashboardId", "Name"], |name| arn::lake_dashboard(scope, name))
        } else if is_trail {
            self.each(&["Name", "TrailName", "trailNameList"], |name| arn::trail(scope, name))
        } else {
            Vec::new()
        };
        found.extend(self.each(&["EventDataStore"], |id| arn::event_data_store(scope, id)));
        found.extend(self.arns(&["ResourceId", "ResourceIdList", "ResourceArn", "Destinations"]));
        found.retain(|resource| resource.arn.starts_with("arn:"));
        found
    }

    fn sns(&self, operation: &str) -> Vec<Resource> {
        if operation == "CreateTopic" {
            return self.each(&["Name"], |name| arn::topic(self.scope, name));
        }
        let mut found = self.arns(&["TopicArn", "TargetArn", "ResourceArn"]);
        // A subscription is a part of its topic.
        let subscriptions = self.input.texts("SubscriptionArn");
        found.extend(
            subscriptions
                .iter()
                .filter_map(|arn| arn.rsplit_once(':'))
                .map(|(topic, _)| Resource::of(topic.to_owned())),
        );
        found
    }

    /// A link is on both of its ends (Service Authorization Reference; User Guide, "Set up a source account").
    fn oam(&self, operation: &str) -> Vec<Resource> {
        let scope = self.scope;
        let any = |make: fn(&Scope, &str) -> String| Resource::of(make(scope, "*"));
        match operation {
            "CreateSink" | "ListSinks" => return vec![any(arn::sink)],
            "ListLinks" => return vec![any(arn::link)],
            _ => {}
        }
        let is_link = matches!(operation, "GetLink" | "UpdateLink" | "DeleteLink");
        let mut found =
            self.each(&["Identifier"], |id| if is_link { arn::link(scope, id) } else { arn::sink(scope, id) });
        found.extend(self.each(&["SinkIdentifier"], |id| arn::sink(scope, id)));
        found.extend(self.arns(&["ResourceArn"]));
        if operation == "CreateLink" {
            found.push(any(arn::link));
        }
        found
    }

    fn iam(&self, operation: &str, caller: &Caller, account: &Account) -> Vec<Resource> {
        let first = |member: &str| self.input.texts(member).first().map(|text| (*text).to_owned());
        let path = || first("Path").unwrap_or_else(|| "/".into());
        let id = &self.scope.account;
        match operation {
            "CreatePolicy" => {
                let name = first("PolicyName").unwrap_or_default();
                return vec![Resource::of(format!("arn:aws:iam::{id}:policy{}{name}", path()))];
            }
            "ListUsers" | "ListGroups" | "ListRoles" | "ListPolicies" => {
                let noun = match operation {
                    "ListUsers" => "user",
                    "ListGroups" => "group",
                    "ListRoles" => "role",
                    _ => "policy",
                };
                let prefix = first("PathPrefix").unwrap_or_else(|| "/".into());
                return vec![Resource::of(format!("arn:aws:iam::{id}:{noun}{prefix}"))];
            }
            "SimulatePrincipalPolicy" => return self.arns(&["PolicySourceArn"]),
            _ => {}
        }
        // What a policy is attached to, or a user put into, is the resource; the other is a condition.
        for (kind, member) in [(Kind::Group, "GroupName"), (Kind::Role, "RoleName"), (Kind::User, "UserName")] {
            if let Some(name) = first(member) {
                let known = account.find(kind, &name).map(|identity| identity.arn(id));
                let made = || format!("arn:aws:iam::{id}:{}{}{name}", kind.noun(), path());
                return vec![Resource::of(known.unwrap_or_else(made))];
            }
        }
        let own = ["GetUser", "ListAccessKeys", "CreateAccessKey", "UpdateAccessKey", "DeleteAccessKey"];
        if own.contains(&operation) {
            return vec![Resource::of(caller.arn.clone())];
        }
        self.arns(&["PolicyArn"])
    }
}
