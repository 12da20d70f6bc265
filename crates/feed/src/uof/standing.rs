//! How the producers of the feed stand to each other.

use super::market::PREMATCH;
use std::collections::BTreeSet;

/// Which producer comes before which, and which of them may be trusted.
#[derive(Debug, Clone, Default)]
pub(super) struct Standing {
    /// The best first.
    ranked: Vec<u32>,
    up: BTreeSet<u32>,
}

impl Standing {
    pub(super) fn new(ranked: Vec<u32>) -> Self {
        Self { ranked, up: BTreeSet::new() }
    }

    pub(super) fn is_up(&self, producer: u32) -> bool {
        self.up.contains(&producer)
    }

    /// Returns whether that changes anything.
    pub(super) fn set(&mut self, producer: u32, up: bool) -> bool {
        if up { self.up.insert(producer) } else { self.up.remove(&producer) }
    }

    /// The lower, the better: the ranked ones in their order, then the others by number, then the one of prices before
    /// the start.
    pub(super) fn rank(&self, producer: u32) -> (usize, bool, u32) {
        let place = self.ranked.iter().position(|one| *one == producer).unwrap_or(self.ranked.len());
        (place, producer == PREMATCH, producer)
    }
}
