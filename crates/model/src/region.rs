//! Names of regions, and the dimension by which a question about metrics names another region than its own.

/// The dimension that names the region in which a metric is, for alarms and graphs over regions. Ours: names of AWS's dimensions do
/// not begin with a colon.
pub const REGION_DIMENSION: &str = ":trailwatch.Region";

/// True for text that may stand as a region in ARNs and keys.
pub fn is_region(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && text.starts_with(|c: char| c.is_ascii_lowercase())
}
