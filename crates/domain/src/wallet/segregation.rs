//! Segregation: whether what came in for players and is still there covers what they are owed.

use super::AccountKind;
use crate::money::Cents;

/// The house's balance sheet in one currency, with the players' money apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Segregation {
    /// The players' cash.
    pub player: Cents,
    /// The stakes of open bets.
    pub hold: Cents,
    /// The players' bonus money.
    pub bonus: Cents,
    /// The face value of the players' free bets, which is never paid out and so is not owed.
    pub free_bet: Cents,
    /// What players owe: zero or less.
    pub debt: Cents,
    /// The clearing accounts: what came in through PSPs stands here below zero.
    pub psp_clearing: Cents,
    /// The house's own money.
    pub house: Cents,
    /// Fees taken.
    pub fees: Cents,
}

impl Segregation {
    /// Adds the balance of accounts of a kind; none where a sum leaves its range.
    #[must_use]
    pub fn with(mut self, kind: AccountKind, balance: Cents) -> Option<Self> {
        let sum = match kind {
            AccountKind::Player => &mut self.player,
            AccountKind::Hold => &mut self.hold,
            AccountKind::Bonus => &mut self.bonus,
            AccountKind::FreeBet => &mut self.free_bet,
            AccountKind::Debt => &mut self.debt,
            AccountKind::PspClearing => &mut self.psp_clearing,
            AccountKind::House => &mut self.house,
            AccountKind::Fees => &mut self.fees,
        };
        *sum = sum.checked_add(balance)?;
        Some(self)
    }

    /// What players are owed: cash, held stakes and bonus money.
    pub fn player_funds(&self) -> Option<Cents> {
        self.player.checked_add(self.hold)?.checked_add(self.bonus)
    }

    /// What came in through PSPs and did not go out again.
    pub const fn funds(&self) -> Option<Cents> {
        self.psp_clearing.checked_neg()
    }

    /// What the funds are above the player funds; below zero is what is missing.
    pub fn surplus(&self) -> Option<Cents> {
        self.funds()?.checked_sub(self.player_funds()?)
    }
}

#[cfg(test)]
mod tests {
    use super::Segregation;
    use crate::test_support::cents;
    use crate::wallet::AccountKind::{Bonus, Debt, Fees, FreeBet, Hold, House, Player, PspClearing};

    #[test]
    fn players_are_covered_by_what_came_in() {
        let table = [
            (vec![], 0, 0),
            (vec![(Player, 500), (PspClearing, -500)], 500, 0),
            (vec![(Player, 300), (Hold, 100), (House, 100), (PspClearing, -500)], 400, 100),
            // The house owes more than came in.
            (vec![(Player, 900), (Hold, 0), (House, -400), (PspClearing, -500)], 900, -400),
            (vec![(Player, 10), (Bonus, 5), (Fees, 2), (Debt, -7), (House, -10), (PspClearing, 0)], 15, -15),
            (vec![(Player, 10), (FreeBet, 5), (House, -5), (PspClearing, -10)], 10, 0),
            (vec![(Player, 1), (Player, 2), (PspClearing, -1), (PspClearing, -3), (House, 1)], 3, 1),
        ];
        for (balances, funds, surplus) in table {
            let sums = balances
                .iter()
                .try_fold(Segregation::default(), |sums, (kind, balance)| sums.with(*kind, cents(*balance)))
                .unwrap();
            assert_eq!(
                (sums.player_funds(), sums.surplus()),
                (Some(cents(funds)), Some(cents(surplus))),
                "{balances:?}"
            );
        }
    }

    #[test]
    fn what_leaves_the_range_is_not_told() {
        let most = Segregation::default().with(Player, cents(i64::MAX)).unwrap();
        assert_eq!(most.with(Player, cents(1)), None);
        assert_eq!(most.with(Hold, cents(1)).unwrap().surplus(), None);
        assert_eq!(Segregation::default().with(PspClearing, cents(i64::MIN)).unwrap().funds(), None);
    }
}
