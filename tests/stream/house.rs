//! The house that the tests of the stream follow, and a stock client.

use futures::{SinkExt, StreamExt};
use overround_api::{ApiSettings, Role};
use overround_app::{Clock, Published, Settings};
use overround_domain::ids::{EventId, MarketId};
use overround_domain::markets::SourceMarket;
use overround_domain::time::Timestamp;
use overround_testkit::{RedisPlace, TestDb, TestServer, match_odds, test_settings};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

pub(crate) const T0: Timestamp = Timestamp::from_millis(1_765_000_000_000);
pub(crate) const WAIT: Duration = Duration::from_secs(10);

/// Two processes of a house over one database and one Redis, and a market that is published through the first.
pub(crate) struct House {
    pub(crate) first: TestServer,
    pub(crate) second: TestServer,
    pub(crate) redis: RedisPlace,
    pub(crate) clock: Clock,
    pub(crate) market: MarketId,
    pub(crate) event: EventId,
    pub(crate) db: TestDb,
}

impl House {
    pub(crate) async fn new() -> Self {
        Self::with(ApiSettings::default()).await
    }

    pub(crate) async fn with(api: ApiSettings) -> Self {
        Self::with_all(api, test_settings()).await
    }

    pub(crate) async fn on(redis: RedisPlace) -> Self {
        Self::over(redis, ApiSettings::default(), test_settings()).await
    }

    pub(crate) async fn with_all(api: ApiSettings, settings: Settings) -> Self {
        Self::over(RedisPlace::server().await, api, settings).await
    }

    async fn over(redis: RedisPlace, api: ApiSettings, settings: Settings) -> Self {
        let (db, clock) = (TestDb::create().await, Clock::manual(T0));
        let start = || TestServer::start_with(&db, &redis.url, clock.clone(), settings.clone(), api.clone());
        let (first, second) = (start().await, start().await);
        let published = first.app().publish("test", clock.now(), &[source(0)]).await.unwrap();
        let Published { market_id: market, snapshot, .. } = &published[0];
        Self { market: *market, event: snapshot.event_id, first, second, redis, clock, db }
    }

    /// Publishes so many new prices.
    pub(crate) async fn move_prices(&self, versions: std::ops::Range<u32>) {
        for version in versions {
            self.first.app().publish("test", self.clock.now(), &[source(version)]).await.unwrap();
        }
    }

    /// Empties Redis.
    pub(crate) async fn flush(&self) {
        self.redis.clone().everywhere::<()>(&["FLUSHDB"]).await;
    }

    pub(crate) fn channel(&self) -> String {
        format!("markets:{}", self.market)
    }
}

/// The market with other prices than for the number before.
pub(crate) fn source(number: u32) -> SourceMarket {
    match_odds("e", "m", &[(if number.is_multiple_of(2) { 2 } else { 3 }, 1), (2, 1)])
}

/// A stock client.
pub(crate) struct Client(pub(crate) WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Client {
    pub(crate) async fn try_connect(server: &TestServer, user: &str, query: &str) -> Result<Self, Error> {
        Self::try_connect_as(server, user, Role::Player, query).await
    }

    pub(crate) async fn try_connect_as(
        server: &TestServer,
        user: &str,
        role: Role,
        query: &str,
    ) -> Result<Self, Error> {
        let url = format!("{}/v1/stream{query}", server.base_url().replace("http://", "ws://"));
        let mut request = url.into_client_request().unwrap();
        let token = format!("Bearer {}", server.token(user, &[role]));
        request.headers_mut().insert("Authorization", token.parse().unwrap());
        connect_async(request).await.map(|(socket, _)| Self(socket))
    }

    pub(crate) async fn connect(server: &TestServer) -> Self {
        Self::try_connect(server, "ann", "").await.unwrap()
    }

    pub(crate) async fn say(&mut self, message: &Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    /// Follows the house's market, from a place or from how it stands.
    pub(crate) async fn follow(&mut self, house: &House, from: Option<&Value>) {
        self.follow_channel(&house.channel(), from).await;
    }

    /// Follows a channel, from a place or from how it stands.
    pub(crate) async fn follow_channel(&mut self, channel: &str, from: Option<&Value>) {
        let mut wish = json!({ "channel": channel });
        if let Some(frame) = from {
            wish["epoch"] = frame["epoch"].clone();
            wish["seq"] = frame["seq"].clone();
        }
        self.say(&json!({ "subscribe": [wish] })).await;
        assert_eq!(self.next().await.1["type"], "subscribed");
    }

    /// The next message: a text, or a close.
    pub(crate) async fn message(&mut self) -> Message {
        loop {
            match timeout(WAIT, self.0.next()).await.expect("a message in time").unwrap().unwrap() {
                Message::Ping(_) | Message::Pong(_) => {}
                message => return message,
            }
        }
    }

    /// The next frame, as text and as JSON.
    pub(crate) async fn next(&mut self) -> (String, Value) {
        let message = self.message().await;
        let text = message.to_text().unwrap().to_owned();
        let json = serde_json::from_str(&text).unwrap_or_else(|_| panic!("a frame, not {message:?}"));
        (text, json)
    }

    /// The versions that follow, up to one: each one's text.
    pub(crate) async fn up_to(&mut self, seq: i64) -> Vec<String> {
        let mut texts = Vec::new();
        loop {
            let (text, frame) = self.next().await;
            texts.push(text);
            if frame["seq"] == seq {
                return texts;
            }
        }
    }

    /// The code and reason that the server closes with.
    pub(crate) async fn closed(&mut self) -> (u16, String) {
        match self.message().await {
            Message::Close(Some(frame)) => (frame.code.into(), frame.reason.to_string()),
            other => panic!("a close, not {other:?}"),
        }
    }
}
