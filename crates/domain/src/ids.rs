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

fn encode(prefix: &str, id: Uuid) -> String {
    let digits = bs58::encode(id.as_bytes()).into_string();
    // base 58 spells leading zero bytes as '1' each, which is shorter than a zero-padded number.
    format!("{prefix}_{digits:1>ENCODED_LEN$}")
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
    let bytes = bs58::decode(digits).into_vec().map_err(|_| malformed())?;
    let start = bytes.len().checked_sub(16).ok_or_else(malformed)?;
    let (padding, value) = bytes.split_at(start);
    let value: [u8; 16] = value.try_into().map_err(|_| malformed())?;
    let id = Uuid::from_bytes(value);
    // One spelling an id: what does not encode to the same text is refused.
    if padding.iter().any(|byte| *byte != 0) || encode(prefix, id) != text {
        return Err(malformed());
    }
    Ok(id)
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
                    f.write_str(&encode($prefix, self.0))
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
    /// A domain event in the outbox.
    DomainEventId = "dev";
}

#[cfg(test)]
mod tests;
