//! What the open bets of markets come to, as a hot copy: `exposure:{market_id}`, a hash of a version and its figures.
//! PostgreSQL has the same under the same version, and gives back what is lost here.

use crate::{Error, Live};
use overround_domain::betting::Exposure;
use overround_domain::ids::MarketId;
use redis::{Cmd, ScriptInvocation};

/// How long figures outlive their last change or repair, in milliseconds.
const KEPT_MS: i64 = 24 * 3_600_000;

/// The figures of a market at a version.
#[derive(Debug, Clone, Copy)]
pub struct ExposureWrite<'a> {
    /// The market.
    pub market_id: MarketId,
    /// Their version, from 1.
    pub version: i64,
    /// The figures.
    pub exposure: &'a Exposure,
}

/// The key of a market's figures. The braces are Redis's hash tag.
fn key_of(market: MarketId) -> String {
    format!("exposure:{{{market}}}")
}

fn unreadable(market: MarketId, field: &'static str, detail: impl ToString) -> Error {
    Error::Unreadable { key: key_of(market), field, detail: detail.to_string() }
}

impl Live {
    /// Sets the figures of markets, each unless a higher version of it is held.
    ///
    /// # Errors
    /// When Redis is away or refuses; the same again is harmless.
    pub async fn set_exposures(&self, writes: &[ExposureWrite<'_>]) -> Result<(), Error> {
        let calls = writes.iter().map(|write| {
            let figures = serde_json::to_string(write.exposure).map_err(|error| Error::Unwritable {
                key: key_of(write.market_id),
                field: "figures",
                detail: error.to_string(),
            })?;
            let mut call = self.scripts.set_exposure.key(key_of(write.market_id));
            call.arg(write.version).arg(figures).arg(KEPT_MS);
            Ok(call)
        });
        let calls = calls.collect::<Result<Vec<ScriptInvocation<'_>>, Error>>()?;
        let _: Vec<String> = self.connection.call_all(&self.scripts.set_exposure, &calls).await?;
        Ok(())
    }

    /// The figures that Redis holds of a market, with their version; none where it holds none.
    ///
    /// # Errors
    /// When Redis is away, and [`Error::Unreadable`] for figures that cannot be read back.
    pub async fn exposure(&self, market: MarketId) -> Result<Option<(i64, Exposure)>, Error> {
        let mut read = Cmd::new();
        read.arg("HMGET").arg(key_of(market)).arg("version").arg("figures");
        let (version, figures): (Option<String>, Option<String>) = self.connection.ask(&read).await?;
        let Some((version, figures)) = version.zip(figures) else { return Ok(None) };
        let version = version.parse().map_err(|error| unreadable(market, "version", error))?;
        let figures = serde_json::from_str(&figures).map_err(|error| unreadable(market, "figures", error))?;
        Ok(Some((version, figures)))
    }
}
