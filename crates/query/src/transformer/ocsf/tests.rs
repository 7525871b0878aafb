//! Records of each source, and the events that the published mappings make of them.

use super::super::Transformer;
use super::super::tests::{made, origin};
use proptest::prelude::*;
use serde_json::{Value, json};

fn processors(source: &str, version: &str) -> Value {
    json!([{"parseToOCSF": {"eventSource": source, "ocsfVersion": version}}])
}

fn event(source: &str, version: &str, record: &Value) -> Value {
    made(processors(source, version), &record.to_string())
}

#[test]
fn a_flow_at_an_interface_is_network_activity() {
    let record = json!({
        "version": "5", "account-id": "123456789012", "action": "REJECT", "az-id": "use1-az1", "bytes": 40, "packets": "1",
        "srcaddr": "198.51.100.7", "dstaddr": "10.0.0.1", "pkt-srcaddr": "198.51.100.7", "pkt-dstaddr": "10.0.9.9",
        "srcport": "443", "dstport": "-", "protocol": "6", "tcp-flags": "2", "type": "IPv4", "traffic-path": "8",
        "start": "1649721732", "end": 1_649_721_788, "flow-direction": "ingress", "interface-id": "eni-1", "vpc-id": "vpc-1",
        "subnet-id": "subnet-1", "instance-id": "i-1", "region": "us-east-1", "pkt-src-aws-service": "-", "log-status": "OK",
        "sublocation-id": "-", "reject-reason": "BPA"
    });
    let expected = json!({
        "category_uid": 4, "category_name": "Network Activity", "class_uid": 4001, "class_name": "Network Activity",
        "severity_id": 1, "severity": "Informational",
        "cloud": {"provider": "AWS", "account": {"uid": "123456789012"}, "region": "us-east-1", "zone": "use1-az1"},
        "metadata": {
            "version": "1.1.0", "profiles": ["cloud", "security_control", "datetime"],
            "product": {"vendor_name": "AWS", "name": "Amazon VPC", "feature": {"name": "Flowlogs"}, "version": "5"}
        },
        "activity_id": 5, "activity_name": "Refuse", "type_uid": 400_105, "type_name": "Network Activity: Refuse",
        "action_id": 2, "action": "Denied", "disposition": "Blocked",
        "time": 1_649_721_732_000_i64, "time_dt": "2022-04-12T00:02:12.000Z",
        "start_time_dt": "2022-04-12T00:02:12.000Z", "end_time_dt": "2022-04-12T00:03:08.000Z",
        "connection_info": {
            "protocol_ver": "IPv4", "protocol_num": 6, "tcp_flags": 2, "boundary_id": 11, "boundary": "Internet Gateway",
            "direction_id": 1, "direction": "Inbound"
        },
        "src_endpoint": {"svc_name": "-", "port": 443, "ip": "198.51.100.7"},
        "dst_endpoint": {
            "interface_uid": "eni-1", "vpc_uid": "vpc-1", "instance_uid": "i-1", "subnet_uid": "subnet-1", "ip": "10.0.9.9",
            "intermediate_ips": ["10.0.0.1"]
        },
        "status_code": "OK",
        "traffic": {"packets": 1, "bytes": 40},
        "observables": [
            {"name": "dst_endpoint.intermediate_ips[]", "type": "IP Address", "type_id": 2, "value": "10.0.0.1"},
            {"name": "dst_endpoint.ip", "type": "IP Address", "type_id": 2, "value": "10.0.9.9"},
            {"name": "dst_endpoint.instance_uid", "type": "Resource UID", "type_id": 10, "value": "i-1"},
            {"name": "src_endpoint.ip", "type": "IP Address", "type_id": 2, "value": "198.51.100.7"}
        ],
        "unmapped": {"sublocation_id": "-", "reject_reason": "BPA"}
    });
    assert_eq!(event("VPCFlow", "V1.1", &record), expected);
}

#[test]
fn a_line_of_the_default_format_is_one_too() {
    let line =
        "2 123456789010 eni-1235b8ca 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK";
    let event = made(processors("VPCFlow", "V1.5"), line);
    assert_eq!(event["metadata"]["version"], "1.5.0");
    assert_eq!((&event["activity_name"], &event["type_uid"]), (&json!("Traffic"), &json!(400_106)));
    assert_eq!(event["src_endpoint"], json!({"port": 20641, "ip": "172.31.16.139"}));
    assert_eq!(event["connection_info"], json!({"protocol_num": 6, "direction_id": 0, "direction": "Unknown"}));
    assert_eq!(event["unmapped"], json!({"interface_id": "eni-1235b8ca"}));
    let empty = "2 123456789010 eni-1 - - - - - - - 1431280876 1431280934 - NODATA";
    let event = made(processors("VPCFlow", "V1.5"), empty);
    assert_eq!(
        (&event["action"], &event["activity_id"], &event["status_code"]),
        (&json!("Unknown"), &json!(0), &json!("NODATA"))
    );
    assert_eq!((event.get("traffic"), event.get("observables")), (None, None));
}

#[test]
fn a_query_of_the_resolver_is_dns_activity() {
    let record = json!({
        "version": "1.100000", "account_id": "123456789012", "region": "us-east-1", "vpc_id": "vpc-1",
        "query_timestamp": "2022-10-13T21:02:36Z", "query_name": "bad.example.com.", "query_type": "A", "query_class": "IN",
        "rcode": "NXDOMAIN", "answers": [{"Rdata": "203.0.113.9", "Type": "A", "Class": "IN"}, {"Rdata": "x.", "Type": "CNAME"}],
        "srcaddr": "10.0.0.1", "srcport": "15083", "transport": "UDP", "srcids": {"instance": "i-1", "resolver_endpoint": "rslvr-in-1"},
        "firewall_rule_action": "BLOCK", "firewall_rule_group_id": "rslvr-frg-1", "firewall_domain_list_id": "rslvr-fdl-1"
    });
    let made = event("Route53Resolver", "V1.1", &record);
    assert_eq!((&made["class_uid"], &made["type_name"]), (&json!(4003), &json!("DNS Activity: Traffic")));
    assert_eq!(made["query"], json!({"hostname": "bad.example.com.", "type": "A", "class": "IN"}));
    assert_eq!((&made["rcode_id"], &made["rcode"]), (&json!(3), &json!("NXDomain")));
    assert_eq!(
        made["answers"],
        json!([{"type": "A", "rdata": "203.0.113.9", "class": "IN"}, {"type": "CNAME", "rdata": "x."}])
    );
    assert_eq!((&made["action"], &made["disposition"]), (&json!("Denied"), &json!("Blocked")));
    assert_eq!(
        made["src_endpoint"],
        json!({"vpc_uid": "vpc-1", "ip": "10.0.0.1", "instance_uid": "i-1", "port": 15083})
    );
    assert_eq!(made["dst_endpoint"], json!({"instance_uid": "rslvr-in-1"}));
    assert_eq!(made["firewall_rule"], json!({"uid": "rslvr-frg-1"}));
    assert_eq!((&made["time"], &made["time_dt"]), (&json!(1_665_694_956_000_i64), &json!("2022-10-13T21:02:36.000Z")));
    assert_eq!(made["unmapped"], json!({"firewall_domain_list_id": "rslvr-fdl-1"}));
    let observed: Vec<&Value> = made["observables"].as_array().unwrap().iter().map(|one| &one["value"]).collect();
    assert_eq!(observed, ["203.0.113.9", "rslvr-in-1", "10.0.0.1", "i-1", "bad.example.com."]);
}

/// A record of CloudTrail with more.
fn record(name: &str, source: &str, more: Value) -> Value {
    let mut record = json!({
        "eventVersion": "1.11", "eventTime": "2023-09-21T22:22:52Z", "eventSource": source, "eventName": name,
        "awsRegion": "us-east-1", "sourceIPAddress": "198.51.100.7", "userAgent": "aws-cli", "requestID": "r-1", "eventID": "e-1",
        "eventType": "AwsApiCall", "recipientAccountId": "111122223333", "eventCategory": "Management", "readOnly": true,
        "requestParameters": null, "responseElements": null,
        "userIdentity": {
            "type": "IAMUser", "principalId": "AIDA1", "arn": "arn:aws:iam::111122223333:user/jo", "accountId": "111122223333",
            "accessKeyId": "AKIA1", "userName": "jo"
        }
    });
    record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    record
}

#[test]
fn a_call_is_api_activity() {
    let more = json!({
        "responseElements": {"a": []}, "errorCode": "AccessDenied", "errorMessage": "no",
        "resources": [{"ARN": "arn:aws:s3:::b", "accountId": "444455556666", "type": "AWS::S3::Bucket"}],
        "tlsDetails": {"tlsVersion": "TLSv1.3"}
    });
    let record = record("ListObjects", "s3.amazonaws.com", more);
    let expected = json!({
        "category_uid": 6, "category_name": "Application Activity", "class_uid": 6003, "class_name": "API Activity",
        "severity_id": 1, "severity": "Informational",
        "cloud": {"provider": "AWS", "region": "us-east-1", "account": {"uid": "111122223333"}},
        "metadata": {
            "version": "1.5.0", "profiles": ["cloud", "datetime"], "uid": "e-1", "event_code": "AwsApiCall",
            "product": {"vendor_name": "AWS", "name": "CloudTrail", "feature": {"name": "Management"}, "version": "1.11"}
        },
        "activity_id": 2, "activity_name": "Read", "type_uid": 600_302, "type_name": "API Activity: Read",
        "time": 1_695_334_972_000_i64, "time_dt": "2023-09-21T22:22:52.000Z",
        "status": "Failure",
        "actor": {"user": {
            "account": {"uid": "111122223333"}, "type": "IAMUser", "uid": "arn:aws:iam::111122223333:user/jo",
            "credential_uid": "AKIA1", "name": "jo", "uid_alt": "AIDA1"
        }},
        "http_request": {"user_agent": "aws-cli"},
        "src_endpoint": {"ip": "198.51.100.7"},
        "api": {
            "service": {"name": "s3.amazonaws.com"}, "operation": "ListObjects", "request": {"uid": "r-1"},
            "response": {"error": "AccessDenied", "message": "no", "data": "{\"a\":[]}"}
        },
        "resources": [{"uid": "arn:aws:s3:::b", "type": "AWS::S3::Bucket", "owner": {"account": {"uid": "444455556666"}}}],
        "observables": [
            {"name": "resources[].uid", "type": "Resource UID", "type_id": 10, "value": "arn:aws:s3:::b"},
            {"name": "actor.user.name", "type": "User Name", "type_id": 4, "value": "jo"},
            {"name": "src_endpoint.ip", "type": "IP Address", "type_id": 2, "value": "198.51.100.7"}
        ],
        "unmapped": {"readOnly": "true", "tlsDetails.tlsVersion": "TLSv1.3"}
    });
    assert_eq!(event("CloudTrail", "V1.5", &record), expected);
    let older = event("CloudTrail", "V1.1", &record);
    assert_eq!(older["cloud"], json!({"provider": "AWS", "region": "us-east-1"}));
    assert_eq!(older["unmapped"]["recipientAccountId"], "111122223333");
}

#[test]
fn logons_and_changed_accounts_have_their_classes() {
    let login = json!({
        "additionalEventData": {"LoginTo": "https://console", "MFAUsed": "Yes", "MobileVersion": "No"},
        "responseElements": {"ConsoleLogin": "Failure"}
    });
    let made = event("CloudTrail", "V1.1", &record("ConsoleLogin", "signin.amazonaws.com", login));
    assert_eq!((&made["class_uid"], &made["type_name"]), (&json!(3002), &json!("Authentication: Logon")));
    assert_eq!((&made["status"], &made["is_mfa"]), (&json!("Failure"), &json!(true)));
    assert_eq!(made["user"], json!({"uid": "arn:aws:iam::111122223333:user/jo", "uid_alt": "AIDA1"}));
    assert_eq!(made["dst_endpoint"], json!({"svc_name": "https://console"}));
    assert_eq!(made["unmapped"]["additionalEventData.MobileVersion"], "No");
    let challenge = json!({
        "userIdentity": {"type": "IdentityCenterUser", "accountId": "1", "credentialId": "c-1",
            "onBehalfOf": {"userId": "u-1", "identityStoreArn": "arn:store"}},
        "additionalEventData": {"UserName": "test"}
    });
    let made = event("CloudTrail", "V1.5", &record("CredentialChallenge", "signin.amazonaws.com", challenge));
    assert_eq!(
        (&made["activity_name"], &made["type_name"]),
        (&json!("CredentialChallenge"), &json!("Authentication: Other"))
    );
    let user = json!({"account": {"uid": "1"}, "type": "IdentityCenterUser", "credential_uid": "c-1", "name": "test", "uid_alt": "u-1"});
    assert_eq!(made["actor"], json!({"user": user, "idp": {"uid": "arn:store"}}));
    let assumed = json!({
        "requestParameters": {"roleArn": "arn:role", "roleSessionName": "s"},
        "responseElements": {"credentials": {"accessKeyId": "ASIA1"}, "assumedRoleUser": {"arn": "arn:s", "assumedRoleId": "AROA:s"}}
    });
    let made = event("CloudTrail", "V1.5", &record("AssumeRole", "sts.amazonaws.com", assumed));
    assert_eq!(made["user"], json!({"uid": "arn:role", "uid_alt": "AIDA1", "name": "s"}));
    assert_eq!(made["session"], json!({"credential_uid": "ASIA1", "uid": "arn:s", "uid_alt": "AROA:s"}));
    let created = json!({"responseElements": {"user": {"userId": "AIDA9", "userName": "al"}}});
    let made = event("CloudTrail", "V1.1", &record("CreateUser", "iam.amazonaws.com", created.clone()));
    assert_eq!((&made["class_uid"], &made["type_uid"]), (&json!(3001), &json!(300_101)));
    assert_eq!(made["user"], json!({"uid": "AIDA9", "name": "al"}));
    let other = event("CloudTrail", "V1.1", &record("CreateUser", "transfer.amazonaws.com", created));
    assert_eq!(other["class_uid"], 6003, "the name counts with its service only");
    for (name, activity) in
        [("AttachUserPolicy", 7), ("DeleteUser", 6), ("DeactivateMFADevice", 11), ("UpdateUser", 99)]
    {
        let made = event("CloudTrail", "V1.5", &record(name, "iam.amazonaws.com", json!({})));
        assert_eq!(made["activity_id"], activity, "{name}");
    }
}

#[test]
fn an_audit_log_of_kubernetes_is_api_activity() {
    let record = json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "RequestResponse", "auditID": "a-1", "stage": "ResponseComplete",
        "requestURI": "/api/v1/namespaces/d/pods", "verb": "create", "sourceIPs": ["198.51.100.7", "10.0.0.1"], "userAgent": "kubectl",
        "user": {"username": "jo", "uid": "u-1", "groups": ["a", "b"],
            "extra": {"accessKeyId": ["ASIA1"], "arn": ["arn:x"], "principalId": ["AROA1"]}},
        "objectRef": {"resource": "pods", "subresource": "log", "namespace": "d", "name": "p", "uid": "o-1", "apiVersion": "v1"},
        "responseStatus": {"code": 201},
        "requestObject": {"spec": {"containers": [{"name": "c", "image": "i:1", "volumeMounts": [{"name": "v", "mountPath": "/v"}]}]}},
        "requestReceivedTimestamp": "2021-09-07T20:37:30.502000Z", "stageTimestamp": "2021-09-07T20:37:30.642000Z",
        "annotations": {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": "rule"}
    });
    let made = event("EKSAudit", "V1.5", &record);
    assert_eq!((&made["type_uid"], &made["activity_name"]), (&json!(600_301), &json!("Create")));
    assert_eq!(
        (&made["time"], &made["start_time_dt"]),
        (&json!(1_631_047_050_642_i64), &json!("2021-09-07T20:37:30.502Z"))
    );
    let user =
        json!({"type_id": 0, "name": "jo", "uid": "u-1", "groups": [{"name": "a"}, {"name": "b"}], "uid_alt": "AROA1"});
    assert_eq!(made["actor"], json!({"user": user, "session": {"credential_uid": "ASIA1"}}));
    assert_eq!(made["src_endpoint"], json!({"ip": "198.51.100.7", "intermediate_ips": ["10.0.0.1"]}));
    assert_eq!(made["resources"], json!([{"name": "p", "namespace": "d", "uid": "o-1", "type": "pods/log"}]));
    let containers = json!([{"name": "c", "image": {"name": "i:1", "uid": "i:1v", "path": "/v"}}]);
    assert_eq!(made["api"]["request"]["containers"], containers);
    assert!(made["api"]["request"]["data"].as_str().unwrap().starts_with("{\"spec\":"));
    assert_eq!((&made["api"]["response"], &made["policy"]), (&json!({"code": 201}), &json!({"name": "rule"})));
    assert_eq!(made["unmapped"], json!({"annotations.authorization.k8s.io/decision": "allow"}));
    let older = event("EKSAudit", "V1.1", &record);
    assert_eq!((&older["start_time"], &older["metadata"]["version"]), (&json!(1_631_047_050_502_i64), &json!("1.1.0")));
    assert_eq!((older.get("policy"), &older["unmapped"]["kind"]), (None, &json!("Event")));
}

#[test]
fn a_request_that_a_firewall_saw_is_http_activity() {
    let record = json!({
        "timestamp": 1_632_420_416_512_i64, "formatVersion": 1, "webaclId": "arn:acl", "terminatingRuleId": "rule",
        "terminatingRuleType": "REGULAR", "action": "BLOCK", "httpSourceName": "ALB", "httpSourceId": "app/x",
        "terminatingRuleMatchDetails": [{"conditionType": "SQL_INJECTION", "sensitivityLevel": "HIGH", "location": "HEADER", "matchedData": ["1"]}],
        "ruleGroupList": [{"ruleGroupId": "A", "terminatingRule": null}, {"ruleGroupId": "B"}],
        "rateBasedRuleList": [{"rateBasedRuleName": "R", "maxRateAllowed": 100}], "labels": [{"name": "l1"}], "responseCodeSent": null,
        "httpRequest": {"clientIp": "198.51.100.7", "country": "US", "uri": "/a", "args": "", "httpVersion": "HTTP/1.1",
            "httpMethod": "GET", "requestId": "q-1",
            "headers": [{"name": "Host", "value": "example.com"}, {"name": "X-Forwarded-For", "value": "1.2.3.4, 5.6.7.8"}]},
        "ja3Fingerprint": "j3", "ja4Fingerprint": "t13d1812h1_x"
    });
    let made = event("AWSWAF", "V1.5", &record);
    assert_eq!((&made["class_uid"], &made["type_name"]), (&json!(4002), &json!("HTTP Activity: Get")));
    assert_eq!((&made["action"], &made["disposition_id"]), (&json!("Denied"), &json!(2)));
    assert_eq!(
        made["firewall_rule"],
        json!({"uid": "rule", "type": "REGULAR", "condition": "SQL_INJECTION", "match_location": "HEADER",
            "match_details": ["1"], "sensitivity": "HIGH", "rate_limit": 100, "name": "R"})
    );
    assert_eq!(made["http_request"]["url"], json!({"path": "/a", "hostname": "example.com"}));
    assert_eq!(made["http_request"]["x_forwarded_for"], json!(["1.2.3.4", "5.6.7.8"]));
    assert_eq!(made["metadata"]["labels"], json!(["l1"]));
    assert_eq!(made["metadata"]["product"]["version"], "1");
    assert_eq!(
        made["tls"],
        json!({"ja3_hash": {"algorithm": "MD5", "algorithm_id": 1, "value": "j3"}, "version": "1.3"})
    );
    assert_eq!(made["unmapped"], json!({"ruleGroupList[].ruleGroupId": "A,B"}));
    let older = event("AWSWAF", "V1.1", &record);
    assert_eq!((older.get("tls"), &older["unmapped"]["ja4Fingerprint"]), (None, &json!("t13d1812h1_x")));
    assert_eq!(older["unmapped"]["rateBasedRuleList[].rateBasedRuleName"], "R");
}

#[test]
fn what_is_no_record_is_an_error_and_other_processors_follow() {
    for source in ["CloudTrail", "Route53Resolver", "VPCFlow", "EKSAudit", "AWSWAF"] {
        let transformer = Transformer::parse(&processors(source, "V1.1").to_string()).unwrap();
        for line in ["", "{}", "[]", "a b c", r#"{"eventName":1}"#] {
            let error = transformer.transform(line, &origin()).unwrap_err();
            assert_eq!(error.0, format!("not a record of {source}"), "{line}");
        }
    }
    let then = json!([processors("CloudTrail", "V1.1")[0], {"deleteKeys": {"withKeys": ["unmapped"]}},
        {"addKeys": {"entries": [{"key": "metadata.tenant", "value": "t"}]}}]);
    let made = made(then, &record("GetObject", "s3.amazonaws.com", json!({})).to_string());
    assert_eq!((made.get("unmapped"), &made["metadata"]["tenant"]), (None, &json!("t")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Members of any kind where a mapping expects another.
    #[test]
    fn no_record_panics(kind in 0usize..7, name in "[A-Z][a-z]{0,6}", number in any::<i64>()) {
        let odd = [json!(null), json!([]), json!({}), json!(number), json!([1, "a", null, {}]), json!(name), json!(true)][kind].clone();
        let records = [
            ("CloudTrail", record(&name, "iam.amazonaws.com", json!({"resources": odd, "userIdentity": odd, "eventCategory": odd, "responseElements": odd}))),
            ("AWSWAF", json!({"timestamp": number, "webaclId": "x", "httpRequest": {"headers": odd, "httpMethod": odd}, "labels": odd, "terminatingRuleMatchDetails": odd, "ja4Fingerprint": name})),
            ("EKSAudit", json!({"stageTimestamp": "2021-09-07T20:37:30Z", "verb": name, "auditID": "a", "user": odd, "sourceIPs": odd, "objectRef": odd, "requestObject": {"spec": {"containers": odd}}})),
            ("VPCFlow", json!({"srcaddr": name, "start": number, "end": odd, "traffic-path": odd, "flow-direction": odd, "action": odd})),
            ("Route53Resolver", json!({"query_timestamp": "2021-09-07T20:37:30Z", "query_name": name, "answers": odd, "rcode": odd, "srcids": odd})),
        ];
        for (source, record) in records {
            for version in ["V1.1", "V1.5"] {
                let transformer = Transformer::parse(&processors(source, version).to_string()).unwrap();
                transformer.transform(&record.to_string(), &origin()).ok();
            }
        }
    }
}

#[test]
fn what_is_unmapped_is_not_much_longer_than_the_record() {
    let transformer = Transformer::parse(&processors("EKSAudit", "V1.1").to_string()).expect("a transformer");
    let members: serde_json::Map<String, Value> = (0..2_000).map(|at| (format!("k{at}"), json!(1))).collect();
    let record = |key: String, value: &Value| {
        let at = "2024-01-02T12:00:00Z";
        json!({"kind": "Event", "verb": "get", "auditID": "a", "stageTimestamp": at, key: value}).to_string()
    };
    let transformed = |key: &str, value: &Value| transformer.transform(&record(key.into(), value), &origin());
    let (object, list) = (Value::Object(members), json!(vec![1; 20_000]));
    for value in [&object, &list] {
        assert!(transformed("short", value).is_ok());
        let error = transformed(&"k".repeat(20_000), value).expect_err("too much");
        assert_eq!(error.0, "the unmapped fields take far more bytes than the record");
    }
}
