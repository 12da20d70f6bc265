//! Live producers: which process speaks for each, and whether what it says may be sold.
//!
//! A producer that is not up has its markets held ([`Group::Producer`]) by the house, in the transaction that changes
//! its state; they follow in batches, as with every hold of many. What is said meanwhile is kept in the markets' rows,
//! so that the end of the hold sells what was said last. A producer that this table does not know, as a recording's,
//! is trusted: whoever plays it makes its signs of life.
//!
//! The producers of one source may supply the same market. One process hears them all, and so knows which of them owns it.

use super::domain_events::{hold_changed, producer_changed};
use crate::{App, Error};
use overround_domain::ids::HoldId;
use overround_domain::markets::{Group, HoldKind, ProducerState, Scope};
use overround_domain::time::Timestamp;
use overround_store::market::{self, HoldChange, ProducerRow};
use overround_store::{Isolation, Tx, events};
use std::sync::Arc;

/// Who holds the markets of a producer that is not up.
pub(super) const HOUSE: &str = "house";
/// The longest reason that is kept, in characters.
const REASON_LEN_MAX: usize = 1_000;

/// The right to speak for a producer, until another process takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Speaker {
    producer: Arc<str>,
    source: Arc<str>,
    epoch: i64,
}

impl Speaker {
    /// The producer's name.
    pub fn producer(&self) -> &str {
        &self.producer
    }

    /// What the producer is one of.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Counts the processes that have spoken for the producer; no two have the same.
    pub const fn epoch(&self) -> i64 {
        self.epoch
    }
}

/// Another process hears the producer, or another of its source.
pub(super) fn taken(producer: &str) -> Error {
    let detail = format!("another process hears the producer {producer}, or another of its source");
    Error::Conflict { code: PRODUCER_TAKEN, detail }
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
    /// What it is one of.
    pub source: String,
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
    /// Makes this process the one that speaks for a producer of a source, whose signs of life may be missing for so long. The
    /// producer is down, and its markets held, until it is heard ([`App::turn_producer`]).
    ///
    /// # Errors
    /// [`Error::Conflict`] [`PRODUCER_TAKEN`] while another process hears it, or another producer of the source: that one
    /// is not silent.
    pub async fn speak_for(
        &self,
        source: &str,
        producer: &str,
        silence_ms_max: i64,
    ) -> Result<Speaker, Error> {
        super::publish::check_producer(source)?;
        super::publish::check_producer(producer)?;
        let app = self.clone();
        let work = Arc::new((source.to_owned(), producer.to_owned()));
        let spoken = self
            .store()
            .run("take_producer", Isolation::ReadCommitted, move |tx| {
                let (app, work) = (app.clone(), Arc::clone(&work));
                Box::pin(async move { app.take_in(tx, &work.0, &work.1, silence_ms_max.max(1)).await })
            })
            .await?;
        let (epoch, held) = spoken.ok_or_else(|| taken(producer))?;
        if held {
            self.follow_producer(producer).await?;
        }
        Ok(Speaker { producer: producer.into(), source: source.into(), epoch })
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
        state.ok_or_else(|| taken(&speaker.producer))
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
        let turned = self.turn((&speaker.source, &speaker.producer), Some(speaker.epoch), to, reason).await?;
        match turned {
            Turned::Taken => Err(taken(&speaker.producer)),
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
            let turned = self.turn((&row.source, &row.name), None, ProducerState::Down, &reason).await?;
            if let Turned::Done { held } = turned {
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

    /// Turns a producer of a source; by whoever hears it (of that epoch), or by whoever finds it silent.
    async fn turn(
        &self,
        (source, producer): (&str, &str),
        epoch: Option<i64>,
        to: ProducerState,
        reason: &str,
    ) -> Result<Turned, Error> {
        let reason: String = reason.chars().filter(|c| *c != '\0').take(REASON_LEN_MAX).collect();
        let work = Arc::new((source.to_owned(), producer.to_owned(), reason));
        let app = self.clone();
        let turned = self
            .store()
            .run("turn_producer", Isolation::ReadCommitted, move |tx| {
                let (app, work) = (app.clone(), Arc::clone(&work));
                Box::pin(async move { app.turn_in(tx, (&work.0, &work.1), epoch, to, &work.2).await })
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
        source: &str,
        name: &str,
        silence_ms_max: i64,
    ) -> Result<Option<(i64, bool)>, overround_store::Error> {
        let reason = format!("the producer {name} is not heard yet");
        let (of_it, is_elsewhere) = self.of_source(tx, source, name).await?;
        if is_elsewhere || of_it.as_ref().is_some_and(is_heard) {
            return Ok(None);
        }
        let hearer = self.markets_state().hearer();
        let Some(row) = of_it else {
            let row = ProducerRow {
                name: name.to_owned(),
                source: source.to_owned(),
                id: self.clock().id(),
                state: ProducerState::Down,
                reason,
                silence_ms_max,
                hearer,
                epoch: 1,
                version: 1,
                changed_at: self.clock().now(),
                seen_at: None,
                silent: true,
            };
            market::producers::put(tx, &row).await?;
            events::append(tx, &[producer_changed(self.clock(), &row)]).await?;
            self.hold_producer(tx, &row).await?;
            return Ok(Some((row.epoch, true)));
        };
        let held = row.state == ProducerState::Up;
        let mut taken = ProducerRow { hearer, epoch: row.epoch + 1, silence_ms_max, ..row };
        if taken.state != ProducerState::Down {
            self.enter(&mut taken, ProducerState::Down, reason);
            events::append(tx, &[producer_changed(self.clock(), &taken)]).await?;
        }
        market::producers::put(tx, &taken).await?;
        if held {
            self.hold_producer(tx, &taken).await?;
        }
        Ok(Some((taken.epoch, held)))
    }

    async fn turn_in(
        &self,
        tx: &mut Tx,
        (source, name): (&str, &str),
        epoch: Option<i64>,
        to: ProducerState,
        reason: &str,
    ) -> Result<Turned, overround_store::Error> {
        let (row, is_elsewhere) = self.of_source(tx, source, name).await?;
        let Some(mut row) = row else { return Ok(Turned::Taken) };
        match epoch {
            Some(epoch) if epoch != row.epoch => return Ok(Turned::Taken),
            // Two processes took two producers of the source while neither was heard: the first one heard decides.
            Some(_) if is_elsewhere && to != ProducerState::Down => return Ok(Turned::Taken),
            // It was heard, or declared down, since it was found silent.
            None if !row.silent || row.state == to => return Ok(Turned::Illegal(row.state)),
            _ if row.state == to => return Ok(Turned::Done { held: false }),
            _ if !row.state.can_become(to) => return Ok(Turned::Illegal(row.state)),
            _ => {}
        }
        let held = row.state == ProducerState::Up || to == ProducerState::Up;
        self.enter(&mut row, to, reason.to_owned());
        market::producers::put(tx, &row).await?;
        events::append(tx, &[producer_changed(self.clock(), &row)]).await?;
        if held {
            self.hold_producer(tx, &row).await?;
        }
        Ok(Turned::Done { held })
    }

    /// A producer, if it is known, and whether another process hears another of its source. All are locked.
    async fn of_source(
        &self,
        tx: &mut Tx,
        source: &str,
        name: &str,
    ) -> Result<(Option<ProducerRow>, bool), overround_store::Error> {
        let rows = market::producers::lock_source(tx, source).await?;
        let hearer = self.markets_state().hearer();
        let (mut of_it, others): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.name == name);
        Ok((of_it.pop(), others.iter().any(|row| row.hearer != hearer && is_heard(row))))
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
}

/// Whether the producer lives, for whichever process hears it.
fn is_heard(row: &ProducerRow) -> bool {
    row.state != ProducerState::Down && !row.silent
}

impl From<ProducerRow> for ProducerView {
    fn from(row: ProducerRow) -> Self {
        let ProducerRow { name, source, state, reason, changed_at, seen_at, silence_ms_max, epoch, .. } = row;
        Self { name, source, state, reason, changed_at, seen_at, silence_ms_max, epoch }
    }
}
