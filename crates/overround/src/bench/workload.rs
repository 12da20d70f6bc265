//! What is bet: accounts, markets and stakes, drawn from a seed.

use crate::config::Config;
use crate::failure::Failure;
use bytes::Bytes;
use chrono::Utc;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderName, HeaderValue, Request, Uri};
use overround_api::{LocalIssuer, Role};
use overround_domain::betting::{FillMode, LegRequest, LegType, PlaceBet, PricePolicy};
use overround_domain::ids::AccountId;
use overround_domain::markets::Snapshot;
use overround_domain::money::{Cents, Currency};
use rand::distr::Distribution;
use rand::distr::weighted::WeightedIndex;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use uuid::Uuid;

/// How long tokens are good, in seconds.
const TOKEN_S: u32 = 86_400;
/// At most so many stakes in a row differ, so that no bet is taken for one that was sent twice.
const STAKES_MAX: i64 = 100_000;
const KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Accounts with their tokens, and the selections on sale.
pub struct Workload {
    players: Vec<Player>,
    markets: Vec<Vec<Selection>>,
    stake_cents_min: i64,
    /// How many stakes there are from the least on.
    stakes: i64,
    turn: AtomicI64,
}

/// An account, and what every request of it begins with.
struct Player {
    account_id: AccountId,
    path: Uri,
    bearer: HeaderValue,
}

/// An outcome on sale, for both ways of betting.
struct Selection {
    json: String,
    leg: LegRequest,
}

/// How accounts and markets are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// By Zipf's law, and half of all bets on one market; else evenly.
    pub hot: bool,
    /// Legs of a bet.
    pub legs: usize,
}

impl Workload {
    /// Bets of these logins' accounts on these markets.
    ///
    /// # Errors
    /// When no tokens can be signed.
    pub fn new(
        issuer: &LocalIssuer,
        accounts: Vec<(String, AccountId)>,
        markets: &[Snapshot],
        config: &Config,
    ) -> Result<Self, Failure> {
        let mut players = Vec::with_capacity(accounts.len());
        for (login, account_id) in accounts {
            let path = Uri::try_from(format!("/v1/accounts/{account_id}/bets"));
            let path = path.map_err(|error| Failure::failed(error, "report it"))?;
            players.push(Player { account_id, path, bearer: bearer(issuer, &login)? });
        }
        let markets = markets.iter().map(selections).collect();
        let stake_cents_min = config.stake_cents_min;
        let stakes = (config.stake_cents_max - stake_cents_min).clamp(0, STAKES_MAX - 1) + 1;
        Ok(Self { players, markets, stake_cents_min, stakes, turn: AtomicI64::new(0) })
    }

    /// The accounts.
    pub fn accounts(&self) -> impl Iterator<Item = AccountId> {
        self.players.iter().map(|player| player.account_id)
    }
}

fn selections(snapshot: &Snapshot) -> Vec<Selection> {
    let one = |(outcome, quote): (&_, &overround_domain::markets::Quote)| {
        let leg = LegRequest {
            market_id: snapshot.market_id,
            outcome_id: *outcome,
            price: quote.price,
            line: None,
            market_version: snapshot.version,
            leg_type: LegType::Straight,
            attrs: serde_json::Map::new(),
        };
        let json = format!(
            r#"{{"market_id":"{}","outcome_id":"{}","price":{{"num":{},"den":{}}},"market_version":{}}}"#,
            leg.market_id,
            leg.outcome_id,
            leg.price.num(),
            leg.price.den(),
            leg.market_version
        );
        Selection { json, leg }
    };
    snapshot.prices.iter().map(one).collect()
}

/// What the `Authorization` of a player's requests says.
///
/// # Errors
/// When no token can be signed.
pub fn bearer(issuer: &LocalIssuer, login: &str) -> Result<HeaderValue, Failure> {
    let unusable = |error: &dyn std::fmt::Display| {
        Failure::failed(error, "delete the issuer's key from the state folder; a new one is made")
    };
    let token = issuer.sign(login, &[Role::Player], TOKEN_S, Utc::now().into());
    let token = token.map_err(|error| unusable(&error))?;
    HeaderValue::try_from(format!("Bearer {token}")).map_err(|error| unusable(&error))
}

/// Draws bets; each connection has its own.
pub struct Draw {
    workload: Arc<Workload>,
    shape: Shape,
    random: ChaCha8Rng,
    by_rank: Option<Arc<WeightedIndex<f64>>>,
}

/// A bet as it was drawn: places in the workload's lists.
struct Drawn<'a> {
    player: &'a Player,
    selections: Vec<&'a Selection>,
    stake_cents: i64,
    key: Uuid,
}

impl Draw {
    /// Draws from `seed` for the connection that many-th. Accounts by rank are the same for all.
    pub fn new(
        workload: &Arc<Workload>,
        shape: Shape,
        by_rank: Option<Arc<WeightedIndex<f64>>>,
        seed: u64,
        stream: u64,
    ) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(stream);
        Self { workload: Arc::clone(workload), shape, random, by_rank }
    }

    /// The request of the next bet, for a server of that name.
    pub fn request(&mut self, host: &HeaderValue) -> Option<Request<Bytes>> {
        let workload = Arc::clone(&self.workload);
        let bet = self.next(&workload)?;
        let legs: Vec<&str> = bet.selections.iter().map(|selection| selection.json.as_str()).collect();
        let body = format!(
            r#"{{"stake_cents":{},"currency":"EUR","price_policy":"ANY","legs":[{}]}}"#,
            bet.stake_cents,
            legs.join(",")
        );
        let key = HeaderValue::try_from(bet.key.to_string()).ok()?;
        Request::post(bet.player.path.clone())
            .header(HOST, host)
            .header(AUTHORIZATION, &bet.player.bearer)
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header(KEY, key)
            .body(Bytes::from(body))
            .ok()
    }

    /// The next bet as a command, with its key.
    pub fn command(&mut self) -> Option<(AccountId, Uuid, PlaceBet)> {
        let workload = Arc::clone(&self.workload);
        let bet = self.next(&workload)?;
        let command = PlaceBet {
            stake: Cents::new(bet.stake_cents),
            fill: FillMode::Normal,
            currency: Currency::EUR,
            price_policy: PricePolicy::Any,
            confirm_duplicate: false,
            legs: bet.selections.iter().map(|selection| selection.leg.clone()).collect(),
        };
        Some((bet.player.account_id, bet.key, command))
    }

    /// An account, and a key that nobody used.
    pub fn account(&mut self) -> Option<(AccountId, Uuid)> {
        let at = self.random.random_range(0..self.workload.players.len());
        Some((self.workload.players.get(at)?.account_id, self.key()))
    }

    fn key(&mut self) -> Uuid {
        // Not from the seed: a key of an earlier run would be a replay.
        uuid::Builder::from_random_bytes(rand::random()).into_uuid()
    }

    /// None only where there are no accounts or no markets.
    fn next<'a>(&mut self, workload: &'a Workload) -> Option<Drawn<'a>> {
        let rank = match &self.by_rank {
            Some(by_rank) => by_rank.sample(&mut self.random),
            None => self.random.random_range(0..workload.players.len()),
        };
        let mut markets: Vec<usize> = Vec::with_capacity(self.shape.legs);
        if self.shape.hot && self.random.random_bool(0.5) {
            markets.push(0);
        }
        while markets.len() < self.shape.legs.min(workload.markets.len()) {
            let market = self.random.random_range(0..workload.markets.len());
            if !markets.contains(&market) {
                markets.push(market);
            }
        }
        let mut selections = Vec::with_capacity(markets.len());
        for market in markets {
            let on_sale = workload.markets.get(market)?;
            selections.push(on_sale.get(self.random.random_range(0..on_sale.len()))?);
        }
        let turn = workload.turn.fetch_add(1, Ordering::Relaxed) % workload.stakes;
        let stake_cents = workload.stake_cents_min + turn;
        Some(Drawn { player: workload.players.get(rank)?, selections, stake_cents, key: self.key() })
    }
}

/// Zipf's law with exponent 1 over so many ranks.
pub fn zipf(ranks: usize) -> Option<Arc<WeightedIndex<f64>>> {
    // The number of ranks is far below 2^53.
    WeightedIndex::new((1..=ranks).map(|rank| 1.0 / rank as f64)).ok().map(Arc::new)
}
