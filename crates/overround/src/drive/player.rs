//! A player: reads the board, decides by a seeded random source, and bets over HTTP.

use super::attempt::{Attempt, Kind, Leg, Outcome, Placed};
use super::catalogue::Catalogue;
use super::client::{Answer, Client, unexpected};
use super::plan::{Decide, Plan};
use super::wire::{Account, Board, Problem, Receipt, Terms};
use crate::failure::Failure;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use std::collections::VecDeque;

/// How many boards a player remembers.
const REMEMBERED_MAX: usize = 24;

/// A request whose answer the house keeps.
#[derive(Debug, Clone)]
struct Kept {
    attempt: Attempt,
    body: Value,
    answer: Answer,
}

/// One player with an account.
#[derive(Debug)]
pub struct Player {
    /// Which one, from 0.
    pub index: usize,
    /// The player's account on the wire.
    pub account_id: String,
    /// The player's bearer token.
    pub token: String,
    random: ChaCha8Rng,
    stake_cents_min: i64,
    keys: u32,
    seen: VecDeque<Board>,
    kept: Option<Kept>,
}

impl Player {
    /// A player whose decisions are drawn from `seed` and `index`.
    pub fn new(seed: u64, index: usize, account_id: String, token: String, stake_cents_min: i64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        // Stream 0 deals the turns; each player has one of their own.
        random.set_stream(index as u64 + 1);
        Self { index, account_id, token, random, stake_cents_min, keys: 0, seen: VecDeque::new(), kept: None }
    }

    /// Acts once: reads what is needed, and bets.
    ///
    /// # Errors
    /// When the API does not answer, or as no sound server does.
    pub async fn act(
        &mut self,
        client: &Client,
        catalogue: &Catalogue,
        wanted: Option<Kind>,
    ) -> Result<Vec<Attempt>, Failure> {
        let decide = Decide { catalogue, stake_cents_min: self.stake_cents_min };
        let kind = wanted.unwrap_or_else(|| decide.kind(&mut self.random, self.kept.is_some()));
        match kind {
            Kind::RepeatedKey => return self.repeat(client).await,
            Kind::ReusedKey => return self.reuse(client).await,
            _ => {}
        }
        let Some(markets) = decide.markets(&mut self.random, kind) else { return Ok(Vec::new()) };
        let mut boards = Vec::new();
        for market in markets {
            let board: Board = client.get(&self.token, &format!("/v1/markets/{}", market.id)).await?;
            boards.push((market, board));
        }
        let balance = match kind {
            Kind::AboveBalance => self.balance(client).await?,
            _ => 0,
        };
        let seen: Vec<&Board> = self.seen.iter().collect();
        let plan = decide.plan(&mut self.random, kind, &boards, &seen, balance);
        self.remember(boards.into_iter().map(|(_, board)| board));
        let Some(plan) = plan else { return Ok(Vec::new()) };
        let mut attempts = vec![self.send(client, &plan).await?];
        if plan.kind == Kind::SentTwice {
            attempts.push(self.send(client, &plan).await?);
        }
        Ok(attempts)
    }

    async fn balance(&self, client: &Client) -> Result<i64, Failure> {
        let account: Account = client.get(&self.token, &format!("/v1/accounts/{}", self.account_id)).await?;
        Ok(account.balance_cents)
    }

    fn remember(&mut self, boards: impl Iterator<Item = Board>) {
        self.seen.extend(boards);
        let surplus = self.seen.len().saturating_sub(REMEMBERED_MAX);
        self.seen.drain(..surplus);
    }

    async fn send(&mut self, client: &Client, plan: &Plan) -> Result<Attempt, Failure> {
        self.keys += 1;
        let answer = self.post(client, self.keys, &plan.body).await?;
        let outcome = self.outcome(&answer)?;
        let attempt = Attempt {
            player: self.index,
            key: self.keys,
            kind: plan.kind,
            stake_cents: plan.stake_cents,
            policy: plan.policy.clone(),
            legs: plan.legs.clone(),
            surprise: plan.surprise(&outcome),
            outcome,
        };
        // 404 is never kept, so that it would be executed again.
        if answer.status != 404 {
            self.kept = Some(Kept { attempt: attempt.clone(), body: plan.body.clone(), answer });
        }
        Ok(attempt)
    }

    async fn repeat(&mut self, client: &Client) -> Result<Vec<Attempt>, Failure> {
        let Some(kept) = self.kept.clone() else { return Ok(Vec::new()) };
        let answer = self.post(client, kept.attempt.key, &kept.body).await?;
        let same = answer.status == kept.answer.status && answer.body == kept.answer.body && answer.replayed;
        let surprise = (!same).then(|| {
            format!("a repeated request was first answered {} and then {}", kept.answer.text(), answer.text())
        });
        let attempt =
            Attempt { kind: Kind::RepeatedKey, outcome: Outcome::Replayed, surprise, ..kept.attempt };
        Ok(vec![attempt])
    }

    async fn reuse(&mut self, client: &Client) -> Result<Vec<Attempt>, Failure> {
        let Some(kept) = self.kept.clone() else { return Ok(Vec::new()) };
        let stake_cents = kept.attempt.stake_cents + 1;
        let mut body = kept.body;
        if let Some(stake) = body.get_mut("stake_cents") {
            *stake = json!(stake_cents);
        }
        let answer = self.post(client, kept.attempt.key, &body).await?;
        let outcome = self.outcome(&answer)?;
        let told = matches!(&outcome, Outcome::Refused(code) if code == "IDEMPOTENCY_MISMATCH");
        let surprise = (!told).then(|| format!("a key used for another bet was answered {}", answer.text()));
        let kind = Kind::ReusedKey;
        Ok(vec![Attempt { kind, stake_cents, outcome, surprise, ..kept.attempt }])
    }

    async fn post(&self, client: &Client, key: u32, body: &Value) -> Result<Answer, Failure> {
        let path = format!("/v1/accounts/{}/bets", self.account_id);
        client.post_timed(&self.token, &path, &format!("bet-{key}"), body).await
    }

    fn outcome(&self, answer: &Answer) -> Result<Outcome, Failure> {
        match answer.status {
            201 => {
                let receipt: Receipt = answer.read()?;
                let prices: Vec<Terms> = receipt.legs.iter().map(|leg| leg.price).collect();
                let placed = Placed { id: receipt.id, payout_cents: receipt.potential_payout_cents, prices };
                Ok(Outcome::Accepted(placed))
            }
            404 | 409 | 422 => Ok(Outcome::Refused(answer.read::<Problem>()?.code)),
            _ => Err(unexpected("POST", &format!("/v1/accounts/{}/bets", self.account_id), answer)),
        }
    }
}

/// The legs as the API takes them.
pub fn body(stake_cents: i64, policy: &str, legs: &[(Leg, String, String, Option<String>)]) -> Value {
    let legs = legs.iter().map(|(leg, market_id, outcome_id, line)| {
        let mut wire = json!({
            "market_id": market_id, "outcome_id": outcome_id,
            "price": leg.price, "market_version": leg.version,
        });
        if let (Some(line), Some(fields)) = (line, wire.as_object_mut()) {
            fields.insert("line".to_owned(), json!(line));
        }
        wire
    });
    json!({
        "stake_cents": stake_cents, "currency": "EUR", "price_policy": policy,
        "legs": legs.collect::<Vec<Value>>(),
    })
}
