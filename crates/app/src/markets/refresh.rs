//! Refreshing: a market whose snapshot runs out is loaded from its origin, by one process at a time.
//!
//! Whoever meets such a market asks [`Refresh`]. In a process each market is loaded once, however many ask; between
//! processes by whoever has the lease, whose token fences what it writes. The origin is, in this order: what this
//! process knows as the one that hears the market's producer; the configured price provider; and the market's last
//! row, which is shown and never sold, since nobody confirms it.

use super::decide::is_final;
use super::publish::Confirmed;
use crate::state::WeakApp;
use crate::{App, Error};
use overround_domain::ids::MarketId;
use overround_domain::markets::Told;
use overround_live::{Freshness, Held, Lease, Lifetime, SnapshotWrite, Word};
use overround_store::market::{self, MarketRow};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{Instant, sleep, timeout};

/// For how long a market that is being loaded is waited for.
pub(crate) const WAIT: Duration = Duration::from_secs(2);
/// For how long a process may load a market before another may. An origin answers well within it.
const LEASE: Duration = Duration::from_secs(5);
/// How often to look whether another process has loaded it.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// How many markets may wait to be loaded; of more than that nobody is told.
const WANTED_MAX: usize = 1_000;
/// How many markets are loaded at once.
const LOADS_AT_ONCE: usize = 64;
/// For how long what nobody confirms is shown before its origin is asked again.
const SHOWN: Lifetime = Lifetime { fresh_ms: 1_500, stale_ms: 500 };
/// The same, of a market that is over: it has no origin any more.
const SHOWN_OVER: Lifetime = Lifetime { fresh_ms: 540_000, stale_ms: 60_000 };

/// Whether a market is to be loaded: what Redis holds of it is not fresh, and nobody has just loaded it.
pub(crate) fn is_due(held: Option<&Held>) -> bool {
    held.is_none_or(|held| held.confirmed_at.is_some() && held.freshness != Freshness::Fresh)
}

/// The markets that are being loaded by this process, or waited for.
pub(crate) struct Refresh {
    flights: Mutex<HashMap<MarketId, watch::Receiver<()>>>,
    wanted: mpsc::Sender<Flight>,
}

/// One market's load. It is over when this is dropped, however the load ended.
pub(crate) struct Flight {
    market: MarketId,
    refresh: Arc<Refresh>,
    _done: watch::Sender<()>,
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.refresh.flights().remove(&self.market);
    }
}

impl Refresh {
    /// The handle, and what [`run`] takes.
    pub(crate) fn new() -> (Arc<Self>, mpsc::Receiver<Flight>) {
        let (wanted, flights) = mpsc::channel(WANTED_MAX);
        (Arc::new(Self { flights: Mutex::default(), wanted }), flights)
    }

    /// Has a market loaded while its reader goes on.
    pub(crate) fn behind(self: &Arc<Self>, market: MarketId) {
        drop(self.begin(market));
    }

    /// Has a market loaded and waits for it, but not for long. Whether it was is for the reader to see.
    pub(crate) async fn wait(self: &Arc<Self>, market: MarketId) {
        if let Some(mut done) = self.begin(market) {
            // The sender says nothing: that it is gone is the end.
            drop(timeout(WAIT, done.changed()).await);
        }
    }

    fn begin(self: &Arc<Self>, market: MarketId) -> Option<watch::Receiver<()>> {
        let mut flights = self.flights();
        let place = match flights.entry(market) {
            Entry::Occupied(flight) => return Some(flight.get().clone()),
            Entry::Vacant(place) => place,
        };
        let Ok(permit) = self.wanted.try_reserve() else {
            metrics::counter!("overround_market_refreshes_dropped_total").increment(1);
            return None;
        };
        let (sender, done) = watch::channel(());
        place.insert(done.clone());
        permit.send(Flight { market, refresh: Arc::clone(self), _done: sender });
        Some(done)
    }

    fn flights(&self) -> MutexGuard<'_, HashMap<MarketId, watch::Receiver<()>>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Loads what is asked for, for as long as the application lives.
pub(crate) async fn run(app: WeakApp, mut wanted: mpsc::Receiver<Flight>) {
    let places = Arc::new(Semaphore::new(LOADS_AT_ONCE));
    while let Some(flight) = wanted.recv().await {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let Some(app) = app.upgrade() else { return };
        tokio::spawn(async move {
            if let Err(error) = app.load(flight.market).await {
                metrics::counter!("overround_market_loads_failed_total").increment(1);
                tracing::debug!(%error, market = %flight.market, "a market cannot be loaded from its origin");
            }
            drop((flight, place));
        });
    }
}

/// Counts a load of a market from its `feed`, its `provider` or its `row`.
fn count_load(origin: &'static str) {
    metrics::counter!("overround_origin_loads_total", "origin" => origin).increment(1);
}

impl App {
    /// Loads a market, unless another process does: then it is waited for.
    async fn load(&self, market: MarketId) -> Result<(), Error> {
        let until = Instant::now() + WAIT;
        loop {
            let ends = Instant::now() + LEASE;
            if let Some(lease) = self.live().take_lease(market, LEASE).await? {
                // One that confirmed nothing keeps the lease to its end, so that a dead origin is not asked in turns.
                if self.load_leased(market, &lease, ends).await? {
                    self.live().give_back(market, &lease).await?;
                }
                return Ok(());
            }
            if !is_due(self.held(market).await?.as_ref()) || Instant::now() >= until {
                return Ok(());
            }
            sleep(LOOK_AGAIN).await;
        }
    }

    async fn held(&self, market: MarketId) -> Result<Option<Held>, Error> {
        Ok(self.live().read_one(market, self.clock().for_cache()).await?)
    }

    /// Loads a market under a lease that ends at an instant; whether its prices are confirmed then.
    async fn load_leased(&self, market: MarketId, lease: &Lease, ends: Instant) -> Result<bool, Error> {
        let held = self.held(market).await?;
        if !is_due(held.as_ref()) {
            // Whoever had the lease before has loaded it.
            return Ok(true);
        }
        let rows = market::markets::load(self.store().read(), &[market]).await?;
        let Some(row) = rows.into_iter().next() else { return Ok(false) };
        if !row.status.is_over() {
            if let Some(sign) = self.markets_state().sign_of(&row.producer) {
                count_load("feed");
                let by = Confirmed { at: sign.at, ago_ms: sign.ago_ms, lease: Some(lease) };
                return self.show_row(row, Some(by), lease).await;
            }
            // Who paused past the lease's end neither asks beside its next holder nor believes what it was told.
            let asked = self.clock().now();
            if Instant::now() < ends
                && let Some(told) = self.ask_provider(&row).await
                && Instant::now() < ends
            {
                return self.publish_told(&row, asked, told, lease).await.map(|()| true);
            }
        }
        count_load("row");
        self.show_row(row, None, lease).await
    }

    /// What the configured provider says of a market; none if it is not its market, or the provider is of no help.
    async fn ask_provider(&self, row: &MarketRow) -> Option<Told> {
        let provider = self.settings().provider.as_ref()?;
        if provider.producer() != row.producer {
            return None;
        }
        count_load("provider");
        match timeout(WAIT, provider.told(&row.source_key)).await {
            Ok(Ok(told)) => return told,
            Ok(Err(error)) => tracing::warn!(%error, market = %row.id, "a market's prices cannot be had"),
            Err(_) => tracing::warn!(market = %row.id, "the price provider does not answer in time"),
        }
        metrics::counter!("overround_provider_failures_total").increment(1);
        None
    }

    /// Writes a market's last version to Redis: confirmed by its producer, or as the last that is known.
    async fn show_row(
        &self,
        row: MarketRow,
        by: Option<Confirmed<'_>>,
        lease: &Lease,
    ) -> Result<bool, Error> {
        let is_over = is_final(row.status);
        let stored = market::price_versions::current(self.store().read(), &[row]).await?;
        let Some(snapshot) = stored.values().next() else { return Ok(false) };
        if let Some(by) = by {
            return Ok(self.show(by, &[snapshot]).await? > 0);
        }
        let word = Word::Unconfirmed { lifetime: if is_over { SHOWN_OVER } else { SHOWN } };
        let write = SnapshotWrite { snapshot, word, lease: Some(lease) };
        self.live().write_one(write, self.clock().for_cache()).await?;
        Ok(is_over)
    }
}
