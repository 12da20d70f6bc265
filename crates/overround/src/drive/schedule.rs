//! When players act: a number of attempts spread over the messages at which something is on sale.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Spreads attempts evenly over messages and deals them to the players.
#[derive(Debug)]
pub struct Schedule {
    attempts: u64,
    moments: u64,
    burst: usize,
    moment: u64,
    dealt: u64,
    players: Vec<usize>,
    next: usize,
    random: ChaCha8Rng,
}

impl Schedule {
    /// `attempts` over `moments` messages, `burst` players at once.
    pub fn new(seed: u64, attempts: u64, moments: u64, players: usize, burst: usize) -> Self {
        Self {
            attempts,
            moments: moments.max(1),
            burst: burst.clamp(1, players.max(1)),
            moment: 0,
            dealt: 0,
            players: (0..players).collect(),
            next: players,
            random: ChaCha8Rng::seed_from_u64(seed),
        }
    }

    /// The players who act at the next moment, in groups that act at once; nobody is twice in a group.
    pub fn next_moment(&mut self) -> Vec<Vec<usize>> {
        self.moment = (self.moment + 1).min(self.moments);
        let due = u128::from(self.attempts) * u128::from(self.moment) / u128::from(self.moments);
        let due = u64::try_from(due).unwrap_or(self.attempts);
        let size = self.burst as u64;
        let mut groups = Vec::new();
        // Whole groups, but for the last one of all.
        while due - self.dealt >= size || (self.moment == self.moments && due > self.dealt) {
            let group = self.group(size.min(due - self.dealt));
            self.dealt += group.len() as u64;
            groups.push(group);
        }
        groups
    }

    /// One more player, outside the count.
    pub fn one_more(&mut self) -> usize {
        self.group(1).into_iter().next().unwrap_or_default()
    }

    fn group(&mut self, size: u64) -> Vec<usize> {
        let size = usize::try_from(size).unwrap_or(self.burst);
        if self.next + size > self.players.len() {
            self.players.shuffle(&mut self.random);
            self.next = 0;
        }
        let group: Vec<usize> = self.players.iter().skip(self.next).take(size).copied().collect();
        self.next += group.len();
        group
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_attempt_is_dealt_and_nobody_acts_twice_at_once() {
        for (attempts, moments, players, burst) in
            [(400, 166, 20, 1), (7, 1_000, 3, 3), (50, 3, 8, 5), (5, 1, 1, 4)]
        {
            let mut schedule = Schedule::new(1, attempts, moments, players, burst);
            let groups: Vec<Vec<usize>> = (0..moments).flat_map(|_| schedule.next_moment()).collect();
            assert_eq!(groups.iter().map(Vec::len).sum::<usize>() as u64, attempts);
            for group in &groups {
                assert_eq!(group.iter().collect::<BTreeSet<_>>().len(), group.len());
            }
            assert!(schedule.next_moment().is_empty(), "moments past the last one deal nothing");
        }
    }

    #[test]
    fn attempts_are_spread_evenly() {
        let mut schedule = Schedule::new(1, 100, 1_000, 5, 1);
        let first_half: usize = (0..500).map(|_| schedule.next_moment().len()).sum();
        assert_eq!(first_half, 50);
    }

    #[test]
    fn a_seed_deals_the_same_again() {
        let deal = |seed| {
            let mut schedule = Schedule::new(seed, 60, 10, 6, 2);
            (0..10).map(|_| schedule.next_moment()).collect::<Vec<_>>()
        };
        assert_eq!(deal(7), deal(7));
        assert_ne!(deal(7), deal(8));
    }
}
