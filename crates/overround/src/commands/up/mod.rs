//! `up`: everything in one process, and live matches of the built-in model with players who bet.

mod lock;
mod show;
mod welcome;

use super::serve::Workers;
use crate::cli::Up;
use crate::compose::{Served, System};
use crate::config::Config;
use crate::drive::{Cast, Client, Driver, Patience, Payer};
use crate::failure::Failure;
use crate::stores::Stores;
use crate::{issuer, out, signals};
use lock::Lock;
use overround_api::{Keys, LocalIssuer};
use overround_app::Clock;
use uuid::Uuid;

/// Starts everything and plays matches until a signal, or as many as were asked for.
///
/// # Errors
/// When it runs already, cannot start, or a part failed.
pub async fn up(config: &Config, options: &Up) -> Result<(), Failure> {
    let local = issuer::kept(config)?;
    let _lock = Lock::take(&config.state_dir)?;
    // Opened to the end even if a signal comes meanwhile: a server that was started is also ended.
    let stores = Stores::open(config).await?;
    let ended = on(config, options, &stores, &local).await;
    stores.close().await;
    ended
}

async fn on(config: &Config, options: &Up, stores: &Stores, local: &LocalIssuer) -> Result<(), Failure> {
    let system = tokio::select! {
        biased;
        () = signals::asked_to_end() => return Err(Failure::interrupted()),
        system = start(config, stores) => system?,
    };
    let ended = with_use_cases(config, options, stores, local, &system).await;
    system.stop().await;
    ended
}

async fn start(config: &Config, stores: &Stores) -> Result<System, Failure> {
    stores.migrate().await?;
    System::start(config, stores, Clock::system(), None).await
}

async fn with_use_cases(
    config: &Config,
    options: &Up,
    stores: &Stores,
    local: &LocalIssuer,
    system: &System,
) -> Result<(), Failure> {
    let auth = issuer::auth_with(config, Keys::Local(local.clone()))?;
    let served = Served::start(config, &system.app, auth, config.listen).await?;
    let workers = Workers::start(&system.app);
    let ended = tokio::select! {
        ended = with_api(options, stores, local, system, &served) => ended,
        () = signals::asked_to_end() => {
            out::line("ending: what was taken is finished");
            Ok(())
        }
    };
    let stopped = served.stop().await;
    workers.stop().await;
    ended.and(stopped)
}

async fn with_api(
    options: &Up,
    stores: &Stores,
    local: &LocalIssuer,
    system: &System,
    served: &Served,
) -> Result<(), Failure> {
    let client = Client::new(served.local_url(), Patience::LIVE)?;
    out::line(welcome::text(local, &client, stores, &served.local_url()).await?);
    let now = chrono::Utc::now();
    let seed = options.seed.unwrap_or_else(|| u64::try_from(now.timestamp()).unwrap_or(1));
    let run = format!("up:{}", Uuid::now_v7());
    let cast = Cast { run, seed, players: options.players, issuer: local };
    let mut driver = Driver::start(system.app.clone(), client, cast, Payer::Workers).await?;
    let mut number = 0;
    loop {
        show::play_match(&mut driver, system.pool(), options, seed, number).await?;
        number += 1;
        if options.matches.is_some_and(|matches| number >= matches) {
            return Ok(());
        }
    }
}
