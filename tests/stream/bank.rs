//! The account that the tests of its channel follow, and what is done to it.

use super::house::{Client, House};
use overround_api::Role;
use overround_live::{Chronicle, Live};
use overround_testkit::{Caller, RedisPlace, TestServer, until_log_is_past};
use serde_json::{Value, json};
use sqlx::PgPool;

/// A house with a player who has 1,000.00 EUR, and whoever does things to that account.
pub(super) struct Bank {
    pub(super) house: House,
    player: Caller,
    pub(super) finance: Caller,
    pub(super) support: Caller,
    pub(super) account: String,
    pub(super) admin: PgPool,
}

impl Bank {
    pub(super) async fn on(redis: RedisPlace) -> Self {
        let house = House::on(redis).await;
        // What happened before is nothing to who comes later.
        house.first.app().tell_chronicles().await.unwrap();
        let (player, account) = house.first.funded("ann", 100_000).await;
        let finance = house.first.caller("finance", &[Role::Finance]);
        let support = house.first.caller("support", &[Role::Support]);
        let admin = house.db.admin().await;
        Self { house, player, finance, support, account, admin }
    }

    pub(super) fn channel(&self) -> String {
        format!("account:{}", self.account)
    }

    pub(super) fn chronicle(&self) -> Chronicle {
        Chronicle::Account(self.account.parse().unwrap())
    }

    pub(super) fn live(&self) -> Live {
        Live::connect(&self.house.redis.url).unwrap()
    }

    /// Tells all that happened.
    pub(super) async fn tell(&self) {
        until_log_is_past(&self.admin).await;
        self.house.first.app().tell_chronicles().await.unwrap();
    }

    /// One cent more, so many times, each under a key of its own.
    pub(super) async fn credit(&self, numbers: std::ops::Range<u32>) {
        for number in numbers {
            self.credit_at(&self.house.first, number).await;
        }
    }

    pub(super) async fn credit_at(&self, server: &TestServer, number: u32) {
        let finance = server.caller("finance", &[Role::Finance]);
        let body = json!({"amount_cents": 1, "currency": "EUR", "reason": "for a test"});
        let path = format!("/v1/accounts/{}/credits", self.account);
        finance.post(&path, &format!("credit-{number}"), &body).await.expect(201);
    }

    pub(super) async fn client(&self, server: &TestServer, from: Option<&Value>) -> Client {
        self.client_with(server, "", from).await
    }

    pub(super) async fn client_with(&self, server: &TestServer, query: &str, from: Option<&Value>) -> Client {
        let mut client = Client::try_connect(server, "ann", query).await.unwrap();
        client.follow_channel(&self.channel(), from).await;
        client
    }

    pub(super) async fn standing(&self) -> Value {
        self.player.get(&format!("/v1/accounts/{}", self.account)).await.expect(200)
    }

    pub(super) async fn place(&self, key: &str) -> Value {
        let market = self.house.first.app().market(self.house.market, None).await.unwrap();
        let (outcome, quote) = market.snapshot.prices.first_key_value().unwrap();
        let leg = json!({"market_id": self.house.market, "outcome_id": outcome, "market_version": market.snapshot.version,
            "price": {"num": quote.price.num(), "den": quote.price.den()}});
        let body = json!({"stake_cents": 1_000, "currency": "EUR", "legs": [leg]});
        self.player.post(&format!("/v1/accounts/{}/bets", self.account), key, &body).await.expect(201)
    }

    /// The market's first outcome wins.
    pub(super) async fn settle(&self) {
        let app = self.house.first.app();
        let market = app.market(self.house.market, None).await.unwrap();
        let outcomes: Vec<Value> = (market.snapshot.prices.keys().zip(["WON", "LOST"]))
            .map(|(outcome, result)| json!({"outcome_id": outcome, "result": result}))
            .collect();
        let body = json!({"outcomes": outcomes, "reason": "full time"});
        let trader = self.house.first.caller("trader", &[Role::Trader]);
        trader.post(&format!("/v1/markets/{}/settle", self.house.market), "settle", &body).await.expect(200);
        app.pay_market(self.house.market).await.unwrap();
    }
}
