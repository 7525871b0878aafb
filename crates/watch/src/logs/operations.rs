//! The table of the implemented Logs operations.

use super::tags;
use super::{
    create_log_group, create_log_stream, data_protection_policy, delete_log_group, delete_log_stream,
    describe_log_groups, describe_log_streams, filter_log_events, get_log_events, list_log_groups, put_log_events,
    put_log_group_deletion_protection, retention_policy, test_metric_filter, transformer,
};
use crate::Watch;
use wire::Access::{List, Read, Tagging, Write};
use wire::Audit::{Data, Management};
use wire::{Operation, logs, operation};

/// Calls that carry log events are data events: recorded only where a selector asks.
const EVENTS: wire::Audit = Data("AWS::Logs::LogGroup");

/// The implemented Logs operations.
pub fn operations() -> Vec<Operation<Watch>> {
    vec![
        operation!(Write, Management, logs::CreateLogGroup, create_log_group::create_log_group),
        operation!(Write, Management, logs::CreateLogStream, create_log_stream::create_log_stream),
        operation!(
            Write,
            Management,
            logs::DeleteDataProtectionPolicy,
            data_protection_policy::delete_data_protection_policy
        ),
        operation!(Write, Management, logs::DeleteLogGroup, delete_log_group::delete_log_group),
        operation!(Write, Management, logs::DeleteLogStream, delete_log_stream::delete_log_stream),
        operation!(Write, Management, logs::DeleteRetentionPolicy, retention_policy::delete_retention_policy),
        operation!(Write, Management, logs::DeleteTransformer, transformer::delete_transformer),
        operation!(List, Management, logs::DescribeLogGroups, describe_log_groups::describe_log_groups),
        operation!(List, Management, logs::DescribeLogStreams, describe_log_streams::describe_log_streams),
        operation!(Read, EVENTS, logs::FilterLogEvents, filter_log_events::filter_log_events),
        operation!(Read, Management, logs::GetDataProtectionPolicy, data_protection_policy::get_data_protection_policy),
        operation!(Read, EVENTS, logs::GetLogEvents, get_log_events::get_log_events),
        operation!(Read, Management, logs::GetTransformer, transformer::get_transformer),
        operation!(List, Management, logs::ListLogGroups, list_log_groups::list_log_groups),
        operation!(List, Management, logs::ListTagsForResource, tags::list_tags_for_resource),
        operation!(List, Management, logs::ListTagsLogGroup, tags::list_tags_log_group),
        operation!(
            Write,
            Management,
            logs::PutDataProtectionPolicy,
            data_protection_policy::put_data_protection_policy
        ),
        operation!(Write, EVENTS, logs::PutLogEvents, put_log_events::put_log_events),
        operation!(
            Write,
            Management,
            logs::PutLogGroupDeletionProtection,
            put_log_group_deletion_protection::put_log_group_deletion_protection
        ),
        operation!(Write, Management, logs::PutRetentionPolicy, retention_policy::put_retention_policy),
        operation!(Write, Management, logs::PutTransformer, transformer::put_transformer),
        operation!(Tagging, Management, logs::TagLogGroup, tags::tag_log_group),
        operation!(Tagging, Management, logs::TagResource, tags::tag_resource),
        operation!(Read, Management, logs::TestMetricFilter, test_metric_filter::test_metric_filter),
        operation!(Read, Management, logs::TestTransformer, transformer::test_transformer),
        operation!(Tagging, Management, logs::UntagLogGroup, tags::untag_log_group),
        operation!(Tagging, Management, logs::UntagResource, tags::untag_resource),
    ]
}
