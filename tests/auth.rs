//! Who may call what, over HTTP.

use overround_api::{Access, Class, ROUTES, Role};
use overround_app::Clock;
use overround_domain::time::Timestamp;
use overround_testkit::{Caller, Reply, TestDb, TestServer, match_odds};
use reqwest::Method;
use serde_json::json;

/// 2026-11-23T12:00:00Z.
const NOON: Timestamp = Timestamp::from_millis(1_795_435_200_000);

async fn server(db: &TestDb) -> TestServer {
    TestServer::start(db, Clock::manual(NOON)).await
}

/// A path of the route, with ids that nothing has.
fn sample(path: &str) -> String {
    let digits = "1C4KqX7YvQe3Jm9TzR5bNd";
    path.replace("{account_id}", &format!("acct_{digits}"))
        .replace("{bet_id}", &format!("bet_{digits}"))
        .replace("{posting_id}", &format!("pst_{digits}"))
        .replace("{market_id}", &format!("mkt_{digits}"))
        .replace("{outcome_id}", &format!("out_{digits}"))
        .replace("{sport}", "tennis")
        .replace("{producer}", "1")
        .replace("{event_id}", &format!("evt_{digits}"))
        .replace("{*rest}", "index.html")
}

async fn call(caller: &Caller, method: &str, path: &str) -> Reply {
    Caller::send(caller.request(method.parse::<Method>().unwrap(), &sample(path))).await
}

/// Every route by every role, as the server answers, and what its requests count as: who is missing in the
/// table would be seen here, and so would a route that is not in it (it answers nobody).
#[tokio::test]
async fn every_route_admits_whom_it_should() {
    let db = TestDb::create().await;
    let server = server(&db).await;
    let mut table = String::new();
    for rule in ROUTES {
        if rule.access == Access::Secret {
            let roles = Role::ALL.map(|role| server.caller("somebody", &[role]));
            for caller in roles.iter().chain([&server.anybody()]) {
                call(caller, rule.method, rule.path).await.problem(401, "UNPROVEN");
            }
            table.push_str(&format!(
                "{:4} {:58} {:7} whoever proves its secret\n",
                rule.method, rule.path, "-"
            ));
            continue;
        }
        let mut admitted = Vec::new();
        let stranger = call(&server.anybody(), rule.method, rule.path).await;
        if stranger.status != 401 {
            admitted.push("everybody");
        }
        for role in Role::ALL {
            let reply = call(&server.caller("somebody", &[role]), rule.method, rule.path).await;
            assert!(reply.status < 500, "{} {} by {role}: {}", rule.method, rule.path, reply.text);
            match reply.status {
                401 => panic!("{} {} does not know {role}", rule.method, rule.path),
                403 => {}
                _ => admitted.push(role.as_str()),
            }
        }
        let admitted = match admitted.as_slice() {
            ["everybody", ..] => "everybody".to_owned(),
            roles if roles.len() == Role::ALL.len() => "every role".to_owned(),
            roles => roles.join(" "),
        };
        let class = rule.class.map_or("-", Class::as_str);
        table.push_str(&format!("{:4} {:58} {class:7} {admitted}\n", rule.method, rule.path));
        assert_eq!(stranger.status == 401, rule.access != Access::Public, "{} {}", rule.method, rule.path);
    }
    insta::assert_snapshot!(table, @r"
    POST /v1/accounts                                               writes  player
    GET  /v1/accounts                                               reads   player
    GET  /v1/accounts/{account_id}                                  reads   player support finance compliance auditor admin
    GET  /v1/accounts/{account_id}/entries                          reads   player support finance compliance auditor admin
    GET  /v1/accounts/{account_id}/balance                          reads   player support finance compliance auditor admin
    GET  /v1/accounts/{account_id}/statement                        reads   player support finance compliance auditor admin
    GET  /v1/accounts/{account_id}/statement.csv                    reads   player support finance compliance auditor admin
    POST /v1/accounts/{account_id}/credits                          writes  finance admin
    POST /v1/accounts/{account_id}/debits                           writes  finance admin
    POST /v1/accounts/{account_id}/adjustments                      writes  finance admin
    POST /v1/accounts/{account_id}/transfers                        writes  finance admin
    POST /v1/accounts/{account_id}/wallets                          writes  finance admin
    GET  /v1/accounts/{account_id}/wallets                          reads   player support finance compliance auditor admin
    POST /v1/accounts/{account_id}/postings/{posting_id}/reversals  writes  finance admin
    POST /v1/accounts/{account_id}/freeze                           writes  support compliance admin
    POST /v1/accounts/{account_id}/unfreeze                         writes  support compliance admin
    POST /v1/accounts/{account_id}/bets                             bets    player
    GET  /v1/accounts/{account_id}/bets                             reads   every role
    GET  /v1/accounts/{account_id}/bets/{bet_id}                    reads   every role
    GET  /v1/events                                                 reads   every role
    GET  /v1/events/{event_id}                                      reads   every role
    GET  /v1/events/{event_id}/presence                             reads   every role
    GET  /v1/markets                                                reads   every role
    GET  /v1/markets/{market_id}                                    reads   every role
    POST /v1/markets/{market_id}/suspend                            writes  trader admin
    POST /v1/markets/{market_id}/resume                             writes  trader admin
    POST /v1/markets/{market_id}/close                              writes  trader admin
    POST /v1/markets/{market_id}/settle                             writes  trader admin
    GET  /v1/markets/{market_id}/exposure                           reads   trader auditor admin
    GET  /v1/caps                                                   reads   trader auditor admin
    POST /v1/caps                                                   writes  trader admin
    POST /v1/caps/release                                           writes  trader admin
    GET  /v1/limits                                                 reads   trader auditor admin
    POST /v1/limits                                                 writes  trader admin
    POST /v1/limits/release                                         writes  trader admin
    GET  /v1/accounts/{account_id}/factors                          reads   trader auditor admin
    POST /v1/accounts/{account_id}/factors                          writes  trader admin
    GET  /v1/holds                                                  reads   trader auditor admin
    GET  /v1/producers                                              reads   trader auditor admin
    POST /v1/markets/{market_id}/outcomes/{outcome_id}/suspend      writes  trader admin
    POST /v1/markets/{market_id}/outcomes/{outcome_id}/resume       writes  trader admin
    POST /v1/markets/{market_id}/margin                             writes  trader admin
    POST /v1/markets/{market_id}/margin/release                     writes  trader admin
    POST /v1/markets/{market_id}/prices                             writes  trader admin
    POST /v1/markets/{market_id}/prices/release                     writes  trader admin
    POST /v1/events/{event_id}/suspend                              writes  trader admin
    POST /v1/events/{event_id}/resume                               writes  trader admin
    POST /v1/sports/{sport}/suspend                                 writes  trader admin
    POST /v1/sports/{sport}/resume                                  writes  trader admin
    POST /v1/trading/suspend                                        writes  trader admin
    POST /v1/trading/resume                                         writes  trader admin
    GET  /v1/stream                                                 streams every role
    POST /v1/feeds/uof/{producer}                                   -       whoever proves its secret
    GET  /v1/reports/trial-balance                                  reads   finance auditor admin
    GET  /v1/reports/segregation                                    reads   finance auditor admin
    GET  /health/live                                               -       everybody
    GET  /health/ready                                              -       everybody
    GET  /metrics                                                   -       everybody
    GET  /openapi.json                                              reads   everybody
    GET  /docs                                                      reads   everybody
    GET  /docs/                                                     reads   everybody
    GET  /docs/{*rest}                                              reads   everybody
    ");
}

#[tokio::test]
async fn a_caller_without_a_good_token_is_nobody() {
    let db = TestDb::create().await;
    let server = server(&db).await;
    let missing = server.anybody().get("/v1/markets").await;
    missing.problem(401, "UNAUTHENTICATED");
    assert_eq!(missing.header("www-authenticate"), Some("Bearer"));
    let long_ago = Timestamp::from_millis(1_000_000_000_000);
    let table = [
        ("expired", server.issuer().sign("alice", &[Role::Player], 60, long_ago).unwrap()),
        ("not a token", "abc".to_owned()),
        ("another key's", another_issuer(&server)),
    ];
    for (what, token) in table {
        let reply = server.with_token(token).get("/v1/markets").await;
        reply.problem(401, "UNAUTHENTICATED");
        assert_eq!(reply.header("www-authenticate"), Some("Bearer error=\"invalid_token\""), "{what}");
    }
    let basic =
        server.client().get(format!("{}/v1/markets", server.base_url())).basic_auth("alice", Some("x"));
    Caller::send(basic).await.problem(401, "UNAUTHENTICATED");
}

fn another_issuer(server: &TestServer) -> String {
    let settings = server.settings();
    let development = overround_api::Environment::Development;
    let other =
        overround_api::LocalIssuer::generate(development, &settings.issuer, &settings.audience).unwrap();
    other.sign("alice", &[Role::Player], 60, chrono::Utc::now().into()).unwrap()
}

#[tokio::test]
async fn a_token_without_a_known_role_reaches_nothing() {
    let db = TestDb::create().await;
    let server = server(&db).await;
    server.caller("alice", &[]).get("/v1/markets").await.problem(403, "FORBIDDEN");
}

#[tokio::test]
async fn another_players_account_looks_like_none() {
    let db = TestDb::create().await;
    let server = server(&db).await;
    let market = server.publish(&match_odds("e", "m", &[(2, 1), (2, 1)])).await;
    let (alice, account) = server.funded("alice", 1000).await;
    let (outcome, quote) = market.snapshot.prices.iter().next().unwrap();
    let bet = json!({"stake_cents": 100, "currency": "EUR", "legs": [{
        "market_id": market.market_id.to_string(), "outcome_id": outcome.to_string(),
        "price": {"num": quote.price.num(), "den": quote.price.den()}, "market_version": 1,
    }]});
    let placed = alice.post(&format!("/v1/accounts/{account}/bets"), "k", &bet).await.expect(201);
    let (mallory, own) = server.funded("mallory", 1000).await;
    let missing = "acct_1C4KqX7YvQe3Jm9TzR5bNd";
    for rest in ["", "/entries", "/bets", &format!("/bets/{}", placed["id"].as_str().unwrap())] {
        let theirs = mallory.get(&format!("/v1/accounts/{account}{rest}")).await.problem(404, "NOT_FOUND");
        let none = mallory.get(&format!("/v1/accounts/{missing}{rest}")).await.problem(404, "NOT_FOUND");
        let told = |body: &serde_json::Value, id: &str| body["detail"].as_str().unwrap().replace(id, "...");
        assert_eq!(told(&theirs, &account), told(&none, missing), "nothing tells them apart: {rest}");
    }
    mallory.post(&format!("/v1/accounts/{account}/bets"), "k2", &bet).await.problem(404, "NOT_FOUND");
    // A bet is of its account, whoever owns both.
    let path = format!("/v1/accounts/{own}/bets/{}", placed["id"].as_str().unwrap());
    mallory.get(&path).await.problem(404, "NOT_FOUND");
    assert_eq!(alice.get(&format!("/v1/accounts/{account}")).await.expect(200)["held_cents"], 100);
}

#[tokio::test]
async fn a_role_beside_player_reaches_only_where_it_is_admitted() {
    let db = TestDb::create().await;
    let server = server(&db).await;
    let (_, account) = server.funded("alice", 1000).await;
    let trader = server.caller("tom", &[Role::Player, Role::Trader]);
    // Traders read bets, not accounts: there this caller is a player like any other.
    trader.get(&format!("/v1/accounts/{account}/bets")).await.expect(200);
    trader.get(&format!("/v1/accounts/{account}")).await.problem(404, "NOT_FOUND");
    server.caller("sue", &[Role::Support]).get(&format!("/v1/accounts/{account}")).await.expect(200);
}
