//! `sim`: a seeded workload on two processes against a reference model, compared after every step.
//!
//! `workload.rs` draws the steps, `resolve.rs` makes requests of them, `calls.rs`, `acts.rs` and `trades.rs` send them, `model/` is the
//! bookmaker that the house is compared with, `check/` compares, `watch.rs` reads the stream meanwhile, and `narrow.rs` shortens what fails.

mod acts;
mod calls;
mod check;
mod model;
mod narrow;
mod report;
mod resolve;
mod run;
mod trades;
mod watch;
mod workload;

pub use narrow::Choice;
pub use report::{SimReport, tables};

use crate::cli::Sim;
use crate::config::Config;
use crate::failure::Failure;
use crate::out;
use crate::stores::Stores;
use check::Mismatch;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use narrow::narrow;
use run::{DEFAULT, Ended, Run, Tally, Until};
use std::time::Duration;
use tokio::time::Instant;
use workload::PRELUDE;

/// How often a list of steps is played before it counts as one that does not fail: tasks race.
const PLAYS: u32 = 2;
/// Lines of progress where no terminal shows a bar.
const NOTE_EVERY: Duration = Duration::from_secs(30);

/// Runs the workload until its end, or until house and model differ; that is narrowed and told.
///
/// # Errors
/// When they differ, an invariant is violated, or a datastore is away.
pub async fn run(config: &Config, stores: &Stores, options: &Sim) -> Result<SimReport, Failure> {
    stores.migrate().await?;
    let minutes = options.minutes.map(|minutes| Duration::from_secs(minutes.saturating_mul(60)));
    let lasts = minutes.or_else(|| (options.steps.is_none() && options.only.is_none()).then_some(DEFAULT));
    let until =
        Until { steps: options.steps, instant: lasts.and_then(|lasts| Instant::now().checked_add(lasts)) };
    let mut run = Run::start(config, stores).await?;
    let mut progress = Progress::new(options.steps);
    let ended = run.play(options.seed, options.only.as_ref(), until, |tally| progress.show(tally)).await;
    progress.end();
    let tally = std::mem::take(&mut run.tally);
    run.stop().await;
    match ended? {
        Ended::Well(doctor) => Ok(SimReport::new(options.seed, tally, *doctor)),
        Ended::Badly { step, mismatch } => {
            out::note(told(options.seed, step, &mismatch));
            let failing = options.only.clone().unwrap_or_else(|| Choice::up_to(PRELUDE, step));
            shorten(config, stores, options.seed, failing).await?;
            Err(Failure::failed(
                format!(
                    "house and model differ with seed {} at {}",
                    options.seed,
                    run::place(step, mismatch.op)
                ),
                "the lines above have both views, and a list of steps for `sim --only`",
            ))
        }
    }
}

fn told(seed: u64, step: u32, mismatch: &Mismatch) -> String {
    let place = run::place(step, mismatch.op);
    let Mismatch { what, model, house, .. } = mismatch;
    format!("MISMATCH with seed {seed} at {place}\n  what:  {what}\n  model: {model}\n  house: {house}")
}

/// Plays shorter lists of the steps, with accounts and markets of their own, and tells the shortest that fails.
async fn shorten(config: &Config, stores: &Stores, seed: u64, failing: Choice) -> Result<(), Failure> {
    out::note(format!("narrowing {} steps...", failing.len()));
    let mut last = None;
    if !fails(config, stores, seed, &failing, &mut last).await? {
        out::note("it does not fail again: what failed depends on how tasks race; run the seed again");
        return Ok(());
    }
    let play = async |choice: &Choice| fails(config, stores, seed, choice, &mut last).await;
    let shortest = narrow(seed, failing, play).await?;
    if let Some((step, mismatch)) = last {
        out::note(told(seed, step, &mismatch));
    }
    out::note(format!("the shortest that fails: overround sim --seed {seed} --only {shortest}"));
    for batch in shortest.batches(seed) {
        for op in batch.ops {
            out::note(format!("  {} to {:?}: {:?}", op.id, op.copies, op.kind));
        }
    }
    Ok(())
}

/// Whether house and model differ on these steps; where, in `last`.
async fn fails(
    config: &Config,
    stores: &Stores,
    seed: u64,
    choice: &Choice,
    last: &mut Option<(u32, Mismatch)>,
) -> Result<bool, Failure> {
    for _ in 0..PLAYS {
        let mut run = Run::start(config, stores).await?;
        let ended = run.play(seed, Some(choice), Until { steps: None, instant: None }, |_| ()).await;
        run.stop().await;
        if let Ended::Badly { step, mismatch } = ended? {
            *last = Some((step, mismatch));
            return Ok(true);
        }
    }
    Ok(false)
}

/// A bar on a terminal, a line now and then elsewhere.
struct Progress {
    bar: ProgressBar,
    noted: Instant,
}

impl Progress {
    fn new(steps: Option<u32>) -> Self {
        let bar = ProgressBar::with_draw_target(steps.map(u64::from), ProgressDrawTarget::hidden());
        if let Ok(style) = ProgressStyle::with_template("{pos} steps, {per_sec}, {elapsed}") {
            bar.set_style(style);
        }
        if out::watched() {
            bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        Self { bar, noted: Instant::now() }
    }

    fn show(&mut self, tally: &Tally) {
        self.bar.set_position(tally.steps.into());
        if !out::watched() && self.noted.elapsed() >= NOTE_EVERY {
            self.noted = Instant::now();
            out::note(format!("{} steps", tally.steps));
        }
    }

    fn end(&self) {
        self.bar.finish_and_clear();
    }
}
