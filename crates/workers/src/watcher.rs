//! Declares producers down whose feed's process died, or lost its way to the database: nobody else would suspend
//! their markets.

use crate::every::{Schedule, every};
use overround_app::App;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How much longer than it may a producer may be silent.
const PERIOD: Duration = Duration::from_secs(2);

pub(crate) async fn run(app: App, stop: CancellationToken) {
    let schedule = Schedule { name: "watcher", period: PERIOD, wake: None };
    every(schedule, &stop, || async { app.declare_silent().await.map(|_| ()) }).await;
}
