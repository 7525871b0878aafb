//! ListLinks: the links that this account made. ListAttachedLinks: those that end at its sink.

use super::links::{label, sink_arn};
use super::sinks::own_sink;
use super::{refuse, token};
use crate::Watch;
use catalog::Link;
use model::{Caller, arn};
use wire::ApiError;
use wire::oam::{
    ListAttachedLinksInput, ListAttachedLinksItem, ListAttachedLinksOutput, ListLinksInput, ListLinksItem,
    ListLinksOutput,
};

/// Page sizes when the request names none: the models' greatest.
const LINKS_PAGE: i32 = 5;
const ATTACHED_PAGE: i32 = 1_000;

pub async fn list_links(watch: &Watch, caller: &Caller, input: ListLinksInput) -> Result<ListLinksOutput, ApiError> {
    let scope = &caller.scope;
    let after = token::open("ListLinks", scope, input.next_token.as_deref())?;
    let max = size(input.max_results.unwrap_or(LINKS_PAGE))?;
    let found = watch.catalog.links_from(scope, &after, max + 1).await?;
    let (page, more) = page(found, max);
    let next_token = page.last().filter(|_| more).map(|last| token::seal("ListLinks", scope, &last.id));
    let item = |link: Link| ListLinksItem {
        arn: Some(arn::link(&link.scope, &link.id)),
        label: Some(label(&link)),
        sink_arn: Some(sink_arn(&link)),
        id: Some(link.id),
        resource_types: Some(link.resource_types),
    };
    Ok(ListLinksOutput { items: page.into_iter().map(item).collect(), next_token })
}

pub async fn list_attached_links(
    watch: &Watch,
    caller: &Caller,
    input: ListAttachedLinksInput,
) -> Result<ListAttachedLinksOutput, ApiError> {
    let scope = own_sink(watch, caller, &input.sink_identifier).await?.scope;
    let after = token::open("ListAttachedLinks", &scope, input.next_token.as_deref())?;
    let max = size(input.max_results.unwrap_or(ATTACHED_PAGE))?;
    let found = watch.catalog.links_to(&scope, &after, max + 1).await?;
    let (page, more) = page(found, max);
    let next = page.last().filter(|_| more);
    let next_token = next.map(|last| token::seal("ListAttachedLinks", &scope, &last.scope.account));
    let item = |link: Link| ListAttachedLinksItem {
        label: Some(label(&link)),
        link_arn: Some(arn::link(&link.scope, &link.id)),
        resource_types: Some(link.resource_types),
    };
    Ok(ListAttachedLinksOutput { items: page.into_iter().map(item).collect(), next_token })
}

fn size(asked: i32) -> Result<usize, ApiError> {
    usize::try_from(asked).map_err(|_| refuse::parameter("MaxResults must be positive."))
}

/// The links of a page, of which one more was read, and whether there was one more.
fn page(mut found: Vec<Link>, max: usize) -> (Vec<Link>, bool) {
    let more = found.len() > max;
    found.truncate(max);
    (found, more)
}
