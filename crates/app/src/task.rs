//! Tasks of the use cases' own, which end with them.

use std::sync::{Mutex, PoisonError};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A task that was started; dropped, it is told to end, and is not waited for.
pub(crate) struct Task {
    stop: CancellationToken,
    running: Mutex<Option<JoinHandle<()>>>,
}

impl Task {
    /// Starts `work`, which ends when its token is cancelled. Called inside a tokio runtime.
    pub(crate) fn start<F>(work: impl FnOnce(CancellationToken) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let stop = CancellationToken::new();
        let running = tokio::spawn(work(stop.clone()));
        Self { stop, running: Mutex::new(Some(running)) }
    }

    /// Ends it, and returns when it has.
    pub(crate) async fn stop(&self) {
        self.stop.cancel();
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(running) = running {
            drop(running.await);
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
