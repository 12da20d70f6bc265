//! The driver: plays a source of messages through the running system, with players who bet over HTTP.

mod attempt;
mod catalogue;
mod client;
mod oracle;
mod patience;
mod plan;
mod player;
mod schedule;
mod source;
mod tally;
mod wire;

pub use client::Client;
pub use patience::Patience;
pub use schedule::Schedule;
pub use source::{Scan, Source, match_seed};
pub use tally::{Bets, Mismatches, Tally};

use crate::failure::Failure;
use attempt::{Kind, Outcome};
use catalogue::{Catalogue, House, Known};
use client::unexpected;
use overround_api::{LocalIssuer, Role};
use overround_app::{App, Published, Recorded};
use overround_domain::ids::MarketId;
use overround_domain::markets::{MarketStatus, SourceMarket, SourceStatus};
use overround_domain::time::Timestamp;
use overround_feed::Applied;
use player::Player;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use wire::{Account, BetPage};

/// How long a producer's sign of life is good for before the next one, in milliseconds: well within
/// the shortest freshness of a snapshot.
const HEARTBEAT_MS: i64 = 4_000;
/// How long a run's tokens are good, in seconds: a recording played at its own speed takes days.
const TOKEN_S: u32 = 30 * 86_400;
/// At most so many attempts follow markets that go off sale, beside those that are spread.
const OFF_SALE_ATTEMPTS_MAX: usize = 24;
/// What a player's account is opened with, in least stakes.
const DEPOSIT_STAKES: i64 = 1_000;

/// Who plays, and with what.
pub struct Cast<'a> {
    /// A name of the run that no other run has: it names the producer and the logins.
    pub run: String,
    /// What decisions are drawn from.
    pub seed: u64,
    /// How many players.
    pub players: u32,
    /// Who signs their tokens.
    pub issuer: &'a LocalIssuer,
}

/// Whether the driver pays decided markets itself, or the workers do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payer {
    /// The driver, at once: lock step.
    Driver,
    /// The settler worker.
    Workers,
}

/// A run in progress.
pub struct Driver {
    app: App,
    client: Client,
    producer: String,
    payer: Payer,
    finance_token: String,
    players: Vec<Player>,
    catalogue: Catalogue,
    tally: Tally,
    schedule: Schedule,
    heartbeat_at: Option<Timestamp>,
    partitioned_day: i64,
    since: Timestamp,
    upstream_late: bool,
    went_off_sale: usize,
    off_sale_attempts: usize,
    credits: u64,
}

impl Driver {
    /// Opens and funds the players' accounts.
    ///
    /// # Errors
    /// When the API does not answer as it should.
    pub async fn start(app: App, client: Client, cast: Cast<'_>, payer: Payer) -> Result<Self, Failure> {
        let now = chrono::Utc::now().into();
        let sign = |login: &str, role| {
            cast.issuer.sign(&format!("{}-{login}", cast.run), &[role], TOKEN_S, now).map_err(|error| {
                Failure::failed(error, "delete the issuer's key from the state folder; a new one is made")
            })
        };
        let partitioned_day = day(app.clock().now());
        let stake_cents_min = app.settings().rules.stake_min.get();
        let mut driver = Self {
            finance_token: sign("finance", Role::Finance)?,
            producer: cast.run.clone(),
            players: Vec::new(),
            catalogue: Catalogue::default(),
            tally: Tally::default(),
            schedule: Schedule::new(cast.seed, 0, 0, 0, 1),
            heartbeat_at: None,
            partitioned_day,
            since: app.clock().now(),
            upstream_late: false,
            went_off_sale: 0,
            off_sale_attempts: 0,
            credits: 0,
            app,
            client,
            payer,
        };
        for index in 0..cast.players as usize {
            let token = sign(&format!("player-{index:03}"), Role::Player)?;
            let body = json!({"currency": "EUR"});
            let answer = driver.client.post(&token, "/v1/accounts", "open", &body).await?;
            if answer.status != 201 {
                return Err(unexpected("POST", "/v1/accounts", &answer));
            }
            let account: Account = answer.read()?;
            driver.players.push(Player::new(cast.seed, index, account.id, token, stake_cents_min));
            driver.fund(index).await?;
        }
        Ok(driver)
    }

    /// Begins a run of so many attempts, spread over so many moments, so many players at once; what
    /// came before is forgotten, but for the players and their accounts.
    pub fn begin(&mut self, seed: u64, attempts: u64, moments: u64, at_once: u32) {
        self.tally = Tally::default();
        self.catalogue = Catalogue::default();
        self.off_sale_attempts = 0;
        self.since = self.app.clock().now();
        self.schedule = Schedule::new(seed, attempts, moments, self.players.len(), at_once as usize);
    }

    /// What the run came to so far.
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// How many markets there are.
    pub fn markets(&self) -> usize {
        self.catalogue.len()
    }

    /// How many of them have a recorded result.
    pub fn markets_settled(&self) -> usize {
        self.catalogue.iter().filter(|market| market.house.recorded).count()
    }

    /// How many of them somebody else than the source gave their results.
    pub fn markets_of_another(&self) -> usize {
        self.catalogue.iter().filter(|market| market.is_anothers()).count()
    }

    /// Accepted bets that did not return what the source's winners say, in words.
    pub fn mismatches(&self) -> Mismatches {
        self.tally.mismatches(&self.catalogue)
    }

    /// Applies one message at `at`: the markets' new versions are sold when this returns.
    ///
    /// # Errors
    /// When a datastore fails.
    pub async fn apply(&mut self, at: Timestamp, item: Applied) -> Result<(), Failure> {
        self.app.clock().set(at);
        self.keep_partitions(at).await?;
        self.tally.messages += 1;
        let mut said = item.changed;
        if item.stale_upstream != self.upstream_late {
            self.upstream_late = item.stale_upstream;
            self.say_everything(&mut said);
        }
        if said.is_empty() {
            return Ok(());
        }
        let sold = if self.upstream_late { withheld(&said) } else { said.clone() };
        let publish = || self.app.publish(&self.producer, at, &sold);
        let published = self.client.patience().call("publishing prices", publish).await?;
        let mut said: BTreeMap<String, SourceMarket> =
            said.into_iter().map(|market| (market.key.clone(), market)).collect();
        let mut decided = BTreeSet::new();
        for market in &published {
            if let Some(source) = said.remove(&market.source_key) {
                self.note(market, source, &mut decided);
            }
        }
        self.pay(decided).await
    }

    /// Tells the house that the source is alive, if the last sign is some time ago.
    ///
    /// # Errors
    /// When a datastore fails.
    pub async fn heartbeat(&mut self) -> Result<(), Failure> {
        let now = self.app.clock().now();
        let due = self.heartbeat_at.is_none_or(|last| now.millis() - last.millis() >= HEARTBEAT_MS);
        if due && !self.upstream_late {
            let renew = || self.app.renew(&self.producer, now);
            self.client.patience().call("renewing prices", renew).await?;
            self.heartbeat_at = Some(now);
        }
        Ok(())
    }

    /// Lets the players act whose turn it is after the last message.
    ///
    /// # Errors
    /// When the API does not answer as it should.
    pub async fn play(&mut self) -> Result<(), Failure> {
        let off_sale = std::mem::take(&mut self.went_off_sale).min(1);
        if off_sale > 0 && self.off_sale_attempts < OFF_SALE_ATTEMPTS_MAX {
            self.off_sale_attempts += 1;
            let player = self.schedule.one_more();
            self.act(&[player], Some(Kind::NotOnSale)).await?;
        }
        if !self.catalogue.iter().any(|market| market.source.status == SourceStatus::Open) {
            return Ok(());
        }
        for group in self.schedule.next_moment() {
            self.act(&group, None).await?;
        }
        Ok(())
    }

    /// Pays what can be paid of this run's markets, if that is the driver's to do, and reads how every
    /// bet stands. Other producers' bets are not paid on this run's clock.
    ///
    /// # Errors
    /// When a datastore fails, or the API does not answer as it should.
    pub async fn finish(&mut self) -> Result<(), Failure> {
        if self.payer == Payer::Driver {
            let own = self.catalogue.ids();
            pay_all(&self.app, self.client.patience(), |market| own.contains(market)).await?;
        }
        self.read_bets().await
    }

    /// Reads how every bet stands that the players placed since the run began.
    ///
    /// # Errors
    /// When the API does not answer as it should.
    pub async fn read_bets(&mut self) -> Result<(), Failure> {
        for player in &self.players {
            let mut cursor: Option<String> = None;
            loop {
                let after = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
                let path = format!("/v1/accounts/{}/bets?limit=200{after}", player.account_id);
                let page: BetPage = self.client.get(&player.token, &path).await?;
                let (bets, more) = page.since(self.since);
                self.tally.bets.extend(bets.into_iter().map(|bet| (bet.id.to_string(), bet)));
                cursor = more;
                if cursor.is_none() {
                    break;
                }
            }
        }
        Ok(())
    }

    async fn act(&mut self, group: &[usize], wanted: Option<Kind>) -> Result<(), Failure> {
        self.heartbeat().await?;
        let (client, catalogue) = (&self.client, &self.catalogue);
        let acting = self.players.iter_mut().filter(|player| group.contains(&player.index));
        let acting = acting.map(|player| player.act(client, catalogue, wanted));
        let attempts: Vec<_> = futures::future::try_join_all(acting).await?.into_iter().flatten().collect();
        for attempt in attempts {
            let broke = matches!(&attempt.outcome, Outcome::Refused(code) if code == "INSUFFICIENT_FUNDS")
                && !attempt.kind.is_never_accepted();
            let player = attempt.player;
            self.tally.attempts.push(attempt);
            if broke {
                self.fund(player).await?;
            }
        }
        Ok(())
    }

    async fn fund(&mut self, player: usize) -> Result<(), Failure> {
        let Some(player) = self.players.get(player) else { return Ok(()) };
        self.credits += 1;
        let amount_cents = self.app.settings().rules.stake_min.get().saturating_mul(DEPOSIT_STAKES);
        let body = json!({"amount_cents": amount_cents, "currency": "EUR", "reason": "a player's deposit"});
        let path = format!("/v1/accounts/{}/credits", player.account_id);
        let key = format!("deposit-{}", self.credits);
        let answer = self.client.post(&self.finance_token, &path, &key, &body).await?;
        if answer.status == 201 { Ok(()) } else { Err(unexpected("POST", &path, &answer)) }
    }

    /// Partitions for the message's day, before anything of that day is written.
    async fn keep_partitions(&mut self, at: Timestamp) -> Result<(), Failure> {
        if day(at) != self.partitioned_day {
            let make = || self.app.ensure_partitions();
            self.client.patience().call("making partitions", make).await?;
            self.partitioned_day = day(at);
        }
        Ok(())
    }

    /// Adds what the source said last of every market that `said` leaves out.
    fn say_everything(&self, said: &mut Vec<SourceMarket>) {
        let told: BTreeSet<String> = said.iter().map(|market| market.key.clone()).collect();
        let rest = self.catalogue.iter().filter(|known| known.source.status == SourceStatus::Open);
        said.extend(rest.filter(|known| !told.contains(&known.source.key)).map(|known| known.source.clone()));
    }

    fn note(&mut self, market: &Published, source: SourceMarket, decided: &mut BTreeSet<MarketId>) {
        let before = self.catalogue.get(&market.source_key);
        let was_open = before.is_some_and(Known::is_on_sale);
        self.tally.snapshots += u64::from(market.version.is_some());
        self.went_off_sale += usize::from(was_open && market.status != MarketStatus::Open);
        let recorded = market.result == Recorded::Recorded;
        if recorded || !market.removed.is_empty() {
            decided.insert(market.market_id);
        }
        let outcomes = market.outcomes.iter().map(|(id, key)| (key.clone(), id.to_string())).collect();
        let house = House { market_id: market.market_id, status: market.status, recorded, outcomes };
        self.catalogue.note(source, house);
    }

    async fn pay(&self, decided: BTreeSet<MarketId>) -> Result<(), Failure> {
        if self.payer == Payer::Workers {
            return Ok(());
        }
        for market in decided {
            self.client.patience().call("paying a market", || self.app.pay_market(market)).await?;
        }
        Ok(())
    }
}

/// Pays every market that can be paid.
///
/// # Errors
/// When a datastore fails.
pub async fn pay_everything(app: &App) -> Result<u64, Failure> {
    pay_all(app, Patience::REPLAY, |_| true).await
}

/// Pays the wanted markets until nothing is left to pay of them.
async fn pay_all(app: &App, patience: Patience, wanted: impl Fn(&MarketId) -> bool) -> Result<u64, Failure> {
    let mut bets = 0;
    loop {
        let mut paid = 0;
        let markets = patience.call("looking for markets to pay", || app.markets_to_pay()).await?;
        for market in markets.into_iter().filter(&wanted) {
            paid += patience.call("paying a market", || app.pay_market(market)).await?.bets;
        }
        bets += paid;
        if paid == 0 {
            return Ok(bets);
        }
    }
}

/// What may be sold while the source says that it is late: nothing.
fn withheld(said: &[SourceMarket]) -> Vec<SourceMarket> {
    let withhold = |market: &SourceMarket| SourceMarket {
        status: if market.status == SourceStatus::Open { SourceStatus::Suspended } else { market.status },
        ..market.clone()
    };
    said.iter().map(withhold).collect()
}

const fn day(at: Timestamp) -> i64 {
    at.millis().div_euclid(86_400_000)
}
