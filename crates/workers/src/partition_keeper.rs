//! Keeps partitions ahead of the rows that will need them.

use crate::every::{Schedule, every};
use overround_app::{App, Error};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Partitions are made days ahead, so that an hour more or less does not matter.
const PERIOD: Duration = Duration::from_secs(3600);

pub(crate) async fn run(app: App, stop: CancellationToken) {
    let schedule = Schedule { name: "partition keeper", period: PERIOD, wake: None };
    every(schedule, &stop, || keep(&app)).await;
}

async fn keep(app: &App) -> Result<(), Error> {
    let report = app.ensure_partitions().await?;
    if !report.made.is_empty() {
        tracing::info!(partitions = ?report.made, "made partitions");
    }
    Ok(())
}
