//! What limits stakes, as this process last read it. Nothing is read twice while its version stands, which every batch of
//! bets reads with its fences: a batch is decided by the limits of its own snapshot of the database.

use overround_domain::betting::{Cap, CappedLeg, LegLimits, LimitBook, MarketClass};
use overround_domain::ids::{AccountId, MarketId, OutcomeId};
use overround_domain::money::Currency;
use overround_store::betting::limits;
use overround_store::{Error, Tx};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What the lanes of a process know of the limits.
#[derive(Debug, Default)]
pub(super) struct LimitCache(Mutex<Arc<Limits>>);

/// The limits of one version, and what the markets are that bets were on since.
#[derive(Debug, Default)]
pub(super) struct Limits {
    book: LimitBook,
    classes: Mutex<HashMap<MarketId, MarketClass>>,
}

impl LimitCache {
    /// The limits of that version, which is the transaction's, for bets on these markets. They are read where the
    /// version is another than last time, and a market's class where something asks for it for the first time.
    ///
    /// # Errors
    /// The database's.
    pub(super) async fn at(
        &self,
        tx: &mut Tx,
        version: i64,
        markets: impl Iterator<Item = MarketId>,
    ) -> Result<Arc<Limits>, Error> {
        let mut limits = Arc::clone(&self.lock());
        if limits.book.version != version {
            limits = Arc::new(Limits { book: limits::book(tx).await?, classes: Mutex::default() });
            let mut known = self.lock();
            // A transaction that began earlier may end later.
            if known.book.version < limits.book.version {
                *known = Arc::clone(&limits);
            }
        }
        if limits.book.asks_for_class() {
            let unknown: Vec<MarketId> = {
                let classes = limits.classes();
                markets.filter(|market| !classes.contains_key(market)).collect()
            };
            if !unknown.is_empty() {
                let read = limits::classes(tx, &unknown).await?;
                limits.classes().extend(read);
            }
        }
        Ok(limits)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Arc<Limits>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Limits {
    /// The version of all limits.
    pub(super) const fn version(&self) -> i64 {
        self.book.version
    }

    /// What limits an account's leg on a market.
    pub(super) fn of_leg(&self, account: AccountId, currency: Currency, market: MarketId) -> LegLimits {
        if self.book.limits.is_empty() && self.book.factors.is_empty() {
            return LegLimits::default();
        }
        let classes = self.classes();
        self.book.of_leg(account, currency, market, classes.get(&market))
    }

    /// The caps that a bet on these legs counts for.
    pub(super) fn caps_of(
        &self,
        legs: impl Iterator<Item = (MarketId, OutcomeId)> + Clone,
        currency: Currency,
    ) -> Vec<Cap> {
        if self.book.caps.is_empty() {
            return Vec::new();
        }
        let classes = self.classes();
        let legs = legs.map(|(market, outcome)| CappedLeg { market, outcome, class: classes.get(&market) });
        self.book.caps.of_bet(legs, currency)
    }

    fn classes(&self) -> std::sync::MutexGuard<'_, HashMap<MarketId, MarketClass>> {
        self.classes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
