//! Events field by field, after AWS's own examples where it gives some.

use super::*;
use serde_json::json;

const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";

#[test]
fn a_put_object_reads_as_s3_writes_it() {
    let request = s3_request(
        "PUT",
        "/b/k%20x?x-id=PutObject",
        &[
            ("x-amz-acl", "private"),
            ("x-amz-server-side-encryption", "aws:kms"),
            ("x-amz-server-side-encryption-aws-kms-key-id", "arn:aws:kms:us-west-2:111122223333:key/1"),
            ("x-amz-meta-note", "mine"),
            ("content-type", "text/plain"),
            ("x-amz-decoded-content-length", "5"),
        ],
        "5;chunk-signature=0\r\nhello\r\n0;chunk-signature=0\r\n\r\n",
    );
    let headers = [
        ("x-amz-request-id", "4C47E7CE1CBA28F9"),
        ("x-amz-id-2", "rIbG="),
        ("etag", "\"x\""),
        ("x-amz-version-id", "v1"),
        ("x-amz-server-side-encryption", "aws:kms"),
        ("x-amz-server-side-encryption-aws-kms-key-id", "arn:aws:kms:us-west-2:111122223333:key/1"),
    ];
    let (text, event) = event_of(&call(request, answered(200, &headers, "")));
    assert_eq!(
        event,
        json!({
            "eventVersion": "1.11",
            "userIdentity": {"type": "IAMUser", "userName": "jane"},
            "eventTime": "2026-01-02T03:04:05Z",
            "eventSource": "s3.amazonaws.com",
            "eventName": "PutObject",
            "awsRegion": "us-west-2",
            "sourceIPAddress": "192.0.2.0",
            "userAgent": "[Boto3/1.40]",
            "requestParameters": {
                "bucketName": "b", "Host": "gateway.internal", "key": "k x", "x-id": "PutObject",
                "x-amz-acl": "private", "x-amz-server-side-encryption": "aws:kms",
                "x-amz-server-side-encryption-aws-kms-key-id": "arn:aws:kms:us-west-2:111122223333:key/1"
            },
            "responseElements": {
                "x-amz-server-side-encryption": "aws:kms",
                "x-amz-server-side-encryption-aws-kms-key-id": "arn:aws:kms:us-west-2:111122223333:key/1",
                "x-amz-version-id": "v1"
            },
            "additionalEventData": {
                "SignatureVersion": "SigV4", "CipherSuite": "TLS_AES_128_GCM_SHA256", "bytesTransferredIn": 5,
                "SSEApplied": "SSE_KMS", "AuthenticationMethod": "AuthHeader", "x-amz-id-2": "rIbG=",
                "bytesTransferredOut": 0
            },
            "requestID": "4C47E7CE1CBA28F9",
            "eventID": "98c735d8-70e0-4644-9432-b6ced4d791b1",
            "readOnly": false,
            "resources": [
                {"type": "AWS::S3::Object", "ARN": "arn:aws:s3:::b/k x"},
                {"accountId": "111122223333", "type": "AWS::S3::Bucket", "ARN": "arn:aws:s3:::b"}
            ],
            "eventType": "AwsApiCall",
            "managementEvent": false,
            "recipientAccountId": "111122223333",
            "eventCategory": "Data",
            "tlsDetails": {
                "tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256",
                "clientProvidedHostHeader": "gateway.internal"
            }
        })
    );
    assert!(
        text.starts_with(r#"{"eventVersion":"1.11","userIdentity":{"type":"IAMUser","userName":"jane"},"eventTime""#)
    );
    let order = [
        "userAgent",
        "requestParameters",
        "responseElements",
        "additionalEventData",
        "requestID",
        "eventID",
        "readOnly",
    ];
    let places = order.map(|name| text.find(&format!("\"{name}\":")).unwrap());
    assert!(places.is_sorted());
}

#[test]
fn presigned_and_anonymous_requests_tell_how_they_were_signed() {
    let query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A%2F20260102%2Fus-west-2%2Fs3%2Faws4_request\
                 &X-Amz-Date=20260102T030405Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=5e96\
                 &X-Amz-Security-Token=tok&X-Amz-Acl=public-read&x-amz-server-side-encryption-customer-key=key";
    let mut presigned = call(
        request("PUT", &format!("/k?{query}"), &[("host", "b.s3.us-west-2.amazonaws.com")], ""),
        answered(200, &[("x-amz-request-id", "R")], "01234"),
    );
    presigned.tls = None;
    let (_, event) = event_of(&presigned);
    assert_eq!(
        event["requestParameters"],
        json!({
            "bucketName": "b", "Host": "b.s3.us-west-2.amazonaws.com", "key": "k", "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Date": "20260102T030405Z", "X-Amz-Expires": "60", "X-Amz-SignedHeaders": "host",
            "x-amz-acl": "public-read"
        })
    );
    assert_eq!(
        event["additionalEventData"],
        json!({
            "SignatureVersion": "SigV4", "bytesTransferredIn": 0, "AuthenticationMethod": "QueryString", "bytesTransferredOut": 5
        })
    );
    assert_eq!(event["tlsDetails"], json!({"clientProvidedHostHeader": "b.s3.us-west-2.amazonaws.com"}));
    assert_eq!((&event["responseElements"], &event["userAgent"]), (&Value::Null, &"[]".into()));

    let mut anonymous = call(request("GET", "/b/k", &[], ""), answered(403, &[], ""));
    anonymous.is_verified = false;
    let (_, event) = event_of(&anonymous);
    assert_eq!(event["errorCode"], "AccessDenied");
    assert_eq!(
        names(&event["additionalEventData"]),
        ["CipherSuite", "bytesTransferredIn", "bytesTransferredOut", "gatewaySignatureVerified"]
    );
}

#[test]
fn documents_and_grants_of_buckets_are_told_as_s3_does() {
    let namespace = "http://s3.amazonaws.com/doc/2006-03-01/";
    let parameters = |method, target, headers: &[(&str, &str)], body: &str| {
        let (_, event) = event_of(&call(s3_request(method, target, headers, body), answered(200, &[], "")));
        event["requestParameters"].clone()
    };
    assert_eq!(
        parameters(
            "PUT",
            "/b?tagging",
            &[],
            &format!(
                "<?xml version=\"1.0\"?><Tagging xmlns=\"{namespace}\"><TagSet><Tag><Key>a</Key><Value>true</Value></Tag>\
             <Tag><Key>b</Key><Value>007</Value></Tag></TagSet><Unknown>x</Unknown></Tagging>"
            )
        ),
        json!({
            "bucketName": "b", "Host": "gateway.internal", "tagging": "",
            "Tagging": {"xmlns": namespace, "TagSet": {"Tag": [{"Key": "a", "Value": true}, {"Key": "b", "Value": "007"}]}}
        })
    );
    assert_eq!(
        parameters("PUT", "/b?policy", &[], r#"{"Version":"2012-10-17","Statement":[]}"#)["bucketPolicy"],
        json!({"Version": "2012-10-17", "Statement": []})
    );
    assert_eq!(
        parameters("PUT", "/b?acl", &[("x-amz-grant-write-acp", "id=1")], "")["accessControlList"],
        json!({"x-amz-grant-write-acp": "id=1"})
    );
    assert_eq!(
        parameters(
            "PUT",
            "/b?acl",
            &[],
            &format!(
                "<AccessControlPolicy xmlns=\"{namespace}\"><AccessControlList><Grant><Grantee \
             xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"CanonicalUser\"><ID>1a</ID></Grantee>\
             <Permission>READ</Permission></Grant></AccessControlList></AccessControlPolicy>"
            )
        )["AccessControlPolicy"],
        json!({
            "xmlns": namespace,
            "AccessControlList": {"Grant": {
                "Grantee": {
                    "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance", "xsi:type": "CanonicalUser", "ID": "1a"
                },
                "Permission": "READ"
            }}
        })
    );
}

#[test]
fn copies_and_deletions_name_all_their_objects() {
    let copy = s3_request("PUT", "/to/k2", &[("x-amz-copy-source", "/from/k%201?versionId=3")], "");
    let (_, event) = event_of(&call(copy, answered(200, &[], "<CopyObjectResult/>")));
    assert_eq!(
        event["resources"],
        json!([
            {"type": "AWS::S3::Object", "ARN": "arn:aws:s3:::to/k2"},
            {"accountId": ACCOUNT, "type": "AWS::S3::Bucket", "ARN": "arn:aws:s3:::to"},
            {"accountId": ACCOUNT, "type": "AWS::S3::Bucket", "ARN": "arn:aws:s3:::from"},
            {"type": "AWS::S3::Object", "ARN": "arn:aws:s3:::from/k 1"}
        ])
    );
    let keys = "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Object><Key>a</Key></Object><Object><Key>b/c</Key></Object></Delete>";
    let (_, event) = event_of(&call(s3_request("POST", "/b?delete", &[], keys), answered(200, &[], "<DeleteResult/>")));
    assert_eq!(event["requestParameters"], json!({"bucketName": "b", "Host": "gateway.internal", "delete": ""}));
    assert_eq!(
        event["resources"],
        json!([
            {"type": "AWS::S3::Object", "ARN": "arn:aws:s3:::b/a"},
            {"type": "AWS::S3::Object", "ARN": "arn:aws:s3:::b/b/c"},
            {"accountId": ACCOUNT, "type": "AWS::S3::Bucket", "ARN": "arn:aws:s3:::b"}
        ])
    );
    let (_, event) =
        event_of(&call(s3_request("GET", "/b?list-type=2&prefix=logs%2F", &[], ""), answered(200, &[], "")));
    assert_eq!((&event["eventName"], &event["eventCategory"]), (&"ListObjects".into(), &"Data".into()));
    assert_eq!(event["resources"][0], json!({"type": "AWS::S3::Object", "ARNPrefix": "arn:aws:s3:::b/logs/"}));
}

#[test]
fn items_of_dynamodb_are_told_by_their_names() {
    let put = r##"{"TableName":"Music","Item":{"Artist":{"S":"No One"},"SongTitle":{"S":"Scared"}},"ReturnConsumedCapacity":"TOTAL",
        "ConditionExpression":"#a = :v","ExpressionAttributeNames":{"#a":"Artist"},"ExpressionAttributeValues":{":v":{"S":"x"}}}"##;
    let (_, event) = event_of(&call(
        json_request(Service::DynamoDb, "DynamoDB_20120810.PutItem", put),
        answered(200, &[("x-amzn-requestid", "4KBN")], r#"{"Attributes":{"Artist":{"S":"secret"}}}"#),
    ));
    assert_eq!(
        event["requestParameters"],
        json!({
            "tableName": "Music", "item": ["Artist", "SongTitle"], "returnConsumedCapacity": "TOTAL",
            "conditionExpression": "#a = :v", "expressionAttributeNames": {"#a": "Artist"}
        })
    );
    assert_eq!(event["responseElements"], Value::Null);
    assert_eq!((&event["requestID"], &event["apiVersion"]), (&"4KBN".into(), &"2012-08-10".into()));
    assert_eq!(
        event["resources"],
        json!([{"accountId": ACCOUNT, "type": "AWS::DynamoDB::Table", "ARN": "arn:aws:dynamodb:us-west-2:111122223333:table/Music"}])
    );

    let update =
        r##"{"TableName":"Music","Key":{"Artist":{"S":"No One"},"Year":{"N":"7"}},"UpdateExpression":"SET #Y = :y"}"##;
    let (_, event) = event_of(&call(
        json_request(Service::DynamoDb, "DynamoDB_20120810.UpdateItem", update),
        answered(
            400,
            &[],
            r#"{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"The conditional request failed"}"#,
        ),
    ));
    assert_eq!(event["errorCode"], "ConditionalCheckFailedException");
    assert_eq!(event["errorMessage"], "The conditional request failed");
    assert_eq!(
        event["requestParameters"],
        json!({"tableName": "Music", "key": {"Artist": "No One", "Year": "7"}, "updateExpression": "SET #Y = :y"})
    );

    let transact = r##"{"TransactItems":[
        {"Put":{"TableName":"Music","Item":{"Artist":{"S":"x"}},"ReturnValuesOnConditionCheckFailure":"ALL_OLD"}},
        {"Delete":{"TableName":"Films","Key":{"Id":{"S":"k"}},"ConditionExpression":"#P > :lo"}}]}"##;
    let (_, event) = event_of(&call(
        json_request(Service::DynamoDb, "DynamoDB_20120810.TransactWriteItems", transact),
        answered(200, &[], "{}"),
    ));
    assert_eq!(
        event["requestParameters"],
        json!({"requestItems": [
            {"operation": "Put", "items": ["Artist"], "tableName": "Music", "returnValuesOnConditionCheckFailure": "ALL_OLD"},
            {"operation": "Delete", "key": {"Id": "k"}, "tableName": "Films", "conditionExpression": "#P > :lo"}
        ]})
    );
    assert_eq!(event["resources"].as_array().unwrap().len(), 2);

    let statements =
        r#"{"Statements":[{"Statement":"UPDATE Music SET Album='A' WHERE Artist='B'","Parameters":[{"S":"x"}]}]}"#;
    let (_, event) = event_of(&call(
        json_request(Service::DynamoDb, "DynamoDB_20120810.BatchExecuteStatement", statements),
        answered(200, &[], "{}"),
    ));
    assert_eq!(
        event["requestParameters"],
        json!({"requestItems": [{"statement": "UPDATE Music SET Album=***(Redacted) WHERE Artist=***(Redacted)"}]})
    );
}

#[test]
fn a_table_that_is_made_is_told_with_its_description() {
    let answer = r#"{"TableDescription":{"TableName":"Music","CreationDateTime":1.430696054E9,"TableStatus":"CREATING",
        "KeySchema":[{"AttributeName":"Artist","KeyType":"HASH"}],"ItemCount":0}}"#;
    let (_, event) = event_of(&call(
        json_request(
            Service::DynamoDb,
            "DynamoDB_20120810.CreateTable",
            r#"{"TableName":"Music","SSESpecification":{"Enabled":true}}"#,
        ),
        answered(200, &[], answer),
    ));
    assert_eq!(event["requestParameters"], json!({"tableName": "Music", "sSESpecification": {"enabled": true}}));
    assert_eq!(
        event["responseElements"],
        json!({"tableDescription": {
            "tableName": "Music", "keySchema": [{"attributeName": "Artist", "keyType": "HASH"}], "tableStatus": "CREATING",
            "creationDateTime": "May 3, 2015, 11:34:14 PM", "itemCount": 0
        }})
    );
}

#[test]
fn messages_are_hidden_in_both_protocols() {
    let parameters = json!({
        "queueUrl": "https://sqs.us-west-2.amazonaws.com/123456789012/MyQueue", "messageBody": HIDDEN, "messageGroupId": "g"
    });
    let json_call = call(
        json_request(
            Service::Sqs,
            "AmazonSQS.SendMessage",
            r#"{"QueueUrl":"https://sqs.us-west-2.amazonaws.com/123456789012/MyQueue","MessageBody":"x","MessageGroupId":"g"}"#,
        ),
        answered(200, &[], r#"{"MD5OfMessageBody":"9a4e","MessageId":"93bb"}"#),
    );
    let form_call = call(
        form_request(
            Service::Sqs,
            "Action=SendMessage&QueueUrl=https%3A%2F%2Fsqs.us-west-2.amazonaws.com%2F123456789012%2FMyQueue&MessageBody=x&MessageGroupId=g",
        ),
        answered(
            200,
            &[],
            r#"<SendMessageResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/"><SendMessageResult><MessageId>93bb</MessageId><MD5OfMessageBody>9a4e</MD5OfMessageBody></SendMessageResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></SendMessageResponse>"#,
        ),
    );
    for call in [json_call, form_call] {
        let (_, event) = event_of(&call);
        assert_eq!(event["requestParameters"], parameters);
        assert_eq!(event["responseElements"], json!({"mD5OfMessageBody": "9a4e", "messageId": "93bb"}));
        assert_eq!(
            event["resources"],
            json!([{"accountId": "123456789012", "type": "AWS::SQS::Queue", "ARN": "arn:aws:sqs:us-west-2:123456789012:MyQueue"}])
        );
        assert_eq!((&event["eventCategory"], &event["readOnly"]), (&"Data".into(), &false.into()));
    }
    let publish = "Action=Publish&Version=2010-03-31&TopicArn=arn%3Aaws%3Asns%3Aus-west-2%3A111122223333%3At&Message=m&Subject=s\
                   &MessageAttributes.entry.1.Name=n&MessageAttributes.entry.1.Value.StringValue=v&MessageStructure=json";
    let (_, event) = event_of(&call(
        form_request(Service::Sns, publish),
        answered(
            200,
            &[],
            "<PublishResponse><PublishResult><MessageId>0787</MessageId></PublishResult></PublishResponse>",
        ),
    ));
    assert_eq!(
        event["requestParameters"],
        json!({
            "topicArn": "arn:aws:sns:us-west-2:111122223333:t", "message": HIDDEN, "subject": HIDDEN,
            "messageStructure": "json", "messageAttributes": HIDDEN
        })
    );
    assert_eq!(event["responseElements"], json!({"messageId": "0787"}));
    assert_eq!(event["resources"][0]["type"], "AWS::SNS::Topic");
}

#[test]
fn keys_secrets_and_credentials_are_named_and_never_told() {
    let arn = "arn:aws:kms:us-west-2:111122223333:key/3a83";
    let decrypt = r#"{"CiphertextBlob":"AQI=","EncryptionContext":{"aws:s3:arn":"arn:aws:s3:::b"},"EncryptionAlgorithm":"SYMMETRIC_DEFAULT"}"#;
    let (_, event) = event_of(&call(
        json_request(Service::Kms, "TrentService.Decrypt", decrypt),
        answered(200, &[], &format!(r#"{{"KeyId":"{arn}","KeyMaterialId":"1a","Plaintext":"c2VjcmV0"}}"#)),
    ));
    assert_eq!(
        event["requestParameters"],
        json!({"encryptionContext": {"aws:s3:arn": "arn:aws:s3:::b"}, "encryptionAlgorithm": "SYMMETRIC_DEFAULT"})
    );
    assert_eq!((&event["responseElements"], &event["readOnly"]), (&Value::Null, &true.into()));
    assert_eq!(event["additionalEventData"], json!({"keyMaterialId": "1a"}));
    assert_eq!(event["resources"], json!([{"accountId": ACCOUNT, "type": "AWS::KMS::Key", "ARN": arn}]));

    let secret = "arn:aws:secretsmanager:us-west-2:111122223333:secret:s-AbCdEf";
    let (_, event) = event_of(&call(
        json_request(
            Service::SecretsManager,
            "secretsmanager.CreateSecret",
            r#"{"Name":"s","SecretString":"x","ForceOverwriteReplicaSecret":false}"#,
        ),
        answered(200, &[], &format!(r#"{{"ARN":"{secret}","Name":"s","VersionId":"v"}}"#)),
    ));
    assert_eq!(event["requestParameters"], json!({"name": "s", "forceOverwriteReplicaSecret": false}));
    assert_eq!(event["responseElements"], json!({"arn": secret}));
    assert_eq!(event["resources"][0]["ARN"], secret);

    let role = "arn:aws:iam::347283850106:role/r";
    let (_, event) = event_of(&call(
        form_request(
            Service::Sts,
            &format!(
                "Action=AssumeRole&Version=2011-06-15&RoleArn={role}&RoleSessionName=s&DurationSeconds=900&TokenCode=123456"
            ),
        ),
        answered(
            200,
            &[],
            "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>x</SecretAccessKey>\
             <SessionToken>t</SessionToken><Expiration>2023-07-10T12:07:59Z</Expiration></Credentials><AssumedRoleUser>\
             <AssumedRoleId>AROA:s</AssumedRoleId><Arn>arn:aws:sts::347283850106:assumed-role/r/s</Arn></AssumedRoleUser>\
             </AssumeRoleResult></AssumeRoleResponse>",
        ),
    ));
    assert_eq!(event["requestParameters"], json!({"roleArn": role, "roleSessionName": "s", "durationSeconds": 900}));
    assert_eq!(
        event["responseElements"],
        json!({
            "credentials": {"accessKeyId": "ASIA", "sessionToken": HIDDEN, "expiration": "Jul 10, 2023, 12:07:59 PM"},
            "assumedRoleUser": {"assumedRoleId": "AROA:s", "arn": "arn:aws:sts::347283850106:assumed-role/r/s"}
        })
    );
    assert_eq!(event["resources"], json!([{"accountId": "347283850106", "type": "AWS::IAM::Role", "ARN": role}]));
    assert_eq!(event["readOnly"], true);
}

/// ARNs of an event's resources.
fn arns(event: &Value) -> Vec<&str> {
    event["resources"].as_array().unwrap().iter().map(|resource| resource["ARN"].as_str().unwrap()).collect()
}

#[test]
fn all_keys_and_the_alias_of_a_call_are_its_resources() {
    let place = "arn:aws:kms:us-west-2:111122223333:";
    let of = |operation: &str, body: &str, answer: &str| {
        let call =
            call(json_request(Service::Kms, &format!("TrentService.{operation}"), body), answered(200, &[], answer));
        event_of(&call).1
    };
    let both = r#"{"SourceKeyId":"a","DestinationKeyId":"alias/b","CiphertextBlob":"AQI="}"#;
    let event = of("ReEncrypt", both, "{}");
    assert_eq!(arns(&event), [format!("{place}key/a"), format!("{place}alias/b")]);
    let answer = format!(r#"{{"SourceKeyId":"{place}key/a","KeyId":"{place}key/c"}}"#);
    assert_eq!(arns(&of("ReEncrypt", both, &answer)), [format!("{place}key/a"), format!("{place}key/c")]);
    for operation in ["CreateAlias", "UpdateAlias"] {
        let event = of(operation, r#"{"AliasName":"alias/x","TargetKeyId":"a"}"#, "");
        assert_eq!(arns(&event), [format!("{place}key/a"), format!("{place}alias/x")], "{operation}");
    }
    assert_eq!(arns(&of("DeleteAlias", r#"{"AliasName":"alias/x"}"#, "")), [format!("{place}alias/x")]);
    assert_eq!(
        arns(&of("Encrypt", r#"{"KeyId":"a"}"#, &format!(r#"{{"KeyId":"{place}key/a"}}"#))),
        [format!("{place}key/a")]
    );
}

#[test]
fn rules_look_at_all_keys_of_a_call_and_fit_where_it_leaves_one_out() {
    let place = "arn:aws:kms:us-west-2:111122223333:";
    let of = |operation: &str, body: &str| {
        let request = json_request(Service::Kms, &format!("TrentService.{operation}"), body);
        let recognised = recognise(Service::Kms, &request);
        resources(&call(request, Outcome::Interrupted), &recognised)
    };
    let these = |names: &[&str]| Resources::These(names.iter().map(|name| format!("{place}{name}")).collect());
    let any = Resources::Below("arn:aws:kms:".into());
    assert_eq!(of("ReEncrypt", r#"{"SourceKeyId":"a","DestinationKeyId":"b"}"#), these(&["key/a", "key/b"]));
    assert_eq!(of("ReEncrypt", r#"{"DestinationKeyId":"b"}"#), any, "the other one stands in what is encrypted");
    assert_eq!(of("Decrypt", r#"{"CiphertextBlob":"AQI="}"#), any);
    assert_eq!(of("Decrypt", r#"{"KeyId":"alias/a"}"#), these(&["alias/a"]));
    assert_eq!(of("UpdateAlias", r#"{"AliasName":"alias/x","TargetKeyId":"a"}"#), these(&["key/a", "alias/x"]));
    assert_eq!(of("CreateKey", "{}"), these(&[]));
}

#[test]
fn functions_are_told_without_code_variables_and_payloads() {
    let create = r#"{"FunctionName":"f","Runtime":"python3.9","Code":{"ZipFile":"UEs="},"Environment":{"Variables":{"A":"b"}},"Tags":{"a":"b"}}"#;
    let (_, event) = event_of(&call(
        request("POST", "/2015-03-31/functions", &[("authorization", &scope("lambda"))], create),
        answered(
            201,
            &[],
            r#"{"FunctionName":"f","CodeSize":3,"LastModified":"2023-07-10T12:26:48.993+0000","Environment":{"Variables":{"A":"b"}}}"#,
        ),
    ));
    assert_eq!(event["eventName"], "CreateFunction20150331");
    assert_eq!(
        event["requestParameters"],
        json!({"functionName": "f", "runtime": "python3.9", "code": {}, "environment": {}, "tags": {"a": "b"}})
    );
    assert_eq!(
        event["responseElements"],
        json!({"functionName": "f", "codeSize": 3, "lastModified": "2023-07-10T12:26:48.993+0000", "environment": {}})
    );
    let headers =
        [("authorization", &*scope("lambda")), ("x-amz-invocation-type", "Event"), ("x-amz-client-context", "e30=")];
    let (_, event) = event_of(&call(
        request("POST", "/2015-03-31/functions/f/invocations?Qualifier=2", &headers, r#"{"secret":1}"#),
        answered(202, &[("x-amz-executed-version", "2")], "{}"),
    ));
    assert_eq!(event["eventName"], "Invoke");
    let version = "arn:aws:lambda:us-west-2:111122223333:function:f:2";
    assert_eq!(event["additionalEventData"], json!({"functionVersion": version}));
    assert_eq!(event["requestParameters"], json!({"functionName": "f", "invocationType": "Event", "qualifier": "2"}));
    assert_eq!(
        event["resources"],
        json!([{"accountId": ACCOUNT, "type": "AWS::Lambda::Function", "ARN": "arn:aws:lambda:us-west-2:111122223333:function:f"}])
    );
}

#[test]
fn streams_are_told_without_their_data() {
    let put = r#"{"StreamName":"s","Records":[{"Data":"eA==","PartitionKey":"p"}]}"#;
    let (_, event) = event_of(&call(
        json_request(Service::Kinesis, "Kinesis_20131202.PutRecords", put),
        answered(200, &[], r#"{"FailedRecordCount":0,"Records":[{"SequenceNumber":"1","ShardId":"shardId-0"}]}"#),
    ));
    assert_eq!(event["requestParameters"], json!({"records": [{"partitionKey": "p"}], "streamName": "s"}));
    assert_eq!(event["resources"][0]["ARN"], "arn:aws:kinesis:us-west-2:111122223333:stream/s");
    let put = r#"{"DeliveryStreamName":"d","Record":{"Data":"eA=="}}"#;
    let (_, event) = event_of(&call(
        json_request(Service::Firehose, "Firehose_20150804.PutRecord", put),
        answered(200, &[], r#"{"RecordId":"r"}"#),
    ));
    assert_eq!(event["requestParameters"], json!({"deliveryStreamName": "d", "record": {}}));
    assert_eq!(event["resources"][0]["type"], "AWS::KinesisFirehose::DeliveryStream");
}

#[test]
fn a_call_that_a_rule_refused_is_network_activity() {
    let refused = |rule: Option<&str>| Outcome::Refused {
        code: "AccessDenied".into(),
        message: "Refused by the gateway".into(),
        rule: rule.map(str::to_owned),
    };
    let request = || s3_request("PUT", "/b/k", &[("x-amz-acl", "private")], "");
    let (text, event) = event_of(&call(request(), refused(Some("no-writes"))));
    assert_eq!(
        event,
        json!({
            "eventVersion": "1.11", "userIdentity": {"type": "IAMUser", "userName": "jane"},
            "eventTime": "2026-01-02T03:04:05Z", "eventSource": "s3.amazonaws.com", "eventName": "PutObject",
            "awsRegion": "us-west-2", "sourceIPAddress": "192.0.2.0", "errorCode": "VpceAccessDenied",
            "errorMessage": "The request was denied due to a VPC endpoint policy: rule 'no-writes' of the gateway",
            "requestID": "gateway-1", "eventID": "98c735d8-70e0-4644-9432-b6ced4d791b1", "eventType": "AwsVpceEvent",
            "recipientAccountId": "111122223333", "vpcEndpointId": "vpce-0gateway", "vpcEndpointAccountId": "111122223333",
            "eventCategory": "NetworkActivity"
        })
    );
    assert!(!text.contains("requestParameters"));
    let (_, event) = event_of(&call(request(), refused(None)));
    assert_eq!((&event["eventType"], &event["errorCode"]), (&"AwsApiCall".into(), &"AccessDenied".into()));
    assert_eq!(event["requestParameters"]["key"], "k");
}

#[test]
fn calls_without_an_answer_say_so() {
    let request =
        || json_request(Service::Sqs, "AmazonSQS.DeleteMessage", r#"{"QueueUrl":"http://h/1/q","ReceiptHandle":"r"}"#);
    let (_, event) = event_of(&call(request(), Outcome::Unreachable { message: "connection refused".into() }));
    assert_eq!((&event["errorCode"], &event["errorMessage"]), (&UNREACHABLE.into(), &"connection refused".into()));
    let (_, event) = event_of(&call(request(), Outcome::Interrupted));
    assert_eq!(event["errorCode"], INTERRUPTED);
    assert_eq!(
        event["errorMessage"],
        "The gateway ended while this call was under way. Whether the backend took it is not known."
    );
    assert_eq!(event["requestParameters"], json!({"queueUrl": "http://h/1/q", "receiptHandle": "r"}));
    assert_eq!((&event["responseElements"], &event["requestID"]), (&Value::Null, &"gateway-1".into()));
}

#[test]
fn what_no_model_knows_is_told_by_name_alone() {
    let (_, event) = event_of(&call(
        json_request(Service::Kms, "TrentService.BrewCoffee", r#"{"Secret":"x"}"#),
        answered(400, &[], r#"{"__type":"UnknownOperationException"}"#),
    ));
    assert_eq!((&event["eventName"], &event["errorCode"]), (&"BrewCoffee".into(), &"UnknownOperationException".into()));
    assert_eq!((&event["requestParameters"], &event["readOnly"]), (&Value::Null, &false.into()));
    let (_, event) = event_of(&call(s3_request("PUT", "/b?quota", &[], "secret"), answered(200, &[], "")));
    assert_eq!(event["eventName"], "UnknownOperation");
    assert_eq!(event["requestParameters"], json!({"bucketName": "b", "Host": "gateway.internal"}));
}
