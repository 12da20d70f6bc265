//! Snapshots in Redis: written, renewed and read, many markets in one round trip.

use crate::fields::{
    AGES, BODY, body_of, clock_key_of, held_of, key_of, lease_key_of, snapshot_of, stream_key_of, version_of,
};
use crate::{Error, Freshness, Lease, Lifetime, Live, Now};
use overround_domain::ids::MarketId;
use overround_domain::markets::Snapshot;
use overround_domain::time::Timestamp;
use redis::{Script, ScriptInvocation};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How long a clock outlives the last write.
pub(crate) const CLOCK_MS: i64 = 24 * 3_600_000;
/// How long the last versions, or events, are kept after the last of them.
pub(crate) const STREAM_MS: i64 = 10 * 60_000;
/// How many of a market's last versions are kept, for readers who were away.
pub const KEPT_VERSIONS: usize = 128;
/// How long a snapshot of a recording is kept: its ages run on the recording's clock, not on the server's.
const RECORDING_MS: i64 = 3_600_000;

/// By whose word a snapshot is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// Its source's: it may be sold.
    Confirmed {
        /// The source's last sign of life.
        at: Timestamp,
        /// For how many milliseconds that has been known, or had been when it was asked for under a lease; 0 or more. Its
        /// age on the server's clock begins with so much, and with what has passed of that lease.
        ago_ms: i64,
        /// How long it lives.
        lifetime: Lifetime,
    },
    /// Somebody's who changed it, a trader's: its age and expiry stay those of the snapshot it replaces, so that
    /// prices which nobody confirms still run out.
    Kept,
    /// Nobody's: it is shown as the last that is known, and not for sale.
    Unconfirmed {
        /// How long it is shown.
        lifetime: Lifetime,
    },
}

/// A snapshot to write.
#[derive(Debug, Clone, Copy)]
pub struct SnapshotWrite<'a> {
    /// What to write.
    pub snapshot: &'a Snapshot,
    /// By whose word.
    pub word: Word,
    /// The lease that it was loaded under, if it was.
    pub lease: Option<&'a Lease>,
}

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// It is stored.
    Applied,
    /// This version is held already, confirmed at the same instant or later.
    Unchanged,
    /// A higher version is known (of a [`Word::Kept`], this one or a higher); nothing was stored.
    Older {
        /// That version.
        held_version: i64,
    },
    /// There was nothing to keep: whoever follows the market was told, and nothing was stored.
    Missing,
    /// The lease ran out, or is another's by now; nothing was stored.
    Fenced,
    /// The node that has the market is away, and others are not: the same again later.
    Away,
}

/// A market whose unchanged snapshot is confirmed.
#[derive(Debug, Clone, Copy)]
pub struct Renewal {
    /// The market.
    pub market_id: MarketId,
    /// The version that is confirmed.
    pub version: i64,
    /// How long it lives from now on.
    pub lifetime: Lifetime,
}

/// What became of a renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewed {
    /// The snapshot is confirmed.
    Renewed,
    /// Redis does not hold that version: it has to be written again.
    Missing,
    /// Redis knows a higher version.
    Older,
    /// The node that has the market is away, and others are not: the same again later.
    Away,
}

/// A snapshot that Redis holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The snapshot.
    pub snapshot: Arc<Snapshot>,
    /// The producer's last sign of life; none when nobody's word stands behind it.
    pub confirmed_at: Option<Timestamp>,
    /// Milliseconds since then, on the clock that was asked for.
    pub age_ms: Option<i64>,
    /// What that age means: past its window nothing may be sold at it.
    pub freshness: Freshness,
    /// For how many milliseconds more it is fresh; none below zero.
    pub fresh_ms: i64,
    /// For how many milliseconds more it may be sold; none below zero.
    pub sellable_ms: i64,
}

impl Held {
    pub(crate) fn confirmed(
        snapshot: Arc<Snapshot>,
        confirmed_at: Timestamp,
        age_ms: i64,
        lifetime: Lifetime,
    ) -> Self {
        let freshness = lifetime.freshness(age_ms);
        let (fresh_ms, sellable_ms) = match freshness {
            Freshness::Fresh => (lifetime.fresh_ms - age_ms, lifetime.end_ms() - age_ms),
            Freshness::Stale => (0, lifetime.end_ms() - age_ms),
            Freshness::Expired => (0, 0),
        };
        let (confirmed_at, age_ms) = (Some(confirmed_at), Some(age_ms.max(0)));
        Self { snapshot, confirmed_at, age_ms, freshness, fresh_ms, sellable_ms }
    }

    /// What is known of it after so many milliseconds in which nothing was heard of it.
    pub fn after(&self, ms: i64) -> Self {
        let (fresh_ms, sellable_ms) = ((self.fresh_ms - ms).max(0), (self.sellable_ms - ms).max(0));
        let freshness = match (fresh_ms, sellable_ms) {
            (1.., _) => Freshness::Fresh,
            (_, 1..) => Freshness::Stale,
            _ => Freshness::Expired,
        };
        let age_ms = self.age_ms.map(|age_ms| age_ms.saturating_add(ms));
        Self { age_ms, freshness, fresh_ms, sellable_ms, ..self.clone() }
    }

    pub(crate) const fn unconfirmed(snapshot: Arc<Snapshot>) -> Self {
        Self {
            snapshot,
            confirmed_at: None,
            age_ms: None,
            freshness: Freshness::Expired,
            fresh_ms: 0,
            sellable_ms: 0,
        }
    }
}

/// What the read script answers: the server's time, the version, and values.
type ReadAnswer = (i64, Option<String>, Vec<Option<String>>);

impl Live {
    /// Stores one snapshot by its source's word; see [`Live::write_all`].
    ///
    /// # Errors
    /// As [`Live::write_all`].
    pub async fn write(
        &self,
        snapshot: &Snapshot,
        at: Timestamp,
        lifetime: Lifetime,
        now: Now,
    ) -> Result<Write, Error> {
        let word = Word::Confirmed { at, ago_ms: 0, lifetime };
        self.write_one(SnapshotWrite { snapshot, word, lease: None }, now).await
    }

    /// Stores one snapshot; see [`Live::write_all`].
    ///
    /// # Errors
    /// As [`Live::write_all`].
    pub async fn write_one(&self, write: SnapshotWrite<'_>, now: Now) -> Result<Write, Error> {
        let written = self.write_all(&[write], now).await?;
        written.first().copied().ok_or_else(|| unknown_verdict(write.snapshot.market_id, "nothing"))
    }

    /// Stores each snapshot that is newer than what Redis holds of its market: a higher version, or
    /// the same one confirmed later; and tells a higher version to whoever follows the market. The answers
    /// stand in the order of the writes.
    ///
    /// # Errors
    /// When Redis is away or refuses; each market's snapshot is then either stored as a whole or not
    /// at all, and the same again is harmless.
    pub async fn write_all(&self, writes: &[SnapshotWrite<'_>], now: Now) -> Result<Vec<Write>, Error> {
        let calls = writes.iter().map(|write| self.write_call(&self.scripts.write, write, now));
        let calls: Vec<ScriptInvocation<'_>> = calls.collect::<Result<_, _>>()?;
        let answers = self.connection.call_some(&self.scripts.write, &calls).await?;
        let note = |(answer, write): (&Option<(String, String)>, &SnapshotWrite<'_>)| {
            let Some(answer) = answer else { return Ok(Write::Away) };
            let written = written(answer, write)?;
            if matches!(written, Write::Applied | Write::Unchanged | Write::Missing) {
                self.saw(&Arc::new(write.snapshot.clone()));
            }
            Ok(written)
        };
        answers.iter().zip(writes).map(note).collect()
    }

    pub(crate) fn write_call<'a>(
        &self,
        script: &'a Script,
        write: &SnapshotWrite<'_>,
        now: Now,
    ) -> Result<ScriptInvocation<'a>, Error> {
        let (snapshot, market) = (write.snapshot, write.snapshot.market_id);
        let nothing = Lifetime { fresh_ms: 1, stale_ms: 1 };
        let (word, at, ago_ms, lifetime) = match write.word {
            Word::Confirmed { at, ago_ms, lifetime } => ("CONFIRMED", at, ago_ms, lifetime),
            Word::Kept => ("KEPT", snapshot.as_of, 0, nothing),
            Word::Unconfirmed { lifetime } => ("UNCONFIRMED", snapshot.as_of, 0, lifetime),
        };
        let mut call = script.key(key_of(market));
        call.key(clock_key_of(market)).key(stream_key_of(market)).key(lease_key_of(market));
        call.arg(word).arg(snapshot.version).arg(at.millis()).arg(ages_from(now, at)).arg(ago_ms.max(0));
        call.arg(lifetime.fresh_ms).arg(lifetime.stale_ms);
        call.arg(lives_ms(now, lifetime));
        call.arg(CLOCK_MS).arg(STREAM_MS).arg(KEPT_VERSIONS);
        call.arg(new_epoch()).arg(write.lease.map_or("", Lease::token));
        call.arg(write.lease.map_or(0, Lease::length_ms));
        for (name, value) in BODY.iter().zip(body_of(snapshot)?) {
            call.arg(*name).arg(value);
        }
        Ok(call)
    }

    /// Confirms snapshots that did not change, and starts their ages again. The answers stand in the
    /// order of the renewals.
    ///
    /// # Errors
    /// When Redis is away or refuses; the same again is harmless.
    pub async fn renew(
        &self,
        renewals: &[Renewal],
        confirmed_at: Timestamp,
        now: Now,
    ) -> Result<Vec<Renewed>, Error> {
        let calls = renewals.iter().map(|Renewal { market_id, version, lifetime }| {
            let mut call = self.scripts.renew.key(key_of(*market_id));
            call.key(clock_key_of(*market_id)).arg(*version).arg(confirmed_at.millis());
            call.arg(ages_from(now, confirmed_at)).arg(lives_ms(now, *lifetime)).arg(CLOCK_MS);
            call.arg(lifetime.fresh_ms).arg(lifetime.stale_ms);
            call
        });
        let calls: Vec<ScriptInvocation<'_>> = calls.collect();
        let answers: Vec<Option<String>> = self.connection.call_some(&self.scripts.renew, &calls).await?;
        answers
            .iter()
            .zip(renewals)
            .map(|(answer, renewal)| match answer.as_deref() {
                Some("RENEWED") => Ok(Renewed::Renewed),
                Some("MISSING") => Ok(Renewed::Missing),
                Some("OLDER") => Ok(Renewed::Older),
                Some(other) => Err(unknown_verdict(renewal.market_id, other)),
                None => Ok(Renewed::Away),
            })
            .collect()
    }

    /// The snapshot that Redis holds of one market; see [`Live::read`].
    ///
    /// # Errors
    /// As [`Live::read`].
    pub async fn read_one(&self, market: MarketId, now: Now) -> Result<Option<Held>, Error> {
        Ok(self.read(&[market], now).await?.remove(&market))
    }

    /// The snapshots that Redis holds of these markets, in one round trip, expired ones included. A
    /// market that it does not hold is left out, and so is one that it holds at a version below the highest that
    /// this process had seen when it asked: the server lost something, and what it has is no more for sale. Left out are
    /// also the markets whose node is away, as long as another one answers.
    ///
    /// # Errors
    /// When Redis is away, and [`Error::Unreadable`] for a snapshot that cannot be read back.
    pub async fn read(&self, markets: &[MarketId], now: Now) -> Result<BTreeMap<MarketId, Held>, Error> {
        let markets: BTreeSet<MarketId> = markets.iter().copied().collect();
        let known: Vec<Option<Arc<Snapshot>>> =
            markets.iter().map(|market| self.highest.get(market)).collect();
        let calls = markets.iter().zip(&known).map(|(market, known)| {
            let mut call = self.scripts.read.key(key_of(*market));
            call.arg(known.as_ref().map(|known| known.version.to_string()).unwrap_or_default());
            call.arg(AGES.len()).arg(&AGES).arg(&BODY);
            call
        });
        let calls: Vec<ScriptInvocation<'_>> = calls.collect();
        let answers: Vec<Option<ReadAnswer>> = self.connection.call_some(&self.scripts.read, &calls).await?;
        let mut held = BTreeMap::new();
        for ((market, known), answer) in markets.into_iter().zip(known).zip(answers) {
            let Some((server_ms, Some(version), values)) = answer else { continue };
            let version = version_of(market, &version)?;
            let (ages, body) = values.split_at_checked(AGES.len()).unwrap_or((&values, &[]));
            // What became known since the question was sent may well be newer than its answer.
            if known.as_ref().is_some_and(|known| known.version > version) {
                metrics::counter!("overround_snapshots_gone_back_total").increment(1);
                continue;
            }
            let snapshot = match known.filter(|known| known.version == version) {
                Some(known) => known,
                None => Arc::new(snapshot_of(market, version, body)?),
            };
            self.saw(&snapshot);
            let clock = match now {
                Now::At(at) => at,
                Now::Server => Timestamp::from_millis(server_ms),
            };
            held.insert(market, held_of(snapshot, ages, clock)?);
        }
        Ok(held)
    }
}

/// An epoch that no other is called like.
pub(crate) fn new_epoch() -> String {
    format!("{:016x}", rand::random::<u64>())
}

/// What the script counts ages from: nothing means the server's clock.
fn ages_from(now: Now, confirmed_at: Timestamp) -> String {
    match now {
        Now::Server => String::new(),
        Now::At(_) => confirmed_at.millis().to_string(),
    }
}

const fn lives_ms(now: Now, lifetime: Lifetime) -> i64 {
    match now {
        Now::Server => lifetime.end_ms(),
        Now::At(_) => RECORDING_MS,
    }
}

fn written(answer: &(String, String), write: &SnapshotWrite<'_>) -> Result<Write, Error> {
    let market = write.snapshot.market_id;
    match answer.0.as_str() {
        "APPLIED" => Ok(Write::Applied),
        "UNCHANGED" => Ok(Write::Unchanged),
        "OLDER" => Ok(Write::Older { held_version: version_of(market, &answer.1)? }),
        "MISSING" => Ok(Write::Missing),
        "FENCED" => Ok(Write::Fenced),
        other => Err(unknown_verdict(market, other)),
    }
}

fn unknown_verdict(market: MarketId, verdict: &str) -> Error {
    let detail = format!("the script answered {verdict:?}");
    Error::Unreadable { key: key_of(market), field: "version", detail }
}
