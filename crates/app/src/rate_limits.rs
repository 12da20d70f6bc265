//! Rate limits: one for all processes, and hardly ever a round trip.
//!
//! A process keeps a tab for each subject: what the subject owes as far as is known, and how many of its requests Redis was
//! not told of. Most requests are decided by the tab alone. One whose tab has run up its credit (an eighth of a burst) asks
//! Redis, which charges the tab and decides; all other tabs are charged once a second, in the background. So a subject
//! whose requests arrive at P processes gets at most a burst and P credits at once, and in the long run its rate, since all
//! that was taken is charged. A limit whose burst is below eight has no credit: each request asks.
//!
//! While Redis is away each process holds the same limits by its own tabs.

use crate::App;
use crate::task::Task;
use overround_domain::rate::{Rate, Standing};
use overround_live::{Charge, Charged, Error, LimitKey, Live, Now};
use quick_cache::sync::Cache;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

/// Of how many subjects and classes tabs are kept: those that come least go first.
const TABS_MAX: usize = 100_000;
/// How often what was taken without asking is charged.
const SETTLE_EVERY: Duration = Duration::from_secs(1);
/// How many tabs are charged in one round trip.
const SETTLED_AT_ONCE: usize = 500;
/// How long a request waits for Redis before its process decides alone.
const ASK_WAIT: Duration = Duration::from_millis(100);
/// The part of a burst that a process may give without asking.
const CREDITS_A_BURST: u32 = 8;

/// One of the limits that a request is under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Whose requests of which class are counted.
    pub key: LimitKey,
    /// How many are taken.
    pub rate: Rate,
}

/// What a process knows of a subject.
#[derive(Default)]
struct Tab {
    /// When nothing is owed any more, in microseconds since the process began to count.
    until_us: i64,
    /// How many requests were taken that Redis was not told of.
    untold: u32,
}

impl Tab {
    fn debt_us(&self, now_us: i64) -> i64 {
        (self.until_us - now_us).max(0)
    }

    /// Takes a request by what this process knows; whether it is the first that Redis is not told of.
    fn take(&mut self, rate: Rate, now_us: i64) -> (Standing, bool) {
        let debt_us = self.debt_us(now_us);
        match rate.take(debt_us) {
            None => (rate.standing(false, debt_us), false),
            Some(after_us) => {
                self.until_us = now_us + after_us;
                self.untold = self.untold.saturating_add(1);
                (rate.standing(true, after_us), self.untold == 1)
            }
        }
    }
}

type SharedTab = Arc<Mutex<Tab>>;

fn locked(tab: &SharedTab) -> MutexGuard<'_, Tab> {
    tab.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The limits, as this process holds them.
pub(crate) struct RateLimits {
    shared: Arc<Shared>,
    task: Task,
}

struct Shared {
    live: Live,
    tabs: Cache<LimitKey, SharedTab>,
    /// The tabs with something untold.
    untold: Mutex<Vec<(Policy, SharedTab)>>,
    /// Whether Redis did not answer when it was last asked.
    away: AtomicBool,
    began: Instant,
}

impl RateLimits {
    /// Starts the task that charges in the background. Called inside a tokio runtime.
    pub(crate) fn start(live: &Live) -> Self {
        let shared = Arc::new(Shared {
            live: live.clone(),
            tabs: Cache::new(TABS_MAX),
            untold: Mutex::default(),
            away: AtomicBool::new(false),
            began: Instant::now(),
        });
        let task = Task::start(|stop| keep_settling(Arc::clone(&shared), stop));
        Self { shared, task }
    }

    /// Charges what is untold, and ends the task.
    pub(crate) async fn stop(&self) {
        self.task.stop().await;
    }
}

impl App {
    /// Where a subject stands, if this process knows that it may not be served now. Nothing is charged.
    pub fn is_over_limit(&self, policy: &Policy) -> Option<Standing> {
        let shared = &self.rate_limits().shared;
        let debt_us = locked(&shared.tabs.get(&policy.key)?).debt_us(shared.now_us());
        let over = policy.rate.take(debt_us).is_none();
        over.then(|| policy.rate.standing(false, debt_us))
    }

    /// Charges one request to each of its limits; where it then stands under each, in their order and up to the first
    /// that does not allow it. One that a limit refuses may have been charged to the others.
    pub async fn charge_request(&self, policies: &[Policy]) -> Vec<Standing> {
        let shared = &self.rate_limits().shared;
        let mut standings = Vec::with_capacity(policies.len());
        let mut asks = Vec::new();
        for policy in policies {
            match shared.take(policy) {
                Ok(standing) => standings.push(standing),
                Err(ask) => {
                    asks.push((standings.len(), ask));
                    standings.push(policy.rate.standing(true, 0));
                }
            }
            if standings.last().is_some_and(|standing| !standing.allowed) {
                break;
            }
        }
        for (at, standing) in shared.ask(asks).await {
            standings.splice(at..=at, [standing]);
        }
        let refused = standings.iter().position(|standing| !standing.allowed);
        standings.truncate(refused.map_or(standings.len(), |at| at + 1));
        standings
    }
}

/// A request that a tab may not decide: what is charged, and to which tab.
struct Ask {
    tab: SharedTab,
    charge: Charge,
}

impl Shared {
    fn now_us(&self) -> i64 {
        i64::try_from(self.began.elapsed().as_micros()).unwrap_or(i64::MAX / 2)
    }

    /// Takes a request on its subject's tab, unless the tab's credit is used up.
    fn take(&self, policy: &Policy) -> Result<Standing, Ask> {
        let away = self.away.load(Ordering::Relaxed);
        let Policy { key, rate } = *policy;
        let tab = self.tab(key);
        let mut held = locked(&tab);
        let may_be_given = rate.take(held.debt_us(self.now_us())).is_some();
        if may_be_given && !away && held.untold >= rate.burst() / CREDITS_A_BURST {
            let spent = std::mem::take(&mut held.untold);
            drop(held);
            return Err(Ask { tab, charge: Charge { key, rate, spent, asked: 1 } });
        }
        if away {
            metrics::counter!("overround_rate_limits_held_alone_total").increment(1);
        }
        let (standing, is_first) = held.take(rate, self.now_us());
        drop(held);
        if is_first {
            self.note(*policy, tab);
        }
        Ok(standing)
    }

    fn tab(&self, key: LimitKey) -> SharedTab {
        let Ok(tab) = self.tabs.get_or_insert_with(&key, || Ok::<_, Infallible>(SharedTab::default()));
        tab
    }

    fn note(&self, policy: Policy, tab: SharedTab) {
        let mut untold = self.untold.lock().unwrap_or_else(PoisonError::into_inner);
        // What Redis cannot be told of any more was given by this process alone.
        if untold.len() < TABS_MAX {
            untold.push((policy, tab));
        }
    }

    /// Asks Redis about requests, in one round trip: where each stands. Without an answer the tabs decide.
    async fn ask(&self, asks: Vec<(usize, Ask)>) -> Vec<(usize, Standing)> {
        if asks.is_empty() {
            return Vec::new();
        }
        let charges: Vec<Charge> = asks.iter().map(|(_, ask)| ask.charge).collect();
        let answers = match timeout(ASK_WAIT, self.live.charge(&charges, Now::Server)).await {
            Ok(answers) => self.heard(answers),
            Err(_) => self.heard(Err(Error::Unavailable(None))),
        };
        let decide = |(number, (at, ask)): (usize, (usize, Ask))| {
            let answer = answers.as_ref().and_then(|answers| answers.get(number));
            (at, self.decide(ask, answer))
        };
        asks.into_iter().enumerate().map(decide).collect()
    }

    fn decide(&self, ask: Ask, answer: Option<&Charged>) -> Standing {
        let Charge { key, rate, .. } = ask.charge;
        let Some(Charged { given, debt_us }) = answer else {
            let (standing, is_first) = locked(&ask.tab).take(rate, self.now_us());
            if is_first {
                self.note(Policy { key, rate }, ask.tab);
            }
            return standing;
        };
        self.learn(&mut locked(&ask.tab), rate, *debt_us);
        rate.standing(*given, *debt_us)
    }

    /// Notes what is owed by all processes' word, and by this one's since it asked.
    fn learn(&self, tab: &mut Tab, rate: Rate, debt_us: i64) {
        tab.until_us = self.now_us() + debt_us + rate.cost_us(tab.untold);
    }

    /// Notes whether Redis answered. A failure is told once, until it answers again.
    fn heard<T>(&self, answered: Result<T, Error>) -> Option<T> {
        match answered {
            Ok(answer) => {
                if self.away.swap(false, Ordering::Relaxed) {
                    tracing::info!("rate limits are shared by all processes again");
                }
                Some(answer)
            }
            Err(error) => {
                if !self.away.swap(true, Ordering::Relaxed) {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "this process holds the rate limits alone until Redis answers");
                }
                None
            }
        }
    }

    /// Charges all that is untold. While Redis is away it is forgotten instead: the tabs have it.
    async fn settle(&self) {
        let untold = std::mem::take(&mut *self.untold.lock().unwrap_or_else(PoisonError::into_inner));
        if untold.is_empty() && self.away.load(Ordering::Relaxed) {
            self.heard(self.live.ping().await);
        }
        let mut away = false;
        for tabs in untold.chunks(SETTLED_AT_ONCE) {
            let charge = |(Policy { key, rate }, tab): &(Policy, SharedTab)| {
                let spent = std::mem::take(&mut locked(tab).untold);
                Charge { key: *key, rate: *rate, spent, asked: 0 }
            };
            let charges: Vec<Charge> = tabs.iter().map(charge).collect();
            if away {
                continue;
            }
            let answers = self.heard(self.live.charge(&charges, Now::Server).await);
            away = answers.is_none();
            for ((Policy { rate, .. }, tab), charged) in tabs.iter().zip(answers.into_iter().flatten()) {
                self.learn(&mut locked(tab), *rate, charged.debt_us);
            }
        }
    }
}

/// Charges what is untold until the stop, and then once more.
async fn keep_settling(shared: Arc<Shared>, stop: CancellationToken) {
    let mut ticks = interval(SETTLE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let stopped = tokio::select! {
            () = stop.cancelled() => true,
            _ = ticks.tick() => false,
        };
        shared.settle().await;
        if stopped {
            return;
        }
    }
}
