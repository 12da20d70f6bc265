//! Readers of chronicles beside the workload. Each follows all accounts and sporting events, is cut off now and then and comes
//! back with its places. What is told is told once and in its order, to all of them in the same words; what it comes to is
//! kept by [`Accounts`] and [`Events`].

use super::accounts::Accounts;
use super::events::Events;
use super::{CUT_EVERY, PATIENCE};
use crate::sim::check::Mismatch;
use crate::sim::model::Model;
use overround_app::{App, Chronicle, ChronicleEvent, ChronicleNews, Delivery, Error, FrameKind};
use overround_app::{EventInfo, Position, Reader, Standing, Subscribed};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long to wait until the log is read again, where it could not be read to its end.
const AGAIN_AFTER: Duration = Duration::from_millis(50);

/// A reader, and what it was told.
struct Watcher {
    app: App,
    reader: Reader,
    seen: BTreeMap<Chronicle, Option<Position>>,
    accounts: Accounts,
    events: Events,
}

/// All readers of chronicles of a run, one a process.
pub struct ChronicleWatch {
    watchers: Vec<Watcher>,
    /// What each event said when it was first told, by its place.
    said: BTreeMap<(Chronicle, Arc<str>, i64), ChronicleEvent>,
    /// How many events all readers were told of.
    pub events: u64,
}

impl ChronicleWatch {
    /// Readers of each process, who follow nothing yet.
    pub fn new(apps: &[App]) -> Self {
        let watcher = |app: &App| Watcher {
            app: app.clone(),
            reader: app.reader(),
            seen: BTreeMap::new(),
            accounts: Accounts::default(),
            events: Events::default(),
        };
        Self { watchers: apps.iter().map(watcher).collect(), said: BTreeMap::new(), events: 0 }
    }

    /// After a step: has one of the processes tell what happened, follows what is new, takes what there is to see, and
    /// cuts one of the readers off if it is time.
    ///
    /// # Errors
    /// That the log cannot be read; within, what no reader may see.
    pub async fn step(&mut self, step: u32, model: &Model) -> Result<Result<(), Mismatch>, Error> {
        let turn = usize::try_from(step).unwrap_or(0) % self.watchers.len().max(1);
        if let Some(watcher) = self.watchers.get(turn) {
            watcher.app.tell_chronicles().await?;
        }
        Ok(self.follow(step, turn, model).and_then(|()| self.take(model)))
    }

    fn follow(&mut self, step: u32, turn: usize, model: &Model) -> Result<(), Mismatch> {
        let accounts = model.accounts.values().map(|account| Chronicle::Account(account.id));
        let events = model.events.values().map(|event| Chronicle::Event(*event));
        for chronicle in accounts.chain(events) {
            for watcher in &mut self.watchers {
                if !watcher.seen.contains_key(&chronicle) {
                    watcher.follow(chronicle, None)?;
                }
            }
        }
        match self.watchers.get_mut(turn) {
            Some(watcher) if step.is_multiple_of(CUT_EVERY) => watcher.come_back(),
            _ => Ok(()),
        }
    }

    /// Waits until every reader knows how each account and event stands.
    ///
    /// # Errors
    /// That the log or the events cannot be read; within, what no reader may see, or who does not know.
    pub async fn see(&mut self, model: &Model) -> Result<Result<(), Mismatch>, Error> {
        let until = Instant::now() + PATIENCE;
        let mut events = Vec::new();
        if let Some(watcher) = self.watchers.first() {
            for event in model.events.values() {
                events.push(watcher.app.event(*event).await?);
            }
        }
        loop {
            for watcher in &self.watchers {
                watcher.app.tell_chronicles().await?;
            }
            if let Err(mismatch) = self.take(model) {
                return Ok(Err(mismatch));
            }
            let behind = self.watchers.iter().find_map(|one| one.behind(model, &events));
            let Some(mismatch) = behind else { return Ok(Ok(())) };
            if Instant::now() >= until {
                return Ok(Err(mismatch));
            }
            sleep(AGAIN_AFTER).await;
        }
    }

    /// Takes all that readers have to see by now.
    fn take(&mut self, model: &Model) -> Result<(), Mismatch> {
        for watcher in &mut self.watchers {
            while let Some(told) = watcher.reader.take(true) {
                for delivery in told {
                    let Some((chronicle, at, event)) = watcher.saw(&delivery, model)? else { continue };
                    self.events += 1;
                    let first = self.said.entry((chronicle, Arc::clone(&at.epoch), at.seq));
                    let first = first.or_insert_with(|| event.clone());
                    if *first != event {
                        let what = format!("what is told of {chronicle} at {at:?}");
                        return Err(Mismatch::plain(&what, first, event));
                    }
                }
            }
        }
        Ok(())
    }
}

impl Watcher {
    fn follow(&mut self, chronicle: Chronicle, seen: Option<Position>) -> Result<(), Mismatch> {
        let followed = self.reader.follow(chronicle, seen.clone(), None);
        if followed != Subscribed::Now {
            return Err(Mismatch::plain("a reader follows a chronicle", Subscribed::Now, followed));
        }
        self.seen.insert(chronicle, seen);
        Ok(())
    }

    /// Is cut off, and comes back from where it was.
    fn come_back(&mut self) -> Result<(), Mismatch> {
        self.reader = self.app.reader();
        for (chronicle, seen) in std::mem::take(&mut self.seen) {
            self.follow(chronicle, seen)?;
        }
        Ok(())
    }

    /// How something stands otherwise than the reader knows, if it does.
    fn behind(&self, model: &Model, events: &[EventInfo]) -> Option<Mismatch> {
        let accounts = model.accounts.values().find_map(|account| self.accounts.behind(account));
        accounts.or_else(|| events.iter().find_map(|event| self.events.behind(event, model)))
    }

    /// Notes what it was told. Returns the event, if it was one.
    fn saw(
        &mut self,
        delivery: &Delivery,
        model: &Model,
    ) -> Result<Option<(Chronicle, Position, ChronicleEvent)>, Mismatch> {
        let wrong = |what: &str| Err(Mismatch::plain(what, "the next event", delivery));
        let (kind, frame) = match delivery {
            Delivery::Chronicle(kind, frame) => (kind, frame),
            Delivery::Presence { .. } => return Ok(None),
            _ => return wrong("what a reader of chronicles is told"),
        };
        let (chronicle, at) = (frame.chronicle, frame.position.clone());
        let seen = self.seen.entry(chronicle).or_default();
        let is_next = match (&seen, kind) {
            (None, FrameKind::Snapshot) => true,
            (Some(seen), FrameKind::Update) => seen.epoch == at.epoch && seen.seq + 1 == at.seq,
            // What Redis lost is begun anew.
            (Some(seen), FrameKind::Reset) => seen.epoch != at.epoch,
            _ => false,
        };
        if !is_next {
            return wrong(&format!("what a reader of {chronicle} is told after {seen:?}"));
        }
        *seen = Some(at.clone());
        match (&frame.news, chronicle) {
            (ChronicleNews::Standing(Standing::Account(view)), _) => self.accounts.stand(view),
            (ChronicleNews::Standing(Standing::Event(view)), _) => self.events.stand(view, model),
            (ChronicleNews::Event(event), Chronicle::Account(id)) => self.accounts.hear(id, event)?,
            (ChronicleNews::Event(event), Chronicle::Event(id)) => self.events.hear(id, event)?,
        }
        Ok(match &frame.news {
            ChronicleNews::Standing(_) => None,
            ChronicleNews::Event(event) => Some((chronicle, at, event.clone())),
        })
    }
}
