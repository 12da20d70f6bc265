//! Rate limits: the script against a plain model, what processes share, and what callers are told.

use overround_api::{ApiSettings, ClassRates, Environment, Keys, LocalIssuer, Rates, Role};
use overround_app::{Clock, LimitKey, Subject};
use overround_domain::ids::UserId;
use overround_domain::rate::Rate;
use overround_domain::time::Timestamp;
use overround_live::{Charge, Error, Live, Now};
use overround_testkit::{Caller, Reply, TestDb, TestServer, redis_url, test_settings};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use reqwest::Method;
use serde_json::json;
use std::collections::BTreeMap;
use tokio::time::Instant;
use uuid::Uuid;

const T0: Timestamp = Timestamp::from_millis(1_765_000_000_000);

fn user(number: u128) -> LimitKey {
    LimitKey { subject: Subject::User(UserId::from_uuid(Uuid::from_u128(number))), class: "bets" }
}

fn rate(text: &str) -> Option<Rate> {
    Some(text.parse().unwrap())
}

/// The algorithm as its definition has it: a theoretical arrival time for each subject.
#[derive(Default)]
struct Model(BTreeMap<u128, i64>);

impl Model {
    fn charge(&mut self, subject: u128, rate: Rate, spent: i64, asked: i64, now_us: i64) -> (bool, i64) {
        let interval_us = 1_000_000 / i64::from(rate.per_s());
        let burst_us = i64::from(rate.burst()) * interval_us;
        let arrival = self.0.entry(subject).or_insert(0);
        let owed = ((*arrival).max(now_us) + spent * interval_us).min(now_us + 4 * burst_us);
        let given = asked == 0 || owed + asked * interval_us <= now_us + burst_us;
        let owed = if given { owed + asked * interval_us } else { owed };
        if spent > 0 || (given && asked > 0) {
            *arrival = owed;
        }
        (given, owed - now_us)
    }
}

#[tokio::test]
async fn the_script_does_what_the_model_does() {
    let url = redis_url().await;
    let live = Live::connect(&url).unwrap();
    let mut raw =
        redis::Client::open(url.as_str()).unwrap().get_multiplexed_async_connection().await.unwrap();
    for seed in 0..20 {
        let _: () = redis::cmd("FLUSHDB").query_async(&mut raw).await.unwrap();
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let rate = Rate::new(random.random_range(1..2_000), random.random_range(1..60)).unwrap();
        let (mut model, mut now_ms) = (Model::default(), T0.millis());
        for step in 0..60 {
            // Clocks are also set back.
            now_ms += random.random_range(-20..200i64);
            let draw = |random: &mut ChaCha8Rng| {
                let (spent, asked) = (random.random_range(0..8u32), random.random_range(0..3u32));
                (random.random_range(0..3u128), spent * u32::from(random.random_bool(0.3)), asked)
            };
            let drawn: Vec<_> = (0..random.random_range(1..6)).map(|_| draw(&mut random)).collect();
            let charge = |(subject, spent, asked): &(u128, u32, u32)| Charge {
                key: user(*subject),
                rate,
                spent: *spent,
                asked: *asked,
            };
            let charges: Vec<Charge> = drawn.iter().map(charge).collect();
            let now = Now::At(Timestamp::from_millis(now_ms));
            let charged = live.charge(&charges, now).await.unwrap();
            for ((subject, spent, asked), charged) in drawn.into_iter().zip(charged) {
                let wanted = model.charge(subject, rate, spent.into(), asked.into(), now_ms * 1_000);
                assert_eq!((charged.given, charged.debt_us), wanted, "seed {seed}, step {step}, {rate}");
            }
        }
    }
}

#[tokio::test]
async fn a_limit_is_one_key_that_goes_when_nothing_is_owed() {
    let url = redis_url().await;
    let live = Live::connect(&url).unwrap();
    let mut raw =
        redis::Client::open(url.as_str()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let rate = Rate::new(10, 100).unwrap();
    let charge = Charge { key: user(1), rate, spent: 0, asked: 20 };
    let charged = live.charge(&[charge], Now::Server).await.unwrap().remove(0);
    assert_eq!((charged.given, charged.debt_us), (true, 2_000_000));
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut raw).await.unwrap();
    assert_eq!(keys, [format!("limits:{{{}}}:bets", UserId::from_uuid(Uuid::from_u128(1)))]);
    let lives_ms: i64 = redis::cmd("PTTL").arg(&keys[0]).query_async(&mut raw).await.unwrap();
    assert!((1..=2_000).contains(&lives_ms), "{lives_ms}");
    // What somebody else wrote there owes nothing, and does no harm; another kind of value is refused.
    let _: () = redis::cmd("SET").arg(&keys[0]).arg("many").query_async(&mut raw).await.unwrap();
    assert_eq!(live.charge(&[charge], Now::Server).await.unwrap()[0].debt_us, 2_000_000);
    let _: () = redis::cmd("DEL").arg(&keys[0]).query_async(&mut raw).await.unwrap();
    let _: i64 = redis::cmd("LPUSH").arg(&keys[0]).arg("a list").query_async(&mut raw).await.unwrap();
    assert!(matches!(live.charge(&[charge], Now::Server).await, Err(Error::Refused(_))));
    // Nobody owes for ever: a clock that was set back by a year is forgiven.
    let _: () = redis::cmd("DEL").arg(&keys[0]).query_async(&mut raw).await.unwrap();
    let (later, now) = (Now::At(T0.plus_millis(31_536_000_000)), Now::At(T0));
    live.charge(&[charge], later).await.unwrap();
    assert_eq!(live.charge(&[charge], now).await.unwrap()[0].debt_us, rate.owed_max_us());
}

/// Only these limits.
fn limited(reads: ClassRates) -> ApiSettings {
    ApiSettings { rates: Rates { reads, ..Rates::NONE }, ..ApiSettings::default() }
}

const NOBODY: ClassRates = ClassRates { user: None, client: None, address: None };

async fn server(db: &TestDb, redis: &str, api: ApiSettings) -> TestServer {
    TestServer::start_with(db, redis, Clock::manual(T0), test_settings(), api).await
}

/// Asks until it is refused: how often it was not, and the refusal.
async fn until_refused(caller: &Caller) -> (usize, Reply) {
    let mut taken = 0;
    loop {
        let reply = caller.get("/v1/events").await;
        if reply.status == 429 {
            return (taken, reply);
        }
        reply.expect(200);
        taken += 1;
    }
}

#[tokio::test]
async fn a_caller_is_told_where_they_stand_and_when_to_come_again() {
    let db = TestDb::create().await;
    let reads = ClassRates { user: rate("1/20"), address: rate("1000/5000"), ..NOBODY };
    let server = server(&db, &redis_url().await, limited(reads)).await;
    let ann = server.caller("ann", &[Role::Player]);
    let first = ann.get("/v1/events").await;
    let policies = r#""reads-address";q=5000;w=5, "reads-user";q=20;w=20"#;
    assert_eq!(first.header("ratelimit-policy"), Some(policies));
    assert_eq!(first.header("ratelimit"), Some(r#""reads-address";r=4999;t=1, "reads-user";r=19;t=1"#));
    let began = Instant::now();
    let (taken, refused) = until_refused(&ann).await;
    let earned = usize::try_from(began.elapsed().as_secs()).unwrap() + 1;
    assert!((19..=19 + earned).contains(&taken), "{taken} with {earned} s");
    let body = refused.problem(429, "RATE_LIMITED");
    assert_eq!(body["violated_policies"], json!(["reads-user"]));
    assert_eq!((refused.header("retry-after"), body["status"].as_i64()), (Some("1"), Some(429)));
    assert_eq!(refused.header("ratelimit-policy"), Some(policies));
    assert!(refused.header("ratelimit").unwrap().contains(r#""reads-user";r=0;t="#), "{refused:?}");
    server.caller("bob", &[Role::Player]).get("/v1/events").await.expect(200);
    // Another class is counted apart, and what is for machines has no limit.
    ann.post("/v1/accounts", "k", &json!({"currency": "EUR"})).await.expect(201);
    let healthy = server.anybody().get("/health/live").await;
    assert_eq!((healthy.status, healthy.header("ratelimit")), (200, None));
    assert_eq!(server.anybody().get("/metrics").await.header("ratelimit-policy"), None);
}

#[tokio::test]
async fn two_processes_share_a_limit() {
    // A burst, and at most what each may give without asking: an eighth of it. A burst below eight is exact.
    for (text, burst, without_asking) in [("1/80", 80, 2 * 10), ("1/7", 7, 0)] {
        let (db, redis) = (TestDb::create().await, redis_url().await);
        let api = limited(ClassRates { user: rate(text), ..NOBODY });
        let issuer = LocalIssuer::generate(Environment::Development, &api.issuer, &api.audience).unwrap();
        let start = || {
            let (issuer, keys) = (issuer.clone(), Keys::Local(issuer.clone()));
            TestServer::start_behind(
                &db,
                &redis,
                Clock::manual(T0),
                test_settings(),
                api.clone(),
                issuer,
                keys,
            )
        };
        let servers = [start().await, start().await];
        let began = Instant::now();
        let callers = servers.each_ref().map(|server| server.caller("ann", &[Role::Player]));
        let (first, second) = tokio::join!(until_refused(&callers[0]), until_refused(&callers[1]));
        let (taken, earned) = (first.0 + second.0, usize::try_from(began.elapsed().as_secs()).unwrap() + 1);
        assert!(
            (burst..=burst + without_asking + earned).contains(&taken),
            "{text}: {taken} with {earned} s"
        );
    }
}

#[tokio::test]
async fn without_redis_a_process_holds_the_limit_alone() {
    let db = TestDb::create().await;
    // Nothing listens on port 1.
    let api = limited(ClassRates { user: rate("1/30"), ..NOBODY });
    let server = server(&db, "redis://127.0.0.1:1/", api).await;
    let began = Instant::now();
    let (taken, refused) = until_refused(&server.caller("ann", &[Role::Player])).await;
    let earned = usize::try_from(began.elapsed().as_secs()).unwrap() + 1;
    assert!((30..=30 + earned).contains(&taken), "{taken} with {earned} s");
    refused.problem(429, "RATE_LIMITED");
    let metrics = server.anybody().get("/metrics").await.text;
    assert!(metrics.contains("overround_rate_limits_held_alone_total"), "{metrics}");
    assert!(metrics.contains(r#"overround_rate_limited_total{class="reads",by="user"}"#), "{metrics}");
}

fn from(server: &TestServer, path: &str, address: &str) -> reqwest::RequestBuilder {
    server.anybody().request(Method::GET, path).header("X-Forwarded-For", address)
}

#[tokio::test]
async fn an_address_has_a_limit_whoever_asks_from_there() {
    let db = TestDb::create().await;
    let mut api = limited(ClassRates { address: rate("1/4"), ..NOBODY });
    api.trusted_proxies = Some("127.0.0.0/8".parse().unwrap());
    let server = server(&db, &redis_url().await, api).await;
    let asks = async |path: &str, address: &str| Caller::send(from(&server, path, address)).await.status;
    // Public routes, and those who have no good token, by their address.
    for address in ["2001:db8:1:1::1", "2001:db8:1:1::2", "2001:db8:1:1:a:b:c:d"] {
        assert_eq!(asks("/openapi.json", address).await, 200, "{address}");
    }
    assert_eq!(asks("/v1/events", "2001:db8:1:1::9").await, 401);
    let began = Instant::now();
    while asks("/v1/events", "2001:db8:1:1::7").await != 429 {
        assert!(began.elapsed().as_secs() < 10, "an IPv6 network of 64 bits is one address");
    }
    assert_eq!(asks("/openapi.json", "2001:db8:1:2::1").await, 200, "another network");
    // What a client writes before what its proxy saw is not read.
    for spoofed in ["198.51.100.1", "198.51.100.2", "198.51.100.3", "198.51.100.4"] {
        asks("/openapi.json", &format!("{spoofed}, 192.0.2.9")).await;
    }
    while asks("/openapi.json", "198.51.100.5, 192.0.2.9").await != 429 {
        assert!(began.elapsed().as_secs() < 10, "the client's own word made it another");
    }
    assert_eq!(asks("/health/live", "192.0.2.9").await, 200);
}

#[tokio::test]
async fn whoever_is_not_a_proxy_is_not_believed() {
    let db = TestDb::create().await;
    let api = limited(ClassRates { address: rate("1/4"), ..NOBODY });
    let server = server(&db, &redis_url().await, api).await;
    let mut statuses = Vec::new();
    for number in 0..40 {
        let request = from(&server, "/openapi.json", &format!("192.0.2.{number}"));
        let request = request.header("Forwarded", format!("for=198.51.100.{number}"));
        statuses.push(Caller::send(request).await.status);
    }
    assert!(statuses.contains(&429), "{statuses:?}");
}

#[tokio::test]
async fn a_machine_client_has_a_rate_of_its_own() {
    let db = TestDb::create().await;
    let reads = ClassRates { user: rate("1/2"), client: rate("1/12"), ..NOBODY };
    let server = server(&db, &redis_url().await, limited(reads)).await;
    let token = |subject: &str, client: &str| {
        let now_s = chrono::Utc::now().timestamp();
        let settings = server.settings();
        let claims = json!({"iss": settings.issuer, "aud": settings.audience, "sub": subject, "iat": now_s,
            "exp": now_s + 600, "roles": ["trader"], "client_id": client});
        server.with_token(server.issuer().sign_claims(&claims).unwrap())
    };
    let machine = token("pricing", "pricing").get("/v1/events").await;
    assert_eq!(machine.header("ratelimit-policy"), Some(r#""reads-client";q=12;w=12"#));
    let person = token("ann", "app").get("/v1/events").await;
    assert_eq!(person.header("ratelimit-policy"), Some(r#""reads-user";q=2;w=2"#));
}
