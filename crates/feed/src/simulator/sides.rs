//! The two sides of a match.

/// Something of the two sides: goals or games, names, strengths.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sides<T> {
    pub(super) home: T,
    pub(super) away: T,
}

/// One of the two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Home,
    Away,
}

impl Side {
    /// The other one.
    pub(super) const fn other(self) -> Self {
        match self {
            Self::Home => Self::Away,
            Self::Away => Self::Home,
        }
    }
}

impl<T> Sides<T> {
    /// What it is of one side.
    pub(super) const fn of(&self, side: Side) -> &T {
        match side {
            Side::Home => &self.home,
            Side::Away => &self.away,
        }
    }

    /// The same, to be changed.
    pub(super) const fn of_mut(&mut self, side: Side) -> &mut T {
        match side {
            Side::Home => &mut self.home,
            Side::Away => &mut self.away,
        }
    }
}
