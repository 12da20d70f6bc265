//! Readers of an account while Valkey is killed and cut off, and servers die: they are told of each entry, in its order.

use crate::load::Player;
use crate::readers::Reader;
use crate::stage::Stage;
use crate::{POLL, until};
use overround_api::Role;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use tokio::task::JoinHandle;

/// What the account holds at first.
const FUNDS: i64 = 1_000;

/// Cents that come in one by one, whatever fails: each is sent until it is answered.
struct Credits {
    done: Arc<AtomicI64>,
    ends: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Credits {
    fn start(stage: &Stage, account: &str) -> Self {
        let (done, ends) = (Arc::<AtomicI64>::default(), Arc::<AtomicBool>::default());
        let (counted, stop) = (Arc::clone(&done), Arc::clone(&ends));
        let (addresses, token) = (stage.addresses(), stage.token("finance", &[Role::Finance]));
        let path = format!("/v1/accounts/{account}/credits");
        let task = tokio::spawn(async move {
            let client = reqwest::Client::builder().no_proxy().build().unwrap();
            let body = json!({"amount_cents": 1, "currency": "EUR", "reason": "a test"});
            for address in addresses.iter().cycle() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let key = (counted.load(Ordering::SeqCst) + 1).to_string();
                let request = client.post(format!("{address}{path}")).bearer_auth(&token).json(&body);
                let answer = request.header("Idempotency-Key", key).send().await;
                match answer {
                    Ok(answer) if answer.status() == 201 => drop(counted.fetch_add(1, Ordering::SeqCst)),
                    Ok(answer) => assert!(answer.status().is_server_error(), "{answer:?}"),
                    Err(_) => {}
                }
                tokio::time::sleep(POLL).await;
            }
        });
        Self { done, ends, task }
    }

    fn count(&self) -> i64 {
        self.done.load(Ordering::SeqCst)
    }

    /// Ends it, and says how many there were.
    async fn end(self) -> i64 {
        self.ends.store(true, Ordering::SeqCst);
        self.task.await.unwrap();
        self.done.load(Ordering::SeqCst)
    }
}

/// The balance that a reader was told last.
fn balance(reader: &Reader) -> i64 {
    let frames = reader.frames.lock().unwrap();
    frames.iter().rev().find_map(|frame| frame["data"]["balance_cents"].as_i64()).unwrap_or(0)
}

/// Returns when all readers know of some more credits.
async fn all_hear_more(readers: &[Reader], credits: &Credits) {
    let wanted = FUNDS + credits.count() + 20;
    until("every reader of the account hears more", async || {
        readers.iter().all(|reader| balance(reader) >= wanted)
    })
    .await;
}

/// Within an epoch no place is passed over and none comes twice, nor does an entry; another epoch begins with how the
/// account stands.
fn check(reader: &Reader) {
    let frames = reader.frames.lock().unwrap();
    let mut last: Option<&Value> = None;
    for frame in frames.iter().filter(|frame| frame["seq"].is_i64()) {
        let number = |frame: &Value, of: &str| frame[of].as_i64().unwrap();
        let kind = frame["type"].as_str().unwrap();
        match (kind, last) {
            ("snapshot", None) => {}
            ("reset", Some(last)) => {
                assert_ne!(frame["epoch"], last["epoch"], "{frame} after {last}");
                assert!(
                    number(&frame["data"], "account_seq") >= number(&last["data"], "account_seq"),
                    "{frame}"
                );
            }
            ("wallet.credited", Some(last)) => {
                assert_eq!(frame["epoch"], last["epoch"], "{frame} after {last}");
                assert_eq!(number(frame, "seq"), number(last, "seq") + 1, "{frame} after {last}");
                let (before, now) =
                    (number(&last["data"], "account_seq"), number(&frame["data"], "account_seq"));
                // What stood may have had it already.
                let stood = last["type"] != "wallet.credited";
                assert!(now == before + 1 || (stood && now <= before), "{frame} after {last}");
            }
            _ => panic!("{frame} after {last:?}"),
        }
        last = Some(frame);
    }
}

#[tokio::test]
async fn readers_of_an_account_are_told_of_each_entry_whatever_breaks() {
    let mut stage = Stage::new(2).await;
    let player = Player::with(&stage, "saver", FUNDS).await;
    let token = stage.token("saver", &[Role::Player]);
    let channel = format!("account:{}", player.account);
    let readers: Vec<Reader> = (0..4)
        .map(|number| Reader::start(stage.addresses(), number % 2, token.clone(), channel.clone()))
        .collect();
    let credits = Credits::start(&stage, &player.account);
    all_hear_more(&readers, &credits).await;

    // A server dies, which may have told what it has not noted.
    for number in [0, 1] {
        stage.servers[number].kill();
        all_hear_more(&readers, &credits).await;
        stage.servers[number].start_again().await;
    }
    all_hear_more(&readers, &credits).await;

    // Valkey dies, and comes back empty.
    stage.kill_valkey().await;
    stage.supervise().await;
    all_hear_more(&readers, &credits).await;

    // PostgreSQL dies, and comes back with all of it.
    stage.kill_postgres().await;
    stage.supervise().await;
    all_hear_more(&readers, &credits).await;

    let last = FUNDS + credits.end().await;
    until("every reader knows the last of it", async || readers.iter().all(|reader| balance(reader) == last))
        .await;
    readers.iter().for_each(check);
    stage.is_sound();
}
