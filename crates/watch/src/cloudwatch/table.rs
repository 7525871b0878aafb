//! The rows of the CloudWatch operations: what each is named, who may call it, and the function that does it.

use super::{
    alarm_actions, alarm_mute_rules, anomaly_detectors, dashboards, datasets, delete_alarms,
    describe_alarm_contributors, describe_alarm_history, describe_alarms, describe_alarms_for_metric,
    describe_insight_rules, get_insight_rule_report, get_metric_data, get_metric_statistics, get_metric_widget_image,
    insight_rules, list_metrics, managed_insight_rules, metric_data_query_definitions, metric_streams, otel_enrichment,
    put_composite_alarm, put_dashboard, put_insight_rule, put_log_alarm, put_metric_alarm, put_metric_data,
    put_metric_stream, resource_metrics_configurations, set_alarm_state, tags,
};
use crate::Watch;
use wire::{Access, Audit, Operation, OperationShape, Service, cloudwatch, operation};

/// The implemented CloudWatch operations.
#[rustfmt::skip]
pub fn operations() -> Vec<Operation<Watch>> {
    const MANAGEMENT: Audit = Audit::Management;
    // The calls that come by the thousand are data events: recorded only where a selector asks for them.
    const METRIC: Audit = Audit::Data("AWS::CloudWatch::Metric");
    vec![
        Operation {
            service: Service::CloudWatch,
            name: cloudwatch::PutMetricData::NAME,
            access: Access::Write,
            audit: METRIC,
            run: put_metric_data::call,
        },
        operation!(Access::Read, METRIC, cloudwatch::GetMetricData, get_metric_data::get_metric_data),
        operation!(Access::Read, METRIC, cloudwatch::GetMetricStatistics, get_metric_statistics::get_metric_statistics),
        operation!(Access::Read, METRIC, cloudwatch::GetMetricWidgetImage, get_metric_widget_image::get_metric_widget_image),
        operation!(Access::List, MANAGEMENT, cloudwatch::ListMetrics, list_metrics::list_metrics),
        operation!(Access::Write, MANAGEMENT, cloudwatch::PutMetricAlarm, put_metric_alarm::put_metric_alarm),
        operation!(Access::Write, MANAGEMENT, cloudwatch::PutCompositeAlarm, put_composite_alarm::put_composite_alarm),
        operation!(Access::Write, MANAGEMENT, cloudwatch::PutLogAlarm, put_log_alarm::put_log_alarm),
        operation!(Access::Read, MANAGEMENT, cloudwatch::DescribeAlarms, describe_alarms::describe_alarms),
        operation!(Access::Read, MANAGEMENT, cloudwatch::DescribeAlarmsForMetric, describe_alarms_for_metric::describe_alarms_for_metric),
        operation!(Access::Read, MANAGEMENT, cloudwatch::DescribeAlarmContributors, describe_alarm_contributors::describe_alarm_contributors),
        operation!(Access::Read, MANAGEMENT, cloudwatch::DescribeAlarmHistory, describe_alarm_history::describe_alarm_history),
        operation!(Access::Write, MANAGEMENT, cloudwatch::SetAlarmState, set_alarm_state::set_alarm_state),
        operation!(Access::Write, MANAGEMENT, cloudwatch::EnableAlarmActions, alarm_actions::enable_alarm_actions),
        operation!(Access::Write, MANAGEMENT, cloudwatch::DisableAlarmActions, alarm_actions::disable_alarm_actions),
        operation!(Access::Write, MANAGEMENT, cloudwatch::DeleteAlarms, delete_alarms::delete_alarms),
        operation!(Access::Write, MANAGEMENT, cloudwatch::PutAlarmMuteRule, alarm_mute_rules::put_alarm_mute_rule),
        operation!(Access::Read, MANAGEMENT, cloudwatch::GetAlarmMuteRule, alarm_mute_rules::get_alarm_mute_rule),
        operation!(Access::List, MANAGEMENT, cloudwatch::ListAlarmMuteRules, alarm_mute_rules::list_alarm_mute_rules),
        operation!(Access::Write, MANAGEMENT, cloudwatch::DeleteAlarmMuteRule, alarm_mute_rules::delete_alarm_mute_rule),
        operation!(Access::Write, MANAGEMENT, cloudwatch::PutAnomalyDetector, anomaly_detectors::put_anomaly_detector),
        operation!(Access::Read, MANAGEMENT, cloudwatch::DescribeAnomalyDetectors, anomaly_detectors::describe_anomaly_detectors),
        operation!(Access::Write, MANAGEMENT, cloudwatch::DeleteAnomalyDetector, anomaly_detectors::delete_anomaly_detector),
        operation!(Access::Write, MANAGEMENT, cloudwatch::PutDashboard, put_dashboard::put_dashboard),
        operation!(Access::Read, MANAGEMENT, cloudwatch::GetDashboard, dashboards::get_dashboard),
        operation!(Access::List, MANAGEMENT, cloudwatch::ListDashboards, dashboards::list_dashboards),
        operation!(Access::Write, MANAGEMENT, cloudwatch::DeleteDashboards, dashboards::delete_dashboards),
        operation!(Access::Write, MANAGEMENT, cloudwatch::PutInsightRule, put_insight_rule::put_insight_rule),
        operation!(Access::Read, MANAGEMENT, cloudwatch::DescribeInsightRules, describe_insight_rules::describe_insight_rules),
        operation!(Access::Read, MANAGEMENT, cloudwatch::GetInsightRuleReport, get_insight_rule_report::get_insight_rule_report),
        operation!(Access::Write, MANAGEMENT, cloudwatch::EnableInsightRules, insight_rules::enable_insight_rules),
        operation!(Access::Write, MANAGEMENT, cloudwatch::DisableInsightRules, insight_rules::disable_insight_rules),
        operation!(Access::Write, MANAGEMENT, cloudwatch::DeleteInsightRules, insight_rules::delete_insight_rules),
        operation!(Access::List, MANAGEMENT, cloudwatch::ListManagedInsightRules, managed_insight_rules::list_managed_insight_rules),
        operation!(Access::Write, MANAGEMENT, cloudwatch::PutManagedInsightRules, managed_insight_rules::put_managed_insight_rules),
        operation!(Access::Write, MANAGEMENT, cloudwatch::PutMetricDataQueryDefinition, metric_data_query_definitions::put_metric_data_query_definition),
        operation!(Access::Read, MANAGEMENT, cloudwatch::GetMetricDataQueryDefinition, metric_data_query_definitions::get_metric_data_query_definition),
        operation!(Access::List, MANAGEMENT, cloudwatch::ListMetricDataQueryDefinitions, metric_data_query_definitions::list_metric_data_query_definitions),
        operation!(Access::Write, MANAGEMENT, cloudwatch::DeleteMetricDataQueryDefinition, metric_data_query_definitions::delete_metric_data_query_definition),
        operation!(Access::Write, MANAGEMENT, cloudwatch::PutMetricStream, put_metric_stream::put_metric_stream),
        operation!(Access::Read, MANAGEMENT, cloudwatch::GetMetricStream, metric_streams::get_metric_stream),
        operation!(Access::List, MANAGEMENT, cloudwatch::ListMetricStreams, metric_streams::list_metric_streams),
        operation!(Access::Write, MANAGEMENT, cloudwatch::DeleteMetricStream, metric_streams::delete_metric_stream),
        operation!(Access::Write, MANAGEMENT, cloudwatch::StartMetricStreams, metric_streams::start_metric_streams),
        operation!(Access::Write, MANAGEMENT, cloudwatch::StopMetricStreams, metric_streams::stop_metric_streams),
        operation!(Access::Read, MANAGEMENT, cloudwatch::GetOTelEnrichment, otel_enrichment::get_otel_enrichment),
        operation!(Access::Write, MANAGEMENT, cloudwatch::StartOTelEnrichment, otel_enrichment::start_otel_enrichment),
        operation!(Access::Write, MANAGEMENT, cloudwatch::UpdateOTelEnrichment, otel_enrichment::update_otel_enrichment),
        operation!(Access::Write, MANAGEMENT, cloudwatch::StopOTelEnrichment, otel_enrichment::stop_otel_enrichment),
        operation!(Access::Write, MANAGEMENT, cloudwatch::CreateResourceMetricsConfiguration, resource_metrics_configurations::create_resource_metrics_configuration),
        operation!(Access::Read, MANAGEMENT, cloudwatch::GetResourceMetricsConfiguration, resource_metrics_configurations::get_resource_metrics_configuration),
        operation!(Access::Write, MANAGEMENT, cloudwatch::UpdateResourceMetricsConfiguration, resource_metrics_configurations::update_resource_metrics_configuration),
        operation!(Access::Write, MANAGEMENT, cloudwatch::DeleteResourceMetricsConfiguration, resource_metrics_configurations::delete_resource_metrics_configuration),
        operation!(Access::Read, MANAGEMENT, cloudwatch::GetDataset, datasets::get_dataset),
        operation!(Access::Write, MANAGEMENT, cloudwatch::AssociateDatasetKmsKey, datasets::associate_dataset_kms_key),
        operation!(Access::Write, MANAGEMENT, cloudwatch::DisassociateDatasetKmsKey, datasets::disassociate_dataset_kms_key),
        operation!(Access::Tagging, MANAGEMENT, cloudwatch::TagResource, tags::tag_resource),
        operation!(Access::Tagging, MANAGEMENT, cloudwatch::UntagResource, tags::untag_resource),
        operation!(Access::List, MANAGEMENT, cloudwatch::ListTagsForResource, tags::list_tags_for_resource),
    ]
}
