//! The rows of the operations of the observability access manager.

use super::{links, list_links, sink_policy, sinks, tags};
use crate::Watch;
use wire::{Access, Audit, Operation, oam, operation};

/// The implemented operations.
#[rustfmt::skip]
pub fn operations() -> Vec<Operation<Watch>> {
    const MANAGEMENT: Audit = Audit::Management;
    vec![
        operation!(Access::Write, MANAGEMENT, oam::CreateSink, sinks::create_sink),
        operation!(Access::Read, MANAGEMENT, oam::GetSink, sinks::get_sink),
        operation!(Access::List, MANAGEMENT, oam::ListSinks, sinks::list_sinks),
        operation!(Access::Write, MANAGEMENT, oam::DeleteSink, sinks::delete_sink),
        operation!(Access::Write, MANAGEMENT, oam::PutSinkPolicy, sink_policy::put_sink_policy),
        operation!(Access::Read, MANAGEMENT, oam::GetSinkPolicy, sink_policy::get_sink_policy),
        operation!(Access::Write, MANAGEMENT, oam::CreateLink, links::create_link),
        operation!(Access::Read, MANAGEMENT, oam::GetLink, links::get_link),
        operation!(Access::Write, MANAGEMENT, oam::UpdateLink, links::update_link),
        operation!(Access::Write, MANAGEMENT, oam::DeleteLink, links::delete_link),
        operation!(Access::List, MANAGEMENT, oam::ListLinks, list_links::list_links),
        operation!(Access::List, MANAGEMENT, oam::ListAttachedLinks, list_links::list_attached_links),
        operation!(Access::Tagging, MANAGEMENT, oam::TagResource, tags::tag_resource),
        operation!(Access::Tagging, MANAGEMENT, oam::UntagResource, tags::untag_resource),
        operation!(Access::Read, MANAGEMENT, oam::ListTagsForResource, tags::list_tags_for_resource),
    ]
}
