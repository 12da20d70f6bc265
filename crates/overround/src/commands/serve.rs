//! `serve` and `work`: the parts for production.

use crate::compose::{Served, System};
use crate::config::Config;
use crate::failure::Failure;
use crate::stores::Stores;
use crate::{issuer, signals};
use overround_app::{App, Clock};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Workers in this process.
pub struct Workers {
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Workers {
    /// Starts them all.
    pub fn start(app: &App) -> Self {
        let stop = CancellationToken::new();
        let tasks = overround_workers::run(app, &stop);
        Self { stop, tasks }
    }

    /// Returns when they have finished what they are at.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.join_all().await;
    }

    /// Returns when one ends by itself, which none should.
    async fn ended(&mut self) -> Failure {
        match self.tasks.join_next().await {
            Some(Err(error)) => {
                Failure::failed(format!("a worker failed: {error}"), "look at the log, then start again")
            }
            _ => Failure::failed("a worker ended", "look at the log, then start again"),
        }
    }
}

/// Serves the API until a signal, with the workers unless they are switched off.
///
/// # Errors
/// When it cannot start, or a part failed.
pub async fn serve(config: &Config) -> Result<(), Failure> {
    let auth = issuer::auth(config)?;
    let stores = Stores::open(config).await?;
    let system = match System::start(config, &stores, Clock::system(), None).await {
        Ok(system) => system,
        Err(failure) => return closed(stores, Err(failure)).await,
    };
    let served = match Served::start(config, &system.app, auth, config.listen).await {
        Ok(served) => served,
        Err(failure) => {
            system.stop().await;
            return closed(stores, Err(failure)).await;
        }
    };
    tracing::info!(address = %served.address, workers = config.workers, "serving");
    let mut workers = config.workers.then(|| Workers::start(&system.app));
    let ended = attend(&mut workers).await;
    tracing::info!("ending: requests that were taken are finished");
    let stopped = served.stop().await;
    if let Some(workers) = workers {
        workers.stop().await;
    }
    system.stop().await;
    closed(stores, ended.and(stopped)).await
}

/// Runs the workers until a signal.
///
/// # Errors
/// When they cannot start, or one failed.
pub async fn work(config: &Config) -> Result<(), Failure> {
    let stores = Stores::open(config).await?;
    let system = match System::start(config, &stores, Clock::system(), None).await {
        Ok(system) => system,
        Err(failure) => return closed(stores, Err(failure)).await,
    };
    tracing::info!("working");
    let mut workers = Some(Workers::start(&system.app));
    let ended = attend(&mut workers).await;
    if let Some(workers) = workers {
        workers.stop().await;
    }
    system.stop().await;
    closed(stores, ended).await
}

/// Waits for a signal to end, or for a worker's failure.
async fn attend(workers: &mut Option<Workers>) -> Result<(), Failure> {
    let failed = async {
        match workers {
            Some(workers) => workers.ended().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = signals::asked_to_end() => Ok(()),
        failure = failed => Err(failure),
    }
}

async fn closed(stores: Stores, ended: Result<(), Failure>) -> Result<(), Failure> {
    stores.close().await;
    ended
}
