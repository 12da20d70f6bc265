//! Snapshots in Redis: what is stored, what is refused, and how long it may be sold.

use overround_domain::ids::{EventId, MarketId, OutcomeId};
use overround_domain::markets::{Line, MarketStatus, OutcomeSuspension, Quote, Snapshot, SuspensionReason};
use overround_domain::odds::Price;
use overround_domain::time::Timestamp;
use overround_live::{
    Error, Freshness, Held, Lifetime, Live, Now, Renewal, Renewed, SnapshotWrite, Word, Write,
};
use overround_testkit::{RedisPlace, on_every_redis};
use std::collections::BTreeMap;
use std::time::Duration;
use uuid::Uuid;

const LIFETIME: Lifetime = Lifetime { fresh_ms: 8_000, stale_ms: 2_000 };
const T0: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn at(ms: i64) -> Timestamp {
    T0.plus_millis(ms)
}

fn snapshot(market_id: MarketId, version: i64) -> Snapshot {
    let outcome = |n: u128| OutcomeId::from_uuid(Uuid::from_u128(n));
    let quote = Quote { price: Price::new(21, 11).unwrap(), line: Some(Line::from_quarters(-3)) };
    Snapshot {
        market_id,
        event_id: EventId::from_uuid(Uuid::from_u128(7)),
        version,
        status_version: 3,
        status: MarketStatus::Open,
        in_play: true,
        bet_delay_ms: 5_000,
        cutoff_at: Some(at(60_000)),
        as_of: at(version),
        prices: BTreeMap::from([(outcome(1), quote)]),
        suspensions: vec![OutcomeSuspension { outcome_id: outcome(2), reason: SuspensionReason::Removed }],
    }
}

fn market(n: u128) -> MarketId {
    MarketId::from_uuid(Uuid::from_u128(n))
}

async fn held(live: &Live, id: MarketId, now: Now) -> Option<Held> {
    live.read(&[id], now).await.unwrap().remove(&id)
}

async fn kept(live: &Live, snapshot: &Snapshot) -> Write {
    let write = SnapshotWrite { snapshot, word: Word::Kept, lease: None };
    live.write_one(write, Now::At(T0)).await.unwrap()
}

on_every_redis!(
    what_is_written_is_what_is_read,
    only_what_is_newer_is_stored,
    the_floor_outlives_the_snapshot,
    the_server_s_clock_counts_ages_from_the_write,
    a_snapshot_is_fresh_then_stale_then_expired,
    what_is_loaded_under_a_lease_is_as_old_as_the_lease,
    what_is_only_shown_is_so_for_as_long_whatever_became_of_its_lease,
    a_renewal_starts_the_windows_again,
    a_trader_s_version_keeps_the_age,
    versions_never_go_back_whoever_writes,
    a_snapshot_that_cannot_be_read_back_is_an_error_that_names_it,
    what_is_not_valid_changes_nothing,
    many_markets_go_at_once,
);

async fn what_is_written_is_what_is_read(place: RedisPlace) {
    let live = Live::connect(&place.url).unwrap();
    let written = snapshot(market(1), 4);
    assert_eq!(live.write(&written, T0, LIFETIME, Now::At(T0)).await.unwrap(), Write::Applied);
    let plain = Snapshot {
        cutoff_at: None,
        prices: BTreeMap::new(),
        suspensions: Vec::new(),
        ..snapshot(market(2), 1)
    };
    live.write(&plain, T0, LIFETIME, Now::At(T0)).await.unwrap();
    let read = live.read(&[market(1), market(2), market(3)], Now::At(at(1))).await.unwrap();
    assert_eq!(*read[&market(1)].snapshot, written);
    assert_eq!(read[&market(1)].confirmed_at, Some(T0));
    assert_eq!(read[&market(1)].age_ms, Some(1));
    assert_eq!(*read[&market(2)].snapshot, plain);
    assert!(!read.contains_key(&market(3)), "a market that is not held is left out");
}

async fn only_what_is_newer_is_stored(place: RedisPlace) {
    let live = Live::connect(&place.url).unwrap();
    let id = market(1);
    let cases = [
        ("the first", 5, 0, Write::Applied, 5),
        ("an older version", 4, 100, Write::Older { held_version: 5 }, 5),
        ("the same, confirmed at the same instant", 5, 0, Write::Unchanged, 5),
        ("the same, confirmed earlier", 5, -1, Write::Unchanged, 5),
        ("the same, confirmed later", 5, 200, Write::Applied, 5),
        ("a higher version, confirmed earlier", 6, 100, Write::Applied, 6),
        ("the one before again", 5, 900, Write::Older { held_version: 6 }, 6),
    ];
    for (what, version, confirmed, expected, then_held) in cases {
        let write = live.write(&snapshot(id, version), at(confirmed), LIFETIME, Now::At(at(confirmed))).await;
        assert_eq!(write.unwrap(), expected, "{what}");
        assert_eq!(held(&live, id, Now::At(T0)).await.unwrap().snapshot.version, then_held, "{what}");
    }
}

async fn the_floor_outlives_the_snapshot(place: RedisPlace) {
    let (live, mut raw) = (Live::connect(&place.url).unwrap(), place);
    let id = market(1);
    live.write(&snapshot(id, 5), T0, LIFETIME, Now::Server).await.unwrap();
    let key = format!("markets:{{{id}}}");
    let expire: i64 = raw.command(&["PTTL", &key]).await;
    assert!((1..=LIFETIME.end_ms()).contains(&expire), "it expires with its windows: {expire}");
    // What expiry does, without waiting for it.
    let _: i64 = raw.command(&["DEL", &key]).await;
    assert_eq!(held(&live, id, Now::Server).await, None);
    let older = live.write(&snapshot(id, 4), at(9), LIFETIME, Now::Server).await.unwrap();
    assert_eq!(older, Write::Older { held_version: 5 });
    assert_eq!(held(&live, id, Now::Server).await, None);
    let same = live.write(&snapshot(id, 5), T0, LIFETIME, Now::Server).await.unwrap();
    assert_eq!(same, Write::Applied, "the version that expired may be written again");
}

async fn the_server_s_clock_counts_ages_from_the_write(place: RedisPlace) {
    let live = Live::connect(&place.url).unwrap();
    let id = market(1);
    // The producer's host may think it is 2023: nobody compares its clock with the server's.
    live.write(&snapshot(id, 1), T0, LIFETIME, Now::Server).await.unwrap();
    let read = held(&live, id, Now::Server).await.unwrap();
    assert_eq!((read.confirmed_at, read.freshness), (Some(T0), Freshness::Fresh));
    assert!(read.age_ms < Some(LIFETIME.fresh_ms), "{:?}", read.age_ms);
    // A recording's clock and the server's are years apart: what one wrote the other does not sell.
    assert_eq!(held(&live, id, Now::At(T0)).await.unwrap().freshness, Freshness::Expired);
}

async fn a_snapshot_is_fresh_then_stale_then_expired(place: RedisPlace) {
    let live = Live::connect(&place.url).unwrap();
    let id = market(1);
    live.write(&snapshot(id, 1), T0, LIFETIME, Now::At(T0)).await.unwrap();
    let cases = [
        (0, Freshness::Fresh),
        (7_999, Freshness::Fresh),
        (8_000, Freshness::Stale),
        (9_999, Freshness::Stale),
        (10_000, Freshness::Expired),
        (1_000_000, Freshness::Expired),
        (-5, Freshness::Fresh),
        (-20_000, Freshness::Expired),
    ];
    for (after, expected) in cases {
        let read = held(&live, id, Now::At(at(after))).await.unwrap();
        assert_eq!((read.freshness, read.age_ms), (expected, Some(after.max(0))), "{after} ms later");
    }
}

async fn a_renewal_starts_the_windows_again(place: RedisPlace) {
    let live = Live::connect(&place.url).unwrap();
    let renewal = |id, version| Renewal { market_id: id, version, lifetime: LIFETIME };
    live.write(&snapshot(market(1), 5), T0, LIFETIME, Now::At(T0)).await.unwrap();
    live.write(&snapshot(market(2), 5), T0, LIFETIME, Now::At(T0)).await.unwrap();
    let renewals =
        [renewal(market(1), 5), renewal(market(2), 4), renewal(market(2), 6), renewal(market(3), 1)];
    let renewed = live.renew(&renewals, at(9_000), Now::At(at(9_000))).await.unwrap();
    assert_eq!(renewed, [Renewed::Renewed, Renewed::Older, Renewed::Missing, Renewed::Missing]);
    let read = live.read(&[market(1), market(2)], Now::At(at(9_500))).await.unwrap();
    assert_eq!((read[&market(1)].age_ms, read[&market(1)].freshness), (Some(500), Freshness::Fresh));
    assert_eq!((read[&market(2)].age_ms, read[&market(2)].freshness), (Some(9_500), Freshness::Stale));
    // A sign of life that comes late does not make the market older.
    live.renew(&renewals[..1], at(1_000), Now::At(at(9_500))).await.unwrap();
    assert_eq!(held(&live, market(1), Now::At(at(9_500))).await.unwrap().confirmed_at, Some(at(9_000)));
}

async fn a_trader_s_version_keeps_the_age(place: RedisPlace) {
    let live = Live::connect(&place.url).unwrap();
    let id = market(1);
    live.write(&snapshot(id, 5), T0, LIFETIME, Now::At(T0)).await.unwrap();
    let suspended = Snapshot { status: MarketStatus::Suspended, ..snapshot(id, 6) };
    assert_eq!(kept(&live, &suspended).await, Write::Applied);
    let read = held(&live, id, Now::At(at(9_000))).await.unwrap();
    assert_eq!(
        (read.snapshot, read.age_ms, read.freshness),
        (suspended.clone().into(), Some(9_000), Freshness::Stale)
    );
    assert_eq!(kept(&live, &suspended).await, Write::Older { held_version: 6 });
    assert_eq!(kept(&live, &snapshot(market(2), 3)).await, Write::Missing);
    assert_eq!(held(&live, market(2), Now::At(T0)).await, None, "nothing is sold that nobody confirmed");
    let older = live.write(&snapshot(market(2), 2), T0, LIFETIME, Now::At(T0)).await.unwrap();
    assert_eq!(older, Write::Older { held_version: 3 });
}

async fn versions_never_go_back_whoever_writes(place: RedisPlace) {
    const WRITERS: i64 = 8;
    const VERSIONS: i64 = 61;
    let live = Live::connect(&place.url).unwrap();
    let id = market(1);
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 1..=WRITERS {
        let live = live.clone();
        tasks.spawn(async move {
            // Every writer writes every version, each in another order (61 is prime).
            for step in 0..VERSIONS {
                let version = 1 + (step * writer + writer) % VERSIONS;
                live.write(&snapshot(id, version), at(writer), LIFETIME, Now::At(T0)).await.unwrap();
            }
        });
    }
    let (mut highest, mut reads) = (0, 0);
    while !tasks.is_empty() {
        if let Some(done) = tasks.try_join_next() {
            done.unwrap();
        }
        if let Some(read) = held(&live, id, Now::At(T0)).await {
            assert!(read.snapshot.version >= highest, "{} after {highest}", read.snapshot.version);
            assert_eq!(
                *read.snapshot,
                snapshot(id, read.snapshot.version),
                "a snapshot is stored as a whole"
            );
            highest = read.snapshot.version;
            reads += 1;
        }
    }
    assert!(reads > 0);
    assert_eq!(held(&live, id, Now::At(T0)).await.unwrap().snapshot.version, VERSIONS);
}

async fn a_snapshot_that_cannot_be_read_back_is_an_error_that_names_it(place: RedisPlace) {
    let (url, mut raw) = (place.url.clone(), place);
    let id = market(1);
    let key = format!("markets:{{{id}}}");
    let fields = [
        "version",
        "confirmedAt",
        "agesFrom",
        "statusVersion",
        "eventId",
        "status",
        "inPlay",
        "betDelayMs",
        "cutoffAt",
        "asOf",
        "prices",
        "suspensions",
        "freshMs",
        "staleMs",
    ];
    for name in fields {
        for command in [vec!["HSET", &key, name, "nonsense"], vec!["HDEL", &key, name]] {
            let _: i64 = raw.command(&["DEL", &key]).await;
            // A process that has written or read the version before would not read it again.
            let (writer, live) = (Live::connect(&url).unwrap(), Live::connect(&url).unwrap());
            writer.write(&snapshot(id, 5), T0, LIFETIME, Now::At(T0)).await.unwrap();
            let _: i64 = raw.command(&command).await;
            match live.read(&[id], Now::At(T0)).await {
                Err(Error::Unreadable { key: named, field, .. }) => {
                    assert_eq!((named.as_str(), field), (key.as_str(), name), "{command:?}");
                }
                other => panic!("{command:?}: {other:?}"),
            }
        }
    }
    let live = Live::connect(&url).unwrap();
    let healed = live.write(&snapshot(id, 6), T0, LIFETIME, Now::At(T0)).await.unwrap();
    assert_eq!(healed, Write::Applied, "the next version writes every field anew");
    assert_eq!(*held(&live, id, Now::At(T0)).await.unwrap().snapshot, snapshot(id, 6));
}

async fn what_is_not_valid_changes_nothing(place: RedisPlace) {
    let (live, mut raw) = (Live::connect(&place.url).unwrap(), place);
    let cases = [
        (0, LIFETIME),
        (-1, LIFETIME),
        (100_000_000_000_000, LIFETIME),
        (5, Lifetime { fresh_ms: -10_000, stale_ms: 2_000 }),
    ];
    for (version, lifetime) in cases {
        let write = live.write(&snapshot(market(1), version), T0, lifetime, Now::Server).await;
        assert!(matches!(write, Err(Error::Refused(_))), "{version} {lifetime:?}: {write:?}");
        let keys: i64 = raw.everywhere::<i64>(&["DBSIZE"]).await.into_iter().sum();
        assert_eq!(keys, 0, "{version} {lifetime:?}");
    }
    let key = format!("markets:{{{}}}", market(1));
    let _: () = raw.command(&["SET", &key, "a text"]).await;
    let write = live.write(&snapshot(market(1), 5), T0, LIFETIME, Now::Server).await;
    assert!(matches!(write, Err(Error::Refused(_))), "another kind of value: {write:?}");
    let keys: i64 = raw.everywhere::<i64>(&["DBSIZE"]).await.into_iter().sum();
    assert_eq!(keys, 1, "the floor was not moved either");
}

async fn what_is_only_shown_is_so_for_as_long_whatever_became_of_its_lease(place: RedisPlace) {
    let (live, mut raw) = (Live::connect(&place.url).unwrap(), place);
    let lease = live.take_lease(market(1), Duration::from_secs(60)).await.unwrap().unwrap();
    let key = format!("markets:{{{}}}:lease", market(1));
    let _: i64 = raw.command(&["PEXPIRE", &key, "1000"]).await;
    let lifetime = Lifetime { fresh_ms: 20_000, stale_ms: 10_000 };
    let (snapshot, word) = (snapshot(market(1), 1), Word::Unconfirmed { lifetime });
    let write = SnapshotWrite { snapshot: &snapshot, word, lease: Some(&lease) };
    assert_eq!(live.write_one(write, Now::Server).await.unwrap(), Write::Applied);
    let seen = held(&live, market(1), Now::Server).await.unwrap();
    assert_eq!((seen.freshness, seen.sellable_ms), (Freshness::Expired, 0), "{seen:?}");
    let left: i64 = raw.command(&["PTTL", &format!("markets:{{{}}}", market(1))]).await;
    assert!((20_000..=30_000).contains(&left), "it is shown for {left} ms");
}

async fn what_is_loaded_under_a_lease_is_as_old_as_the_lease(place: RedisPlace) {
    let (live, mut raw) = (Live::connect(&place.url).unwrap(), place);
    let minute = Duration::from_secs(60);
    let lease = live.take_lease(market(1), minute).await.unwrap().unwrap();
    assert!(live.take_lease(market(1), minute).await.unwrap().is_none(), "it is taken");
    // Whoever loads it was held up for seven seconds by now.
    let key = format!("markets:{{{}}}:lease", market(1));
    let _: i64 = raw.command(&["PEXPIRE", &key, "53000"]).await;
    let first = snapshot(market(1), 1);
    let lifetime = Lifetime { stale_ms: 60_000, ..LIFETIME };
    let word = Word::Confirmed { at: T0, ago_ms: 1_500, lifetime };
    let write = |snapshot, lease| SnapshotWrite { snapshot, word, lease };
    assert_eq!(live.write_one(write(&first, Some(&lease)), Now::Server).await.unwrap(), Write::Applied);
    let seen = held(&live, market(1), Now::Server).await.unwrap();
    assert!(seen.age_ms.unwrap() >= 8_500 && seen.freshness == Freshness::Stale, "{seen:?}");
    let left: i64 = raw.command(&["PTTL", &format!("markets:{{{}}}", market(1))]).await;
    assert!((1..=59_500).contains(&left), "it is kept for {left} ms");

    // What is written under a lease that is another's by now is not stored.
    live.give_back(market(1), &lease).await.unwrap();
    live.take_lease(market(1), minute).await.unwrap().unwrap();
    let second = snapshot(market(1), 2);
    assert_eq!(live.write_one(write(&second, Some(&lease)), Now::Server).await.unwrap(), Write::Fenced);
}

async fn many_markets_go_at_once(place: RedisPlace) {
    let (live, mut raw) = (Live::connect(&place.url).unwrap(), place);
    let snapshots: Vec<Snapshot> = (1..=300).map(|n| snapshot(market(n), 1)).collect();
    let word = Word::Confirmed { at: T0, ago_ms: 0, lifetime: LIFETIME };
    let write = |snapshot| SnapshotWrite { snapshot, word, lease: None };
    let writes: Vec<SnapshotWrite<'_>> = snapshots.iter().map(write).collect();
    let written = live.write_all(&writes, Now::At(T0)).await.unwrap();
    assert!(written.iter().all(|one| *one == Write::Applied));
    let ids: Vec<MarketId> = snapshots.iter().map(|one| one.market_id).collect();
    let read = live.read(&ids, Now::At(T0)).await.unwrap();
    assert_eq!(read.into_values().map(|held| Snapshot::clone(&held.snapshot)).collect::<Vec<_>>(), snapshots);
    assert!(live.read(&[], Now::Server).await.unwrap().is_empty());

    // A server that forgot its scripts (a restart, a failover) is told them again.
    raw.everywhere::<()>(&["SCRIPT", "FLUSH"]).await;
    let again = live.write_all(&writes, Now::At(T0)).await.unwrap();
    assert!(again.iter().all(|one| *one == Write::Unchanged));
}

#[tokio::test]
async fn a_server_that_is_away_is_told_from_one_that_refuses() {
    assert!(matches!(Live::connect("http://127.0.0.1/"), Err(Error::Url(_))));
    // Nothing listens on port 1.
    let live = Live::connect("redis://127.0.0.1:1/").unwrap();
    let read = live.read(&[market(1)], Now::Server).await;
    assert!(matches!(&read, Err(error) if error.is_away()), "{read:?}");
    assert!(live.ping().await.is_err());
}
