//! Waiting for what must come.

use std::fmt::Debug;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long anything may take that a test waits for, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);
/// How often it is looked for.
const POLL: Duration = Duration::from_millis(10);

/// Returns when something holds.
///
/// # Panics
/// When it does not in time; `what` says what was waited for.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        sleep(POLL).await;
    }
}

/// Returns when what is found is what is wanted.
///
/// # Panics
/// When it is not in time, with what was found instead.
pub async fn until_is<F: PartialEq<W> + Debug, W: Debug>(wanted: W, mut found: impl AsyncFnMut() -> F) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let last = found().await;
        if last == wanted {
            return;
        }
        assert!(Instant::now() < deadline, "waited in vain for {wanted:?}: it is {last:?}");
        sleep(POLL).await;
    }
}
