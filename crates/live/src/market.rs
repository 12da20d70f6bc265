//! Snapshots in Redis: written, renewed and read, many markets in one round trip.

use crate::fields::{HEAD, NAMES, floor_key_of, held_of, key_of, pairs_of, snapshot_of, version_held};
use crate::{Error, Freshness, Lifetime, Now};
use overround_domain::ids::MarketId;
use overround_domain::markets::Snapshot;
use overround_domain::time::Timestamp;
use quick_cache::sync::Cache;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Cmd, ErrorKind, FromRedisValue, Pipeline, RedisError, Script, ServerErrorKind};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How long a command may take, connecting included.
const TIMEOUT: Duration = Duration::from_millis(500);
/// Of how many markets the snapshots that were read are remembered.
const REMEMBERED_MAX: usize = 20_000;
/// How long a floor outlives the last write of its market.
const FLOOR_MS: i64 = 24 * 3_600_000;
/// How long a snapshot of a recording is kept: its ages run on the recording's clock, not on the server's.
const RECORDING_MS: i64 = 3_600_000;

/// A snapshot to write.
#[derive(Debug, Clone, Copy)]
pub struct SnapshotWrite<'a> {
    /// What to write.
    pub snapshot: &'a Snapshot,
    /// The producer's last sign of life.
    pub confirmed_at: Timestamp,
    /// How long it lives.
    pub lifetime: Lifetime,
}

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// It is stored.
    Applied,
    /// This version is held already, confirmed at the same instant or later.
    Unchanged,
    /// A higher version is known; nothing was stored.
    Older {
        /// That version.
        held_version: i64,
    },
}

/// What became of a replacement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replaced {
    /// It is stored.
    Applied,
    /// Redis holds no snapshot of the market, and no lower version will be stored any more.
    Missing,
    /// This version or a higher one is known; nothing was stored.
    Older {
        /// The highest known.
        held_version: i64,
    },
}

/// A market whose unchanged snapshot is confirmed.
#[derive(Debug, Clone, Copy)]
pub struct Renewal {
    /// The market.
    pub market_id: MarketId,
    /// The version that is confirmed.
    pub version: i64,
    /// How long it lives from now on.
    pub lifetime: Lifetime,
}

/// What became of a renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewed {
    /// The snapshot is confirmed.
    Renewed,
    /// Redis does not hold that version: it has to be written again.
    Missing,
    /// Redis knows a higher version.
    Older,
}

/// A snapshot that Redis holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The snapshot.
    pub snapshot: Arc<Snapshot>,
    /// The producer's last sign of life.
    pub confirmed_at: Timestamp,
    /// Milliseconds since then, on the clock that was asked for.
    pub age_ms: i64,
    /// What that age means: past its window nothing may be sold at it.
    pub freshness: Freshness,
    /// For how many milliseconds more it may be sold; none below zero.
    pub sellable_ms: i64,
}

/// Redis. Cheap to clone; connects at first use and again after a failure.
#[derive(Clone)]
pub struct Live {
    connection: ConnectionManager,
    scripts: Arc<Scripts>,
    /// What this process read: a version of a market is one snapshot for ever, so that only its age needs
    /// to be asked for again.
    read_before: Arc<Cache<MarketId, Arc<Snapshot>>>,
}

struct Scripts {
    write: Script,
    renew: Script,
    replace: Script,
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").finish_non_exhaustive()
    }
}

impl Live {
    /// Redis at `url` (`redis://login:password@host:port/database`). Nothing is connected yet: a server that
    /// is away shows at the first command. Called inside a tokio runtime.
    ///
    /// # Errors
    /// [`Error::Url`] when the URL is none.
    pub fn connect(url: &str) -> Result<Self, Error> {
        let client = redis::Client::open(url).map_err(Error::Url)?;
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(TIMEOUT))
            .set_response_timeout(Some(TIMEOUT))
            .set_number_of_retries(1)
            .set_max_delay(Duration::from_millis(100));
        let connection = ConnectionManager::new_lazy_with_config(client, config).map_err(Error::Url)?;
        let scripts = Scripts {
            write: Script::new(include_str!("scripts/write_snapshot.lua")),
            renew: Script::new(include_str!("scripts/renew_snapshot.lua")),
            replace: Script::new(include_str!("scripts/replace_snapshot.lua")),
        };
        let read_before = Arc::new(Cache::new(REMEMBERED_MAX));
        Ok(Self { connection, scripts: Arc::new(scripts), read_before })
    }

    /// Whether the server answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), Error> {
        let mut connection = self.connection.clone();
        let mut ping = Cmd::new();
        ping.arg("PING");
        let _: String = in_time(ping.query_async(&mut connection)).await?;
        Ok(())
    }

    /// Stores one snapshot; see [`Live::write_all`].
    ///
    /// # Errors
    /// As [`Live::write_all`].
    pub async fn write(
        &self,
        snapshot: &Snapshot,
        confirmed_at: Timestamp,
        lifetime: Lifetime,
        now: Now,
    ) -> Result<Write, Error> {
        let written = self.write_all(&[SnapshotWrite { snapshot, confirmed_at, lifetime }], now).await?;
        written.first().copied().ok_or_else(|| unknown_verdict(snapshot.market_id, "nothing"))
    }

    /// Stores each snapshot that is newer than what Redis holds of its market: a higher version, or
    /// the same one confirmed later. The answers stand in the order of the writes.
    ///
    /// # Errors
    /// When Redis is away or refuses; each market's snapshot is then either stored as a whole or not
    /// at all, and the same again is harmless.
    pub async fn write_all(&self, writes: &[SnapshotWrite<'_>], now: Now) -> Result<Vec<Write>, Error> {
        let mut pipeline = Pipeline::with_capacity(writes.len());
        for write in writes {
            let (market, lifetime) = (write.snapshot.market_id, write.lifetime);
            let mut call = self.scripts.write.key(key_of(market));
            call.key(floor_key_of(market)).arg(write.snapshot.version).arg(write.confirmed_at.millis());
            call.arg(ages_from(now, write.confirmed_at)).arg(lives_ms(now, lifetime)).arg(FLOOR_MS);
            call.arg("freshMs").arg(lifetime.fresh_ms).arg("staleMs").arg(lifetime.stale_ms);
            for (name, value) in pairs_of(write.snapshot)? {
                call.arg(name).arg(value);
            }
            pipeline.invoke_script(&call);
        }
        let answers: Vec<(String, String)> = self.run_script(&self.scripts.write, &pipeline).await?;
        answers.iter().zip(writes).map(|(answer, write)| written(answer, write)).collect()
    }

    /// Stores a new version that is not the producer's word but a trader's: its age and expiry stay
    /// those of the snapshot it replaces, so that prices which nobody confirms still run out.
    ///
    /// # Errors
    /// When Redis is away or refuses; the same again is harmless.
    pub async fn replace(&self, snapshot: &Snapshot) -> Result<Replaced, Error> {
        let market = snapshot.market_id;
        let mut call = self.scripts.replace.key(key_of(market));
        call.key(floor_key_of(market)).arg(snapshot.version).arg(FLOOR_MS);
        for (name, value) in pairs_of(snapshot)? {
            call.arg(name).arg(value);
        }
        let mut pipeline = Pipeline::new();
        pipeline.invoke_script(&call);
        let answers: Vec<(String, String)> = self.run_script(&self.scripts.replace, &pipeline).await?;
        let (verdict, highest) = answers.first().ok_or_else(|| unknown_verdict(market, "nothing"))?;
        match verdict.as_str() {
            "APPLIED" => Ok(Replaced::Applied),
            "MISSING" => Ok(Replaced::Missing),
            "OLDER" => Ok(Replaced::Older { held_version: version_of(market, highest)? }),
            other => Err(unknown_verdict(market, other)),
        }
    }

    /// Confirms snapshots that did not change, and starts their ages again. The answers stand in the
    /// order of the renewals.
    ///
    /// # Errors
    /// When Redis is away or refuses; the same again is harmless.
    pub async fn renew(
        &self,
        renewals: &[Renewal],
        confirmed_at: Timestamp,
        now: Now,
    ) -> Result<Vec<Renewed>, Error> {
        let mut pipeline = Pipeline::with_capacity(renewals.len());
        for Renewal { market_id, version, lifetime } in renewals {
            let mut call = self.scripts.renew.key(key_of(*market_id));
            call.key(floor_key_of(*market_id)).arg(*version).arg(confirmed_at.millis());
            call.arg(ages_from(now, confirmed_at)).arg(lives_ms(now, *lifetime)).arg(FLOOR_MS);
            call.arg(lifetime.fresh_ms).arg(lifetime.stale_ms);
            pipeline.invoke_script(&call);
        }
        let answers: Vec<String> = self.run_script(&self.scripts.renew, &pipeline).await?;
        answers
            .iter()
            .zip(renewals)
            .map(|(answer, renewal)| match answer.as_str() {
                "RENEWED" => Ok(Renewed::Renewed),
                "MISSING" => Ok(Renewed::Missing),
                "OLDER" => Ok(Renewed::Older),
                other => Err(unknown_verdict(renewal.market_id, other)),
            })
            .collect()
    }

    /// The snapshots that Redis holds of these markets, in one round trip, expired ones included; a
    /// market that it does not hold is left out.
    ///
    /// # Errors
    /// When Redis is away, and [`Error::Unreadable`] for a snapshot that cannot be read back.
    pub async fn read(&self, markets: &[MarketId], now: Now) -> Result<BTreeMap<MarketId, Held>, Error> {
        let markets: BTreeSet<MarketId> = markets.iter().copied().collect();
        let heads = NAMES.get(..HEAD).unwrap_or(&NAMES);
        let (answers, clock) = self.ask(&markets, heads, now).await?;
        let (mut held, mut unknown) = (BTreeMap::new(), BTreeSet::new());
        for (market, values) in markets.into_iter().zip(&answers) {
            let Some(version) = version_held(market, values)? else { continue };
            match self.read_before.get(&market).filter(|snapshot| snapshot.version == version) {
                Some(snapshot) => drop(held.insert(market, held_of(snapshot, values, clock)?)),
                None => drop(unknown.insert(market)),
            }
        }
        let (answers, clock) = self.ask(&unknown, &NAMES, now).await?;
        for (market, values) in unknown.into_iter().zip(&answers) {
            // Gone since it was asked for its version.
            if version_held(market, values)?.is_none() {
                continue;
            }
            let snapshot = Arc::new(snapshot_of(market, values)?);
            self.read_before.insert(market, Arc::clone(&snapshot));
            held.insert(market, held_of(snapshot, values, clock)?);
        }
        Ok(held)
    }

    /// The values of these fields of each market, and the instant that ages are counted to.
    async fn ask(
        &self,
        markets: &BTreeSet<MarketId>,
        names: &[&str],
        now: Now,
    ) -> Result<(Vec<Vec<Option<String>>>, Timestamp), Error> {
        if markets.is_empty() {
            return Ok((Vec::new(), Timestamp::from_millis(0)));
        }
        let mut pipeline = Pipeline::with_capacity(markets.len() + 1);
        for market in markets {
            pipeline.cmd("HMGET").arg(key_of(*market)).arg(names);
        }
        // Asked last, so that an age may come out too large but never too small.
        pipeline.cmd("TIME");
        let mut connection = self.connection.clone();
        let mut answers: Vec<Vec<Option<String>>> = in_time(pipeline.query_async(&mut connection)).await?;
        let time = answers.pop().unwrap_or_default();
        let clock = match now {
            Now::At(at) => at,
            Now::Server => server_time(&time)?,
        };
        Ok((answers, clock))
    }

    /// Runs a pipeline of calls of one script, which the server may have to be told first.
    async fn run_script<T: FromRedisValue>(
        &self,
        script: &Script,
        calls: &Pipeline,
    ) -> Result<Vec<T>, Error> {
        if calls.is_empty() {
            return Ok(Vec::new());
        }
        let mut connection = self.connection.clone();
        match in_time(calls.query_async(&mut connection)).await {
            Err(Error::Refused(error)) if is_no_script(&error) => {
                in_time(script.load_async(&mut connection)).await?;
                in_time(calls.query_async(&mut connection)).await
            }
            other => other,
        }
    }
}

/// Waits for Redis, but not for long: reconnecting can take several timeouts.
async fn in_time<T>(command: impl Future<Output = Result<T, RedisError>>) -> Result<T, Error> {
    match tokio::time::timeout(TIMEOUT, command).await {
        Ok(answer) => answer.map_err(Error::from),
        Err(_) => Err(Error::Unavailable(None)),
    }
}

/// Whether the server does not know the script. A pipeline's error carries those of its commands.
fn is_no_script(error: &RedisError) -> bool {
    let no_script = ErrorKind::Server(ServerErrorKind::NoScript);
    error.kind() == no_script
        || error.clone().into_server_errors().is_some_and(|errors| {
            errors.iter().any(|(_, error)| error.kind() == Some(ServerErrorKind::NoScript))
        })
}

/// What the script counts ages from: nothing means the server's clock.
fn ages_from(now: Now, confirmed_at: Timestamp) -> String {
    match now {
        Now::Server => String::new(),
        Now::At(_) => confirmed_at.millis().to_string(),
    }
}

const fn lives_ms(now: Now, lifetime: Lifetime) -> i64 {
    match now {
        Now::Server => lifetime.end_ms(),
        Now::At(_) => RECORDING_MS,
    }
}

fn written(answer: &(String, String), write: &SnapshotWrite<'_>) -> Result<Write, Error> {
    let market = write.snapshot.market_id;
    match answer.0.as_str() {
        "APPLIED" => Ok(Write::Applied),
        "UNCHANGED" => Ok(Write::Unchanged),
        "OLDER" => Ok(Write::Older { held_version: version_of(market, &answer.1)? }),
        other => Err(unknown_verdict(market, other)),
    }
}

fn version_of(market: MarketId, text: &str) -> Result<i64, Error> {
    text.parse().map_err(|_| unknown_verdict(market, text))
}

fn unknown_verdict(market: MarketId, verdict: &str) -> Error {
    let detail = format!("the script answered {verdict:?}");
    Error::Unreadable { key: key_of(market), field: "version", detail }
}

/// Redis's TIME: seconds and microseconds.
fn server_time(answer: &[Option<String>]) -> Result<Timestamp, Error> {
    let part =
        |at: usize| answer.get(at).and_then(Option::as_deref).and_then(|text| text.parse::<i64>().ok());
    match (part(0), part(1)) {
        (Some(seconds), Some(micros)) => Ok(Timestamp::from_millis(seconds * 1000 + micros / 1000)),
        _ => {
            let detail = "the server's TIME is not two numbers".to_owned();
            Err(Error::Unreadable { key: "TIME".to_owned(), field: "seconds", detail })
        }
    }
}
