//! Every protocol: calls run from bytes to bytes, and errors are told in the words and headers of each.

use super::*;
use crate::cloudwatch::{self, DashboardInvalidInputError, DashboardValidationMessage, ListMetricsInput};
use crate::cloudwatch::{ListMetricsOutput, Metric, PutMetricDataInput};
use crate::logs::{self, CreateLogGroupRequest, DescribeLogGroupsRequest, DescribeLogGroupsResponse};
use crate::shape::Empty;
use crate::sts::{self, Credentials, GetCallerIdentityRequest, GetCallerIdentityResponse};
use crate::sts::{GetSessionTokenRequest, GetSessionTokenResponse};
use model::Scope;
use std::task::{Context, Poll, Waker};

/// A plane whose one piece of state is the answer's text.
struct Plane {
    name: &'static str,
}

async fn list_metrics(plane: &Plane, caller: &Caller, input: ListMetricsInput) -> Result<ListMetricsOutput, ApiError> {
    let metric = Metric { namespace: input.namespace, metric_name: Some(plane.name.into()), dimensions: None };
    let owner = caller.scope.account.clone();
    Ok(ListMetricsOutput { metrics: Some(vec![metric]), owning_accounts: Some(vec![owner]), ..Default::default() })
}

async fn put_metric_data(_: &Plane, _: &Caller, input: PutMetricDataInput) -> Result<Empty, ApiError> {
    if input.namespace == "refused" {
        return Err(ApiError::new(&cloudwatch::errors::INVALID_PARAMETER_VALUE_EXCEPTION, "No <such> namespace"));
    }
    Ok(Empty {})
}

async fn create_log_group(_: &Plane, _: &Caller, _: CreateLogGroupRequest) -> Result<Empty, ApiError> {
    Ok(Empty {})
}

async fn describe_log_groups(
    _: &Plane,
    _: &Caller,
    _: DescribeLogGroupsRequest,
) -> Result<DescribeLogGroupsResponse, ApiError> {
    Ok(DescribeLogGroupsResponse::default())
}

async fn get_session_token(
    _: &Plane,
    _: &Caller,
    _: GetSessionTokenRequest,
) -> Result<GetSessionTokenResponse, ApiError> {
    let credentials = Credentials { access_key_id: "ASIA1".into(), ..Credentials::default() };
    Ok(GetSessionTokenResponse { credentials: Some(credentials), ..Default::default() })
}

async fn get_caller_identity(
    _: &Plane,
    caller: &Caller,
    _: GetCallerIdentityRequest,
) -> Result<GetCallerIdentityResponse, ApiError> {
    Ok(GetCallerIdentityResponse { account: Some(caller.scope.account.clone()), ..Default::default() })
}

fn operations() -> Vec<Operation<Plane>> {
    vec![
        operation!(Access::List, Audit::Management, cloudwatch::ListMetrics, list_metrics),
        operation!(Access::Write, Audit::Data("AWS::CloudWatch::Metric"), cloudwatch::PutMetricData, put_metric_data),
        operation!(Access::Write, Audit::Management, logs::CreateLogGroup, create_log_group),
        operation!(Access::List, Audit::Management, logs::DescribeLogGroups, describe_log_groups),
        operation!(Access::Read, Audit::Management, sts::GetSessionToken, get_session_token),
        operation!(Access::Read, Audit::Management, sts::GetCallerIdentity, get_caller_identity),
    ]
}

fn call(name: &str, protocol: Protocol, body: &[u8]) -> Answer {
    let plane = Plane { name: "CPU" };
    let caller = Caller::root(Scope { account: "123456789012".into(), region: "us-east-1".into() }, "AKIA");
    let operations = operations();
    let row = operations.iter().find(|row| row.name == name).unwrap();
    let call = Call { protocol, path: "/", query: "", body, request_id: "id-1", audited: true, guard: None };
    let mut future = (row.run)(&plane, &caller, call);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("the operations of this test never wait"),
    }
}

fn text(answer: &Answer) -> &str {
    std::str::from_utf8(&answer.response.body).unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str())
}

#[test]
fn a_call_goes_from_json_to_json() {
    let answer =
        call("ListMetrics", Protocol::Json10, br#"{"Namespace":"AWS/EC2","Unheard":[1,{"of":2}],"MetricName":null}"#);
    assert_eq!(answer.response.status, 200);
    assert_eq!(
        text(&answer),
        r#"{"Metrics":[{"Namespace":"AWS/EC2","MetricName":"CPU"}],"OwningAccounts":["123456789012"]}"#
    );
    assert_eq!(header(&answer.response, "x-amzn-requestid"), Some("id-1"));
    assert_eq!(header(&answer.response, "content-type"), Some("application/x-amz-json-1.0"));
    assert_eq!(answer.request_parameters.as_deref(), Some(r#"{"namespace":"AWS/EC2"}"#));
    assert_eq!(answer.response_elements, None, "a call that only reads has no response elements");
}

#[test]
fn of_calls_that_only_read_those_that_give_credentials_tell_their_answer() {
    let told = |name: &str| {
        let form = format!("Action={name}&Version=2011-06-15");
        call(name, Protocol::Query, form.as_bytes()).response_elements
    };
    let elements = told("GetSessionToken").unwrap();
    assert!(elements.starts_with(r#"{"credentials":{"accessKeyId":"ASIA1","sessionToken":"HIDDEN"#), "{elements}");
    assert!(!elements.contains("secretAccessKey"), "{elements}");
    assert_eq!(told("GetCallerIdentity"), None);
}

#[test]
fn a_call_goes_from_form_to_xml() {
    let form = b"Action=ListMetrics&Version=2010-08-01&Namespace=AWS%2FEC2";
    let answer = call("ListMetrics", Protocol::Query, form);
    assert_eq!(
        text(&answer),
        "<ListMetricsResponse xmlns=\"http://monitoring.amazonaws.com/doc/2010-08-01/\"><ListMetricsResult>\
         <Metrics><member><Namespace>AWS/EC2</Namespace><MetricName>CPU</MetricName></member></Metrics>\
         <OwningAccounts><member>123456789012</member></OwningAccounts></ListMetricsResult>\
         <ResponseMetadata><RequestId>id-1</RequestId></ResponseMetadata></ListMetricsResponse>"
    );
    assert_eq!(header(&answer.response, "content-type"), Some("text/xml"));
    let answer = call("PutMetricData", Protocol::Query, b"Action=PutMetricData&Namespace=N");
    assert!(!text(&answer).contains("PutMetricDataResult"), "{}", text(&answer));
}

#[test]
fn a_call_goes_from_form_to_json() {
    let answer = call("GetCallerIdentity", Protocol::QueryToJson, b"Action=GetCallerIdentity&Version=2011-06-15");
    assert_eq!(
        text(&answer),
        r#"{"GetCallerIdentityResponse":{"GetCallerIdentityResult":{"Account":"123456789012"},"ResponseMetadata":{"RequestId":"id-1"}}}"#
    );
    assert_eq!(header(&answer.response, "content-type"), Some("application/json"));
    let answer = call("PutMetricData", Protocol::QueryToJson, b"Action=PutMetricData&Namespace=N");
    assert_eq!(text(&answer), r#"{"PutMetricDataResponse":{"ResponseMetadata":{"RequestId":"id-1"}}}"#);
    let refused = call("PutMetricData", Protocol::QueryToJson, b"Namespace=refused");
    assert_eq!(
        text(&refused),
        r#"{"Error":{"Type":"Sender","Code":"InvalidParameterValue","Message":"No <such> namespace"},"RequestId":"id-1"}"#
    );
    assert_eq!((refused.response.status, header(&refused.response, "x-amzn-query-error")), (400, None));
}

#[test]
fn a_call_goes_from_cbor_to_cbor() {
    let mut writer = CborWriter::new();
    ListMetricsInput { namespace: Some("AWS/EC2".into()), ..Default::default() }.write(&mut writer);
    let answer = call("ListMetrics", Protocol::Cbor, &writer.finish());
    let (output, violations) = read::<ListMetricsOutput, _>(&mut CborReader::new(&answer.response.body)).unwrap();
    assert!(violations.is_empty());
    assert_eq!(output.owning_accounts.as_deref(), Some(&["123456789012".to_owned()][..]));
    assert_eq!(header(&answer.response, "smithy-protocol"), Some("rpc-v2-cbor"));
    assert_eq!(header(&answer.response, "content-type"), Some("application/cbor"));
}

#[test]
fn an_operation_without_output_answers_in_every_protocol() {
    let json = call("CreateLogGroup", Protocol::Json11, br#"{"logGroupName":"a"}"#);
    assert_eq!((json.response.status, text(&json)), (200, "{}"));
    assert_eq!(json.request_parameters.as_deref(), Some(r#"{"logGroupName":"a"}"#));
    assert_eq!(json.response_elements, None);
    let mut writer = CborWriter::new();
    PutMetricDataInput { namespace: "N".into(), ..Default::default() }.write(&mut writer);
    let cbor = call("PutMetricData", Protocol::Cbor, &writer.finish());
    assert_eq!(cbor.response.status, 200);
    assert!(cbor.response.body.is_empty());
    assert_eq!(header(&cbor.response, "content-type"), None);
}

#[test]
fn bytes_that_are_no_input_are_the_clients_fault() {
    let cases: [(&str, Protocol, &[u8]); 6] = [
        ("CreateLogGroup", Protocol::Json11, b"{"),
        ("CreateLogGroup", Protocol::Json11, b"[]"),
        ("CreateLogGroup", Protocol::Json11, br#"{"logGroupName":7}"#),
        ("CreateLogGroup", Protocol::Json11, b"\xff"),
        ("PutMetricData", Protocol::Cbor, b"\x1b"),
        ("PutMetricData", Protocol::Query, b"Namespace=\xff"),
    ];
    for (name, protocol, body) in cases {
        let answer = call(name, protocol, body);
        assert_eq!(answer.response.status, 400, "{name} {body:?}");
        assert_eq!(answer.error.unwrap().code(), "SerializationException", "{name} {body:?}");
        assert_eq!(answer.request_parameters, None);
    }
}

#[test]
fn violations_are_told_as_each_service_tells_them() {
    let logs = call("CreateLogGroup", Protocol::Json11, b"{}");
    assert_eq!(
        text(&logs),
        "{\"__type\":\"InvalidParameterException\",\"message\":\"1 validation error detected: Value null at \
         'logGroupName' failed to satisfy constraint: Member must not be null\"}"
    );
    assert_eq!(logs.request_parameters, None, "the record tells nothing that the client did not send");
    let both = call("CreateLogGroup", Protocol::Json11, br#"{"logGroupName":"","logGroupClass":"GOLD"}"#);
    assert!(text(&both).contains("3 validation errors detected: "), "{}", text(&both));
    assert!(both.request_parameters.is_some());
    let limit = call("DescribeLogGroups", Protocol::Json11, br#"{"limit":51}"#);
    assert!(
        text(&limit).contains(
            "Value '51' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 50"
        ),
        "{}",
        text(&limit)
    );
    let missing = call("PutMetricData", Protocol::Json10, br#"{"Namespace":"N","MetricData":[{"Value":1}]}"#);
    assert_eq!(
        text(&missing),
        "{\"__type\":\"MissingRequiredParameterException\",\"message\":\
         \"The parameter MetricData.member.1.MetricName is required.\"}"
    );
    assert_eq!(header(&missing.response, "x-amzn-query-error"), Some("MissingParameter;Sender"));
    let unit =
        call("PutMetricData", Protocol::Json10, br#"{"Namespace":"N","MetricData":[{"MetricName":"m","Unit":"Ell"}]}"#);
    assert_eq!(unit.error.as_ref().unwrap().code(), "InvalidParameterValueException");
    assert!(
        text(&unit).contains("The parameter MetricData.member.1.Unit must be a value in the set [ Seconds, "),
        "{}",
        text(&unit)
    );
    assert_eq!(header(&unit.response, "x-amzn-query-error"), Some("InvalidParameterValue;Sender"));
}

#[test]
fn an_error_is_told_in_each_protocol() {
    let json = call("PutMetricData", Protocol::Json10, br#"{"Namespace":"refused"}"#);
    assert_eq!(text(&json), r#"{"__type":"InvalidParameterValueException","message":"No <such> namespace"}"#);
    assert_eq!(header(&json.response, "x-amzn-query-error"), Some("InvalidParameterValue;Sender"));
    let query = call("PutMetricData", Protocol::Query, b"Namespace=refused");
    assert_eq!(query.response.status, 400);
    assert_eq!(
        text(&query),
        "<ErrorResponse xmlns=\"http://monitoring.amazonaws.com/doc/2010-08-01/\"><Error><Type>Sender</Type>\
         <Code>InvalidParameterValue</Code><Message>No &lt;such&gt; namespace</Message></Error>\
         <RequestId>id-1</RequestId></ErrorResponse>"
    );
    assert_eq!(header(&query.response, "x-amzn-query-error"), None);
    let cbor = call("PutMetricData", Protocol::Cbor, b"\xa1\x69Namespace\x67refused");
    let mut reader = CborReader::new(&cbor.response.body);
    reader.begin_structure().unwrap();
    assert_eq!(reader.next_field().unwrap().as_deref(), Some("__type"));
    assert_eq!(reader.string().unwrap(), "InvalidParameterValueException");
    assert_eq!(header(&cbor.response, "x-amzn-query-error"), Some("InvalidParameterValue;Sender"));
    assert_eq!(header(&cbor.response, "smithy-protocol"), Some("rpc-v2-cbor"));
}

#[test]
fn members_of_an_exception_stand_beside_its_message() {
    let found = DashboardValidationMessage { data_path: Some("/widgets/0".into()), message: Some("bad".into()) };
    let error = ApiError::new(&cloudwatch::errors::DASHBOARD_INVALID_INPUT_ERROR, "The dashboard is not valid")
        .with_members(DashboardInvalidInputError { message: None, dashboard_validation_messages: Some(vec![found]) });
    let json = error_response(Protocol::Json10, Service::CloudWatch, &error, "id-1");
    assert_eq!(
        std::str::from_utf8(&json.body).unwrap(),
        "{\"__type\":\"DashboardInvalidInputError\",\"message\":\"The dashboard is not valid\",\
         \"dashboardValidationMessages\":[{\"DataPath\":\"/widgets/0\",\"Message\":\"bad\"}]}"
    );
    assert_eq!(header(&json, "x-amzn-query-error"), Some("InvalidParameterInput;Sender"));
    let xml = error_response(Protocol::Query, Service::CloudWatch, &error, "id-1");
    assert!(std::str::from_utf8(&xml.body).unwrap().contains(
        "<Message>The dashboard is not valid</Message><dashboardValidationMessages><member><DataPath>/widgets/0"
    ));
}

#[test]
fn a_refused_signature_is_400_in_json_and_403_elsewhere() {
    let error = ApiError::new(&common::UNRECOGNIZED_CLIENT, "The security token included in the request is invalid.");
    let json = error_response(Protocol::Json11, Service::Logs, &error, "id-1");
    assert_eq!(json.status, 400);
    let query = error_response(Protocol::Query, Service::Sts, &error, "id-1");
    assert_eq!(query.status, 403);
    assert!(std::str::from_utf8(&query.body).unwrap().contains("<Code>InvalidClientTokenId</Code>"));
    let rest = error_response(Protocol::RestJson, Service::CloudTrailData, &error, "id-1");
    assert_eq!(header(&rest, "x-amzn-errortype"), Some("UnrecognizedClientException"));
}

#[test]
fn every_modelled_operation_is_known_once() {
    let modelled = crate::modelled();
    let names: std::collections::BTreeSet<_> = modelled.iter().map(|row| (row.service, row.name)).collect();
    assert_eq!(names.len(), modelled.len());
    let count = |service| modelled.iter().filter(|row| row.service == service).count();
    assert_eq!(Service::ALL.map(count), [59, 118, 60, 1, 74, 11, 42, 1, 15]);
    let error = ApiError::not_implemented(Service::Logs, "StartQuery");
    assert_eq!(error.message(), "Trailwatch does not implement logs:StartQuery yet");
    assert_eq!((error.code(), error.status()), ("UnknownOperationException", 400));
}

/// Lets nobody through, and says what it saw.
#[derive(Debug)]
struct Closed;

impl Guard for Closed {
    fn check(&self, input: &dyn Texts) -> Result<(), ApiError> {
        let text = format!("{:?} {:?}", input.texts("logGroupName"), input.tags());
        Err(ApiError::new(&common::ACCESS_DENIED, text))
    }
}

#[test]
fn a_guard_decides_before_anything_is_said_about_the_input() {
    let ask = |body: &str| {
        let plane = Plane { name: "CPU" };
        let caller = Caller::root(Scope { account: "123456789012".into(), region: "us-east-1".into() }, "AKIA");
        let operations = operations();
        let row = operations.iter().find(|row| row.name == "CreateLogGroup").unwrap();
        let (protocol, body) = (Protocol::Json11, body.as_bytes());
        let call =
            Call { protocol, path: "/", query: "", body, request_id: "id-1", audited: true, guard: Some(&Closed) };
        let mut future = (row.run)(&plane, &caller, call);
        match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(answer) => (answer.error.unwrap().to_string(), answer.request_parameters),
            Poll::Pending => panic!("the operations of this test never wait"),
        }
    };
    let (refused, parameters) = ask(r#"{"logGroupName":"a","tags":{"k":"v"}}"#);
    assert_eq!(refused, r#"AccessDeniedException: ["a"] [("k", "v")]"#);
    assert!(parameters.is_some(), "what was refused is recorded");
    assert_eq!(ask(r#"{"logGroupName":"","logGroupClass":"GOLD"}"#).0, r#"AccessDeniedException: [""] []"#);
}

#[test]
fn inputs_tell_their_texts_and_tags_by_name() {
    let alarms = cloudwatch::DeleteAlarmsInput { alarm_names: vec!["a".into(), "b".into()] };
    assert_eq!(alarms.texts("AlarmNames"), ["a", "b"]);
    assert!(alarms.texts("AlarmName").is_empty() && alarms.tags().is_empty());
    let tag = crate::iam::Tag { key: "team".into(), value: "red".into() };
    let user = crate::iam::CreateUserRequest {
        user_name: "u".into(),
        tags: Some(vec![tag]),
        ..crate::iam::CreateUserRequest::default()
    };
    assert_eq!((user.texts("UserName"), user.texts("Path")), (vec!["u"], vec![]));
    assert_eq!(user.tags(), [("team", "red")]);
    assert!(Empty {}.texts("any").is_empty() && Empty {}.tags().is_empty());
}
