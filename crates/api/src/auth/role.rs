//! What a caller may be.

use std::fmt;
use std::str::FromStr;

/// A role, as a token's `roles` claim names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Bets with an own account.
    Player,
    /// Runs the markets.
    Trader,
    /// Helps players: reads accounts and bets.
    Support,
    /// Credits and debits accounts.
    Finance,
    /// Watches over limits and identities.
    Compliance,
    /// Reads everything, changes nothing.
    Auditor,
    /// May do what traders and finance may.
    Admin,
}

/// A text that names no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no role {0:?}; roles are player, trader, support, finance, compliance, auditor and admin")]
pub struct UnknownRole(String);

impl Role {
    /// Every role.
    pub const ALL: [Self; 7] = [
        Self::Player,
        Self::Trader,
        Self::Support,
        Self::Finance,
        Self::Compliance,
        Self::Auditor,
        Self::Admin,
    ];

    /// The role as a token names it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Player => "player",
            Self::Trader => "trader",
            Self::Support => "support",
            Self::Finance => "finance",
            Self::Compliance => "compliance",
            Self::Auditor => "auditor",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;
    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| UnknownRole(text.chars().take(40).collect()))
    }
}
