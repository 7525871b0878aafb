//! CreateLink, GetLink, UpdateLink, DeleteLink: what this account shares with a monitoring account.
//!
//! AWS: <https://docs.aws.amazon.com/OAM/latest/APIReference/API_CreateLink.html>. The policy of the sink must allow the call; a sink
//! that is not there refuses as one that lets nobody in, so that nobody learns which sinks there are. Accounts have neither names
//! nor mail addresses here: the variables of a label template stand for the account id. The filter `*` shares everything again.

use super::filter::{Filter, Term};
use super::refuse;
use super::sinks::named;
use super::tags::{checked, shown};
use crate::Watch;
use access::{Asking, Owned, admitted};
use catalog::{Link, LinkCreated};
use model::limits::LINKS_OF_SOURCE_MAX;
use model::{Caller, Scope, arn};
use wire::ApiError;
use wire::oam::{
    CreateLinkInput, CreateLinkOutput, DeleteLinkInput, DeleteLinkOutput, GetLinkInput, GetLinkOutput,
    LinkConfiguration, LogGroupConfiguration, MetricConfiguration, UpdateLinkInput, UpdateLinkOutput,
};
use wire::shape::Texts;

/// The variables of label templates.
const VARIABLES: [&str; 3] = ["$AccountEmailNoDomain", "$AccountEmail", "$AccountName"];

pub async fn create_link(watch: &Watch, caller: &Caller, input: CreateLinkInput) -> Result<CreateLinkOutput, ApiError> {
    let scope = &caller.scope;
    let (sink_scope, sink_id) = named(scope, &input.sink_identifier, "sink/")
        .ok_or_else(|| refuse::parameter("SinkIdentifier must be the ARN of a sink."))?;
    if sink_scope.region != scope.region {
        return Err(refuse::parameter("A link and its sink must be in the same Region."));
    }
    if sink_scope.account == scope.account {
        return Err(refuse::parameter("An account cannot be linked to a sink of its own."));
    }
    let sink_id = sink_id.to_owned();
    admit(watch, caller, "oam:CreateLink", (&sink_scope, &sink_id), &input).await?;
    let mut link = Link {
        scope: scope.clone(),
        id: watch.ids.uuid().to_string(),
        sink_id,
        monitoring_account: sink_scope.account,
        label_template: input.label_template,
        resource_types: once_each(input.resource_types),
        log_group_filter: None,
        metric_filter: None,
    };
    configure(&mut link, input.link_configuration)?;
    let tags = checked(input.tags.unwrap_or_default())?;
    let arn = arn::link(scope, &link.id);
    match watch.catalog.create_link(&link, LINKS_OF_SOURCE_MAX, &arn, &tags).await? {
        LinkCreated::Created => {}
        LinkCreated::Exists => return Err(refuse::conflict("The account is linked to this sink already.")),
        LinkCreated::TooMany => {
            return Err(refuse::quota(format!("An account can have at most {LINKS_OF_SOURCE_MAX} links in a Region.")));
        }
        // It went in this moment.
        LinkCreated::NoSink => return Err(refuse::conflict("The sink was deleted meanwhile.")),
    }
    Ok(CreateLinkOutput {
        label: Some(label(&link)),
        sink_arn: Some(sink_arn(&link)),
        link_configuration: configuration(&link),
        id: Some(link.id),
        arn: Some(arn),
        label_template: Some(link.label_template),
        resource_types: Some(link.resource_types),
        tags: Some(tags),
    })
}

pub async fn get_link(watch: &Watch, caller: &Caller, input: GetLinkInput) -> Result<GetLinkOutput, ApiError> {
    let link = own_link(watch, caller, &input.identifier).await?;
    let arn = arn::link(&link.scope, &link.id);
    let tags = shown(watch, &arn, input.include_tags).await?;
    Ok(GetLinkOutput {
        label: Some(label(&link)),
        sink_arn: Some(sink_arn(&link)),
        link_configuration: configuration(&link),
        id: Some(link.id),
        arn: Some(arn),
        label_template: Some(link.label_template),
        resource_types: Some(link.resource_types),
        tags,
    })
}

pub async fn update_link(watch: &Watch, caller: &Caller, input: UpdateLinkInput) -> Result<UpdateLinkOutput, ApiError> {
    let mut link = own_link(watch, caller, &input.identifier).await?;
    let sink_scope = Scope { account: link.monitoring_account.clone(), region: link.scope.region.clone() };
    admit(watch, caller, "oam:UpdateLink", (&sink_scope, &link.sink_id), &input).await?;
    link.resource_types = once_each(input.resource_types);
    configure(&mut link, input.link_configuration)?;
    if !watch.catalog.update_link(&link).await? {
        return Err(refuse::not_found(&input.identifier));
    }
    let arn = arn::link(&link.scope, &link.id);
    let tags = shown(watch, &arn, input.include_tags).await?;
    Ok(UpdateLinkOutput {
        label: Some(label(&link)),
        sink_arn: Some(sink_arn(&link)),
        link_configuration: configuration(&link),
        id: Some(link.id),
        arn: Some(arn),
        label_template: Some(link.label_template),
        resource_types: Some(link.resource_types),
        tags,
    })
}

pub async fn delete_link(watch: &Watch, caller: &Caller, input: DeleteLinkInput) -> Result<DeleteLinkOutput, ApiError> {
    let link = own_link(watch, caller, &input.identifier).await?;
    match watch.catalog.delete_link(&link.scope, &link.id, &arn::link(&link.scope, &link.id)).await? {
        true => Ok(DeleteLinkOutput {}),
        false => Err(refuse::not_found(&input.identifier)),
    }
}

/// The caller's link that `identifier` names, by ARN or id.
pub async fn own_link(watch: &Watch, caller: &Caller, identifier: &str) -> Result<Link, ApiError> {
    let not_found = || refuse::not_found(identifier);
    let (scope, id) = named(&caller.scope, identifier, "link/").ok_or_else(not_found)?;
    if scope != caller.scope {
        return Err(not_found());
    }
    watch.catalog.link(&scope, id).await?.ok_or_else(not_found)
}

/// The name of a source account in the monitoring account.
pub fn label(link: &Link) -> String {
    VARIABLES.iter().fold(link.label_template.clone(), |label, variable| label.replace(variable, &link.scope.account))
}

/// The ARN of the sink of a link.
pub fn sink_arn(link: &Link) -> String {
    let scope = Scope { account: link.monitoring_account.clone(), region: link.scope.region.clone() };
    arn::sink(&scope, &link.sink_id)
}

/// Whether the policy of a sink, given by scope and id, lets the caller link to it.
async fn admit(
    watch: &Watch,
    caller: &Caller,
    action: &str,
    (scope, id): (&Scope, &str),
    input: &(impl Texts + Sync),
) -> Result<(), ApiError> {
    let sink = watch.catalog.sink(scope).await?.filter(|sink| sink.id == id);
    let policy = sink.as_ref().and_then(|sink| sink.policy.as_deref());
    let asking = Asking { caller, now: watch.clock.now() };
    let owned = Owned { account: &scope.account, arn: &arn::sink(scope, id), policy, own_need_it: true };
    admitted(asking, action, owned, input)
}

fn once_each(types: Vec<String>) -> Vec<String> {
    let mut once: Vec<String> = Vec::with_capacity(types.len());
    for one in types {
        if !once.contains(&one) {
            once.push(one);
        }
    }
    once
}

/// Enters the filters that are given; others stay as they are.
fn configure(link: &mut Link, configuration: Option<LinkConfiguration>) -> Result<(), ApiError> {
    let Some(LinkConfiguration { log_group_configuration, metric_configuration }) = configuration else {
        return Ok(());
    };
    if let Some(LogGroupConfiguration { filter }) = log_group_configuration {
        link.log_group_filter = checked_filter(Term::LogGroupName, filter)?;
    }
    if let Some(MetricConfiguration { filter }) = metric_configuration {
        link.metric_filter = checked_filter(Term::Namespace, filter)?;
    }
    Ok(())
}

fn checked_filter(term: Term, text: String) -> Result<Option<String>, ApiError> {
    if text.trim() == "*" {
        return Ok(None);
    }
    Filter::parse(term, &text).map_err(|error| refuse::parameter(format!("The filter is not valid: {error}.")))?;
    Ok(Some(text))
}

fn configuration(link: &Link) -> Option<LinkConfiguration> {
    let log_group_configuration = link.log_group_filter.clone().map(|filter| LogGroupConfiguration { filter });
    let metric_configuration = link.metric_filter.clone().map(|filter| MetricConfiguration { filter });
    let is_some = log_group_configuration.is_some() || metric_configuration.is_some();
    is_some.then_some(LinkConfiguration { log_group_configuration, metric_configuration })
}
