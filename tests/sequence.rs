//! The sequence clock of a market in Redis: what continues an epoch, what begins another, what is kept of the last
//! versions, who hears of them, and who may write what was loaded.

use overround_domain::ids::MarketId;
use overround_domain::markets::Snapshot;
use overround_domain::time::Timestamp;
use overround_live::{
    Heard, KEPT_VERSIONS, Lifetime, Live, Now, Position, Renewal, Renewed, SnapshotWrite, Subscriber, Word,
    Write,
};
use overround_testkit::{RedisPlace, on_every_redis, snapshot_of};
use std::time::Duration;
use uuid::Uuid;

const LIFETIME: Lifetime = Lifetime { fresh_ms: 8_000, stale_ms: 2_000 };
const T0: Timestamp = Timestamp::from_millis(1_765_000_000_000);

struct Redis {
    place: RedisPlace,
    live: Live,
    market: MarketId,
}

impl Redis {
    /// With a market that no other test knows: channels are the whole server's.
    fn new(place: RedisPlace) -> Self {
        let live = Live::connect(&place.url).unwrap();
        Self { place, live, market: MarketId::from_uuid(Uuid::now_v7()) }
    }

    fn snapshot(&self, version: i64) -> Snapshot {
        snapshot_of(self.market, version, T0.plus_millis(version))
    }

    async fn write(&self, version: i64) -> Write {
        let at = T0.plus_millis(version);
        self.live.write(&self.snapshot(version), at, LIFETIME, Now::Server).await.unwrap()
    }

    async fn position(&self) -> Position {
        self.live.history(self.market, None).await.unwrap().unwrap().at
    }

    /// The versions after a place, and the place where they end.
    async fn history(&self, seen: Option<&Position>) -> (Position, Vec<i64>) {
        let history = self.live.history(self.market, seen).await.unwrap().unwrap();
        (history.at, history.versions.iter().map(|snapshot| snapshot.version).collect())
    }

    fn key(&self, suffix: &str) -> String {
        format!("markets:{{{}}}{suffix}", self.market)
    }
}

on_every_redis!(
    the_next_version_continues_and_any_other_begins_again,
    what_is_kept_is_what_a_reader_missed,
    a_quiet_market_is_known_by_its_snapshot_when_its_stream_ran_out,
    a_server_that_lost_something_begins_a_new_epoch_and_sells_nothing_old,
    what_takes_the_stream_s_place_is_taken_for_a_loss,
    a_market_without_its_clock_is_not_renewed_but_written_again,
    a_lease_is_one_s_alone_and_fences_what_was_loaded_under_it,
    what_nobody_confirms_is_shown_and_not_sold,
    whoever_follows_a_market_hears_each_version_once,
);

async fn the_next_version_continues_and_any_other_begins_again(place: RedisPlace) {
    let redis = Redis::new(place);
    redis.write(3).await;
    let first = redis.position().await;
    assert_eq!(first.seq, 3);
    redis.write(4).await;
    let second = redis.position().await;
    assert_eq!((&second.epoch, second.seq), (&first.epoch, 4), "the next version");
    redis.write(4).await;
    redis.write(2).await;
    assert_eq!(redis.position().await, second, "neither the same nor an older one moves it");
    redis.write(6).await;
    let third = redis.position().await;
    assert!(third.epoch != first.epoch && third.seq == 6, "a version is missing: {third:?}");
    assert_eq!(redis.history(None).await, (third, vec![6]), "nothing of another epoch is kept");
}

async fn what_is_kept_is_what_a_reader_missed(place: RedisPlace) {
    let redis = Redis::new(place);
    let last = i64::try_from(KEPT_VERSIONS).unwrap() + 10;
    for version in 1..=last {
        redis.write(version).await;
    }
    let at = redis.position().await;
    let after = |seq| Position { epoch: at.epoch.clone(), seq };
    let kept: Vec<i64> = (11..=last).collect();
    let cases = [
        ("everything seen", after(last), vec![]),
        ("one missed", after(last - 1), vec![last]),
        ("as much as is kept", after(10), kept.clone()),
        ("more than is kept", after(5), kept.clone()),
        ("another epoch", Position { epoch: "0".into(), seq: last }, kept.clone()),
    ];
    for (what, seen, versions) in cases {
        assert_eq!(redis.history(Some(&seen)).await, (at.clone(), versions), "{what}");
    }
    assert_eq!(redis.history(None).await, (at, kept), "nothing seen");
}

async fn a_quiet_market_is_known_by_its_snapshot_when_its_stream_ran_out(place: RedisPlace) {
    let mut redis = Redis::new(place);
    redis.write(1).await;
    redis.write(2).await;
    let at = redis.position().await;
    let stream = redis.key(":stream");
    let _: i64 = redis.place.command(&["DEL", &stream]).await;
    assert_eq!(redis.history(None).await, (at.clone(), vec![2]));
    redis.write(3).await;
    assert_eq!(redis.history(Some(&at)).await, (Position { seq: 3, ..at }, vec![3]), "the epoch goes on");
}

async fn a_server_that_lost_something_begins_a_new_epoch_and_sells_nothing_old(place: RedisPlace) {
    let mut redis = Redis::new(place);
    for version in 1..=5 {
        redis.write(version).await;
    }
    // Nothing was read so far: what this process wrote is its floor too.
    let before: String = redis.place.command(&["HGET", &redis.key(":clock"), "epoch"]).await;
    // What a replica holds that was three versions behind when it was promoted.
    let _: i64 =
        redis.place.command(&["DEL", &redis.key(""), &redis.key(":clock"), &redis.key(":stream")]).await;
    Live::connect(&redis.place.url)
        .unwrap()
        .write(&redis.snapshot(2), T0, LIFETIME, Now::Server)
        .await
        .unwrap();
    let read = redis.live.read(&[redis.market], Now::Server).await.unwrap();
    assert!(read.is_empty(), "a version that this process has seen pass is no more for sale: {read:?}");
    redis.write(6).await;
    let after = redis.position().await;
    assert!(*after.epoch != *before && after.seq == 6, "{after:?}");
    assert!(redis.live.read(&[redis.market], Now::Server).await.unwrap().contains_key(&redis.market));
}

async fn what_takes_the_stream_s_place_is_taken_for_a_loss(place: RedisPlace) {
    let mut redis = Redis::new(place);
    redis.write(1).await;
    let (before, stream) = (redis.position().await, redis.key(":stream"));
    let _: i64 = redis.place.command(&["DEL", &stream]).await;
    let _: () = redis.place.command(&["SET", &stream, "a text"]).await;
    redis.write(2).await;
    let (after, versions) = redis.history(None).await;
    assert!(after.epoch != before.epoch && versions == [2], "{after:?} {versions:?}");
}

async fn a_market_without_its_clock_is_not_renewed_but_written_again(place: RedisPlace) {
    let mut redis = Redis::new(place);
    redis.write(1).await;
    let clock = redis.key(":clock");
    let _: i64 = redis.place.command(&["DEL", &clock]).await;
    let renewal = Renewal { market_id: redis.market, version: 1, lifetime: LIFETIME };
    let renewed = redis.live.renew(&[renewal], T0.plus_millis(9), Now::Server).await.unwrap();
    assert_eq!(renewed, [Renewed::Missing]);
}

async fn a_lease_is_one_s_alone_and_fences_what_was_loaded_under_it(place: RedisPlace) {
    let mut redis = Redis::new(place);
    let (market, minute) = (redis.market, Duration::from_secs(60));
    let lease = redis.live.take_lease(market, minute).await.unwrap().unwrap();
    assert!(redis.live.take_lease(market, minute).await.unwrap().is_none(), "another holds it");
    // What an end of the lease does, without waiting for it: the holder had paused.
    let key = redis.key(":lease");
    let _: i64 = redis.place.command(&["DEL", &key]).await;
    let next = redis.live.take_lease(market, minute).await.unwrap().unwrap();
    let snapshot = redis.snapshot(1);
    let word = Word::Confirmed { at: T0, ago_ms: 0, lifetime: LIFETIME };
    let under = |lease| SnapshotWrite { snapshot: &snapshot, word, lease: Some(lease) };
    assert_eq!(redis.live.write_one(under(&lease), Now::Server).await.unwrap(), Write::Fenced);
    assert!(redis.live.read(&[market], Now::Server).await.unwrap().is_empty());
    redis.live.give_back(market, &lease).await.unwrap();
    assert!(redis.live.is_leased(market).await.unwrap(), "only its holder gives a lease back");
    assert_eq!(redis.live.write_one(under(&next), Now::Server).await.unwrap(), Write::Applied);
    redis.live.give_back(market, &next).await.unwrap();
    assert!(!redis.live.is_leased(market).await.unwrap());
}

async fn what_nobody_confirms_is_shown_and_not_sold(place: RedisPlace) {
    let redis = Redis::new(place);
    let word = Word::Unconfirmed { lifetime: LIFETIME };
    let write = SnapshotWrite { snapshot: &redis.snapshot(4), word, lease: None };
    assert_eq!(redis.live.write_one(write, Now::Server).await.unwrap(), Write::Applied);
    let held = redis.live.read(&[redis.market], Now::Server).await.unwrap().remove(&redis.market).unwrap();
    assert_eq!((held.snapshot.version, held.sellable_ms, held.confirmed_at), (4, 0, None));
    let renewal = Renewal { market_id: redis.market, version: 4, lifetime: LIFETIME };
    redis.live.renew(&[renewal], T0.plus_millis(9), Now::Server).await.unwrap();
    let held = redis.live.read(&[redis.market], Now::Server).await.unwrap().remove(&redis.market).unwrap();
    assert!(held.sellable_ms > 0, "its producer's word makes it one to sell: {held:?}");
}

/// The next version that is heard.
async fn heard(subscriber: &mut Subscriber<MarketId>) -> (Position, i64) {
    match tokio::time::timeout(Duration::from_secs(10), subscriber.next()).await.unwrap().unwrap() {
        Heard::Said(_, position, snapshot) => (position, snapshot.version),
        Heard::Lost(markets) => panic!("lost: {markets:?}"),
    }
}

async fn whoever_follows_a_market_hears_each_version_once(place: RedisPlace) {
    let redis = Redis::new(place);
    let mut subscriber = redis.live.subscriber();
    assert!(subscriber.follow(&[redis.market]).await.contains(&redis.market));
    for version in [1, 2, 2, 1, 3] {
        redis.write(version).await;
    }
    let kept = SnapshotWrite { snapshot: &redis.snapshot(4), word: Word::Kept, lease: None };
    redis.live.write_one(kept, Now::Server).await.unwrap();
    let at = redis.position().await;
    for version in 1..=4 {
        assert_eq!(heard(&mut subscriber).await, (Position { seq: version, ..at.clone() }, version));
    }
    subscriber.ping().await;
    subscriber.leave(&[redis.market]).await;
    redis.write(5).await;
    subscriber.follow(&[redis.market]).await;
    redis.write(6).await;
    assert_eq!(heard(&mut subscriber).await.1, 6, "what is left is not heard");
}
