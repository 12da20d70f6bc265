//! Cells: the fixed shares of the players that money never crosses.

use crate::ids::UserId;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

/// The most cells a database can have.
pub const CELLS_MAX: u16 = 4096;

/// A fixed share of the players, numbered from 0. Every money row carries its cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cell(i16);

impl Cell {
    /// The cell of a player in a database of `cells` cells (clamped to 1 to [`CELLS_MAX`]): the first
    /// eight bytes of the SHA-256 of the UUID, big endian, modulo `cells`. UUIDv7 starts with the time, hence
    /// the hash.
    pub fn of(user: UserId, cells: u16) -> Self {
        let digest = Sha256::digest(user.uuid().as_bytes());
        let hash = digest.iter().take(8).fold(0_u64, |hash, byte| (hash << 8) | u64::from(*byte));
        let cell = hash % u64::from(cells.clamp(1, CELLS_MAX));
        // The remainder is below CELLS_MAX, so that the conversion never falls back.
        Self(i16::try_from(cell).unwrap_or_default())
    }

    /// The cell of a stored number; none for one outside 0 to [`CELLS_MAX`] - 1.
    pub const fn from_i16(cell: i16) -> Option<Self> {
        if cell >= 0 && cell < CELLS_MAX as i16 { Some(Self(cell)) } else { None }
    }

    /// The cell number `n`; none from [`CELLS_MAX`] on.
    pub const fn nth(n: u16) -> Option<Self> {
        if n < CELLS_MAX { Some(Self(n as i16)) } else { None }
    }

    /// The cells of a database that has `cells` of them.
    pub fn all(cells: u16) -> impl Iterator<Item = Self> {
        (0..cells).map_while(Self::nth)
    }

    /// The number as stored.
    pub const fn get(self) -> i16 {
        self.0
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
