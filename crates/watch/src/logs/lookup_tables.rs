//! CreateLookupTable, GetLookupTable, UpdateLookupTable, DescribeLookupTables and DeleteLookupTable: CSV tables that queries look into.
//!
//! A table is UTF-8 CSV with a header, 10 MB at most, or the answer of a query that has ended. Columns have names of letters, digits
//! and `_`, each once. The answer of a query with `unmask` is for callers who may unmask. KMS keys are kept and encrypt nothing.

use super::errors::{invalid, invalid_token, resource_not_found};
use super::page_token::Fingerprint;
use super::query_answers::{self, Stored};
use crate::Watch;
use catalog::LookupTable as Row;
use model::arn::Arn;
use model::limits::LOOKUP_TABLE_BYTES_MAX;
use model::{Caller, Scope};
use query::insights::LookupTable as Parsed;
use std::collections::BTreeMap;
use wire::ApiError;
use wire::logs::errors::{RESOURCE_ALREADY_EXISTS_EXCEPTION, VALIDATION_EXCEPTION};
use wire::logs::{
    CreateLookupTableRequest, CreateLookupTableResponse, DeleteLookupTableRequest, DescribeLookupTablesRequest,
    DescribeLookupTablesResponse, GetLookupTableRequest, GetLookupTableResponse, LookupTable, UpdateLookupTableRequest,
    UpdateLookupTableResponse,
};
use wire::shape::Empty;

/// Page size when the request names none.
const PAGE: usize = 50;

fn arn(scope: &Scope, name: &str) -> String {
    format!("arn:aws:logs:{}:{}:lookup-table:{name}", scope.region, scope.account)
}

/// The name of the caller's table that an ARN names.
fn name_of<'a>(caller: &Caller, arn: &'a str) -> Result<&'a str, ApiError> {
    let parsed = Arn::parse(arn).filter(|arn| arn.service == "logs");
    let parsed = parsed.ok_or_else(|| invalid("The specified lookupTableArn is not valid."))?;
    let is_own = parsed.region == caller.scope.region && parsed.account == caller.scope.account;
    let name = parsed.resource.strip_prefix("lookup-table:").filter(|_| is_own);
    name.ok_or_else(resource_not_found)
}

pub(super) async fn create_lookup_table(
    watch: &Watch,
    caller: &Caller,
    input: CreateLookupTableRequest,
) -> Result<CreateLookupTableResponse, ApiError> {
    let body = body(watch, caller, input.table_body, input.query_id).await?;
    let row = row(watch, &input.lookup_table_name, input.description, input.kms_key_id, &body).await?;
    let arn = arn(&caller.scope, &row.name);
    let made =
        watch.catalog.create_lookup_table(&caller.scope, &row, &body, &arn, &input.tags.unwrap_or_default()).await?;
    if !made {
        let message = "The specified lookup table already exists.";
        return Err(ApiError::new(&RESOURCE_ALREADY_EXISTS_EXCEPTION, message));
    }
    Ok(CreateLookupTableResponse { lookup_table_arn: Some(arn), created_at: Some(row.updated_ms) })
}

pub(super) async fn update_lookup_table(
    watch: &Watch,
    caller: &Caller,
    input: UpdateLookupTableRequest,
) -> Result<UpdateLookupTableResponse, ApiError> {
    let name = name_of(caller, &input.lookup_table_arn)?;
    let body = body(watch, caller, input.table_body, input.query_id).await?;
    let row = row(watch, name, input.description, input.kms_key_id, &body).await?;
    if !watch.catalog.update_lookup_table(&caller.scope, &row, &body).await? {
        return Err(resource_not_found());
    }
    Ok(UpdateLookupTableResponse {
        lookup_table_arn: Some(input.lookup_table_arn.clone()),
        last_updated_time: Some(row.updated_ms),
    })
}

/// Makes a table, or replaces the one of its name; answers its ARN.
pub(super) async fn replace(
    watch: &Watch,
    scope: &Scope,
    name: &str,
    description: Option<String>,
    kms_key_id: Option<String>,
    body: &str,
) -> Result<String, ApiError> {
    let row = row(watch, name, description, kms_key_id, body).await?;
    let arn = arn(scope, name);
    if !watch.catalog.update_lookup_table(scope, &row, body).await? {
        watch.catalog.create_lookup_table(scope, &row, body, &arn, &BTreeMap::new()).await?;
    }
    Ok(arn)
}

/// The table's text: given, or made of a query's answer.
async fn body(watch: &Watch, caller: &Caller, body: Option<String>, query: Option<String>) -> Result<String, ApiError> {
    match (body, query) {
        (Some(body), None) => Ok(body),
        (None, Some(id)) => match query_answers::stored(watch, &caller.scope, &id).await? {
            Some(Stored { answer: Some(answer), query, .. }) => {
                query_answers::check_sight(watch, caller, &query)?;
                Ok(answer.to_csv())
            }
            Some(_) => Err(invalid("The specified query has no results.")),
            None => Err(invalid("The specified query does not exist.")),
        },
        _ => Err(invalid("Exactly one of tableBody and queryId must be specified.")),
    }
}

async fn row(
    watch: &Watch,
    name: &str,
    description: Option<String>,
    kms_key_id: Option<String>,
    body: &str,
) -> Result<Row, ApiError> {
    if body.len() > LOOKUP_TABLE_BYTES_MAX {
        return Err(invalid(format!("A lookup table can have at most {LOOKUP_TABLE_BYTES_MAX} bytes.")));
    }
    let malformed = |reason: String| ApiError::new(&VALIDATION_EXCEPTION, format!("The table is not valid: {reason}"));
    let text = body.to_owned();
    let parsed = tokio::task::spawn_blocking(move || Parsed::parse(&text)).await;
    let parsed = parsed.map_err(|error| store::Error::Bug(format!("read a lookup table: {error}")))?;
    let parsed = parsed.map_err(malformed)?;
    Ok(Row {
        name: name.to_owned(),
        description,
        kms_key_id,
        fields: serde_json::json!(parsed.header).to_string(),
        records: parsed.rows.len() as i64,
        bytes: body.len() as i64,
        updated_ms: watch.clock.now().0,
    })
}

pub(super) async fn get_lookup_table(
    watch: &Watch,
    caller: &Caller,
    input: GetLookupTableRequest,
) -> Result<GetLookupTableResponse, ApiError> {
    let name = name_of(caller, &input.lookup_table_arn)?;
    let body = watch.catalog.lookup_table_body(&caller.scope, name).await?.ok_or_else(resource_not_found)?;
    let row = watch.catalog.lookup_tables(&caller.scope, name, "", 1).await?.into_iter().next();
    let row = row.filter(|row| row.name == name).ok_or_else(resource_not_found)?;
    Ok(GetLookupTableResponse {
        lookup_table_arn: Some(arn(&caller.scope, &row.name)),
        lookup_table_name: Some(row.name),
        description: row.description,
        table_body: Some(body),
        size_bytes: Some(row.bytes),
        last_updated_time: Some(row.updated_ms),
        kms_key_id: row.kms_key_id,
    })
}

pub(super) async fn describe_lookup_tables(
    watch: &Watch,
    caller: &Caller,
    input: DescribeLookupTablesRequest,
) -> Result<DescribeLookupTablesResponse, ApiError> {
    let (account, region) = (caller.scope.account.as_str(), caller.scope.region.as_str());
    let prefix = input.lookup_table_name_prefix.as_deref();
    let fingerprint = Fingerprint::of("DescribeLookupTables", [Some(account), Some(region), prefix]);
    let after = input.next_token.as_deref().map(|token| fingerprint.open(token)).transpose()?.unwrap_or_default();
    let limit = input.max_results.map_or(Ok(PAGE), usize::try_from).map_err(|_| invalid_token())?.max(1);
    let prefix = prefix.unwrap_or_default();
    let mut rows = watch.catalog.lookup_tables(&caller.scope, prefix, &after, limit + 1).await?;
    let is_last = rows.len() <= limit;
    rows.truncate(limit);
    let last = rows.last().filter(|_| !is_last);
    let next_token = last.map(|last| fingerprint.seal(&last.name));
    let shape = |row: Row| LookupTable {
        lookup_table_arn: Some(arn(&caller.scope, &row.name)),
        lookup_table_name: Some(row.name),
        description: row.description,
        table_fields: serde_json::from_str(&row.fields).ok(),
        records_count: Some(row.records),
        size_bytes: Some(row.bytes),
        last_updated_time: Some(row.updated_ms),
        kms_key_id: row.kms_key_id,
    };
    Ok(DescribeLookupTablesResponse { lookup_tables: Some(rows.into_iter().map(shape).collect()), next_token })
}

pub(super) async fn delete_lookup_table(
    watch: &Watch,
    caller: &Caller,
    input: DeleteLookupTableRequest,
) -> Result<Empty, ApiError> {
    let name = name_of(caller, &input.lookup_table_arn)?;
    match watch.catalog.delete_lookup_table(&caller.scope, name, &input.lookup_table_arn).await? {
        true => Ok(Empty {}),
        false => Err(resource_not_found()),
    }
}
