//! New versions of markets that people act on, beside those that producers' messages make.

use super::commit::fence_of;
use super::decide::{Known, changes, snapshot_of};
use super::domain_events::odds_updated;
use super::offers::Offers;
use crate::App;
use overround_domain::markets::{MarketStatus, Snapshot};
use overround_domain::time::Timestamp;
use overround_live::{SnapshotWrite, Word};
use overround_store::market::{self, MarketRow};
use overround_store::{Error, Statement, Tx, events};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A market's next version.
pub(super) struct Version {
    pub row: MarketRow,
    pub snapshot: Snapshot,
    fence_moves: bool,
}

/// What an act says of itself in the events of the versions that it makes.
pub(super) struct Said {
    pub fields: Map<String, Value>,
    pub trace_id: Option<String>,
}

impl Version {
    /// The version of `known` that has this row and these offers.
    ///
    /// # Errors
    /// [`Error::Inconsistent`] when the market has no version yet.
    pub fn after(known: &Known, row: MarketRow, offers: Offers, now: Timestamp) -> Result<Self, Error> {
        let last = known
            .snapshot
            .as_ref()
            .ok_or_else(|| Error::inconsistent("market.markets", "version", row.id.uuid(), "it has none"))?;
        let (_, fence_moves) = changes(Some(last), &row, &offers, false);
        let mut row = row;
        row.version += 1;
        row.status_version += i64::from(fence_moves);
        // Another process may have published by a clock that is ahead: an instant never goes back.
        let snapshot = snapshot_of(&row, offers, now.max(last.as_of));
        Ok(Self { row, snapshot, fence_moves })
    }
}

impl App {
    /// Writes versions of markets whose rows the transaction holds, each with its event.
    pub(super) async fn write_versions(
        &self,
        tx: &mut Tx,
        versions: &[Version],
        said: &Said,
    ) -> Result<(), Error> {
        let rows: Vec<MarketRow> = versions.iter().map(|one| one.row.clone()).collect();
        let fences = versions.iter().filter(|one| one.fence_moves);
        let fences: Vec<_> = fences.map(|one| (one.row.id, fence_of(&one.row))).collect();
        let mut by_producer: BTreeMap<&str, Vec<&Snapshot>> = BTreeMap::new();
        let mut domain_events = Vec::with_capacity(versions.len());
        for Version { row, snapshot, .. } in versions {
            by_producer.entry(&row.producer).or_default().push(snapshot);
            let (fields, trace_id) = (said.fields.clone(), said.trace_id.clone());
            domain_events.push(odds_updated(self.clock(), snapshot, fields, trace_id)?);
        }
        market::fences::update(tx, &fences, self.cells()).await?;
        let mut statement = Statement::default();
        market::markets::update(&mut statement, &rows);
        for (producer, snapshots) in by_producer {
            market::price_versions::insert(&mut statement, producer, &snapshots);
        }
        events::add(&mut statement, &domain_events);
        statement.execute(tx).await
    }

    /// Shows an act in Redis. The act is done, so a Redis that is away fails nothing: the fences hold,
    /// and the producer's next sign of life writes the snapshot.
    pub(super) async fn show_change(&self, snapshot: &Snapshot) {
        let write = SnapshotWrite { snapshot, word: Word::Kept, lease: None };
        if let Err(error) = self.live().write_one(write, self.clock().for_cache()).await {
            tracing::warn!(error = %error, market = %snapshot.market_id, "a trader's act is not shown in Redis yet");
        }
        if snapshot.status == MarketStatus::Settled {
            self.settler_wake().notify_one();
        }
    }
}
