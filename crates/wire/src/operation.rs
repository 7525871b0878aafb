//! `Operation`: one row of the table of calls, and the walk of each call: decode, check, run, encode.

mod stream;

pub use stream::{Rest, StreamEvent, run_streaming};

use crate::audit_writer::AuditWriter;
use crate::cbor::{CborReader, CborWriter};
use crate::error::{ApiError, ErrorShape, common};
use crate::json::{JsonReader, JsonWriter};
use crate::query::QueryReader;
use crate::recorded;
use crate::rest_json::{RestJsonReader, Url};
use crate::routing::query_parameters;
use crate::service::{Protocol, Service};
use crate::shape::{DecodeError, Path, Reader, Shape, Texts, Violations, Writer};
use crate::xml::{XmlWriter, push_escaped};
use bytes::Bytes;
use model::Caller;
use std::pin::Pin;

/// A boxed future that may move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Ties an operation's name to its shapes; implemented by generated unit structs such as `wire::logs::PutLogEvents`.
pub trait OperationShape: 'static {
    /// What the client sends.
    type Input: Shape + Texts;
    /// What the client receives.
    type Output: Shape;
    /// The service it belongs to.
    const SERVICE: Service;
    /// Its name, such as `PutLogEvents`.
    const NAME: &'static str;
    /// False when the model gives it no output at all.
    const HAS_OUTPUT: bool;
    /// Path with its labels in braces (REST only).
    const PATH: &'static str;
    /// Input members that travel in the URL, each behind the name of its parameter or label (REST only).
    const URL_MEMBERS: &'static [(&'static str, &'static str)];
}

/// IAM access level of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reads contents of resources.
    Read,
    /// Lists resources.
    List,
    /// Makes, changes or deletes.
    Write,
    /// Changes tags only.
    Tagging,
}

impl Access {
    /// True for what only reads; what CloudTrail makes of it: `recorded.rs`.
    pub fn is_read_only(self) -> bool {
        matches!(self, Access::Read | Access::List)
    }
}

/// As what kind of CloudTrail event a call is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audit {
    /// A management event.
    Management,
    /// A data event on a resource of this type (`resources.type`).
    Data(&'static str),
}

/// One call of the API: what it is named, who may make it, how it is recorded, and what it does. `C` is the plane.
pub struct Operation<C: 'static> {
    /// The service.
    pub service: Service,
    /// The operation's name.
    pub name: &'static str,
    /// IAM access level.
    pub access: Access,
    /// How it is recorded.
    pub audit: Audit,
    /// Decodes, runs and encodes one call.
    pub run: for<'a> fn(&'a C, &'a Caller, Call<'a>) -> BoxFuture<'a, Answer>,
}

/// Decides whether a call may run, once its input is decoded: what it is on decides too.
pub trait Guard: std::fmt::Debug + Send + Sync {
    /// Refuses the call, or lets it through.
    fn check(&self, input: &dyn Texts) -> Result<(), ApiError>;
}

/// One request, routed and verified.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The encoding.
    pub protocol: Protocol,
    /// Raw path.
    pub path: &'a str,
    /// Raw query without `?`.
    pub query: &'a str,
    /// Body, inflated.
    pub body: &'a [u8],
    /// Id of the request, for the answer.
    pub request_id: &'a str,
    /// Whether the call is recorded, so that the answer must carry its parameters.
    pub audited: bool,
    /// Who decides whether it may run; nobody for a caller who may do all.
    pub guard: Option<&'a dyn Guard>,
}

/// What a call came to.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP answer.
    pub response: Response,
    /// The error that the answer tells, for the log and the record.
    pub error: Option<ApiError>,
    /// JSON for `requestParameters`; `None` when the call is not recorded, was not decoded, or has no parameters.
    pub request_parameters: Option<String>,
    /// JSON for `responseElements`; `None` for calls that only read or answer nothing.
    pub response_elements: Option<String>,
}

/// An HTTP answer. Header names are in lower case.
#[derive(Debug)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: Vec<(&'static str, String)>,
    /// Body, or its beginning where a rest follows.
    pub body: Bytes,
    /// What follows as it comes; `None` for an answer that is whole.
    pub rest: Option<Rest>,
}

/// A row of the table: `operation!(Access::Write, Audit::Management, logs::CreateLogGroup, create_log_group)`, where
/// the function is `async fn(&C, &Caller, Input) -> Result<Output, ApiError>`.
#[macro_export]
macro_rules! operation {
    ($access:expr, $audit:expr, $shape:ty, $function:expr $(,)?) => {
        $crate::operation::Operation {
            service: <$shape as $crate::operation::OperationShape>::SERVICE,
            name: <$shape as $crate::operation::OperationShape>::NAME,
            access: $access,
            audit: $audit,
            run: |context, caller, call| {
                $crate::operation::run::<$shape, _, _>($access, call, move |input| $function(context, caller, input))
            },
        }
    };
}

/// The same for a call that answers a stream: the function is
/// `async fn(&C, &Caller, Input) -> Result<BoxStream<'static, StreamEvent>, ApiError>`.
#[macro_export]
macro_rules! streaming_operation {
    ($access:expr, $audit:expr, $shape:ty, $function:expr $(,)?) => {
        $crate::operation::Operation {
            service: <$shape as $crate::operation::OperationShape>::SERVICE,
            name: <$shape as $crate::operation::OperationShape>::NAME,
            access: $access,
            audit: $audit,
            run: |context, caller, call| {
                $crate::operation::run_streaming::<$shape, _, _>(call, move |input| $function(context, caller, input))
            },
        }
    };
}

/// Decodes the input, checks it, calls `function`, and encodes what it answers. Used by `operation!`.
pub fn run<'a, O, F, R>(access: Access, call: Call<'a>, function: F) -> BoxFuture<'a, Answer>
where
    O: OperationShape,
    F: FnOnce(O::Input) -> R + Send + 'a,
    R: Future<Output = Result<O::Output, ApiError>> + Send + 'a,
{
    Box::pin(async move {
        let mut request_parameters = None;
        let result = match decode::<O>(&call) {
            Err(error) => Err(error),
            Ok((input, violations)) => {
                request_parameters = parameters::<O>(&call, &input, &violations);
                match permitted::<O>(&call, &input, &violations) {
                    Ok(()) => function(input).await,
                    Err(refused) => Err(refused),
                }
            }
        };
        match result {
            Ok(output) => Answer {
                response_elements: (call.audited && O::HAS_OUTPUT && tells_answer::<O>(access))
                    .then(|| AuditWriter::text_of(O::SERVICE, &output))
                    .flatten(),
                response: encode::<O>(call.protocol, &output, call.request_id),
                error: None,
                request_parameters,
            },
            Err(error) => Answer {
                response: error_response(call.protocol, O::SERVICE, &error, call.request_id),
                error: Some(error),
                request_parameters,
                response_elements: None,
            },
        }
    })
}

/// Whether the call may run: who may not make it is not told what is wrong with it.
fn permitted<O: OperationShape>(call: &Call<'_>, input: &O::Input, violations: &Violations) -> Result<(), ApiError> {
    if let Some(guard) = call.guard {
        guard.check(input)?;
    }
    if violations.is_empty() { Ok(()) } else { Err(ApiError::violated(O::SERVICE, O::NAME, violations)) }
}

/// JSON for `requestParameters`, where the call is recorded.
fn parameters<O: OperationShape>(call: &Call<'_>, input: &O::Input, violations: &Violations) -> Option<String> {
    if call.audited { AuditWriter::text_without(O::SERVICE, input, violations.absent()) } else { None }
}

fn tells_answer<O: OperationShape>(access: Access) -> bool {
    recorded::tells_answer(O::SERVICE.event_source(), O::NAME, access)
}

fn decode<O: OperationShape>(call: &Call<'_>) -> Result<(O::Input, Violations), ApiError> {
    let decoded = match call.protocol {
        Protocol::Json10 | Protocol::Json11 => read(&mut JsonReader::new(call.body)),
        Protocol::Cbor => read(&mut CborReader::new(call.body)),
        Protocol::RestJson => {
            let url = Url { template: O::PATH, path: call.path, query: call.query };
            read(&mut RestJsonReader::new(call.body, url, O::URL_MEMBERS))
        }
        Protocol::Query | Protocol::QueryToJson => {
            read(&mut QueryReader::new(query_parameters(call.query, call.body)?))
        }
    };
    decoded.map_err(|error| ApiError::new(&common::SERIALIZATION, error.message))
}

fn read<T: Shape, R: Reader>(reader: &mut R) -> Result<(T, Violations), DecodeError> {
    let mut violations = Violations::default();
    let value = T::read(reader, &Path::ROOT, &mut violations)?;
    Ok((value, violations))
}

fn encode<O: OperationShape>(protocol: Protocol, output: &O::Output, request_id: &str) -> Response {
    let body = match protocol {
        Protocol::Json10 | Protocol::Json11 | Protocol::RestJson => {
            let mut writer = JsonWriter::new();
            output.write(&mut writer);
            writer.finish()
        }
        Protocol::Cbor if !O::HAS_OUTPUT => Vec::new(),
        Protocol::Cbor => {
            let mut writer = CborWriter::new();
            output.write(&mut writer);
            writer.finish()
        }
        Protocol::Query => {
            let mut writer = XmlWriter::new();
            output.write(&mut writer);
            query_body(O::SERVICE, O::NAME, O::HAS_OUTPUT.then(|| writer.finish()), request_id)
        }
        Protocol::QueryToJson => query_json_body::<O>(output, request_id),
    };
    response(protocol, 200, body, request_id)
}

/// `<OpResponse><OpResult>…</OpResult><ResponseMetadata>…`; operations without output have no result element.
fn query_body(service: Service, name: &str, result: Option<Vec<u8>>, request_id: &str) -> Vec<u8> {
    let mut out = format!("<{name}Response xmlns=\"{}\">", service.xml_namespace()).into_bytes();
    if let Some(result) = result {
        out.extend_from_slice(format!("<{name}Result>").as_bytes());
        out.extend_from_slice(&result);
        out.extend_from_slice(format!("</{name}Result>").as_bytes());
    }
    out.extend_from_slice(b"<ResponseMetadata><RequestId>");
    push_escaped(&mut out, request_id);
    out.extend_from_slice(format!("</RequestId></ResponseMetadata></{name}Response>").as_bytes());
    out
}

/// The same in JSON: `{"OpResponse":{"OpResult":{…},"ResponseMetadata":{…}}}`.
fn query_json_body<O: OperationShape>(output: &O::Output, request_id: &str) -> Vec<u8> {
    let mut writer = JsonWriter::new();
    writer.begin_structure();
    writer.key(&format!("{}Response", O::NAME));
    writer.begin_structure();
    if O::HAS_OUTPUT {
        writer.key(&format!("{}Result", O::NAME));
        output.write(&mut writer);
    }
    writer.field("ResponseMetadata");
    writer.begin_structure();
    writer.field("RequestId");
    writer.string(request_id);
    writer.end_structure();
    writer.end_structure();
    writer.end_structure();
    writer.finish()
}

/// The answer that tells `error` in `protocol`.
pub fn error_response(protocol: Protocol, service: Service, error: &ApiError, request_id: &str) -> Response {
    let shape = error.shape();
    let body = match protocol {
        Protocol::Json10 | Protocol::Json11 | Protocol::RestJson => {
            let mut writer = JsonWriter::new();
            begin_error(&mut writer, error);
            if let Some(members) = error.members() {
                members.write_json(&mut writer);
            }
            writer.end_structure();
            writer.finish()
        }
        Protocol::Cbor => {
            let mut writer = CborWriter::new();
            begin_error(&mut writer, error);
            if let Some(members) = error.members() {
                members.write_cbor(&mut writer);
            }
            writer.end_structure();
            writer.finish()
        }
        Protocol::Query => query_error_body(service, error, request_id),
        Protocol::QueryToJson => query_json_error_body(error, request_id),
    };
    let mut response = response(protocol, error.status_in(protocol), body, request_id);
    if service == Service::CloudWatch && matches!(protocol, Protocol::Json10 | Protocol::Json11 | Protocol::Cbor) {
        // CloudWatch used to speak query only: SDKs report the old code, which they find here.
        response.headers.push(("x-amzn-query-error", format!("{};{}", shape.query_code, fault(shape))));
    }
    if protocol == Protocol::RestJson {
        response.headers.push(("x-amzn-errortype", shape.name.to_owned()));
    }
    response
}

fn begin_error<W: Writer>(writer: &mut W, error: &ApiError) {
    writer.begin_structure();
    writer.field("__type");
    writer.string(error.code());
    writer.field(error.shape().message_member);
    writer.string(error.message());
}

fn begin_query_error<W: Writer>(writer: &mut W, error: &ApiError) {
    writer.begin_structure();
    writer.field("Type");
    writer.string(fault(error.shape()));
    writer.field("Code");
    writer.string(error.shape().query_code);
    writer.field("Message");
    writer.string(error.message());
}

/// `{"Error":{…},"RequestId":"…"}`.
fn query_json_error_body(error: &ApiError, request_id: &str) -> Vec<u8> {
    let mut writer = JsonWriter::new();
    writer.begin_structure();
    writer.field("Error");
    begin_query_error(&mut writer, error);
    if let Some(members) = error.members() {
        members.write_json(&mut writer);
    }
    writer.end_structure();
    writer.field("RequestId");
    writer.string(request_id);
    writer.end_structure();
    writer.finish()
}

fn query_error_body(service: Service, error: &ApiError, request_id: &str) -> Vec<u8> {
    let mut writer = XmlWriter::new();
    begin_query_error(&mut writer, error);
    if let Some(members) = error.members() {
        members.write_xml(&mut writer);
    }
    writer.end_structure();
    let mut out = format!("<ErrorResponse xmlns=\"{}\"><Error>", service.xml_namespace()).into_bytes();
    out.extend_from_slice(&writer.finish());
    out.extend_from_slice(b"</Error><RequestId>");
    push_escaped(&mut out, request_id);
    out.extend_from_slice(b"</RequestId></ErrorResponse>");
    out
}

fn fault(shape: &ErrorShape) -> &'static str {
    if shape.sender { "Sender" } else { "Receiver" }
}

fn response(protocol: Protocol, status: u16, body: Vec<u8>, request_id: &str) -> Response {
    let content_type = match protocol {
        Protocol::Json10 => "application/x-amz-json-1.0",
        Protocol::Json11 => "application/x-amz-json-1.1",
        Protocol::RestJson | Protocol::QueryToJson => "application/json",
        Protocol::Cbor => "application/cbor",
        Protocol::Query => "text/xml",
    };
    let mut headers = vec![("x-amzn-requestid", request_id.to_owned())];
    if !body.is_empty() {
        headers.push(("content-type", content_type.to_owned()));
    }
    if protocol == Protocol::Cbor {
        headers.push(("smithy-protocol", "rpc-v2-cbor".to_owned()));
    }
    Response { status, headers, body: Bytes::from(body), rest: None }
}

#[cfg(test)]
mod tests;
