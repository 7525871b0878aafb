//! The rules of trail names and trail ARNs, in AWS's words.

use model::{Scope, arn::Arn};
use std::net::Ipv4Addr;
use wire::ApiError;
use wire::cloudtrail::errors;

/// CreateTrail reference: shortest and longest name, characters.
const CHARS_MIN: usize = 3;
const CHARS_MAX: usize = 128;
/// How much of a client's text is told back to it.
const TOLD_CHARS_MAX: usize = 300;

/// What a `Name` or `TrailName` member means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrailRef {
    /// The trail's name.
    pub name: String,
    /// Account and region of the ARN, or the caller's.
    pub scope: Scope,
    /// True when the client gave an ARN.
    pub by_arn: bool,
}

impl TrailRef {
    /// Reads a name or an ARN.
    pub fn parse(text: &str, caller: &Scope) -> Result<Self, ApiError> {
        if !text.starts_with("arn:") {
            check(text)?;
            return Ok(Self { name: text.to_owned(), scope: caller.clone(), by_arn: false });
        }
        let arn = Arn::parse(text).filter(|arn| arn.service == "cloudtrail" && is_account(arn.account));
        let parts = arn.and_then(|arn| Some((arn, arn.resource.strip_prefix("trail/")?)));
        let Some((arn, name)) = parts.filter(|(arn, _)| !arn.region.is_empty()) else {
            return Err(ApiError::new(
                &errors::CLOUD_TRAIL_ARN_INVALID_EXCEPTION,
                format!("The trail ARN is not valid: {}", told(text)),
            ));
        };
        check(name)?;
        let scope = Scope { account: arn.account.to_owned(), region: arn.region.to_owned() };
        Ok(Self { name: name.to_owned(), scope, by_arn: true })
    }
}

/// True for twelve digits.
pub fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

/// A client's text, cut to what is worth telling back.
pub fn told(text: &str) -> &str {
    text.char_indices().nth(TOLD_CHARS_MAX).and_then(|(cut, _)| text.get(..cut)).unwrap_or(text)
}

/// Checks a name by every rule of CreateTrail; the first broken one is answered.
pub fn check(name: &str) -> Result<(), ApiError> {
    let chars = name.chars().count();
    let alphanumeric = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let mark = |c: char| matches!(c, '.' | '_' | '-');
    let refused = if name.trim().is_empty() {
        Some("Trail name cannot be blank!".to_owned())
    } else if chars < CHARS_MIN {
        Some(format!(
            "Trail name too short. Minimum allowed length: {CHARS_MIN} characters. Specified name length: {chars} characters."
        ))
    } else if chars > CHARS_MAX {
        Some(format!(
            "Trail name too long. Maximum allowed length: {CHARS_MAX} characters. Specified name length: {chars} characters."
        ))
    } else if !alphanumeric(name.chars().next()) {
        Some("Trail name must starts with a letter or number.".to_owned())
    } else if !alphanumeric(name.chars().next_back()) {
        Some("Trail name must ends with a letter or number.".to_owned())
    } else if !name.chars().all(|c| c.is_ascii_alphanumeric() || mark(c)) {
        let allowed = "Trail name or ARN can only contain uppercase letters, lowercase letters, numbers, periods (.), \
                       hyphens (-), and underscores (_).";
        Some(allowed.to_owned())
    } else if name.chars().zip(name.chars().skip(1)).any(|(a, b)| mark(a) && mark(b)) {
        Some("Trail name cannot have adjacent periods (.), hyphens (-), or underscores (_).".to_owned())
    } else if name.parse::<Ipv4Addr>().is_ok() {
        Some("Trail name must not be in the format of an IP address.".to_owned())
    } else {
        None
    };
    refused.map_or(Ok(()), |text| Err(ApiError::new(&errors::INVALID_TRAIL_NAME_EXCEPTION, text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_judged_in_awss_words() {
        for good in ["abc", "My-trail_1.x", "1.2.3", &"a".repeat(128)] {
            assert!(check(good).is_ok(), "{good}");
        }
        let cases = [
            ("", "Trail name cannot be blank!"),
            ("ab", "Trail name too short. Minimum allowed length: 3 characters. Specified name length: 2 characters."),
            ("-abc", "Trail name must starts with a letter or number."),
            ("abc-", "Trail name must ends with a letter or number."),
            ("a b", "Trail name or ARN can only contain"),
            ("aéb", "Trail name or ARN can only contain"),
            ("my-_trail", "Trail name cannot have adjacent"),
            ("192.168.5.4", "Trail name must not be in the format of an IP address."),
        ];
        for (name, text) in cases {
            let error = check(name).unwrap_err();
            assert_eq!(error.code(), "InvalidTrailNameException");
            assert!(error.message().starts_with(text), "{name}: {}", error.message());
        }
        assert!(check(&"a".repeat(129)).unwrap_err().message().contains("Specified name length: 129 characters."));
    }

    #[test]
    fn an_arn_gives_name_and_home() {
        let caller = Scope { account: "111111111111".into(), region: "us-east-1".into() };
        let read = TrailRef::parse("arn:aws:cloudtrail:eu-west-1:222222222222:trail/abc", &caller).unwrap();
        assert_eq!((read.name.as_str(), read.scope.region.as_str(), read.by_arn), ("abc", "eu-west-1", true));
        for bad in [
            "arn:aws:cloudtrail:eu-west-1:222222222222:channel/abc",
            "arn:aws:s3:::b",
            "arn:aws:cloudtrail:eu-west-1:2:trail/abc",
            "arn:",
        ] {
            assert_eq!(TrailRef::parse(bad, &caller).unwrap_err().code(), "CloudTrailARNInvalidException", "{bad}");
        }
    }
}
