//! Places for work that is usually quick: so much runs at a time, and what turns out to be slow gives its place to what waits.

use tokio::sync::Semaphore;

/// Some places. Work that is slow keeps running without one, so that only as much is slow at a time as its caller begins.
#[derive(Debug)]
pub struct Places(Semaphore);

impl Places {
    /// So many places.
    pub fn new(count: usize) -> Self {
        Self(Semaphore::new(count))
    }

    /// Does `work` once there is a place, and holds that until `is_slow` resolves, which is called for when it begins.
    pub async fn run<T, S: Future<Output = ()>>(
        &self,
        work: impl Future<Output = T>,
        is_slow: impl FnOnce() -> S,
    ) -> T {
        // The semaphore is never closed.
        let place = self.0.acquire().await.ok();
        tokio::pin!(work);
        tokio::select! {
            biased;
            done = &mut work => return done,
            () = is_slow() => drop(place),
        }
        work.await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::future::{pending, ready};
    use futures::{FutureExt, StreamExt, stream};
    use std::cell::Cell;

    #[test]
    fn what_is_slow_makes_nothing_else_wait() {
        let places = Places::new(2);
        // Ten that never end stand before a hundred that do at once.
        let work = |number: usize| {
            let places = &places;
            async move {
                match number {
                    0..10 => places.run(pending::<usize>(), || ready(())).await,
                    _ => places.run(ready(number), pending).await,
                }
            }
        };
        let done = stream::iter(0..110).map(work).buffer_unordered(64).take(100).collect::<Vec<usize>>();
        let mut done = done.now_or_never().expect("nothing waits");
        done.sort_unstable();
        assert_eq!(done, (10..110).collect::<Vec<usize>>());
        // As long as they are not known to be slow, they hold their places.
        let work = |number: usize| {
            let places = &places;
            async move {
                match number {
                    0..2 => places.run(pending::<usize>(), pending).await,
                    _ => places.run(ready(number), pending).await,
                }
            }
        };
        let done = stream::iter(0..10).map(work).buffer_unordered(64).take(1).collect::<Vec<usize>>();
        assert!(done.now_or_never().is_none());
    }

    #[tokio::test]
    async fn no_more_run_than_there_are_places() {
        let places = Places::new(3);
        let (running, most) = (Cell::new(0), Cell::new(0));
        let work = |_| {
            let work = async {
                running.set(running.get() + 1);
                most.set(most.get().max(running.get()));
                tokio::task::yield_now().await;
                running.set(running.get() - 1);
            };
            places.run(work, pending)
        };
        stream::iter(0..30).map(work).buffer_unordered(64).collect::<Vec<()>>().await;
        assert_eq!(most.get(), 3);
    }
}
