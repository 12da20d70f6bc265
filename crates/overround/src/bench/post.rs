//! `bench post`: ledger postings of two entries through the lanes of this process.

use super::fill::{credit, keyed};
use super::load::{Plan, Tally, Window};
use super::meter::{Measured, Meter};
use super::options::Load;
use super::pgbench::Pgbench;
use super::place::lengths;
use super::report::{Figure, Report, Round, median};
use super::stage::Stage;
use super::workload::{Draw, Shape};
use crate::failure::{Failure, chain};
use crate::out;
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
    let (mut rounds, mut total): (Vec<Round>, Option<Measured>) = (Vec::new(), None);
    for number in 1..=load.rounds {
        let reference = pgbench.run(pgbench.clients, load.seconds).await?.tps;
        let measured = measure(stage, load, &meter).await?;
        let value = measured.rate();
        out::note(format!("round {number} of {}: reference {reference:.2}, {value:.2}", load.rounds));
        rounds.push(Round::new(reference, value, &measured));
        match &mut total {
            Some(total) => total.add(&measured),
            None => total = Some(measured),
        }
    }
    let total = total.ok_or_else(|| Failure::usage("no rounds", "ask for one at least"))?;
    let mut report = Report::new("post".to_owned(), "posting", load, stage);
    report.value = median(rounds.iter().map(|round| round.value));
    report.unit = "postings/s";
    report.reference = Figure {
        name: format!("pgbench TPC-B, {} clients", pgbench.clients),
        value: median(rounds.iter().map(|round| round.reference)),
        unit: "transactions/s",
    };
    report.goal = Some(GOAL);
    report.pgbench.clone_from(&pgbench.version);
    report.finish(rounds, total);
    Ok(report)
}

async fn measure(stage: &Stage<'_>, load: &Load, meter: &Meter) -> Result<Measured, Failure> {
    let (warm_up, measured) = lengths(load);
    let shape = Shape { hot: false, legs: 1 };
    let plan = Plan {
        servers: Vec::new(),
        connections: load.connections,
        shape,
        rate: None,
        seed: load.seed,
        warm_up,
        measured,
    };
    let window = Window::new(&plan);
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
