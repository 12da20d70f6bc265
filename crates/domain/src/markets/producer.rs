//! Whether a live producer of market data may be trusted.

stored_enum! {
    /// The health of a producer. Its markets are on sale only while it is up.
    ProducerState {
        /// It is alive, and nothing that it said is missing.
        Up = "UP",
        /// It is alive, and what it said meanwhile is not here yet.
        Recovering = "RECOVERING",
        /// It is silent, or was never heard.
        Down = "DOWN",
    }
}

impl ProducerState {
    /// The changes of state that there are. What was silent comes up by a recovery, and in no other way.
    pub const TRANSITIONS: &'static [(Self, Self)] = &[
        (Self::Down, Self::Recovering),
        (Self::Recovering, Self::Up),
        (Self::Recovering, Self::Down),
        (Self::Up, Self::Recovering),
        (Self::Up, Self::Down),
    ];

    /// Whether a producer of this state may become one of the other.
    pub fn can_become(self, other: Self) -> bool {
        Self::TRANSITIONS.contains(&(self, other))
    }
}

#[cfg(test)]
mod tests {
    use super::ProducerState;
    use crate::test_support::transitions;

    #[test]
    fn a_producer_comes_up_by_a_recovery_only() {
        // Rows and columns: UP, RECOVERING, DOWN.
        assert_eq!(transitions(ProducerState::ALL, ProducerState::can_become), [".xx", "x.x", ".x."]);
    }
}
