//! ListPublicKeys: the keys that verify the digest files of a time, of the caller's account and region.
//!
//! A time that is left out is now, as AWS documents. AWS reserves NextToken "for future use" and its clients do not page, so a
//! page holds more keys than the widest range should have.

use super::page_token::PageToken;
use crate::Trail;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use catalog::DigestKey;
use model::{Caller, Timestamp};
use wire::ApiError;
use wire::cloudtrail::{ListPublicKeysRequest, ListPublicKeysResponse, PublicKey, errors};

/// Keys in a page.
const PAGE: usize = 1000;

pub(super) async fn list_public_keys(
    trail: &Trail,
    caller: &Caller,
    input: ListPublicKeysRequest,
) -> Result<ListPublicKeysResponse, ApiError> {
    let now = trail.clock.now();
    let (start, end) = (input.start_time.unwrap_or(now), input.end_time.unwrap_or(now));
    if start > end {
        let text = "Invalid time range specified: the start time must not be after the end time.";
        return Err(ApiError::new(&errors::INVALID_TIME_RANGE_EXCEPTION, text));
    }
    let range = |time: Option<Timestamp>| time.map(|time| time.millis().to_string()).unwrap_or_default();
    let scope = &caller.scope;
    let bound = [&scope.account, &scope.region, &range(input.start_time), &range(input.end_time)];
    let token = PageToken::bound_to(&["ListPublicKeys", bound[0], bound[1], bound[2], bound[3]]);
    let after = input.next_token.map(|text| resume(&token, &text)).transpose()?;
    let after = after.as_ref().map(|(began, name)| (*began, name.as_str()));
    let mut keys = trail.catalog.digest_keys(scope, start, end, after, PAGE + 1).await?;
    let more = keys.len() > PAGE;
    keys.truncate(PAGE);
    let last = keys.last().filter(|_| more);
    let next_token = last.map(|key| token.seal(&format!("{} {}", key.valid_from_ms, key.fingerprint)));
    Ok(ListPublicKeysResponse { public_key_list: Some(keys.into_iter().map(shape).collect()), next_token })
}

/// The key after which a page begins.
fn resume(token: &PageToken, text: &str) -> Result<(i64, String), ApiError> {
    let invalid = || ApiError::new(&errors::INVALID_TOKEN_EXCEPTION, "The token is not valid.");
    let position = token.open(text).map_err(|_| invalid())?;
    let (began, name) = position.split_once(' ').ok_or_else(invalid)?;
    Ok((began.parse().map_err(|_| invalid())?, name.to_owned()))
}

fn shape(key: DigestKey) -> PublicKey {
    PublicKey {
        value: STANDARD.decode(key.public_key).ok(),
        validity_start_time: Some(Timestamp(key.valid_from_ms)),
        validity_end_time: Some(Timestamp(key.valid_to_ms)),
        fingerprint: Some(key.fingerprint),
    }
}
