//! `bench post`: ledger postings of two entries through the lanes of this process.

use super::fill::{credit, keyed};
use super::load::{Tally, Window};
use super::meter::{Measured, Meter};
use super::options::Load;
use super::pgbench::Pgbench;
use super::place::lengths;
use super::report::{Figure, Report, Turn, rounds};
use super::stage::Stage;
use super::workload::{Draw, Shape};
use crate::failure::{Failure, chain};
use overround_app::{App, Error};
use overround_domain::money::Cents;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

/// What is to be reached: so many times pgbench's rate.
const GOAL: f64 = 5.0;

/// Runs it on the stage.
///
/// # Errors
/// When pgbench cannot be run, or PostgreSQL fails.
pub async fn run(stage: &Stage<'_>, load: &Load) -> Result<Report, Failure> {
    let mut pgbench = Pgbench::prepare(stage.runtime, load.reference_scale).await?;
    let metrics = overround_api::install_metrics()
        .map_err(|error| Failure::failed(chain(&error), "start one benchmark a process"))?;
    let meter = Meter::new(stage.system.pool(), Vec::new(), Some(metrics)).await?;
    pgbench.try_clients(load.seconds).await?;
    let (rounds, total) = rounds(load.rounds, async || {
        let reference = pgbench.run(pgbench.clients, load.seconds).await?.tps;
        let measured = measure(stage, load, &meter).await?;
        Ok(Turn { reference, value: measured.rate(), measured })
    })
    .await?;
    let mut report = Report::new("post", "posting", stage);
    report.set_all(load.settings());
    report.unit = "postings/s";
    report.reference = Figure::of(format!("pgbench TPC-B, {} clients", pgbench.clients), "transactions/s");
    report.goal = Some(GOAL);
    report.pgbench.clone_from(&pgbench.version);
    report.finish(rounds, total);
    Ok(report)
}

async fn measure(stage: &Stage<'_>, load: &Load, meter: &Meter) -> Result<Measured, Failure> {
    let (warm_up, measured) = lengths(load.seconds);
    let shape = Shape { hot: false, legs: 1 };
    let window = Window::new(warm_up, measured);
    let mut tasks = JoinSet::new();
    for index in 0..load.connections {
        let draw = Draw::new(&stage.workload, shape, None, load.seed, index.into());
        tasks.spawn(post(stage.system.app.clone(), draw, window));
    }
    sleep_until(window.from).await;
    let before = meter.sample(0).await?;
    sleep_until(window.until).await;
    let after = meter.sample(0).await?;
    let mut tally = Tally::new()?;
    while let Some(ended) = tasks.join_next().await {
        tally.add(&ended.map_err(|error| Failure::failed(error, "report it"))??);
    }
    Ok(meter.between(&before, &after, tally, measured))
}

/// Posts one credit after the other.
async fn post(app: App, mut draw: Draw, window: Window) -> Result<Tally, Failure> {
    let mut tally = Tally::new()?;
    while let Some((account, key)) = draw.account() {
        let begun = Instant::now();
        if begun >= window.until {
            break;
        }
        match app.credit(account, keyed(key.to_string()), credit(Cents::new(100))).await {
            Ok(_) if window.holds(Instant::now()) => tally.accept(begun.elapsed()),
            Ok(_) => {}
            Err(Error::Unavailable { part, .. }) => {
                tally.refuse(format!("{part} is away or full"));
                sleep(Duration::from_millis(20)).await;
            }
            Err(error) => tally.refuse(chain(&error)),
        }
    }
    Ok(tally)
}
