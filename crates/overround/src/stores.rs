//! The datastores in use: the configured ones, or the embedded ones where none are configured.

use crate::config::{Config, ServerUrl};
use crate::failure::{Failure, chain};
use crate::signals;
use overround_embedded::{Options, Profile, Runtime};
use overround_store::migrate::{self, Report};
use overround_store::{ConnectOptions, Pool, Role, connect};

/// Connections of the owner and of the keeper: each does one thing at a time.
const CONNECTIONS_OF_ONE: u32 = 2;

/// Addresses of the datastores, and the embedded servers behind them, if they are.
pub struct Stores {
    app: ServerUrl,
    owner: ServerUrl,
    keeper: ServerUrl,
    redis: ServerUrl,
    app_connections_max: u32,
    runtime: Option<Runtime>,
}

/// Works with the datastores until the work is done or a signal asks for the end, and closes them
/// whatever happened.
///
/// # Errors
/// As [`Stores::open`], the work's own, or that it was interrupted.
pub async fn with<T>(
    config: &Config,
    work: impl AsyncFnOnce(&Stores) -> Result<T, Failure>,
) -> Result<T, Failure> {
    // Opened to the end even if a signal comes meanwhile: a server that was started is also ended.
    let stores = Stores::open(config).await?;
    let ended = tokio::select! {
        biased;
        () = signals::asked_to_end() => Err(Failure::interrupted()),
        ended = work(&stores) => ended,
    };
    stores.close().await;
    ended
}

impl Stores {
    /// The configured datastores; the embedded servers are started, or joined, where none are.
    ///
    /// # Errors
    /// When the embedded servers cannot be fetched or started.
    pub async fn open(config: &Config) -> Result<Self, Failure> {
        let app_connections_max = config.database_connections_max;
        if let (Some(app), Some(redis)) = (config.database_url.clone(), config.redis_url.clone()) {
            let owner = config.owner_database_url.clone().unwrap_or_else(|| app.clone());
            let keeper = config.keeper_database_url.clone().unwrap_or_else(|| app.clone());
            return Ok(Self { app, owner, keeper, redis, app_connections_max, runtime: None });
        }
        let options = Options { state_dir: config.state_dir.clone(), profile: Profile::Durable };
        let runtime = Runtime::start(options).await.map_err(|error| embedded(&error))?;
        let urls = runtime.urls().clone();
        Ok(Self {
            app: urls.app.into(),
            owner: urls.owner.into(),
            keeper: urls.keeper.into(),
            redis: urls.redis.into(),
            app_connections_max,
            runtime: Some(runtime),
        })
    }

    /// Where PostgreSQL is, without its password.
    pub fn postgres(&self) -> String {
        self.app.masked()
    }

    /// The address of Redis, without its password.
    pub fn redis(&self) -> &ServerUrl {
        &self.redis
    }

    /// A pool of one role.
    ///
    /// # Errors
    /// When PostgreSQL is away, or its login may not take the role.
    pub async fn pool(&self, role: Role) -> Result<Pool, Failure> {
        let (url, connections_max) = match role {
            Role::App => (&self.app, self.app_connections_max),
            Role::Owner => (&self.owner, CONNECTIONS_OF_ONE),
            Role::Keeper => (&self.keeper, CONNECTIONS_OF_ONE),
        };
        let options = ConnectOptions { url: url.reveal().to_owned(), role, connections_max };
        connect(&options).await.map_err(|error| database(&error, url))
    }

    /// Brings the schema up to date.
    ///
    /// # Errors
    /// As [`migrate::migrate`].
    pub async fn migrate(&self) -> Result<Report, Failure> {
        let failed = |error| database(&error, &self.owner);
        let roles = migrate::prepare(self.owner.reveal()).await.map_err(failed)?;
        let pool = self.pool(Role::Owner).await?;
        let mut report = migrate::migrate(&pool).await.map_err(failed)?;
        pool.close().await;
        report.roles_created.extend(roles);
        Ok(report)
    }

    /// Refuses a schema that this binary does not fit.
    ///
    /// # Errors
    /// As [`migrate::check`].
    pub async fn check(&self, pool: &Pool) -> Result<(), Failure> {
        migrate::check(pool).await.map_err(|error| database(&error, &self.app))
    }

    /// Stops using the embedded servers; the last user ends them.
    pub async fn close(self) {
        let Some(runtime) = self.runtime else { return };
        if let Err(error) = runtime.stop().await {
            tracing::warn!(
                error = chain(&error),
                "the embedded servers did not end; `overround runtime down` ends them"
            );
        }
    }
}

/// A failure of PostgreSQL.
pub fn database(error: &overround_store::Error, url: &ServerUrl) -> Failure {
    use overround_store::Error as E;
    match error {
        E::Unavailable(_) => Failure::failed(
            format!("PostgreSQL at {} is away: {}", url.masked(), chain(error)),
            "start it, or correct database_url (OVERROUND_DATABASE_URL); unset it to use the embedded one",
        ),
        E::Schema(_) => Failure::failed(
            chain(error),
            "run `overround migrate` with this binary, or use the binary that the schema belongs to",
        ),
        _ => Failure::failed(
            format!("PostgreSQL at {}: {}", url.masked(), chain(error)),
            "run `overround doctor` to see whether the data is sound",
        ),
    }
}

/// A failure of the embedded servers.
pub fn embedded(error: &overround_embedded::Error) -> Failure {
    Failure::failed(
        format!("the embedded servers cannot be used: {}", chain(error)),
        "set OVERROUND_DATABASE_URL and OVERROUND_REDIS_URL to use servers of your own",
    )
}
