//! The states of a market and of an outcome.

stored_enum! {
    /// The status of a market as the house shows it.
    MarketStatus {
        /// Known, not on sale (its event is offline).
        Inactive = "INACTIVE",
        /// On sale.
        Open = "OPEN",
        /// On sale but for the moment.
        Suspended = "SUSPENDED",
        /// No more bets; the result is awaited.
        Closed = "CLOSED",
        /// Its result is recorded.
        Settled = "SETTLED",
        /// Called off: its bets are void.
        Cancelled = "CANCELLED",
    }
}

stored_enum! {
    /// The status of one outcome.
    OutcomeStatus {
        /// Takes part.
        Active = "ACTIVE",
        /// A non-runner; does not come back.
        Removed = "REMOVED",
    }
}

impl MarketStatus {
    /// The changes of status that there are. A market opens and suspends as often as it must; once
    /// closed it comes back only by a correction of its source, once settled or cancelled only by a
    /// rollback of that.
    pub const TRANSITIONS: &'static [(Self, Self)] = &[
        (Self::Inactive, Self::Open),
        (Self::Inactive, Self::Suspended),
        (Self::Inactive, Self::Closed),
        (Self::Inactive, Self::Settled),
        (Self::Inactive, Self::Cancelled),
        (Self::Open, Self::Inactive),
        (Self::Open, Self::Suspended),
        (Self::Open, Self::Closed),
        (Self::Open, Self::Settled),
        (Self::Open, Self::Cancelled),
        (Self::Suspended, Self::Inactive),
        (Self::Suspended, Self::Open),
        (Self::Suspended, Self::Closed),
        (Self::Suspended, Self::Settled),
        (Self::Suspended, Self::Cancelled),
        (Self::Closed, Self::Open),
        (Self::Closed, Self::Suspended),
        (Self::Closed, Self::Settled),
        (Self::Closed, Self::Cancelled),
        (Self::Settled, Self::Closed),
        (Self::Settled, Self::Cancelled),
        (Self::Cancelled, Self::Closed),
    ];

    /// Whether a market of this status may become one of the other.
    pub fn can_become(self, other: Self) -> bool {
        Self::TRANSITIONS.contains(&(self, other))
    }

    /// Whether no more bets will be taken.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Closed | Self::Settled | Self::Cancelled)
    }
}

#[cfg(test)]
mod tests {
    use super::MarketStatus;
    use crate::test_support::transitions;

    #[test]
    fn a_market_opens_and_suspends_at_will_and_comes_back_only_by_a_correction() {
        // Rows and columns: INACTIVE, OPEN, SUSPENDED, CLOSED, SETTLED, CANCELLED.
        let expected = [".xxxxx", "x.xxxx", "xx.xxx", ".xx.xx", "...x.x", "...x.."];
        assert_eq!(transitions(MarketStatus::ALL, MarketStatus::can_become), expected);
    }

    #[test]
    fn what_is_over_takes_no_more_bets() {
        let over: Vec<_> = MarketStatus::ALL.iter().filter(|status| status.is_over()).collect();
        assert_eq!(over, [&MarketStatus::Closed, &MarketStatus::Settled, &MarketStatus::Cancelled]);
    }
}
