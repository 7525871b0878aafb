//! Topics for trails: `trail` says what is to be told, `watch` publishes it.

use trail::delivery::{NotTold, Telling, Topics};
use watch::Watch;
use wire::error::common;

/// The topics of the operations plane.
pub struct TrailTopics(pub Watch);

impl Topics for TrailTopics {
    fn tell<'a>(&'a self, account: &'a str, topic_arn: &'a str, message: String) -> Telling<'a> {
        Box::pin(async move {
            watch::sns::notify(&self.0, account, topic_arn, message).await.map_err(|error| {
                let text = format!("{}: {}", error.code(), error.message());
                let may_work_later = error.status() >= 500 || error.code() == common::THROTTLING.name;
                if may_work_later { NotTold::Later(text) } else { NotTold::Refused(text) }
            })
        })
    }
}
