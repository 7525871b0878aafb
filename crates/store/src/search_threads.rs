//! The few threads that all searches of a store share.
//!
//! They are threads of their own, not of the runtime's pool, which would spread the work over many threads that each keep the memory
//! of what they read and decompressed. For the same reason no runtime is entered on them: a local folder is then read by the
//! thread itself. An object store that needs a runtime has to bring one.

use crate::error::{Error, Result};
use crate::state::lock;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// Takes jobs; the threads end when it is dropped.
#[derive(Debug)]
pub(crate) struct SearchThreads {
    jobs: mpsc::Sender<Job>,
}

impl SearchThreads {
    /// Starts `count` threads, at least one.
    pub(crate) fn start(count: usize) -> std::io::Result<Self> {
        let (jobs, queue) = mpsc::channel::<Job>();
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..count.max(1) {
            let queue = Arc::clone(&queue);
            std::thread::Builder::new().name("store-search".into()).spawn(move || work(&queue))?;
        }
        Ok(Self { jobs })
    }

    /// Runs a job when a thread is free, and waits for what it answers.
    pub(crate) async fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        // Nobody may wait for the answer any more.
        let job = move || drop(reply.send(job()));
        self.jobs.send(Box::new(job)).map_err(|_| Error::Closed)?;
        answer.await.map_err(|_| Error::Bug("a job of a search has panicked".into()))
    }
}

/// Wakes a thread that waits for a future.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for a future of the store on this thread, which must be none that a runtime has entered.
pub fn wait_for<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

fn work(queue: &Mutex<mpsc::Receiver<Job>>) {
    loop {
        let job = lock(queue).recv();
        let Ok(job) = job else { return };
        // What panics is a caller's condition on texts; it shares nothing with other jobs that it could leave half changed.
        if catch_unwind(AssertUnwindSafe(job)).is_err() {
            tracing::error!("a job of a search has panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error_and_the_thread_goes_on() {
        let threads = SearchThreads::start(1).unwrap();
        assert!(matches!(threads.run(|| [1][..].iter().map(|n| 1 / (n - 1)).sum::<i32>()).await, Err(Error::Bug(_))));
        assert_eq!(threads.run(|| 5).await.unwrap(), 5);
    }
}
