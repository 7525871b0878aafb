//! Rules of refusal: which calls never go to a backend; the first rule that fits refuses. Pure.

use crate::forms::{Resources, Service, UNKNOWN_OPERATION};
use std::cell::OnceCell;
use std::net::IpAddr;
use std::str::Chars;

/// A rule, `[[deny]]` of the configuration. What it does not say fits every call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rule {
    /// What its events and answers call it.
    pub name: String,
    /// The service.
    pub service: Option<Service>,
    /// Pattern of operations, such as `Delete*`.
    pub operation: Option<String>,
    /// Pattern of ARNs of resources that the call's event names, such as `arn:aws:s3:::secret*`.
    pub resource: Option<String>,
    /// Pattern of the caller's ARN, or of the access key id of a key that is not known; `anonymous` for neither.
    pub principal: Option<String>,
    /// Addresses that the call comes from.
    pub source: Option<Network>,
}

/// What rules look at.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The service.
    pub service: Service,
    /// The operation.
    pub operation: &'a str,
    /// What a backend takes it for that does not know the operation, if it may take it for another.
    pub otherwise: Option<&'a str>,
    /// See [`Rule::principal`].
    pub principal: &'a str,
    /// The client's address.
    pub source: IpAddr,
}

/// The first rule that fits. What a call is on is asked for when a rule looks at it, and once, however many do.
pub fn first_that_fits<'r>(
    rules: &'r [Rule],
    subject: &Subject<'_>,
    resources: impl Fn() -> Resources,
) -> Option<&'r Rule> {
    let told = OnceCell::new();
    rules.iter().find(|rule| rule.fits(subject, || told.get_or_init(&resources)))
}

impl Rule {
    /// Whether the rule fits; `resources` answers what the call is on, and is asked only when the rule looks at that.
    /// What the gateway cannot read may be what the rule is about, and so is refused.
    pub fn fits<'a>(&self, subject: &Subject<'_>, resources: impl FnOnce() -> &'a Resources) -> bool {
        let fits = |pattern: &Option<String>, text: &str| pattern.as_ref().is_none_or(|pattern| matches(pattern, text));
        self.service.is_none_or(|service| service == subject.service)
            && (subject.operation == UNKNOWN_OPERATION
                || fits(&self.operation, subject.operation)
                || subject.otherwise.is_some_and(|other| fits(&self.operation, other)))
            && fits(&self.principal, subject.principal)
            && self.source.is_none_or(|network| network.contains(subject.source))
            && self.resource.as_ref().is_none_or(|pattern| may_be_of(pattern, resources()))
    }
}

/// Whether a resource of the call is, or may be, what `pattern` says.
fn may_be_of(pattern: &str, resources: &Resources) -> bool {
    match resources {
        Resources::These(arns) => arns.iter().any(|arn| matches(pattern, arn)),
        Resources::Below(start) => {
            let plain = pattern.split(['*', '?']).next().unwrap_or_default();
            plain.starts_with(start.as_str()) || start.starts_with(plain)
        }
        Resources::Unknown => true,
    }
}

/// Whether `text` is what `pattern` says: `*` stands for any characters, `?` for one, as in policies of IAM.
pub fn matches(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    // What comes after the last star, and what is left of the text behind that which it stands for.
    let mut star: Option<(Chars<'_>, Chars<'_>)> = None;
    loop {
        let (mut pattern_rest, mut text_rest) = (pattern.clone(), text.clone());
        match (pattern_rest.next(), text_rest.next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                pattern = pattern_rest;
                star = Some((pattern.clone(), text.clone()));
            }
            (Some(wanted), Some(found)) if wanted == '?' || wanted == found => {
                (pattern, text) = (pattern_rest, text_rest);
            }
            _ => {
                let Some((after, left)) = &mut star else { return false };
                // It stands for one more.
                if left.next().is_none() {
                    return false;
                }
                (pattern, text) = (after.clone(), left.clone());
            }
        }
    }
}

/// A block of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Reads `10.0.0.0/8`, `2001:db8::/32` or one address.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(digits) => digits.parse().ok().filter(|prefix| *prefix <= most)?,
            None => most,
        };
        Some(Self { address, prefix })
    }

    /// Whether `address` is in the block; an IPv4 address written as an IPv6 one is the IPv4 address.
    pub fn contains(self, address: IpAddr) -> bool {
        match (self.address.to_canonical(), address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let mask = u32::MAX.checked_shl(32_u32.saturating_sub(u32::from(self.prefix))).unwrap_or(0);
                own.to_bits() & mask == other.to_bits() & mask
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let mask = u128::MAX.checked_shl(128_u32.saturating_sub(u32::from(self.prefix))).unwrap_or(0);
                own.to_bits() & mask == other.to_bits() & mask
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_iam() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("Delete*", "DeleteObject", true),
            ("Delete*", "GetObject", false),
            ("*Object", "DeleteObject", true),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("", "", true),
            ("", "a", false),
            ("**a", "bba", true),
            ("ü*", "übel", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn networks_hold_their_addresses() {
        let holds = |network: &str, address: &str| Network::parse(network).unwrap().contains(address.parse().unwrap());
        assert!(holds("10.0.0.0/8", "10.255.0.1"));
        assert!(!holds("10.0.0.0/8", "11.0.0.1"));
        assert!(holds("0.0.0.0/0", "1.2.3.4"));
        assert!(!holds("0.0.0.0/0", "::1"));
        assert!(holds("127.0.0.1", "::ffff:127.0.0.1"));
        assert!(holds("2001:db8::/32", "2001:db8:1::1"));
        assert!(!holds("2001:db8::/32", "2001:db9::1"));
        assert!(holds("::/0", "2001:db9::1"));
        for wrong in ["", "x", "10.0.0.0/33", "10.0.0/8", "::/129", "1.2.3.4/"] {
            assert_eq!(Network::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_rule_fits_when_all_that_it_says_does() {
        let subject = Subject {
            service: Service::S3,
            operation: "DeleteObject",
            otherwise: None,
            principal: "arn:aws:iam::123456789012:user/ann",
            source: IpAddr::from([127, 0, 0, 1]),
        };
        let (arns, none) = (Resources::These(vec!["arn:aws:s3:::secret/a".to_owned()]), Resources::These(Vec::new()));
        assert!(Rule::default().fits(&subject, || &none));
        let rule = Rule {
            service: Some(Service::S3),
            operation: Some("Delete*".into()),
            resource: Some("arn:aws:s3:::secret/*".into()),
            principal: Some("*:user/ann".into()),
            source: Network::parse("127.0.0.0/8"),
            ..Rule::default()
        };
        assert!(rule.fits(&subject, || &arns));
        assert!(!rule.fits(&subject, || &none), "names no resource");
        let below = |start: &str| {
            let resources = Resources::Below(start.to_owned());
            rule.fits(&subject, || &resources)
        };
        assert!(below("arn:aws:s3:::secret"));
        assert!(below("arn:aws:s3:::secret/folder"));
        assert!(!below("arn:aws:s3:::open"));
        assert!(rule.fits(&subject, || &Resources::Unknown), "it may be what the rule is about");
        assert!(rule.fits(&Subject { operation: UNKNOWN_OPERATION, ..subject }, || &arns));
        assert!(!rule.fits(&Subject { service: Service::Sqs, ..subject }, || &arns));
        let get = Subject { operation: "GetObject", ..subject };
        assert!(!rule.fits(&get, || &arns));
        assert!(rule.fits(&Subject { otherwise: Some("DeleteObject"), ..get }, || &arns), "a backend may take it so");
        assert!(!rule.fits(&Subject { principal: "AKIA", ..subject }, || &arns));
        assert!(!rule.fits(&Subject { source: IpAddr::from([10, 0, 0, 1]), ..subject }, || &arns));
    }
    #[test]
    fn what_a_call_is_on_is_made_once_for_all_rules_and_for_none_not_at_all() {
        let subject = Subject {
            service: Service::S3,
            operation: "DeleteObjects",
            otherwise: None,
            principal: "anonymous",
            source: [0; 4].into(),
        };
        let rule = |n: usize| Rule { resource: Some(format!("arn:aws:s3:::b/{n}/*")), ..Rule::default() };
        let rules: Vec<Rule> = (0..500).map(rule).collect();
        let made = std::cell::Cell::new(0);
        // It is no `Clone`, so that nobody makes it again in another way.
        let keys = || {
            made.set(made.get() + 1);
            Resources::These((0..1_000).map(|key| format!("arn:aws:s3:::b/499/{key}")).collect())
        };
        assert_eq!(first_that_fits(&rules, &subject, keys), rules.last());
        assert_eq!(made.get(), 1);
        let others =
            [Rule { service: Some(Service::Sqs), ..rule(499) }, Rule { operation: Some("Get*".into()), ..rule(499) }];
        assert_eq!(first_that_fits(&others, &subject, keys), None);
        assert_eq!(made.get(), 1, "no rule came to look at it");
    }
}
