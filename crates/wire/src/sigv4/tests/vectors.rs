//! Requests signed by botocore 1.44.5 at 2026-01-02T03:04:05Z with the keys that AWS's documentation uses.

use crate::request::HttpRequest;
use bytes::Bytes;

/// Name, method, path, query, headers (one a line), body in hexadecimal digits.
type Vector = (&'static str, &'static str, &'static str, &'static str, &'static str, &'static str);

pub(super) fn requests() -> impl Iterator<Item = (&'static str, HttpRequest)> {
    VECTORS.iter().map(|(name, method, path, query, headers, body)| {
        let headers = headers.lines().map(|line| line.split_once(": ").expect("a name and a value"));
        let request = HttpRequest {
            method: (*method).into(),
            path: (*path).into(),
            query: (*query).into(),
            headers: headers.map(|(name, value)| (name.into(), value.into())).collect(),
            body: unhex(body),
            ..HttpRequest::default()
        };
        (*name, request)
    })
}

fn unhex(text: &str) -> Bytes {
    let digit = |byte: u8| char::from(byte).to_digit(16).expect("a digit") as u8;
    text.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

const VECTORS: &[Vector] = &[
    (
        "a JSON call",
        "POST",
        "/",
        "",
        "content-type: application/x-amz-json-1.1\n\
         x-amz-target: Logs_20140328.PutLogEvents\n\
         user-agent: Boto3/1\n\
         x-amz-date: 20260102T030405Z\n\
         authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260102/us-east-1/logs/aws4_request, \
         SignedHeaders=content-type;host;x-amz-date;x-amz-target, \
         Signature=7e319ffc63af205b4cf279939c3f0b988a74bfd0699987f196d9aa9618c682d5\n\
         host: 127.0.0.1:8792",
        "7b226c6f6747726f75704e616d65223a2267227d",
    ),
    (
        "temporary keys",
        "POST",
        "/",
        "",
        "content-type: application/x-amz-json-1.1\n\
         x-amz-target: Logs_20140328.PutLogEvents\n\
         user-agent: Boto3/1\n\
         x-amz-date: 20260102T030405Z\n\
         x-amz-security-token: TOKEN/abc+def==\n\
         authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260102/us-east-1/logs/aws4_request, \
         SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target, \
         Signature=28d63a4554554130423c88e20307b226a358eef9028eddc83e0d58198958321f\n\
         host: 127.0.0.1:8792",
        "7b226c6f6747726f75704e616d65223a2267227d",
    ),
    (
        "a compressed body",
        "POST",
        "/",
        "",
        "content-type: application/x-amz-json-1.0\n\
         content-encoding: gzip\n\
         x-amz-target: GraniteServiceVersion20100801.PutMetricData\n\
         x-amz-date: 20260102T030405Z\n\
         authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260102/us-east-1/monitoring/aws4_request, \
         SignedHeaders=content-encoding;content-type;host;x-amz-date;x-amz-target, \
         Signature=c9ad5df3f521083d0eafb69f364039907556d1608206e0ef69a2c37626c0ca3c\n\
         host: localhost:8792",
        "1f8b0800000000000203ab56f24bcc4d2d2e484c4e55b252ca53d251f24d2d29ca4c76492c4954b28a8ead0500\
         44f5092921000000",
    ),
    (
        "a form",
        "POST",
        "/",
        "",
        "content-type: application/x-www-form-urlencoded; charset=utf-8\n\
         x-amz-date: 20260102T030405Z\n\
         authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260102/us-east-1/monitoring/aws4_request, \
         SignedHeaders=content-type;host;x-amz-date, \
         Signature=ed6ef12c3502c786d838c58bc8874ef95f77cb9ae4bbf5b98645114cb5d3cd6d\n\
         host: localhost:8792",
        "416374696f6e3d4c6973744d6574726963732656657273696f6e3d323031302d30382d3031",
    ),
    (
        "an RPC v2 path",
        "POST",
        "/service/GraniteServiceVersion20100801/operation/ListMetrics",
        "",
        "content-type: application/cbor\n\
         smithy-protocol: rpc-v2-cbor\n\
         x-amz-date: 20260102T030405Z\n\
         authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260102/us-east-1/monitoring/aws4_request, \
         SignedHeaders=content-type;host;smithy-protocol;x-amz-date, \
         Signature=b290cdec947036f9cdf11d387a0bf804944c0c2312efdb2a1c18c950eb144542\n\
         host: localhost:8792",
        "bfff",
    ),
    (
        "an odd path and query",
        "GET",
        "/a%20b//./c/../d%2Fe/",
        "z=1&b=two%20words&a=2&a=1&empty&x=%E2%82%AC~",
        "x-amz-date: 20260102T030405Z\n\
         authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260102/us-east-1/execute-api/aws4_request, \
         SignedHeaders=host;x-amz-date, \
         Signature=00b6bdd54a792725b7c220ede9bdb13fd7a2c77e9007e0b58dd08a0b1af5c590\n\
         host: localhost:8792",
        "",
    ),
    (
        "spaces in headers",
        "POST",
        "/",
        "",
        "x-amz-meta:   a   b\tc  \n\
         content-type: text/plain\n\
         x-amz-date: 20260102T030405Z\n\
         authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260102/us-east-1/logs/aws4_request, \
         SignedHeaders=content-type;host;x-amz-date;x-amz-meta, \
         Signature=422a76626659db292f0a12f338eeb5e300474dfd28a711f4c92097d2e9220f28\n\
         host: localhost:8792",
        "78",
    ),
    (
        "a presigned call",
        "GET",
        "/",
        "Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credent\
         ial=AKIDEXAMPLE%2F20260102%2Fus-east-1%2Fsts%2Faws4_request&X-Amz-Date=20260102T030405Z&X-\
         Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Signature=bd3433ba3769194e902291fcf558c28cf\
         b03351be26fa986417cd920a1505d5b",
        "host: localhost:8792",
        "",
    ),
    (
        "a presigned call with temporary keys",
        "GET",
        "/",
        "Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credent\
         ial=AKIDEXAMPLE%2F20260102%2Fus-east-1%2Fsts%2Faws4_request&X-Amz-Date=20260102T030405Z&X-\
         Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Security-Token=TOKEN%2Fabc%2Bdef%3D%3D&X-Am\
         z-Signature=2d6a715cf9a912a75d139a03d5091f0b226af103f6b5fb4988b1ee9fc790015c",
        "host: localhost:8792",
        "",
    ),
    (
        "an S3 key",
        "GET",
        "/bucket/a%20b%2Bc/%C3%A9.txt",
        "",
        "x-amz-date: 20260102T030405Z\n\
         x-amz-content-sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n\
         authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260102/us-east-1/s3/aws4_request, \
         SignedHeaders=host;x-amz-content-sha256;x-amz-date, \
         Signature=82ce61dc454cacac31e64ebab5064cd540a19df041980fd8cbcdbcf050c0ba66\n\
         host: localhost:8792",
        "",
    ),
    (
        "a presigned S3 key",
        "GET",
        "/bucket/a%20b.txt",
        "versionId=1&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20260102%2Fus-\
         east-1%2Fs3%2Faws4_request&X-Amz-Date=20260102T030405Z&X-Amz-Expires=900&X-Amz-SignedHeade\
         rs=host&X-Amz-Signature=eda2a5030659e9029903693ce33ce10073fa36b803d48a4f169f5d0976c51382",
        "host: localhost:8792",
        "",
    ),
];
