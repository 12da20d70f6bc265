//! A run: two processes over one database and one Redis, step after step, each compared.

use super::calls::{Ask, Cast, Given, OpId, send};
use super::check::{Mismatch, Round, learn_windows, look, new_entries, sweep};
use super::model::{Closed, Limits, Model};
use super::narrow::Choice;
use super::resolve::{Log, resolve};
use super::watch::{ChronicleWatch, Watch};
use super::workload::{Batch, PRELUDE, batch, prelude};
use crate::commands::examine;
use crate::compose::{System, use_case};
use crate::config::Config;
use crate::failure::Failure;
use crate::report::DoctorReport;
use crate::stores::Stores;
use futures::future::join_all;
use overround_app::{App, Clock};
use overround_domain::betting::BetResult;
use overround_domain::time::Timestamp;
use overround_live::Live;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

/// Every so many steps all open bets and the invariants are examined.
const SWEEP_EVERY: u32 = 200;

/// What a run did.
#[derive(Debug, Default)]
pub struct Tally {
    pub steps: u32,
    /// By what was asked, and how it was answered.
    pub answers: BTreeMap<&'static str, BTreeMap<&'static str, u64>>,
    /// Bets that were paid, by how they ended.
    pub closed: BTreeMap<&'static str, u64>,
    pub replayed: u64,
    pub resent: u64,
    /// Frames that readers of the stream saw.
    pub frames: u64,
    /// Bets on prices that nobody confirmed for a while, by their answer.
    pub stale: BTreeMap<&'static str, u64>,
}

impl Tally {
    fn hear(&mut self, ask: &Ask, given: &Given) {
        let name = if ask.key_of == ask.op { ask.call.name() } else { "replay" };
        *self.answers.entry(name).or_default().entry(given.value.name()).or_insert(0) += 1;
        self.replayed += u64::from(given.replayed);
        self.resent += u64::from(given.resent);
    }

    fn pay(&mut self, closed: &Closed) {
        let name = closed.result.map_or(closed.status.as_str(), BetResult::as_str);
        *self.closed.entry(name).or_insert(0) += 1;
    }
}

/// How a run ended.
#[derive(Debug)]
pub enum Ended {
    /// House and model agree.
    Well(Box<DoctorReport>),
    /// They differ, at this step.
    Badly { step: u32, mismatch: Mismatch },
}

/// When a run ends by itself.
#[derive(Debug, Clone, Copy)]
pub struct Until {
    pub steps: Option<u32>,
    pub instant: Option<Instant>,
}

impl Until {
    fn reached(self, steps: u32) -> bool {
        self.steps.is_some_and(|wanted| steps >= wanted)
            || self.instant.is_some_and(|instant| Instant::now() >= instant)
    }
}

/// The numbers of the rules in the workload: low enough for every bound to be met.
pub fn bounded(config: &Config) -> Config {
    let mut config = config.clone();
    config.stake_cents_min = 100;
    config.stake_cents_max = 50_000;
    config.payout_cents_max = 250_000;
    config.legs_max = 4;
    config.duplicate_window_ms = 3_000;
    config.price_jump_pct_max = 0;
    config
}

/// The house in two processes, and the model beside it.
pub struct Run {
    systems: Vec<System>,
    live: Live,
    clocks: Vec<Clock>,
    cast: Cast,
    model: Model,
    watch: Watch,
    chronicles: ChronicleWatch,
    log: Log,
    now: i64,
    pub tally: Tally,
}

impl Run {
    /// Starts both processes, with accounts and markets of a run of their own.
    ///
    /// # Errors
    /// When a datastore is away.
    pub async fn start(config: &Config, stores: &Stores) -> Result<Self, Failure> {
        let config = bounded(config);
        let limits = Limits {
            stake_min: config.stake_cents_min,
            stake_max: config.stake_cents_max,
            payout_max: config.payout_cents_max,
            legs_max: config.legs_max,
            duplicate_window_ms: config.duplicate_window_ms,
            margin_bps: config.margin_bps,
            in_play_pct: config.in_play_limit_pct,
        };
        let now = chrono::Utc::now().timestamp_millis();
        let clocks: Vec<Clock> = (0..2).map(|_| Clock::manual(Timestamp::from_millis(now))).collect();
        let mut systems = Vec::new();
        for clock in &clocks {
            systems.push(System::start(&config, stores, clock.clone(), None).await?);
        }
        let live = Live::connect(stores.redis().reveal());
        let live = live.map_err(|error| Failure::failed(error, "correct redis_url (OVERROUND_REDIS_URL)"))?;
        let cast = Cast { run: Uuid::now_v7().to_string() };
        let apps: Vec<App> = systems.iter().map(|system| system.app.clone()).collect();
        let (watch, chronicles) = (Watch::new(&apps), ChronicleWatch::new(&apps));
        let (model, log, tally) = (Model::new(limits), Log::default(), Tally::default());
        Ok(Self { systems, live, clocks, cast, model, watch, chronicles, log, now, tally })
    }

    /// Plays the prelude and then the chosen steps, or all from the first on until it is time to end.
    ///
    /// # Errors
    /// When the house cannot be read.
    pub async fn play(
        &mut self,
        seed: u64,
        choice: Option<&Choice>,
        until: Until,
        mut progress: impl FnMut(&Tally),
    ) -> Result<Ended, Failure> {
        let steps: Box<dyn Iterator<Item = Batch> + Send> = match choice {
            Some(choice) => Box::new(choice.batches(seed)),
            None => Box::new((PRELUDE..).map(|step| batch(seed, step))),
        };
        for batch in prelude().into_iter().chain(steps) {
            if batch.step >= PRELUDE && until.reached(self.tally.steps) {
                break;
            }
            if let Err(mismatch) = self.step(&batch).await? {
                return Ok(Ended::Badly { step: batch.step, mismatch });
            }
            self.tally.steps += u32::from(batch.step >= PRELUDE);
            progress(&self.tally);
            if self.tally.steps > 0 && self.tally.steps.is_multiple_of(SWEEP_EVERY) {
                let ended = self.examine(batch.step).await?;
                if matches!(ended, Ended::Badly { .. }) {
                    return Ok(ended);
                }
            }
        }
        self.examine(self.tally.steps + PRELUDE).await
    }

    /// Ends both processes.
    pub async fn stop(self) {
        for system in self.systems {
            system.stop().await;
        }
    }

    fn apps(&self) -> Vec<App> {
        self.systems.iter().map(|system| system.app.clone()).collect()
    }

    async fn step(&mut self, batch: &Batch) -> Result<Result<(), Mismatch>, Failure> {
        self.now += batch.advance_ms.max(1);
        self.clocks.iter().for_each(|clock| clock.set(Timestamp::from_millis(self.now)));
        let apps = self.apps();
        if let Some(app) = batch.renewed_by.and_then(|process| apps.get(process)) {
            let at = Timestamp::from_millis(self.now);
            let renewed = app.renew(&self.cast.producer(), at).await;
            let renewed = renewed.map_err(|error| use_case("renewing the markets", &error))?;
            let mut on_sale = 0;
            for market in self.model.markets.values_mut().filter(|market| !market.status.is_over()) {
                (market.confirmed_at, on_sale) = (self.now, on_sale + 1);
            }
            if renewed != on_sale {
                return Ok(Err(Mismatch::plain(
                    "the markets that a sign of life confirms",
                    on_sale,
                    renewed,
                )));
            }
            if let Err(mismatch) = learn_windows(&self.live, &mut self.model, self.now).await? {
                return Ok(Err(mismatch));
            }
        }
        let asks: Vec<Ask> =
            batch.ops.iter().flat_map(|op| resolve(&self.model, &self.log, &self.cast, op)).collect();
        let given = self.send(&apps, &asks).await?;
        let heard: Vec<(Ask, Given)> = asks.into_iter().zip(given).collect();
        heard.iter().for_each(|(ask, given)| self.tally.hear(ask, given));
        let Some(app) = apps.first() else { return Ok(Ok(())) };
        let entries = new_entries(app, &self.model).await?;
        let (now, model, log) = (self.now, &mut self.model, &mut self.log);
        let touched = match (Round { model, log, now, heard: &heard, entries: &entries }).check() {
            Ok(touched) => touched,
            Err(mismatch) => return Ok(Err(mismatch)),
        };
        touched.closed.iter().for_each(|closed| self.tally.pay(closed));
        touched.stale.iter().for_each(|answer| *self.tally.stale.entry(answer).or_insert(0) += 1);
        if let Err(mismatch) = learn_windows(&self.live, &mut self.model, self.now).await? {
            return Ok(Err(mismatch));
        }
        self.log.forget_before(batch.step);
        let markets = self.model.markets.values().map(|market| market.id).collect();
        let looked = look(&apps, &self.model, &touched).await;
        if let Err(mismatch) = looked.and_then(|()| self.watch.step(batch.step, &markets)) {
            return Ok(Err(mismatch));
        }
        let told = self.chronicles.step(batch.step, &self.model).await;
        told.map_err(|error| use_case("telling what happened", &error))
    }

    /// Sends all requests of a step at once, each in a task of its own.
    async fn send(&self, apps: &[App], asks: &[Ask]) -> Result<Vec<Given>, Failure> {
        let send = |ask: &Ask| {
            let (app, cast, ask) =
                (apps.get(ask.process % apps.len().max(1)).cloned(), self.cast.clone(), ask.clone());
            tokio::spawn(async move {
                match app {
                    Some(app) => Some(send(&app, &cast, &ask).await),
                    None => None,
                }
            })
        };
        let sent: Vec<_> = asks.iter().map(send).collect();
        let answers = join_all(sent).await.into_iter().map(|answer| answer.ok().flatten());
        answers
            .collect::<Option<_>>()
            .ok_or_else(|| Failure::failed("a request ended by a panic", "report it"))
    }

    /// Looks at all bets, and examines the invariants.
    async fn examine(&mut self, step: u32) -> Result<Ended, Failure> {
        let apps = self.apps();
        if let Err(mismatch) = sweep(&apps, &mut self.model).await? {
            return Ok(Ended::Badly { step, mismatch });
        }
        let versions = self.model.markets.values().map(|market| (market.id, market.version)).collect();
        let watched = self.watch.see(&versions).await;
        if let Err(mismatch) = watched {
            return Ok(Ended::Badly { step, mismatch });
        }
        let told = self.chronicles.see(&self.model).await;
        let told = told.map_err(|error| use_case("telling what happened", &error))?;
        self.tally.frames = self.watch.frames + self.chronicles.events;
        if let Err(mismatch) = told {
            return Ok(Ended::Badly { step, mismatch });
        }
        let Some(system) = self.systems.first() else {
            return Err(Failure::failed("no process runs", "report it"));
        };
        let followed = system.app.follow_bets().await;
        followed.map_err(|error| use_case("counting what is open", &error))?;
        let report = examine(system.pool()).await?;
        if report.ok {
            return Ok(Ended::Well(Box::new(report)));
        }
        let broken: Vec<_> = report.invariants.iter().filter(|one| one.violations > 0).collect();
        let mismatch = Mismatch::plain("the invariants", "they hold", format!("{broken:?}"));
        Ok(Ended::Badly { step, mismatch })
    }
}

/// How long a run may take that is given neither steps nor minutes.
pub const DEFAULT: Duration = Duration::from_secs(60);

/// The operation of a mismatch, as people write it.
pub fn place(step: u32, op: Option<OpId>) -> String {
    op.map_or_else(|| format!("step {step}"), |op| format!("step {step}, operation {op}"))
}
