//! The table of the implemented Logs operations.

use super::{
    account_policies, anomalies, create_log_group, create_log_stream, data_protection_policy, delete_log_group,
    delete_log_stream, delete_metric_filter, deliveries, delivery_destinations, delivery_sources,
    describe_field_indexes, describe_log_groups, describe_log_streams, describe_metric_filters, describe_queries,
    destinations, export_tasks, filter_log_events, get_log_events, get_log_group_fields, get_log_record,
    get_query_results, index_policy, kms_key, list_log_groups, log_anomaly_detectors, lookup_tables,
    put_bearer_token_authentication, put_log_events, put_log_group_deletion_protection, put_metric_filter,
    query_definitions, resource_policies, retention_policy, scheduled_queries, start_live_tail, start_query,
    stop_query, subscription_filters, syslog_configurations, tags, test_metric_filter, transformer,
};
use crate::Watch;
use wire::Access::{List, Read, Tagging, Write};
use wire::Audit::{Data, Management};
use wire::{Operation, logs, operation, streaming_operation};

/// Calls that carry log events are data events: recorded only where a selector asks.
const EVENTS: wire::Audit = Data("AWS::Logs::LogGroup");

/// The implemented Logs operations.
pub fn operations() -> Vec<Operation<Watch>> {
    vec![
        operation!(Write, Management, logs::AssociateKmsKey, kms_key::associate_kms_key),
        operation!(Write, Management, logs::CancelExportTask, export_tasks::cancel_export_task),
        operation!(Write, Management, logs::CreateDelivery, deliveries::create_delivery),
        operation!(Write, Management, logs::CreateExportTask, export_tasks::create_export_task),
        operation!(
            Write,
            Management,
            logs::CreateLogAnomalyDetector,
            log_anomaly_detectors::create_log_anomaly_detector
        ),
        operation!(Write, Management, logs::CreateLogGroup, create_log_group::create_log_group),
        operation!(Write, Management, logs::CreateLogStream, create_log_stream::create_log_stream),
        operation!(Write, Management, logs::CreateLookupTable, lookup_tables::create_lookup_table),
        operation!(Write, Management, logs::CreateScheduledQuery, scheduled_queries::create_scheduled_query),
        operation!(Write, Management, logs::DeleteAccountPolicy, account_policies::delete_account_policy),
        operation!(
            Write,
            Management,
            logs::DeleteDataProtectionPolicy,
            data_protection_policy::delete_data_protection_policy
        ),
        operation!(Write, Management, logs::DeleteDelivery, deliveries::delete_delivery),
        operation!(
            Write,
            Management,
            logs::DeleteDeliveryDestination,
            delivery_destinations::delete_delivery_destination
        ),
        operation!(
            Write,
            Management,
            logs::DeleteDeliveryDestinationPolicy,
            delivery_destinations::delete_delivery_destination_policy
        ),
        operation!(Write, Management, logs::DeleteDeliverySource, delivery_sources::delete_delivery_source),
        operation!(Write, Management, logs::DeleteDestination, destinations::delete_destination),
        operation!(Write, Management, logs::DeleteIndexPolicy, index_policy::delete_index_policy),
        operation!(
            Write,
            Management,
            logs::DeleteLogAnomalyDetector,
            log_anomaly_detectors::delete_log_anomaly_detector
        ),
        operation!(Write, Management, logs::DeleteLogGroup, delete_log_group::delete_log_group),
        operation!(Write, Management, logs::DeleteLogStream, delete_log_stream::delete_log_stream),
        operation!(Write, Management, logs::DeleteLookupTable, lookup_tables::delete_lookup_table),
        operation!(Write, Management, logs::DeleteMetricFilter, delete_metric_filter::delete_metric_filter),
        operation!(Write, Management, logs::DeleteQueryDefinition, query_definitions::delete_query_definition),
        operation!(Write, Management, logs::DeleteResourcePolicy, resource_policies::delete_resource_policy),
        operation!(Write, Management, logs::DeleteRetentionPolicy, retention_policy::delete_retention_policy),
        operation!(Write, Management, logs::DeleteScheduledQuery, scheduled_queries::delete_scheduled_query),
        operation!(Write, Management, logs::DeleteSubscriptionFilter, subscription_filters::delete_subscription_filter),
        operation!(
            Write,
            Management,
            logs::DeleteSyslogConfiguration,
            syslog_configurations::delete_syslog_configuration
        ),
        operation!(Write, Management, logs::DeleteTransformer, transformer::delete_transformer),
        operation!(List, Management, logs::DescribeAccountPolicies, account_policies::describe_account_policies),
        operation!(
            List,
            Management,
            logs::DescribeConfigurationTemplates,
            deliveries::describe_configuration_templates
        ),
        operation!(List, Management, logs::DescribeDeliveries, deliveries::describe_deliveries),
        operation!(
            List,
            Management,
            logs::DescribeDeliveryDestinations,
            delivery_destinations::describe_delivery_destinations
        ),
        operation!(List, Management, logs::DescribeDeliverySources, delivery_sources::describe_delivery_sources),
        operation!(List, Management, logs::DescribeDestinations, destinations::describe_destinations),
        operation!(List, Management, logs::DescribeExportTasks, export_tasks::describe_export_tasks),
        operation!(List, Management, logs::DescribeFieldIndexes, describe_field_indexes::describe_field_indexes),
        operation!(List, Management, logs::DescribeIndexPolicies, index_policy::describe_index_policies),
        operation!(List, Management, logs::DescribeLogGroups, describe_log_groups::describe_log_groups),
        operation!(List, Management, logs::DescribeLogStreams, describe_log_streams::describe_log_streams),
        operation!(List, Management, logs::DescribeLookupTables, lookup_tables::describe_lookup_tables),
        operation!(List, Management, logs::DescribeMetricFilters, describe_metric_filters::describe_metric_filters),
        operation!(List, Management, logs::DescribeQueries, describe_queries::describe_queries),
        operation!(List, Management, logs::DescribeQueryDefinitions, query_definitions::describe_query_definitions),
        operation!(List, Management, logs::DescribeResourcePolicies, resource_policies::describe_resource_policies),
        operation!(
            List,
            Management,
            logs::DescribeSubscriptionFilters,
            subscription_filters::describe_subscription_filters
        ),
        operation!(Write, Management, logs::DisassociateKmsKey, kms_key::disassociate_kms_key),
        operation!(Read, EVENTS, logs::FilterLogEvents, filter_log_events::filter_log_events),
        operation!(Read, Management, logs::GetDataProtectionPolicy, data_protection_policy::get_data_protection_policy),
        operation!(Read, Management, logs::GetDelivery, deliveries::get_delivery),
        operation!(Read, Management, logs::GetDeliveryDestination, delivery_destinations::get_delivery_destination),
        operation!(
            Read,
            Management,
            logs::GetDeliveryDestinationPolicy,
            delivery_destinations::get_delivery_destination_policy
        ),
        operation!(Read, Management, logs::GetDeliverySource, delivery_sources::get_delivery_source),
        operation!(Read, Management, logs::GetLogAnomalyDetector, log_anomaly_detectors::get_log_anomaly_detector),
        operation!(Read, EVENTS, logs::GetLogEvents, get_log_events::get_log_events),
        operation!(Read, Management, logs::GetLogGroupFields, get_log_group_fields::get_log_group_fields),
        operation!(Read, EVENTS, logs::GetLogRecord, get_log_record::get_log_record),
        operation!(Read, Management, logs::GetLookupTable, lookup_tables::get_lookup_table),
        operation!(Read, EVENTS, logs::GetQueryResults, get_query_results::get_query_results),
        operation!(Read, Management, logs::GetScheduledQuery, scheduled_queries::get_scheduled_query),
        operation!(Read, Management, logs::GetScheduledQueryHistory, scheduled_queries::get_scheduled_query_history),
        operation!(Read, Management, logs::GetTransformer, transformer::get_transformer),
        operation!(List, Management, logs::ListAnomalies, anomalies::list_anomalies),
        operation!(List, Management, logs::ListLogAnomalyDetectors, log_anomaly_detectors::list_log_anomaly_detectors),
        operation!(List, Management, logs::ListLogGroups, list_log_groups::list_log_groups),
        operation!(List, Management, logs::ListLogGroupsForQuery, describe_queries::list_log_groups_for_query),
        operation!(List, Management, logs::ListScheduledQueries, scheduled_queries::list_scheduled_queries),
        operation!(List, Management, logs::ListSyslogConfigurations, syslog_configurations::list_syslog_configurations),
        operation!(List, Management, logs::ListTagsForResource, tags::list_tags_for_resource),
        operation!(List, Management, logs::ListTagsLogGroup, tags::list_tags_log_group),
        operation!(Write, Management, logs::PutAccountPolicy, account_policies::put_account_policy),
        operation!(
            Write,
            Management,
            logs::PutBearerTokenAuthentication,
            put_bearer_token_authentication::put_bearer_token_authentication
        ),
        operation!(
            Write,
            Management,
            logs::PutDataProtectionPolicy,
            data_protection_policy::put_data_protection_policy
        ),
        operation!(Write, Management, logs::PutDeliveryDestination, delivery_destinations::put_delivery_destination),
        operation!(
            Write,
            Management,
            logs::PutDeliveryDestinationPolicy,
            delivery_destinations::put_delivery_destination_policy
        ),
        operation!(Write, Management, logs::PutDeliverySource, delivery_sources::put_delivery_source),
        operation!(Write, Management, logs::PutDestination, destinations::put_destination),
        operation!(Write, Management, logs::PutDestinationPolicy, destinations::put_destination_policy),
        operation!(Write, Management, logs::PutIndexPolicy, index_policy::put_index_policy),
        operation!(Write, EVENTS, logs::PutLogEvents, put_log_events::put_log_events),
        operation!(
            Write,
            Management,
            logs::PutLogGroupDeletionProtection,
            put_log_group_deletion_protection::put_log_group_deletion_protection
        ),
        operation!(Write, Management, logs::PutMetricFilter, put_metric_filter::put_metric_filter),
        operation!(Write, Management, logs::PutQueryDefinition, query_definitions::put_query_definition),
        operation!(Write, Management, logs::PutResourcePolicy, resource_policies::put_resource_policy),
        operation!(Write, Management, logs::PutRetentionPolicy, retention_policy::put_retention_policy),
        operation!(Write, Management, logs::PutSubscriptionFilter, subscription_filters::put_subscription_filter),
        operation!(Write, Management, logs::PutSyslogConfiguration, syslog_configurations::put_syslog_configuration),
        operation!(Write, Management, logs::PutTransformer, transformer::put_transformer),
        streaming_operation!(Read, Management, logs::StartLiveTail, start_live_tail::start_live_tail),
        operation!(Read, Management, logs::StartQuery, start_query::start_query),
        operation!(Read, Management, logs::StopQuery, stop_query::stop_query),
        operation!(Tagging, Management, logs::TagLogGroup, tags::tag_log_group),
        operation!(Tagging, Management, logs::TagResource, tags::tag_resource),
        operation!(Read, Management, logs::TestMetricFilter, test_metric_filter::test_metric_filter),
        operation!(Read, Management, logs::TestTransformer, transformer::test_transformer),
        operation!(Tagging, Management, logs::UntagLogGroup, tags::untag_log_group),
        operation!(Tagging, Management, logs::UntagResource, tags::untag_resource),
        operation!(Write, Management, logs::UpdateAnomaly, anomalies::update_anomaly),
        operation!(Write, Management, logs::UpdateDeliveryConfiguration, deliveries::update_delivery_configuration),
        operation!(
            Write,
            Management,
            logs::UpdateLogAnomalyDetector,
            log_anomaly_detectors::update_log_anomaly_detector
        ),
        operation!(Write, Management, logs::UpdateLookupTable, lookup_tables::update_lookup_table),
        operation!(Write, Management, logs::UpdateScheduledQuery, scheduled_queries::update_scheduled_query),
    ]
}
