//! Tells who follows an account or a sporting event what happened to it, by the log of events.

use crate::every::{Schedule, every};
use overround_app::App;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long an event may wait to be told. Reading the log when there is nothing new takes one look at an index.
const PERIOD: Duration = Duration::from_millis(100);

pub(crate) async fn run(app: App, stop: CancellationToken) {
    let schedule = Schedule { name: "teller", period: PERIOD, wake: None };
    every(schedule, &stop, || app.tell_chronicles()).await;
}
