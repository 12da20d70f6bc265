//! Publishing what a producer says: PostgreSQL first, then Redis.

use super::cache::Entry;
use super::commit::{Message, commit};
use super::decide::{Decided, Pricing};
use super::producers::taken;
use super::{Published, Recorded, Speaker};
use crate::{App, Error};
use overround_domain::ids::OutcomeId;
use overround_domain::markets::{Snapshot, SourceMarket, Told};
use overround_domain::time::Timestamp;
use overround_live::{Lease, Renewal, Renewed, SnapshotWrite, Word, Write};
use overround_store::Isolation;
use overround_store::market::{MarketRow, OutcomeRow};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How many markets go to Redis in one round trip.
pub(super) const MARKETS_AT_ONCE: usize = 100;

/// The longest name of a producer, in characters.
const PRODUCER_LEN_MAX: usize = 100;

const DAY_MS: i64 = 86_400_000;

/// Who says a message.
#[derive(Clone, Copy)]
struct By<'a> {
    producer: &'a str,
    source: &'a str,
    /// The process's right to speak for it; none where it needs none.
    speaker: Option<&'a Speaker>,
}

/// A market of the message, with what this process remembers of it.
type Remembered = (SourceMarket, Option<Arc<Entry>>);

/// A producer's word on markets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Confirmed<'a> {
    /// When it was given, on this application's clock.
    pub at: Timestamp,
    /// How many milliseconds ago that was, or had been when it was asked for under a lease.
    pub ago_ms: i64,
    /// That lease, if there is one.
    pub lease: Option<&'a Lease>,
}

impl Confirmed<'_> {
    /// A word that is given now.
    pub const fn now(at: Timestamp) -> Self {
        Self { at, ago_ms: 0, lease: None }
    }
}

impl App {
    /// Takes a producer's message: the complete state of each market it is about, at the instant `at`
    /// of this application's clock. What changed of what is sold becomes a new version, its event,
    /// and the snapshot in Redis; what did not change is confirmed. The answers stand in the order
    /// of the markets. A message may be sent again: what a failed call had committed by then is in the
    /// answer to the next one about the market.
    ///
    /// # Errors
    /// [`Error::Unavailable`] `postgres`: nothing was changed. [`Error::Unavailable`] `redis`: the
    /// versions stand in PostgreSQL, and the next message about these markets, or the next renewal,
    /// shows them. [`Error::Invalid`] when a market stands twice in the message.
    pub async fn publish(
        &self,
        producer: &str,
        at: Timestamp,
        markets: &[SourceMarket],
    ) -> Result<Vec<Published>, Error> {
        self.publish_by(By { producer, source: producer, speaker: None }, at, markets).await
    }

    /// Takes a live producer's message, as [`publish`](Self::publish) does, from the process that speaks for it. What it
    /// says while it is not up is kept, and not sold. Markets of its source that another producer owns are its own after
    /// that, under a new status version: which of them speaks for a market is for the one process to know that hears both.
    ///
    /// # Errors
    /// As [`publish`](Self::publish); [`Error::Conflict`] [`PRODUCER_TAKEN`](super::PRODUCER_TAKEN) when another process
    /// speaks for the producer: nothing was changed.
    pub async fn publish_as(
        &self,
        speaker: &Speaker,
        at: Timestamp,
        markets: &[SourceMarket],
    ) -> Result<Vec<Published>, Error> {
        let (producer, source) = (speaker.producer(), speaker.source());
        self.publish_by(By { producer, source, speaker: Some(speaker) }, at, markets).await
    }

    async fn publish_by(
        &self,
        by: By<'_>,
        at: Timestamp,
        markets: &[SourceMarket],
    ) -> Result<Vec<Published>, Error> {
        validate(by.producer, markets)?;
        self.ready_partitions().await?;
        let state = self.markets_state();
        let _publishes = state.publishes().await;
        let mut answers: Vec<Option<Published>> = markets.iter().map(|_| None).collect();
        let published = self.publish_all(by, at, markets, &mut answers).await;
        let answers = answers.into_iter().flatten();
        if let Err(error) = published {
            answers.for_each(|answer| state.owe(answer));
            return Err(error);
        }
        Ok(answers.map(|answer| state.with_owed(answer)).collect())
    }

    /// Answers what was committed, also when it fails after that.
    async fn publish_all(
        &self,
        by: By<'_>,
        at: Timestamp,
        markets: &[SourceMarket],
        answers: &mut [Option<Published>],
    ) -> Result<(), Error> {
        let state = self.markets_state();
        let (mut same, mut changed) = (Vec::new(), Vec::new());
        for (index, source) in markets.iter().enumerate() {
            match state.entry(by.producer, &source.key) {
                Some(entry) if entry.source == *source => same.push((index, entry)),
                entry => changed.push((index, (source.clone(), entry))),
            }
        }
        let word = Confirmed::now(at);
        self.publish_changed(by, word, changed, answers).await?;
        // What Redis does not hold any more, or holds newer than this process knows, is read again.
        let lost = self.confirm(at, same, answers).await?;
        let reread = lost.into_iter().filter_map(|index| Some((index, (markets.get(index)?.clone(), None))));
        self.publish_changed(by, word, reread.collect(), answers).await
    }

    /// Takes what a provider says of a market that it was asked for at an instant, under a lease.
    pub(super) async fn publish_told(
        &self,
        row: &MarketRow,
        asked: Timestamp,
        told: Told,
        lease: &Lease,
    ) -> Result<(), Error> {
        self.ready_partitions().await?;
        let (at, ago_ms) = (asked.plus_millis(-told.age_ms), told.age_ms);
        let by = By { producer: &row.producer, source: &row.source, speaker: None };
        let word = Confirmed { at, ago_ms, lease: Some(lease) };
        let _publishes = self.markets_state().publishes().await;
        let entry = self.markets_state().entry(&row.producer, &told.market.key);
        let mut answers = [None];
        self.publish_changed(by, word, vec![(0, (told.market, entry))], &mut answers).await
    }

    /// Commits markets, shows them, remembers them.
    async fn publish_changed(
        &self,
        by: By<'_>,
        word: Confirmed<'_>,
        changed: Vec<(usize, Remembered)>,
        answers: &mut [Option<Published>],
    ) -> Result<(), Error> {
        if changed.is_empty() {
            return Ok(());
        }
        let (indexes, markets): (Vec<usize>, Vec<Remembered>) = changed.into_iter().unzip();
        let message = Arc::new(Message {
            producer: by.producer.to_owned(),
            source: by.source.to_owned(),
            epoch: by.speaker.map(Speaker::epoch),
            at: word.at,
            markets,
            cells: self.cells(),
            pricing: Pricing { margin: self.settings().margin, jump: self.settings().price_jump },
            rules_version: self.settings().rules.rules_version,
            clock: self.clock().clone(),
        });
        let work = Arc::clone(&message);
        let decided = self
            .publishing()
            .run("publish", Isolation::ReadCommitted, move |tx| {
                let message = Arc::clone(&work);
                Box::pin(async move { commit(tx, &message).await })
            })
            .await?;
        let Some(decided) = decided else {
            return Err(by
                .speaker
                .map_or_else(|| Error::internal("nobody speaks"), |speaker| taken(speaker.producer())));
        };
        let versions = decided.iter().map(|one| u64::from(one.is_new)).sum::<u64>();
        metrics::counter!("overround_market_versions_total").increment(versions);
        if decided.iter().any(|one| one.results.is_some() || !one.removed.is_empty()) {
            self.settler_wake().notify_one();
        }
        let snapshots: Vec<&Snapshot> = decided.iter().map(|one| &one.snapshot).collect();
        let shown = self.show(word, &snapshots).await;
        let state = self.markets_state();
        for ((index, one), (source, _)) in indexes.into_iter().zip(decided).zip(&message.markets) {
            let answer = answers.get_mut(index);
            if let Some(before) = &one.handed_over_by {
                state.forget(before, &source.key);
            }
            if shown.is_ok() {
                state.remember(entry_of(source, &one));
            } else {
                state.forget(by.producer, &source.key);
            }
            if let Some(answer) = answer {
                *answer = Some(published(one));
            }
        }
        shown.map(|_| ())
    }

    /// Writes snapshots to Redis, confirmed by their producer. One that is older than what Redis knows is left
    /// out: another process published since. If a node of a cluster is away, those of the others are written all the same.
    pub(super) async fn show(&self, by: Confirmed<'_>, snapshots: &[&Snapshot]) -> Result<u64, Error> {
        let (mut shown, mut is_away) = (0, false);
        for chunk in snapshots.chunks(MARKETS_AT_ONCE) {
            let write = |snapshot| SnapshotWrite {
                snapshot,
                word: Word::Confirmed {
                    at: by.at,
                    ago_ms: by.ago_ms,
                    lifetime: self.markets_state().lifetime(),
                },
                lease: by.lease,
            };
            let writes: Vec<SnapshotWrite<'_>> = chunk.iter().copied().map(write).collect();
            let written = self.live().write_all(&writes, self.clock().for_cache()).await?;
            for one in written {
                match one {
                    Write::Applied | Write::Unchanged | Write::Missing => shown += 1,
                    Write::Older { .. } | Write::Fenced => {}
                    Write::Away => is_away = true,
                }
            }
        }
        metrics::counter!("overround_snapshots_written_total").increment(shown);
        if is_away { Err(overround_live::Error::Unavailable(None).into()) } else { Ok(shown) }
    }

    /// Confirms markets that did not change. Answers the indexes of those whose snapshot Redis does
    /// not hold at the version that this process remembers.
    async fn confirm(
        &self,
        at: Timestamp,
        same: Vec<(usize, Arc<Entry>)>,
        answers: &mut [Option<Published>],
    ) -> Result<Vec<usize>, Error> {
        let mut lost = Vec::new();
        for chunk in same.chunks(MARKETS_AT_ONCE) {
            let renewals: Vec<Renewal> = chunk
                .iter()
                .map(|(_, entry)| Renewal {
                    market_id: entry.row.id,
                    version: entry.snapshot.version,
                    lifetime: self.markets_state().lifetime(),
                })
                .collect();
            let renewed = self.live().renew(&renewals, at, self.clock().for_cache()).await?;
            for ((index, entry), renewed) in chunk.iter().zip(renewed) {
                if renewed != Renewed::Renewed {
                    lost.push(*index);
                } else if let Some(answer) = answers.get_mut(*index) {
                    *answer = Some(as_remembered(entry));
                }
            }
        }
        Ok(lost)
    }

    /// Makes the partitions of a day once, at its first message.
    async fn ready_partitions(&self) -> Result<(), Error> {
        let day = self.clock().now().millis().div_euclid(DAY_MS);
        if self.markets_state().is_new_day(day) {
            self.ensure_partitions().await?;
            self.markets_state().day_is_ready(day);
        }
        Ok(())
    }
}

/// Refuses a name that cannot be kept.
pub(super) fn check_producer(name: &str) -> Result<(), Error> {
    if (1..=PRODUCER_LEN_MAX).contains(&name.chars().count()) {
        return Ok(());
    }
    let detail = format!("a producer's name has 1 to {PRODUCER_LEN_MAX} characters");
    Err(Error::Invalid { pointer: "/producer".to_owned(), detail })
}

fn validate(producer: &str, markets: &[SourceMarket]) -> Result<(), Error> {
    check_producer(producer)?;
    let invalid = |pointer: String, detail: String| Err(Error::Invalid { pointer, detail });
    let mut seen = BTreeSet::new();
    for (index, market) in markets.iter().enumerate() {
        if !seen.insert(market.key.as_str()) {
            let detail = format!("market {} stands twice in one message", market.key);
            return invalid(format!("/markets/{index}"), detail);
        }
    }
    Ok(())
}

fn entry_of(source: &SourceMarket, decided: &Decided) -> Entry {
    Entry {
        source: source.clone(),
        row: decided.row.clone(),
        outcomes: decided.outcomes.clone(),
        snapshot: decided.snapshot.clone(),
        needs_manual: match &decided.result {
            Recorded::NeedsManual(why) => Some(why.clone()),
            Recorded::None | Recorded::Recorded => None,
        },
    }
}

fn published(decided: Decided) -> Published {
    Published {
        market_id: decided.row.id,
        source_key: decided.row.source_key,
        version: decided.is_new.then_some(decided.snapshot.version),
        status: decided.row.status,
        snapshot: decided.snapshot,
        result: decided.result,
        removed: decided.removed,
        outcomes: keys_of(&decided.outcomes),
    }
}

fn as_remembered(entry: &Entry) -> Published {
    Published {
        market_id: entry.row.id,
        source_key: entry.row.source_key.clone(),
        version: None,
        status: entry.row.status,
        snapshot: entry.snapshot.clone(),
        result: entry.needs_manual.clone().map_or(Recorded::None, Recorded::NeedsManual),
        removed: Vec::new(),
        outcomes: keys_of(&entry.outcomes),
    }
}

fn keys_of(outcomes: &[OutcomeRow]) -> BTreeMap<OutcomeId, String> {
    outcomes.iter().map(|row| (row.id, row.source_key.clone())).collect()
}
