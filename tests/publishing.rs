//! Publishing: a producer's messages become versions, events, fences and snapshots; traders act on
//! them; what Redis loses comes back.

mod acts;

use overround_app::{
    App, Clock, Error, EventInfo, Freshness, Keyed, Listed, MarketFilter, Page, Published, Recorded, Settings,
};
use overround_domain::ids::MarketId;
use overround_domain::markets::{
    Line, MarketKind, MarketStatus, OutcomeStatus, Snapshot, SourceMarket, SourceOutcome, SourceStatus,
};
use overround_domain::odds::Price;
use overround_domain::time::Timestamp;
use overround_live::{Live, Now};
use overround_store::{Role, Store};
use overround_testkit::{TestDb, match_odds, redis_url};
use serde_json::{Value, json};
use sqlx::PgPool;
use std::time::Duration;
use tokio::time::Instant;

const T0: Timestamp = Timestamp::from_millis(1_765_000_000_000);
const EVEN: [(u32, u32); 2] = [(2, 1), (2, 1)];

/// A house over a database and a Redis of the test's own, on a clock that the test moves.
struct House {
    db: TestDb,
    redis: String,
    admin: PgPool,
    live: Live,
    clock: Clock,
    app: App,
}

impl House {
    async fn new() -> Self {
        let (db, redis) = (TestDb::create().await, redis_url().await);
        let clock = Clock::manual(T0);
        let live = Live::connect(&redis).unwrap();
        let app = process(&db, live.clone(), &clock).await;
        Self { admin: db.admin().await, db, redis, live, clock, app }
    }

    /// Another process of the same house.
    async fn another(&self) -> App {
        process(&self.db, Live::connect(&self.redis).unwrap(), &self.clock).await
    }

    /// Publishes one market `ms` after the start.
    async fn hear(&self, ms: i64, source: &SourceMarket) -> Published {
        self.clock.set(T0.plus_millis(ms));
        let mut published =
            self.app.publish("test", self.clock.now(), std::slice::from_ref(source)).await.unwrap();
        assert_eq!(published.len(), 1);
        published.remove(0)
    }

    async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.admin).await.unwrap()
    }

    /// The fences of a market: (status, status version), which every cell must agree on.
    async fn fence(&self, market: MarketId) -> (String, i64) {
        let rows: Vec<(String, i64, i64)> = sqlx::query_as(
            "SELECT status, status_version, count(*) FROM market.fences WHERE market_id = $1 GROUP BY 1, 2",
        )
        .bind(market.uuid())
        .fetch_all(&self.admin)
        .await
        .unwrap();
        let cells = self.count("SELECT cells::bigint FROM wallet.house").await;
        let [(status, version, count)] = rows.as_slice() else { panic!("the cells disagree: {rows:?}") };
        assert_eq!(*count, cells, "one fence a cell");
        (status.clone(), *version)
    }

    async fn in_redis(&self, market: MarketId) -> Option<Snapshot> {
        let mut held = self.live.read(&[market], Now::At(self.clock.now())).await.unwrap();
        held.remove(&market).map(|held| Snapshot::clone(&held.snapshot))
    }

    async fn forget_redis(&self) {
        let client = redis::Client::open(self.redis.as_str()).unwrap();
        let mut raw = client.get_multiplexed_async_connection().await.unwrap();
        let _: () = redis::cmd("FLUSHDB").query_async(&mut raw).await.unwrap();
    }
}

async fn process(db: &TestDb, live: Live, clock: &Clock) -> App {
    let store = Store::new(db.pool(Role::App).await);
    let settings = Settings { seed: Some(1), ..Settings::default() };
    App::start(store, db.pool(Role::Keeper).await, live, clock.clone(), settings).await.unwrap()
}

fn keyed(key: &str, request: u8) -> Keyed {
    Keyed {
        key: key.to_owned(),
        request_hash: [request; 32],
        trace_id: format!("trace-{key}-{request}"),
        deadline: Instant::now() + Duration::from_secs(30),
    }
}

fn why() -> String {
    "a test".to_owned()
}

/// The market with its runner `index` removed, priced, closed...
fn with(source: &SourceMarket, change: impl FnOnce(&mut SourceMarket)) -> SourceMarket {
    let mut changed = source.clone();
    change(&mut changed);
    changed
}

fn won_by(source: &SourceMarket, winner: usize) -> SourceMarket {
    with(source, |market| {
        market.status = SourceStatus::Closed;
        for (index, outcome) in market.outcomes.iter_mut().enumerate() {
            outcome.won = Some(index == winner);
            outcome.best_back = None;
        }
    })
}

#[tokio::test]
async fn a_version_is_a_row_an_event_and_a_snapshot() {
    let house = House::new().await;
    let published = house.hear(0, &match_odds("e", "1.1", &EVEN)).await;
    let market = published.market_id;
    assert_eq!((published.version, published.status), (Some(1), MarketStatus::Open));
    assert_eq!(house.in_redis(market).await, Some(published.snapshot.clone()));
    assert_eq!(house.fence(market).await, ("OPEN".to_owned(), 1));
    let matching = "SELECT count(*) FROM market.price_versions v JOIN events.outbox o ON o.type = 'odds.updated' \
         AND o.aggregate_type = 'market' AND o.aggregate_id = v.market_id AND o.aggregate_version = v.version \
         AND (o.payload->>'market_id')::uuid = v.market_id AND (o.payload->>'version')::bigint = v.version \
         AND o.payload->'prices' = v.prices AND o.payload->'suspensions' = v.suspensions \
         AND o.payload->>'status' = v.status WHERE v.as_of = '2025-12-06T05:46:40Z' AND v.producer = 'test'";
    assert_eq!(house.count(matching).await, 1);
    let joined = "SELECT count(*) FROM market.price_versions v, jsonb_each(v.prices) p \
         JOIN market.outcomes o ON o.id = p.key::uuid WHERE o.market_id = v.market_id AND (p.value->>'num')::int > 0";
    assert_eq!(house.count(joined).await, 2, "the prices are by the outcomes' stored ids");
}

#[tokio::test]
async fn fences_move_with_status_line_and_runners_and_never_with_prices() {
    let house = House::new().await;
    let side = |key: &str, position, line| SourceOutcome {
        key: key.to_owned(),
        line: Some(Line::from_quarters(line)),
        pair: Some(0),
        position,
        ..match_odds("e", "x", &EVEN).outcomes.remove(0)
    };
    let mut source = match_odds("e", "1.1", &EVEN);
    (source.kind, source.number_of_winners) = (MarketKind::Line, 0);
    source.outcomes = vec![side("over", 0, 10), side("under", 1, 10)];
    let market = house.hear(0, &source).await.market_id;
    type Change = fn(&mut SourceMarket);
    let steps: [(&str, Change, (&str, i64), i64); 7] = [
        ("a price", |m| m.outcomes[0].best_back = Some(Price::new(3, 1).unwrap()), ("OPEN", 1), 2),
        ("in play", |m| m.in_play = true, ("OPEN", 1), 3),
        ("suspended", |m| m.status = SourceStatus::Suspended, ("SUSPENDED", 2), 4),
        ("open again", |m| m.status = SourceStatus::Open, ("OPEN", 3), 5),
        (
            "a line",
            |m| m.outcomes.iter_mut().for_each(|o| o.line = Some(Line::from_quarters(14))),
            ("OPEN", 4),
            6,
        ),
        ("a runner goes", |m| m.outcomes[1].status = OutcomeStatus::Removed, ("SUSPENDED", 5), 7),
        ("a name", |m| m.outcomes[0].name = "Over 3.5".to_owned(), ("SUSPENDED", 5), 7),
    ];
    for (step, (what, change, fence, version)) in steps.into_iter().enumerate() {
        change(&mut source);
        let published = house.hear(1 + step as i64, &source).await;
        assert_eq!(published.snapshot.version, version, "{what}");
        assert_eq!(published.snapshot.status_version, fence.1, "{what}");
        assert_eq!(house.fence(market).await, (fence.0.to_owned(), fence.1), "{what}");
        assert_eq!(house.in_redis(market).await, Some(published.snapshot), "{what}");
    }
    let name = "SELECT count(*) FROM market.outcomes WHERE name = 'Over 3.5' AND line_quarters = 14";
    assert_eq!(house.count(name).await, 1);
}

#[tokio::test]
async fn what_did_not_change_writes_nothing_and_is_confirmed() {
    let house = House::new().await;
    let source = match_odds("e", "1.1", &EVEN);
    let first = house.hear(0, &source).await;
    let written = "SELECT (SELECT count(*) FROM events.outbox) + (SELECT count(*) FROM market.price_versions) \
         + (SELECT xmin::text::bigint FROM market.markets) + (SELECT sum(xmin::text::bigint)::bigint FROM market.fences)";
    let before = house.count(written).await;
    for (ms, app) in [(5_000, house.app.clone()), (9_000, house.another().await)] {
        house.clock.set(T0.plus_millis(ms));
        let same = app.publish("test", house.clock.now(), std::slice::from_ref(&source)).await.unwrap();
        assert_eq!((same[0].version, &same[0].snapshot), (None, &first.snapshot));
        let board = house.app.market(first.market_id, None).await.unwrap();
        assert_eq!((board.age_ms, board.freshness), (Some(0), Freshness::Fresh), "after {ms} ms");
    }
    assert_eq!(house.count(written).await, before, "not even by a process that remembers nothing");
}

#[tokio::test]
async fn names_follow_their_source_without_a_version_of_the_market() {
    let house = House::new().await;
    let source = match_odds("e", "1.1", &EVEN);
    let market = house.hear(0, &source).await.market_id;
    let renamed = with(&source, |m| {
        m.name = "Winner".to_owned();
        m.event.name = "A v B".to_owned();
        m.outcomes[0].name = "A".to_owned();
    });
    assert_eq!(house.hear(1, &renamed).await.version, None);
    let board = house.app.market(market, None).await.unwrap();
    assert_eq!((board.market.name.as_str(), board.market.outcomes[0].name.as_str()), ("Winner", "A"));
    let event = house.app.event(board.market.event_id).await.unwrap();
    assert_eq!((event.name.as_str(), event.version), ("A v B", 2));
}

#[tokio::test]
async fn what_an_event_is_called_is_a_version_with_its_event_however_many_say_it() {
    const RENAMES: i64 = 20;
    let house = House::new().await;
    let named =
        |number: i64| with(&match_odds("e", "1.1", &EVEN), |m| m.event.name = format!("Name {number}"));
    let (one, other) = (house.another().await, house.another().await);
    let (now, market) = (T0, house.hear(0, &named(1)).await.market_id);
    for number in 2..=RENAMES {
        let said = [named(number)];
        let (one, other) = tokio::join!(one.publish("test", now, &said), other.publish("test", now, &said));
        one.and(other).unwrap();
    }
    let event = house.app.market(market, None).await.unwrap().market.event_id;
    let event = house.app.event(event).await.unwrap();
    assert_eq!((event.name, event.version), (format!("Name {RENAMES}"), RENAMES));
    let told: Vec<(i64, Value)> = sqlx::query_as(
        "SELECT aggregate_version, payload FROM events.outbox WHERE type = 'event.changed' AND aggregate_type = 'event' \
         AND aggregate_id = $1 ORDER BY xid8, identity",
    )
    .bind(event.id.uuid())
    .fetch_all(&house.admin)
    .await
    .unwrap();
    let says = |version: i64| {
        let (id, name) = (event.id.uuid(), format!("Name {version}"));
        let payload =
            json!({"event_id": id, "version": version, "name": name, "sport": "tennis", "starts_at": null});
        (version, payload)
    };
    assert_eq!(told, (1..=RENAMES).map(says).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_removed_runner_is_said_once() {
    let house = House::new().await;
    let source = match_odds("e", "1.1", &[(3, 1), (3, 1), (3, 1)]);
    house.hear(0, &source).await;
    let without = with(&source, |m| m.outcomes[2].status = OutcomeStatus::Removed);
    let published = house.hear(1, &without).await;
    assert_eq!((published.removed.len(), published.snapshot.prices.len()), (1, 2));
    assert!(house.hear(2, &without).await.removed.is_empty());
    let back = house.hear(3, &source).await;
    assert_eq!((back.version, back.snapshot.prices.len()), (None, 2), "it does not come back");
}

#[tokio::test]
async fn what_redis_lost_is_written_again() {
    let house = House::new().await;
    let (one, two) = (match_odds("e", "1.1", &EVEN), match_odds("e", "1.2", &EVEN));
    let first = house.hear(0, &one).await;
    let second = house.hear(1, &two).await;
    house.forget_redis().await;
    let unseen = house.app.market(first.market_id, None).await.unwrap();
    assert_eq!((&*unseen.snapshot, unseen.freshness), (&first.snapshot, Freshness::Expired));
    house.hear(2, &one).await;
    assert_eq!(house.in_redis(first.market_id).await, Some(first.snapshot.clone()), "by the next message");
    assert_eq!(house.in_redis(second.market_id).await, None);
    for app in [house.app.clone(), house.another().await] {
        house.forget_redis().await;
        house.clock.set(house.clock.now().plus_millis(1_000));
        assert_eq!(app.renew("test", house.clock.now()).await.unwrap(), 2);
        assert_eq!(house.in_redis(first.market_id).await, Some(first.snapshot.clone()), "by a renewal");
        assert_eq!(house.in_redis(second.market_id).await, Some(second.snapshot.clone()));
    }
    house.clock.set(house.clock.now().plus_millis(60_000));
    let silent = house.app.market(first.market_id, None).await.unwrap();
    assert_eq!((silent.age_ms, silent.freshness), (Some(60_000), Freshness::Expired));
    assert_eq!(
        house.app.renew("another", house.clock.now()).await.unwrap(),
        0,
        "another's life confirms nothing"
    );
    assert_eq!(house.app.renew("test", house.clock.now()).await.unwrap(), 2);
    assert_eq!(house.app.market(first.market_id, None).await.unwrap().freshness, Freshness::Fresh);
}

#[tokio::test]
async fn with_redis_away_the_version_stands_and_is_shown_later() {
    let house = House::new().await;
    let source = match_odds("e", "1.1", &EVEN);
    let market = house.hear(0, &source).await.market_id;
    // Nothing listens on port 1.
    let cut_off = process(&house.db, Live::connect("redis://127.0.0.1:1/").unwrap(), &house.clock).await;
    let suspended = with(&source, |m| m.status = SourceStatus::Suspended);
    for _ in 0..2 {
        let failed = cut_off.publish("test", house.clock.now(), std::slice::from_ref(&suspended)).await;
        assert!(matches!(failed, Err(Error::Unavailable { part: "redis", .. })), "{failed:?}");
        assert_eq!(house.fence(market).await, ("SUSPENDED".to_owned(), 2), "no bet is taken all the same");
    }
    assert_eq!(house.in_redis(market).await.unwrap().version, 1);
    let board = house.app.market(market, Some(2)).await.unwrap();
    assert_eq!(board.snapshot.status, MarketStatus::Suspended, "a reader is not shown what is over");
    house.clock.set(T0.plus_millis(1_000));
    assert_eq!(house.app.renew("test", house.clock.now()).await.unwrap(), 1);
    assert_eq!(house.in_redis(market).await.unwrap().status, MarketStatus::Suspended);
    let done = cut_off.resume(market, "trader", keyed("r", 1), why()).await;
    assert!(done.is_ok(), "a trader's act needs only the fences: {done:?}");
}

#[tokio::test]
async fn two_publishers_never_give_one_version_to_two_snapshots() {
    const ROUNDS: u32 = 40;
    let house = House::new().await;
    let mut tasks = tokio::task::JoinSet::new();
    for (process, app) in
        [house.app.clone(), house.another().await, house.another().await].into_iter().enumerate()
    {
        let now = house.clock.now();
        tasks.spawn(async move {
            for round in 0..ROUNDS {
                let price = (200 + 3 * round + u32::try_from(process).unwrap(), 100);
                let markets = ["1.1", "1.2", "1.3"].map(|key| match_odds("e", key, &[price, (2, 1)]));
                app.publish("test", now, &markets).await.unwrap();
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let gaps = "SELECT count(*) FROM market.markets m WHERE m.version <> (SELECT count(*) FROM market.price_versions v \
         WHERE v.market_id = m.id) OR m.version <> (SELECT count(DISTINCT v.version) FROM market.price_versions v \
         WHERE v.market_id = m.id) OR m.version <> (SELECT count(*) FROM events.outbox o WHERE o.aggregate_id = m.id AND o.type = 'odds.updated')";
    assert_eq!(house.count(gaps).await, 0);
    assert_eq!(house.count("SELECT count(*) FROM market.markets").await, 3);
    assert_eq!(house.count("SELECT count(*) FROM market.events").await, 1);
    let page = Page { limit: 10, after: None };
    for board in house.app.markets(MarketFilter::default(), page).await.unwrap().items {
        let shown = house.in_redis(board.market.id).await.unwrap();
        assert_eq!(shown, *board.snapshot, "Redis holds the last version");
        let stored: i64 = sqlx::query_scalar("SELECT version FROM market.markets WHERE id = $1")
            .bind(board.market.id.uuid())
            .fetch_one(&house.admin)
            .await
            .unwrap();
        assert_eq!(shown.version, stored);
    }
}

#[tokio::test]
async fn one_message_may_carry_hundreds_of_markets() {
    let house = House::new().await;
    let backs = vec![(66, 1); 66];
    let markets: Vec<SourceMarket> =
        (0..200).map(|n| match_odds(&format!("e{}", n % 20), &format!("1.{n}"), &backs)).collect();
    let published = house.app.publish("test", T0, &markets).await.unwrap();
    let keys: Vec<&str> = published.iter().map(|one| one.source_key.as_str()).collect();
    assert_eq!(keys, markets.iter().map(|market| market.key.as_str()).collect::<Vec<_>>(), "in their order");
    assert!(published.iter().all(|one| one.version == Some(1) && one.snapshot.prices.len() == 66));
    assert_eq!(house.count("SELECT count(*) FROM market.outcomes").await, 200 * 66);
    assert_eq!(house.app.renew("test", T0.plus_millis(1)).await.unwrap(), 200);
    let twice = [markets[0].clone(), markets[0].clone()];
    let refused = house.app.publish("test", T0, &twice).await;
    assert!(matches!(refused, Err(Error::Invalid { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_reader_never_sees_an_older_version_than_it_asks_for() {
    let house = House::new().await;
    let market = house.hear(0, &match_odds("e", "1.1", &EVEN)).await.market_id;
    assert_eq!(house.app.market(market, Some(1)).await.unwrap().snapshot.version, 1);
    let ahead = house.app.market(market, Some(2)).await;
    assert!(matches!(ahead, Err(Error::Conflict { code: "VERSION_NOT_REACHED", .. })), "{ahead:?}");
    let nowhere = house.app.market(MarketId::from_uuid(house.clock.id()), None).await;
    assert!(matches!(nowhere, Err(Error::NotFound { .. })), "{nowhere:?}");
}

#[tokio::test]
async fn lists_go_on_where_the_last_page_ended() {
    let house = House::new().await;
    for n in 0..7 {
        let mut source = match_odds(&format!("e{n}"), &format!("1.{n}"), &EVEN);
        source.status = if n % 2 == 0 { SourceStatus::Open } else { SourceStatus::Suspended };
        house.hear(n, &source).await;
    }
    let (mut names, mut after) = (Vec::new(), None);
    loop {
        let page: Listed<EventInfo> = house.app.events(Page { limit: 3, after }).await.unwrap();
        names.extend(page.items.into_iter().map(|event| event.name));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(names, (0..7).rev().map(|n| format!("Event e{n}")).collect::<Vec<_>>());
    let all = Page { limit: 50, after: None };
    let open = MarketFilter { event_id: None, status: Some(MarketStatus::Open) };
    let open = house.app.markets(open, all).await.unwrap().items;
    assert_eq!(open.len(), 4);
    let of_event = MarketFilter { event_id: Some(open[0].market.event_id), status: None };
    assert_eq!(house.app.markets(of_event, all).await.unwrap().items, open[..1]);
}

#[tokio::test]
async fn what_a_failed_call_had_committed_is_answered_by_the_next() {
    let house = House::new().await;
    let source = match_odds("e", "1.1", &EVEN);
    let market = house.hear(0, &source).await.market_id;
    let client = redis::Client::open(house.redis.as_str()).unwrap();
    let mut raw = client.get_multiplexed_async_connection().await.unwrap();
    let key = format!("markets:{{{market}}}");
    let removed = with(&source, |market| market.outcomes[1].status = OutcomeStatus::Removed);
    for (ms, said, result) in
        [(1, removed.clone(), Recorded::None), (2, won_by(&removed, 0), Recorded::Recorded)]
    {
        // What stands in the snapshot's place is no snapshot: it cannot be written.
        let _: () = redis::cmd("SET").arg(&key).arg("x").query_async(&mut raw).await.unwrap();
        let at = T0.plus_millis(ms);
        house.clock.set(at);
        for _ in 0..2 {
            house.app.publish("test", at, std::slice::from_ref(&said)).await.unwrap_err();
        }
        let _: () = redis::cmd("DEL").arg(&key).query_async(&mut raw).await.unwrap();
        let told = house.hear(ms, &said).await;
        assert_eq!(
            (told.version, told.result, told.removed.len()),
            (Some(ms + 1), result, usize::from(ms == 1))
        );
        let again = house.hear(ms, &said).await;
        assert_eq!(
            (again.version, again.result, again.removed.len()),
            (None, Recorded::None, 0),
            "told once"
        );
    }
}
