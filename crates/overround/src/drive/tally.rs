//! What a run came to, counted.

use super::attempt::{Attempt, Outcome, Placed};
use super::catalogue::{Catalogue, Known};
use super::oracle::{Filled, expected_return};
use super::wire::BetState;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};

/// At most so many surprises and mismatches are told in words.
const TOLD_MAX: usize = 20;

/// Counts of one run.
#[derive(Debug, Default)]
pub struct Tally {
    /// Messages applied.
    pub messages: u64,
    /// Versions sold: one row and one snapshot each.
    pub snapshots: u64,
    /// Every attempt, in order.
    pub attempts: Vec<Attempt>,
    /// How the accepted bets stand, by id.
    pub bets: HashMap<String, BetState>,
}

/// Bets by what became of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bets {
    /// Requests sent: accepted, replayed and refused ones.
    pub submitted: u64,
    /// Taken.
    pub accepted: u64,
    /// Requests that were answered with an earlier request's answer.
    pub replayed: u64,
    /// Accepted and closed: won, lost, void and partial ones.
    pub settled: u64,
    /// Every leg won at its full price.
    pub won: u64,
    /// Returned nothing.
    pub lost: u64,
    /// Every leg void.
    pub void: u64,
    /// Closed in another way: dead heats, parlays with a void leg.
    pub partial: u64,
    /// Accepted and still open.
    pub open: u64,
    /// Refused, by code.
    pub refused: BTreeMap<String, u64>,
    /// Stakes of accepted bets.
    pub handle_cents: i64,
    /// Stakes of those still open.
    pub held_cents: i64,
    /// Returns of closed bets.
    pub payout_cents: i64,
}

/// Bets that did not return what the source's winners say, in words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mismatches {
    /// Those that have no excuse.
    pub wrong: Vec<String>,
    /// Those on a market that somebody else gave its result.
    pub anothers: Vec<String>,
}

impl Mismatches {
    /// All of them.
    pub fn all(self) -> Vec<String> {
        [self.wrong, self.anothers].concat()
    }
}

impl Bets {
    /// Stakes of closed bets less their returns.
    pub const fn ggr_cents(&self) -> i64 {
        self.handle_cents - self.held_cents - self.payout_cents
    }
}

impl Tally {
    /// Bets by what became of them. A bet whose state was not read counts as open.
    pub fn bets(&self) -> Bets {
        let mut bets = Bets::default();
        for attempt in &self.attempts {
            bets.submitted += 1;
            match &attempt.outcome {
                Outcome::Replayed => bets.replayed += 1,
                Outcome::Refused(code) => *bets.refused.entry(code.clone()).or_default() += 1,
                Outcome::Accepted(placed) => {
                    bets.accepted += 1;
                    bets.handle_cents += attempt.stake_cents;
                    count(&mut bets, attempt.stake_cents, self.bets.get(&placed.id));
                }
            }
        }
        bets
    }

    /// SHA-256 over the list of attempts and outcomes, and the returns of the accepted ones.
    pub fn attempts_hash(&self) -> String {
        let mut hash = Sha256::new();
        for attempt in &self.attempts {
            hash.update(format!("{attempt}\n"));
        }
        for (number, (_, placed)) in self.accepted().enumerate() {
            let state = self.bets.get(&placed.id);
            let told = state.map_or("?", |state| state.result.as_deref().unwrap_or(&state.status));
            let returned = state.map_or(0, |state| state.return_cents);
            hash.update(format!("{number} {told} {returned}\n"));
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// What a sound house would not have answered.
    pub fn surprises(&self) -> Vec<String> {
        let told = self
            .attempts
            .iter()
            .filter_map(|attempt| attempt.surprise.as_ref().map(|surprise| format!("{surprise}: {attempt}")));
        told.take(TOLD_MAX).collect()
    }

    /// Accepted bets that did not return what the source's winners say, in words.
    pub fn mismatches(&self, catalogue: &Catalogue) -> Mismatches {
        let mut mismatches = Mismatches::default();
        for (attempt, placed) in self.accepted() {
            let legs = attempt.legs.iter().zip(&placed.prices);
            let legs: Vec<Filled<'_>> =
                legs.map(|(leg, price)| (leg.market.as_str(), leg.outcome.as_str(), *price)).collect();
            let expected = expected_return(catalogue, attempt.stake_cents, &legs);
            let state = self.bets.get(&placed.id);
            let returned = state.filter(|state| state.status != "PENDING").map(|state| state.return_cents);
            if expected == returned {
                continue;
            }
            let mut markets = attempt.legs.iter().filter_map(|leg| catalogue.get(&leg.market));
            let told = if markets.any(Known::is_anothers) {
                &mut mismatches.anothers
            } else {
                &mut mismatches.wrong
            };
            if told.len() < TOLD_MAX {
                told.push(format!(
                    "returned {returned:?} where the recording says {expected:?} (minor units): {attempt}"
                ));
            }
        }
        mismatches
    }

    fn accepted(&self) -> impl Iterator<Item = (&Attempt, &Placed)> {
        self.attempts.iter().filter_map(|attempt| match &attempt.outcome {
            Outcome::Accepted(placed) => Some((attempt, placed)),
            _ => None,
        })
    }
}

fn count(bets: &mut Bets, stake_cents: i64, state: Option<&BetState>) {
    let Some(state) = state.filter(|state| state.status != "PENDING") else {
        bets.open += 1;
        bets.held_cents += stake_cents;
        return;
    };
    bets.settled += 1;
    bets.payout_cents += state.return_cents;
    match (state.status.as_str(), state.result.as_deref()) {
        ("VOID", _) => bets.void += 1,
        (_, Some("WON")) => bets.won += 1,
        (_, Some("LOST")) => bets.lost += 1,
        _ => bets.partial += 1,
    }
}

#[cfg(test)]
mod tests {
    use super::super::attempt::{Kind, Leg};
    use super::super::wire::Terms;
    use super::*;
    use overround_domain::ids::BetId;
    use uuid::Uuid;

    fn attempt(id: &str, outcome: Outcome) -> Attempt {
        let price = Terms { num: 2, den: 1 };
        let legs = vec![Leg { market: "m".to_owned(), outcome: id.to_owned(), price, version: 1 }];
        let (kind, policy) = (Kind::Single, "NONE".to_owned());
        Attempt { player: 0, key: 1, kind, stake_cents: 100, policy, legs, outcome, surprise: None }
    }

    fn accepted(id: &str) -> Attempt {
        let prices = vec![Terms { num: 2, den: 1 }];
        attempt("o", Outcome::Accepted(Placed { id: id.to_owned(), payout_cents: 200, prices }))
    }

    fn state(id: &str, status: &str, result: Option<&str>, return_cents: i64) -> (String, BetState) {
        let state = BetState {
            id: BetId::from_uuid(Uuid::nil()),
            status: status.to_owned(),
            result: result.map(str::to_owned),
            return_cents,
        };
        (id.to_owned(), state)
    }

    #[test]
    fn every_attempt_counts_once_and_the_money_adds_up() {
        let tally = Tally {
            attempts: vec![
                accepted("a"),
                accepted("b"),
                accepted("c"),
                accepted("d"),
                attempt("o", Outcome::Replayed),
                attempt("o", Outcome::Refused("PRICE_CHANGED".to_owned())),
            ],
            bets: HashMap::from([
                state("a", "SETTLED", Some("WON"), 200),
                state("b", "SETTLED", Some("LOST"), 0),
                state("c", "VOID", None, 100),
                state("d", "PENDING", None, 0),
            ]),
            ..Tally::default()
        };
        let bets = tally.bets();
        assert_eq!((bets.submitted, bets.accepted, bets.replayed, bets.settled, bets.open), (6, 4, 1, 3, 1));
        assert_eq!((bets.won, bets.lost, bets.void, bets.partial), (1, 1, 1, 0));
        assert_eq!(
            (bets.handle_cents, bets.held_cents, bets.payout_cents, bets.ggr_cents()),
            (400, 100, 300, 0)
        );
        assert_eq!(bets.refused, BTreeMap::from([("PRICE_CHANGED".to_owned(), 1)]));
    }

    #[test]
    fn the_hash_is_of_what_happened_and_not_of_ids() {
        let run = |id: &str, returned| {
            let bets = HashMap::from([state(id, "SETTLED", Some("WON"), returned)]);
            Tally { attempts: vec![accepted(id)], bets, ..Tally::default() }.attempts_hash()
        };
        assert_eq!(run("a", 200), run("b", 200));
        assert_ne!(run("a", 200), run("a", 199));
    }
}
