//! Who is present: several devices, several processes, and what is left of those who are gone.

use super::house::{Client, House, WAIT};
use overround_api::{ApiSettings, Rates, Role};
use overround_app::{Place, Settings};
use overround_domain::ids::{EventId, RoomId, UserId};
use overround_live::{Attendance, Live};
use overround_testkit::{TestServer, redis_url, test_settings};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

const STAY: Duration = Duration::from_secs(30);

fn user(number: u128) -> UserId {
    UserId::from_uuid(Uuid::from_u128(number))
}

fn says(place: Place, there: &[u128], left: &[u128]) -> Attendance {
    let users = |numbers: &[u128]| numbers.iter().map(|number| user(*number)).collect();
    Attendance { place, there: users(there), left: users(left) }
}

#[tokio::test]
async fn a_user_at_two_processes_is_there_once_and_until_both_are_left() {
    let live = Live::connect(&redis_url().await).unwrap();
    let event = Place::Event(EventId::from_uuid(Uuid::from_u128(1)));
    let room = Place::Room(RoomId::from_uuid(Uuid::from_u128(1)));
    let says_of = async |process: &str, there: &[u128], left: &[u128]| {
        live.attend(process, STAY, &[says(event, there, left)]).await.unwrap()[0]
    };
    assert_eq!(says_of("a", &[1], &[]).await, 1);
    assert_eq!(says_of("a", &[1], &[]).await, 1, "the same again is harmless");
    assert_eq!(says_of("b", &[1, 2], &[]).await, 2);
    assert_eq!(says_of("a", &[], &[1]).await, 2);
    assert_eq!(says_of("a", &[], &[1]).await, 2, "who has left cannot leave again");
    assert_eq!(says_of("b", &[], &[1]).await, 1);
    assert!(!live.is_at(event, user(1)).await.unwrap() && live.is_at(event, user(2)).await.unwrap());
    let counts = live.attend("c", STAY, &[says(room, &[3], &[]), Attendance::of(event)]).await.unwrap();
    assert_eq!(counts, [1, 1], "a room is a place of its own");
}

#[tokio::test]
async fn the_users_of_a_place_are_read_part_by_part() {
    let live = Live::connect(&redis_url().await).unwrap();
    let place = Place::Room(RoomId::from_uuid(Uuid::from_u128(9)));
    let everybody: Vec<u128> = (1..=25).collect();
    live.attend("a", STAY, &[says(place, &everybody, &[])]).await.unwrap();
    let (mut read, mut after) = (Vec::new(), None);
    loop {
        let part = live.users_at(place, after, 10).await.unwrap();
        assert!(part.len() <= 10);
        let Some(last) = part.last().copied() else { break };
        after = Some(last);
        read.extend(part);
    }
    let mut wanted: Vec<UserId> = everybody.into_iter().map(user).collect();
    wanted.sort_by_key(ToString::to_string);
    assert_eq!(read, wanted);
}

#[tokio::test]
async fn whoever_is_not_heard_of_in_time_is_gone_and_leaves_nothing() {
    let url = redis_url().await;
    let live = Live::connect(&url).unwrap();
    let place = Place::Event(EventId::from_uuid(Uuid::from_u128(2)));
    let short = Duration::from_millis(200);
    live.attend("dies", short, &[says(place, &[1, 2, 3], &[])]).await.unwrap();
    live.attend("lives", STAY, &[says(place, &[3, 4], &[])]).await.unwrap();
    let began = Instant::now();
    while live.attend("lives", STAY, &[Attendance::of(place)]).await.unwrap() != [2] {
        assert!(began.elapsed() < WAIT, "those of a process that died stay");
    }
    assert!(live.is_at(place, user(3)).await.unwrap(), "by the other process");
    live.attend("lives", STAY, &[says(place, &[], &[3, 4])]).await.unwrap();
    let mut raw =
        redis::Client::open(url.as_str()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let keys: i64 = redis::cmd("DBSIZE").query_async(&mut raw).await.unwrap();
    assert_eq!(keys, 0);
    // A place that nobody speaks of any more goes by itself.
    live.attend("dies", short, &[says(place, &[1], &[])]).await.unwrap();
    while redis::cmd("DBSIZE").query_async::<i64>(&mut raw).await.unwrap() != 0 {
        assert!(began.elapsed() < WAIT, "keys outlive those who were there");
    }
}

async fn house(stay: Duration) -> House {
    let settings = Settings { presence_stay: stay, ..test_settings() };
    // Tests that wait ask as often as they can.
    let api = ApiSettings { rates: Rates::NONE, ..ApiSettings::default() };
    House::with_all(api, settings).await
}

impl House {
    fn presence(&self) -> String {
        format!("events:{}", self.event)
    }

    /// A device of a user who is present at the event, or only looks.
    async fn device(&self, server: &TestServer, user: &str, present: bool) -> Client {
        let mut client = Client::try_connect(server, user, "").await.unwrap();
        let wish = json!({"channel": self.presence(), "present": present});
        client.say(&json!({ "subscribe": [wish] })).await;
        assert_eq!(client.next().await.1["type"], "subscribed");
        client
    }

    /// How many are present, and whether the user is, as a server says.
    async fn asked(&self, server: &TestServer, user: &str) -> Value {
        let path = format!("/v1/events/{}/presence", self.event);
        let told = server.caller(user, &[Role::Player]).get(&path).await.expect(200);
        json!([told["count"], told["is_present"]])
    }

    async fn until_asked(&self, server: &TestServer, user: &str, wanted: Value) {
        let began = Instant::now();
        while self.asked(server, user).await != wanted {
            assert!(began.elapsed() < WAIT, "{} and not {wanted}", self.asked(server, user).await);
        }
    }
}

impl Client {
    /// Reads counts up to one, which must be the only frames beside the event's snapshot.
    async fn until_count(&mut self, house: &House, wanted: u64) {
        loop {
            let (text, frame) = self.next().await;
            assert_eq!(frame["channel"], json!(house.presence()), "{text}");
            if frame["type"] == "snapshot" {
                continue;
            }
            assert_eq!(frame["type"], "presence", "{text}");
            assert!(frame.get("epoch").is_none() && frame.get("seq").is_none(), "{text}");
            if frame["data"] == json!({"event_id": house.event, "count": wanted}) {
                return;
            }
        }
    }
}

#[tokio::test]
async fn those_present_are_counted_and_who_looks_is_not() {
    let house = house(STAY).await;
    let mut looks = house.device(&house.second, "carl", false).await;
    looks.until_count(&house, 0).await;
    let phone = house.device(&house.first, "ann", true).await;
    let mut laptop = house.device(&house.second, "ann", true).await;
    let bob = house.device(&house.first, "bob", true).await;
    looks.until_count(&house, 2).await;
    laptop.until_count(&house, 2).await;
    house.until_asked(&house.first, "ann", json!([2, true])).await;
    assert_eq!(house.asked(&house.second, "carl").await, json!([2, false]));
    drop((phone, bob));
    looks.until_count(&house, 1).await;
    house.until_asked(&house.first, "bob", json!([1, false])).await;
    assert_eq!(house.asked(&house.second, "ann").await, json!([1, true]), "by the other device");
    laptop.say(&json!({"unsubscribe": [house.presence()]})).await;
    looks.until_count(&house, 0).await;
}

#[tokio::test]
async fn what_redis_lost_comes_back_with_the_next_beat() {
    let house = house(Duration::from_secs(1)).await;
    let _ann = house.device(&house.first, "ann", true).await;
    let _bob = house.device(&house.second, "bob", true).await;
    house.until_asked(&house.first, "ann", json!([2, true])).await;
    house.flush().await;
    house.until_asked(&house.first, "ann", json!([2, true])).await;
}

#[tokio::test]
async fn where_nobody_can_be_is_refused() {
    let house = house(STAY).await;
    let mut client = Client::connect(&house.first).await;
    let unknown = format!("events:{}", EventId::from_uuid(Uuid::now_v7()));
    let cases = [
        (json!({"channel": house.channel(), "present": true}), "INVALID_PLACE"),
        (json!({"channel": house.presence(), "epoch": "a"}), "INVALID_PLACE"),
        (json!({"channel": unknown}), "NOT_FOUND"),
        (json!({"channel": "events:mkt_1"}), "INVALID_CHANNEL"),
    ];
    for (wish, code) in cases {
        client.say(&json!({ "subscribe": [wish] })).await;
        assert_eq!(client.next().await.1["data"]["code"], code, "{wish}");
    }
    let ann = house.first.caller("ann", &[Role::Player]);
    let path = format!("/v1/{}/presence", unknown.replace(':', "/"));
    ann.get(&path).await.problem(404, "NOT_FOUND");
}
