//! Rate limits while Valkey is killed: each process holds them alone, and bets are refused for want of prices, as ever.

use crate::load::{Player, parsed, send};
use crate::stage::Stage;
use crate::until;
use overround_api::Role;
use serde_json::json;

#[tokio::test]
async fn without_valkey_limits_hold_and_bets_are_refused() {
    let limits = [("LIMIT_READS_USER", "1/40"), ("LIMIT_BETS_USER", "1000/1000")];
    let mut stage = Stage::with_settings(1, &limits).await;
    let player = Player::with(&stage, "ann", 100_000).await;
    let address = stage.addresses()[0].clone();
    let token = stage.token("ann", &[Role::Player]);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let read = async || {
        let answer = client.get(format!("{address}/v1/events")).bearer_auth(&token).send().await.unwrap();
        answer.status().as_u16()
    };
    assert_eq!(read().await, 200);
    stage.kill_valkey().await;
    until("the limit is reached", async || match read().await {
        429 => true,
        status => {
            assert_eq!(status, 200, "what needs no Redis goes on");
            false
        }
    })
    .await;
    let market = &stage.markets[0];
    let (outcome, quote) = market.snapshot.prices.iter().next().unwrap();
    let bet = json!({"stake_cents": 100, "currency": "EUR", "price_policy": "ANY", "legs": [{
        "market_id": market.market_id.to_string(), "outcome_id": outcome.to_string(),
        "price": {"num": quote.price.num(), "den": quote.price.den()}, "market_version": 1,
    }]});
    let url = format!("{address}/v1/accounts/{}/bets", player.account);
    let (status, text) = send(&client, &token, &url, "without", &bet).await;
    assert_eq!((status, &parsed(&text)["unavailable"]), (503, &json!(["redis"])), "{text}");
    let log = stage.servers[0].log();
    let told = log.lines().filter(|line| line.contains("holds the rate limits alone")).count();
    assert_eq!(told, 1, "an outage is told once:\n{log}");
    stage.supervise().await;
    until("limits are shared again", async || {
        stage.servers[0].log().contains("shared by all processes again")
    })
    .await;
    // A refusal is kept for its key: each try is a bet of its own.
    let mut tries = 0;
    until("bets are taken again", async || {
        tries += 1;
        send(&client, &token, &url, &format!("after-{tries}"), &bet).await.0 == 201
    })
    .await;
}
