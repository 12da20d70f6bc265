//! Presence while a server is killed, and Valkey comes back empty.

use crate::load::parsed;
use crate::stage::Stage;
use crate::until;
use futures::{SinkExt, StreamExt};
use overround_api::Role;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A device of a user who is present at the first event.
async fn device(stage: &Stage, server: usize, user: &str) -> Socket {
    let url = format!("{}/v1/stream", stage.addresses()[server].replace("http://", "ws://"));
    let mut request = url.into_client_request().unwrap();
    let token = format!("Bearer {}", stage.token(user, &[Role::Player]));
    request.headers_mut().insert("Authorization", token.parse().unwrap());
    let (mut socket, _) = connect_async(request).await.unwrap();
    let channel = format!("events:{}", stage.markets[0].snapshot.event_id);
    let ask = json!({"subscribe": [{"channel": channel, "present": true}]});
    socket.send(Message::text(ask.to_string())).await.unwrap();
    while let Some(Ok(message)) = socket.next().await {
        if message.is_text() && parsed(message.to_text().unwrap())["type"] == "subscribed" {
            return socket;
        }
    }
    panic!("it was cut off");
}

#[tokio::test]
async fn those_of_a_killed_server_are_gone_in_time_and_an_empty_valkey_learns_who_is_there() {
    let mut stage =
        Stage::with_settings(2, &[("PRESENCE_STAY_MS", "1000"), ("LIMIT_READS_ADDRESS", "")]).await;
    let (_ann, _bob) = (device(&stage, 0, "ann").await, device(&stage, 1, "bob").await);
    let url = format!("{}/v1/events/{}/presence", stage.addresses()[1], stage.markets[0].snapshot.event_id);
    let token = stage.token("bob", &[Role::Player]);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let told = async || {
        let answer = client.get(&url).bearer_auth(&token).send().await.unwrap();
        let (status, body) = (answer.status().as_u16(), answer.json::<Value>().await.unwrap());
        (status, body["count"].clone(), body["is_present"].clone())
    };
    until("both are present", async || told().await == (200, json!(2), json!(true))).await;
    stage.servers[0].kill();
    until("the dead server's are gone", async || told().await == (200, json!(1), json!(true))).await;
    stage.kill_valkey().await;
    assert_eq!(told().await.0, 503, "nobody knows");
    stage.supervise().await;
    until("who is there is known again", async || told().await == (200, json!(1), json!(true))).await;
}
