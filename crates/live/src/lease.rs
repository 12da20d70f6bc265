//! Who may load a market from its origin: one process at a time.

use crate::fields::lease_key_of;
use crate::{Error, Live};
use overround_domain::ids::MarketId;
use redis::Cmd;
use std::time::Duration;

/// The right to load a market for a while. Its token fences what is loaded: the write script compares it, so that a
/// holder who paused past the lease's end writes nothing. The token is unlike any other, rather than counted: a counter
/// would begin again with a server that lost it.
#[derive(Debug)]
pub struct Lease {
    token: String,
    length_ms: u64,
}

impl Lease {
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// How long it lasts from its beginning.
    pub(crate) const fn length_ms(&self) -> u64 {
        self.length_ms
    }
}

impl Live {
    /// The lease on loading a market, for so long; none if another holds it. It ends by itself.
    ///
    /// # Errors
    /// When Redis is away.
    pub async fn take_lease(&self, market: MarketId, for_: Duration) -> Result<Option<Lease>, Error> {
        let token = format!("{:032x}", rand::random::<u128>());
        let mut set = Cmd::new();
        let length_ms = u64::try_from(for_.as_millis()).unwrap_or(u64::MAX).max(1);
        set.arg("SET").arg(lease_key_of(market)).arg(&token).arg("NX").arg("PX").arg(length_ms);
        let taken: Option<String> = self.connection.ask(&set).await?;
        Ok(taken.map(|_| Lease { token, length_ms }))
    }

    /// Gives a lease back before its end, if it is still held.
    ///
    /// # Errors
    /// When Redis is away: it ends by itself.
    pub async fn give_back(&self, market: MarketId, lease: &Lease) -> Result<(), Error> {
        let mut call = self.scripts.give_back.key(lease_key_of(market));
        call.arg(lease.token());
        let _: Vec<i64> = self.connection.call_all(&self.scripts.give_back, &[call]).await?;
        Ok(())
    }

    /// Whether somebody holds the lease on loading a market.
    ///
    /// # Errors
    /// When Redis is away.
    pub async fn is_leased(&self, market: MarketId) -> Result<bool, Error> {
        let mut exists = Cmd::new();
        exists.arg("EXISTS").arg(lease_key_of(market));
        self.connection.ask(&exists).await
    }
}
