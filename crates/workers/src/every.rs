//! The loop that all workers share.

use overround_app::Error;
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// When a worker that failed tries again, if its own period is longer.
const RETRY_MAX: Duration = Duration::from_secs(30);

/// What a worker is called, and when it runs.
pub(crate) struct Schedule<'a> {
    /// Its name in logs and metrics.
    pub name: &'static str,
    /// It runs at start, and again after this long.
    pub period: Duration,
    /// What wakes it sooner.
    pub wake: Option<&'a Notify>,
}

/// Runs `work` by its schedule until `stop` is cancelled. A failure is logged when it begins, and its
/// end when it ends; in between the worker goes on trying without a word.
pub(crate) async fn every<F>(schedule: Schedule<'_>, stop: &CancellationToken, work: impl Fn() -> F)
where
    F: Future<Output = Result<(), Error>>,
{
    let name = schedule.name;
    let mut failing = false;
    while !stop.is_cancelled() {
        let result = work().await;
        let outcome = if result.is_ok() { "ok" } else { "failed" };
        metrics::counter!("overround_worker_runs_total", "worker" => name, "outcome" => outcome).increment(1);
        match &result {
            Ok(()) if failing => tracing::info!(worker = name, "the worker works again"),
            Err(error) if !failing => {
                tracing::warn!(
                    worker = name,
                    error = error as &dyn std::error::Error,
                    "the worker failed; it goes on trying"
                );
            }
            _ => {}
        }
        failing = result.is_err();
        let pause = if failing { schedule.period.min(RETRY_MAX) } else { schedule.period };
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
            // While it fails, its timer alone decides when it tries again.
            () = woken(schedule.wake), if !failing => {}
        }
    }
}

async fn woken(wake: Option<&Notify>) {
    match wake {
        Some(wake) => wake.notified().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn away() -> Error {
        Error::Unavailable { part: "postgres", retry_after_s: 1 }
    }

    #[tokio::test(start_paused = true)]
    async fn it_runs_at_start_by_its_timer_and_when_woken() {
        let (runs, wake, stop) = (AtomicU32::new(0), Notify::new(), CancellationToken::new());
        let schedule = Schedule { name: "test", period: Duration::from_secs(10), wake: Some(&wake) };
        let work = || async {
            match runs.fetch_add(1, Ordering::SeqCst) {
                0 => wake.notify_one(),
                3 => stop.cancel(),
                _ => {}
            }
            Ok(())
        };
        let started = tokio::time::Instant::now();
        every(schedule, &stop, work).await;
        assert_eq!(runs.load(Ordering::SeqCst), 4, "at start, when woken, and twice by the timer");
        assert_eq!(started.elapsed(), Duration::from_secs(20));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_does_not_end_it_and_is_retried_soon() {
        let (runs, stop) = (AtomicU32::new(0), CancellationToken::new());
        let schedule = Schedule { name: "test", period: Duration::from_secs(3600), wake: None };
        let work = || async {
            if runs.fetch_add(1, Ordering::SeqCst) == 0 {
                return Err(away());
            }
            stop.cancel();
            Ok(())
        };
        let started = tokio::time::Instant::now();
        every(schedule, &stop, work).await;
        assert_eq!(runs.load(Ordering::SeqCst), 2);
        assert_eq!(started.elapsed(), RETRY_MAX);
    }
}
