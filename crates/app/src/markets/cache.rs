//! What this process remembers of the markets it published. Nothing depends on it: it saves queries
//! for markets that did not change, and every entry is checked against the row that is locked.

use super::decide::is_final;
use super::{MarketInfo, Published};
use crate::Error;
use overround_domain::ids::MarketId;
use overround_domain::markets::{Snapshot, SourceMarket};
use overround_domain::time::Timestamp;
use overround_live::{Lifetime, Window};
use overround_store::market::{MarketRow, OutcomeRow};
use quick_cache::sync::Cache;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::time::Instant;
use uuid::Uuid;

/// A market as it was last published.
#[derive(Debug)]
pub(super) struct Entry {
    /// What its producer said.
    pub source: SourceMarket,
    /// Its row after that.
    pub row: MarketRow,
    /// Its outcomes after that.
    pub outcomes: Vec<OutcomeRow>,
    /// Its snapshot after that.
    pub snapshot: Snapshot,
    /// Why a person must settle it.
    pub needs_manual: Option<String>,
}

/// For how many milliseconds a producer's sign of life says that what is known of it still stands: less than the shortest
/// freshness of a snapshot.
const SIGN_MS: i64 = 7_000;

/// A producer's last sign of life, as this process heard it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sign {
    /// When, on the application's clock.
    pub at: Timestamp,
    /// How many milliseconds ago that was.
    pub ago_ms: i64,
}

/// What of how many markets is remembered for readers.
const INFOS_MAX: usize = 20_000;
/// For how long it is: a name changes without a version.
const INFO_FOR: Duration = Duration::from_secs(60);

/// What a market is, as its rows said it.
#[derive(Clone)]
struct Info {
    status_version: i64,
    read: Instant,
    market: Arc<MarketInfo>,
}

impl Info {
    fn holds(&self, status_version: i64) -> bool {
        self.status_version >= status_version && self.read.elapsed() < INFO_FOR
    }
}

/// The memory of one process, and its source of jitter.
pub(crate) struct State {
    // By producer, then by the producer's key.
    entries: Mutex<HashMap<String, HashMap<String, Arc<Entry>>>>,
    // Answers of calls that failed after they had committed, until the market is published again.
    owed: Mutex<HashMap<MarketId, Published>>,
    // When each producer was last heard here.
    signs: Mutex<HashMap<String, (Timestamp, Instant)>>,
    // Held by all who commit versions and then show them; alone by who shows what seems to be missing.
    publishing: RwLock<()>,
    jitter: Mutex<ChaCha8Rng>,
    window: Window,
    infos: Cache<MarketId, Info>,
    partitions_day: AtomicI64,
    // Which process this is, among those that hear producers.
    hearer: Uuid,
}

impl State {
    /// An empty memory. A seed makes the lifetimes of snapshots repeatable.
    pub(crate) fn new(seed: Option<u64>) -> Self {
        let jitter = seed.map_or_else(rand::make_rng, ChaCha8Rng::seed_from_u64);
        Self {
            entries: Mutex::default(),
            owed: Mutex::default(),
            signs: Mutex::default(),
            publishing: RwLock::default(),
            jitter: Mutex::new(jitter),
            window: Window::default(),
            infos: Cache::new(INFOS_MAX),
            partitions_day: AtomicI64::new(i64::MIN),
            hearer: Uuid::from_u128(rand::random()),
        }
    }

    /// How long the next snapshot lives.
    pub(super) fn lifetime(&self) -> Lifetime {
        let mut jitter = self.jitter.lock().unwrap_or_else(PoisonError::into_inner);
        Lifetime {
            fresh_ms: jitter.random_range(self.window.fresh_ms.clone()),
            stale_ms: jitter.random_range(self.window.stale_ms.clone()),
        }
    }

    /// The entry of a market, if there is one.
    pub(super) fn entry(&self, producer: &str, key: &str) -> Option<Arc<Entry>> {
        self.entries().get(producer)?.get(key).cloned()
    }

    /// Remembers a market. One that is over is not said any more, and is forgotten instead.
    pub(super) fn remember(&self, entry: Entry) {
        if is_final(entry.row.status) {
            return self.forget(&entry.row.producer, &entry.row.source_key);
        }
        let mut entries = self.entries();
        let of_producer = entries.entry(entry.row.producer.clone()).or_default();
        of_producer.insert(entry.row.source_key.clone(), Arc::new(entry));
    }

    /// Forgets a market, so that the next message about it reads its rows.
    pub(super) fn forget(&self, producer: &str, key: &str) {
        let mut entries = self.entries();
        if let Some(of_producer) = entries.get_mut(producer) {
            of_producer.remove(key);
            if of_producer.is_empty() {
                entries.remove(producer);
            }
        }
    }

    /// Keeps the answer of a call that failed after it had committed.
    pub(super) fn owe(&self, answer: Published) {
        let answer = self.with_owed(answer);
        let mut owed = self.owed.lock().unwrap_or_else(PoisonError::into_inner);
        owed.insert(answer.market_id, answer);
    }

    /// An answer with what is owed of the market.
    pub(super) fn with_owed(&self, answer: Published) -> Published {
        let mut owed = self.owed.lock().unwrap_or_else(PoisonError::into_inner);
        match owed.remove(&answer.market_id) {
            Some(earlier) => answer.after(earlier),
            None => answer,
        }
    }

    /// To be held from before versions are committed until they are shown.
    pub(super) async fn publishes(&self) -> RwLockReadGuard<'_, ()> {
        self.publishing.read().await
    }

    /// Waits until nobody in this process has versions that are committed and not shown yet.
    pub(super) async fn all_is_shown(&self) -> RwLockWriteGuard<'_, ()> {
        self.publishing.write().await
    }

    /// Notes a producer's sign of life.
    pub(super) fn signed(&self, producer: &str, at: Timestamp) {
        let mut signs = self.signs.lock().unwrap_or_else(PoisonError::into_inner);
        signs.insert(producer.to_owned(), (at, Instant::now()));
    }

    /// A producer's last sign of life, if this process has heard one lately.
    pub(super) fn sign_of(&self, producer: &str) -> Option<Sign> {
        let (at, heard) = self.signs.lock().unwrap_or_else(PoisonError::into_inner).get(producer).copied()?;
        let ago_ms = i64::try_from(heard.elapsed().as_millis()).ok().filter(|ago_ms| *ago_ms < SIGN_MS)?;
        Some(Sign { at, ago_ms })
    }

    /// What a market is, if that was read lately, and for that status version or a later one.
    pub(super) fn info(&self, market: MarketId, status_version: i64) -> Option<Arc<MarketInfo>> {
        self.infos.get(&market).filter(|info| info.holds(status_version)).map(|info| info.market)
    }

    /// What a market is, at that status version or a later one: read once, however many ask.
    pub(super) async fn info_or_read(
        &self,
        market: MarketId,
        status_version: i64,
        read: impl Future<Output = Result<(i64, MarketInfo), Error>>,
    ) -> Result<Arc<MarketInfo>, Error> {
        self.infos.remove_if(&market, |info| !info.holds(status_version));
        let read = async {
            let (status_version, info) = read.await?;
            Ok(Info { status_version, read: Instant::now(), market: Arc::new(info) })
        };
        self.infos.get_or_insert_async(&market, read).await.map(|info| info.market)
    }

    /// Which process this is, among those that hear producers.
    pub(super) const fn hearer(&self) -> Uuid {
        self.hearer
    }

    /// Whether the partitions of that day (since the epoch) were not asked for yet by this process.
    pub(super) fn is_new_day(&self, day: i64) -> bool {
        self.partitions_day.load(Ordering::Acquire) != day
    }

    /// Notes that the partitions of that day exist.
    pub(super) fn day_is_ready(&self, day: i64) {
        self.partitions_day.store(day, Ordering::Release);
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<String, HashMap<String, Arc<Entry>>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
