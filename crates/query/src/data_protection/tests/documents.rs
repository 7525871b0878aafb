//! Documents that are policies, and those that are none.

use super::super::*;
use super::document;
use serde_json::{Value, json};

fn refusal(document: &Value) -> String {
    Policy::parse(&document.to_string()).expect_err("it is refused").0
}

fn example() -> Value {
    json!({
        "Name": "data-protection-policy",
        "Description": "test description",
        "Version": "2021-06-01",
        "Configuration": {"CustomDataIdentifier": [{"Name": "EmployeeId", "Regex": "EmployeeId-\\d{9}"}]},
        "Statement": [
            {
                "Sid": "audit-policy",
                "DataIdentifier": ["arn:aws:dataprotection::aws:data-identifier/EmailAddress", "EmployeeId"],
                "Operation": {"Audit": {"FindingsDestination": {"CloudWatchLogs": {"LogGroup": "/findings"}}}}
            },
            {
                "Sid": "redact-policy",
                "DataIdentifier": ["EmployeeId", "arn:aws:dataprotection::aws:data-identifier/EmailAddress"],
                "Operation": {"Deidentify": {"MaskConfig": {}}}
            }
        ]
    })
}

#[test]
fn the_example_of_the_guide_is_a_policy() {
    let policy = Policy::parse(&example().to_string()).unwrap();
    assert_eq!((policy.name.as_str(), policy.findings.group.as_deref()), ("data-protection-policy", Some("/findings")));
    let protector = Protector::compile(&[policy]);
    assert_eq!(protector.mask("EmployeeId-123456789 a@b.co"), "******************** ******");
    let names: Vec<String> = protector.findings("EmployeeId-123456789 a@b.co").into_iter().map(|f| f.name).collect();
    assert_eq!(names, ["EmailAddress", "EmployeeId"]);
}

#[test]
fn statements_must_be_an_audit_and_a_deidentify_of_the_same() {
    let with = |pointer: &str, value: Value| {
        let mut document = example();
        *document.pointer_mut(pointer).unwrap() = value;
        refusal(&document)
    };
    assert_eq!(
        with("/Statement/1/DataIdentifier", json!(["EmployeeId"])),
        "The DataIdentifier lists of the Audit and the Deidentify statement must be the same"
    );
    let both = "A policy has one Audit statement and one Deidentify statement";
    assert_eq!(with("/Statement/1/Operation", json!({"Audit": {"FindingsDestination": {}}})), both);
    assert_eq!(
        with("/Statement/1", json!({"DataIdentifier": ["x"], "Operation": {"Deny": {}}})),
        "The Operation of a statement must be one of Audit and Deidentify"
    );
    assert_eq!(
        with("/Statement/1/Operation/Deidentify", json!({})),
        "Operation Deidentify must have the empty object MaskConfig"
    );
    let destination = |value| with("/Statement/0/Operation/Audit", value);
    assert_eq!(destination(json!({})), "Operation Audit must have the object FindingsDestination");
    for (name, member) in [("CloudWatchLogs", "LogGroup"), ("S3", "Bucket"), ("Firehose", "DeliveryStream")] {
        for there in [json!({"Name": "x"}), json!({member: ""}), json!({member: 1}), json!("x")] {
            let refused = destination(json!({"FindingsDestination": {name: there}}));
            assert_eq!(refused, format!("FindingsDestination.{name} must have a {member}"));
        }
    }
    let other = destination(json!({"FindingsDestination": {"SNS": {"Topic": "t"}}}));
    assert_eq!(other, "SNS is not a valid FindingsDestination");
    let mut one = example();
    one["Statement"].as_array_mut().unwrap().pop();
    assert_eq!(refusal(&one), "A policy must have an Audit statement and a Deidentify statement");
}

#[test]
fn findings_may_go_to_three_places() {
    let mut document = example();
    document["Statement"][0]["Operation"]["Audit"]["FindingsDestination"] = json!({
        "CloudWatchLogs": {"LogGroup": "/findings"}, "S3": {"Bucket": "b"}, "Firehose": {"DeliveryStream": "f"}
    });
    let named = |name: &str| Some(name.to_owned());
    assert_eq!(
        Policy::parse(&document.to_string()).unwrap().findings,
        FindingsDestinations { group: named("/findings"), bucket: named("b"), stream: named("f") }
    );
}

#[test]
fn names_are_checked_in_awss_words() {
    let mut document = example();
    document["Name"] = json!("data protection policy");
    let expected = "Policy Name can only include alphanumeric characters, hyphens (-) and underscores (_)";
    assert_eq!(refusal(&document), expected);
    document["Name"] = json!("");
    assert_eq!(refusal(&document), "Policy Name is required");
    document = example();
    document["Version"] = json!("2012-10-17");
    assert_eq!(refusal(&document), "Policy Version must be 2021-06-01");
    assert!(Policy::parse("{").is_err() && Policy::parse("[]").is_err() && Policy::parse(&" ".repeat(30_721)).is_err());
}

#[test]
fn identifiers_that_aws_does_not_know_and_those_we_do_not_find_are_named() {
    let refused = |name: &str| Policy::parse(&document(&[name])).expect_err(name).0;
    let arn = "arn:aws:dataprotection::aws:data-identifier/";
    assert_eq!(refused("PhoneNumber"), format!("{arn}PhoneNumber is not a valid Data Identifier"));
    for name in ["Name", "Address"] {
        assert!(refused(name).starts_with(&format!("{arn}{name} is not supported")), "{}", refused(name));
    }
    let mut bare = example();
    for statement in [0, 1] {
        bare["Statement"][statement]["DataIdentifier"] = json!(["EmailAddress"]);
    }
    assert_eq!(refusal(&bare), "EmailAddress is not a valid Data Identifier");
}

#[test]
fn custom_identifiers_have_limits() {
    let with = |list: Value| {
        let mut document = example();
        document["Configuration"]["CustomDataIdentifier"] = list;
        Policy::parse(&document.to_string()).map(|_| ()).map_err(|error| error.0)
    };
    let one =
        |name: &str, regex: &str| with(json!([{"Name": name, "Regex": regex}, {"Name": "EmployeeId", "Regex": "a"}]));
    assert_eq!(one("x", &"a".repeat(200)), Ok(()));
    assert_eq!(one("x", &"a".repeat(201)), Err("The Regex of x must have 1 to 200 characters".into()));
    assert_eq!(one("x", "(a)"), Err("The Regex of x has a character that is not supported: '('".into()));
    assert_eq!(one("x", "[a"), Err("The Regex of x is not valid: error: unclosed character class".into()));
    assert_eq!(one("x", r"\w{1000}{9}"), Err("The Regex of x is not valid: it is too large".into()));
    assert_eq!(one("EmployeeId", "b"), Err("The custom data identifier EmployeeId is defined twice".into()));
    let taken = "The custom data identifier EmailAddress has the name of a managed data identifier";
    assert_eq!(one("EmailAddress", "a"), Err(taken.into()));
    assert!(one("a b", "a").is_err() && one(&"n".repeat(129), "a").is_err());
    let many: Vec<Value> = (0..11).map(|n| json!({"Name": format!("n{n}"), "Regex": "a"})).collect();
    assert_eq!(with(Value::Array(many)), Err("A policy has at most 10 custom data identifiers".into()));
}

#[test]
fn a_custom_pattern_of_nothing_masks_nothing() {
    let mut document = example();
    document["Configuration"]["CustomDataIdentifier"][0]["Regex"] = json!("x*");
    let protector = Protector::compile(&[Policy::parse(&document.to_string()).unwrap()]);
    assert_eq!(protector.mask("axxb"), "a**b");
}
