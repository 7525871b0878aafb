//! Aggregated events: what the data events of a trail were in five minutes, as a few events instead of many.
//!
//! AWS: <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/aggregating-data-events.html>, with samples of `API_ACTIVITY` (by
//! event name, with the resources) and `RESOURCE_ACCESS` (by resource, with the event names). `USER_ACTIONS` is by the ARN of who called,
//! with the event names; beside the details of the samples there are who called, from where, and the errors, where there are any.
//!
//! There is one event for each template, account, region, source and value of the first dimension, when the window has ended. Events
//! are counted as the store accepted them: one that comes after its window counts in the next. What is counted is in memory; a server
//! that starts reads the open window again. A summary belongs to one trail, whose selectors say what is in it: its id is made of
//! the trail's id, too, by which the trail knows it. Trails deliver summaries as files of their own and to log groups.

mod follow;
mod summary;

pub use follow::Aggregator;
pub(crate) use follow::unread;
pub(crate) use summary::{TEMPLATES, is_of};
