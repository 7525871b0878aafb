//! Metrics of another region, which a dimension of our own names: `:trailwatch.Region`. AWS has none: its alarms watch one region.
//!
//! No metric has a dimension of this name, for names of dimensions do not begin with a colon. Whoever may not make the call in the
//! other region may not name it here.

use crate::Watch;
use access::Asking;
use model::Caller;
use model::region::{REGION_DIMENSION, is_region};
use std::collections::BTreeSet;
use wire::cloudwatch::{Dimension, MetricDataQuery};
use wire::{ApiError, Service};

/// Takes the region out of `dimensions`; `own` where none is named. An error is a sentence.
pub fn named(own: &str, dimensions: &mut Vec<(String, String)>) -> Result<String, String> {
    let mut regions = dimensions.extract_if(.., |(name, _)| name == REGION_DIMENSION).map(|(_, region)| region);
    let region = regions.next();
    if regions.next().is_some() {
        return Err(format!("The dimension {REGION_DIMENSION} is given more than once."));
    }
    drop(regions);
    match region {
        None => Ok(own.to_owned()),
        Some(region) if is_region(&region) => Ok(region),
        Some(region) => Err(format!("The value {region} for dimension {REGION_DIMENSION} is not a region.")),
    }
}

/// Refuses callers who may not read metrics of a region that these dimensions name.
pub fn authorize<'a>(
    watch: &Watch,
    caller: &Caller,
    dimensions: impl IntoIterator<Item = &'a Dimension>,
) -> Result<(), ApiError> {
    let of_regions = dimensions.into_iter().filter(|dimension| dimension.name == REGION_DIMENSION);
    let regions: BTreeSet<&str> = of_regions.map(|dimension| dimension.value.as_str()).collect();
    for region in regions.into_iter().filter(|region| *region != caller.scope.region) {
        let mut there = caller.clone();
        region.clone_into(&mut there.scope.region);
        let asking = Asking { caller: &there, now: watch.clock.now() };
        watch.access.authorize(asking, Some(Service::CloudWatch), "cloudwatch:GetMetricData", "*")?;
    }
    Ok(())
}

/// The dimensions that queries name.
pub fn dimensions(queries: &[MetricDataQuery]) -> impl Iterator<Item = &Dimension> {
    let metrics = queries.iter().filter_map(|query| query.metric_stat.as_ref());
    metrics.flat_map(|stat| stat.metric.dimensions.iter().flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dimensions(regions: &[&str]) -> Vec<(String, String)> {
        let of_region = |region: &&str| (REGION_DIMENSION.to_owned(), (*region).to_owned());
        [("Host".to_owned(), "a".to_owned())].into_iter().chain(regions.iter().map(of_region)).collect()
    }

    #[test]
    fn a_region_is_taken_out_of_the_dimensions() {
        let mut none = dimensions(&[]);
        assert_eq!(named("us-east-1", &mut none).as_deref(), Ok("us-east-1"));
        let mut one = dimensions(&["eu-west-1"]);
        assert_eq!(named("us-east-1", &mut one).as_deref(), Ok("eu-west-1"));
        assert_eq!(one, none);
    }

    #[test]
    fn what_names_no_region_or_two_is_refused() {
        assert!(named("us-east-1", &mut dimensions(&["Europe"])).is_err());
        assert!(named("us-east-1", &mut dimensions(&["eu-west-1", "eu-west-2"])).is_err());
    }
}
