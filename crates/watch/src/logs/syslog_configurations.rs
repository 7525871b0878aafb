//! PutSyslogConfiguration, ListSyslogConfigurations and DeleteSyslogConfiguration: the log groups that syslog messages go to.
//!
//! On AWS messages come to a VPC endpoint. Here they come to ports of the server: `[syslog.endpoints]` of the configuration file
//! gives a VPC endpoint's id addresses to listen on, and a configuration without an id is for the addresses of `[syslog]`
//! itself, whose messages go to its `log_group` otherwise.
//!
//! Where AWS says nothing, this holds. Groups that are configured for the same endpoint each get every message; a group may be
//! configured for several endpoints. A configuration that is put again stays as it is. An id that the configuration file does not
//! name is taken, and nothing comes of it. DeleteSyslogConfiguration without an id deletes all configurations of the group. A
//! page has 50.

use super::errors::group_not_found;
use super::identifiers::{group_name, identified_group};
use super::page_token::Fingerprint;
use crate::Watch;
use catalog::SyslogConfigurationPut;
use model::limits::SYSLOG_CONFIGURATIONS_MAX;
use model::{Caller, arn};
use wire::ApiError;
use wire::logs::errors::{INVALID_OPERATION_EXCEPTION, RESOURCE_NOT_FOUND_EXCEPTION};
use wire::logs::{
    DeleteSyslogConfigurationRequest, ListSyslogConfigurationsRequest, ListSyslogConfigurationsResponse,
    PutSyslogConfigurationRequest, SyslogConfiguration,
};
use wire::shape::Empty;

/// Page size, and its maximum by the model.
const PAGE: usize = 50;

pub(super) async fn put_syslog_configuration(
    watch: &Watch,
    caller: &Caller,
    input: PutSyslogConfigurationRequest,
) -> Result<Empty, ApiError> {
    let scope = &caller.scope;
    let group = identified_group(watch, caller, &input.log_group_identifier).await?;
    let endpoint = input.vpc_endpoint_id.as_deref().unwrap_or_default();
    let (now, most) = (watch.clock.now(), SYSLOG_CONFIGURATIONS_MAX);
    match watch.catalog.put_syslog_configuration(scope, group.id, endpoint, now, most).await? {
        SyslogConfigurationPut::Put => Ok(Empty {}),
        SyslogConfigurationPut::NoGroup => Err(group_not_found()),
        SyslogConfigurationPut::TooMany => {
            let message = format!("There are already {SYSLOG_CONFIGURATIONS_MAX} syslog configurations.");
            Err(ApiError::new(&INVALID_OPERATION_EXCEPTION, message))
        }
    }
}

pub(super) async fn list_syslog_configurations(
    watch: &Watch,
    caller: &Caller,
    input: ListSyslogConfigurationsRequest,
) -> Result<ListSyslogConfigurationsResponse, ApiError> {
    let scope = &caller.scope;
    let name = input.log_group_identifier.as_deref().map(|identifier| group_name(scope, identifier)).transpose()?;
    let endpoint = input.vpc_endpoint_id.as_deref();
    let fixed = [Some(scope.account.as_str()), Some(scope.region.as_str()), name, endpoint];
    let fingerprint = Fingerprint::of("ListSyslogConfigurations", fixed);
    let after = input.next_token.as_deref().map(|token| fingerprint.open(token)).transpose()?;
    let limit = input.max_results.and_then(|limit| usize::try_from(limit).ok()).filter(|limit| *limit > 0);
    let limit = limit.unwrap_or(PAGE);
    // The catalog's order: a name holds nothing that sorts before the line's end.
    let place = |found: &catalog::SyslogConfiguration| format!("{}\n{}", found.group_name, found.vpc_endpoint);
    let mut found = watch.catalog.syslog_configurations(scope).await?;
    found.retain(|found| {
        name.is_none_or(|name| found.group_name == name)
            && endpoint.is_none_or(|endpoint| found.vpc_endpoint == endpoint)
            && after.as_ref().is_none_or(|after| place(found) > *after)
    });
    let more = found.len() > limit;
    found.truncate(limit);
    let next_token = found.last().filter(|_| more).map(|last| fingerprint.seal(&place(last)));
    let shown = |found: catalog::SyslogConfiguration| SyslogConfiguration {
        log_group_arn: Some(arn::log_group(scope, &found.group_name)),
        source_type: Some("VPCE".into()),
        vpc_endpoint_id: Some(found.vpc_endpoint).filter(|endpoint| !endpoint.is_empty()),
        created_at: Some(found.created_ms),
    };
    let syslog_configurations = Some(found.into_iter().map(shown).collect());
    Ok(ListSyslogConfigurationsResponse { syslog_configurations, next_token })
}

pub(super) async fn delete_syslog_configuration(
    watch: &Watch,
    caller: &Caller,
    input: DeleteSyslogConfigurationRequest,
) -> Result<Empty, ApiError> {
    let group = identified_group(watch, caller, &input.log_group_identifier).await?;
    if watch.catalog.delete_syslog_configurations(group.id, input.vpc_endpoint_id.as_deref()).await? {
        return Ok(Empty {});
    }
    Err(ApiError::new(&RESOURCE_NOT_FOUND_EXCEPTION, "The specified syslog configuration does not exist."))
}
