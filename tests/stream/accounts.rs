//! What happens to accounts, as those who follow them are told: all of it, in order, once.

use super::bank::Bank;
use super::house::{Client, WAIT};
use super::sse::Events;
use overround_api::Role;
use overround_app::{Delivery, Position, Subscribed};
use overround_domain::ids::AccountId;
use overround_live::Told;
use overround_testkit::{Caller, RedisPlace, on_every_redis};
use serde_json::{Value, json};
use tokio::time::timeout;

on_every_redis!(
    a_reader_gets_the_account_as_it_stands_and_then_all_that_happens_to_it,
    a_reader_who_was_cut_off_goes_on_as_if_it_had_not_been,
    past_what_is_kept_a_reader_begins_again_with_the_account_as_it_stands,
    after_redis_lost_everything_nothing_is_taken_for_what_came_before,
    another_server_may_have_lost_something_and_begins_an_epoch,
    what_is_told_again_is_told_once,
    an_event_that_cannot_be_read_is_replaced_by_how_the_account_stands,
);

fn seqs(frames: &[Value]) -> Vec<i64> {
    frames.iter().map(|frame| frame["seq"].as_i64().unwrap()).collect()
}

fn frames(texts: &[String]) -> Vec<Value> {
    texts.iter().map(|text| serde_json::from_str(text).unwrap()).collect()
}

async fn a_reader_gets_the_account_as_it_stands_and_then_all_that_happens_to_it(redis: RedisPlace) {
    let bank = Bank::on(redis).await;
    bank.tell().await;
    let mut client = bank.client(&bank.house.second, None).await;
    let (_, snapshot) = client.next().await;
    assert_eq!((&snapshot["type"], &snapshot["channel"]), (&json!("snapshot"), &json!(bank.channel())));
    assert_eq!((&snapshot["data"], &snapshot["seq"]), (&bank.standing().await, &json!(2)));
    let placed = bank.place("bet").await;
    bank.settle().await;
    let account = &bank.account;
    let post_to = async |who: &Caller, account: &str, path: &str, body: &Value| {
        let reply = who.post(&format!("/v1/accounts/{account}/{path}"), path, body).await;
        assert!((200..300).contains(&reply.status), "{path}: {}", reply.text);
        reply.json()
    };
    let post = async |who: &Caller, path: &str, body: &Value| post_to(who, account, path, body).await;
    let amount = |cents: i64| json!({"amount_cents": cents, "currency": "EUR", "reason": "a secret"});
    let credited = post(&bank.finance, "credits", &amount(70)).await;
    post(&bank.finance, "debits", &amount(20)).await;
    let wallet = post(&bank.finance, "wallets", &json!({"kind": "BONUS"})).await;
    let wallet_id = wallet["id"].as_str().unwrap();
    post_to(&bank.finance, wallet_id, "adjustments", &amount(50)).await;
    let mut transfer = amount(40);
    transfer["to_account_id"] = json!(account);
    post_to(&bank.finance, wallet_id, "transfers", &transfer).await;
    let reversal = format!("postings/{}/reversals", credited["posting_id"].as_str().unwrap());
    post(&bank.finance, &reversal, &json!({"reason": "a secret"})).await;
    let freeze = json!({"freeze": "DEBIT", "reason": "a secret"});
    post(&bank.support, "freeze", &freeze).await;
    post(&bank.support, "unfreeze", &freeze).await;
    bank.tell().await;
    let texts = client.up_to(12).await;
    let told = frames(&texts);
    assert_eq!(seqs(&told), (3..=12).collect::<Vec<i64>>());
    assert!(told.iter().all(|frame| frame["epoch"] == snapshot["epoch"] && frame["time"].is_string()));
    assert!(texts.iter().all(|text| !text.contains("secret") && !text.contains("author")), "{texts:?}");
    let data = |at: usize| &told[at]["data"];
    let payout = placed["potential_payout_cents"].as_i64().unwrap();
    let leg = &placed["legs"][0];
    assert_eq!(told[0]["type"], "bet.placed");
    assert_eq!(
        data(0),
        &json!({"account_id": account, "bet_id": placed["id"], "stake_cents": 1_000, "currency": "EUR",
            "potential_payout_cents": payout, "balance_cents": 99_000, "held_cents": 1_000, "account_seq": 2,
            "legs": [{"market_id": leg["market_id"], "outcome_id": leg["outcome_id"], "price": leg["price"]}]})
    );
    assert_eq!((&told[1]["type"], &data(1)["bet_id"]), (&json!("bet.settled"), &placed["id"]));
    assert_eq!((&data(1)["status"], &data(1)["generation"]), (&json!("SETTLED"), &json!(1)));
    let after = 99_000 + payout;
    let money = |at: usize| [&data(at)["return_cents"], &data(at)["balance_cents"], &data(at)["held_cents"]];
    assert_eq!(money(1), [&json!(payout), &json!(after), &json!(0)]);
    assert_eq!(
        data(2),
        &json!({"account_id": account, "posting_id": credited["posting_id"], "amount_cents": 70, "currency": "EUR",
            "balance_cents": after + 70, "account_seq": data(1)["account_seq"].as_i64().unwrap() + 1})
    );
    assert_eq!(
        data(4),
        &json!({"account_id": wallet["id"], "kind": "BONUS", "currency": "EUR", "floor_cents": 0})
    );
    assert_eq!((&data(5)["account_id"], &data(5)["balance_cents"]), (&wallet["id"], &json!(50)));
    assert_eq!((&data(6)["account_id"], &data(6)["balance_cents"]), (&wallet["id"], &json!(10)));
    assert_eq!(
        (&data(6)["to_account_id"], &data(6)["to_balance_cents"]),
        (&json!(account), &json!(after + 90))
    );
    assert_eq!(data(7)["reversed_posting_id"], credited["posting_id"]);
    assert_eq!(data(8), &json!({"account_id": account, "freeze": "DEBIT", "status": "DEBIT_FROZEN"}));
    let types: Vec<&Value> = told.iter().map(|frame| &frame["type"]).skip(2).collect();
    let expected = [
        "wallet.credited",
        "wallet.debited",
        "wallet.opened",
        "wallet.adjusted",
        "wallet.transferred",
        "wallet.reversed",
        "account.frozen",
        "account.unfrozen",
    ];
    assert_eq!(types, expected);
    let standing = bank.standing().await;
    assert_eq!(
        (&standing["balance_cents"], &standing["account_seq"]),
        (&data(7)["balance_cents"], &data(7)["account_seq"]),
        "the last money event says how the account stands"
    );
}

async fn a_reader_who_was_cut_off_goes_on_as_if_it_had_not_been(redis: RedisPlace) {
    let bank = Bank::on(redis).await;
    bank.tell().await;
    let mut steady = bank.client(&bank.house.first, None).await;
    let mut cut = bank.client(&bank.house.first, None).await;
    let mut seen = vec![cut.next().await.0];
    bank.credit(0..3).await;
    bank.tell().await;
    seen.extend(cut.up_to(5).await);
    drop(cut);
    bank.credit(3..20).await;
    bank.tell().await;
    // It comes back to the other process, which has followed nothing yet.
    let last: Value = serde_json::from_str(seen.last().unwrap()).unwrap();
    let mut back = bank.client(&bank.house.second, Some(&last)).await;
    bank.credit(20..30).await;
    bank.tell().await;
    seen.extend(back.up_to(32).await);
    assert_eq!(seen, steady.up_to(32).await, "the same places and the same bytes");
    // Who has seen all of it is told nothing until something happens.
    let last: Value = serde_json::from_str(seen.last().unwrap()).unwrap();
    let mut back = bank.client(&bank.house.second, Some(&last)).await;
    bank.credit(30..31).await;
    bank.tell().await;
    assert_eq!(back.next().await.1["seq"], 33);
}

async fn past_what_is_kept_a_reader_begins_again_with_the_account_as_it_stands(redis: RedisPlace) {
    let bank = Bank::on(redis).await;
    bank.tell().await;
    let mut cut = bank.client(&bank.house.first, None).await;
    let (_, last) = cut.next().await;
    drop(cut);
    let many = u32::try_from(bank.chronicle().kept()).unwrap() + 1;
    bank.credit(0..many).await;
    bank.tell().await;
    let mut back = bank.client(&bank.house.second, Some(&last)).await;
    let (_, reset) = back.next().await;
    assert_eq!((&reset["type"], &reset["seq"]), (&json!("reset"), &json!(2 + many)));
    assert_eq!(reset["data"], bank.standing().await);
    bank.credit(many..many + 1).await;
    bank.tell().await;
    assert_eq!(back.next().await.1["seq"], 3 + many, "and then on");
}

async fn after_redis_lost_everything_nothing_is_taken_for_what_came_before(redis: RedisPlace) {
    let bank = Bank::on(redis).await;
    bank.tell().await;
    let mut client = bank.client(&bank.house.second, None).await;
    let (_, snapshot) = client.next().await;
    bank.credit(0..5).await;
    bank.tell().await;
    client.up_to(7).await;
    bank.house.flush().await;
    bank.credit(5..6).await;
    bank.tell().await;
    let (_, reset) = client.next().await;
    assert_eq!((&reset["type"], &reset["seq"]), (&json!("reset"), &json!(2)));
    assert_ne!(reset["epoch"], snapshot["epoch"]);
    assert_eq!(reset["data"], bank.standing().await);
    // Who was away meanwhile is at a place that means nothing any more.
    let mut back = bank.client(&bank.house.first, Some(&snapshot)).await;
    let (_, again) = back.next().await;
    assert_eq!((&again["type"], &again["epoch"]), (&json!("reset"), &reset["epoch"]));
    bank.credit(6..7).await;
    bank.tell().await;
    assert_eq!(client.next().await.0, back.next().await.0, "and on from there");
}

/// A server that took over, or was started again, may know less than was told: its seq would say so to nobody.
async fn another_server_may_have_lost_something_and_begins_an_epoch(redis: RedisPlace) {
    let bank = Bank::on(redis).await;
    bank.tell().await;
    let mut client = bank.client(&bank.house.second, None).await;
    let (_, snapshot) = client.next().await;
    bank.credit(0..1).await;
    bank.tell().await;
    assert_eq!(client.next().await.1["seq"], 3);
    let clock = format!("accounts:{{{}}}", bank.account);
    let _: i64 = bank.house.redis.clone().command(&["HSET", &clock, "server", "another"]).await;
    bank.credit(1..2).await;
    bank.tell().await;
    let (_, reset) = client.next().await;
    assert_eq!((&reset["type"], &reset["seq"]), (&json!("reset"), &json!(2)));
    assert_ne!(reset["epoch"], snapshot["epoch"]);
    assert_eq!(reset["data"], bank.standing().await);
}

/// Whoever tells may end between telling and noting that it did, or think that it alone tells.
async fn what_is_told_again_is_told_once(redis: RedisPlace) {
    let bank = Bank::on(redis).await;
    bank.tell().await;
    let mut client = bank.client(&bank.house.second, None).await;
    client.next().await;
    let noted: (String, i64) =
        sqlx::query_as("SELECT xid8::text, identity FROM events.checkpoints WHERE consumer = 'teller'")
            .fetch_one(&bank.admin)
            .await
            .unwrap();
    bank.credit(0..10).await;
    bank.tell().await;
    let back = "UPDATE events.checkpoints SET xid8 = $1::xid8, identity = $2 WHERE consumer = 'teller'";
    sqlx::query(back).bind(&noted.0).bind(noted.1).execute(&bank.admin).await.unwrap();
    bank.credit(10..12).await;
    bank.tell().await;
    let told = frames(&client.up_to(14).await);
    assert_eq!(seqs(&told), (3..=14).collect::<Vec<i64>>());
    let numbers: Vec<i64> = told.iter().map(|frame| frame["data"]["account_seq"].as_i64().unwrap()).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "each of them once: {numbers:?}");
}

async fn an_event_that_cannot_be_read_is_replaced_by_how_the_account_stands(redis: RedisPlace) {
    let bank = Bank::on(redis).await;
    bank.tell().await;
    let mut client = bank.client(&bank.house.second, None).await;
    client.next().await;
    let (chronicle, text) = (bank.chronicle(), "of a later release".to_owned());
    let odd = Told { chronicle, xid8: "18446744073709551615".to_owned(), identity: 1, text };
    bank.live().tell("another log", &[odd]).await.unwrap();
    let (_, reset) = client.next().await;
    assert_eq!((&reset["type"], &reset["seq"]), (&json!("reset"), &json!(2)));
    assert_eq!(reset["data"], bank.standing().await);
    // That log is not this one, in which it would be the last for ever.
    bank.credit(0..1).await;
    bank.tell().await;
    assert_eq!(client.next().await.1["type"], "reset");
    bank.credit(1..2).await;
    bank.tell().await;
    assert_eq!(client.next().await.1["type"], "wallet.credited");
}

#[tokio::test]
async fn two_processes_that_tell_at_once_tell_each_event_once() {
    let bank = Bank::on(RedisPlace::server().await).await;
    bank.tell().await;
    let mut client = bank.client(&bank.house.second, None).await;
    client.next().await;
    let (first, second) = (&bank.house.first, &bank.house.second);
    for number in (0..40).step_by(2) {
        tokio::join!(bank.credit_at(first, number), bank.credit_at(second, number + 1));
        let (one, other) = tokio::join!(first.app().tell_chronicles(), second.app().tell_chronicles());
        one.and(other).unwrap();
    }
    bank.tell().await;
    let told = frames(&client.up_to(42).await);
    assert_eq!(seqs(&told), (3..=42).collect::<Vec<i64>>());
    let balances: Vec<i64> =
        told.iter().map(|frame| frame["data"]["balance_cents"].as_i64().unwrap()).collect();
    assert_eq!(balances, (100_001..=100_040).collect::<Vec<i64>>());
}

#[tokio::test]
async fn an_account_is_told_to_its_owner_and_to_who_reads_all() {
    let bank = Bank::on(RedisPlace::server().await).await;
    let unknown = format!("account:{}", AccountId::from_uuid(uuid::Uuid::now_v7()));
    let wallet = json!({"kind": "BONUS"});
    let path = format!("/v1/accounts/{}/wallets", bank.account);
    let wallet = bank.finance.post(&path, "w", &wallet).await.expect(201);
    let wallet = format!("account:{}", wallet["id"].as_str().unwrap());
    let cases = [
        ("ann", Role::Player, bank.channel(), "subscribed"),
        ("ann", Role::Player, unknown, "NOT_FOUND"),
        ("ann", Role::Player, wallet, "NOT_FOUND"),
        ("ann", Role::Trader, bank.channel(), "NOT_FOUND"),
        ("bob", Role::Player, bank.channel(), "NOT_FOUND"),
        ("bob", Role::Trader, bank.channel(), "NOT_FOUND"),
        ("bob", Role::Support, bank.channel(), "subscribed"),
        ("bob", Role::Auditor, bank.channel(), "subscribed"),
        ("ann", Role::Player, "account:bet_1".to_owned(), "INVALID_CHANNEL"),
    ];
    for (user, role, channel, expected) in cases {
        let mut client = Client::try_connect_as(&bank.house.first, user, role, "").await.unwrap();
        client.say(&json!({ "subscribe": [{"channel": channel}] })).await;
        let (text, frame) = client.next().await;
        let said = if frame["type"] == "error" { &frame["data"]["code"] } else { &frame["type"] };
        assert_eq!(said, expected, "{user} as {role:?}: {text}");
    }
    let mut client = Client::connect(&bank.house.first).await;
    client.say(&json!({ "subscribe": [{"channel": bank.channel(), "present": true}] })).await;
    assert_eq!(client.next().await.1["data"]["code"], "INVALID_PLACE");
    let events = bank.house.first.caller("bob", &[Role::Player]);
    let request = events.request(reqwest::Method::GET, &format!("/v1/stream?channels={}", bank.channel()));
    Caller::send(request.header("Accept", "text/event-stream")).await.problem(404, "NOT_FOUND");
}

#[tokio::test]
async fn server_sent_events_are_the_same_and_go_on_from_their_id() {
    let bank = Bank::on(RedisPlace::server().await).await;
    bank.tell().await;
    let mut socket = bank.client(&bank.house.first, None).await;
    let query = format!("?channels={},{}", bank.channel(), bank.house.channel());
    let mut events = Events::open(&bank.house.first, &query, None).await;
    bank.credit(0..5).await;
    bank.tell().await;
    let of_account = async |events: &mut Events| loop {
        let (text, frame) = events.next().await;
        if frame["channel"] == json!(bank.channel()) {
            return text;
        }
    };
    let snapshot: Value = serde_json::from_str(&of_account(&mut events).await).unwrap();
    assert_eq!(snapshot["type"], "snapshot");
    socket.next().await;
    let told = socket.up_to(7).await;
    // Who came a little later may have seen the first of them in its snapshot.
    let mut last = snapshot["seq"].as_i64().unwrap();
    while last < 7 {
        let text = of_account(&mut events).await;
        last += 1;
        assert_eq!(Some(&text), told.get(usize::try_from(last - 3).unwrap()));
    }
    let last_id = events.last_id.clone();
    drop(events);
    bank.credit(5..8).await;
    bank.tell().await;
    let mut events = Events::open(&bank.house.second, &query, last_id.as_deref()).await;
    for text in socket.up_to(10).await {
        assert_eq!(of_account(&mut events).await, text);
    }
}

/// Prices that are gathered for so long would hold it up past the test's patience.
#[tokio::test]
async fn gathering_prices_holds_up_no_event_of_an_account() {
    let bank = Bank::on(RedisPlace::server().await).await;
    bank.tell().await;
    let mut client = bank.client_with(&bank.house.first, "?conflate_ms=60000", None).await;
    assert_eq!(client.next().await.1["type"], "snapshot");
    for number in 0..3 {
        bank.credit(number..number + 1).await;
        bank.tell().await;
        assert_eq!(client.next().await.1["seq"], 3 + number);
    }
}

#[tokio::test]
async fn a_reader_who_is_too_slow_is_told_so_and_misses_nothing_unawares() {
    let bank = Bank::on(RedisPlace::server().await).await;
    bank.tell().await;
    let mut reader = bank.house.second.app().reader();
    assert_eq!(reader.follow(bank.chronicle(), None, None), Subscribed::Now);
    assert_eq!(reader.follow(bank.chronicle(), None, None), Subscribed::Already);
    let mut told = Vec::new();
    while told.is_empty() {
        timeout(WAIT, reader.arrived()).await.unwrap();
        told = reader.take(true).unwrap_or_default();
    }
    let [Delivery::Chronicle(_, snapshot)] = &told[..] else { panic!("{told:?}") };
    let seen = snapshot.position.clone();
    let many = u32::try_from(bank.chronicle().kept()).unwrap() + 1;
    bank.credit(0..many).await;
    bank.tell().await;
    // The process has heard of all of them when a reader that keeps up has been told.
    bank.client(&bank.house.second, Some(&json!({"epoch": *seen.epoch, "seq": i64::from(many)})))
        .await
        .up_to(i64::from(2 + many))
        .await;
    timeout(WAIT, reader.arrived()).await.unwrap();
    let told = reader.take(true).unwrap();
    assert!(matches!(told[..], [Delivery::Gone { chronicle }] if chronicle == bank.chronicle()), "{told:?}");
    // On another connection it begins again.
    let mut back = bank.house.second.app().reader();
    back.follow(bank.chronicle(), Some(Position { epoch: seen.epoch, seq: seen.seq }), None);
    let mut told = Vec::new();
    while told.is_empty() {
        timeout(WAIT, back.arrived()).await.unwrap();
        told = back.take(true).unwrap_or_default();
    }
    assert!(matches!(&told[..], [Delivery::Chronicle(overround_app::FrameKind::Reset, _)]), "{told:?}");
}
