//! Markets that run out while servers and Valkey are killed, stopped and emptied: the histories of what their origin was
//! asked, what readers saw and what was sold.

use crate::histories::{Fault, LEASE, Sale, ages_of_sales, overlapping};
use crate::load::Load;
use crate::origin::{Origin, PRODUCER, Telling};
use crate::process::{of_server, signal};
use crate::readers::Reader;
use crate::stage::Stage;
use crate::{POLL, until};
use overround_api::Role;
use overround_domain::ids::MarketId;
use overround_domain::time::Timestamp;
use overround_live::{Freshness, Live, Now, Window};
use serde_json::Value;
use sqlx::types::chrono::{DateTime, Utc};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use uuid::Uuid;

const SERVERS: usize = 2;
/// How many loads of each server there must be before a fault, and again after it, for each market.
const ENOUGH: usize = 2;

/// A reader who asks for a market at one server after the other, and says which version it saw last.
struct Asker {
    market: MarketId,
    seen: Arc<Mutex<Vec<Value>>>,
    task: JoinHandle<()>,
}

impl Asker {
    fn start(addresses: Vec<String>, token: String, market: MarketId) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let boards = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            let client =
                reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(3)).build().unwrap();
            let mut last = 1;
            for address in addresses.iter().cycle() {
                let url = format!("{address}/v1/markets/{market}?min_version={last}");
                // What is away is asked again.
                if let Ok(answer) = client.get(url).bearer_auth(&token).send().await
                    && answer.status() != 503
                    && let Ok(board) = answer.json::<Value>().await
                {
                    last = board["version"].as_i64().unwrap_or(last);
                    boards.lock().unwrap().push(board);
                }
                tokio::time::sleep(POLL).await;
            }
        });
        Self { market, seen, task }
    }

    /// Ends it: it was never answered by an older version than it had seen.
    fn check(&self) {
        self.task.abort();
        let mut last = 0;
        for board in self.seen.lock().unwrap().iter() {
            let version =
                board["version"].as_i64().unwrap_or_else(|| panic!("after version {last}: {board}"));
            assert!(version >= last, "{version} after {last}");
            last = version;
        }
    }
}

/// Two servers, an origin of markets that run out, and who reads them and bets on them.
struct House {
    stage: Stage,
    origin: Origin,
    /// What was said of the markets before the origin was asked.
    first: Telling,
    streams: Vec<(MarketId, Reader)>,
    askers: Vec<Asker>,
    faults: Vec<Fault>,
}

impl House {
    async fn new(markets: usize) -> Self {
        let (mut stage, origin) = (Stage::new(0).await, Origin::start(markets).await);
        let at = stage.producer.clock().now();
        stage.markets = stage.producer.publish(PRODUCER, at, origin.markets()).await.unwrap();
        for server in 0..SERVERS {
            let provider = [
                ("PRICE_PROVIDER_URL", origin.url(server)),
                ("PRICE_PROVIDER_PRODUCER", PRODUCER.to_owned()),
            ];
            stage.start_server(&provider).await;
        }
        let (addresses, token) = (stage.addresses(), stage.token("reader", &[Role::Player]));
        let (mut streams, mut askers) = (Vec::new(), Vec::new());
        for market in stage.markets.iter().map(|market| market.market_id) {
            for server in 0..SERVERS {
                let channel = format!("markets:{market}");
                let reader = Reader::start(addresses.clone(), server, token.clone(), channel);
                streams.push((market, reader));
                let mut addresses = addresses.clone();
                addresses.rotate_left(server);
                askers.push(Asker::start(addresses, token.clone(), market));
            }
        }
        let first = Telling { number: 0, at, age_ms: 0 };
        Self { stage, origin, first, streams, askers, faults: Vec::new() }
    }

    /// Returns when a server was told prices by some more loads.
    async fn until_loaded_by(&self, server: usize) {
        let wanted = self.origin.told(server) + ENOUGH * self.stage.markets.len();
        until("a server loads markets", async || self.origin.told(server) >= wanted).await;
    }

    async fn until_loaded(&self) {
        for server in 0..SERVERS {
            self.until_loaded_by(server).await;
        }
    }

    /// Stops a server in the midst of a load of the one market, which the origin keeps waiting. Returns when that began.
    async fn stop_in_a_load(&mut self, server: usize) -> Instant {
        let client = redis::Client::open(self.stage.urls.redis.as_str()).unwrap();
        let mut raw = client.get_multiplexed_async_connection().await.unwrap();
        let key = format!("markets:{{{}}}:lease", self.stage.markets[0].market_id);
        self.origin.hold(server);
        loop {
            until("the server loads the market", async || self.origin.open(server).is_some()).await;
            let asked = Instant::now();
            let left_ms: i64 = redis::cmd("PTTL").arg(&key).query_async(&mut raw).await.unwrap();
            self.stage.servers[server].signal("STOP");
            let stopped = Instant::now();
            // One that was about to give up is not what is wanted.
            if let (Some(load), Ok(left_ms)) = (self.origin.open(server), u64::try_from(left_ms)) {
                let left = Duration::from_millis(left_ms);
                assert!(left <= LEASE, "a lease lasts longer than the histories are read by");
                self.faults.push(Fault::Outlived { server, stopped, lease_ended: asked + left });
                return load.begun;
            }
            self.stage.servers[server].signal("CONT");
        }
    }

    /// The bets on the origin's markets, by the load that made the version which each was taken at.
    async fn sales(&self) -> Vec<Sale> {
        let rows: Vec<(DateTime<Utc>, i64)> = sqlx::query_as(
            "SELECT b.accepted_at, v.bet_delay_ms FROM betting.bets b \
             JOIN betting.bet_legs l ON l.bet_id = b.id AND l.cell = b.cell \
             JOIN market.price_versions v ON (v.market_id, v.version) = (l.market_id, l.market_version)",
        )
        .fetch_all(&self.stage.admin)
        .await
        .unwrap();
        rows.into_iter().map(|(at, number)| Sale { at: Timestamp::from(at), number }).collect()
    }

    /// Which load made each version, by the rows.
    async fn versions(&self) -> BTreeMap<(Uuid, i64), i64> {
        let rows: Vec<(Uuid, i64, i64)> = sqlx::query_as(
            "SELECT market_id, version, bet_delay_ms FROM market.price_versions WHERE producer = 'origin'",
        )
        .fetch_all(&self.stage.admin)
        .await
        .unwrap();
        rows.into_iter().map(|(market, version, number)| ((market, version), number)).collect()
    }

    /// Holds the histories to M1, M2 and M3. Returns the ages at which prices were sold.
    async fn check(self) -> Vec<i64> {
        let loads = self.origin.loads();
        assert_eq!(overlapping(&loads, &self.faults), [], "loads of one market at one time");
        let mut tellings: Vec<Telling> = loads.iter().filter_map(|load| load.told).collect();
        tellings.push(self.first);
        let ages_ms = ages_of_sales(&self.sales().await, &tellings);
        // A version says one thing, to whomever it is told, and a reader's versions rise.
        let versions = self.versions().await;
        let same = |market: MarketId, said: &Value| {
            let Some(version) = said["version"].as_i64() else { return };
            let number = said["bet_delay_ms"].as_i64();
            assert_eq!(number, versions.get(&(market.uuid(), version)).copied(), "{market}: {said}");
        };
        for (market, reader) in self.streams {
            reader.frames.lock().unwrap().iter().for_each(|frame| same(market, &frame["data"]));
            reader.check();
        }
        for asker in &self.askers {
            asker.seen.lock().unwrap().iter().for_each(|board| same(asker.market, board));
            asker.check();
        }
        self.stage.is_sound();
        ages_ms
    }
}

#[tokio::test]
async fn one_process_at_a_time_loads_a_market_and_nothing_too_old_is_sold_whatever_breaks() {
    let mut house = House::new(6).await;
    let load = Load::start_light(&house.stage, 51).await;
    house.until_loaded().await;

    // A server dies in the midst of a load. Its lease outlives it, so that this lets no loads overlap.
    for server in 0..SERVERS {
        until("a server loads", async || house.origin.open(server).is_some()).await;
        house.stage.servers[server].kill();
        house.until_loaded_by(1 - server).await;
        house.stage.servers[server].start_again().await;
        house.until_loaded().await;
    }

    // Valkey stands still, which ends no lease but by its time.
    let valkey = of_server("valkey-server", &house.stage.valkey());
    valkey.iter().for_each(|id| assert!(signal(*id, "STOP")));
    load.until_unanswered(10).await;
    valkey.iter().for_each(|id| assert!(signal(*id, "CONT")));
    house.until_loaded().await;

    // It loses all that it had.
    let from = Instant::now();
    let client = redis::Client::open(house.stage.urls.redis.as_str()).unwrap();
    let mut raw = client.get_multiplexed_async_connection().await.unwrap();
    let _: () = redis::cmd("FLUSHALL").query_async(&mut raw).await.unwrap();
    house.faults.push(Fault::Lost { from, to: Instant::now() });
    house.until_loaded().await;

    // It dies, and comes back empty.
    let from = Instant::now();
    house.stage.kill_valkey().await;
    house.faults.push(Fault::Lost { from, to: Instant::now() });
    load.until_unanswered(10).await;
    house.stage.supervise().await;
    house.until_loaded().await;

    // The origin is away: what it told last runs out, and then no server sells it.
    house.origin.goes_away();
    let live = Live::connect(&house.stage.urls.redis).unwrap();
    for market in &house.stage.markets {
        until("a market runs out", async || {
            let held = live.read_one(market.market_id, Now::Server).await.unwrap();
            held.is_none_or(|held| held.freshness == Freshness::Expired)
        })
        .await;
    }
    load.until_refused(100).await;
    house.origin.tells();
    load.until_taken().await;

    load.stop().await.holds_true(&house.stage).await;
    let ages_ms = house.check().await;
    let stale = ages_ms.iter().filter(|age_ms| *age_ms > Window::default().fresh_ms.end()).count();
    assert!(stale > 0, "of {} prices that were sold some were stale", ages_ms.len());
}

/// What a process was told that stood still for longer than its lease is not shown, and not sold.
#[tokio::test]
async fn a_load_that_outlives_its_lease_does_no_harm() {
    let mut house = House::new(1).await;
    let load = Load::start_light(&house.stage, 52).await;
    house.until_loaded().await;

    let held = house.stop_in_a_load(0).await;
    // The other one goes on when the lease is over, and only then.
    house.until_loaded_by(1).await;
    assert!(house.origin.open(0).is_some(), "the load of the stopped server goes on");
    house.origin.tells();
    until("the stopped server is told prices", async || house.origin.open(0).is_none()).await;
    house.until_loaded_by(1).await;
    house.stage.servers[0].signal("CONT");
    house.until_loaded().await;

    load.stop().await.holds_true(&house.stage).await;
    let loads = house.origin.loads();
    assert!(!overlapping(&loads, &[]).is_empty(), "loads overlapped");
    let told = loads.iter().find(|load| load.begun == held).and_then(|load| load.told).unwrap();
    assert!(house.versions().await.values().all(|number| *number != told.number), "it made a version");
    house.check().await;
}
