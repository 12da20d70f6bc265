//! Players who bet over HTTP while the house is broken under them.

use crate::ledger::{Answer, Ledger, Line};
use crate::stage::Stage;
use crate::until;
use overround_api::Role;
use overround_app::Published;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

/// How many players there are; each bets from a task of its own.
const PLAYERS: usize = 24;
/// Every so many of them has little money, and is refused for it soon.
const POOR_EVERY: usize = 6;
const RICH_CENTS: i64 = 10_000_000;
const POOR_CENTS: i64 = 5_000;
/// What a player thinks between two bets: a load that a small machine has time for.
const THINKS: Duration = Duration::from_millis(30);
/// What a player waits who got no answer: a dead address answers at once, and would be asked for ever.
const AFTER_NO_ANSWER: Duration = Duration::from_millis(20);
/// How many bets must be taken before a fault, and again after it.
const ENOUGH: usize = 40;

/// A player, as their own program sees them.
#[derive(Clone)]
pub(crate) struct Player {
    pub(crate) name: String,
    pub(crate) account: String,
    pub(crate) funds: i64,
    pub(crate) is_poor: bool,
    token: String,
    client: reqwest::Client,
}

impl Player {
    /// Opens an account and funds it.
    pub(crate) async fn with(stage: &Stage, name: &str, funds: i64) -> Self {
        let client = client();
        let (address, token) = (&stage.addresses()[0], stage.token(name, &[Role::Player]));
        let opened = json!({"currency": "EUR"});
        let (status, text) = send(&client, &token, &format!("{address}/v1/accounts"), "open", &opened).await;
        assert_eq!(status, 201, "{text}");
        let account = parsed(&text)["id"].as_str().unwrap().to_owned();
        let credit = json!({"amount_cents": funds, "currency": "EUR", "reason": "for a test"});
        let finance = stage.token("finance", &[Role::Finance]);
        let url = format!("{address}/v1/accounts/{account}/credits");
        let (status, text) = send(&client, &finance, &url, "fund", &credit).await;
        assert_eq!(status, 201, "{text}");
        Self { name: name.to_owned(), account, funds, is_poor: false, token, client }
    }

    /// Sends a bet once.
    pub(crate) async fn place(&self, address: &str, key: &str, body: &Value) -> Answer {
        let url = format!("{address}/v1/accounts/{}/bets", self.account);
        let request = self.client.post(url).bearer_auth(&self.token).header("Idempotency-Key", key);
        let answer = match request.json(body).send().await {
            Ok(answer) => answer,
            Err(error) => return Answer::None(error.to_string()),
        };
        let status = answer.status().as_u16();
        let replayed = answer.headers().contains_key("idempotent-replayed");
        match answer.text().await {
            Ok(text) => Answer::of(status, replayed, text),
            Err(error) => Answer::None(error.to_string()),
        }
    }

    /// Sends a bet until it is answered, by whichever server answers.
    pub(crate) async fn insist(&self, addresses: &[String], key: &str, body: &Value) -> Answer {
        let mut told = Answer::None("never asked".to_owned());
        let mut turn = 0;
        until("a bet is answered", async || {
            told = self.place(&addresses[turn % addresses.len()], key, body).await;
            turn += 1;
            !matches!(told, Answer::None(_))
        })
        .await;
        told
    }

    /// Sends a bet until it is answered: a line of the ledger.
    pub(crate) async fn sends(&self, addresses: &[String], key: &str, body: &Value, stake: i64) -> Line {
        let answer = Some(self.insist(addresses, key, body).await);
        Line { player: 0, key: key.to_owned(), body: body.clone(), stake, answer }
    }

    /// The account's balance and what it holds for bets.
    pub(crate) async fn balance(&self, address: &str) -> (i64, i64) {
        let url = format!("{address}/v1/accounts/{}", self.account);
        let answer = self.client.get(url).bearer_auth(&self.token).send().await.unwrap();
        let account: Value = answer.json().await.unwrap();
        (account["balance_cents"].as_i64().unwrap(), account["held_cents"].as_i64().unwrap())
    }
}

fn client() -> reqwest::Client {
    // Longer than the servers take to give a request up, so that who is silent is dead or stopped.
    reqwest::Client::builder().no_proxy().timeout(Duration::from_millis(1_500)).build().unwrap()
}

/// Sends a request that must be answered.
pub(crate) async fn send(
    client: &reqwest::Client,
    token: &str,
    url: &str,
    key: &str,
    body: &Value,
) -> (u16, String) {
    let request = client.post(url).bearer_auth(token).header("Idempotency-Key", key).json(body);
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

pub(crate) fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A bet on the first outcome of a market.
pub(crate) fn bet(market: &Published, stake_cents: i64) -> Value {
    let snapshot = &market.snapshot;
    let (outcome, quote) = snapshot.prices.iter().next().unwrap();
    json!({"stake_cents": stake_cents, "currency": "EUR", "confirm_duplicate": true, "legs": [{
        "market_id": snapshot.market_id.to_string(), "outcome_id": outcome.to_string(),
        "price": {"num": quote.price.num(), "den": quote.price.den()}, "market_version": snapshot.version,
    }]})
}

/// What the players have been told so far.
#[derive(Default)]
struct Progress {
    /// Accepted bets, by server.
    accepted: Vec<AtomicUsize>,
    unanswered: AtomicUsize,
    refused: AtomicUsize,
    ends: AtomicBool,
}

/// Players who bet until they are stopped.
pub(crate) struct Load {
    players: Vec<Player>,
    progress: Arc<Progress>,
    tasks: Vec<JoinHandle<Vec<Line>>>,
}

impl Load {
    /// Starts it over all servers of the stage. The seed decides who bets what, and where.
    pub(crate) async fn start(stage: &Stage, seed: u64) -> Self {
        Self::of(0..PLAYERS, stage, seed).await
    }

    /// A light one, of players who have money enough.
    pub(crate) async fn start_light(stage: &Stage, seed: u64) -> Self {
        Self::of(1..POOR_EVERY, stage, seed).await
    }

    async fn of(players: Range<usize>, stage: &Stage, seed: u64) -> Self {
        let opened = players.map(|number| async move {
            let is_poor = number % POOR_EVERY == 0;
            let funds = if is_poor { POOR_CENTS } else { RICH_CENTS };
            Player { is_poor, ..Player::with(stage, &format!("player-{number}"), funds).await }
        });
        let players = futures::future::join_all(opened).await;
        let addresses: Arc<[String]> = stage.addresses().into();
        let accepted = addresses.iter().map(|_| AtomicUsize::new(0)).collect();
        let progress = Arc::new(Progress { accepted, ..Progress::default() });
        let markets: Arc<[Published]> = stage.markets.clone().into();
        let mut tasks = Vec::new();
        for (number, player) in players.iter().enumerate() {
            let rng = ChaCha8Rng::seed_from_u64(seed.wrapping_mul(1_000).wrapping_add(number as u64));
            let bettor = Bettor {
                player: player.clone(),
                number,
                addresses: Arc::clone(&addresses),
                markets: Arc::clone(&markets),
                progress: Arc::clone(&progress),
                rng,
            };
            tasks.push(tokio::spawn(bettor.bets()));
        }
        let load = Self { players, progress, tasks };
        load.until_taken().await;
        load
    }

    /// Returns when each server has taken bets enough from now on.
    pub(crate) async fn until_taken(&self) {
        for server in 0..self.progress.accepted.len() {
            self.until_taken_by(server).await;
        }
    }

    /// Returns when so many bets have been taken from now on, by whichever server.
    pub(crate) async fn until_some_taken(&self, more: usize) {
        let accepted = || self.progress.accepted.iter().map(|one| one.load(Ordering::SeqCst)).sum::<usize>();
        let wanted = accepted() + more;
        until("some bets are taken", async || accepted() >= wanted).await;
    }

    /// Returns when one server has taken bets enough from now on.
    pub(crate) async fn until_taken_by(&self, server: usize) {
        let accepted = || self.progress.accepted[server].load(Ordering::SeqCst);
        let wanted = accepted() + ENOUGH;
        until("bets are taken", async || accepted() >= wanted).await;
    }

    /// Returns when so many more requests have gone without an answer.
    pub(crate) async fn until_unanswered(&self, more: usize) {
        let unanswered = || self.progress.unanswered.load(Ordering::SeqCst);
        let wanted = unanswered() + more;
        until("requests go unanswered", async || unanswered() >= wanted).await;
    }

    /// Returns when so many more bets have been refused.
    pub(crate) async fn until_refused(&self, more: usize) {
        let refused = || self.progress.refused.load(Ordering::SeqCst);
        let wanted = refused() + more;
        until("bets are refused", async || refused() >= wanted).await;
    }

    /// Ends it: what the players were told.
    pub(crate) async fn stop(self) -> Ledger {
        self.progress.ends.store(true, Ordering::SeqCst);
        let mut lines = Vec::new();
        for task in self.tasks {
            lines.extend(task.await.unwrap());
        }
        Ledger { players: self.players, lines }
    }
}

/// A player at work.
struct Bettor {
    player: Player,
    number: usize,
    addresses: Arc<[String]>,
    markets: Arc<[Published]>,
    progress: Arc<Progress>,
    rng: ChaCha8Rng,
}

impl Bettor {
    async fn bets(mut self) -> Vec<Line> {
        let mut lines: Vec<Line> = Vec::new();
        while !self.progress.ends.load(Ordering::SeqCst) {
            let key = format!("{}-{}", self.player.name, lines.len());
            let market = &self.markets[self.rng.random_range(0..self.markets.len())];
            let stake = self.rng.random_range(100..500);
            let mut line = Line { player: self.number, key, body: bet(market, stake), stake, answer: None };
            // A good client asks again under the same key; one that gives up leaves the house to know.
            let tries = self.rng.random_range(1..3);
            for _ in 0..tries {
                let at = self.rng.random_range(0..self.addresses.len());
                match self.player.place(&self.addresses[at], &line.key, &line.body).await {
                    Answer::None(_) => {
                        self.progress.unanswered.fetch_add(1, Ordering::SeqCst);
                        tokio::time::sleep(AFTER_NO_ANSWER).await;
                    }
                    told => {
                        match &told {
                            Answer::Accepted { .. } => &self.progress.accepted[at],
                            _ => &self.progress.refused,
                        }
                        .fetch_add(1, Ordering::SeqCst);
                        line.answer = Some(told);
                        break;
                    }
                }
            }
            lines.push(line);
            tokio::time::sleep(THINKS).await;
        }
        lines
    }
}
