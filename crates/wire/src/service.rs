//! `Service` and `Protocol`: which API is called, and in which encoding.

/// An AWS service that Trailwatch speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// Amazon CloudWatch.
    CloudWatch,
    /// Amazon CloudWatch Logs.
    Logs,
    /// AWS CloudTrail.
    CloudTrail,
    /// AWS CloudTrail Data Service (PutAuditEvents).
    CloudTrailData,
    /// AWS Identity and Access Management.
    Iam,
    /// AWS Security Token Service.
    Sts,
    /// Amazon Simple Notification Service.
    Sns,
    /// Amazon CloudWatch Application Signals: its change events.
    ApplicationSignals,
    /// Amazon CloudWatch Observability Access Manager.
    Oam,
}

impl Service {
    /// Every service, in the order in which they are documented.
    pub const ALL: [Service; 9] = [
        Service::CloudWatch,
        Service::Logs,
        Service::CloudTrail,
        Service::CloudTrailData,
        Service::Iam,
        Service::Sts,
        Service::Sns,
        Service::ApplicationSignals,
        Service::Oam,
    ];

    /// The service name in a SigV4 credential scope.
    pub const fn signing_name(self) -> &'static str {
        match self {
            Service::CloudWatch => "monitoring",
            Service::Logs => "logs",
            Service::CloudTrail => "cloudtrail",
            Service::CloudTrailData => "cloudtrail-data",
            Service::Iam => "iam",
            Service::Sts => "sts",
            Service::Sns => "sns",
            Service::ApplicationSignals => "application-signals",
            Service::Oam => "oam",
        }
    }

    /// The prefix of IAM action names, as in `cloudwatch:PutMetricData`.
    pub const fn iam_prefix(self) -> &'static str {
        self.cli_name()
    }

    /// `eventSource` in CloudTrail records.
    pub const fn event_source(self) -> &'static str {
        match self {
            Service::CloudWatch => "monitoring.amazonaws.com",
            Service::Logs => "logs.amazonaws.com",
            Service::CloudTrail => "cloudtrail.amazonaws.com",
            Service::CloudTrailData => "cloudtrail-data.amazonaws.com",
            Service::Iam => "iam.amazonaws.com",
            Service::Sts => "sts.amazonaws.com",
            Service::Sns => "sns.amazonaws.com",
            Service::ApplicationSignals => "application-signals.amazonaws.com",
            Service::Oam => "oam.amazonaws.com",
        }
    }

    /// The command of the AWS CLI, which is also the model's name and the IAM prefix.
    pub const fn cli_name(self) -> &'static str {
        match self {
            Service::CloudWatch => "cloudwatch",
            Service::Logs => "logs",
            Service::CloudTrail => "cloudtrail",
            Service::CloudTrailData => "cloudtrail-data",
            Service::Iam => "iam",
            Service::Sts => "sts",
            Service::Sns => "sns",
            Service::ApplicationSignals => "application-signals",
            Service::Oam => "oam",
        }
    }

    /// `apiVersion` of the model; `Version` in the query protocol.
    pub const fn api_version(self) -> &'static str {
        match self {
            Service::CloudWatch => "2010-08-01",
            Service::Logs => "2014-03-28",
            Service::CloudTrail => "2013-11-01",
            Service::CloudTrailData => "2021-08-11",
            Service::Iam => "2010-05-08",
            Service::Sts => "2011-06-15",
            Service::Sns => "2010-03-31",
            Service::ApplicationSignals => "2024-04-15",
            Service::Oam => "2022-06-10",
        }
    }

    /// Namespace of the XML answers in the query protocol; empty where the service does not speak it.
    pub const fn xml_namespace(self) -> &'static str {
        match self {
            Service::CloudWatch => "http://monitoring.amazonaws.com/doc/2010-08-01/",
            Service::Iam => "https://iam.amazonaws.com/doc/2010-05-08/",
            Service::Sts => "https://sts.amazonaws.com/doc/2011-06-15/",
            Service::Sns => "http://sns.amazonaws.com/doc/2010-03-31/",
            Service::Logs
            | Service::CloudTrail
            | Service::CloudTrailData
            | Service::ApplicationSignals
            | Service::Oam => "",
        }
    }

    /// The protocols the service speaks.
    pub const fn protocols(self) -> &'static [Protocol] {
        match self {
            Service::CloudWatch => &[Protocol::Json10, Protocol::Cbor, Protocol::Query],
            Service::Logs | Service::CloudTrail => &[Protocol::Json11],
            Service::CloudTrailData | Service::ApplicationSignals | Service::Oam => &[Protocol::RestJson],
            Service::Iam | Service::Sts | Service::Sns => &[Protocol::Query],
        }
    }
}

/// How requests and answers are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// AWS JSON 1.0.
    Json10,
    /// AWS JSON 1.1.
    Json11,
    /// Smithy RPC v2 CBOR.
    Cbor,
    /// AWS query: form in, XML out.
    Query,
    /// AWS query as a client asks it that accepts JSON: form in, JSON out.
    QueryToJson,
    /// REST with JSON bodies.
    RestJson,
}
