//! PutSinkPolicy, GetSinkPolicy: which source accounts may link to a sink, and what they may share.
//!
//! AWS: <https://docs.aws.amazon.com/OAM/latest/APIReference/API_PutSinkPolicy.html>. The policy decides when a link is made or
//! changed; a later change of the policy leaves the links that are there as they are.

use super::refuse;
use super::sinks::own_sink;
use crate::Watch;
use access::policy::{Policy, Purpose};
use model::limits::SINK_POLICY_BYTES_MAX;
use model::{Caller, arn};
use wire::ApiError;
use wire::oam::{GetSinkPolicyInput, GetSinkPolicyOutput, PutSinkPolicyInput, PutSinkPolicyOutput};

pub async fn put_sink_policy(
    watch: &Watch,
    caller: &Caller,
    input: PutSinkPolicyInput,
) -> Result<PutSinkPolicyOutput, ApiError> {
    let sink = own_sink(watch, caller, &input.sink_identifier).await?;
    if input.policy.len() > SINK_POLICY_BYTES_MAX {
        return Err(refuse::parameter(format!("The policy must not be longer than {SINK_POLICY_BYTES_MAX} bytes.")));
    }
    Policy::parse("sink policy", &input.policy, Purpose::Resource)
        .map_err(|error| refuse::parameter(format!("The policy is not valid: {error}")))?;
    if !watch.catalog.put_sink_policy(&sink.id, &input.policy).await? {
        return Err(refuse::not_found(&input.sink_identifier));
    }
    Ok(PutSinkPolicyOutput {
        policy: Some(input.policy),
        sink_arn: Some(arn::sink(&sink.scope, &sink.id)),
        sink_id: Some(sink.id),
    })
}

pub async fn get_sink_policy(
    watch: &Watch,
    caller: &Caller,
    input: GetSinkPolicyInput,
) -> Result<GetSinkPolicyOutput, ApiError> {
    let sink = own_sink(watch, caller, &input.sink_identifier).await?;
    let policy = sink.policy.ok_or_else(|| refuse::not_found(format!("policy of sink {}", input.sink_identifier)))?;
    Ok(GetSinkPolicyOutput {
        policy: Some(policy),
        sink_arn: Some(arn::sink(&sink.scope, &sink.id)),
        sink_id: Some(sink.id),
    })
}
