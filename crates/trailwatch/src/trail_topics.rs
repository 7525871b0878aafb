//! Topics for trails: `trail` says what is to be told, `watch` publishes it.

use trail::delivery::{NotTold, Telling, Topics};
use watch::Watch;
use wire::ApiError;
use wire::error::common;

/// The topics of the operations plane.
pub struct TrailTopics(pub Watch);

impl Topics for TrailTopics {
    fn check<'a>(&'a self, account: &'a str, topic_arn: &'a str) -> Telling<'a> {
        Box::pin(async move { watch::sns::topic_of(&self.0, account, topic_arn).await.map(drop).map_err(not_told) })
    }

    fn tell<'a>(&'a self, account: &'a str, topic_arn: &'a str, message: String) -> Telling<'a> {
        Box::pin(async move { watch::sns::notify(&self.0, account, topic_arn, message).await.map_err(not_told) })
    }
}

fn not_told(error: ApiError) -> NotTold {
    let text = format!("{}: {}", error.code(), error.message());
    let may_work_later = error.status() >= 500 || error.code() == common::THROTTLING.name;
    if may_work_later { NotTold::Later(text) } else { NotTold::Refused(text) }
}
