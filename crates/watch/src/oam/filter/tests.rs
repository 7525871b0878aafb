//! Filters in AWS's examples and against them: what they admit, and what is refused.

use super::*;
use proptest::prelude::*;

fn groups(text: &str) -> Result<Filter, String> {
    Filter::parse(Term::LogGroupName, text).map_err(|error| error.to_string())
}

#[test]
fn the_examples_of_the_reference() {
    let cases: [(&str, &[&str], &[&str]); 6] = [
        (
            "LogGroupName IN ('This-Log-Group', 'Other-Log-Group')",
            &["This-Log-Group", "Other-Log-Group"],
            &["this-log-group", "This-Log-Group2"],
        ),
        ("LogGroupName NOT IN ('Private-Log-Group', 'Private-Log-Group-2')", &["a"], &["Private-Log-Group"]),
        (
            "LogGroupName LIKE 'aws/lambda/%' OR LogGroupName LIKE 'AWSLogs%'",
            &["aws/lambda/", "AWSLogs1"],
            &["aws/lambd", "xAWSLogs"],
        ),
        ("LogGroupName = 'a'", &["a"], &["b", ""]),
        ("LogGroupName != 'a' AND LogGroupName not like 'b%'", &["c"], &["a", "b", "bc"]),
        // AND binds closer.
        ("LogGroupName='x' OR LogGroupName LIKE 'a%' AND LogGroupName!='ab'", &["x", "ac"], &["ab", "y"]),
    ];
    for (text, admitted, refused) in cases {
        let filter = groups(text).unwrap();
        for name in admitted {
            assert!(filter.admits(name), "{text} should admit {name}");
        }
        for name in refused {
            assert!(!filter.admits(name), "{text} should not admit {name}");
        }
    }
    let namespaces = Filter::parse(Term::Namespace, "Namespace NOT LIKE 'AWS/%'").unwrap();
    assert!(namespaces.admits("App") && !namespaces.admits("AWS/EC2"));
}

#[test]
fn what_is_no_filter_is_refused_with_the_place() {
    let cases = [
        ("", "expected LogGroupName, found the end"),
        ("*", "expected LogGroupName, found *"),
        ("Namespace = 'a'", "expected LogGroupName, found Namespace"),
        ("LogGroupName 'a'", "expected =, !=, IN, NOT IN, LIKE or NOT LIKE, found 'a'"),
        ("LogGroupName NOT = 'a'", "expected =, !=, IN, NOT IN, LIKE or NOT LIKE, found the end"),
        ("LogGroupName = a", "expected a text in single quotation marks, found a"),
        ("LogGroupName = 'a", "a single quotation mark is not closed"),
        ("LogGroupName IN ()", "expected a text in single quotation marks, found )"),
        ("LogGroupName IN ('a' 'b')", "expected , or ), found 'b'"),
        ("LogGroupName LIKE '%a'", "LIKE takes a beginning that ends with its only %, not '%a'"),
        ("LogGroupName LIKE 'a'", "LIKE takes a beginning that ends with its only %, not 'a'"),
        ("LogGroupName = 'a' LogGroupName = 'b'", "expected AND, OR or the end, found LogGroupName"),
        ("(LogGroupName = 'a')", "expected LogGroupName, found ("),
    ];
    for (text, error) in cases {
        assert_eq!(groups(text).unwrap_err(), error, "{text}");
    }
    let many = |joined: usize| vec!["LogGroupName = 'a'"; joined + 1].join(" OR ");
    assert!(groups(&many(5)).is_ok());
    assert_eq!(groups(&many(6)).unwrap_err(), "at most 5 AND and OR are allowed");
}

proptest! {
    #[test]
    fn nothing_panics(text in "[LogGrupNameINKEOTDRx '%=!(),*é]{0,60}") {
        if let Ok(filter) = groups(&text) {
            filter.admits(&text);
        }
    }

    #[test]
    fn a_negation_admits_what_its_condition_refuses(name in "[a-c/]{0,4}", text in "[a-c/]{0,3}") {
        for (plain, negated) in [("=", "!="), ("LIKE", "NOT LIKE"), ("IN", "NOT IN")] {
            let condition = |operator: &str| match plain {
                "=" => format!("LogGroupName {operator} '{text}'"),
                "IN" => format!("LogGroupName {operator} ('{text}', 'zz')"),
                _ => format!("LogGroupName {operator} '{text}%'"),
            };
            let (plain, negated) = (groups(&condition(plain)).unwrap(), groups(&condition(negated)).unwrap());
            prop_assert_ne!(plain.admits(&name), negated.admits(&name));
        }
    }
}
