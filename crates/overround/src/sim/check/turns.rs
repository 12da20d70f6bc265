//! How an account's postings and its freezes can lie between each other. Each have an order of their own, by
//! their numbers; a posting stands where nothing stops it, and what is refused somewhere between the two.

use crate::sim::model::{Purse, Stops};

/// The turns of an account in a step.
pub(super) struct Turns {
    /// What was stopped: before the step, and after each freeze that changed it.
    stops: Vec<Stops>,
    /// What each posting changed the balance by; zero for what no freeze stops.
    amounts: Vec<i64>,
    /// How many freezes must come before the first posting, the second and so on, and the step's end.
    least: Vec<usize>,
}

impl Turns {
    pub(super) fn new(stops: Vec<Stops>) -> Self {
        Self { stops, amounts: Vec::new(), least: vec![0] }
    }

    /// The next posting: what can have been stopped in its turn. None: something stops it wherever it stands.
    pub(super) fn post(&mut self, amount: i64) -> Option<Stops> {
        let past = self.least.last().copied().unwrap_or(0);
        let mut later = self.stops.iter().enumerate().skip(past);
        let (place, stops) = later.find(|(_, stops)| stops.allow(amount))?;
        self.amounts.push(amount);
        self.least.push(place);
        Some(*stops)
    }

    /// What is stopped when all is done.
    pub(super) fn last(&self) -> Stops {
        self.stops.last().copied().unwrap_or_default()
    }

    /// Every state that a request can have met, of the purses before the step and after each posting.
    pub(super) fn met(&self, purses: &[Purse]) -> Vec<Purse> {
        let mut met = Vec::new();
        for ((purse, least), most) in purses.iter().zip(&self.least).zip(self.most()) {
            let mut seen: Vec<Stops> = Vec::new();
            for stops in self.stops.iter().take(most + 1).skip(*least) {
                if !seen.contains(stops) {
                    seen.push(*stops);
                    met.push(Purse { stops: *stops, ..purse.clone() });
                }
            }
        }
        met
    }

    /// How many freezes can have come before each posting, and the step's end, so that the postings after it
    /// are still allowed.
    fn most(&self) -> Vec<usize> {
        let mut most = vec![self.stops.len().saturating_sub(1)];
        for amount in self.amounts.iter().rev() {
            let before = most.last().copied().unwrap_or(0);
            let mut earlier = self.stops.iter().take(before + 1).enumerate();
            most.push(earlier.rfind(|(_, stops)| stops.allow(*amount)).map_or(0, |(place, _)| place));
        }
        most.reverse();
        most
    }
}
