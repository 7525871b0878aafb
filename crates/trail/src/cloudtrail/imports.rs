//! StartImport, StopImport, GetImport, ListImports, ListImportFailures: trail files of a bucket into an event data store.
//!
//! AWS assumes `S3BucketAccessRoleArn` and asks `S3BucketRegion`; here the buckets are those of the configuration, so both are kept and
//! shown and have no effect. A prefix counts as one, so `PrefixesFound` is 1. Digest files are passed over.
//!
//! An import that is started again by its id reads the files that failed once more, and then those behind the last one that it read.

use super::event_data_stores::{self, active};
use super::page_token::PageToken;
use crate::Trail;
use crate::lake::{categories, selectors_of};
use crate::lake_imports::{self, location};
use catalog::{TrailImport, TrailImportFailure};
use model::buckets::BucketError;
use model::{Caller, Timestamp, arn};
use std::sync::Arc;
use wire::cloudtrail::{
    self as ct, GetImportRequest, GetImportResponse, ListImportFailuresRequest, ListImportFailuresResponse,
    ListImportsRequest, ListImportsResponse, StartImportRequest, StartImportResponse, StopImportRequest,
    StopImportResponse, errors,
};
use wire::{Access, ApiError, Audit, Operation, operation};

/// Imports, or failures, in a page when the client does not say.
const PAGE: usize = 1000;
const IN_PROGRESS: &str = "IN_PROGRESS";

pub(super) fn operations() -> Vec<Operation<Trail>> {
    use Audit::Management;
    vec![
        operation!(Access::Write, Management, ct::StartImport, start_import),
        operation!(Access::Write, Management, ct::StopImport, stop_import),
        operation!(Access::Read, Management, ct::GetImport, get_import),
        operation!(Access::List, Management, ct::ListImports, list_imports),
        operation!(Access::List, Management, ct::ListImportFailures, list_import_failures),
    ]
}

async fn start_import(
    trail: &Trail,
    caller: &Caller,
    input: StartImportRequest,
) -> Result<StartImportResponse, ApiError> {
    let now = trail.clock.now().0;
    let (import, is_entered) = match input.import_id.clone() {
        Some(id) => {
            let others = (&input.destinations, &input.import_source, &input.start_event_time, &input.end_event_time);
            if !matches!(others, (None, None, None, None)) {
                return Err(invalid("Specify ImportId alone to go on with an import."));
            }
            let old = find(trail, caller, &id).await?;
            // Both may have changed since.
            active(trail, caller, &old.store_id).await?;
            check_source(trail, caller, &old.uri).await?;
            let again = TrailImport { status: IN_PROGRESS.into(), updated_ms: now, starts: old.starts + 1, ..old };
            let is_entered = trail.catalog.restart_trail_import(&again).await?;
            (again, is_entered)
        }
        None => {
            let new = new_import(trail, caller, input, now).await?;
            let is_entered = trail.catalog.start_trail_import(&new).await?;
            (new, is_entered)
        }
    };
    if !is_entered {
        let text = "You can only have one import in progress in an account and region.";
        return Err(ApiError::new(&errors::ACCOUNT_HAS_ONGOING_IMPORT_EXCEPTION, text));
    }
    lake_imports::start(trail, import.clone());
    Ok(StartImportResponse {
        import_id: Some(import.id.clone()),
        destinations: Some(destinations(&import)),
        import_source: Some(source(&import)),
        start_event_time: import.start_ms.map(Timestamp),
        end_event_time: import.end_ms.map(Timestamp),
        import_status: Some("INITIALIZING".into()),
        created_timestamp: Some(Timestamp(import.created_ms)),
        updated_timestamp: Some(Timestamp(import.updated_ms)),
    })
}

async fn new_import(
    trail: &Trail,
    caller: &Caller,
    input: StartImportRequest,
    now: i64,
) -> Result<TrailImport, ApiError> {
    let (Some(destinations), Some(source)) = (input.destinations, input.import_source) else {
        return Err(invalid("Specify Destinations and ImportSource, or ImportId."));
    };
    let store = active(trail, caller, destinations.first().map_or("", String::as_str)).await?;
    let kinds = categories(&selectors_of(&store));
    if kinds.iter().any(|kind| !matches!(kind.as_str(), "Management" | "Data" | "NetworkActivity")) {
        let text = "Only event data stores of CloudTrail events take imports.";
        return Err(ApiError::new(&errors::INVALID_EVENT_DATA_STORE_CATEGORY_EXCEPTION, text));
    }
    if input.start_event_time.zip(input.end_event_time).is_some_and(|(start, end)| start > end) {
        return Err(invalid("StartEventTime must not be later than EndEventTime."));
    }
    check_source(trail, caller, &source.s3.s3_location_uri).await?;
    Ok(TrailImport {
        id: trail.ids.uuid().to_string(),
        account: caller.scope.account.clone(),
        region: caller.scope.region.clone(),
        store_id: store.id,
        uri: source.s3.s3_location_uri,
        bucket_region: source.s3.s3_bucket_region,
        role_arn: source.s3.s3_bucket_access_role_arn,
        start_ms: input.start_event_time.map(|time| time.0),
        end_ms: input.end_event_time.map(|time| time.0),
        status: IN_PROGRESS.into(),
        created_ms: now,
        updated_ms: now,
        starts: 1,
        ..TrailImport::default()
    })
}

/// The bucket must be there, be the caller's, and tell what it has.
async fn check_source(trail: &Trail, caller: &Caller, uri: &str) -> Result<(), ApiError> {
    let wrong = |text: String| Err(ApiError::new(&errors::INVALID_IMPORT_SOURCE_EXCEPTION, text));
    let Some((bucket, prefix)) = location(uri) else {
        return wrong("The S3 location must look like s3://bucket/prefix.".into());
    };
    let (buckets, scope) = (Arc::clone(&trail.buckets), caller.scope.clone());
    let (name, prefix) = (bucket.to_owned(), prefix.to_owned());
    let checked = tokio::task::spawn_blocking(move || {
        buckets.check(&scope, &name)?;
        // One behind an S3 endpoint has to be asked for something.
        buckets.list(&name, &prefix, "", 1).map(drop)
    });
    let checked = checked.await;
    match checked.unwrap_or_else(|error| Err(BucketError::Unreachable(error.to_string()))) {
        Ok(()) => Ok(()),
        Err(BucketError::Unreachable(reason)) => {
            tracing::warn!(bucket, reason, "check the bucket of an import");
            wrong(format!("The bucket {bucket} cannot be reached."))
        }
        Err(error) => wrong(format!("The bucket {bucket} cannot be read: {error}")),
    }
}

async fn stop_import(trail: &Trail, caller: &Caller, input: StopImportRequest) -> Result<StopImportResponse, ApiError> {
    let mut import = find(trail, caller, &input.import_id).await?;
    lake_imports::stop(trail, &import.id);
    if import.status == IN_PROGRESS {
        trail.catalog.stop_trail_import(&caller.scope, &import.id, trail.clock.now()).await?;
        // Stopped, or ended meanwhile.
        import = find(trail, caller, &import.id).await?;
    }
    let shown = shown(import);
    Ok(StopImportResponse {
        import_id: shown.import_id,
        import_source: shown.import_source,
        destinations: shown.destinations,
        import_status: shown.import_status,
        created_timestamp: shown.created_timestamp,
        updated_timestamp: shown.updated_timestamp,
        start_event_time: shown.start_event_time,
        end_event_time: shown.end_event_time,
        import_statistics: shown.import_statistics,
    })
}

async fn get_import(trail: &Trail, caller: &Caller, input: GetImportRequest) -> Result<GetImportResponse, ApiError> {
    Ok(shown(find(trail, caller, &input.import_id).await?))
}

async fn list_imports(
    trail: &Trail,
    caller: &Caller,
    input: ListImportsRequest,
) -> Result<ListImportsResponse, ApiError> {
    let store = match &input.destination {
        Some(text) => Some(event_data_stores::find(trail, caller, text).await?.id),
        None => None,
    };
    let status = input.import_status.as_deref();
    let token = PageToken::bound_to(&[
        "ListImports",
        &caller.scope.account,
        &caller.scope.region,
        store.as_deref().unwrap_or_default(),
        status.unwrap_or_default(),
    ]);
    let start = match &input.next_token {
        Some(text) => token.open(text)?.parse::<usize>().map_err(|_| PageToken::invalid())?,
        None => 0,
    };
    let limit = limit(input.max_results);
    let mut imports = trail.catalog.trail_imports(&caller.scope).await?;
    imports.retain(|import| {
        store.as_ref().is_none_or(|id| import.store_id == *id) && status.is_none_or(|status| import.status == status)
    });
    let next_token = (imports.len() > start.saturating_add(limit)).then(|| token.seal(&(start + limit).to_string()));
    let shape = |import: TrailImport| ct::ImportsListItem {
        destinations: Some(destinations(&import)),
        import_id: Some(import.id),
        import_status: Some(import.status),
        created_timestamp: Some(Timestamp(import.created_ms)),
        updated_timestamp: Some(Timestamp(import.updated_ms)),
    };
    let imports = imports.into_iter().skip(start).take(limit).map(shape).collect();
    Ok(ListImportsResponse { imports: Some(imports), next_token })
}

async fn list_import_failures(
    trail: &Trail,
    caller: &Caller,
    input: ListImportFailuresRequest,
) -> Result<ListImportFailuresResponse, ApiError> {
    // AWS lists the failures of an import that is not there as none.
    let token = PageToken::bound_to(&["ListImportFailures", &input.import_id]);
    let after = input.next_token.map(|text| token.open(&text)).transpose()?.unwrap_or_default();
    let limit = limit(input.max_results);
    let failures = match trail.catalog.trail_import(&caller.scope, &input.import_id).await? {
        Some(import) => trail.catalog.trail_import_failures(&import.id, &after, limit).await?,
        None => Vec::new(),
    };
    let next_token = failures.last().filter(|_| failures.len() == limit).map(|failure| token.seal(&failure.location));
    let shape = |failure: TrailImportFailure| ct::ImportFailureListItem {
        location: Some(failure.location),
        status: Some("FAILED".into()),
        error_type: Some(failure.error_type),
        error_message: Some(failure.error_message),
        last_updated_time: Some(Timestamp(failure.updated_ms)),
    };
    Ok(ListImportFailuresResponse { failures: Some(failures.into_iter().map(shape).collect()), next_token })
}

fn limit(asked: Option<i32>) -> usize {
    asked.and_then(|max| usize::try_from(max).ok()).unwrap_or(PAGE).clamp(1, PAGE)
}

async fn find(trail: &Trail, caller: &Caller, id: &str) -> Result<TrailImport, ApiError> {
    trail.catalog.trail_import(&caller.scope, id).await?.ok_or_else(|| {
        let text = format!("The import does not exist: {id}");
        ApiError::new(&errors::IMPORT_NOT_FOUND_EXCEPTION, text)
    })
}

fn invalid(text: &'static str) -> ApiError {
    ApiError::new(&errors::INVALID_PARAMETER_EXCEPTION, text)
}

fn destinations(import: &TrailImport) -> Vec<String> {
    let scope = model::Scope { account: import.account.clone(), region: import.region.clone() };
    vec![arn::event_data_store(&scope, &import.store_id)]
}

fn source(import: &TrailImport) -> ct::ImportSource {
    ct::ImportSource {
        s3: ct::S3ImportSource {
            s3_location_uri: import.uri.clone(),
            s3_bucket_region: import.bucket_region.clone(),
            s3_bucket_access_role_arn: import.role_arn.clone(),
        },
    }
}

fn shown(import: TrailImport) -> GetImportResponse {
    let is_done = matches!(import.status.as_str(), "COMPLETED" | "FAILED");
    GetImportResponse {
        destinations: Some(destinations(&import)),
        import_source: Some(source(&import)),
        import_id: Some(import.id),
        start_event_time: import.start_ms.map(Timestamp),
        end_event_time: import.end_ms.map(Timestamp),
        import_status: Some(import.status),
        created_timestamp: Some(Timestamp(import.created_ms)),
        updated_timestamp: Some(Timestamp(import.updated_ms)),
        import_statistics: Some(ct::ImportStatistics {
            prefixes_found: Some(1),
            prefixes_completed: Some(i64::from(is_done)),
            files_completed: Some(import.files_completed),
            events_completed: Some(import.events_completed),
            failed_entries: Some(import.failed_entries),
        }),
    }
}
