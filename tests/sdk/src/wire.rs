//! `Wire`: notes what the SDK sends and gets, as it stands on the wire: protocol headers, paths, bodies.

use aws_sdk_cloudwatch::config::interceptors::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_sdk_cloudwatch::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_cloudwatch::error::BoxError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};

/// Everything that went over the wire, in order. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Wire(Arc<Mutex<Vec<Exchange>>>);

/// One request and its answer.
#[derive(Debug, Default)]
struct Exchange {
    path: String,
    protocol: Option<String>,
    content_type: Option<String>,
    content_encoding: Option<String>,
    target: Option<String>,
    body: Vec<u8>,
    status: u16,
    answer_protocol: Option<String>,
    answer_content_type: Option<String>,
}

impl Wire {
    /// Requests and answers without bodies, in order.
    pub fn exchanges(&self) -> Vec<Value> {
        let exchanges = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let told = exchanges.iter().map(|exchange| {
            json!({
                "path": exchange.path,
                "smithy_protocol": exchange.protocol,
                "content_type": exchange.content_type,
                "content_encoding": exchange.content_encoding,
                "x_amz_target": exchange.target,
                "status": exchange.status,
                "answer_smithy_protocol": exchange.answer_protocol,
                "answer_content_type": exchange.answer_content_type,
            })
        });
        told.collect()
    }

    /// The request bodies of one operation as they were sent, in base64.
    pub fn bodies_of(&self, operation: &str) -> Vec<String> {
        let exchanges = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = exchanges.iter().filter(|exchange| exchange.path.ends_with(&format!("/operation/{operation}")));
        own.map(|exchange| STANDARD.encode(&exchange.body)).collect()
    }
}

impl Intercept for Wire {
    fn name(&self) -> &'static str {
        "Wire"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request();
        let header = |name| request.headers().get(name).map(str::to_owned);
        let (_, path) = request.uri().split_once("://").and_then(|(_, rest)| rest.split_once('/')).unwrap_or_default();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Exchange {
            path: format!("/{path}"),
            protocol: header("smithy-protocol"),
            content_type: header("content-type"),
            content_encoding: header("content-encoding"),
            target: header("x-amz-target"),
            body: request.body().bytes().ok_or("the body is a stream")?.to_vec(),
            ..Exchange::default()
        });
        Ok(())
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        let header = |name| response.headers().get(name).map(str::to_owned);
        let mut exchanges = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The client calls one thing after another: the answer belongs to the newest request.
        let exchange = exchanges.last_mut().ok_or("an answer without a request")?;
        exchange.status = response.status().as_u16();
        exchange.answer_protocol = header("smithy-protocol");
        exchange.answer_content_type = header("content-type");
        Ok(())
    }
}
