//! Pays the bets of markets that are decided: just now, or before a crash.

use crate::every::{Schedule, every};
use overround_app::{App, Error};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long a market that another process decided may wait.
const PERIOD: Duration = Duration::from_secs(5);

pub(crate) async fn run(app: App, stop: CancellationToken) {
    let schedule = Schedule { name: "settler", period: PERIOD, wake: Some(app.settler_wake()) };
    every(schedule, &stop, || settle(&app, &stop)).await;
}

/// Pays each market once. One that fails does not keep the others from being paid.
async fn settle(app: &App, stop: &CancellationToken) -> Result<(), Error> {
    let mut failure = None;
    for market in app.markets_to_pay().await? {
        if stop.is_cancelled() {
            break;
        }
        match app.pay_market(market).await {
            Ok(paid) if paid.bets > 0 => {
                tracing::info!(%market, bets = paid.bets, returned_cents = paid.returned_cents, "paid a market");
            }
            Ok(_) => {}
            Err(error) => failure = Some(error),
        }
    }
    failure.map_or(Ok(()), Err)
}
