//! What a producer's recovery leaves out is not on sale any more.

use super::Speaker;
use super::act::said;
use super::commit::load;
use super::decide::{Known, decide_again};
use super::producers::{HOUSE, taken};
use super::version::{Said, Version};
use crate::{App, Error};
use overround_domain::ids::MarketId;
use overround_domain::markets::{Group, Snapshot, SourceStatus};
use overround_store::market::{self, MarketRow};
use overround_store::{Isolation, Statement, Tx};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How many markets are looked through in one transaction.
const BATCH: i64 = 50;

impl App {
    /// Takes a producer's markets off sale that it did not name in its recovery, by its own keys of them: it does not
    /// sell them any more, whatever it said of them before. They come back when it names them.
    ///
    /// # Errors
    /// [`Error::Conflict`] [`PRODUCER_TAKEN`] when another process speaks for it.
    pub async fn withdraw_unheard(
        &self,
        speaker: &Speaker,
        heard: &BTreeSet<String>,
    ) -> Result<usize, Error> {
        let work = Arc::new((speaker.clone(), heard.clone()));
        let (mut after, mut withdrawn) = (None, 0);
        loop {
            let (app, work) = (self.clone(), Arc::clone(&work));
            let batch = self
                .store()
                .run("withdraw_unheard", Isolation::ReadCommitted, move |tx| {
                    let (app, work) = (app.clone(), Arc::clone(&work));
                    Box::pin(async move { app.withdraw_in(tx, &work.0, &work.1, after).await })
                })
                .await?;
            let Some(batch) = batch else { return Err(taken(speaker.producer())) };
            for key in &batch.keys {
                self.markets_state().forget(speaker.producer(), key);
            }
            withdrawn += batch.keys.len();
            futures::future::join_all(batch.shown.iter().map(|snapshot| self.show_change(snapshot))).await;
            if batch.last.is_none() {
                return Ok(withdrawn);
            }
            after = batch.last;
        }
    }

    async fn withdraw_in(
        &self,
        tx: &mut Tx,
        speaker: &Speaker,
        heard: &BTreeSet<String>,
        after: Option<MarketId>,
    ) -> Result<Option<Withdrawn>, overround_store::Error> {
        if !market::producers::is_spoken_for(tx, speaker.producer(), speaker.epoch()).await? {
            return Ok(None);
        }
        let group = Group::Producer(speaker.producer().to_owned());
        let rows = market::markets::lock_group(tx, &group, after, BATCH).await?;
        let is_full = i64::try_from(rows.len()).is_ok_and(|found| found >= BATCH);
        let last = rows.last().filter(|_| is_full).map(|row| row.id);
        let unheard =
            rows.into_iter().filter(|row| is_offered(row) && !heard.contains(&row.source_key)).collect();
        let now = self.clock().now();
        let (mut quiet, mut versions, mut keys) = (Vec::new(), Vec::new(), Vec::new());
        for known in load(tx, unheard).await? {
            keys.push(known.row.source_key.clone());
            let row = withdrawn(&known);
            let (row, offers) = decide_again(&known, row, &known.holds, self.settings().margin);
            if row.status == known.row.status {
                // What it is shown as is the hold's doing, and stays.
                quiet.push(row);
            } else {
                versions.push(Version::after(&known, row, offers, now)?);
            }
        }
        let mut statement = Statement::default();
        market::markets::update(&mut statement, &quiet);
        statement.execute(tx).await?;
        if !versions.is_empty() {
            let reason = format!("the producer {} does not name it any more", speaker.producer());
            let said = Said { fields: said("withdraw", HOUSE, Some(&reason)), trace_id: None };
            self.write_versions(tx, &versions, &said).await?;
        }
        let shown = versions.into_iter().map(|one| one.snapshot).collect();
        Ok(Some(Withdrawn { keys, shown, last }))
    }
}

/// A batch of markets that were looked through.
struct Withdrawn {
    /// The producer's keys of those that it does not sell any more.
    keys: Vec<String>,
    shown: Vec<Snapshot>,
    /// The last one that was looked at; none when there are no more.
    last: Option<MarketId>,
}

/// Whether its producer's last word is that the market is on sale.
fn is_offered(row: &MarketRow) -> bool {
    row.version > 0 && row.source_status == SourceStatus::Open
}

/// The market's row as if its producer had suspended it without a price.
fn withdrawn(known: &Known) -> MarketRow {
    MarketRow { source_status: SourceStatus::Suspended, source_prices: BTreeMap::new(), ..known.row.clone() }
}
