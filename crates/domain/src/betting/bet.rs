//! What a bet is and where it stands; its transitions as tables.

stored_enum! {
    /// How a bet's legs make its return.
    BetKind {
        /// One leg.
        Single = "SINGLE",
        /// Several legs, whose factors multiply.
        Parlay = "PARLAY",
    }
}

impl BetKind {
    /// The kind of a bet of that many legs.
    pub const fn of_legs(legs: usize) -> Self {
        if legs > 1 { Self::Parlay } else { Self::Single }
    }
}

stored_enum! {
    /// What kind of selection a leg is.
    LegType {
        /// An outcome of a market.
        Straight = "STRAIGHT",
        /// A part of a same-game parlay.
        Sgp = "SGP",
        /// A proposition on a player or a part of the game.
        Prop = "PROP",
    }
}

stored_enum! {
    /// Where a bet stands.
    BetStatus {
        /// Open.
        Pending = "PENDING",
        /// Decided, by score.
        Settled = "SETTLED",
        /// Every leg void, or never accepted.
        Void = "VOID",
    }
}

stored_enum! {
    /// Whether a bet was accepted.
    Acceptance {
        /// Held for the market's delay, its stake on hold.
        PendingAcceptance = "PENDING_ACCEPTANCE",
        /// Accepted.
        Accepted = "ACCEPTED",
        /// Refused at the end of the delay, its stake released.
        NotAccepted = "NOT_ACCEPTED",
    }
}

stored_enum! {
    /// How a settled bet ended.
    BetResult {
        /// It returned nothing.
        Lost = "LOST",
        /// Every leg won in full.
        Won = "WON",
        /// It returned its stake, by score.
        Pushed = "PUSHED",
        /// A single of which half won and half was returned.
        HalfWon = "HALF_WON",
        /// A single of which half lost and half was returned.
        HalfLost = "HALF_LOST",
        /// Taken early.
        CashedOut = "CASHED_OUT",
        /// Everything else.
        Partial = "PARTIAL",
    }
}

stored_enum! {
    /// What a void leg does to its bet.
    VoidPolicy {
        /// The whole bet is void.
        VoidAll = "VOID_ALL",
        /// The surviving legs are priced again.
        Reprice = "REPRICE",
        /// The leg counts 1, the others stand: straights and parlays.
        Leg = "LEG",
    }
}

impl BetStatus {
    /// The changes of status that there are: settling and voiding, and a settlement that changes its
    /// mind. All else is an error.
    pub const TRANSITIONS: &'static [(Self, Self)] = &[
        (Self::Pending, Self::Settled),
        (Self::Pending, Self::Void),
        (Self::Settled, Self::Pending),
        (Self::Settled, Self::Settled),
        (Self::Settled, Self::Void),
        (Self::Void, Self::Pending),
        (Self::Void, Self::Settled),
    ];

    /// Whether a bet of this status may become one of the other.
    pub fn can_become(self, other: Self) -> bool {
        Self::TRANSITIONS.contains(&(self, other))
    }
}

impl Acceptance {
    /// The changes of acceptance that there are: the end of the delay.
    pub const TRANSITIONS: &'static [(Self, Self)] =
        &[(Self::PendingAcceptance, Self::Accepted), (Self::PendingAcceptance, Self::NotAccepted)];

    /// Whether a bet of this acceptance may become one of the other.
    pub fn can_become(self, other: Self) -> bool {
        Self::TRANSITIONS.contains(&(self, other))
    }
}

#[cfg(test)]
mod tests {
    use super::{Acceptance, BetKind, BetStatus};
    use crate::test_support::transitions;

    #[test]
    fn a_settlement_may_change_its_mind_and_a_void_bet_is_void_once() {
        // Rows and columns: PENDING, SETTLED, VOID.
        let expected = [".xx", "xxx", "xx."];
        assert_eq!(transitions(BetStatus::ALL, BetStatus::can_become), expected);
    }

    #[test]
    fn the_end_of_the_delay_is_final() {
        // Rows and columns: PENDING_ACCEPTANCE, ACCEPTED, NOT_ACCEPTED.
        let expected = [".xx", "...", "..."];
        assert_eq!(transitions(Acceptance::ALL, Acceptance::can_become), expected);
    }

    #[test]
    fn several_legs_make_a_parlay() {
        let kinds = [1, 2, 20].map(BetKind::of_legs);
        assert_eq!(kinds, [BetKind::Single, BetKind::Parlay, BetKind::Parlay]);
    }
}
