//! The shapes, errors and operations that `build.rs` makes from the models, one module per service.

use crate::service::Service;

macro_rules! service {
    ($(#[$doc:meta])* $module:ident, $file:literal) => {
        $(#[$doc])*
        // A member means what the AWS reference says; the models carry no prose that could be repeated here. The code is
        // made to be uniform, not terse.
        #[allow(missing_docs, clippy::all)]
        pub mod $module {
            include!(concat!(env!("OUT_DIR"), "/", $file));
        }
    };
}

service!(/** Amazon CloudWatch. */ cloudwatch, "cloudwatch.rs");
service!(/** Amazon CloudWatch Logs. */ logs, "logs.rs");
service!(/** AWS CloudTrail. */ cloudtrail, "cloudtrail.rs");
service!(/** AWS CloudTrail Data Service. */ cloudtrail_data, "cloudtrail-data.rs");
service!(/** AWS Identity and Access Management. */ iam, "iam.rs");
service!(/** AWS Security Token Service. */ sts, "sts.rs");
service!(/** Amazon Simple Notification Service. */ sns, "sns.rs");
service!(/** Amazon CloudWatch Application Signals. */ application_signals, "application-signals.rs");

/// An operation that a model declares, implemented here or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Modelled {
    /// The service.
    pub service: Service,
    /// The operation's name.
    pub name: &'static str,
    /// True when the name says that it only reads (`Get…`, `List…`, `Describe…`); a guess for calls without a table row.
    pub read_only_guess: bool,
    /// True when AWS has deprecated it.
    pub deprecated: bool,
}

/// Every operation of the models.
pub fn modelled() -> &'static [Modelled] {
    include!(concat!(env!("OUT_DIR"), "/modelled.rs"))
}

/// Every pattern of the models.
#[cfg(test)]
pub(crate) fn patterns() -> impl Iterator<Item = &'static crate::constraint::Pattern> {
    [cloudwatch::rules::PATTERNS, logs::rules::PATTERNS, cloudtrail::rules::PATTERNS]
        .into_iter()
        .chain([cloudtrail_data::rules::PATTERNS, iam::rules::PATTERNS, sts::rules::PATTERNS, sns::rules::PATTERNS])
        .chain([application_signals::rules::PATTERNS])
        .flatten()
        .copied()
}
