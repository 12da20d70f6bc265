//! The sequence clock of a market, and its last versions: what readers who were away have missed.

use crate::fields::{BODY, clock_key_of, key_of, snapshot_of_lines, stream_key_of, version_of};
use crate::{Error, Live};
use overround_domain::ids::MarketId;
use overround_domain::markets::Snapshot;
use redis::ScriptInvocation;
use std::sync::Arc;

/// A place in a channel. Within an epoch the seq rises by one from frame to frame; a new epoch begins whenever the
/// server lost something, or a version was overtaken by a later one. A market's seq is its version.
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
    /// What a market's clock and stream hold after `seen`; see [`Live::histories`].
    ///
    /// # Errors
    /// When Redis is away, and [`Error::Unreadable`] for a version that cannot be read back.
    pub async fn history(&self, market: MarketId, seen: Option<&Position>) -> Result<Option<History>, Error> {
        let histories = self.histories(&[(market, seen.cloned())]).await;
        histories.into_iter().next().unwrap_or(Ok(None))
    }

    /// What the clocks and streams of markets hold after the places that were seen of them, or all they hold; in their
    /// order, in one round trip. None where nothing is known, or of the market as it stands only where.
    ///
    /// Each market has errors of its own: when its node is away or refuses, and [`Error::Unreadable`] for a version that
    /// cannot be read back.
    pub async fn histories(
        &self,
        markets: &[(MarketId, Option<Position>)],
    ) -> Vec<Result<Option<History>, Error>> {
        let calls = markets.iter().map(|(market, seen)| {
            let mut call = self.scripts.history.key(key_of(*market));
            call.key(clock_key_of(*market)).key(stream_key_of(*market));
            let seen = seen.as_ref();
            call.arg(seen.map_or("", |seen| &seen.epoch)).arg(seen.map_or(0, |seen| seen.seq)).arg(&BODY);
            call
        });
        let calls: Vec<ScriptInvocation<'_>> = calls.collect();
        let answers = self.connection.call_each(&self.scripts.history, &calls).await;
        let read = markets.iter().zip(answers).map(|((market, seen), said)| {
            let history = history_of(*market, seen.as_ref(), said?)?;
            if let Some(last) = history.as_ref().and_then(|history| history.versions.last()) {
                self.saw(last);
            }
            Ok(history)
        });
        read.collect()
    }
}

/// What the script answers: epoch, seq, and versions each with its fields.
type Said = (String, String, Vec<String>);

fn history_of(market: MarketId, seen: Option<&Position>, said: Said) -> Result<Option<History>, Error> {
    let (epoch, seq, said) = said;
    if epoch.is_empty() {
        return Ok(None);
    }
    let at = Position { epoch: epoch.into(), seq: version_of(market, &seq)? };
    let mut versions = Vec::with_capacity(said.len() / 2);
    for pair in said.chunks_exact(2) {
        let [version, lines] = pair else { continue };
        let snapshot = snapshot_of_lines(market, version_of(market, version)?, lines)?;
        versions.push(Arc::new(snapshot));
    }
    let known = !versions.is_empty() || seen.is_some_and(|seen| *seen == at);
    Ok(known.then_some(History { at, versions }))
}
