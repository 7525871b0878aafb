//! Managed policies that are there from the start, under `arn:aws:iam::aws:policy/`: two planes, kept apart.
//!
//! Operators see and change metrics, logs, alarms and topics, and nothing of the audit trail: a hold tells of an investigation, too.
//! Auditors read all of the trail and say what is kept of it, and of the other plane nothing. What an account shares with others (sinks and links) is for its administrators. SQL reads the records
//! of both planes, so it is in neither, and nor is `logs:Unmask`, which shows what data protection hides. Administration of trails, and of identities, is in
//! none: it is for root, or for a policy of the site's own. The lists name actions by verb, so that a new operation of a plane falls to whom it belongs.

/// A managed policy that nobody can change.
#[derive(Debug, Clone, Copy)]
pub struct ReadyMade {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub description: &'static str,
    /// Its text.
    pub document: &'static str,
}

/// Allows everything.
pub(crate) const ALLOW_ALL: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

/// Denies everything.
pub(crate) const DENY_ALL: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}"#;

const ARN: &str = "arn:aws:iam::aws:policy/";

/// All of them.
pub const ALL: [ReadyMade; 5] = [
    ReadyMade {
        name: "AdministratorAccess",
        description: "Provides full access to all services and resources.",
        document: r#"{
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "*",
            "Resource": "*"
        }
    ]
}"#,
    },
    ReadyMade {
        name: "TrailwatchAgent",
        description: "What a collector needs: writes log events and metrics, and reads back what it wrote.",
        document: r#"{
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "Write",
            "Effect": "Allow",
            "Action": [
                "cloudwatch:PutMetricData",
                "logs:CreateLogGroup",
                "logs:CreateLogStream",
                "logs:DescribeLogGroups",
                "logs:DescribeLogStreams",
                "logs:GetLogEvents",
                "logs:PutLogEvents",
                "logs:PutRetentionPolicy"
            ],
            "Resource": "*"
        }
    ]
}"#,
    },
    ReadyMade {
        name: "TrailwatchAuditor",
        description: "Reads all of the audit trail and holds events of it. Nothing of metrics, logs and alarms.",
        document: r#"{
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "ReadTheTrail",
            "Effect": "Allow",
            "Action": [
                "cloudtrail:CancelQuery",
                "cloudtrail:Describe*",
                "cloudtrail:GenerateQuery",
                "cloudtrail:Get*",
                "cloudtrail:List*",
                "cloudtrail:LookupEvents",
                "cloudtrail:SearchSampleQueries",
                "cloudtrail:StartQuery",
                "application-signals:ListEntityEvents",
                "trailwatch:BacktestDetections",
                "trailwatch:GeneratePolicy",
                "trailwatch:GetEventProof",
                "trailwatch:GetEventRetention",
                "trailwatch:GetSession",
                "trailwatch:Investigate",
                "trailwatch:ListLegalHolds",
                "trailwatch:PutLegalHold",
                "trailwatch:ReplayPolicy",
                "trailwatch:SearchEvents",
                "trailwatch:TailEvents",
                "trailwatch:ValidateTrail",
                "s3:GetObject",
                "s3:ListBucket",
                "s3:ListAllMyBuckets",
                "s3:GetBucketLocation"
            ],
            "Resource": "*"
        },
        {
            "Sid": "SeeWhoMayDoWhat",
            "Effect": "Allow",
            "Action": [
                "iam:Get*",
                "iam:List*",
                "iam:Simulate*"
            ],
            "Resource": "*"
        }
    ]
}"#,
    },
    ReadyMade {
        name: "TrailwatchOperator",
        description: "Everything about metrics, logs, alarms and topics but what data protection masks. Nothing of the audit trail.",
        document: r#"{
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "OperateTheWatch",
            "Effect": "Allow",
            "Action": [
                "cloudwatch:*",
                "logs:Associate*",
                "logs:Cancel*",
                "logs:Create*",
                "logs:Delete*",
                "logs:Describe*",
                "logs:Disassociate*",
                "logs:Filter*",
                "logs:Get*",
                "logs:List*",
                "logs:Put*",
                "logs:Start*",
                "logs:Stop*",
                "logs:Tag*",
                "logs:Test*",
                "logs:Untag*",
                "logs:Update*",
                "oam:Get*",
                "oam:List*",
                "sns:*",
                "trailwatch:BacktestAlarm",
                "trailwatch:ListDeadLetters"
            ],
            "Resource": "*"
        }
    ]
}"#,
    },
    ReadyMade {
        name: "TrailwatchReadOnly",
        description: "Reads metrics, logs, alarms and topics. Nothing of the audit trail.",
        document: r#"{
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "ReadTheWatch",
            "Effect": "Allow",
            "Action": [
                "cloudwatch:Describe*",
                "cloudwatch:Get*",
                "cloudwatch:List*",
                "logs:Describe*",
                "logs:FilterLogEvents",
                "logs:Get*",
                "logs:List*",
                "logs:StartLiveTail",
                "logs:StartQuery",
                "logs:StopQuery",
                "logs:Test*",
                "oam:Get*",
                "oam:List*",
                "sns:Check*",
                "sns:Get*",
                "sns:List*",
                "trailwatch:BacktestAlarm"
            ],
            "Resource": "*"
        }
    ]
}"#,
    },
];

impl ReadyMade {
    /// Its ARN.
    pub fn arn(&self) -> String {
        format!("{ARN}{}", self.name)
    }
}

/// The policy of this ARN.
pub(crate) fn find(arn: &str) -> Option<&'static ReadyMade> {
    let name = arn.strip_prefix(ARN)?;
    ALL.iter().find(|policy| policy.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Policy, Purpose};

    #[test]
    fn every_ready_made_policy_can_be_read() {
        for policy in ALL {
            let parsed = Policy::parse(policy.name, policy.document, Purpose::Identity).unwrap();
            assert!(!parsed.statements().is_empty());
            assert_eq!(find(&policy.arn()).unwrap().name, policy.name);
        }
        assert!(find("arn:aws:iam::aws:policy/Unheard").is_none());
        Policy::parse("deny", DENY_ALL, Purpose::Identity).unwrap();
    }
}
