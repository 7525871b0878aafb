//! Tables of what selectors keep and refuse.

use super::*;

fn data<'a>(kind: &'a str, arn: &'a str, read_only: bool) -> Subject<'a> {
    Subject {
        category: "Data".into(),
        source: "s3.amazonaws.com".into(),
        name: "GetObject".into(),
        read_only: Some(read_only),
        resources: vec![(kind.into(), arn.into()), ("AWS::S3::Bucket".into(), "arn:aws:s3:::bucket".into())],
        ..Subject::default()
    }
}

fn management(source: &str, read_only: Option<bool>) -> Subject<'_> {
    Subject { category: "Management".into(), source: source.into(), name: "X".into(), read_only, ..Subject::default() }
}

fn basic(kind: &str, values: &[&str]) -> Selectors {
    let resource = DataResource { resource_type: kind.into(), values: values.iter().map(|v| v.to_string()).collect() };
    Selectors::Basic(vec![EventSelector { data_resources: vec![resource], ..EventSelector::default() }])
}

fn field(name: &str, operators: &[(&str, &[&str])]) -> FieldSelector {
    let mut selector = FieldSelector { field: name.into(), ..FieldSelector::default() };
    for (operator, values) in operators {
        let values = values.iter().map(|v| v.to_string()).collect();
        match *operator {
            "=" => selector.equals = values,
            "^" => selector.starts_with = values,
            "$" => selector.ends_with = values,
            "!=" => selector.not_equals = values,
            "!^" => selector.not_starts_with = values,
            _ => selector.not_ends_with = values,
        }
    }
    selector
}

fn advanced(fields: Vec<FieldSelector>) -> Selectors {
    Selectors::Advanced(vec![AdvancedEventSelector { name: None, fields }])
}

#[test]
fn the_default_keeps_all_management_events_and_nothing_else() {
    let selectors = Selectors::default();
    for read_only in [Some(true), Some(false), None] {
        assert!(selectors.matches(&management("kms.amazonaws.com", read_only)));
    }
    assert!(!selectors.matches(&data("AWS::S3::Object", "arn:aws:s3:::bucket/key", true)));
    assert!(!selectors.want_data());
}

#[test]
fn basic_values_cover_all_a_prefix_or_one() {
    let object = "arn:aws:s3:::bucket/folder/key";
    let cases: [(&str, &str, &str, bool); 10] = [
        ("AWS::S3::Object", "arn:aws:s3", object, true),
        ("AWS::S3::Object", "arn:aws:s3:::", object, true),
        ("AWS::S3::Object", "arn:aws:s3:::bucket/", object, true),
        ("AWS::S3::Object", "arn:aws:s3:::bucket/fold", object, true),
        ("AWS::S3::Object", "arn:aws:s3:::buck/", object, false),
        ("AWS::S3::Object", "arn:aws:s3:::other/", object, false),
        ("AWS::Lambda::Function", "arn:aws:lambda", "arn:aws:lambda:r:1:function:f", true),
        ("AWS::Lambda::Function", "arn:aws:lambda:r:1:function:f", "arn:aws:lambda:r:1:function:f2", false),
        ("AWS::DynamoDB::Table", "arn:aws:dynamodb:r:1:table/t", "arn:aws:dynamodb:r:1:table/t", true),
        ("AWS::DynamoDB::Table", "arn:aws:dynamodb", "arn:aws:dynamodbx:r:1:table/t", false),
    ];
    for (kind, value, arn, expected) in cases {
        assert_eq!(basic(kind, &[value]).matches(&data(kind, arn, true)), expected, "{value} on {arn}");
    }
    assert!(!basic("AWS::S3::Object", &["arn:aws:s3"]).matches(&management("s3.amazonaws.com", None)));
}

#[test]
fn basic_selectors_split_reads_from_writes_and_exclude_sources() {
    let selector = |read_write_type| {
        Selectors::Basic(vec![EventSelector {
            read_write_type,
            include_management_events: true,
            exclude_management_event_sources: vec!["kms.amazonaws.com".into()],
            ..EventSelector::default()
        }])
    };
    assert!(selector(ReadWriteType::ReadOnly).matches(&management("a", Some(true))));
    assert!(!selector(ReadWriteType::ReadOnly).matches(&management("a", Some(false))));
    assert!(!selector(ReadWriteType::WriteOnly).matches(&management("a", Some(true))));
    assert!(selector(ReadWriteType::WriteOnly).matches(&management("a", None)), "unknown counts as a write");
    assert!(!selector(ReadWriteType::All).matches(&management("kms.amazonaws.com", Some(false))));
}

#[test]
fn advanced_fields_are_anded_values_ored_and_negations_all_hold() {
    let arn = "arn:aws:s3:::bucket/logs/a.json";
    let base =
        || vec![field("eventCategory", &[("=", &["Data"])]), field("resources.type", &[("=", &["AWS::S3::Object"])])];
    let cases: Vec<(FieldSelector, bool)> = vec![
        (field("resources.ARN", &[("^", &["arn:aws:s3:::other/", "arn:aws:s3:::bucket/"])]), true),
        (field("resources.ARN", &[("^", &["arn:aws:s3:::other/"])]), false),
        (field("resources.ARN", &[("=", &["arn:aws:s3:::bucket"])]), false),
        (field("resources.ARN", &[("$", &[".json"])]), true),
        (field("resources.ARN", &[("!$", &[".json"])]), false),
        (field("resources.ARN", &[("!^", &["arn:aws:s3:::bucket/tmp/"])]), true),
        (field("resources.ARN", &[("^", &["arn:aws:s3:::bucket/"]), ("!^", &["arn:aws:s3:::bucket/logs/"])]), false),
        (field("eventName", &[("=", &["PutObject"]), ("^", &["Get"])]), true),
        (field("eventName", &[("!=", &["PutObject", "GetObject"])]), false),
        (field("readOnly", &[("=", &["true"])]), true),
        (field("readOnly", &[("=", &["false"])]), false),
        (field("userIdentity.arn", &[("$", &["x"])]), false),
        (field("userIdentity.arn", &[("!$", &["x"])]), true),
        (field("sessionCredentialFromConsole", &[("=", &["true"])]), false),
        (field("nonsense", &[("=", &["true"])]), false),
    ];
    for (condition, expected) in cases {
        let mut fields = base();
        fields.push(condition.clone());
        assert_eq!(advanced(fields).matches(&data("AWS::S3::Object", arn, true)), expected, "{condition:?}");
    }
    assert!(advanced(base()).want_data());
}

#[test]
fn writing_is_refused_with_the_rule_that_is_broken() {
    let selector = |kind: &str, value: &str| match basic(kind, &[value]) {
        Selectors::Basic(selectors) => check::basic(&selectors),
        Selectors::Advanced(_) => Ok(()),
    };
    for good in ["arn:aws:s3", "arn:aws:s3:::", "arn:aws:s3:::b/", "arn:aws:s3:::b/prefix", "arn:aws-cn:s3:::b/"] {
        assert_eq!(selector("AWS::S3::Object", good), Ok(()), "{good}");
    }
    for bad in ["arn:aws:s3:::*", "arn:aws:s3:::b", "bucket/", "arn:aws:lambda", "", "arn:aws:s3:::a*/"] {
        assert_eq!(selector("AWS::S3::Object", bad), Err(format!("Value {bad} for DataResources.Values is invalid.")));
    }
    assert_eq!(selector("AWS::Lambda::Function", "arn:aws:lambda:r:1:function:f"), Ok(()));
    assert!(selector("AWS::Lambda::Function", "arn:aws:lambda:*").is_err());
    assert_eq!(
        selector("AWS::S3::Bucket", "arn:aws:s3"),
        Err("Value AWS::S3::Bucket for DataResources.Type is invalid.".into())
    );
    assert!(check::basic(&[]).is_err());
    assert!(check::basic(&vec![EventSelector::default(); 6]).is_err());
    let many = DataResource { resource_type: "AWS::S3::Object".into(), values: vec!["arn:aws:s3".into(); 251] };
    assert!(check::basic(&[EventSelector { data_resources: vec![many], ..EventSelector::default() }]).is_err());
}

/// The fields that selectors of network activity events must have.
fn network(sources: &[&str]) -> Vec<FieldSelector> {
    vec![field("eventCategory", &[("=", &["NetworkActivity"])]), field("eventSource", &[("=", sources)])]
}

#[test]
fn network_activity_is_selected_by_endpoint_name_and_denial() {
    let record = |name: &str, error: &str, endpoint: &str| {
        let record = serde_json::json!({"eventVersion": "1.09", "eventTime": "2026-01-02T03:04:05Z", "eventName": name,
            "eventSource": "kms.amazonaws.com", "eventType": "AwsVpceEvents", "eventCategory": "NetworkActivity",
            "errorCode": error, "vpcEndpointId": endpoint, "vpcEndpointAccountId": "1", "eventID": "e"});
        record::parse(record.to_string(), &record::Defaults::default()).unwrap()
    };
    let taken = |more: Vec<FieldSelector>, name: &str, error: &str, endpoint: &str| {
        let event = record(name, error, endpoint);
        advanced([network(&["kms.amazonaws.com"]), more].concat()).matches(&Subject::of(&event))
    };
    let denied = || vec![field("errorCode", &[("=", &["VpceAccessDenied"])])];
    assert!(taken(denied(), "Decrypt", "VpceAccessDenied", "vpce-1"));
    assert!(!taken(denied(), "Decrypt", "", "vpce-1"));
    assert!(taken(Vec::new(), "Decrypt", "", "vpce-1"));
    let endpoint = || vec![field("vpcEndpointId", &[("=", &["vpce-1", "vpce-2"])])];
    assert!(taken(endpoint(), "Decrypt", "", "vpce-2") && !taken(endpoint(), "Decrypt", "", "vpce-3"));
    let name = || vec![field("eventName", &[("!=", &["Decrypt"])])];
    assert!(taken(name(), "Encrypt", "", "vpce-2") && !taken(name(), "Decrypt", "", "vpce-2"));
    let event = record("Decrypt", "", "vpce-1");
    assert!(!advanced(network(&["s3.amazonaws.com"])).matches(&Subject::of(&event)), "of another service");
    assert!(!Selectors::default().matches(&Subject::of(&event)), "it is no management event");
    assert!(!basic("AWS::S3::Object", &["arn:aws:s3"]).matches(&Subject::of(&event)));
}

#[test]
fn advanced_rules_hold() {
    let checked = |fields: Vec<FieldSelector>| check::advanced(&[AdvancedEventSelector { name: None, fields }]);
    let category = |value: &str| field("eventCategory", &[("=", &[value])]);
    let kind = || field("resources.type", &[("=", &["AWS::S3::Object"])]);
    let good: Vec<Vec<FieldSelector>> = vec![
        vec![category("Management")],
        vec![category("Management"), field("eventSource", &[("!=", &["kms.amazonaws.com"])])],
        vec![category("Data"), kind(), field("readOnly", &[("=", &["true"])]), field("eventName", &[("^", &["Put"])])],
        network(&["kms.amazonaws.com"]),
        [network(&["kms.amazonaws.com"]), vec![field("errorCode", &[("=", &["VpceAccessDenied"])])]].concat(),
        [network(&["s3.amazonaws.com"]), vec![field("vpcEndpointId", &[("^", &["vpce-"]), ("!=", &["vpce-1"])])]]
            .concat(),
        [network(&["s3.amazonaws.com"]), vec![field("eventName", &[("!$", &["Object"])])]].concat(),
    ];
    for fields in good {
        assert_eq!(checked(fields.clone()), Ok(()), "{fields:?}");
    }
    let bad: Vec<Vec<FieldSelector>> = vec![
        vec![field("readOnly", &[("=", &["true"])])],
        vec![field("eventCategory", &[("!=", &["Data"])])],
        vec![field("eventCategory", &[("=", &["Data", "Management"])])],
        vec![category("ActivityAuditLog")],
        vec![category("Data")],
        vec![category("Data"), field("resources.type", &[("=", &["S3"])])],
        vec![category("Data"), kind(), field("resources.type", &[("=", &["AWS::S3::Object"])])],
        vec![category("Data"), kind(), field("readOnly", &[("^", &["t"])])],
        vec![category("Data"), kind(), field("readOnly", &[("=", &["yes"])])],
        vec![category("Data"), kind(), field("eventName", &[])],
        vec![category("Data"), kind(), field("errorCode", &[("=", &["x"])])],
        vec![category("Management"), field("eventSource", &[("=", &["kms.amazonaws.com"])])],
        vec![category("Management"), field("eventName", &[("=", &["x"])])],
        vec![category("NetworkActivity")],
        network(&["a.amazonaws.com", "b.amazonaws.com"]),
        vec![category("NetworkActivity"), field("eventSource", &[("^", &["kms"])])],
        [network(&["kms.amazonaws.com"]), vec![field("errorCode", &[("=", &["AccessDenied"])])]].concat(),
        [network(&["kms.amazonaws.com"]), vec![field("errorCode", &[("!=", &["VpceAccessDenied"])])]].concat(),
        [network(&["kms.amazonaws.com"]), vec![field("readOnly", &[("=", &["true"])])]].concat(),
        [network(&["kms.amazonaws.com"]), vec![field("userIdentity.arn", &[("^", &["arn:"])])]].concat(),
        [network(&["kms.amazonaws.com"]), vec![kind()]].concat(),
    ];
    for fields in bad {
        assert!(checked(fields.clone()).is_err(), "{fields:?}");
    }
    let many = AdvancedEventSelector {
        name: None,
        fields: vec![category("Data"), kind(), field("eventName", &[("=", &["x"; 499])])],
    };
    assert!(check::advanced(&[many]).is_err());
}
