//! Bets over HTTP: accepted, repeated, refused, and settled.

mod refusals;

use overround_api::Role;
use overround_app::{Clock, Published};
use overround_domain::markets::{SourceMarket, SourceStatus};
use overround_domain::odds::Price;
use overround_domain::time::Timestamp;
use overround_testkit::{Caller, Reply, TestDb, TestServer, match_odds};
use serde_json::{Value, json};

/// 2026-11-23T12:00:00Z.
const NOON: Timestamp = Timestamp::from_millis(1_795_435_200_000);

async fn server(db: &TestDb) -> TestServer {
    TestServer::start(db, Clock::manual(NOON)).await
}

/// Even chances, open.
fn even(event: &str, key: &str) -> SourceMarket {
    match_odds(event, key, &[(2, 1), (2, 1)])
}

/// A leg on the market's outcome of that place, at the price and version on sale.
fn leg(published: &Published, place: usize) -> Value {
    let snapshot = &published.snapshot;
    let (outcome, quote) = snapshot.prices.iter().nth(place).unwrap();
    json!({
        "market_id": snapshot.market_id.to_string(),
        "outcome_id": outcome.to_string(),
        "price": {"num": quote.price.num(), "den": quote.price.den()},
        "market_version": snapshot.version,
    })
}

fn bet(stake_cents: i64, legs: &[Value]) -> Value {
    json!({"stake_cents": stake_cents, "currency": "EUR", "legs": legs})
}

/// The same JSON with other values at some pointers; null takes the field away.
fn with(base: &Value, changes: &[(&str, Value)]) -> Value {
    let mut changed = base.clone();
    for (pointer, value) in changes {
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        let parent = changed.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        if value.is_null() {
            parent.remove(field)
        } else {
            parent.insert(field.to_owned(), value.clone())
        };
    }
    changed
}

struct Bettor {
    player: Caller,
    account: String,
    bets: String,
}

impl Bettor {
    async fn with(server: &TestServer, cents: i64) -> Self {
        let (player, account) = server.funded("alice", cents).await;
        let bets = format!("/v1/accounts/{account}/bets");
        Self { player, account, bets }
    }

    async fn place(&self, key: &str, body: &Value) -> Reply {
        self.player.post(&self.bets, key, body).await
    }

    async fn balance(&self) -> (i64, i64) {
        let account = self.player.get(&format!("/v1/accounts/{}", self.account)).await.expect(200);
        (account["balance_cents"].as_i64().unwrap(), account["held_cents"].as_i64().unwrap())
    }
}

#[tokio::test]
async fn an_accepted_bet_is_on_its_receipt_and_its_stake_on_hold() {
    let db = TestDb::create().await;
    let server = server(&db).await;
    let market = server.publish(&even("e", "m")).await;
    let bettor = Bettor::with(&server, 1000).await;
    let wanted = with(&bet(300, &[leg(&market, 0)]), &[("/legs/0/attrs", json!({"slip": 7}))]);
    let receipt = bettor.place("k", &wanted).await.expect(201);
    let price = wanted["legs"][0]["price"].clone();
    let payout = 300 * price["num"].as_i64().unwrap() / price["den"].as_i64().unwrap();
    insta::assert_json_snapshot!(receipt, {
        ".id" => "[bet]", ".account_id" => "[account]", ".legs[].id" => "[leg]", ".legs[].event_id" => "[event]",
        ".legs[].market_id" => "[market]", ".legs[].outcome_id" => "[outcome]",
    }, @r#"
    {
      "acceptance": "ACCEPTED",
      "accepted_at": "2026-11-23T12:00:00.000Z",
      "account_id": "[account]",
      "bet_delay_ms": 0,
      "currency": "EUR",
      "id": "[bet]",
      "kind": "SINGLE",
      "legs": [
        {
          "attrs": {
            "slip": 7
          },
          "event_id": "[event]",
          "id": "[leg]",
          "leg_type": "STRAIGHT",
          "market_id": "[market]",
          "market_version": 1,
          "outcome_id": "[outcome]",
          "position": 0,
          "price": {
            "den": 25,
            "num": 48
          }
        }
      ],
      "potential_payout_cents": 576,
      "price_policy": "NONE",
      "rules_version": 1,
      "stake_cents": 300,
      "void_policy": "LEG"
    }
    "#);
    assert_eq!(receipt["potential_payout_cents"], payout);
    assert_eq!(bettor.balance().await, (700, 300));
    let id = receipt["id"].as_str().unwrap();
    let read = bettor.player.get(&format!("{}/{id}", bettor.bets)).await.expect(200);
    assert_eq!(
        (&read["status"], &read["acceptance"], &read["result"]),
        (&json!("PENDING"), &json!("ACCEPTED"), &Value::Null)
    );
    assert_eq!((&read["return_cents"], &read["settled_at"]), (&json!(0), &Value::Null));
    assert_eq!(read["legs"][0]["attrs"], json!({"slip": 7}));
    let list = bettor.player.get(&bettor.bets).await.expect(200);
    assert_eq!(list, json!({"items": [read], "next_cursor": null}));
    let settled = bettor.player.get(&format!("{}?status=SETTLED", bettor.bets)).await.expect(200);
    assert_eq!(settled["items"], json!([]));
}

#[tokio::test]
async fn a_parlay_over_several_events_is_one_bet() {
    let db = TestDb::create().await;
    let server = server(&db).await;
    let first = server.publish(&even("e1", "m1")).await;
    let second = server.publish(&match_odds("e2", "m2", &[(3, 1), (3, 2)])).await;
    let bettor = Bettor::with(&server, 1000).await;
    let receipt = bettor.place("k", &bet(100, &[leg(&first, 0), leg(&second, 1)])).await.expect(201);
    assert_eq!(receipt["kind"], "PARLAY");
    assert_eq!(
        receipt["legs"].as_array().unwrap().iter().map(|leg| leg["position"].as_i64()).collect::<Vec<_>>(),
        [Some(0), Some(1)]
    );
    assert_eq!(bettor.balance().await, (900, 100));
}

#[tokio::test]
async fn a_repeated_bet_is_answered_byte_for_byte() {
    let db = TestDb::create().await;
    let server = server(&db).await;
    let market = server.publish(&even("e", "m")).await;
    let bettor = Bettor::with(&server, 1000).await;
    let body = bet(300, &[leg(&market, 0)]);
    let first = bettor.place("k", &body).await;
    first.expect(201);
    // Neither a later price nor a suspension changes what was answered.
    server.publish(&SourceMarket { status: SourceStatus::Suspended, ..even("e", "m") }).await;
    let again = bettor.place("k", &body).await;
    assert_eq!((again.status, &again.text, again.is_replay()), (201, &first.text, true));
    // Order of fields and spaces make no other request.
    let text = serde_json::to_string_pretty(&body).unwrap();
    let spaced = bettor.player.post_text(&bettor.bets, "k", text).await;
    assert_eq!((spaced.status, &spaced.text, spaced.is_replay()), (201, &first.text, true));
    bettor
        .place("k", &with(&body, &[("/stake_cents", json!(301))]))
        .await
        .problem(422, "IDEMPOTENCY_MISMATCH");
    assert_eq!(bettor.balance().await, (700, 300));
}

#[tokio::test]
async fn a_refused_bet_stays_refused_under_its_key() {
    let db = TestDb::create().await;
    let server = server(&db).await;
    let market = server.publish(&even("e", "m")).await;
    let bettor = Bettor::with(&server, 100).await;
    let body = bet(300, &[leg(&market, 0)]);
    let first = bettor.place("k", &body).await;
    assert_eq!(first.problem(422, "INSUFFICIENT_FUNDS")["available_cents"], 100);
    let finance = server.caller("finance", &[Role::Finance]);
    let more = json!({"amount_cents": 1000, "currency": "EUR", "reason": "for a test"});
    finance.post(&format!("/v1/accounts/{}/credits", bettor.account), "more", &more).await.expect(201);
    let again = bettor.place("k", &body).await;
    assert_eq!((again.status, &again.text, again.is_replay()), (422, &first.text, true));
    bettor.place("k2", &body).await.expect(201);
}

#[tokio::test]
async fn what_is_not_kept_may_be_sent_again() {
    let db = TestDb::create().await;
    let server = server(&db).await;
    let market = server.publish(&even("e", "m")).await;
    let bettor = Bettor::with(&server, 1000).await;
    let body = bet(300, &[leg(&market, 0)]);
    let elsewhere = bettor.account.replace("acct_", "mkt_");
    bettor
        .place("k", &with(&body, &[("/legs/0/market_id", json!(elsewhere))]))
        .await
        .problem(404, "UNKNOWN_MARKET");
    bettor.place("k", &with(&body, &[("/stake_cents", json!("x"))])).await.problem(400, "INVALID_BODY");
    let reply = bettor.place("k", &body).await;
    reply.expect(201);
    assert!(!reply.is_replay());
}

#[tokio::test]
async fn one_key_places_one_bet_however_many_ask_at_once() {
    let db = TestDb::create().await;
    let server = server(&db).await;
    let market = server.publish(&even("e", "m")).await;
    let bettor = Bettor::with(&server, 1000).await;
    let body = bet(300, &[leg(&market, 0)]);
    let asks: Vec<_> = (0..16)
        .map(|_| {
            let (player, path, body) = (bettor.player.clone(), bettor.bets.clone(), body.clone());
            tokio::spawn(async move { player.post(&path, "k", &body).await })
        })
        .collect();
    let mut replies = Vec::new();
    for ask in asks {
        replies.push(ask.await.unwrap());
    }
    assert!(replies.iter().all(|reply| reply.status == 201 && reply.text == replies[0].text));
    assert_eq!(replies.iter().filter(|reply| !reply.is_replay()).count(), 1, "one was the first");
    assert_eq!(bettor.balance().await, (700, 300));
}

#[tokio::test]
async fn a_settled_bet_is_paid_and_says_how_it_ended() {
    let db = TestDb::create().await;
    let server = server(&db).await;
    let bettor = Bettor::with(&server, 1000).await;
    let market = server.publish(&even("e", "m")).await;
    let (won, lost) = (leg(&market, 0), leg(&market, 1));
    let winning = bettor.place("1", &bet(300, std::slice::from_ref(&won))).await.expect(201);
    let losing = bettor.place("2", &bet(200, std::slice::from_ref(&lost))).await.expect(201);
    let result = json!({"reason": "official result", "outcomes": [
        {"outcome_id": won["outcome_id"], "result": "WON"},
        {"outcome_id": lost["outcome_id"], "result": "LOST"},
    ]});
    let trader = server.caller("trader", &[Role::Trader]);
    let settle = format!("/v1/markets/{}/settle", market.market_id);
    assert_eq!(trader.post(&settle, "s", &result).await.expect(200)["status"], "SETTLED");
    server.app().pay_market(market.market_id).await.unwrap();
    let payout = winning["potential_payout_cents"].as_i64().unwrap();
    assert_eq!(bettor.balance().await, (500 + payout, 0));
    let paid = bettor.player.get(&format!("{}?status=SETTLED&limit=1", bettor.bets)).await.expect(200);
    assert_eq!(paid["items"][0]["id"], losing["id"], "newest first");
    assert!(paid["next_cursor"].is_string());
    let id = winning["id"].as_str().unwrap();
    let read = bettor.player.get(&format!("{}/{id}", bettor.bets)).await.expect(200);
    assert_eq!((&read["status"], &read["result"]), (&json!("SETTLED"), &json!("WON")));
    assert_eq!(read["return_cents"], payout);
    let outcome = json!({"won": true, "void": "NONE", "dead_heat": {"num": 1, "den": 1}});
    assert_eq!(read["legs"][0]["result"], outcome);
    assert!(read["settled_at"].is_string());
}

#[tokio::test]
async fn a_price_may_be_written_unreduced() {
    let db = TestDb::create().await;
    let server = server(&db).await;
    let bettor = Bettor::with(&server, 1000).await;
    let market = server.publish(&even("e", "m")).await;
    let quote = market.snapshot.prices.values().next().unwrap();
    let doubled = json!({"num": quote.price.num() * 2, "den": quote.price.den() * 2});
    let body = with(&bet(100, &[leg(&market, 0)]), &[("/legs/0/price", doubled)]);
    let receipt = bettor.place("1", &body).await.expect(201);
    let price = Price::new(quote.price.num(), quote.price.den()).unwrap();
    assert_eq!(receipt["legs"][0]["price"], json!({"num": price.num(), "den": price.den()}));
}
