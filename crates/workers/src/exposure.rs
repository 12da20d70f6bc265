//! Keeps the exposure of markets by the log of events, and shows Redis again what it lost.

use crate::every::{Schedule, every};
use overround_app::App;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How old figures may be, but for the time that counting takes.
const PERIOD: Duration = Duration::from_secs(1);

/// How long Redis may be without what it lost.
const REPAIR_PERIOD: Duration = Duration::from_secs(30);

pub(crate) async fn follow(app: App, stop: CancellationToken) {
    let schedule = Schedule { name: "exposure", period: PERIOD, wake: None };
    every(schedule, &stop, || app.follow_bets()).await;
}

pub(crate) async fn repair(app: App, stop: CancellationToken) {
    let schedule = Schedule { name: "exposure repair", period: REPAIR_PERIOD, wake: None };
    every(schedule, &stop, || app.show_all_exposures()).await;
}
