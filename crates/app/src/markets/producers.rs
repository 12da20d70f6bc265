//! Live producers: which process speaks for each, and whether what it says may be sold.
//!
//! A producer that is not up has its markets held ([`Group::Producer`]) by the house, in the transaction that changes
//! its state; they follow in batches, as with every hold of many. What is said meanwhile is kept in the markets' rows,
//! so that the end of the hold sells what was said last. A producer that this table does not know, as a recording's,
//! is trusted: whoever plays it makes its signs of life.

use super::act::said;
use super::commit::{hold_changed, load};
use super::decide::{Known, decide_again};
use super::version::{Said, Version};
use crate::{App, Error};
use overround_domain::events::{DomainEvent, EventType};
use overround_domain::ids::{DomainEventId, HoldId, MarketId};
use overround_domain::markets::{Group, HoldKind, ProducerState, Scope, Snapshot, SourceStatus};
use overround_domain::time::Timestamp;
use overround_store::market::{self, HoldChange, MarketRow, ProducerRow};
use overround_store::{Isolation, Tx, events};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Who holds the markets of a producer that is not up.
const HOUSE: &str = "house";
/// The longest reason that is kept, in characters.
const REASON_LEN_MAX: usize = 1_000;
/// How many markets are looked through in one transaction.
const BATCH: i64 = 50;

/// The right to speak for a producer, until another process takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Speaker {
    producer: Arc<str>,
    epoch: i64,
}

impl Speaker {
    /// The producer's name.
    pub fn producer(&self) -> &str {
        &self.producer
    }

    /// Counts the processes that have spoken for the producer; no two have the same.
    pub const fn epoch(&self) -> i64 {
        self.epoch
    }

    pub(super) fn is_taken(&self) -> Error {
        let detail = format!("another process hears the producer {} by now", self.producer);
        Error::Conflict { code: PRODUCER_TAKEN, detail }
    }
}

/// The code of the conflict that another process speaks for a producer.
pub const PRODUCER_TAKEN: &str = "PRODUCER_TAKEN";
/// The code of the conflict that a producer was declared down meanwhile, or is in a state that does not lead there.
pub const PRODUCER_STATE: &str = "PRODUCER_STATE";

/// A live producer of market data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducerView {
    /// Its name.
    pub name: String,
    /// Whether it may be trusted.
    pub state: ProducerState,
    /// Why it is in that state.
    pub reason: String,
    /// Since when.
    pub changed_at: Timestamp,
    /// Its last sign of life, on the database's clock; none before the first.
    pub seen_at: Option<Timestamp>,
    /// How long its signs of life may be missing before it is declared down, in milliseconds.
    pub silence_ms_max: i64,
    /// Counts the processes that have heard it.
    pub epoch: i64,
}

/// What a turn of a producer's state came to.
enum Turned {
    /// It is in that state; the hold of its markets was changed, or not.
    Done { held: bool },
    /// Another process speaks for it.
    Taken,
    /// Its state does not lead there.
    Illegal(ProducerState),
}

impl App {
    /// Makes this process the one that speaks for a producer, whose signs of life may be missing for so long. The
    /// producer is down, and its markets held, until it is heard ([`App::turn_producer`]).
    ///
    /// # Errors
    /// [`Error::Conflict`] [`PRODUCER_TAKEN`] while another process hears it: it is not silent.
    pub async fn speak_for(&self, producer: &str, silence_ms_max: i64) -> Result<Speaker, Error> {
        super::publish::check_producer(producer)?;
        let (app, name) = (self.clone(), producer.to_owned());
        let taken = self
            .store()
            .run("take_producer", Isolation::ReadCommitted, move |tx| {
                let (app, name) = (app.clone(), name.clone());
                Box::pin(async move { app.take_in(tx, &name, silence_ms_max.max(1)).await })
            })
            .await?;
        let producer: Arc<str> = Arc::from(producer);
        let Some((epoch, held)) = taken else {
            return Err(Speaker { producer, epoch: 0 }.is_taken());
        };
        if held {
            self.follow_producer(&producer).await?;
        }
        Ok(Speaker { producer, epoch })
    }

    /// Notes a producer's sign of life. Answers its state, which another process changes where it was silent for too
    /// long: what it says then may not be sold before a recovery.
    ///
    /// # Errors
    /// [`Error::Conflict`] [`PRODUCER_TAKEN`] when another process speaks for it.
    pub async fn producer_seen(&self, speaker: &Speaker) -> Result<ProducerState, Error> {
        let work = speaker.clone();
        let state = self
            .store()
            .run("producer_seen", Isolation::ReadCommitted, move |tx| {
                let work = work.clone();
                Box::pin(async move { market::producers::seen(tx, &work.producer, work.epoch).await })
            })
            .await?;
        state.ok_or_else(|| speaker.is_taken())
    }

    /// Turns a producer to a state, for a reason. When it answers, its markets are held unless it is up, and no bet is
    /// accepted on any of them; where it came up, they are what it said last and all other holds make them. To turn it
    /// to the state that it is in changes nothing.
    ///
    /// # Errors
    /// [`Error::Conflict`]: [`PRODUCER_TAKEN`] when another process speaks for it, [`PRODUCER_STATE`] when its state
    /// does not lead there, as after it was declared down. After [`Error::Unavailable`] the same may be asked again.
    pub async fn turn_producer(
        &self,
        speaker: &Speaker,
        to: ProducerState,
        reason: &str,
    ) -> Result<(), Error> {
        let turned = self.turn(&speaker.producer, Some(speaker.epoch), to, reason).await?;
        match turned {
            Turned::Taken => Err(speaker.is_taken()),
            Turned::Illegal(from) => {
                let detail = format!("{} is {from}, which does not lead to {to}", speaker.producer);
                Err(Error::Conflict { code: PRODUCER_STATE, detail })
            }
            Turned::Done { held } => {
                if held {
                    self.follow_producer(&speaker.producer).await?;
                }
                Ok(())
            }
        }
    }

    /// Takes a producer's markets off sale that it did not name in its recovery, by its own keys of them: it does not
    /// sell them any more, whatever it said of them before. They come back when it names them.
    ///
    /// # Errors
    /// [`Error::Conflict`] [`PRODUCER_TAKEN`] when another process speaks for it.
    pub async fn withdraw_unheard(&self, speaker: &Speaker, heard: &BTreeSet<String>) -> Result<u64, Error> {
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
            let Some(batch) = batch else { return Err(speaker.is_taken()) };
            for key in &batch.keys {
                self.markets_state().forget(&speaker.producer, key);
            }
            withdrawn += batch.keys.iter().map(|_| 1).sum::<u64>();
            futures::future::join_all(batch.shown.iter().map(|snapshot| self.show_change(snapshot))).await;
            if batch.last.is_none() {
                return Ok(withdrawn);
            }
            after = batch.last;
        }
    }

    /// Declares those producers down whose signs of life have been missing for too long, whichever process was to
    /// hear them. Answers how many.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn declare_silent(&self) -> Result<u64, Error> {
        let mut declared = 0;
        for row in market::producers::list(self.store().read()).await? {
            let up = if row.state == ProducerState::Up { 1.0 } else { 0.0 };
            metrics::gauge!("overround_producer_up", "producer" => row.name.clone()).set(up);
            if row.state == ProducerState::Down || !row.silent {
                continue;
            }
            let reason =
                format!("no sign of life of the producer {} for {} ms", row.name, row.silence_ms_max);
            if let Turned::Done { held } = self.turn(&row.name, None, ProducerState::Down, &reason).await? {
                declared += 1;
                if held {
                    self.follow_producer(&row.name).await?;
                }
            }
        }
        Ok(declared)
    }

    /// All live producers, by name.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn producers(&self) -> Result<Vec<ProducerView>, Error> {
        let rows = market::producers::list(self.store().read()).await?;
        Ok(rows.into_iter().map(ProducerView::from).collect())
    }

    async fn follow_producer(&self, producer: &str) -> Result<(), Error> {
        self.follow(&Group::Producer(producer.to_owned()), None).await
    }

    /// Turns a producer; by whoever hears it (of that epoch), or by whoever finds it silent.
    async fn turn(
        &self,
        producer: &str,
        epoch: Option<i64>,
        to: ProducerState,
        reason: &str,
    ) -> Result<Turned, Error> {
        let reason: String = reason.chars().filter(|c| *c != '\0').take(REASON_LEN_MAX).collect();
        let work = Arc::new((producer.to_owned(), reason));
        let app = self.clone();
        let turned = self
            .store()
            .run("turn_producer", Isolation::ReadCommitted, move |tx| {
                let (app, work) = (app.clone(), Arc::clone(&work));
                Box::pin(async move { app.turn_in(tx, &work.0, epoch, to, &work.1).await })
            })
            .await?;
        if matches!(turned, Turned::Done { .. }) {
            metrics::counter!("overround_producer_changes_total",
                "producer" => producer.to_owned(), "state" => to.as_str())
            .increment(1);
        }
        Ok(turned)
    }

    /// Takes a producer for this process; none while another hears it. Answers the epoch, and whether the hold changed.
    async fn take_in(
        &self,
        tx: &mut Tx,
        name: &str,
        silence_ms_max: i64,
    ) -> Result<Option<(i64, bool)>, overround_store::Error> {
        let reason = format!("the producer {name} is not heard yet");
        let Some(row) = market::producers::lock(tx, name).await? else {
            let row = ProducerRow {
                name: name.to_owned(),
                id: self.clock().id(),
                state: ProducerState::Down,
                reason,
                silence_ms_max,
                epoch: 1,
                version: 1,
                changed_at: self.clock().now(),
                seen_at: None,
                silent: true,
            };
            if !market::producers::insert(tx, &row).await? {
                return Ok(None);
            }
            self.tell(tx, &row).await?;
            self.hold_producer(tx, &row).await?;
            return Ok(Some((row.epoch, true)));
        };
        if row.state != ProducerState::Down && !row.silent {
            return Ok(None);
        }
        let held = row.state == ProducerState::Up;
        let mut taken = ProducerRow { epoch: row.epoch + 1, silence_ms_max, ..row };
        if taken.state != ProducerState::Down {
            self.enter(&mut taken, ProducerState::Down, reason);
            self.tell(tx, &taken).await?;
        }
        market::producers::update(tx, &taken).await?;
        if held {
            self.hold_producer(tx, &taken).await?;
        }
        Ok(Some((taken.epoch, held)))
    }

    async fn turn_in(
        &self,
        tx: &mut Tx,
        name: &str,
        epoch: Option<i64>,
        to: ProducerState,
        reason: &str,
    ) -> Result<Turned, overround_store::Error> {
        let Some(mut row) = market::producers::lock(tx, name).await? else { return Ok(Turned::Taken) };
        match epoch {
            Some(epoch) if epoch != row.epoch => return Ok(Turned::Taken),
            // It was heard, or declared down, since it was found silent.
            None if !row.silent || row.state == to => return Ok(Turned::Illegal(row.state)),
            _ if row.state == to => return Ok(Turned::Done { held: false }),
            _ if !row.state.can_become(to) => return Ok(Turned::Illegal(row.state)),
            _ => {}
        }
        let held = row.state == ProducerState::Up || to == ProducerState::Up;
        self.enter(&mut row, to, reason.to_owned());
        market::producers::update(tx, &row).await?;
        self.tell(tx, &row).await?;
        if held {
            self.hold_producer(tx, &row).await?;
        }
        Ok(Turned::Done { held })
    }

    fn enter(&self, row: &mut ProducerRow, state: ProducerState, reason: String) {
        row.state = state;
        row.reason = reason;
        row.version += 1;
        row.changed_at = self.clock().now();
    }

    /// Holds the markets of a producer that is not up, and lets those of one go that is.
    async fn hold_producer(&self, tx: &mut Tx, row: &ProducerRow) -> Result<(), overround_store::Error> {
        let kind = if row.state == ProducerState::Up { None } else { Some(HoldKind::Suspended) };
        let scope = Scope::Group(Group::Producer(row.name.clone()));
        let change = HoldChange { scope, kind, actor: HOUSE.to_owned(), reason: row.reason.clone() };
        market::holds::while_no_market_appears(tx).await?;
        let id = HoldId::from_uuid(self.clock().id());
        let hold = market::holds::set(tx, id, &change, row.changed_at).await?;
        events::append(tx, &[hold_changed(self.clock(), &hold, None)]).await
    }

    /// The event of a producer's change of state.
    async fn tell(&self, tx: &mut Tx, row: &ProducerRow) -> Result<(), overround_store::Error> {
        let id = DomainEventId::from_uuid(self.clock().id());
        let event = DomainEvent {
            id,
            cell: None,
            event_type: EventType::ProducerChanged,
            aggregate_id: row.id,
            aggregate_version: row.version,
            payload: json!({
                "producer": row.name, "state": row.state, "reason": row.reason, "epoch": row.epoch,
            }),
            trace_id: None,
            created_at: id.created_at().unwrap_or(row.changed_at),
        };
        events::append(tx, &[event]).await
    }

    async fn withdraw_in(
        &self,
        tx: &mut Tx,
        speaker: &Speaker,
        heard: &BTreeSet<String>,
        after: Option<MarketId>,
    ) -> Result<Option<Withdrawn>, overround_store::Error> {
        if !market::producers::is_spoken_for(tx, &speaker.producer, speaker.epoch).await? {
            return Ok(None);
        }
        let group = Group::Producer(speaker.producer.to_string());
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
        market::markets::update(tx, &quiet).await?;
        if !versions.is_empty() {
            let reason = format!("the producer {} does not name it any more", speaker.producer);
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

impl From<ProducerRow> for ProducerView {
    fn from(row: ProducerRow) -> Self {
        let ProducerRow { name, state, reason, changed_at, seen_at, silence_ms_max, epoch, .. } = row;
        Self { name, state, reason, changed_at, seen_at, silence_ms_max, epoch }
    }
}
