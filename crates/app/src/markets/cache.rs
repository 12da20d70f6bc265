//! What this process remembers of the markets it published. Nothing depends on it: it saves queries
//! for markets that did not change, and every entry is checked against the row that is locked.

use super::Published;
use super::decide::is_final;
use overround_domain::ids::MarketId;
use overround_domain::markets::{Snapshot, SourceMarket};
use overround_live::{Lifetime, Window};
use overround_store::market::{MarketRow, OutcomeRow};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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

/// The memory of one process, and its source of jitter.
pub(crate) struct State {
    // By producer, then by the producer's key.
    entries: Mutex<HashMap<String, HashMap<String, Arc<Entry>>>>,
    // Answers of calls that failed after they had committed, until the market is published again.
    owed: Mutex<HashMap<MarketId, Published>>,
    jitter: Mutex<ChaCha8Rng>,
    window: Window,
    partitions_day: AtomicI64,
}

impl State {
    /// An empty memory. A seed makes the lifetimes of snapshots repeatable.
    pub(crate) fn new(seed: Option<u64>) -> Self {
        let jitter = seed.map_or_else(rand::make_rng, ChaCha8Rng::seed_from_u64);
        Self {
            entries: Mutex::default(),
            owed: Mutex::default(),
            jitter: Mutex::new(jitter),
            window: Window::default(),
            partitions_day: AtomicI64::new(i64::MIN),
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
