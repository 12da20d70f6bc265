//! Where a benchmark plays: servers, use cases, accounts and markets, made once and kept between runs.

use super::fill;
use super::options::Furnished;
use super::workload::Workload;
use crate::compose::{System, use_case};
use crate::config::Config;
use crate::failure::{Failure, chain};
use crate::stores::{Stores, database, embedded};
use crate::{issuer, out, signals};
use overround_app::{App, Clock};
use overround_domain::markets::{
    MarketKind, OutcomeStatus, Snapshot, SourceEvent, SourceMarket, SourceOutcome, SourceStatus, TieRule,
};
use overround_domain::odds::Price;
use overround_embedded::{Options, Profile, Runtime};
use overround_store::{Role, bench};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

/// Whose markets they are.
pub const PRODUCER: &str = "bench";
/// How often its markets are confirmed: well within the shortest freshness of a snapshot.
const RENEW_EVERY: Duration = Duration::from_secs(3);
/// How many markets are published in one message.
const MARKETS_AT_ONCE: usize = 100;
/// Three outcomes' best prices at the source.
const BEST_BACKS: [(u32, u32); 3] = [(21, 10), (34, 10), (37, 10)];

/// Everything that stands before the first round.
pub struct Stage<'a> {
    /// The settings in use: the servers' addresses included.
    pub config: &'a Config,
    /// The embedded servers, unless datastores are configured.
    pub runtime: Option<&'a Runtime>,
    /// The use cases in this process: they publish, fill, and are what `post` measures.
    pub system: &'a System,
    /// The markets on sale.
    pub markets: Vec<Snapshot>,
    /// What is bet.
    pub workload: Arc<Workload>,
    /// Where the servers under test log to.
    pub folder: PathBuf,
    /// How many bets there were when it was ready.
    pub bets_before: i64,
}

/// Sets the stage, works on it until the work is done or a signal asks for the end, and clears it.
///
/// # Errors
/// What could not be started, the work's own, or that it was interrupted.
pub async fn with<T>(
    config: &Config,
    furnished: Furnished,
    work: impl AsyncFnOnce(&Stage<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let mut config = config.clone();
    let runtime = if config.database_url.is_some() { None } else { Some(private(&mut config).await?) };
    let ended = tokio::select! {
        biased;
        () = signals::asked_to_end() => Err(Failure::interrupted()),
        ended = on(&config, furnished, runtime.as_ref(), work) => ended,
    };
    if let Some(runtime) = runtime
        && let Err(error) = runtime.stop().await
    {
        tracing::warn!(
            error = chain(&error),
            "the benchmark's servers did not end; `overround runtime down` ends them"
        );
    }
    ended
}

/// Servers of the benchmarks' own, whose addresses become settings so that the servers under test find them.
async fn private(config: &mut Config) -> Result<Runtime, Failure> {
    let options = Options { state_dir: config.state_dir.clone(), profile: Profile::Bench };
    let runtime = Runtime::start(options).await.map_err(|error| embedded(&error))?;
    let urls = runtime.urls().clone();
    config.database_url = Some(urls.app.into());
    config.owner_database_url = Some(urls.owner.into());
    config.keeper_database_url = Some(urls.keeper.into());
    config.redis_url = Some(urls.redis.into());
    Ok(runtime)
}

async fn on<T>(
    config: &Config,
    furnished: Furnished,
    runtime: Option<&Runtime>,
    work: impl AsyncFnOnce(&Stage<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let stores = Stores::open(config).await?;
    stores.migrate().await?;
    let system = System::start(config, &stores, Clock::system(), None).await?;
    let ended = tokio::select! {
        failure = renew(&system.app) => Err(failure),
        ended = async {
            let stage = set(config, furnished, runtime, &stores, &system).await?;
            work(&stage).await
        } => ended,
    };
    system.stop().await;
    stores.close().await;
    ended
}

/// Confirms the producer's markets for as long as it is awaited.
async fn renew(app: &App) -> Failure {
    let mut turns = interval(RENEW_EVERY);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        turns.tick().await;
        if let Err(error) = app.renew(PRODUCER, app.clock().now()).await {
            return use_case("renewing the benchmark's markets", &error);
        }
    }
}

async fn set<'a>(
    config: &'a Config,
    furnished: Furnished,
    runtime: Option<&'a Runtime>,
    stores: &Stores,
    system: &'a System,
) -> Result<Stage<'a>, Failure> {
    let markets = publish(&system.app, furnished.markets).await?;
    let accounts =
        fill::accounts(&system.app, system.pool(), &config.token_issuer, furnished.accounts).await?;
    let workload = Workload::new(&issuer::kept(config)?, accounts, &markets, config)?;
    let workload = Arc::new(workload);
    if fill::bets(&system.app, system.pool(), &workload, i64::from(furnished.bets)).await? {
        settle_down(config, stores).await?;
    }
    let folder = match runtime {
        Some(runtime) => runtime.state_dir().join(Profile::Bench.name()),
        None => std::env::temp_dir(),
    };
    let bets_before = fill::count(system.pool()).await?;
    out::note(format!("{bets_before} bets in the tables"));
    Ok(Stage { config, runtime, system, markets, workload, folder, bets_before })
}

async fn settle_down(config: &Config, stores: &Stores) -> Result<(), Failure> {
    let owner = stores.pool(Role::Owner).await?;
    let done = bench::settle_down(&owner).await;
    owner.close().await;
    let url = config.owner_database_url.as_ref().or(config.database_url.as_ref());
    done.map_err(|error| match url {
        Some(url) => database(&error, url),
        None => Failure::failed(chain(&error), "see whether PostgreSQL still runs"),
    })
}

/// Puts so many markets on sale, each of an event of its own.
async fn publish(app: &App, count: u32) -> Result<Vec<Snapshot>, Failure> {
    let sources: Vec<SourceMarket> = (0..count).map(market).collect::<Result<_, _>>()?;
    let mut snapshots = Vec::with_capacity(sources.len());
    for message in sources.chunks(MARKETS_AT_ONCE) {
        let published = app.publish(PRODUCER, app.clock().now(), message).await;
        let published = published.map_err(|error| use_case("publishing the benchmark's markets", &error))?;
        snapshots.extend(published.into_iter().map(|one| one.snapshot));
    }
    Ok(snapshots)
}

/// The market of that number, as its source says it.
pub fn market(index: u32) -> Result<SourceMarket, Failure> {
    let mut outcomes = Vec::new();
    for (position, (num, den)) in (0_u32..).zip(BEST_BACKS) {
        let price = Price::new(num, den).map_err(|error| Failure::failed(error, "report it"))?;
        outcomes.push(SourceOutcome {
            key: position.to_string(),
            name: format!("Outcome {position}"),
            line: None,
            pair: None,
            position,
            status: OutcomeStatus::Active,
            best_back: Some(price),
            won: None,
        });
    }
    Ok(SourceMarket {
        key: format!("market-{index}"),
        event: SourceEvent {
            key: format!("event-{index}"),
            name: format!("Benchmark {index}"),
            sport: "football".to_owned(),
            starts_at: None,
        },
        market_type: "MATCH_ODDS".to_owned(),
        name: "Match Odds".to_owned(),
        kind: MarketKind::Odds,
        number_of_winners: 1,
        tie_rule: TieRule::DeadHeat,
        status: SourceStatus::Open,
        in_play: false,
        bet_delay_ms: 0,
        outcomes,
    })
}
