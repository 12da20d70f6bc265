//! A cluster of Redis whose nodes die, stand still and part with slots: what the other nodes have goes on.

use overround_domain::ids::MarketId;
use overround_domain::markets::Snapshot;
use overround_domain::time::Timestamp;
use overround_live::{Heard, Lifetime, Live, Now, Renewal, Renewed, SnapshotWrite, Subscriber, Word, Write};
use overround_testkit::{TestCluster, snapshot_of, until};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::timeout;
use uuid::Uuid;

const LIFETIME: Lifetime = Lifetime { fresh_ms: 60_000, stale_ms: 2_000 };
const T0: Timestamp = Timestamp::from_millis(1_765_000_000_000);
/// How long anything may take that a test waits for.
const PATIENCE: Duration = Duration::from_secs(60);
/// How many markets there are: each node has some of them.
const MARKETS: u128 = 60;

fn market(number: u128) -> MarketId {
    MarketId::from_uuid(Uuid::from_u128(number))
}

fn snapshot(market_id: MarketId, version: i64) -> Snapshot {
    snapshot_of(market_id, version, T0.plus_millis(version))
}

/// A cluster with markets, and which of them each node has.
struct House {
    cluster: TestCluster,
    live: Live,
    markets: Vec<MarketId>,
}

impl House {
    async fn new() -> Self {
        let cluster = TestCluster::start().await;
        let live = Live::connect(&cluster.url()).unwrap();
        let house = Self { cluster, live, markets: (1..=MARKETS).map(market).collect() };
        assert!(house.write(1).await.values().all(|written| *written == Write::Applied));
        house
    }

    /// Writes a version of every market.
    async fn write(&self, version: i64) -> BTreeMap<MarketId, Write> {
        let snapshots: Vec<Snapshot> = self.markets.iter().map(|id| snapshot(*id, version)).collect();
        let word = Word::Confirmed { at: T0.plus_millis(version), ago_ms: 0, lifetime: LIFETIME };
        let writes: Vec<SnapshotWrite<'_>> =
            snapshots.iter().map(|snapshot| SnapshotWrite { snapshot, word, lease: None }).collect();
        let written = self.live.write_all(&writes, Now::Server).await.unwrap();
        self.markets.iter().copied().zip(written).collect()
    }

    /// The versions that can be read.
    async fn read(&self) -> BTreeMap<MarketId, i64> {
        let held = self.live.read(&self.markets, Now::Server).await.unwrap();
        held.into_iter().map(|(id, held)| (id, held.snapshot.version)).collect()
    }

    /// The markets of a node.
    async fn of_node(&self, node: usize) -> BTreeSet<MarketId> {
        let keys: Vec<String> = self.cluster.nodes[node].command(&["KEYS", "markets:{*}"]).await;
        self.markets.iter().copied().filter(|id| keys.contains(&format!("markets:{{{id}}}"))).collect()
    }
}
/// What is heard until a version of each of these markets was.
async fn hear(subscriber: &mut Subscriber<MarketId>, markets: &BTreeSet<MarketId>, version: i64) {
    let mut missing = markets.clone();
    while !missing.is_empty() {
        match timeout(PATIENCE, subscriber.next()).await.expect("a version in time").unwrap() {
            Heard::Said(_, position, snapshot) if position.seq == version => {
                missing.remove(&snapshot.market_id);
            }
            Heard::Said(..) => {}
            Heard::Lost(lost) => assert!(lost.is_disjoint(markets), "{lost:?}"),
        }
    }
}

#[tokio::test]
async fn what_a_dead_node_has_is_not_sold_and_the_rest_goes_on() {
    let mut house = House::new().await;
    let dead = house.of_node(0).await;
    let all: BTreeSet<MarketId> = house.markets.iter().copied().collect();
    let others = &all - &dead;
    assert!(!dead.is_empty() && !others.is_empty());
    let mut subscriber = house.live.subscriber();
    assert_eq!(subscriber.follow(&house.markets).await, all);
    house.cluster.nodes[0].kill();

    let read = house.read().await;
    assert_eq!(read.into_keys().collect::<BTreeSet<_>>(), others);
    for (id, written) in house.write(2).await {
        assert_eq!(written, if dead.contains(&id) { Write::Away } else { Write::Applied });
    }
    let renewals: Vec<Renewal> =
        house.markets.iter().map(|id| Renewal { market_id: *id, version: 2, lifetime: LIFETIME }).collect();
    let renewed = house.live.renew(&renewals, T0.plus_millis(3), Now::Server).await.unwrap();
    for (id, renewed) in house.markets.iter().zip(renewed) {
        assert_eq!(renewed, if dead.contains(id) { Renewed::Away } else { Renewed::Renewed });
    }
    for (id, history) in house.markets.iter().zip(house.live.histories(&histories(&house.markets)).await) {
        assert_eq!(history.is_err_and(|error| error.is_away()), dead.contains(id));
    }
    let one = *dead.first().unwrap();
    assert!(house.live.read(&[one], Now::Server).await.is_err_and(|error| error.is_away()));
    assert!(house.live.take_lease(one, PATIENCE).await.is_err_and(|error| error.is_away()));
    house.live.ping().await.unwrap();
    hear(&mut subscriber, &others, 2).await;

    // It comes back empty: what is written there is heard again.
    house.cluster.nodes[0].start_again().await;
    house.cluster.until_whole().await;
    let everything = async |version| house.write(version).await.values().all(|one| *one != Write::Away);
    until("everything can be written", async || everything(3).await).await;
    assert_eq!(house.read().await.into_keys().collect::<BTreeSet<_>>(), all);
    until("everything is followed", async || subscriber.follow(&house.markets).await == all).await;
    assert!(everything(4).await);
    hear(&mut subscriber, &all, 4).await;
}

fn histories(markets: &[MarketId]) -> Vec<(MarketId, Option<overround_live::Position>)> {
    markets.iter().map(|id| (*id, None)).collect()
}

#[tokio::test]
async fn what_a_node_has_that_stands_still_is_not_sold_and_the_rest_goes_on() {
    let house = House::new().await;
    let all: BTreeSet<MarketId> = house.markets.iter().copied().collect();
    let others = &all - &house.of_node(1).await;
    let mut subscriber = house.live.subscriber();
    assert_eq!(subscriber.follow(&house.markets).await, all);
    house.cluster.nodes[1].signal("STOP");
    assert_eq!(house.read().await.into_keys().collect::<BTreeSet<_>>(), others);
    subscriber.ping().await;
    house.write(2).await;
    hear(&mut subscriber, &others, 2).await;
    house.cluster.nodes[1].signal("CONT");
    until("everything can be read", async || house.read().await.len() == all.len()).await;
    until("everything is followed", async || subscriber.follow(&house.markets).await == all).await;
    let everything = async || house.write(3).await.values().all(|one| *one == Write::Applied);
    assert!(everything().await);
    hear(&mut subscriber, &all, 3).await;
}

/// The keys go with their slot, and whoever heard of them is told that it does not any more.
#[tokio::test]
async fn a_slot_that_moves_takes_its_markets_along() {
    let house = House::new().await;
    let moved = *house.of_node(0).await.first().unwrap();
    let mut subscriber = house.live.subscriber();
    subscriber.follow(&[moved]).await;
    let key = format!("markets:{{{moved}}}");
    let [from, to, _] = &house.cluster.nodes[..] else { panic!("three nodes") };
    let slot: i64 = from.command(&["CLUSTER", "KEYSLOT", &key]).await;
    let (slot, target): (String, String) = (slot.to_string(), to.command(&["CLUSTER", "MYID"]).await);
    let _: () = from.command(&["CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", &slot, &slot, "NODE", &target]).await;
    match timeout(PATIENCE, subscriber.next()).await.expect("the loss in time").unwrap() {
        Heard::Lost(markets) => assert_eq!(markets, BTreeSet::from([moved])),
        other => panic!("{other:?}"),
    }
    until("it is followed at the other node", async || subscriber.follow(&[moved]).await.contains(&moved))
        .await;
    assert_eq!(house.read().await[&moved], 1, "nothing was lost on the way");
    assert!(house.of_node(1).await.contains(&moved));
    assert!(house.write(2).await.values().all(|written| *written == Write::Applied));
    hear(&mut subscriber, &BTreeSet::from([moved]), 2).await;
}
