//! Lanes: neighbours in a batch, backpressure, deadlines, callers who go away, two processes.
//!
//! A test that needs a full batch or a full queue holds the fence of its market: the lane's next batch
//! waits for it, and what is sent meanwhile queues behind.

use futures::future::join_all;
use futures::stream::{FuturesUnordered, StreamExt};
use overround_api::{ApiSettings, Rates};
use overround_app::{Clock, Published, Settings};
use overround_domain::ids::AccountId;
use overround_domain::time::Timestamp;
use overround_store::wallet::turns::CLASS;
use overround_testkit::{
    Caller, Reply, TestDb, TestServer, match_odds, redis_url, test_settings, until, until_is,
};
use serde_json::{Value, json};
use sqlx::{PgPool, Postgres, Transaction};

/// 2026-11-23T12:00:00Z.
const NOON: Timestamp = Timestamp::from_millis(1_795_435_200_000);

/// One lane, behind whose batch all else queues.
fn one_lane() -> Settings {
    Settings { lanes: 1, ..test_settings() }
}

/// A database, a Redis and an even market on sale, for one server or more.
struct House {
    db: TestDb,
    redis: String,
    admin: PgPool,
}

impl House {
    async fn new() -> Self {
        let db = TestDb::create().await;
        Self { admin: db.admin().await, db, redis: redis_url().await }
    }

    async fn server(&self, settings: Settings, api: ApiSettings) -> TestServer {
        // Its callers send more than a person.
        let api = ApiSettings { rates: Rates::NONE, ..api };
        TestServer::start_with(&self.db, &self.redis, Clock::manual(NOON), settings, api).await
    }

    async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.admin).await.unwrap()
    }

    /// Holds the fences of a market in all cells, so that no bet on it is decided until the end.
    async fn hold(&self, market: &Published) -> Transaction<'static, Postgres> {
        let mut held = self.admin.begin().await.unwrap();
        let lock = sqlx::query("SELECT 1 FROM market.fences WHERE market_id = $1 FOR UPDATE");
        lock.bind(market.market_id.uuid()).execute(&mut *held).await.unwrap();
        held
    }

    /// Returns when so many transactions of lanes wait for a held fence.
    async fn until_waiting(&self, lanes: i64) {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
             AND wait_event_type = 'Lock' AND query LIKE '%market.fences%'";
        self.until(waiting, lanes).await;
    }

    /// The cell of a player's account.
    async fn cell_of(&self, bettor: &Bettor) -> i16 {
        let account: AccountId = bettor.account.parse().unwrap();
        let cell = sqlx::query_scalar("SELECT cell FROM wallet.accounts WHERE id = $1").bind(account.uuid());
        cell.fetch_one(&self.admin).await.unwrap()
    }

    /// Has a cell in hand as another process would, until the end of the transaction.
    async fn take(&self, cell: i16) -> Transaction<'static, Postgres> {
        let mut taken = self.admin.begin().await.unwrap();
        let lock = sqlx::query("SELECT pg_advisory_xact_lock($1, $2)").bind(CLASS).bind(i32::from(cell));
        lock.execute(&mut *taken).await.unwrap();
        taken
    }

    async fn until(&self, sql: &'static str, wanted: i64) {
        until(&format!("{sql} is {wanted}"), async || self.count(sql).await == wanted).await;
    }
}

async fn even_market(server: &TestServer, key: &str) -> Published {
    server.publish(&match_odds(key, key, &[(2, 1), (2, 1)])).await
}

fn bet(market: &Published, stake_cents: i64) -> Value {
    let snapshot = &market.snapshot;
    let (outcome, quote) = snapshot.prices.iter().next().unwrap();
    json!({"stake_cents": stake_cents, "currency": "EUR", "legs": [{
        "market_id": snapshot.market_id.to_string(), "outcome_id": outcome.to_string(),
        "price": {"num": quote.price.num(), "den": quote.price.den()}, "market_version": snapshot.version,
    }]})
}

/// A player who bets from a task of its own.
#[derive(Clone)]
pub(crate) struct Bettor {
    player: Caller,
    account: String,
}

impl Bettor {
    pub(crate) async fn with(server: &TestServer, name: &str, cents: i64) -> Self {
        let (player, account) = server.funded(name, cents).await;
        Self { player, account }
    }

    /// The same player at another server.
    pub(crate) fn at(&self, server: &TestServer, name: &str) -> Self {
        let player = server.with_token(server.token(name, &[overround_api::Role::Player]));
        Self { player, account: self.account.clone() }
    }

    pub(crate) async fn bet(&self, key: &str, body: &Value) -> Reply {
        self.player.post(&format!("/v1/accounts/{}/bets", self.account), key, body).await
    }

    fn place(&self, key: &str, body: &Value) -> tokio::task::JoinHandle<Reply> {
        let (bettor, key, body) = (self.clone(), key.to_owned(), body.clone());
        tokio::spawn(async move { bettor.bet(&key, &body).await })
    }

    async fn balance(&self) -> (i64, i64) {
        let account = self.player.get(&format!("/v1/accounts/{}", self.account)).await.expect(200);
        (account["balance_cents"].as_i64().unwrap(), account["held_cents"].as_i64().unwrap())
    }
}

async fn replies(asked: Vec<tokio::task::JoinHandle<Reply>>) -> Vec<Reply> {
    join_all(asked).await.into_iter().map(Result::unwrap).collect()
}

#[tokio::test]
async fn a_refused_bet_never_fails_its_neighbours() {
    let house = House::new().await;
    let server = house.server(one_lane(), ApiSettings::default()).await;
    let (busy, market) = (even_market(&server, "busy").await, even_market(&server, "m").await);
    let rich = Bettor::with(&server, "rich", 100_000).await;
    let poor = Bettor::with(&server, "poor", 250).await;
    let held = house.hold(&busy).await;
    let first = rich.place("first", &bet(&busy, 100));
    house.until_waiting(1).await;
    // All of these are one batch: good ones, refused ones, and one stake that only fits before another.
    let unknown = json!(market.market_id.to_string().replace("mkt_", "out_"));
    let mut foreign = bet(&market, 100);
    *foreign.pointer_mut("/legs/0/outcome_id").unwrap() = unknown;
    let asked = vec![
        rich.place("a", &bet(&market, 101)),
        rich.place("b", &bet(&market, 99)),
        rich.place("c", &foreign),
        poor.place("a", &bet(&market, 150)),
        poor.place("b", &bet(&market, 151)),
    ];
    held.commit().await.unwrap();
    first.await.unwrap().expect(201);
    let answers = replies(asked).await;
    answers[0].expect(201);
    answers[1].problem(422, "BELOW_MIN");
    answers[2].problem(404, "UNKNOWN_OUTCOME");
    let (one, other) = (&answers[3], &answers[4]);
    assert_eq!(one.status + other.status, 201 + 422, "the balance covers one of them: {one:?}, {other:?}");
    let refused = if one.status == 422 { one } else { other };
    let left = refused.problem(422, "INSUFFICIENT_FUNDS")["available_cents"].clone();
    assert_eq!(poor.balance().await.0, left);
    assert_eq!(rich.balance().await, (100_000 - 201, 201));
}

#[tokio::test]
async fn a_full_lane_turns_away_and_executes_nothing() {
    let house = House::new().await;
    // One account may fill an eighth of it.
    let settings = Settings { queue_depth: 16, ..one_lane() };
    let server = house.server(settings, ApiSettings::default()).await;
    let market = even_market(&server, "m").await;
    let bettor = Bettor::with(&server, "alice", 10_000).await;
    let held = house.hold(&market).await;
    let mut asked = vec![bettor.place("0", &bet(&market, 100))];
    house.until_waiting(1).await;
    let queued: Vec<_> = (1..4).map(|n| bettor.place(&n.to_string(), &bet(&market, 100 + n))).collect();
    // Of the three that come next two find a place; the third is answered while the lane still waits.
    let (turned_away, _, others) = futures::future::select_all(queued).await;
    let turned_away = turned_away.unwrap();
    turned_away.problem(503, "UNAVAILABLE");
    assert_eq!(turned_away.header("retry-after"), Some("1"));
    held.commit().await.unwrap();
    asked.extend(others);
    for reply in replies(asked).await {
        reply.expect(201);
    }
    assert_eq!(house.count("SELECT count(*) FROM betting.bets").await, 3);
    assert_eq!(house.count("SELECT count(*) FROM wallet.idempotency WHERE bet_id IS NOT NULL").await, 3);
    // The key of the one that was turned away is free.
    for key in ["1", "2", "3"] {
        let again = bettor.place(key, &bet(&market, 100 + key.parse::<i64>().unwrap())).await.unwrap();
        again.expect(201);
    }
    assert_eq!(house.count("SELECT count(*) FROM betting.bets").await, 4);
}

#[tokio::test]
async fn a_request_that_waited_past_its_deadline_is_not_executed() {
    let house = House::new().await;
    let api = ApiSettings { request_timeout_ms: 700, ..ApiSettings::default() };
    let server = house.server(one_lane(), api).await;
    let market = even_market(&server, "m").await;
    let bettor = Bettor::with(&server, "alice", 10_000).await;
    let held = house.hold(&market).await;
    let first = bettor.place("first", &bet(&market, 100));
    house.until_waiting(1).await;
    let late = bettor.place("late", &bet(&market, 200)).await.unwrap();
    assert_eq!((late.status, late.header("retry-after")), (503, Some("1")), "{late:?}");
    // The first one's time ran out while its transaction waited for the fence: neither is executed.
    assert_eq!(first.await.unwrap().status, 503);
    held.commit().await.unwrap();
    for (key, stake_cents) in [("first", 100), ("late", 200)] {
        let again = bettor.place(key, &bet(&market, stake_cents)).await.unwrap();
        again.expect(201);
        assert!(!again.is_replay(), "{key} was not executed before");
    }
    assert_eq!(bettor.balance().await, (9_700, 300));
}

#[tokio::test]
async fn a_caller_who_goes_away_leaves_a_whole_bet() {
    let house = House::new().await;
    let server = house.server(one_lane(), ApiSettings::default()).await;
    let market = even_market(&server, "m").await;
    let bettor = Bettor::with(&server, "alice", 10_000).await;
    let held = house.hold(&market).await;
    let gone = bettor.place("k", &bet(&market, 100));
    house.until_waiting(1).await;
    gone.abort();
    assert!(gone.await.unwrap_err().is_cancelled());
    held.commit().await.unwrap();
    house.until("SELECT count(*) FROM betting.bets", 1).await;
    let told = bettor.place("k", &bet(&market, 100)).await.unwrap();
    told.expect(201);
    assert!(told.is_replay());
    assert_eq!(bettor.balance().await, (9_900, 100));
    let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
         AND state LIKE 'idle in transaction%'";
    assert_eq!(house.count(open).await, 0, "no connection is left inside a transaction");
}

#[tokio::test]
async fn one_key_at_two_processes_is_one_bet_and_one_answer() {
    let house = House::new().await;
    let one = house.server(one_lane(), ApiSettings::default()).await;
    let market = even_market(&one, "m").await;
    let bettor = Bettor::with(&one, "alice", 10_000).await;
    // A token is good at the process whose issuer signed it.
    let other = TestServer::start_behind(
        &house.db,
        &house.redis,
        Clock::manual(NOON),
        one_lane(),
        ApiSettings::default(),
        one.issuer().clone(),
        overround_api::Keys::Local(one.issuer().clone()),
    )
    .await;
    let elsewhere = bettor.at(&other, "alice");
    let body = bet(&market, 100);
    let asked = (0..200).map(|n| if n % 2 == 0 { &bettor } else { &elsewhere }.place("k", &body));
    let answers = replies(asked.collect()).await;
    let first = answers[0].expect(201);
    for answer in &answers {
        assert_eq!((answer.status, answer.json()), (201, first.clone()));
        assert_eq!(answer.text, answers[0].text, "byte for byte");
    }
    assert_eq!(answers.iter().filter(|answer| !answer.is_replay()).count(), 1, "one was the first");
    assert_eq!(house.count("SELECT count(*) FROM betting.bets").await, 1);
    assert_eq!(bettor.balance().await, (9_900, 100));
}

/// How often a lane's transaction was undone by a concurrent one.
const RUNS_AGAIN: &str = "overround_tx_runs_again_total{tx=\"lane\"}";

/// A metric of all servers of this process; 0 where it was never counted.
async fn metric(server: &TestServer, name: &str) -> f64 {
    let text = server.anybody().get("/metrics").await.text;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
    value.unwrap_or(0.0)
}

#[tokio::test]
async fn a_lane_that_is_held_up_holds_up_its_cells_only() {
    let house = House::new().await;
    let server = house.server(Settings { lanes: 3, ..test_settings() }, ApiSettings::default()).await;
    let (busy, market) = (even_market(&server, "busy").await, even_market(&server, "m").await);
    let held_up = Bettor::with(&server, "held up", 1_000).await;
    let mut others = Vec::new();
    for number in 0..8 {
        others.push(Bettor::with(&server, &format!("player {number}"), 1_000).await);
    }
    let before = metric(&server, RUNS_AGAIN).await;
    let held = house.hold(&busy).await;
    let first = held_up.place("first", &bet(&busy, 100));
    house.until_waiting(1).await;
    let body = bet(&market, 100);
    let mut asked: FuturesUnordered<_> = others.iter().map(|player| player.place("k", &body)).collect();
    // Of eight players some are in other cells.
    asked.next().await.unwrap().unwrap().expect(201);
    held.commit().await.unwrap();
    replies(vec![first]).await[0].expect(201);
    while let Some(reply) = asked.next().await {
        reply.unwrap().expect(201);
    }
    assert_eq!(metric(&server, RUNS_AGAIN).await, before, "nothing ran again");
}

#[tokio::test]
async fn a_lane_waits_for_its_turn_at_a_cell_and_carries_out_the_rest() {
    let house = House::new().await;
    let server = house.server(one_lane(), ApiSettings::default()).await;
    let (busy, market) = (even_market(&server, "busy").await, even_market(&server, "m").await);
    let first = Bettor::with(&server, "first", 1_000).await;
    let (mut in_cell, mut others) = (Vec::new(), Vec::new());
    let cell = house.cell_of(&first).await;
    for number in 0..40 {
        let player = Bettor::with(&server, &format!("player {number}"), 1_000).await;
        let side = if house.cell_of(&player).await == cell { &mut in_cell } else { &mut others };
        side.push(player);
    }
    // One batch of players of that cell and of others, behind one that is held up.
    let held = house.hold(&busy).await;
    let holding = first.place("first", &bet(&busy, 100));
    house.until_waiting(1).await;
    let body = bet(&market, 100);
    let asked_in_cell: Vec<_> = in_cell.iter().map(|player| player.place("k", &body)).collect();
    let asked: Vec<_> = others.iter().map(|player| player.place("k", &body)).collect();
    until_is(40.0, async || metric(&server, "overround_lane_queued").await).await;
    let taken = tokio::join!(house.take(cell), async { held.commit().await.unwrap() }).0;
    replies(vec![holding]).await[0].expect(201);
    for reply in replies(asked).await {
        reply.expect(201);
    }
    // For how long it waits is bounded by time: whether it still does is not asked, only that it did.
    until("the lane waits for its turn", async || {
        metric(&server, "overround_lane_waits_for_turn_total").await >= 1.0
    })
    .await;
    assert!(!in_cell.is_empty());
    taken.commit().await.unwrap();
    for reply in replies(asked_in_cell).await {
        reply.expect(201);
    }
}

#[tokio::test]
async fn a_process_that_has_a_cell_in_hand_for_long_is_not_waited_for() {
    let house = House::new().await;
    let server = house.server(one_lane(), ApiSettings::default()).await;
    let market = even_market(&server, "m").await;
    let bettor = Bettor::with(&server, "alice", 1_000).await;
    let taken = house.take(house.cell_of(&bettor).await).await;
    bettor.place("k", &bet(&market, 100)).await.unwrap().expect(201);
    taken.commit().await.unwrap();
}

/// At PostgreSQL's default settings a batch of more than 32 rows locks whole tables, and these abort
/// each other.
#[tokio::test]
async fn disjoint_batches_of_128_run_beside_each_other() {
    let house = House::new().await;
    let servers = [
        house.server(one_lane(), ApiSettings::default()).await,
        house.server(one_lane(), ApiSettings::default()).await,
    ];
    let (busy, market) = (even_market(&servers[0], "busy").await, even_market(&servers[0], "m").await);
    let mut players = Vec::new();
    for (number, server) in servers.iter().enumerate() {
        // Those of the one server bet in even cells and those of the other in odd ones, so that none waits for its
        // turn. And most accounts of a house do not bet at one moment: where all rows of a page change at once it
        // overflows, and updates that move to another page write the indexes that the other batch reads.
        let names: Vec<_> = (0..2 * 150).map(|n| format!("player-{number}-{n}")).collect();
        let opened = join_all(names.iter().map(|name| Bettor::with(server, name, 1_000))).await;
        let mut of_server = Vec::new();
        for player in opened {
            if usize::try_from(house.cell_of(&player).await).unwrap() % 2 == number {
                of_server.push(player);
            }
        }
        assert!(of_server.len() > 128, "{} players", of_server.len());
        players.push(of_server);
    }
    let before = metric(&servers[0], RUNS_AGAIN).await;
    let held = house.hold(&busy).await;
    let first: Vec<_> = players.iter().map(|players| players[128].place("first", &bet(&busy, 100))).collect();
    house.until_waiting(2).await;
    let body = bet(&market, 100);
    let asked: Vec<_> =
        players.iter().flat_map(|players| &players[..128]).map(|player| player.place("k", &body)).collect();
    until_is(256.0, async || metric(&servers[0], "overround_lane_queued").await).await;
    held.commit().await.unwrap();
    for reply in replies(first).await.iter().chain(&replies(asked).await) {
        reply.expect(201);
    }
    assert_eq!(metric(&servers[0], RUNS_AGAIN).await, before, "nothing ran again");
}

#[tokio::test]
async fn what_the_server_s_settings_give_up_is_told() {
    let house = House::new().await;
    let told = async || {
        let pool = house.db.pool(overround_store::Role::App).await;
        let told = overround_store::server_settings::shortcomings(&pool).await.unwrap();
        told.iter().map(|one| one.split(' ').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    // The servers of tests give up durability for speed, and nothing else.
    assert_eq!(told().await, ["fsync", "full_page_writes", "synchronous_commit"]);
    let durable = format!("ALTER DATABASE {} SET synchronous_commit = on", house.db.name());
    sqlx::raw_sql(sqlx::AssertSqlSafe(durable)).execute(&house.admin).await.unwrap();
    assert_eq!(told().await, ["fsync", "full_page_writes"]);
}
