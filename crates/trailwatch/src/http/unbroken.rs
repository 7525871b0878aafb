//! `Unbroken`: work that goes on to its end when nobody waits for it any more.

use futures::FutureExt;
use futures::future::BoxFuture;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::thread;
use tokio::runtime::Handle;

/// Work of the task that awaits it: a task of its own would mostly be begun by another thread, which must be woken, and woken back.
/// Dropped before its end it becomes a task, of which nobody hears. What panics is an error and ends.
pub struct Unbroken<T: Send + 'static>(Option<BoxFuture<'static, thread::Result<T>>>);

impl<T: Send + 'static> Unbroken<T> {
    /// Does nothing until it is awaited or dropped.
    pub fn new(work: impl Future<Output = T> + Send + 'static) -> Self {
        Self(Some(AssertUnwindSafe(work).catch_unwind().boxed()))
    }
}

impl<T: Send + 'static> Future for Unbroken<T> {
    type Output = thread::Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Awaited again after its end it waits for ever, as futures may.
        let Some(work) = &mut self.0 else { return Poll::Pending };
        let outcome = ready!(work.as_mut().poll(cx));
        self.0 = None;
        Poll::Ready(outcome)
    }
}

impl<T: Send + 'static> Drop for Unbroken<T> {
    fn drop(&mut self) {
        // Without a runtime the process ends, as for every task.
        if let (Some(rest), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(rest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn it_answers_whoever_waits() {
        assert_eq!(Unbroken::new(async { 7 }).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn what_nobody_waits_for_goes_on_to_its_end() {
        let (go_on, going) = oneshot::channel();
        let (done, ended) = oneshot::channel();
        let mut work = Unbroken::new(async move {
            going.await.unwrap();
            done.send(7).unwrap();
        });
        assert!(futures::poll!(&mut work).is_pending());
        drop(work);
        go_on.send(()).unwrap();
        assert_eq!(ended.await, Ok(7));
    }

    #[tokio::test]
    async fn a_panic_ends_the_work_and_is_told() {
        let work = Unbroken::new(async { assert!(std::hint::black_box(false), "a defect") });
        assert!(work.await.is_err());
    }
}
