//! The registry of typed ids.
//!
//! An id is a UUIDv7 (RFC 9562). On the wire it is a prefix that names its kind and 22 characters of
//! base 58, so that a bet's id can never pass for a market's.

use crate::time::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// Characters of an id after its prefix: 58^22 is the first power of 58 above 2^128.
const ENCODED_LEN: usize = 22;

/// Why a text is not an id of the kind that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text carries another kind's prefix, or none.
    #[error("expected an id that starts with \"{expected}_\", got {found}")]
    WrongPrefix {
        /// The prefix of the kind that was asked for, without its underscore.
        expected: &'static str,
        /// What stood there instead, quoted and cut to a sane length.
        found: String,
    },
    /// The prefix is right and what follows is not 22 characters of base 58.
    #[error("the id after \"{0}_\" is not 22 characters of base 58")]
    Malformed(&'static str),
}

/// The digits of base 58: no 0, O, I or l.
const DIGITS: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
/// Ten digits fit 64 bits, which divide far faster than 128.
const TEN_DIGITS: u128 = 58_u128.pow(10);

/// The number in base 58, padded with the digit for zero. Bets, their answers and their requests are full of
/// ids, and `bs58`, which is for numbers of any length, took a tenth of the server's time; the tests compare.
fn digits(id: Uuid) -> [u8; ENCODED_LEN] {
    let mut digits = [b'1'; ENCODED_LEN];
    let mut rest = id.as_u128();
    for ten in digits.rchunks_mut(10) {
        let mut value = u64::try_from(rest % TEN_DIGITS).unwrap_or(u64::MAX);
        rest /= TEN_DIGITS;
        for place in ten.iter_mut().rev() {
            *place =
                usize::try_from(value % 58).ok().and_then(|digit| DIGITS.get(digit)).copied().unwrap_or(b'1');
            value /= 58;
        }
    }
    digits
}

/// What a character stands for; none where it is no digit.
const fn value_of(digit: u8) -> Option<u8> {
    Some(match digit {
        b'1'..=b'9' => digit - b'1',
        b'A'..=b'H' => digit - b'A' + 9,
        b'J'..=b'N' => digit - b'J' + 17,
        b'P'..=b'Z' => digit - b'P' + 22,
        b'a'..=b'k' => digit - b'a' + 33,
        b'm'..=b'z' => digit - b'm' + 44,
        _ => return None,
    })
}

fn encode(prefix: &str, id: Uuid, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(prefix)?;
    f.write_str("_")?;
    f.write_str(std::str::from_utf8(&digits(id)).map_err(|_| fmt::Error)?)
}

fn decode(prefix: &'static str, text: &str) -> Result<Uuid, IdError> {
    let wrong = || IdError::WrongPrefix {
        expected: prefix,
        found: format!("{:?}", text.chars().take(40).collect::<String>()),
    };
    let digits = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_')).ok_or_else(wrong)?;
    let malformed = || IdError::Malformed(prefix);
    if digits.len() != ENCODED_LEN {
        return Err(malformed());
    }
    // 58^22 is above 2^128: what overflows is no id. Every other text of that length is one number.
    let number = digits
        .bytes()
        .try_fold(0_u128, |number, digit| number.checked_mul(58)?.checked_add(u128::from(value_of(digit)?)));
    number.map(Uuid::from_u128).ok_or_else(malformed)
}

macro_rules! typed_ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
            pub struct $name(Uuid);

            impl $name {
                /// The prefix on the wire, without its underscore.
                pub const PREFIX: &'static str = $prefix;

                /// The id over a UUID that the caller made or read back.
                pub const fn from_uuid(id: Uuid) -> Self {
                    Self(id)
                }

                /// The UUID, as stored.
                pub const fn uuid(self) -> Uuid {
                    self.0
                }

                /// The instant the id was made at, from its UUIDv7; none for another version.
                pub fn created_at(self) -> Option<Timestamp> {
                    let (seconds, nanos) = self.0.get_timestamp()?.to_unix();
                    let ms = i64::try_from(seconds).ok()?.checked_mul(1000)?;
                    Some(Timestamp::from_millis(ms + i64::from(nanos / 1_000_000)))
                }
            }

            impl fmt::Display for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    encode($prefix, self.0, f)
                }
            }

            impl fmt::Debug for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    fmt::Display::fmt(self, f)
                }
            }

            impl FromStr for $name {
                type Err = IdError;
                fn from_str(text: &str) -> Result<Self, IdError> {
                    decode($prefix, text).map(Self)
                }
            }

            impl From<Uuid> for $name {
                fn from(id: Uuid) -> Self {
                    Self(id)
                }
            }

            impl From<$name> for Uuid {
                fn from(id: $name) -> Self {
                    id.0
                }
            }

            impl Serialize for $name {
                fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                    s.collect_str(self)
                }
            }

            impl<'de> Deserialize<'de> for $name {
                fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                    String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
                }
            }
        )*

        /// Every prefix of the registry, for the documentation and for tests.
        pub const PREFIXES: &[&str] = &[$($prefix),*];
    };
}

typed_ids! {
    /// A wallet account.
    AccountId = "acct";
    /// A bet.
    BetId = "bet";
    /// One leg of a bet.
    LegId = "leg";
    /// A market.
    MarketId = "mkt";
    /// A sporting event, which has markets.
    EventId = "evt";
    /// An outcome of a market: one selection at one line.
    OutcomeId = "out";
    /// A payment through a PSP.
    PaymentId = "pay";
    /// A chat message.
    MessageId = "msg";
    /// A chat room.
    RoomId = "room";
    /// A person who uses the product.
    UserId = "usr";
    /// A posting: a set of ledger entries that sums to zero.
    PostingId = "pst";
    /// A ledger entry.
    EntryId = "ent";
    /// One generation of a bet's settlement.
    SettlementId = "stl";
    /// What keeps markets off sale.
    HoldId = "hld";
    /// What limits bets: limits of a scope, the factor of an account, or a cap.
    LimitId = "lim";
    /// A domain event in the outbox.
    DomainEventId = "dev";
}

#[cfg(test)]
mod tests;
