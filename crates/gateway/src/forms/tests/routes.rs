//! Which service and operation requests are for.

use super::*;
use crate::forms::tables::{self, Place};

fn told(request: &Request) -> String {
    let service = service_of(request);
    let found = recognise(service, request);
    let category = if found.category == Category::Data { "data" } else { "management" };
    let reads = if found.is_read_only { "reads" } else { "writes" };
    let known = if found.is_modelled { "" } else { " unmodelled" };
    format!("{} {} {category} {reads}{known}", service.name(), found.operation)
}

#[test]
fn s3_is_told_by_method_level_and_parameters() {
    let copy = [("x-amz-copy-source", "a/b")];
    let form = [("content-type", "multipart/form-data; boundary=x")];
    for (method, target, headers, expected) in [
        ("GET", "/", &[][..], "ListBuckets management reads"),
        ("GET", "/?x-id=ListBuckets", &[], "ListBuckets management reads"),
        ("GET", "/b", &[], "ListObjects data reads"),
        ("GET", "/b/?list-type=2&prefix=&delimiter=%2F", &[], "ListObjectsV2 data reads"),
        ("GET", "/b?list-type=1", &[], "ListObjects data reads"),
        ("GET", "/b?versions", &[], "ListObjectVersions data reads"),
        ("GET", "/b?uploads", &[], "ListMultipartUploads management reads"),
        ("GET", "/b?acl", &[], "GetBucketAcl management reads"),
        ("GET", "/b?acl=", &[], "GetBucketAcl management reads"),
        ("GET", "/b?lifecycle", &[], "GetBucketLifecycleConfiguration management reads"),
        ("GET", "/b?analytics", &[], "ListBucketAnalyticsConfigurations management reads"),
        ("GET", "/b?analytics&id=x", &[], "GetBucketAnalyticsConfiguration management reads"),
        ("GET", "/b?quota", &[], "UnknownOperation management reads unmodelled"),
        ("HEAD", "/b", &[], "HeadBucket data reads"),
        ("PUT", "/b", &[], "CreateBucket management writes"),
        ("PUT", "/b?policy", &[], "PutBucketPolicy management writes"),
        ("PUT", "/b?quota", &[], "UnknownOperation management writes unmodelled"),
        ("DELETE", "/b", &[], "DeleteBucket management writes"),
        ("DELETE", "/b?analytics", &[], "DeleteBucketAnalyticsConfiguration management writes"),
        ("POST", "/b?delete", &[], "DeleteObjects data writes"),
        ("POST", "/b", &form[..], "PostObject data writes unmodelled"),
        ("GET", "/b/k", &[], "GetObject data reads"),
        ("GET", "/b/k?response-content-type=&X-Amz-Signature=0", &[], "GetObject data reads"),
        ("GET", "/b/k?partNumber=1", &[], "GetObject data reads"),
        ("GET", "/b/k?versionId=", &[], "GetObject data reads"),
        ("GET", "/b/k?tagging&versionId=1", &[], "GetObjectTagging data reads"),
        ("GET", "/b/k?uploadId=1", &[], "ListParts data reads"),
        ("GET", "/b/k?attributes", &[], "GetObjectAttributes data reads"),
        ("HEAD", "/b/k", &[], "HeadObject data reads"),
        ("PUT", "/b/k", &[], "PutObject data writes"),
        ("PUT", "/b/k/", &[], "PutObject data writes"),
        ("PUT", "/b/k", &copy[..], "CopyObject data writes"),
        ("PUT", "/b/k?partNumber=1&uploadId=2", &[], "UploadPart data writes"),
        ("PUT", "/b/k?partNumber=1&uploadId=2", &copy[..], "UploadPartCopy data writes"),
        ("PUT", "/b/k?acl", &[], "PutObjectAcl data writes"),
        ("DELETE", "/b/k", &[], "DeleteObject data writes"),
        ("DELETE", "/b/k?uploadId=2", &[], "AbortMultipartUpload data writes"),
        ("POST", "/b/k?uploads", &[], "CreateMultipartUpload data writes"),
        ("POST", "/b/k?uploadId=2", &[], "CompleteMultipartUpload data writes"),
        ("POST", "/b/k?select&select-type=2", &[], "SelectObjectContent data reads"),
        ("POST", "/WriteGetObjectResponse", &[("x-amz-request-route", "r")][..], "WriteGetObjectResponse data writes"),
        ("OPTIONS", "/b/k", &[], "PreflightRequest management reads unmodelled"),
        ("PATCH", "/b/k", &[], "UnknownOperation management writes unmodelled"),
    ] {
        assert_eq!(told(&s3_request(method, target, headers, "")), format!("s3 {expected}"), "{method} {target}");
    }
    let virtual_host = request("GET", "/a/b?tagging", &[("host", "my.b.s3.us-west-2.amazonaws.com")], "");
    assert_eq!(told(&virtual_host), "s3 GetObjectTagging data reads");
}

#[test]
fn what_backends_may_not_know_they_may_take_for_something_else() {
    for (method, target, expected) in [
        ("PUT", "/b/k?annotation&annotationName=x", Some("PutObject")),
        ("PUT", "/b/k?annotation&annotationName=x&other", Some("PutObject")),
        ("DELETE", "/b/k?annotation&annotationName=x", Some("DeleteObject")),
        ("PUT", "/b/k?encryption", Some("PutObject")),
        ("GET", "/b/k?attributes", Some("GetObject")),
        ("PUT", "/b?abac", Some("CreateBucket")),
        ("DELETE", "/b?metadataConfiguration", Some("DeleteBucket")),
        ("GET", "/b?session", Some("ListObjects")),
        ("GET", "/b?analytics&list-type=2", Some("ListObjectsV2")),
        // What all know, and what is nothing without it.
        ("PUT", "/b/k?tagging", None),
        ("PUT", "/b?encryption", None),
        ("GET", "/b?list-type=2", None),
        ("PUT", "/b/k?partNumber=1&uploadId=2", None),
        ("POST", "/b/k?restore", None),
        ("GET", "/b/k", None),
        ("GET", "/b?quota", None),
    ] {
        assert_eq!(otherwise(Service::S3, &s3_request(method, target, &[], "")), expected, "{method} {target}");
    }
    assert_eq!(otherwise(Service::Kms, &json_request(Service::Kms, "TrentService.Encrypt", "{}")), None);
}

#[test]
fn below_a_domain_of_the_configuration_the_bucket_stands_in_the_host() {
    let of = |host: &str, target: &str, domains: &[&str]| {
        let mut request = request("PUT", target, &[("host", host), ("authorization", &scope("s3"))], "");
        let domains: Vec<String> = domains.iter().map(|domain| (*domain).to_owned()).collect();
        request.s3_host = S3Host::of(host, &domains);
        let recognised = recognise(Service::S3, &request);
        let call = call(request, Outcome::Interrupted);
        let (_, event) = event_of(&call);
        let bucket = event["requestParameters"]["bucketName"].as_str().map(str::to_owned);
        (recognised.operation.clone(), bucket, resources(&call, &recognised))
    };
    let object = Resources::These(vec!["arn:aws:s3:::secret/a/k".into(), "arn:aws:s3:::secret".into()]);
    let told = of("Secret.store.example:9000", "/a/k", &["store.example"]);
    assert_eq!(told, ("PutObject".into(), Some("secret".into()), object));
    let made = of("secret.store.example", "/", &["store.example"]);
    assert_eq!(made.0, "CreateBucket");
    let by_path = of("store.example", "/a/k", &["store.example"]);
    assert_eq!(by_path.1.as_deref(), Some("a"));
    assert_eq!(of("secret.store.example", "/a/k", &[]).1.as_deref(), Some("a"), "when nobody says that it is a domain");
}

#[test]
fn services_are_told_by_scope_target_version_host_and_path() {
    let plain = |method, target, headers: &[(&str, &str)], body| told(&request(method, target, headers, body));
    let form = ("content-type", "application/x-www-form-urlencoded");
    let presigned = "/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Credential=AKIA%2F20260102%2Fus-west-2%2Fsts%2Faws4_request";
    for (found, expected) in [
        (told(&json_request(Service::DynamoDb, "DynamoDB_20120810.GetItem", "{}")), "dynamodb GetItem data reads"),
        (told(&json_request(Service::DynamoDb, "DynamoDB_20111205.Scan", "{}")), "dynamodb Scan data reads"),
        (
            told(&json_request(Service::DynamoDb, "DynamoDBStreams_20120810.GetRecords", "{}")),
            "dynamodb GetRecords data reads unmodelled",
        ),
        (
            told(&json_request(Service::DynamoDb, "DynamoDB_20120810.New-Op", "{}")),
            "dynamodb UnknownOperation management writes unmodelled",
        ),
        (told(&json_request(Service::Kms, "TrentService.NewThing", "{}")), "kms NewThing management writes unmodelled"),
        (plain("POST", "/", &[("x-amz-target", "TrentService.Decrypt")], "{}"), "kms Decrypt management reads"),
        (plain("POST", "/", &[("x-amz-target", "AmazonSQS.SendMessage")], "{}"), "sqs SendMessage data writes"),
        (
            plain("POST", "/", &[("x-amz-target", "secretsmanager.PutSecretValue")], "{}"),
            "secretsmanager PutSecretValue management writes",
        ),
        (plain("POST", "/", &[("x-amz-target", "Kinesis_20131202.PutRecord")], "{}"), "kinesis PutRecord data writes"),
        (
            plain("POST", "/", &[("x-amz-target", "Firehose_20150804.PutRecord")], "{}"),
            "firehose PutRecord data writes",
        ),
        (
            told(&form_request(Service::Sqs, "Action=ReceiveMessage&Version=2012-11-05")),
            "sqs ReceiveMessage data reads",
        ),
        (plain("POST", "/1/q", &[form], "Action=SendMessage&Version=2012-11-05"), "sqs SendMessage data writes"),
        (plain("POST", "/", &[form], "Version=2010-03-31&Action=Publish"), "sns Publish data writes"),
        (plain("POST", "/", &[form], "Action=AssumeRole&Version=2011-06-15"), "sts AssumeRole management reads"),
        (plain("GET", presigned, &[], ""), "sts GetCallerIdentity management reads"),
        (
            plain("POST", "/", &[("host", "kms.us-west-2.amazonaws.com")], "{}"),
            "kms UnknownOperation management writes unmodelled",
        ),
        (plain("GET", "/k", &[("host", "kms.s3.us-west-2.amazonaws.com")], ""), "s3 GetObject data reads"),
        (plain("GET", "/2015-03-31/functions/", &[], ""), "lambda ListFunctions management reads"),
        (plain("GET", "/b/k", &[("authorization", "AWS AKIA:c2ln")], ""), "s3 GetObject data reads"),
        (plain("GET", "/b/k", &[], ""), "s3 GetObject data reads"),
    ] {
        assert_eq!(found, expected);
    }
}

#[test]
fn services_that_are_not_known_are_told_apart() {
    let signed = |service| request("POST", "/", &[("authorization", &scope(service))], "");
    assert_eq!(foreign_service(&signed("iam")).as_deref(), Some("iam"));
    assert_eq!(foreign_service(&signed("s3")), None);
    assert_eq!(foreign_service(&signed("s3express")), None);
    assert_eq!(foreign_service(&request("GET", "/b/k", &[], "")), None);
}

#[test]
fn lambda_is_told_by_path() {
    let lambda = |method: &str, target: &str| {
        told(&request(method, target, &[("authorization", &scope("lambda"))], "")).replace("lambda ", "")
    };
    let arn = "arn:aws:lambda:us-west-2:1:function:f";
    for (method, target, expected) in [
        ("GET", "/2015-03-31/functions/f", "GetFunction management reads"),
        ("GET", "/2015-03-31/functions/f/versions?MaxItems=1", "ListVersionsByFunction management reads"),
        ("POST", "/2015-03-31/functions/f/invocations", "Invoke data writes"),
        ("POST", "/2014-11-13/functions/f/invoke-async/", "InvokeAsync data writes"),
        ("GET", "/2018-10-31/layers?find=LayerVersion&Arn=a", "GetLayerVersionByArn management reads"),
        ("GET", "/2018-10-31/layers", "ListLayers management reads"),
        ("GET", &format!("/2017-03-31/tags/{arn}"), "ListTags management reads"),
        ("GET", "/2017-03-31/tags/arn:aws:lambda:us-west-2:1:a/b", "ListTags management reads"),
        ("GET", "/2015-03-31/functions/f/unknown", "UnknownOperation management reads unmodelled"),
        ("POST", "/2015-03-31/functions/f", "UnknownOperation management writes unmodelled"),
    ] {
        assert_eq!(lambda(method, target), expected, "{method} {target}");
    }
}

/// A request made of the model's own method, path and required parameters is for that operation.
#[test]
fn every_operation_of_a_rest_service_is_found_by_its_own_route() {
    let ties = [
        // Two names of one route: the newer wins.
        ("GetBucketLifecycle", "GetBucketLifecycleConfiguration"),
        ("GetBucketNotification", "GetBucketNotificationConfiguration"),
        ("PutBucketLifecycle", "PutBucketLifecycleConfiguration"),
        ("PutBucketNotification", "PutBucketNotificationConfiguration"),
        ("ListDirectoryBuckets", "ListBuckets"),
        ("ListObjectAnnotations", "ListObjectAnnotations"),
    ];
    for service in [Service::S3, Service::Lambda] {
        for operation in tables::operations(service) {
            let path = operation.path.replace("{Bucket}", "b").replace("{Key+}", "k").replace(['{', '}'], "");
            let literals = operation.literals.iter().map(|(name, value)| format!("{name}={value}"));
            let members = tables::members(operation.input).iter();
            let required = members.filter(|member| member.is_required).map(|member| format!("{}=1", member.wire_name));
            let query = literals.chain(required).collect::<Vec<_>>().join("&");
            let mut headers = vec![];
            match operation.name {
                "CopyObject" | "UploadPartCopy" => headers.push(("x-amz-copy-source", "a/b")),
                "WriteGetObjectResponse" => headers.push(("x-amz-request-route", "r")),
                _ => {}
            }
            let found = recognise(service, &request(operation.method, &format!("{path}?{query}"), &headers, ""));
            let expected = ties.iter().find(|(name, _)| *name == operation.name).map_or(operation.name, |(_, to)| to);
            assert_eq!(found.operation, expected);
            assert!(found.is_modelled);
        }
    }
}

#[test]
fn no_bytes_of_objects_are_asked_for() {
    let s3 = |method, target| capture(Service::S3, &s3_request(method, target, &[], ""));
    for (method, target) in [
        ("PUT", "/b/k"),
        ("GET", "/b/k"),
        ("PUT", "/b/k?partNumber=1&uploadId=2"),
        ("POST", "/b/k?select&select-type=2"),
    ] {
        assert_eq!(s3(method, target).0, 0, "{method} {target}");
        assert!(s3(method, target).1 <= 16 * 1024, "errors alone");
    }
    assert_eq!(s3("PUT", "/b?policy").0, 256 * 1024);
    assert_eq!(s3("POST", "/b?delete").0, 256 * 1024);
    let invoke = request("POST", "/2015-03-31/functions/f/invocations", &[], "");
    assert_eq!(capture(Service::Lambda, &invoke), (0, 16 * 1024));
    let get = json_request(Service::DynamoDb, "DynamoDB_20120810.GetItem", "");
    assert_eq!(capture(Service::DynamoDb, &get), (256 * 1024, 16 * 1024));
    assert_eq!(capture(Service::Sqs, &form_request(Service::Sqs, "")), (256 * 1024, 256 * 1024));
}

/// The tables were made of whole models.
#[test]
fn every_service_has_its_operations() {
    let counts = Service::ALL.map(|service| tables::operations(service).len());
    assert_eq!(counts, [116, 62, 23, 42, 56, 91, 11, 26, 57, 12]);
    for service in Service::ALL {
        assert_eq!(Service::from_name(service.name()), Some(service));
        assert!(tables::operations(service).is_sorted_by_key(|operation| operation.name));
    }
    let bucket = tables::members(tables::operation(Service::S3, "GetObject").and_then(|operation| operation.input));
    assert!(bucket.iter().any(|member| member.place == Place::Label && member.name == "Bucket"));
}
