//! Running a batch: the cache, the transaction, the replies; and finding the culprit of a failure.

use super::Job;
use super::caps::{self, Needs};
use super::command::{Command, Outcome, Reply};
use super::decide::{Decider, KeptAnswer, OnSale};
use super::limits::LimitCache;
use super::load;
use super::queue::Batch;
use super::write::{Writes, write};
use crate::betting::stored_receipt;
use crate::markets::refresh::{Refresh, is_due};
use crate::wallet::key_mismatch;
use crate::{Clock, Error, Settings};
use overround_domain::betting::Rules;
use overround_domain::ids::{AccountId, MarketId};
use overround_domain::money::Cents;
use overround_live::{Freshness, Held, Live};
use overround_store::wallet::idempotency::{self, Begin};
use overround_store::wallet::turns;
use overround_store::{Isolation, Store};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::time::{Duration, Instant};

/// Where a lane finds what is on sale.
pub(super) struct Cache {
    pub live: Live,
    pub clock: Clock,
    pub refresh: Arc<Refresh>,
}

/// What a lane works with.
pub(super) struct Runner {
    /// For what is not the lane's own transactions.
    store: Store,
    /// The lane's own connection.
    own: Store,
    cache: Cache,
    rules: Arc<Rules>,
    /// What all lanes of the process know of the limits.
    limits: Arc<LimitCache>,
    batch_max: usize,
    /// Whether it met another process at a cell just now.
    meets_others: AtomicBool,
}

/// How commands are carried out.
#[derive(Clone, Copy)]
struct How {
    /// Though their turn did not come.
    out_of_turn: bool,
    /// After what other cells have left of caps was gathered for them.
    gathered: bool,
}

/// Jobs that were not carried out.
#[derive(Default)]
struct PutOff {
    not_their_turn: Vec<Job>,
    short_of_caps: Vec<Job>,
    /// What the latter need of shares.
    needs: Needs,
}

/// Who waited so long for its turn at a cell met another process there; asking alone takes less.
const MEETS_OTHERS: Duration = Duration::from_millis(1);

impl Runner {
    pub(super) fn new(store: Store, cache: Cache, settings: &Settings, limits: Arc<LimitCache>) -> Self {
        let (rules, batch_max) = (Arc::new(settings.rules.clone()), settings.batch_max.max(1));
        Self {
            own: store.keyed(1),
            store,
            cache,
            rules,
            limits,
            batch_max,
            meets_others: AtomicBool::new(false),
        }
    }

    /// Closes the lane's connection.
    pub(super) async fn close(&self) {
        self.own.close().await;
    }

    /// Carries out a batch and answers each of its jobs. What another process has in hand waits for its turn there;
    /// the other cells go back to the queue meanwhile.
    pub(super) async fn run(&self, mut batch: Batch<Job>) {
        // Whoever met another process a moment ago will meet it again: asking first saves a transaction.
        let mut out_of_turn = self.meets_others.load(Ordering::Relaxed) && self.wait(&mut batch).await;
        loop {
            let jobs = std::mem::take(&mut batch.items);
            let (ready, snapshots) = self.read_cache(unexpired(jobs)).await;
            batch.items = self.carry_out(ready, snapshots, out_of_turn).await;
            if batch.items.is_empty() {
                return;
            }
            batch.keep_only(&batch.items.iter().map(|job| job.command.player().cell).collect());
            out_of_turn = self.wait(&mut batch).await;
        }
    }

    /// Waits for the batch's turn at its cells, and takes what came meanwhile. True if the turn did not come:
    /// another process has a cell in hand for long.
    async fn wait(&self, batch: &mut Batch<Job>) -> bool {
        metrics::counter!("overround_lane_waits_for_turn_total").increment(1);
        let began = Instant::now();
        // Whatever is wrong with the database shows in the transaction too.
        let its_turn = turns::wait(&self.own, batch.cells()).await.unwrap_or(true);
        // One that is held up is met again too; but what it holds up is found out by trying, and the rest goes on.
        self.meets_others.store(its_turn && began.elapsed() >= MEETS_OTHERS, Ordering::Relaxed);
        super::taken(batch.top_up(self.batch_max));
        !its_turn
    }

    /// Carries out jobs and answers them, but for those whose turn it is not, which come back.
    async fn carry_out(
        &self,
        jobs: Vec<Job>,
        snapshots: Arc<BTreeMap<MarketId, OnSale>>,
        out_of_turn: bool,
    ) -> Vec<Job> {
        let how = How { out_of_turn, gathered: false };
        let (mut waiting, mut not_their_turn) = (vec![(jobs, how)], Vec::new());
        while let Some((jobs, how)) = waiting.pop() {
            let (mut now, later) = without_repeated_keys(jobs);
            if !later.is_empty() {
                waiting.push((later, how));
            }
            if now.is_empty() {
                continue;
            }
            let commands: Arc<Vec<Arc<Command>>> =
                Arc::new(now.iter().map(|job| Arc::clone(&job.command)).collect());
            match self.transact(commands, &snapshots, how).await {
                Ok(outcomes) => {
                    let put_off = self.reply(now, outcomes).await;
                    not_their_turn.extend(put_off.not_their_turn);
                    if !put_off.short_of_caps.is_empty() {
                        caps::gather(&self.store, put_off.needs).await;
                        waiting.push((put_off.short_of_caps, How { gathered: true, ..how }));
                    }
                }
                Err(error) if now.len() > 1 && splits(&error) => {
                    metrics::counter!("overround_lane_split_total").increment(1);
                    let rest = now.split_off(now.len() / 2);
                    waiting.push((rest, how));
                    waiting.push((now, how));
                }
                Err(error) => fail(now, Error::from(error)),
            }
        }
        not_their_turn
    }

    /// Carries commands out in one transaction; in another if a key of theirs turns out to be used, which ends
    /// the first one at its first statement.
    async fn transact(
        &self,
        commands: Arc<Vec<Arc<Command>>>,
        snapshots: &Arc<BTreeMap<MarketId, OnSale>>,
        how: How,
    ) -> Result<Vec<Outcome>, overround_store::Error> {
        metrics::histogram!("overround_lane_batch_size").record(super::count(commands.len()));
        let began = Instant::now();
        let begin = Begin { may_have_used_keys: false, out_of_turn: how.out_of_turn };
        let mut outcomes = self.attempt(&commands, snapshots, begin, how.gathered).await;
        if outcomes.as_ref().is_err_and(idempotency::is_used_key) {
            let begin = Begin { may_have_used_keys: true, ..begin };
            outcomes = self.attempt(&commands, snapshots, begin, how.gathered).await;
        }
        metrics::histogram!("overround_lane_tx_seconds").record(began.elapsed().as_secs_f64());
        outcomes
    }

    /// One SERIALIZABLE transaction: load, decide, write.
    async fn attempt(
        &self,
        commands: &Arc<Vec<Arc<Command>>>,
        snapshots: &Arc<BTreeMap<MarketId, OnSale>>,
        begin: Begin,
        gathered: bool,
    ) -> Result<Vec<Outcome>, overround_store::Error> {
        let (commands, snapshots) = (Arc::clone(commands), Arc::clone(snapshots));
        let (clock, rules) = (self.cache.clock.clone(), Arc::clone(&self.rules));
        let limits = Arc::clone(&self.limits);
        self.own
            .run("lane", Isolation::Serializable, move |tx| {
                let (commands, snapshots) = (Arc::clone(&commands), Arc::clone(&snapshots));
                let (clock, rules, limits) = (clock.clone(), Arc::clone(&rules), Arc::clone(&limits));
                Box::pin(async move {
                    let now = clock.now();
                    let loaded = load::load(tx, &commands, begin, &limits, &rules, now).await?;
                    let decider = Decider {
                        clock: &clock,
                        now,
                        instant: Instant::now(),
                        rules: &rules,
                        snapshots: &snapshots,
                        gathered,
                        loaded,
                        writes: Writes::default(),
                    };
                    let (outcomes, writes) = decider.decide(&commands)?;
                    write(tx, writes).await?;
                    Ok(outcomes)
                })
            })
            .await
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
        match self.cache.live.read(&wanted, self.cache.clock.for_cache()).await {
            Ok(held) => {
                self.refresh(&wanted, &held);
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

    /// Has the markets that run out loaded, for the bets that come after these. A recording's are confirmed on the
    /// recording's clock.
    fn refresh(&self, wanted: &[MarketId], held: &BTreeMap<MarketId, Held>) {
        if !self.cache.clock.is_manual() {
            let due = wanted.iter().filter(|market| is_due(held.get(market)));
            due.for_each(|market| self.cache.refresh.behind(*market));
        }
    }

    fn on_sale(&self, held: Held, asked: Instant) -> OnSale {
        let sellable = Duration::from_millis(u64::try_from(held.sellable_ms).unwrap_or(0));
        let until = if self.cache.clock.is_manual() { None } else { asked.checked_add(sellable) };
        OnSale { snapshot: held.snapshot, until }
    }

    /// Answers jobs, and gives back those that were not carried out.
    async fn reply(&self, jobs: Vec<Job>, outcomes: Vec<Outcome>) -> PutOff {
        let mut put_off = PutOff::default();
        for (job, outcome) in jobs.into_iter().zip(outcomes) {
            let reply = match outcome {
                Outcome::NotItsTurn => {
                    put_off.not_their_turn.push(job);
                    continue;
                }
                Outcome::ShortOfCaps(needs) => {
                    put_off.short_of_caps.push(job);
                    for (share, cents) in needs {
                        let needed = put_off.needs.entry(share).or_default();
                        *needed = needed.checked_add(cents).unwrap_or(Cents::new(i64::MAX));
                    }
                    continue;
                }
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
        put_off
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
