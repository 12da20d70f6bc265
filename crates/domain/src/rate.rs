//! Rates: how many requests of somebody are taken, by the generic cell rate algorithm (GCRA, ITU-T I.371).
//!
//! What somebody has spent is one duration, the debt: each request adds what it takes at the rate, and time takes it
//! away. Who would owe more than a whole burst has to wait. Durations are whole microseconds.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

const SECOND_US: i64 = 1_000_000;
/// The highest rate and the largest burst: a request takes a microsecond at least.
const MOST: u32 = 1_000_000;
/// How many bursts may be owed. More is no debt but a clock that was set back, and is forgiven.
const BURSTS_OWED_MAX: i64 = 4;

/// How many requests a second, and how many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    per_s: NonZeroU32,
    burst: NonZeroU32,
}

/// A text that is no rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a rate is requests a second and requests at once, such as 10/100, both from 1 to 1000000")]
pub struct NoRate;

/// Where somebody stands under a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Whether the request is taken.
    pub allowed: bool,
    /// How many more would be, at once.
    pub remaining: u32,
    /// After how many microseconds nothing is owed any more.
    pub reset_us: i64,
    /// After how many microseconds the next request is taken; 0 if it would be now.
    pub retry_after_us: i64,
}

impl Rate {
    /// So many requests a second, and so many at once.
    ///
    /// # Errors
    /// When either is not 1 to 1,000,000.
    pub const fn new(per_s: u32, burst: u32) -> Result<Self, NoRate> {
        match (NonZeroU32::new(per_s), NonZeroU32::new(burst)) {
            (Some(one), Some(other)) if per_s <= MOST && burst <= MOST => {
                Ok(Self { per_s: one, burst: other })
            }
            _ => Err(NoRate),
        }
    }

    /// Requests a second.
    pub const fn per_s(self) -> u32 {
        self.per_s.get()
    }

    /// Requests at once.
    pub const fn burst(self) -> u32 {
        self.burst.get()
    }

    /// How long so many requests take at this rate. One takes whole microseconds: rates above some thousands are a little
    /// higher than they say.
    pub const fn cost_us(self, requests: u32) -> i64 {
        requests as i64 * (SECOND_US / self.per_s() as i64)
    }

    /// The most that may be owed: a burst's cost.
    pub const fn tolerance_us(self) -> i64 {
        self.cost_us(self.burst())
    }

    /// The most that is counted as owed, whoever says so.
    pub const fn owed_max_us(self) -> i64 {
        self.tolerance_us() * BURSTS_OWED_MAX
    }

    /// Where somebody stands who owes so much, after a request that was taken or not.
    pub fn standing(self, allowed: bool, debt_us: i64) -> Standing {
        let room_us = (self.tolerance_us() - debt_us).max(0);
        let remaining = room_us / self.cost_us(1);
        Standing {
            allowed,
            remaining: u32::try_from(remaining).unwrap_or(self.burst()),
            reset_us: debt_us.max(0),
            retry_after_us: (debt_us + self.cost_us(1) - self.tolerance_us()).max(0),
        }
    }

    /// What is owed after one more request; none if that is more than a burst.
    pub fn take(self, debt_us: i64) -> Option<i64> {
        let debt_us = debt_us.max(0) + self.cost_us(1);
        (debt_us <= self.tolerance_us()).then_some(debt_us)
    }
}

impl FromStr for Rate {
    type Err = NoRate;
    fn from_str(text: &str) -> Result<Self, NoRate> {
        let (per_s, burst) = text.split_once('/').ok_or(NoRate)?;
        let number = |text: &str| text.trim().parse().map_err(|_| NoRate);
        Self::new(number(per_s)?, number(burst)?)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.per_s, self.burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_taken_at_once_and_then_one_at_each_interval() {
        let rate = Rate::new(4, 3).unwrap();
        let mut debt_us = 0;
        for remaining in [2, 1, 0] {
            debt_us = rate.take(debt_us).unwrap();
            assert_eq!(rate.standing(true, debt_us).remaining, remaining);
        }
        assert_eq!(rate.take(debt_us), None);
        let standing = rate.standing(false, debt_us);
        assert_eq!((standing.reset_us, standing.retry_after_us), (750_000, 250_000));
        assert_eq!(rate.take(debt_us - 249_999), None);
        assert_eq!(rate.take(debt_us - 250_000), Some(750_000));
    }

    #[test]
    fn every_rate_takes_its_burst_and_no_more() {
        for (per_s, burst) in [(3, 7), (7, 1), (1_000_000, 1_000_000), (1, 1), (999, 1_000), (300_000, 1_000)]
        {
            let rate = Rate::new(per_s, burst).unwrap();
            let taken = std::iter::successors(rate.take(0), |debt_us| rate.take(*debt_us)).count();
            assert_eq!(taken, burst as usize, "{rate}");
        }
    }

    #[test]
    fn a_rate_is_two_numbers() {
        let rate: Rate = "10/100".parse().unwrap();
        assert_eq!((rate.per_s(), rate.burst(), rate.to_string().as_str()), (10, 100, "10/100"));
        for text in ["", "10", "10/", "0/1", "1/0", "1/1000001", "-1/1", "1/1/1", "a/b"] {
            assert_eq!(text.parse::<Rate>(), Err(NoRate), "{text}");
        }
    }
}
