//! The one handle on all use cases.

use crate::lanes::Lanes;
use crate::markets::refresh::{self, Refresh};
use crate::presence::Presence;
use crate::rate_limits::RateLimits;
use crate::stream::{Chronicles, Stream};
use crate::wallet::Directory;
use crate::{Clock, Error, Settings, markets};
use overround_live::Live;
use overround_store::{Pool, Store, partitions};
use std::sync::{Arc, Weak};
use tokio::sync::Notify;

/// How many connections publish prices: most processes hear few producers, and each says one thing after another.
const PUBLISHING_MAX: u32 = 4;

/// All use cases. Cheap to clone; the last one to go leaves the lanes to end by themselves, so call
/// [`App::shutdown`] to wait for what they have taken.
#[derive(Clone)]
pub struct App {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    /// The same, for publishing prices.
    publishing: Store,
    keeper: Pool,
    live: Live,
    clock: Clock,
    settings: Settings,
    cells: u16,
    lanes: Lanes,
    directory: Directory,
    markets: markets::State,
    refresh: Arc<Refresh>,
    stream: Stream,
    chronicles: Chronicles,
    rate_limits: RateLimits,
    presence: Presence,
    settler: Notify,
}

/// The use cases for as long as somebody else keeps them.
pub(crate) struct WeakApp(Weak<Inner>);

impl WeakApp {
    pub(crate) fn upgrade(&self) -> Option<App> {
        Some(App { inner: self.0.upgrade()? })
    }
}

impl App {
    /// Starts the lanes over a migrated database, after making the partitions that the clock needs.
    ///
    /// # Errors
    /// When a datastore is away, or the database was not migrated.
    pub async fn start(
        store: Store,
        keeper: Pool,
        live: Live,
        clock: Clock,
        settings: Settings,
    ) -> Result<Self, Error> {
        partitions::ensure(&keeper, clock.now()).await?;
        let cells = overround_store::wallet::house::cells(store.read()).await?;
        let (refresh, wanted) = Refresh::new();
        let lanes = Lanes::start(&store, &live, &clock, &settings, &refresh);
        let inner = Arc::new_cyclic(|inner| Inner {
            directory: Directory::default(),
            markets: markets::State::new(settings.seed),
            stream: Stream::start(&live, &clock, &refresh),
            chronicles: Chronicles::start(&live, WeakApp(Weak::clone(inner))),
            refresh,
            rate_limits: RateLimits::start(&live),
            presence: Presence::start(&live, settings.presence_stay),
            settler: Notify::new(),
            publishing: store.keyed(PUBLISHING_MAX),
            store,
            keeper,
            live,
            clock,
            settings,
            cells,
            lanes,
        });
        tokio::spawn(refresh::run(WeakApp(Arc::downgrade(&inner)), wanted));
        Ok(Self { inner })
    }

    /// Takes no more money commands, finishes those that were taken, and returns.
    pub async fn shutdown(&self) {
        self.inner.stream.stop().await;
        self.inner.chronicles.stop().await;
        self.inner.presence.stop().await;
        self.inner.lanes.drain().await;
        self.inner.publishing.close().await;
        self.inner.rate_limits.stop().await;
    }

    /// The clock that all use cases read.
    pub fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    /// The settings in force.
    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// Each datastore's name, and what is wrong with it if it cannot be used.
    pub async fn readiness(&self) -> Vec<(&'static str, Result<(), String>)> {
        let (postgres, redis) = tokio::join!(self.inner.store.ping(), self.inner.live.ping());
        vec![
            ("postgres", postgres.map_err(|error| error.to_string())),
            ("redis", redis.map_err(|error| error.to_string())),
        ]
    }

    /// Makes the partitions that the present instant and the near future need.
    ///
    /// # Errors
    /// The database's.
    pub async fn ensure_partitions(&self) -> Result<partitions::Report, Error> {
        Ok(partitions::ensure(&self.inner.keeper, self.inner.clock.now()).await?)
    }

    /// Woken whenever a market may have bets to pay.
    pub fn settler_wake(&self) -> &Notify {
        &self.inner.settler
    }

    pub(crate) fn store(&self) -> &Store {
        &self.inner.store
    }

    pub(crate) fn publishing(&self) -> &Store {
        &self.inner.publishing
    }

    pub(crate) fn live(&self) -> &Live {
        &self.inner.live
    }

    pub(crate) fn cells(&self) -> u16 {
        self.inner.cells
    }

    pub(crate) fn stream(&self) -> &Stream {
        &self.inner.stream
    }

    pub(crate) fn chronicles(&self) -> &Chronicles {
        &self.inner.chronicles
    }

    pub(crate) fn refresh(&self) -> &Arc<Refresh> {
        &self.inner.refresh
    }

    pub(crate) fn presence_state(&self) -> &Presence {
        &self.inner.presence
    }

    pub(crate) fn rate_limits(&self) -> &RateLimits {
        &self.inner.rate_limits
    }

    pub(crate) fn lanes(&self) -> &Lanes {
        &self.inner.lanes
    }

    pub(crate) fn directory(&self) -> &Directory {
        &self.inner.directory
    }

    pub(crate) fn markets_state(&self) -> &markets::State {
        &self.inner.markets
    }
}
