//! The fifteen monitoring controls of the CIS AWS Foundations Benchmark (numbers of version 5.0, section 4) that are metric filters:
//! what each watches for, as a filter pattern and as records that a filter must find.
//!
//! The benchmark names fields and events; the patterns are built from them here. Of 4.1 the printed pattern matches every
//! event in some versions, for it joins two `!=` by `||`; here it is what is meant.

use serde_json::{Value, json};

/// A control.
#[derive(Debug, Clone, Copy)]
pub struct Control {
    /// Its number.
    pub number: &'static str,
    /// Names of its filter, metric and alarm, after the prefix.
    pub name: &'static str,
    /// What it watches for.
    pub title: &'static str,
    watched: Watched,
}

#[derive(Debug, Clone, Copy)]
enum Watched {
    /// These calls, of this service where a name alone would say too little.
    Calls(Option<&'static str>, &'static [&'static str]),
    Refused,
    WithoutMfa,
    Root,
    FailedSignIn,
}

impl Control {
    /// The filter pattern.
    pub fn pattern(&self) -> String {
        match self.watched {
            Watched::Calls(source, names) => {
                let any = names.iter().map(|name| format!("($.eventName = {name})")).collect::<Vec<_>>().join(" || ");
                match source {
                    Some(source) => format!("{{ ($.eventSource = {source}) && ({any}) }}"),
                    None => format!("{{ {any} }}"),
                }
            }
            Watched::Refused => {
                "{ (($.errorCode = \"*UnauthorizedOperation\") || ($.errorCode = \"AccessDenied*\")) && \
                 ($.sourceIPAddress != \"delivery.logs.amazonaws.com\") && ($.eventName != \"HeadBucket\") }"
                    .into()
            }
            Watched::WithoutMfa => {
                "{ ($.eventName = \"ConsoleLogin\") && ($.additionalEventData.MFAUsed != \"Yes\") && \
                 ($.responseElements.ConsoleLogin = \"Success\") }"
                    .into()
            }
            Watched::Root => "{ ($.userIdentity.type = \"Root\") && ($.userIdentity.invokedBy NOT EXISTS) && \
                 ($.eventType != \"AwsServiceEvent\") }"
                .into(),
            Watched::FailedSignIn => {
                "{ ($.eventName = \"ConsoleLogin\") && ($.errorMessage = \"Failed authentication\") }".into()
            }
        }
    }

    /// Records that a filter for this control must find, each of them.
    pub fn records(&self) -> Vec<Value> {
        let sign_in = |more: Value| record("signin.amazonaws.com", "ConsoleLogin", more);
        match self.watched {
            Watched::Calls(source, names) => {
                let source = source.unwrap_or("ec2.amazonaws.com");
                names.iter().map(|name| record(source, name, json!({}))).collect()
            }
            Watched::Refused => ["Client.UnauthorizedOperation", "AccessDenied", "AccessDeniedException"]
                .map(|code| record("ec2.amazonaws.com", "RunInstances", json!({ "errorCode": code })))
                .into(),
            Watched::WithoutMfa => vec![sign_in(json!({
                "additionalEventData": { "MFAUsed": "No" }, "responseElements": { "ConsoleLogin": "Success" },
                "userIdentity": { "type": "IAMUser", "userName": "eve" },
            }))],
            Watched::Root => {
                let root = json!({ "userIdentity": { "type": "Root" } });
                vec![record("iam.amazonaws.com", "CreateAccessKey", root)]
            }
            Watched::FailedSignIn => vec![sign_in(json!({
                "errorMessage": "Failed authentication", "responseElements": { "ConsoleLogin": "Failure" },
            }))],
        }
    }
}

/// A record that no control watches for: a filter that finds it finds everything.
pub fn harmless() -> Value {
    record("ec2.amazonaws.com", "DescribeInstances", json!({}))
}

fn record(source: &str, name: &str, more: Value) -> Value {
    let mut record = json!({
        "eventVersion": "1.11",
        "userIdentity": { "type": "IAMUser", "userName": "eve", "accountId": "123456789012" },
        "eventTime": "2026-01-02T03:04:05Z",
        "eventSource": source,
        "eventName": name,
        "awsRegion": "us-east-1",
        "sourceIPAddress": "203.0.113.7",
        "eventType": "AwsApiCall",
    });
    if let (Some(members), Value::Object(more)) = (record.as_object_mut(), more) {
        members.extend(more);
    }
    record
}

const fn control(number: &'static str, name: &'static str, title: &'static str, watched: Watched) -> Control {
    Control { number, name, title, watched }
}

/// All of them, in order.
pub const CONTROLS: [Control; 15] = [
    control("4.1", "UnauthorizedCalls", "unauthorized API calls", Watched::Refused),
    control("4.2", "ConsoleSignInWithoutMfa", "console sign-in without MFA", Watched::WithoutMfa),
    control("4.3", "RootUsage", "usage of the root account", Watched::Root),
    control("4.4", "IamPolicyChanges", "IAM policy changes", Watched::Calls(None, &IAM)),
    control("4.5", "CloudTrailChanges", "CloudTrail configuration changes", Watched::Calls(None, &CLOUDTRAIL)),
    control("4.6", "ConsoleSignInFailures", "console authentication failures", Watched::FailedSignIn),
    control(
        "4.7",
        "KeysDisabledOrDeleted",
        "disabling or scheduled deletion of customer keys",
        Watched::Calls(Some("kms.amazonaws.com"), &["DisableKey", "ScheduleKeyDeletion"]),
    ),
    control(
        "4.8",
        "BucketPolicyChanges",
        "S3 bucket policy changes",
        Watched::Calls(Some("s3.amazonaws.com"), &BUCKETS),
    ),
    control("4.9", "ConfigChanges", "AWS Config changes", Watched::Calls(Some("config.amazonaws.com"), &CONFIG)),
    control("4.10", "SecurityGroupChanges", "security group changes", Watched::Calls(None, &SECURITY_GROUPS)),
    control("4.11", "NetworkAclChanges", "network ACL changes", Watched::Calls(None, &NETWORK_ACLS)),
    control("4.12", "NetworkGatewayChanges", "network gateway changes", Watched::Calls(None, &GATEWAYS)),
    control("4.13", "RouteTableChanges", "route table changes", Watched::Calls(None, &ROUTES)),
    control("4.14", "VpcChanges", "VPC changes", Watched::Calls(None, &VPCS)),
    control(
        "4.15",
        "OrganizationsChanges",
        "AWS Organizations changes",
        Watched::Calls(Some("organizations.amazonaws.com"), &ORGANIZATIONS),
    ),
];

const IAM: [&str; 16] = [
    "AttachGroupPolicy",
    "AttachRolePolicy",
    "AttachUserPolicy",
    "CreatePolicy",
    "CreatePolicyVersion",
    "DeleteGroupPolicy",
    "DeletePolicy",
    "DeletePolicyVersion",
    "DeleteRolePolicy",
    "DeleteUserPolicy",
    "DetachGroupPolicy",
    "DetachRolePolicy",
    "DetachUserPolicy",
    "PutGroupPolicy",
    "PutRolePolicy",
    "PutUserPolicy",
];
const CLOUDTRAIL: [&str; 5] = ["CreateTrail", "DeleteTrail", "StartLogging", "StopLogging", "UpdateTrail"];
const BUCKETS: [&str; 9] = [
    "DeleteBucketCors",
    "DeleteBucketLifecycle",
    "DeleteBucketPolicy",
    "DeleteBucketReplication",
    "PutBucketAcl",
    "PutBucketCors",
    "PutBucketLifecycle",
    "PutBucketPolicy",
    "PutBucketReplication",
];
const CONFIG: [&str; 4] =
    ["DeleteDeliveryChannel", "PutConfigurationRecorder", "PutDeliveryChannel", "StopConfigurationRecorder"];
const SECURITY_GROUPS: [&str; 7] = [
    "AuthorizeSecurityGroupEgress",
    "AuthorizeSecurityGroupIngress",
    "CreateSecurityGroup",
    "DeleteSecurityGroup",
    "ModifySecurityGroupRules",
    "RevokeSecurityGroupEgress",
    "RevokeSecurityGroupIngress",
];
const NETWORK_ACLS: [&str; 6] = [
    "CreateNetworkAcl",
    "CreateNetworkAclEntry",
    "DeleteNetworkAcl",
    "DeleteNetworkAclEntry",
    "ReplaceNetworkAclAssociation",
    "ReplaceNetworkAclEntry",
];
const GATEWAYS: [&str; 6] = [
    "AttachInternetGateway",
    "CreateCustomerGateway",
    "CreateInternetGateway",
    "DeleteCustomerGateway",
    "DeleteInternetGateway",
    "DetachInternetGateway",
];
const ROUTES: [&str; 7] = [
    "CreateRoute",
    "CreateRouteTable",
    "DeleteRoute",
    "DeleteRouteTable",
    "DisassociateRouteTable",
    "ReplaceRoute",
    "ReplaceRouteTableAssociation",
];
const VPCS: [&str; 11] = [
    "AcceptVpcPeeringConnection",
    "AttachClassicLinkVpc",
    "CreateVpc",
    "CreateVpcPeeringConnection",
    "DeleteVpc",
    "DeleteVpcPeeringConnection",
    "DetachClassicLinkVpc",
    "DisableVpcClassicLink",
    "EnableVpcClassicLink",
    "ModifyVpcAttribute",
    "RejectVpcPeeringConnection",
];
const ORGANIZATIONS: [&str; 18] = [
    "AcceptHandshake",
    "AttachPolicy",
    "CreateAccount",
    "CreateOrganizationalUnit",
    "CreatePolicy",
    "DeclineHandshake",
    "DeleteOrganization",
    "DeleteOrganizationalUnit",
    "DeletePolicy",
    "DetachPolicy",
    "DisablePolicyType",
    "EnablePolicyType",
    "InviteAccountToOrganization",
    "LeaveOrganization",
    "MoveAccount",
    "RemoveAccountFromOrganization",
    "UpdateOrganizationalUnit",
    "UpdatePolicy",
];

#[cfg(test)]
mod tests {
    use super::*;
    use query::filter_pattern::FilterPattern;

    /// Every pattern finds the records of its control, within the limit of a pattern's length, and nothing harmless.
    #[test]
    fn patterns_find_what_they_are_for() {
        for control in &CONTROLS {
            let text = control.pattern();
            assert!(text.len() <= model::limits::FILTER_PATTERN_CHARS_MAX, "{}", control.number);
            let pattern = FilterPattern::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", control.number));
            for record in control.records() {
                assert!(pattern.matches(&record.to_string()), "{}: {record}", control.number);
            }
            assert!(!pattern.matches(&harmless().to_string()), "{}", control.number);
        }
    }

    #[test]
    fn refused_calls_that_nobody_minds_are_left_out() {
        let pattern = FilterPattern::parse(&CONTROLS[0].pattern()).unwrap();
        let refused = json!({ "errorCode": "AccessDenied" });
        assert!(!pattern.matches(&record("s3.amazonaws.com", "HeadBucket", refused).to_string()));
    }
}
