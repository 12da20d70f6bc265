//! The composition root: datastores, use cases, API and workers put together.

use crate::config::{Config, Environment};
use crate::failure::{Failure, chain};
use crate::feeds::Uof;
use crate::issuer;
use crate::stores::Stores;
use overround_adapters::price_provider::HttpPriceProvider;
use overround_api::{Auth, Ending, FeedSecret, Feeds};
use overround_app::{App, Clock, Settings};
use overround_domain::betting::Rules;
use overround_domain::markets::{JumpLimit, Margin, MarginBps, MarginMethod, PriceProvider};
use overround_live::Live;
use overround_store::{Pool, Role, Store, server_settings};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The use cases over their pools.
pub struct System {
    /// All use cases.
    pub app: App,
    app_pool: Pool,
    keeper_pool: Pool,
}

impl System {
    /// Starts the use cases over a schema that fits. `seed` makes what is random about snapshots'
    /// lifetimes repeatable.
    ///
    /// # Errors
    /// When a datastore is away or the schema does not fit.
    pub async fn start(
        config: &Config,
        stores: &Stores,
        clock: Clock,
        seed: Option<u64>,
    ) -> Result<Self, Failure> {
        let app_pool = stores.pool(Role::App).await?;
        stores.check(&app_pool).await?;
        check_server(config, &app_pool).await?;
        let keeper_pool = stores.pool(Role::Keeper).await?;
        let live = Live::connect(stores.redis().reveal()).map_err(|error| {
            Failure::failed(
                format!("Redis at {} cannot be used: {}", stores.redis().masked(), chain(&error)),
                "start it, or correct redis_url (OVERROUND_REDIS_URL)",
            )
        })?;
        let store = Store::new(app_pool.clone());
        let settings = settings(config, seed)?;
        let app = App::start(store, keeper_pool.clone(), live, clock, settings)
            .await
            .map_err(|error| use_case("starting the use cases", &error))?;
        Ok(Self { app, app_pool, keeper_pool })
    }

    /// The application's pool, for reading.
    pub const fn pool(&self) -> &Pool {
        &self.app_pool
    }

    /// Finishes what was taken and closes the connections.
    pub async fn stop(self) {
        self.app.shutdown().await;
        self.app_pool.close().await;
        self.keeper_pool.close().await;
    }
}

/// The API, serving.
pub struct Served {
    /// Where it listens.
    pub address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
    /// The feeds that come in over HTTP: the word to end, and their task.
    feeds: (CancellationToken, Option<JoinHandle<()>>),
}

impl Served {
    /// Serves the API of `app` at `listen`; port 0 takes a free one.
    ///
    /// # Errors
    /// When the address cannot be taken.
    pub async fn start(config: &Config, app: &App, auth: Auth, listen: SocketAddr) -> Result<Self, Failure> {
        let taken = |error: std::io::Error| {
            Failure::failed(
                format!("the address {listen} cannot be used: {error}"),
                "end what listens there, or choose another with --listen",
            )
        };
        let listener = TcpListener::bind(listen).await.map_err(taken)?;
        let address = listener.local_addr().map_err(taken)?;
        let metrics = overround_api::install_metrics()
            .map_err(|error| Failure::failed(chain(&error), "start one API a process"))?;
        let ending = Ending::default();
        let settings = issuer::api_settings(config);
        let feeds_stop = CancellationToken::new();
        let (feeds, feeds_task) = feeds(config, app, &feeds_stop);
        let router = overround_api::router(app.clone(), auth, settings, metrics, feeds, ending.clone());
        let stop = ending.stop.clone();
        let task = tokio::spawn(overround_api::serve(listener, router, ending));
        Ok(Self { address, stop, task, feeds: (feeds_stop, feeds_task) })
    }

    /// The API's address for clients on this machine.
    pub fn local_url(&self) -> String {
        // Every address stands for this machine too.
        match self.address {
            SocketAddr::V4(address) if address.ip().is_unspecified() => {
                format!("http://127.0.0.1:{}", address.port())
            }
            SocketAddr::V6(address) if address.ip().is_unspecified() => {
                format!("http://[::1]:{}", address.port())
            }
            address => format!("http://{address}"),
        }
    }

    /// Takes no more requests, finishes those that were taken, and returns.
    ///
    /// # Errors
    /// When serving had failed.
    pub async fn stop(self) -> Result<(), Failure> {
        self.stop.cancel();
        let served = self.task.await;
        // Nothing comes in any more: the house is told that these feeds end.
        let (feeds_stop, feeds_task) = self.feeds;
        feeds_stop.cancel();
        if let Some(Err(error)) = futures::future::OptionFuture::from(feeds_task).await {
            tracing::error!(%error, "the feeds failed");
        }
        served.map_err(|error| Failure::failed(format!("the API failed: {error}"), "look at the log"))
    }
}

/// The feeds that come in over HTTP, and the task that looks for their silence.
fn feeds(config: &Config, app: &App, stop: &CancellationToken) -> (Feeds, Option<JoinHandle<()>>) {
    let Some(secret) = &config.uof_secret else { return (Feeds::default(), None) };
    let ranked = config.uof_priority.clone().map_or_else(Vec::new, |ranked| ranked.0);
    let uof = Uof::new(app.clone(), ranked);
    let task = tokio::spawn(Arc::clone(&uof).run(stop.clone()));
    (Feeds::uof(FeedSecret::new(secret.reveal()), uof), Some(task))
}

/// Refuses a server whose settings give up what the money path stands on, or says so in development.
async fn check_server(config: &Config, pool: &Pool) -> Result<(), Failure> {
    let read = server_settings::shortcomings(pool).await;
    let shortcomings = read.map_err(|error| {
        Failure::failed(
            format!("PostgreSQL's settings cannot be read: {}", chain(&error)),
            "see whether it runs, then start again",
        )
    })?;
    match (config.environment, shortcomings.first()) {
        (_, None) => Ok(()),
        (Environment::Production, Some(first)) => Err(Failure::failed(
            first,
            "change it in PostgreSQL (`ALTER SYSTEM SET`, then reload), and start again",
        )),
        (Environment::Development, Some(_)) => {
            for one in &shortcomings {
                tracing::info!("PostgreSQL's setting {one}");
            }
            Ok(())
        }
    }
}

/// A failure of a use case that no player caused.
pub fn use_case(doing: &str, error: &overround_app::Error) -> Failure {
    Failure::failed(
        format!("{doing} failed: {}", chain(error)),
        "see whether both datastores run; `overround doctor` says whether the data is sound",
    )
}

/// Who is asked for a market's prices, if that is configured.
fn provider(config: &Config) -> Result<Option<Arc<dyn PriceProvider>>, Failure> {
    let Some(url) = &config.price_provider_url else { return Ok(None) };
    let provider = HttpPriceProvider::new(url.reveal(), &config.price_provider_producer);
    let provider = provider.map_err(|why| {
        Failure::usage(format!("price_provider_url {} cannot be used: {why}", url.masked()), "correct it")
    })?;
    Ok(Some(Arc::new(provider)))
}

fn settings(config: &Config, seed: Option<u64>) -> Result<Settings, Failure> {
    let bps =
        MarginBps::new(config.margin_bps).map_err(|error| Failure::usage(error, "set margin_bps lower"))?;
    let rules = Rules {
        stake_min: overround_domain::money::Cents::new(config.stake_cents_min),
        stake_max: overround_domain::money::Cents::new(config.stake_cents_max),
        payout_max: overround_domain::money::Cents::new(config.payout_cents_max),
        payout_day_max: (config.payout_cents_day_max > 0)
            .then(|| overround_domain::money::Cents::new(config.payout_cents_day_max)),
        in_play_limit_pct: config.in_play_limit_pct,
        legs_max: config.legs_max,
        duplicate_window_ms: config.duplicate_window_ms,
        ..Rules::default()
    };
    Ok(Settings {
        rules,
        price_jump: JumpLimit::new(config.price_jump_pct_max),
        provider: provider(config)?,
        margin: Margin { method: MarginMethod::Proportional, bps },
        lanes: config.lanes,
        batch_max: config.batch_max,
        queue_depth: config.queue_depth,
        presence_stay: Duration::from_millis(config.presence_stay_ms),
        seed,
    })
}
