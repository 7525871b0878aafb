//! The operations of `aws cloudtrail`, one file per command; tags, channels, policies and what
//! belongs to CloudTrail Lake have one file per family.

pub mod channels;
pub mod create_trail;
pub mod dashboards;
pub mod delete_trail;
pub mod describe_trails;
pub mod event_configuration;
pub mod event_data_stores;
pub mod federation;
pub mod generate_query;
pub mod get_event_selectors;
pub mod get_insight_selectors;
pub mod get_trail;
pub mod get_trail_status;
pub mod imports;
pub mod lake_queries;
pub mod list_insights_data;
pub mod list_insights_metric_data;
pub mod list_public_keys;
pub mod list_trails;
pub mod lookup_events;
pub mod page_token;
pub mod put_event_selectors;
pub mod put_insight_selectors;
pub mod resource_policies;
pub mod search_sample_queries;
pub mod start_logging;
pub mod stop_logging;
pub mod tags;
pub mod trail_name;
pub mod trail_settings;
pub mod trails;
pub mod update_trail;

use crate::Trail;
use wire::{Access, Audit, Operation, cloudtrail as ct, operation};

/// The rows of this service.
pub fn operations() -> Vec<Operation<Trail>> {
    use Access::{List, Read, Tagging, Write};
    use Audit::Management;
    let mut operations = vec![
        operation!(Write, Management, ct::CreateTrail, create_trail::create_trail),
        operation!(Write, Management, ct::UpdateTrail, update_trail::update_trail),
        operation!(Write, Management, ct::DeleteTrail, delete_trail::delete_trail),
        operation!(Read, Management, ct::GetTrail, get_trail::get_trail),
        operation!(Read, Management, ct::DescribeTrails, describe_trails::describe_trails),
        operation!(List, Management, ct::ListTrails, list_trails::list_trails),
        operation!(Write, Management, ct::StartLogging, start_logging::start_logging),
        operation!(Write, Management, ct::StopLogging, stop_logging::stop_logging),
        operation!(Read, Management, ct::GetTrailStatus, get_trail_status::get_trail_status),
        operation!(Write, Management, ct::PutEventSelectors, put_event_selectors::put_event_selectors),
        operation!(Read, Management, ct::GetEventSelectors, get_event_selectors::get_event_selectors),
        operation!(Write, Management, ct::PutInsightSelectors, put_insight_selectors::put_insight_selectors),
        operation!(Read, Management, ct::GetInsightSelectors, get_insight_selectors::get_insight_selectors),
        operation!(Read, Management, ct::ListInsightsData, list_insights_data::list_insights_data),
        operation!(Read, Management, ct::ListInsightsMetricData, list_insights_metric_data::list_insights_metric_data),
        operation!(Read, Management, ct::ListPublicKeys, list_public_keys::list_public_keys),
        operation!(Read, Management, ct::LookupEvents, lookup_events::lookup_events),
        operation!(Read, Management, ct::SearchSampleQueries, search_sample_queries::search_sample_queries),
        operation!(Read, Management, ct::GenerateQuery, generate_query::generate_query),
        operation!(Tagging, Management, ct::AddTags, tags::add_tags),
        operation!(Tagging, Management, ct::RemoveTags, tags::remove_tags),
        operation!(Read, Management, ct::ListTags, tags::list_tags),
    ];
    operations.extend(channels::operations());
    operations.extend(dashboards::operations());
    operations.extend(federation::operations());
    operations.extend(event_configuration::operations());
    operations.extend(event_data_stores::operations());
    operations.extend(imports::operations());
    operations.extend(lake_queries::operations());
    operations.extend(resource_policies::operations());
    operations
}
