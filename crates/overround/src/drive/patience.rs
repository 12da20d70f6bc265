//! Waiting for a part that is away: the same call again with growing pauses, for a bounded time.

use crate::compose::use_case;
use crate::failure::Failure;
use crate::out;
use backon::{ExponentialBuilder, Retryable};
use overround_app::Error;
use std::time::Duration;

/// The first pause, and the longest.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// How long is waited at most, in pauses, before what is away counts as gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience(Duration);

impl Patience {
    /// Of a run that can be started again.
    pub const REPLAY: Self = Self(Duration::from_secs(15));
    /// Of a system that goes on: long enough to start a datastore again.
    pub const LIVE: Self = Self(Duration::from_secs(120));

    /// The pauses between calls.
    pub fn pauses(self) -> ExponentialBuilder {
        ExponentialBuilder::default()
            .with_min_delay(PAUSE_MIN)
            .with_max_delay(PAUSE_MAX)
            .without_max_times()
            .with_total_delay(Some(self.0))
    }

    /// Calls a use case that may be called again, until it is not answered with "away or full".
    ///
    /// # Errors
    /// What the use case failed with in the end.
    pub async fn call<T, F>(self, doing: &str, call: impl FnMut() -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let mut told = false;
        call.retry(self.pauses())
            .when(|error| matches!(error, Error::Unavailable { .. }))
            .notify(|error, _| {
                if !std::mem::replace(&mut told, true) {
                    out::note(format!("{doing}: {error}; waiting for it"));
                }
            })
            .await
            .map_err(|error| use_case(doing, &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    const AWAY: Error = Error::Unavailable { part: "redis", retry_after_s: 1 };

    /// Calls what fails so many times; how often it was called, and whether it was done.
    async fn called(failures: u32, error: fn() -> Error, patience: Patience) -> (u32, bool) {
        let calls = Cell::new(0);
        let done = patience
            .call("testing", || async {
                calls.set(calls.get() + 1);
                if calls.get() <= failures { Err(error()) } else { Ok(()) }
            })
            .await;
        (calls.get(), done.is_ok())
    }

    #[tokio::test]
    async fn what_is_away_is_waited_for_and_not_for_ever() {
        assert_eq!(called(0, || AWAY, Patience::REPLAY).await, (1, true));
        assert_eq!(called(2, || AWAY, Patience::REPLAY).await, (3, true));
        let (calls, done) = called(u32::MAX, || AWAY, Patience(Duration::from_millis(200))).await;
        assert!((2..6).contains(&calls) && !done, "{calls}");
        assert_eq!(called(1, || Error::not_found("market", "m"), Patience::REPLAY).await, (1, false));
    }
}
