//! The whole API over a test's database, on a port of its own.

use crate::{TestDb, done, redis_url};
use overround_api::{
    ApiSettings, Auth, Ending, Environment, Feeds, Keys, LocalIssuer, Role, install_metrics, user_id_of,
};
use overround_app::{App, Clock, Published, Settings};
use overround_domain::ids::UserId;
use overround_domain::markets::SourceMarket;
use overround_domain::time::Timestamp;
use overround_live::Live;
use overround_store::Store;
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use std::sync::OnceLock;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long the tokens of tests are good for, in seconds.
const TOKEN_TTL_S: u32 = 3600;

/// A running server. It stops when this is dropped; drop it before its [`TestDb`].
pub struct TestServer {
    app: App,
    base_url: String,
    issuer: LocalIssuer,
    settings: ApiSettings,
    client: reqwest::Client,
    stop: CancellationToken,
    serving: Option<JoinHandle<()>>,
}

impl TestServer {
    /// A server over `db` and an empty Redis database, with the default settings.
    ///
    /// # Panics
    /// When a part of it cannot be started.
    pub async fn start(db: &TestDb, clock: Clock) -> Self {
        Self::start_with(db, &redis_url().await, clock, test_settings(), ApiSettings::default()).await
    }

    /// A server over `db` and the Redis at `redis_url`.
    ///
    /// # Panics
    /// When a part of it cannot be started.
    pub async fn start_with(
        db: &TestDb,
        redis_url: &str,
        clock: Clock,
        settings: Settings,
        api: ApiSettings,
    ) -> Self {
        let issuer = done(
            "make an issuer",
            LocalIssuer::generate(Environment::Development, &api.issuer, &api.audience),
        );
        Self::start_behind(db, redis_url, clock, settings, api, issuer.clone(), Keys::Local(issuer)).await
    }

    /// A server whose tokens are checked with `keys`, which should come to those of `issuer`.
    ///
    /// # Panics
    /// When a part of it cannot be started.
    pub async fn start_behind(
        db: &TestDb,
        redis_url: &str,
        clock: Clock,
        settings: Settings,
        api: ApiSettings,
        issuer: LocalIssuer,
        keys: Keys,
    ) -> Self {
        let store = Store::new(db.pool(overround_store::Role::App).await);
        let keeper = db.pool(overround_store::Role::Keeper).await;
        let live = done("read the Redis URL", Live::connect(redis_url));
        let app = done("start the use cases", App::start(store, keeper, live, clock, settings).await);
        Self::serve(app, api, issuer, keys).await
    }

    /// A server of use cases that run already.
    ///
    /// # Panics
    /// When a part of it cannot be started.
    pub async fn serve(app: App, api: ApiSettings, issuer: LocalIssuer, keys: Keys) -> Self {
        let auth = done("set up authentication", Auth::new(&api, keys));
        let ending = Ending::default();
        let router = overround_api::router(
            app.clone(),
            auth,
            api.clone(),
            metrics(),
            Feeds::default(),
            ending.clone(),
        );
        let listener = done("listen", TcpListener::bind("127.0.0.1:0").await);
        let base_url = format!("http://{}", done("read the port", listener.local_addr()));
        let serving = tokio::spawn(overround_api::serve(listener, router, ending.clone()));
        let client = done("make a client", reqwest::Client::builder().no_proxy().build());
        let stop = ending.stop;
        Self { app, base_url, issuer, settings: api, client, stop, serving: Some(serving) }
    }

    /// The use cases behind the API.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Where it listens, without a slash at the end.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The issuer of its tokens.
    pub fn issuer(&self) -> &LocalIssuer {
        &self.issuer
    }

    /// Its API settings.
    pub fn settings(&self) -> &ApiSettings {
        &self.settings
    }

    /// A client that can be used without a token.
    pub fn client(&self) -> &reqwest::Client {
        &self.client
    }

    /// A token for `subject`, good for an hour of the system's clock.
    ///
    /// # Panics
    /// When it cannot be signed.
    pub fn token(&self, subject: &str, roles: &[Role]) -> String {
        let now = Timestamp::from(chrono::Utc::now());
        done("sign a token", self.issuer.sign(subject, roles, TOKEN_TTL_S, now))
    }

    /// The user that `subject` is.
    pub fn user_id(&self, subject: &str) -> UserId {
        user_id_of(&self.settings.issuer, subject)
    }

    /// Somebody who calls the API with a token.
    pub fn caller(&self, subject: &str, roles: &[Role]) -> Caller {
        self.with_token(self.token(subject, roles))
    }

    /// Somebody who calls the API with this token.
    pub fn with_token(&self, token: impl Into<String>) -> Caller {
        Caller { base_url: self.base_url.clone(), client: self.client.clone(), token: Some(token.into()) }
    }

    /// A player with a new EUR account that holds `cents`, and the account's id.
    ///
    /// # Panics
    /// When it cannot be opened or credited.
    pub async fn funded(&self, subject: &str, cents: i64) -> (Caller, String) {
        let player = self.caller(subject, &[Role::Player]);
        let opened = player.post("/v1/accounts", "open", &json!({"currency": "EUR"})).await.expect(201);
        let id = opened.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        if cents > 0 {
            let body = json!({"amount_cents": cents, "currency": "EUR", "reason": "for a test"});
            let finance = self.caller("finance", &[Role::Finance]);
            finance.post(&format!("/v1/accounts/{id}/credits"), "fund", &body).await.expect(201);
        }
        (player, id)
    }

    /// Publishes a market as the producer `test`, at the clock's present instant.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn publish(&self, market: &SourceMarket) -> Published {
        let now = self.app.clock().now();
        let published = self.app.publish("test", now, std::slice::from_ref(market)).await;
        match done("publish a market", published).pop() {
            Some(published) => published,
            None => panic!("nothing was published of market {}", market.key),
        }
    }

    /// Somebody who calls the API without a token.
    pub fn anybody(&self) -> Caller {
        Caller { base_url: self.base_url.clone(), client: self.client.clone(), token: None }
    }

    /// Tells it to stop and waits until it has answered what it took.
    ///
    /// # Panics
    /// When serving failed.
    pub async fn stop(mut self) {
        self.stop.cancel();
        if let Some(serving) = self.serving.take() {
            done("join the server", serving.await);
        }
        self.app.shutdown().await;
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// The use cases' settings of tests: as the defaults, with a fixed seed.
pub fn test_settings() -> Settings {
    Settings { seed: Some(1), ..Settings::default() }
}

/// Somebody who calls the API.
#[derive(Debug, Clone)]
pub struct Caller {
    base_url: String,
    client: reqwest::Client,
    token: Option<String>,
}

impl Caller {
    /// Reads `path`, which begins with a slash.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn get(&self, path: &str) -> Reply {
        Self::send(self.request(Method::GET, path)).await
    }

    /// Writes `body` to `path` with an idempotency key.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn post(&self, path: &str, key: &str, body: &Value) -> Reply {
        Self::send(self.request(Method::POST, path).header("Idempotency-Key", key).json(body)).await
    }

    /// Writes the bytes `body` to `path` as JSON with an idempotency key.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn post_text(&self, path: &str, key: &str, body: impl Into<String>) -> Reply {
        let request = self.request(Method::POST, path).header("Idempotency-Key", key);
        Self::send(request.header("Content-Type", "application/json").body(body.into())).await
    }

    /// A request with the caller's token, to be completed.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base_url));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a request.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn send(request: reqwest::RequestBuilder) -> Reply {
        let answer = done("call the API", request.send().await);
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = done("read an answer", answer.text().await);
        Reply { status, headers, text }
    }
}

/// What the API answered.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as it came.
    pub text: String,
}

impl Reply {
    /// The body as JSON.
    ///
    /// # Panics
    /// When it is not JSON.
    pub fn json(&self) -> Value {
        done(&format!("read {:?} as JSON", self.text), serde_json::from_str(&self.text))
    }

    /// The body as JSON of an answer that must have this status.
    ///
    /// # Panics
    /// When it has another, with the body.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "the answer was {}", self.text);
        self.json()
    }

    /// The body of a problem, which must have this status and code.
    ///
    /// # Panics
    /// When it has others, or is no problem.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Value {
        let body = self.expect(status);
        assert_eq!(body.get("code").and_then(Value::as_str), Some(code), "the answer was {}", self.text);
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.text);
        body
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Whether the answer says that it is an earlier request's.
    pub fn is_replay(&self) -> bool {
        self.header("idempotent-replayed") == Some("true")
    }
}

/// The process's metrics, of which there is one recorder however many servers it runs.
fn metrics() -> overround_api::PrometheusHandle {
    static METRICS: OnceLock<overround_api::PrometheusHandle> = OnceLock::new();
    METRICS.get_or_init(|| done("install the metrics", install_metrics())).clone()
}
