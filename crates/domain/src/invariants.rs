//! The invariants, numbered once: tests, simulations, `overround doctor` and the operators' gauges speak
//! of this list.

/// Something that always holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Invariant {
    /// Its number, such as `L1`.
    pub id: &'static str,
    /// What holds, in one sentence.
    pub statement: &'static str,
}

macro_rules! invariants {
    ($($id:literal: $statement:literal,)*) => {
        &[$(Invariant { id: $id, statement: $statement }),*]
    };
}

/// Every invariant: L the ledger, B bets, M market data, E events, A the audit trail, P payments,
/// S the social side, C chat.
pub const INVARIANTS: &[Invariant] = invariants! {
    "L1": "a posting's entries sum to zero in each currency",
    "L2": "an account's balance is the sum of its entries",
    "L3": "no player account is below its floor, no debt above zero",
    "L4": "entries never change, and an account's account_seq has no gap",
    "L5": "the accounts of each cell together are zero in each currency",
    "B1": "one (account_id, key) has one effect and one answer",
    "B2": "an open bet's stake is in its account's hold, and a closed bet holds nothing",
    "B3": "what a bet's account was paid so far is the return of its latest settlement generation",
    "B4": "no bet was taken at a price, version or status that was not the market's",
    "B5": "the exposure of a market, in Redis at its version too, is what the bets come to that were open as of it",
    "B6": "no cell took more of a cap than its share, the shares are no more than the cap, and what was taken is what the bets took",
    "B7": "what an account's bets of a day may return together is what its row says, where the house bounds it",
    "M1": "a market's version never goes back, its row and fences say what its last version says, and what is held is not on sale",
    "M2": "nothing past its stale window is sold",
    "M3": "one process at a time loads a market from its origin while its lease lasts",
    "E1": "a change has its event, and no event lacks its change",
    "E2": "an aggregate's events come in order, and a duplicate has no effect",
    "A1": "audit objects are never overwritten, each audited event is a leaf exactly once, and every checkpoint verifies",
    "P1": "a PSP transaction moves money once",
    "S1": "nothing is visible before visible_from, and no masked stake leaves",
    "S2": "a leaderboard is its recomputation",
    "C1": "a room has one order, the same for everyone",
};

/// The ids of the invariants that `overround doctor` computes from the rows in PostgreSQL.
pub const CHECKED: &[&str] =
    &["L1", "L2", "L3", "L4", "L5", "B1", "B2", "B3", "B4", "B5", "B6", "B7", "M1", "E1"];

#[cfg(test)]
mod tests {
    use super::{CHECKED, INVARIANTS};
    use std::collections::BTreeSet;

    #[test]
    fn every_id_is_given_once() {
        let ids: BTreeSet<_> = INVARIANTS.iter().map(|invariant| invariant.id).collect();
        assert_eq!(ids.len(), INVARIANTS.len());
    }

    #[test]
    fn what_is_checked_is_on_the_list() {
        let ids: BTreeSet<_> = INVARIANTS.iter().map(|invariant| invariant.id).collect();
        assert!(CHECKED.iter().all(|id| ids.contains(id)));
    }
}
