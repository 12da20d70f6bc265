//! The house's margin on a book, and how it is spread over the outcomes.

/// Hundredths of a per cent in one.
pub(super) const BPS: u32 = 10_000;

stored_enum! {
    /// How the margin is spread over the outcomes of a book.
    MarginMethod {
        /// Each probability is multiplied by the same factor.
        Proportional = "PROPORTIONAL",
        /// Each probability is raised to the same power, which takes more from long shots than from favourites.
        Power = "POWER",
    }
}

/// How large a margin is: by how much the probabilities of a book that is sold add up to more than they should, in
/// hundredths of a per cent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MarginBps(u32);

/// A margin that nobody means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a margin is at most {} hundredths of a per cent", MarginBps::MAX.0)]
pub struct MarginError;

impl MarginBps {
    /// No margin.
    pub const ZERO: Self = Self(0);
    /// The largest: 50 %.
    pub const MAX: Self = Self(5_000);

    /// The margin of that many hundredths of a per cent.
    ///
    /// # Errors
    /// When it is above [`MarginBps::MAX`].
    pub const fn new(bps: u32) -> Result<Self, MarginError> {
        if bps > Self::MAX.0 { Err(MarginError) } else { Ok(Self(bps)) }
    }

    /// The number of hundredths of a per cent.
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// A margin, and how it is spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Margin {
    /// How it is spread.
    pub method: MarginMethod,
    /// How large it is.
    pub bps: MarginBps,
}

impl Margin {
    /// What a house starts with: 4 %, proportional, so that prices add up to 104 %.
    pub const HOUSE: Self = Self { method: MarginMethod::Proportional, bps: MarginBps(400) };
}
