//! StartQuery: begins a query of Logs Insights over log groups and a time range.
//!
//! Start and end are seconds since the epoch, both inside. The groups come from the request or, where the language has it, from the
//! query's own source; several in the request share one time range, and each must exist. `SQL` and `PPL` are read into the same tree.
//! Policies must allow `logs:StartQuery` on groups that queries within it name too, and `logs:Unmask` on all for `unmask`.
//! Groups of other accounts that a link shares are named by ARN, or found by a source with their account identifiers.

use super::errors::invalid;
use super::identifiers::readable_group;
use super::queries::{self, Asked};
use crate::Watch;
use crate::linked::{Kind, Linked};
use access::Asking;
use catalog::LogGroup;
use model::limits::{QUERY_GROUPS_MAX, QUERY_ROWS};
use model::time::SECOND;
use model::{Caller, Scope, TimeRange, Timestamp, arn};
use query::insights::ast::{Query, Source};
use query::insights::{Language, QueryError, parse_in};
use wire::ApiError;
use wire::logs::errors::MALFORMED_QUERY_EXCEPTION;
use wire::logs::{
    MalformedQueryException, QueryCompileError, QueryCompileErrorLocation, StartQueryRequest, StartQueryResponse,
};

/// Log groups read from the catalog at a time.
const CHUNK_GROUPS: usize = 1_000;

pub(super) async fn start_query(
    watch: &Watch,
    caller: &Caller,
    input: StartQueryRequest,
) -> Result<StartQueryResponse, ApiError> {
    let language = input.query_language.as_deref().unwrap_or("CWLI");
    let query = parse(language, &input.query_string).await?;
    if input.start_time > input.end_time {
        return Err(invalid("startTime must not be later than endTime."));
    }
    let groups = groups(watch, caller, &input, &query).await?;
    let start = Timestamp(input.start_time.saturating_mul(SECOND));
    let end = Timestamp(input.end_time.saturating_add(1).saturating_mul(SECOND));
    let asked = Asked {
        scope: caller.scope.clone(),
        user_identity: caller.arn.clone(),
        language: language.to_owned(),
        expression: input.query_string,
        query,
        range: TimeRange::new(start, end),
        caller: Some(caller.clone()),
        groups,
        alarm_time_max: None,
        asked_for: None,
        limit: input.limit.map_or(Ok(QUERY_ROWS), usize::try_from).unwrap_or(QUERY_ROWS),
    };
    let (id, _) = queries::start(watch, asked).await?;
    Ok(StartQueryResponse { query_id: Some(id) })
}

/// Reads a query in one of the languages. Regular expressions may take long to compile, so it is not done on a thread that
/// others wait for.
pub(super) async fn parse(language: &str, text: &str) -> Result<Query, ApiError> {
    let language = match language {
        "SQL" => Language::Sql,
        "PPL" => Language::Ppl,
        _ => Language::Cwli,
    };
    let text = text.to_owned();
    let parsed = tokio::task::spawn_blocking(move || parse_in(language, &text)).await;
    parsed.map_err(|error| store::Error::Bug(format!("read a query: {error}")))?.map_err(malformed)
}

/// A query that is not understood, with the place.
fn malformed(error: QueryError) -> ApiError {
    let offset = |at: usize| Some(i32::try_from(at).unwrap_or(i32::MAX));
    let location = QueryCompileErrorLocation {
        start_char_offset: offset(error.start_char),
        end_char_offset: offset(error.end_char),
    };
    let compile_error = QueryCompileError { location: Some(location), message: Some(error.message.clone()) };
    let members = MalformedQueryException { query_compile_error: Some(compile_error) };
    ApiError::new(&MALFORMED_QUERY_EXCEPTION, error.message).with_members(members)
}

/// The groups that the request or the query names.
async fn groups(
    watch: &Watch,
    caller: &Caller,
    input: &StartQueryRequest,
    query: &Query,
) -> Result<Vec<LogGroup>, ApiError> {
    let given = [
        input.log_group_name.is_some(),
        input.log_group_names.as_ref().is_some_and(|names| !names.is_empty()),
        input.log_group_identifiers.as_ref().is_some_and(|identifiers| !identifiers.is_empty()),
    ];
    let given = given.into_iter().filter(|given| *given).count();
    if given > 1
        || (given == 1 && query.source.is_some() && !matches!(input.query_language.as_deref(), Some("SQL" | "PPL")))
    {
        return Err(invalid(
            "Exactly one of logGroupName, logGroupNames, logGroupIdentifiers and SOURCE must be specified.",
        ));
    }
    if let (Some(source), 0) = (&query.source, given) {
        let groups = sourced(watch, &caller.scope, source).await?;
        // The request named none of them, so that policies were asked about none.
        let asking = Asking { caller, now: watch.clock.now() };
        for group in &groups {
            let arn = arn::log_group(&group.scope, &group.name);
            watch.access.authorize_log_group(asking, "logs:StartQuery", &arn)?;
        }
        return Ok(groups);
    }
    let names = input.log_group_name.iter().chain(input.log_group_names.iter().flatten());
    let names: Vec<&String> = names.chain(input.log_group_identifiers.iter().flatten()).collect();
    named(watch, &caller.scope, names).await
}

/// The groups of these names and ARNs, each of which must exist.
pub(super) async fn named(
    watch: &Watch,
    scope: &Scope,
    identifiers: impl IntoIterator<Item = &String>,
) -> Result<Vec<LogGroup>, ApiError> {
    let names: Vec<&String> = identifiers.into_iter().collect();
    if names.is_empty() {
        return Err(invalid("At least one log group must be specified."));
    }
    if names.len() > QUERY_GROUPS_MAX {
        return Err(invalid(format!("At most {QUERY_GROUPS_MAX} log groups can be specified.")));
    }
    let mut groups: Vec<LogGroup> = Vec::with_capacity(names.len());
    for name in names {
        let group = readable_group(watch, scope, name).await?;
        if groups.iter().all(|known| known.id != group.id) {
            groups.push(group);
        }
    }
    Ok(groups)
}

/// The groups that `SOURCE` selects.
pub(super) async fn sourced(watch: &Watch, scope: &Scope, source: &Source) -> Result<Vec<LogGroup>, ApiError> {
    if !source.groups.is_empty() {
        return named(watch, scope, &source.groups).await;
    }
    let mut found = Vec::new();
    // Without account identifiers the caller's own groups are meant (SOURCE reference).
    let asked = |account: &str| match source.accounts.is_empty() {
        true => account == scope.account,
        false => source.accounts.iter().any(|known| known == account),
    };
    let named = source.accounts.iter().map(String::as_str);
    let linked = Linked::of(watch, scope, Kind::LogGroups, named).await?;
    for account in std::iter::once(scope.account.as_str()).chain(linked.accounts()).filter(|account| asked(account)) {
        let owner = Scope { account: account.to_owned(), ..scope.clone() };
        let is_readable = |group: &LogGroup| owner == *scope || linked.shares(account, &group.name);
        let mut after = String::new();
        loop {
            let chunk = watch.catalog.list_log_groups(&owner, "", &after, CHUNK_GROUPS).await?;
            let is_last = chunk.len() < CHUNK_GROUPS;
            for group in chunk {
                after.clone_from(&group.name);
                let wanted = selects(source, &group) && is_readable(&group);
                if wanted && has_tags(watch, &owner, &group, source).await? {
                    found.push(group);
                }
            }
            if is_last {
                break;
            }
        }
    }
    Ok(found)
}

/// Whether a source means a group by its name and class.
fn selects(source: &Source, group: &LogGroup) -> bool {
    let begins = |prefix: &String| group.name.starts_with(prefix.as_str());
    (source.name_prefixes.is_empty() || source.name_prefixes.iter().any(begins))
        && (source.classes.is_empty() || source.classes.contains(&group.class))
}

async fn has_tags(watch: &Watch, scope: &Scope, group: &LogGroup, source: &Source) -> Result<bool, ApiError> {
    if source.tags.is_empty() {
        return Ok(true);
    }
    let tags = watch.catalog.tags(&model::arn::log_group(scope, &group.name)).await?;
    let has = |(key, value): &(String, Option<String>)| {
        tags.get(key).is_some_and(|there| value.as_ref().is_none_or(|value| value == there))
    };
    Ok(source.tags.iter().all(has))
}
