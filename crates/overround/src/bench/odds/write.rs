//! `bench odds-write`: new snapshots by compare-and-set, beside the same writes without the compare.

use super::super::load::{Tally, Window};
use super::super::meter::{Measured, Meter};
use super::super::options::Odds;
use super::super::place::lengths;
use super::super::report::{Figure, Report, Turn, rounds};
use super::super::stage::Stage;
use crate::failure::{Failure, chain};
use overround_domain::ids::MarketId;
use overround_domain::markets::Snapshot;
use overround_live::{Error, Lifetime, Live, Now, SnapshotWrite, Word, Write};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

/// What is to be reached: so much of what blind writes get.
const GOAL: f64 = 0.8;
/// How many snapshots are written in one round trip, as a message's are.
const AT_ONCE: usize = 100;
const LIFETIME: Lifetime = Lifetime { fresh_ms: 10_000, stale_ms: 2_500 };

/// Runs it on the stage.
///
/// # Errors
/// When Redis fails.
pub async fn write(stage: &Stage<'_>, options: &Odds) -> Result<Report, Failure> {
    let url = stage.config.redis_url.as_ref().map(|url| url.reveal().to_owned()).unwrap_or_default();
    let live = Live::connect(&url).map_err(|error| broken(&error))?;
    let meter = Meter::new(stage.system.pool(), Vec::new(), None).await?;
    let turns = rounds(options.turns.rounds, async || {
        let reference = written(&live, stage, options, &meter, true).await?.rate();
        let measured = written(&live, stage, options, &meter, false).await?;
        Ok(Turn { reference, value: measured.rate(), measured })
    });
    let (rounds, total) = turns.await?;
    let mut report = Report::new("odds-write", "snapshot", stage);
    report.unit = "snapshots/s";
    report.reference = Figure::of("EVALSHA of the same writes, no compare", "snapshots/s");
    report.goal = Some(GOAL);
    report.set_all(options.settings());
    report.finish(rounds, total);
    Ok(report)
}

/// Writes for a round; markets of this round's own, which nobody else knows.
async fn written(
    live: &Live,
    stage: &Stage<'_>,
    options: &Odds,
    meter: &Meter,
    blindly: bool,
) -> Result<Measured, Failure> {
    let (warm_up, measured) = lengths(options.seconds);
    let window = Window::new(warm_up.min(measured / 4), measured);
    let mut tasks = JoinSet::new();
    let mut markets = Vec::new();
    for _ in 0..options.connections {
        let own: Vec<Snapshot> = stage.markets.iter().cycle().take(AT_ONCE).map(elsewhere).collect();
        markets.extend(own.iter().map(|snapshot| snapshot.market_id));
        tasks.spawn(write_on(live.clone(), own, window, blindly));
    }
    sleep_until(window.from).await;
    let before = meter.sample(0).await?;
    sleep_until(window.until).await;
    let after = meter.sample(0).await?;
    let mut tally = Tally::new()?;
    while let Some(ended) = tasks.join_next().await {
        tally.add(&ended.map_err(|error| Failure::failed(error, "report it"))??);
    }
    live.delete(&markets).await.map_err(|error| broken(&error))?;
    Ok(meter.between(&before, &after, tally, measured))
}

/// The snapshot as one of another market's first version.
fn elsewhere(snapshot: &Snapshot) -> Snapshot {
    let market_id = MarketId::from_uuid(Uuid::new_v4());
    Snapshot { market_id, version: 1, ..snapshot.clone() }
}

async fn write_on(
    live: Live,
    mut snapshots: Vec<Snapshot>,
    window: Window,
    blindly: bool,
) -> Result<Tally, Failure> {
    let mut tally = Tally::new()?;
    sleep_until(window.begin).await;
    loop {
        let sent = Instant::now();
        if sent >= window.until {
            return Ok(tally);
        }
        let write = |snapshot| {
            let word = Word::Confirmed { at: chrono::Utc::now().into(), ago_ms: 0, lifetime: LIFETIME };
            SnapshotWrite { snapshot, word, lease: None }
        };
        let writes: Vec<SnapshotWrite<'_>> = snapshots.iter().map(write).collect();
        let stored = if blindly {
            live.write_blindly(&writes, Now::Server).await.map(|()| writes.len())
        } else {
            let written = live.write_all(&writes, Now::Server).await;
            written.map(|all| all.iter().filter(|one| **one == Write::Applied).count())
        };
        let stored = stored.map_err(|error| broken(&error))?;
        if window.holds(Instant::now()) {
            (0..stored).for_each(|_| tally.accept(sent.elapsed()));
        }
        for snapshot in &mut snapshots {
            snapshot.version += 1;
        }
    }
}

fn broken(error: &Error) -> Failure {
    Failure::failed(format!("writing to Redis: {}", chain(error)), "see whether Redis still runs")
}
