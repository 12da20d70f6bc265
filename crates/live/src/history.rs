//! The sequence clock of a market, and its last versions: what readers who were away have missed.

use crate::fields::{BODY, clock_key_of, key_of, snapshot_of_lines, stream_key_of, version_of};
use crate::{Error, Live};
use overround_domain::ids::MarketId;
use overround_domain::markets::Snapshot;
use std::sync::Arc;

/// A place in a channel. Within an epoch the seq rises by one from frame to frame; a new epoch begins whenever the
/// server lost something. A market's seq is its version.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Position {
    /// The epoch: 16 hexadecimal digits.
    pub epoch: Arc<str>,
    /// The number within it.
    pub seq: i64,
}

/// What is kept of a market's versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// Where the market stands.
    pub at: Position,
    /// Versions in ascending order, without a gap. They go on right after the position that was asked about, or end
    /// with the market as it stands.
    pub versions: Vec<Arc<Snapshot>>,
}

impl Live {
    /// What a market's clock and stream hold after `seen`, or all they hold. None if nothing is known, or of the
    /// market as it stands only where.
    ///
    /// # Errors
    /// When Redis is away, and [`Error::Unreadable`] for a version that cannot be read back.
    pub async fn history(&self, market: MarketId, seen: Option<&Position>) -> Result<Option<History>, Error> {
        let mut call = self.scripts.history.key(key_of(market));
        call.key(clock_key_of(market)).key(stream_key_of(market));
        call.arg(seen.map_or("", |seen| &seen.epoch)).arg(seen.map_or(0, |seen| seen.seq)).arg(&BODY);
        let answers: Vec<(String, String, Vec<String>)> =
            self.connection.call_all(&self.scripts.history, &[call]).await?;
        let Some((epoch, seq, said)) = answers.into_iter().next().filter(|answer| !answer.0.is_empty())
        else {
            return Ok(None);
        };
        let at = Position { epoch: epoch.into(), seq: version_of(market, &seq)? };
        let mut versions = Vec::with_capacity(said.len() / 2);
        for pair in said.chunks_exact(2) {
            let [version, lines] = pair else { continue };
            let snapshot = snapshot_of_lines(market, version_of(market, version)?, lines)?;
            versions.push(Arc::new(snapshot));
        }
        if let Some(last) = versions.last() {
            self.remember(Arc::clone(last));
        }
        let known = !versions.is_empty() || seen.is_some_and(|seen| *seen == at);
        Ok(known.then_some(History { at, versions }))
    }
}
