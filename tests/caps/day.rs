//! What an account's bets of one day may return together.

use super::{Bettor, House, NOON, bet};
use futures::future::join_all;
use overround_api::ApiSettings;
use overround_app::{Clock, Settings};
use overround_domain::betting::Rules;
use overround_domain::money::Cents;
use overround_testkit::{TestDb, TestServer, redis_url, test_settings};

#[tokio::test]
async fn what_an_account_s_bets_of_a_day_may_return_is_bounded_exactly() {
    let db = TestDb::create().await;
    let (redis, clock) = (redis_url().await, Clock::manual(NOON));
    let settings = test_settings();
    let rules = Rules { payout_day_max: Some(Cents::new(20_000)), ..settings.rules.clone() };
    let settings = Settings { rules, ..settings };
    let start = async || {
        TestServer::start_with(&db, &redis, clock.clone(), settings.clone(), ApiSettings::default()).await
    };
    let (here, there) = (start().await, start().await);
    let house = House::of(db, here).await;
    let market = house.market("m").await;
    let ann = Bettor::with(&house.server, "ann", 100_000).await;
    let ann_there = ann.at(&there, "ann");
    let body = bet(700, "FILL_AND_KILL", &[&market]);
    let keys: Vec<String> = (0..24).map(|number| format!("{number}")).collect();
    let place = |(number, key): (usize, &String)| {
        let bettor = if number.is_multiple_of(2) { &ann } else { &ann_there };
        let (bettor, key, body) = (bettor.clone(), key.clone(), body.clone());
        async move { bettor.bet(&key, &body).await }
    };
    let replies = join_all(keys.iter().enumerate().map(place)).await;
    assert_eq!(
        replies.iter().filter(|reply| reply.status == 201).count(),
        15,
        "14 of 1344, and what is left"
    );
    let refused = ann.bet("more", &bet(700, "NORMAL", &[&market])).await.problem(422, "MAX_PAYOUT");
    assert_eq!(refused["stake_cents_max"], 0);
    let sum = "SELECT sum(potential_payout_cents)::bigint FROM betting.bets";
    let payouts = house.count(sum).await;
    assert!((19_999..=20_000).contains(&payouts), "{payouts}");
    house.is_sound().await;
    house.settle(&market, "LOST").await;
    ann.bet("lost", &bet(700, "NORMAL", &[&house.market("o").await])).await.problem(422, "MAX_PAYOUT");
    clock.set(NOON.plus_millis(12 * 3_600_000));
    let tomorrow = house.market("t").await;
    ann_there.bet("tomorrow", &bet(700, "NORMAL", &[&tomorrow])).await.expect(201);
    assert_eq!(house.count("SELECT payout_cents FROM betting.day_payouts").await, 1_344);
    house.is_sound().await;
}
