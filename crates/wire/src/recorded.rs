//! What CloudTrail's record of a call says that neither its access level nor its model tells.
//!
//! Source: the records of AWS's own STS and IAM (CloudTrail user guide, "Logging IAM and AWS STS API calls with CloudTrail").

use crate::operation::Access;
use crate::service::Service;
use model::Timestamp;

/// The call of STS that CloudTrail does not take for a read.
const FEDERATION_TOKEN: &str = "GetFederationToken";
/// One that it does, though IAM says that it writes.
const DECODE_MESSAGE: &str = "DecodeAuthorizationMessage";

/// CloudTrail's `readOnly` of a call to `source`, such as `sts.amazonaws.com`: that a role is taken changes nothing, whatever IAM's access
/// level says.
pub fn is_read_only(source: &str, operation: &str, access: Access) -> bool {
    match operation {
        FEDERATION_TOKEN if source == Service::Sts.event_source() => false,
        DECODE_MESSAGE if source == Service::Sts.event_source() => true,
        _ => access.is_read_only() || is_of_role(source, operation),
    }
}

/// Whether the record tells the answer: not of reads, except of the credentials that STS issues, by whose key a session is followed.
pub fn tells_answer(source: &str, operation: &str, access: Access) -> bool {
    gives_credentials(source, operation) || !is_read_only(source, operation, access)
}

fn gives_credentials(source: &str, operation: &str) -> bool {
    let gives = is_of_role(source, operation) || operation == "GetSessionToken" || operation == FEDERATION_TOKEN;
    source == Service::Sts.event_source() && gives
}

/// True for the calls that take a role, AssumeRole and its like: the role is the resource of the record.
pub fn is_of_role(source: &str, operation: &str) -> bool {
    source == Service::Sts.event_source() && operation.starts_with("AssumeRole")
}

/// True of the services in whose records times are written as in [`words`].
pub fn writes_words(service: Service) -> bool {
    matches!(service, Service::Iam | Service::Sts)
}

/// A time as IAM and STS have it in parameters and answers: `Jul 30, 2024, 9:46:15 PM`.
pub fn words(time: Timestamp) -> String {
    match jiff::Timestamp::from_second(time.secs()) {
        Ok(time) => time.strftime("%b %-d, %Y, %-I:%M:%S %p").to_string(),
        Err(_) => time.iso_seconds(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STS: &str = "sts.amazonaws.com";

    #[test]
    fn calls_of_sts_only_read_and_tell_the_credentials_that_they_give() {
        for (operation, access, read_only, tells) in [
            ("AssumeRole", Access::Write, true, true),
            ("AssumeRoleWithWebIdentity", Access::Write, true, true),
            ("AssumeRoleWithSAML", Access::Write, true, true),
            ("DecodeAuthorizationMessage", Access::Write, true, false),
            ("GetCallerIdentity", Access::Read, true, false),
            ("GetSessionToken", Access::Read, true, true),
            ("GetFederationToken", Access::Read, false, true),
        ] {
            assert_eq!(is_read_only(STS, operation, access), read_only, "{operation}");
            assert_eq!(tells_answer(STS, operation, access), tells, "{operation}");
        }
        for (access, read_only) in
            [(Access::Read, true), (Access::List, true), (Access::Write, false), (Access::Tagging, false)]
        {
            assert_eq!(is_read_only("iam.amazonaws.com", "AssumeRole", access), read_only);
            assert_eq!(tells_answer("iam.amazonaws.com", "AssumeRole", access), !read_only);
        }
    }

    #[test]
    fn times_of_iam_are_words() {
        assert_eq!(words(Timestamp(1_722_375_975_000)), "Jul 30, 2024, 9:46:15 PM");
        assert_eq!(words(Timestamp(1_704_067_200_999)), "Jan 1, 2024, 12:00:00 AM");
        assert!(writes_words(Service::Iam) && writes_words(Service::Sts) && !writes_words(Service::Logs));
    }
}
