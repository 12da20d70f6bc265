//! How players decide: what kind of bet, on what, for how much.

use super::attempt::{Kind, Leg, Outcome};
use super::catalogue::{Catalogue, Known};
use super::player::body;
use super::wire::{Board, Selection, Terms};
use overround_domain::markets::OutcomeStatus;
use overround_domain::odds::TERM_MAX;
use rand::RngExt;
use rand::seq::{IndexedRandom, SliceRandom};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

const POLICIES: [&str; 4] = ["NONE", "HIGHER", "ANY", "WITHIN_5"];
/// The most legs of a parlay.
const LEGS_MAX: usize = 3;
/// What a player asks for where the board has no price.
const NO_PRICE: Terms = Terms { num: 2, den: 1 };

/// A bet that was decided on.
#[derive(Debug)]
pub struct Plan {
    /// Its kind.
    pub kind: Kind,
    /// The stake.
    pub stake_cents: i64,
    /// The price policy.
    pub policy: String,
    /// The legs.
    pub legs: Vec<Leg>,
    /// The request.
    pub body: Value,
    /// The prices on the boards that were read, by leg; none where there is none.
    current: Vec<Option<Terms>>,
}

impl Plan {
    /// What a sound house would not have answered.
    pub fn surprise(&self, outcome: &Outcome) -> Option<String> {
        let mut legs = self.legs.iter().zip(&self.current);
        let allowed = legs.all(|(leg, now)| now.is_some_and(|now| leg.price.takes(now, &self.policy)));
        match outcome {
            Outcome::Accepted(_) if self.kind.is_never_accepted() => {
                Some(format!("a bet of kind {} was accepted", self.kind.as_str()))
            }
            Outcome::Accepted(_) if !allowed => {
                Some(format!("a bet was accepted at a price that its policy {} forbids", self.policy))
            }
            Outcome::Accepted(placed) => self.wrong_terms(placed.payout_cents, &placed.prices),
            Outcome::Refused(code) if code == "PRICE_CHANGED" && allowed => {
                Some(format!("a bet was refused at a price that its policy {} takes", self.policy))
            }
            Outcome::Refused(_) | Outcome::Replayed => None,
        }
    }

    fn wrong_terms(&self, payout_cents: i64, prices: &[Terms]) -> Option<String> {
        let filled: Vec<Option<Terms>> = prices.iter().copied().map(Some).collect();
        if filled != self.current {
            return Some("a bet was filled at another price than the board's".to_owned());
        }
        let stake = u128::try_from(self.stake_cents).ok()?;
        let (num, den) = prices.iter().try_fold((stake, 1_u128), |(num, den), price| {
            Some((num.checked_mul(price.num.into())?, den.checked_mul(price.den.into())?))
        })?;
        let expected = num / den.max(1);
        (u128::try_from(payout_cents) != Ok(expected))
            .then(|| format!("a bet's potential payout is {payout_cents} and not {expected}"))
    }
}

/// What decisions are made from.
pub struct Decide<'a> {
    /// The markets.
    pub catalogue: &'a Catalogue,
    /// The house's least stake.
    pub stake_cents_min: i64,
}

impl<'a> Decide<'a> {
    /// Draws a kind of attempt that is possible now.
    pub fn kind(&self, random: &mut ChaCha8Rng, has_kept: bool) -> Kind {
        let drawn = Kind::WEIGHTED
            .choose_weighted(random, |(_, weight)| *weight)
            .map_or(Kind::Single, |(kind, _)| *kind);
        let events = self.catalogue.events_on_sale();
        let possible = match drawn {
            Kind::Parlay if events.len() < 2 && random.random_ratio(1, 3) => return Kind::Correlated,
            Kind::Parlay => events.len() >= 2,
            Kind::RepeatedKey | Kind::ReusedKey => has_kept,
            // A house that takes a single cent cannot be undercut.
            Kind::BelowMinimum => self.stake_cents_min > 1,
            Kind::NonRunner => !self.catalogue.with_non_runner().is_empty(),
            Kind::NotOnSale => !self.catalogue.on_sale(false).is_empty(),
            _ => true,
        };
        match (possible, events.is_empty(), drawn) {
            (_, true, Kind::RepeatedKey | Kind::ReusedKey) if has_kept => drawn,
            (_, true, _) => Kind::NotOnSale,
            (true, false, kind) => kind,
            (false, false, _) => Kind::Single,
        }
    }

    /// Draws the markets of an attempt, one a leg; none when there is none of the sort.
    pub fn markets(&self, random: &mut ChaCha8Rng, kind: Kind) -> Option<Vec<&'a Known>> {
        let one = |markets: Vec<&'a Known>, random: &mut ChaCha8Rng| {
            markets.choose(random).map(|market| vec![*market])
        };
        match kind {
            Kind::Parlay => {
                let mut events: Vec<_> = self.catalogue.events_on_sale().into_values().collect();
                events.shuffle(random);
                let legs = random.random_range(2..=LEGS_MAX).min(events.len());
                events.iter().take(legs).map(|markets| markets.choose(random).copied()).collect()
            }
            Kind::Correlated => {
                let events: Vec<_> = self.catalogue.events_on_sale().into_values().collect();
                let markets = events.choose(random)?;
                let first = *markets.choose(random)?;
                let other = *markets.choose(random)?;
                Some(vec![first, other])
            }
            Kind::NonRunner => one(self.catalogue.with_non_runner(), random),
            Kind::NotOnSale => one(self.catalogue.on_sale(false), random),
            _ => one(self.catalogue.on_sale(true), random),
        }
    }

    /// Decides on a bet; none when the boards leave nothing to choose.
    pub fn plan(
        &self,
        random: &mut ChaCha8Rng,
        kind: Kind,
        boards: &[(&'a Known, Board)],
        seen: &[&Board],
        balance_cents: i64,
    ) -> Option<Plan> {
        let mut legs = Vec::new();
        let mut current = Vec::new();
        if kind == Kind::NotOnSale && boards.iter().any(|(_, board)| board.status == "OPEN") {
            // A trader let it go on since the source last spoke of it.
            return None;
        }
        for (market, board) in boards {
            let taken: Vec<&str> = legs.iter().map(|(_, _, outcome, _): &Wire| outcome.as_str()).collect();
            let (selection, outcome) = select(random, kind, market, board, &taken)?;
            let (price, version) = asked(random, kind, board, selection, seen);
            current.push(selection.price);
            let leg = Leg { market: market.source.key.clone(), outcome, price, version };
            legs.push((leg, market.id.clone(), selection.id.clone(), selection.line.clone()));
        }
        let policy = policy(random, kind);
        let stake_cents = self.stake(random, kind, balance_cents);
        let body = body(stake_cents, policy, &legs);
        let legs = legs.into_iter().map(|(leg, ..)| leg).collect();
        Some(Plan { kind, stake_cents, policy: policy.to_owned(), legs, body, current })
    }

    fn stake(&self, random: &mut ChaCha8Rng, kind: Kind, balance_cents: i64) -> i64 {
        let usual = self.stake_cents_min.saturating_mul(20);
        match kind {
            Kind::AboveBalance => balance_cents.saturating_add(random.random_range(1..=100)),
            Kind::BelowMinimum => random.random_range(1..self.stake_cents_min.max(2)),
            _ => random.random_range(self.stake_cents_min..=usual),
        }
    }
}

/// A leg and its ids on the wire: market, outcome, line.
type Wire = (Leg, String, String, Option<String>);

fn policy(random: &mut ChaCha8Rng, kind: Kind) -> &'static str {
    match kind {
        Kind::OlderVersion => "NONE",
        _ => POLICIES.choose(random).copied().unwrap_or("NONE"),
    }
}

/// Draws an outcome of the board that suits the kind; its source key with it.
fn select<'b>(
    random: &mut ChaCha8Rng,
    kind: Kind,
    market: &Known,
    board: &'b Board,
    taken: &[&str],
) -> Option<(&'b Selection, String)> {
    let listed = market.source.outcomes.iter().filter_map(|source| {
        let id = market.house.outcomes.get(&source.key)?;
        Some((board.outcomes.iter().find(|one| one.id == *id)?, source))
    });
    let suits = |selection: &Selection, status: OutcomeStatus| match kind {
        Kind::NonRunner => status == OutcomeStatus::Removed,
        Kind::NotOnSale => status == OutcomeStatus::Active,
        _ => selection.price.is_some() && !taken.contains(&selection.id.as_str()),
    };
    let suitable: Vec<_> = listed.filter(|(selection, source)| suits(selection, source.status)).collect();
    suitable.choose(random).map(|(selection, source)| (*selection, source.key.clone()))
}

/// The price and the version that the player names.
fn asked(
    random: &mut ChaCha8Rng,
    kind: Kind,
    board: &Board,
    selection: &Selection,
    seen: &[&Board],
) -> (Terms, i64) {
    let now = selection.price.unwrap_or(NO_PRICE);
    match kind {
        Kind::FutureVersion => (now, board.version + random.random_range(1..=5)),
        Kind::MovedPrice => (moved(random, now), board.version),
        Kind::OlderVersion => {
            let older = seen.iter().filter(|old| old.id == board.id && old.version < board.version);
            let priced = older.filter_map(|old| {
                let then = old.outcomes.iter().find(|one| one.id == selection.id)?;
                Some((then.price?, old.version))
            });
            let priced: Vec<_> = priced.collect();
            priced.choose(random).copied().unwrap_or((now, board.version))
        }
        _ => (now, board.version),
    }
}

/// Another price: a tenth higher, or half as far above 1.
fn moved(random: &mut ChaCha8Rng, now: Terms) -> Terms {
    let higher = Terms { num: now.num.saturating_mul(11), den: now.den.saturating_mul(10) };
    let lower = Terms { num: now.num.saturating_add(now.den), den: now.den.saturating_mul(2) };
    let drawn = if random.random_ratio(1, 2) { higher } else { lower };
    if drawn.num <= TERM_MAX && drawn.den <= TERM_MAX { drawn } else { now }
}
