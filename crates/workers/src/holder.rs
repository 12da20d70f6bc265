//! Has markets follow holds of many of them, where a call or a process ended before all had.

use crate::every::{Schedule, every};
use overround_app::App;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long markets may wait. New messages about them need no worker: they are decided by the hold at once.
const PERIOD: Duration = Duration::from_secs(5);

pub(crate) async fn run(app: App, stop: CancellationToken) {
    let schedule = Schedule { name: "holder", period: PERIOD, wake: None };
    every(schedule, &stop, || app.follow_holds()).await;
}
