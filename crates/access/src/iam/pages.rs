//! Pages of lists: `MaxItems` at once, and a `Marker` that is the key of the last one.

use super::errors::validation;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use wire::ApiError;

/// Items of a page when the client does not say (IAM references).
const ITEMS: usize = 100;

/// A page of a list.
pub(super) struct Page<T> {
    pub items: Vec<T>,
    pub is_truncated: Option<bool>,
    pub marker: Option<String>,
}

/// The page of `items` that follows `marker`. Keys tell items apart.
pub(super) fn page<T>(
    mut items: Vec<T>,
    key: impl Fn(&T) -> String,
    marker: Option<String>,
    max: Option<i32>,
) -> Result<Page<T>, ApiError> {
    items.sort_by_cached_key(&key);
    if let Some(marker) = marker {
        let after = URL_SAFE_NO_PAD.decode(&marker).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let after = after.ok_or_else(|| validation("Invalid Marker."))?;
        items.retain(|item| key(item) > after);
    }
    let max = max.and_then(|max| usize::try_from(max).ok()).unwrap_or(ITEMS);
    let more = items.len() > max;
    items.truncate(max);
    let marker = items.last().filter(|_| more).map(|last| URL_SAFE_NO_PAD.encode(key(last)));
    Ok(Page { items, is_truncated: Some(more), marker })
}

/// Whether a path begins with the prefix that a list asks for.
pub(super) fn under(path: &str, prefix: Option<&str>) -> bool {
    prefix.is_none_or(|prefix| path.starts_with(prefix))
}
