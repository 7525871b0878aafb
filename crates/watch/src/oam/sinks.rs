//! CreateSink, GetSink, ListSinks, DeleteSink: where links to this account end; one sink for each account and region.

use super::tags::{checked, shown};
use super::{refuse, token};
use crate::Watch;
use catalog::{Sink, SinkDeletion};
use model::arn::{self, Arn};
use model::{Caller, Scope};
use wire::ApiError;
use wire::oam::{
    CreateSinkInput, CreateSinkOutput, DeleteSinkInput, DeleteSinkOutput, GetSinkInput, GetSinkOutput, ListSinksInput,
    ListSinksItem, ListSinksOutput,
};

pub async fn create_sink(watch: &Watch, caller: &Caller, input: CreateSinkInput) -> Result<CreateSinkOutput, ApiError> {
    let tags = checked(input.tags.unwrap_or_default())?;
    let sink = Sink { scope: caller.scope.clone(), id: watch.ids.uuid().to_string(), name: input.name, policy: None };
    let arn = arn::sink(&sink.scope, &sink.id);
    if !watch.catalog.create_sink(&sink, &arn, &tags).await? {
        return Err(refuse::quota("An account can have one sink in a Region, and there is one already."));
    }
    Ok(CreateSinkOutput { arn: Some(arn), id: Some(sink.id), name: Some(sink.name), tags: Some(tags) })
}

pub async fn get_sink(watch: &Watch, caller: &Caller, input: GetSinkInput) -> Result<GetSinkOutput, ApiError> {
    let sink = own_sink(watch, caller, &input.identifier).await?;
    let arn = arn::sink(&sink.scope, &sink.id);
    let tags = shown(watch, &arn, input.include_tags).await?;
    Ok(GetSinkOutput { arn: Some(arn), id: Some(sink.id), name: Some(sink.name), tags })
}

pub async fn list_sinks(watch: &Watch, caller: &Caller, input: ListSinksInput) -> Result<ListSinksOutput, ApiError> {
    // There is one at most, so that no page has a next; a token is none of ours.
    token::open("ListSinks", &caller.scope, input.next_token.as_deref())?;
    let item = |sink: Sink| ListSinksItem {
        arn: Some(arn::sink(&sink.scope, &sink.id)),
        id: Some(sink.id),
        name: Some(sink.name),
    };
    let items = watch.catalog.sink(&caller.scope).await?.map(item).into_iter().collect();
    Ok(ListSinksOutput { items, next_token: None })
}

pub async fn delete_sink(watch: &Watch, caller: &Caller, input: DeleteSinkInput) -> Result<DeleteSinkOutput, ApiError> {
    let sink = own_sink(watch, caller, &input.identifier).await?;
    match watch.catalog.delete_sink(&sink.id, &arn::sink(&sink.scope, &sink.id)).await? {
        SinkDeletion::Deleted => Ok(DeleteSinkOutput {}),
        SinkDeletion::Absent => Err(refuse::not_found(&input.identifier)),
        SinkDeletion::Linked => {
            Err(refuse::conflict("The sink cannot be deleted while links are attached to it. Delete its links first."))
        }
    }
}

/// The caller's sink that `identifier` names, by ARN or id.
pub async fn own_sink(watch: &Watch, caller: &Caller, identifier: &str) -> Result<Sink, ApiError> {
    let not_found = || refuse::not_found(identifier);
    let (scope, id) = named(&caller.scope, identifier, "sink/").ok_or_else(not_found)?;
    if scope != caller.scope {
        return Err(not_found());
    }
    watch.catalog.sink(&scope).await?.filter(|sink| sink.id == id).ok_or_else(not_found)
}

/// Account, region and id of what an identifier names: an ARN of the observability access manager whose resource begins with `kind`,
/// or the id of something of the caller's.
pub fn named<'i>(own: &Scope, identifier: &'i str, kind: &str) -> Option<(Scope, &'i str)> {
    if !identifier.starts_with("arn:") {
        return Some((own.clone(), identifier));
    }
    let arn = Arn::parse(identifier).filter(|arn| arn.partition == "aws" && arn.service == "oam")?;
    let id = arn.resource.strip_prefix(kind)?;
    Some((Scope { account: arn.account.to_owned(), region: arn.region.to_owned() }, id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_arns_or_ids() {
        let own = Scope { account: "1".into(), region: "us-east-1".into() };
        let found = |identifier| named(&own, identifier, "sink/").map(|(scope, id)| format!("{} {id}", scope.account));
        assert_eq!(found("abc").as_deref(), Some("1 abc"));
        assert_eq!(found("arn:aws:oam:us-east-1:2:sink/abc").as_deref(), Some("2 abc"));
        assert_eq!(found("arn:aws:oam:us-east-1:2:link/abc"), None);
        assert_eq!(found("arn:aws:sns:us-east-1:2:sink/abc"), None);
        assert_eq!(found("arn:aws:oam"), None);
    }
}
