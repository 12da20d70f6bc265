//! `replay` and `simulate`: a source played through the whole system, in lock step unless told otherwise.

use crate::cli::Play;
use crate::compose::{Served, System};
use crate::config::Config;
use crate::drive::{Cast, Client, Driver, Patience, Payer, Scan, Source, pay_everything};
use crate::failure::Failure;
use crate::report::{RunReport, run_tables};
use crate::stores::Stores;
use crate::{commands::doctor, issuer, out, stores};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use overround_api::Keys;
use overround_app::Clock;
use overround_domain::time::Timestamp;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

/// A run shorter than this shows no progress.
const PROGRESS_AFTER: Duration = Duration::from_secs(2);

/// Plays the source and prints the report.
///
/// # Errors
/// When the source cannot be read, a part failed, or anything in the report is wrong.
pub async fn play(config: &Config, source: Source, play: &Play) -> Result<(), Failure> {
    let config = &config.with_limits_lifted();
    // Read to the end before anything is started, so that a bad file changes nothing.
    let scan = source.scan()?;
    scan.left_out.lines().for_each(out::note);
    let report = stores::with(config, async |stores| on(config, stores, &source, &scan, play).await).await?;
    out::line(if play.json {
        serde_json::to_string(&report).map_err(|error| Failure::failed(error, "report it"))?
    } else {
        run_tables(&report)
    });
    report.verdict()
}

async fn on(
    config: &Config,
    stores: &Stores,
    source: &Source,
    scan: &Scan,
    play: &Play,
) -> Result<RunReport, Failure> {
    stores.migrate().await?;
    pay_what_was_left(config, stores).await?;
    let system = System::start(config, stores, Clock::manual(scan.first), Some(play.seed)).await?;
    let local = issuer::passing(config)?;
    let auth = issuer::auth_with(config, Keys::Local(local.clone()))?;
    let served = Served::start(config, &system.app, auth, SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    let client = Client::new(served.local_url(), Patience::REPLAY)?;
    let run = format!("replay:{}", Uuid::now_v7());
    let cast = Cast { run, seed: play.seed, players: play.players, issuer: &local };
    let mut driver = Driver::start(system.app.clone(), client.clone(), cast, Payer::Driver).await?;
    let at_once = play.concurrency.unwrap_or(1);
    driver.begin(play.seed, play.bets.into(), scan.moments, at_once);
    messages(&mut driver, source, scan, play).await?;
    driver.finish().await?;
    let examined = doctor::examine(system.pool()).await?;
    let report =
        RunReport::new(&driver, play.seed, at_once == 1, scan.left_out.count, &client.latency(), examined);
    drop((driver, client));
    served.stop().await?;
    system.stop().await;
    Ok(report)
}

/// Bets of markets that were decided when an earlier process ended.
async fn pay_what_was_left(config: &Config, stores: &Stores) -> Result<(), Failure> {
    let system = System::start(config, stores, Clock::system(), None).await?;
    let paid = pay_everything(&system.app).await;
    system.stop().await;
    let bets = paid?;
    if bets > 0 {
        out::note(format!("paid {bets} bets that an earlier run had left"));
    }
    Ok(())
}

async fn messages(driver: &mut Driver, source: &Source, scan: &Scan, play: &Play) -> Result<(), Failure> {
    let mut progress = Progress::new(scan.messages);
    let pace = Pace::new(scan.first, play.speed);
    if play.concurrency.is_some_and(|players| players > 1) {
        out::note("players act at once: the attempts_hash of this run does not repeat");
    }
    for item in source.open()? {
        let item = item?;
        pace.reach(item.at).await;
        driver.apply(item.at, item).await?;
        driver.play().await?;
        progress.step();
    }
    Ok(())
}

/// Holds a run back to the recording's clock.
struct Pace {
    began: Instant,
    first: Timestamp,
    speed: Option<f64>,
}

impl Pace {
    fn new(first: Timestamp, speed: Option<f64>) -> Self {
        Self { began: Instant::now(), first, speed }
    }

    async fn reach(&self, at: Timestamp) {
        let Some(speed) = self.speed else { return };
        let played_s = (at.millis() - self.first.millis()) as f64 / 1_000.0 / speed;
        if let Some(instant) =
            Duration::try_from_secs_f64(played_s).ok().and_then(|played| self.began.checked_add(played))
        {
            sleep_until(instant).await;
        }
    }
}

/// A bar on a terminal, once it is worth one.
struct Progress {
    bar: ProgressBar,
    began: Instant,
    shown: bool,
}

impl Progress {
    fn new(messages: u64) -> Self {
        let bar = ProgressBar::with_draw_target(Some(messages), ProgressDrawTarget::hidden());
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} messages, {eta} left") {
            bar.set_style(style);
        }
        Self { bar, began: Instant::now(), shown: !out::watched() }
    }

    fn step(&mut self) {
        self.bar.inc(1);
        if !self.shown && self.began.elapsed() >= PROGRESS_AFTER {
            self.shown = true;
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
