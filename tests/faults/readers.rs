//! Readers of the stream while Valkey is killed, stopped and emptied, and a server dies: each keeps the history of what it
//! saw, and the histories are checked.

use crate::load::parsed;
use crate::process::{of_server, signal};
use crate::stage::Stage;
use crate::{POLL, until};
use futures::{SinkExt, StreamExt};
use overround_api::Role;
use overround_domain::markets::SourceMarket;
use overround_testkit::match_odds;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

/// How often a price changes.
const PRICE_EVERY: Duration = Duration::from_millis(20);

/// A reader that comes back with its place, to the next server, whenever it is cut off.
pub(crate) struct Reader {
    pub(crate) frames: Arc<Mutex<Vec<Value>>>,
    task: JoinHandle<()>,
}

impl Reader {
    pub(crate) fn start(mut addresses: Vec<String>, first: usize, token: String, channel: String) -> Self {
        let frames = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&frames);
        addresses.rotate_left(first);
        let task = tokio::spawn(async move {
            for address in addresses.iter().cycle() {
                // However it ends, it is begun again.
                drop(follow(address, &token, &channel, &seen).await);
                tokio::time::sleep(POLL).await;
            }
        });
        Self { frames, task }
    }

    fn count(&self, kind: &str) -> usize {
        self.frames.lock().unwrap().iter().filter(|frame| frame["type"] == kind).count()
    }

    /// Whether the last that it was told of the prices' age is that nobody knows them.
    fn is_told_stale(&self) -> bool {
        let frames = self.frames.lock().unwrap();
        let told = frames.iter().rev().find(|frame| frame["type"] == "stale" || frame["type"] == "fresh");
        told.is_some_and(|frame| frame["type"] == "stale")
    }

    fn last_version(&self) -> i64 {
        let frames = self.frames.lock().unwrap();
        frames.iter().rev().find_map(|frame| frame["data"]["version"].as_i64()).unwrap_or(0)
    }

    /// Ends the reader, and checks that what it saw rose by one within an epoch, or by as much as it was told to have
    /// missed, and rose at all between epochs.
    pub(crate) fn check(self) {
        self.task.abort();
        let frames = self.frames.lock().unwrap();
        let mut last: Option<(&str, i64)> = None;
        for frame in frames.iter() {
            let kind = frame["type"].as_str().unwrap();
            if !["snapshot", "update", "reset", "conflated"].contains(&kind) {
                continue;
            }
            let at = (frame["epoch"].as_str().unwrap(), frame["seq"].as_i64().unwrap());
            if let Some((epoch, seq)) = last {
                // What Redis lost may be told once more, in another epoch.
                let rises = if at.0 == epoch { at.1 > seq } else { at.1 >= seq };
                assert!(rises, "{at:?} after {last:?}: {frame}");
                if kind == "update" {
                    assert_eq!(at, (epoch, seq + 1), "a gap: {frame}");
                }
            }
            last = Some(at);
        }
    }
}

/// Follows the channel from the last place seen until it is cut off.
async fn follow(address: &str, token: &str, channel: &str, seen: &Mutex<Vec<Value>>) -> Result<(), Error> {
    let mut request = format!("{}/v1/stream", address.replace("http://", "ws://")).into_client_request()?;
    request.headers_mut().insert("Authorization", format!("Bearer {token}").parse().unwrap());
    let (mut socket, _) = connect_async(request).await?;
    let mut wish = json!({ "channel": channel });
    if let Some(last) = seen.lock().unwrap().iter().rev().find(|frame| frame["seq"].is_i64()) {
        wish["epoch"] = last["epoch"].clone();
        wish["seq"] = last["seq"].clone();
    }
    socket.send(Message::text(json!({ "subscribe": [wish] }).to_string())).await?;
    while let Some(message) = socket.next().await {
        match message? {
            Message::Text(text) => {
                let frame = parsed(&text);
                // What cannot be followed now is asked for again.
                if frame["type"] == "error" {
                    return Ok(());
                }
                seen.lock().unwrap().push(frame);
            }
            Message::Close(_) => return Ok(()),
            _ => {}
        }
    }
    Ok(())
}

/// Changes the price of a market for ever, whatever fails.
fn move_prices(stage: &Stage) -> JoinHandle<()> {
    let producer = stage.producer.clone();
    tokio::spawn(async move {
        for number in 0u32.. {
            drop(producer.publish("faults", producer.clock().now(), &[moving(number)]).await);
            tokio::time::sleep(PRICE_EVERY).await;
        }
    })
}

/// The market that moves: no player bets on it.
fn moving(number: u32) -> SourceMarket {
    let back = if number.is_multiple_of(2) { 3 } else { 2 };
    match_odds("moving", "moving", &[(back, 1), (2, 1)])
}

/// A market whose prices move, and readers of it at every server.
pub(crate) struct Watch {
    readers: Vec<Reader>,
    moving: JoinHandle<()>,
}

impl Watch {
    /// Returns when every reader has seen some versions.
    pub(crate) async fn start(stage: &Stage) -> Self {
        let channel = format!("markets:{}", stage.publish(&moving(1)).await.market_id);
        let token = stage.token("reader", &[Role::Player]);
        let readers = (0..4)
            .map(|number| Reader::start(stage.addresses(), number % 2, token.clone(), channel.clone()))
            .collect();
        let watch = Self { readers, moving: move_prices(stage) };
        watch.all_see_more().await;
        watch
    }

    /// Returns when every reader has seen some more versions, and knows that they are for sale.
    pub(crate) async fn all_see_more(&self) {
        let before: Vec<i64> = self.readers.iter().map(Reader::last_version).collect();
        until("every reader sees more", async || {
            self.readers
                .iter()
                .zip(&before)
                .all(|(reader, before)| reader.last_version() >= before + 10 && !reader.is_told_stale())
        })
        .await;
    }

    /// The highest version that a reader has seen.
    pub(crate) fn highest(&self) -> i64 {
        self.readers.iter().map(Reader::last_version).max().unwrap()
    }

    /// How many frames of a kind each reader has seen.
    pub(crate) fn counts(&self, kind: &str) -> Vec<usize> {
        self.readers.iter().map(|reader| reader.count(kind)).collect()
    }

    /// Returns when every reader has been told once more than so often that nobody knows the prices.
    pub(crate) async fn all_told_stale(&self, before: Vec<usize>) {
        until("every reader is told that nobody knows the prices", async || {
            self.counts("stale").iter().zip(&before).all(|(now, before)| now > before)
        })
        .await;
    }

    /// Ends it when all have seen the last version, and holds them to what they saw.
    pub(crate) async fn end(self, stage: &Stage) {
        self.moving.abort();
        drop(self.moving.await);
        let last = "SELECT version FROM market.markets WHERE source_key = 'moving'";
        let last = stage.count(last).await;
        until("every reader ends at the last version", async || {
            self.readers.iter().all(|reader| reader.last_version() == last)
        })
        .await;
        // Whatever was lost and written again: a version says one thing, to whomever and whenever it is told.
        let mut said: BTreeMap<i64, Value> = BTreeMap::new();
        for reader in &self.readers {
            for frame in reader.frames.lock().unwrap().iter() {
                let data = &frame["data"];
                let Some(version) = data["version"].as_i64() else { continue };
                let what = json!([data["status"], data["outcomes"]]);
                assert_eq!(*said.entry(version).or_insert_with(|| what.clone()), what, "version {version}");
            }
        }
        self.readers.into_iter().for_each(Reader::check);
    }
}

#[tokio::test]
async fn versions_only_rise_for_readers_whatever_breaks() {
    let mut stage = Stage::new(2).await;
    let watch = Watch::start(&stage).await;

    // Valkey dies, and comes back empty.
    let before = watch.counts("stale");
    stage.kill_valkey().await;
    watch.all_told_stale(before).await;
    stage.supervise().await;
    watch.all_see_more().await;

    // Valkey stands still: no connection breaks, and nothing is said.
    let before = watch.counts("stale");
    let valkey = of_server("valkey-server", &stage.valkey());
    valkey.iter().for_each(|id| assert!(signal(*id, "STOP")));
    watch.all_told_stale(before).await;
    valkey.iter().for_each(|id| assert!(signal(*id, "CONT")));
    watch.all_see_more().await;

    // A server dies: its readers go on at the other one, from their places.
    stage.servers[0].kill();
    watch.all_see_more().await;
    stage.servers[0].start_again().await;
    watch.all_see_more().await;

    watch.end(&stage).await;
    stage.is_sound();
}
