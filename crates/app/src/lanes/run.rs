//! Running a batch: the cache, the transaction, the replies; and finding the culprit of a failure.

use super::Job;
use super::command::{Command, Outcome, Reply};
use super::decide::{Decider, KeptAnswer, OnSale};
use super::load;
use super::write::{Writes, write};
use crate::betting::stored_receipt;
use crate::wallet::key_mismatch;
use crate::{Clock, Error};
use overround_domain::betting::Rules;
use overround_domain::ids::{AccountId, MarketId};
use overround_live::{Freshness, Held, Live};
use overround_store::wallet::idempotency;
use overround_store::{Isolation, Store};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::time::{Duration, Instant};

/// What a lane works with.
pub(super) struct Runner {
    /// For what is not the lane's own transactions.
    store: Store,
    /// The lane's own connection.
    own: Store,
    live: Live,
    clock: Clock,
    rules: Arc<Rules>,
}

impl Runner {
    pub(super) fn new(store: Store, live: Live, clock: Clock, rules: Rules) -> Self {
        Self { own: store.over_one_connection(), store, live, clock, rules: Arc::new(rules) }
    }

    /// Closes the lane's connection.
    pub(super) async fn close(&self) {
        self.own.close().await;
    }

    /// Carries out a batch and answers each of its jobs.
    pub(super) async fn run(&self, jobs: Vec<Job>) {
        let (jobs, snapshots) = self.read_cache(unexpired(jobs)).await;
        let mut waiting = vec![jobs];
        while let Some(jobs) = waiting.pop() {
            let (mut now, later) = without_repeated_keys(jobs);
            if !later.is_empty() {
                waiting.push(later);
            }
            if now.is_empty() {
                continue;
            }
            let commands: Arc<Vec<Arc<Command>>> =
                Arc::new(now.iter().map(|job| Arc::clone(&job.command)).collect());
            match self.transact(Arc::clone(&commands), Arc::clone(&snapshots)).await {
                Ok(outcomes) => self.reply(now, outcomes).await,
                Err(error) if now.len() > 1 && splits(&error) => {
                    metrics::counter!("overround_lane_split_total").increment(1);
                    let rest = now.split_off(now.len() / 2);
                    waiting.push(rest);
                    waiting.push(now);
                }
                Err(error) => fail(now, Error::from(error)),
            }
        }
    }

    /// One SERIALIZABLE transaction: load, decide, write.
    async fn transact(
        &self,
        commands: Arc<Vec<Arc<Command>>>,
        snapshots: Arc<BTreeMap<MarketId, OnSale>>,
    ) -> Result<Vec<Outcome>, overround_store::Error> {
        let (clock, rules) = (self.clock.clone(), Arc::clone(&self.rules));
        let began = Instant::now();
        let outcomes = self
            .own
            .run("lane", Isolation::Serializable, move |tx| {
                let (commands, snapshots) = (Arc::clone(&commands), Arc::clone(&snapshots));
                let (clock, rules) = (clock.clone(), Arc::clone(&rules));
                Box::pin(async move {
                    let now = clock.now();
                    let loaded = load::load(tx, &commands, now).await?;
                    let decider = Decider {
                        clock: &clock,
                        now,
                        instant: Instant::now(),
                        rules: &rules,
                        snapshots: &snapshots,
                        loaded,
                        writes: Writes::default(),
                    };
                    let (outcomes, writes) = decider.decide(&commands)?;
                    write(tx, writes).await?;
                    Ok(outcomes)
                })
            })
            .await;
        metrics::histogram!("overround_lane_tx_seconds").record(began.elapsed().as_secs_f64());
        outcomes
    }

    /// Reads the snapshots that the batch's bets need. Without the cache bets are not taken, and all
    /// else goes on.
    async fn read_cache(&self, jobs: Vec<Job>) -> (Vec<Job>, Arc<BTreeMap<MarketId, OnSale>>) {
        let wanted: BTreeSet<MarketId> = jobs
            .iter()
            .filter_map(|job| match &*job.command {
                Command::Place(place) => Some(place),
                Command::Move(_) | Command::Settle(_) => None,
            })
            .flat_map(|place| place.request.legs.iter().map(|leg| leg.market_id))
            .collect();
        if wanted.is_empty() {
            return (jobs, Arc::default());
        }
        let wanted: Vec<MarketId> = wanted.into_iter().collect();
        // Counted from before the question, so that a window may seem to end too early but never too late.
        let asked = Instant::now();
        match self.live.read(&wanted, self.clock.for_cache()).await {
            Ok(held) => {
                let on_sale = held.into_iter().filter(|(_, held)| held.freshness != Freshness::Expired);
                let on_sale = on_sale.map(|(id, held)| (id, self.on_sale(held, asked)));
                (jobs, Arc::new(on_sale.collect()))
            }
            Err(error) => {
                let (bets, others): (Vec<Job>, Vec<Job>) =
                    jobs.into_iter().partition(|job| matches!(*job.command, Command::Place(_)));
                fail(bets, Error::from(error));
                (others, Arc::default())
            }
        }
    }

    fn on_sale(&self, held: Held, asked: Instant) -> OnSale {
        let sellable = Duration::from_millis(u64::try_from(held.sellable_ms).unwrap_or(0));
        let until = if self.clock.is_manual() { None } else { asked.checked_add(sellable) };
        OnSale { snapshot: held.snapshot, until }
    }

    async fn reply(&self, jobs: Vec<Job>, outcomes: Vec<Outcome>) {
        for (job, outcome) in jobs.into_iter().zip(outcomes) {
            let reply = match outcome {
                Outcome::UsedKey => self.replay(&job.command).await,
                Outcome::Expired => {
                    metrics::counter!("overround_lane_expired_total").increment(1);
                    Err(Error::Unavailable { part: "lane", retry_after_s: 1 })
                }
                outcome => Ok(Reply { replayed: false, outcome }),
            };
            // A caller that went away needs no answer: it will ask again with its key.
            drop(job.reply.send(reply));
        }
    }

    /// The answer of the request that was executed under the key.
    async fn replay(&self, command: &Command) -> Result<Reply, Error> {
        let retry = || Error::Unavailable { part: "lane", retry_after_s: 1 };
        let (player, keyed) = (command.player(), command.keyed().ok_or_else(retry)?);
        let stored =
            idempotency::stored(self.store.read(), player.account_id, player.cell, &keyed.key).await?;
        // Released since: the request that held the key was not one whose answer is kept.
        let stored = stored.ok_or_else(retry)?;
        if stored.request_hash != keyed.request_hash {
            return Err(Error::refused(key_mismatch(), keyed.trace_id.clone()));
        }
        let outcome = match (stored.answer, stored.bet_id) {
            (Some(answer), _) => match serde_json::from_value(answer).map_err(Error::internal)? {
                KeptAnswer::Refused { refusal, trace_id } => Outcome::Refused { refusal, trace_id },
                KeptAnswer::Moved(view) => Outcome::Moved(view),
            },
            (None, Some(bet_id)) => {
                Outcome::Placed(Box::new(stored_receipt(&self.store, player, bet_id).await?))
            }
            (None, None) => {
                return Err(Error::internal(format!("the answer under key {} is empty", keyed.key)));
            }
        };
        Ok(Reply { replayed: true, outcome })
    }
}

/// The jobs whose deadlines have not passed; the others are answered that they were not executed.
fn unexpired(jobs: Vec<Job>) -> Vec<Job> {
    let now = Instant::now();
    let (late, jobs): (Vec<Job>, Vec<Job>) = jobs.into_iter().partition(|job| job.deadline <= now);
    metrics::counter!("overround_lane_expired_total").increment(u64::try_from(late.len()).unwrap_or(0));
    fail(late, Error::Unavailable { part: "lane", retry_after_s: 1 });
    jobs
}

/// Parts the jobs whose (account, key) stands earlier in the batch: they run after it, as replays.
fn without_repeated_keys(jobs: Vec<Job>) -> (Vec<Job>, Vec<Job>) {
    let mut seen: BTreeSet<(AccountId, String)> = BTreeSet::new();
    jobs.into_iter().partition(|job| match job.command.keyed() {
        Some(keyed) => seen.insert((job.command.player().account_id, keyed.key.clone())),
        None => true,
    })
}

/// Whether a failed batch is halved to find the command that fails it.
const fn splits(error: &overround_store::Error) -> bool {
    !matches!(error, overround_store::Error::Unavailable(_))
}

fn fail(jobs: Vec<Job>, error: Error) {
    for job in jobs {
        let copy = match &error {
            Error::Unavailable { part, retry_after_s } => {
                Error::Unavailable { part, retry_after_s: *retry_after_s }
            }
            other => Error::internal(error_text(other)),
        };
        drop(job.reply.send(Err(copy)));
    }
}

/// The error with its causes.
fn error_text(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
