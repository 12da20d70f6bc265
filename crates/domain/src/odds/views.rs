//! Views of a price: decimal, American and fractional. They are shown and read, never computed with.

use super::Price;
use num_integer::Integer;

/// Why a text is no price.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ViewError {
    /// Not a decimal number with at most six places.
    #[error("a decimal price is a number above 1 with at most six places, such as 1.91")]
    Decimal,
    /// Not a whole number of at least 100 either way.
    #[error("an American price is a whole number, 100 or more, or -100 or less, such as -110")]
    American,
    /// Not two whole numbers.
    #[error("a fractional price is two whole numbers, such as 10/11")]
    Fractional,
}

/// Reads a decimal price, such as `1.91`.
///
/// # Errors
/// When it is no number above 1, or cannot be kept exactly with terms of at most 10^6.
pub fn from_decimal(text: &str) -> Result<Price, ViewError> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || text.ends_with('.') {
        return Err(ViewError::Decimal);
    }
    let fraction = fraction.trim_end_matches('0');
    let places = u32::try_from(fraction.len()).map_err(|_| ViewError::Decimal)?;
    let den = 10_u64.checked_pow(places).ok_or(ViewError::Decimal)?;
    let number: u64 = format!("{whole}{fraction}").parse().map_err(|_| ViewError::Decimal)?;
    reduced(number, den).ok_or(ViewError::Decimal)
}

/// Reads an American price: `A > 0` is `1 + A/100`, `A < 0` is `1 + 100/|A|`; `|A| < 100` is none.
///
/// # Errors
/// When it is no whole number of at least 100 either way, or too large to be kept.
pub fn from_american(text: &str) -> Result<Price, ViewError> {
    let american: i64 = text.parse().map_err(|_| ViewError::American)?;
    let size = american.unsigned_abs();
    if size < 100 {
        return Err(ViewError::American);
    }
    let (profit, stake) = if american > 0 { (size, 100) } else { (100, size) };
    let total = profit.checked_add(stake).ok_or(ViewError::American)?;
    reduced(total, stake).ok_or(ViewError::American)
}

/// Reads a fractional price: winnings to stake, such as `10/11`.
///
/// # Errors
/// When it is not two whole numbers above 0, or too large to be kept.
pub fn from_fractional(text: &str) -> Result<Price, ViewError> {
    let (profit, stake) = text.split_once('/').ok_or(ViewError::Fractional)?;
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse::<u64>().ok()).flatten().ok_or(ViewError::Fractional)
    };
    let (profit, stake) = (number(profit)?, number(stake)?);
    let total = profit.checked_add(stake).ok_or(ViewError::Fractional)?;
    if profit == 0 || stake == 0 {
        return Err(ViewError::Fractional);
    }
    reduced(total, stake).ok_or(ViewError::Fractional)
}

fn reduced(num: u64, den: u64) -> Option<Price> {
    let divisor = num.gcd(&den).max(1);
    Price::new(u32::try_from(num / divisor).ok()?, u32::try_from(den / divisor).ok()?).ok()
}

impl Price {
    /// The decimal view, with two places or as many as the price needs, at most six: `1.91`, `2.00`,
    /// `1.909091` for 21/11, rounded half up.
    pub fn decimal(self) -> String {
        let (num, den) = (u64::from(self.num()), u64::from(self.den()));
        let millionths = (num * 2_000_000 + den) / (2 * den);
        let (whole, fraction) = (millionths / 1_000_000, format!("{:06}", millionths % 1_000_000));
        let kept = fraction.trim_end_matches('0').len().max(2);
        format!("{whole}.{}", fraction.get(..kept).unwrap_or(&fraction))
    }

    /// The American view, rounded half away from zero: `-110` for 21/11, `+150` for 5/2.
    pub fn american(self) -> String {
        let (num, den) = (u64::from(self.num()), u64::from(self.den()));
        let rounded = |n: u64, d: u64| (n * 200 + d) / (2 * d);
        let profit = num - den;
        if profit >= den {
            format!("+{}", rounded(profit, den))
        } else {
            format!("-{}", rounded(den, profit))
        }
    }

    /// The fractional view, winnings to stake in lowest terms: `10/11` for 21/11.
    pub fn fractional(self) -> String {
        format!("{}/{}", self.num() - self.den(), self.den())
    }
}
