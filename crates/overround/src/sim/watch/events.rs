//! What a reader knows of sporting events: what they are called, and which markets they have. Each market is told of once, and
//! so is each result; what was told last of an event is how it stands.

use crate::sim::check::Mismatch;
use crate::sim::model::{Market, Model};
use overround_app::{Change, ChronicleEvent, EventInfo};
use overround_domain::ids::{EventId, MarketId};
use std::collections::{BTreeMap, BTreeSet};

/// What a reader was told of events.
#[derive(Default)]
pub struct Events {
    /// The version and the name.
    known: BTreeMap<EventId, (i64, String)>,
    opened: BTreeSet<MarketId>,
    /// The markets that have a result, by generation.
    settled: BTreeMap<MarketId, i32>,
    /// Those that may have been there before the reader came, and may have had a result.
    old: BTreeMap<MarketId, bool>,
}

impl Events {
    /// Notes how an event stands.
    pub fn stand(&mut self, view: &EventInfo, model: &Model) {
        self.known.insert(view.id, (view.version, view.name.clone()));
        let markets = model.markets.values().filter(|market| market.event == view.id);
        self.old.extend(markets.map(|market| (market.id, market.endings.is_some())));
    }

    /// Notes what happened to an event.
    ///
    /// # Errors
    /// What nobody may be told.
    pub fn hear(&mut self, id: EventId, event: &ChronicleEvent) -> Result<(), Mismatch> {
        let wrong = |expected: &str| Err(Mismatch::plain(&format!("what is told of {id}"), expected, event));
        match &event.change {
            Change::EventChanged(now) => {
                let (version, name) = self.known.entry(id).or_default();
                // The event as it stood may have had it already.
                if now.version > version.saturating_add(1) {
                    return wrong("the next version");
                }
                if now.version > *version {
                    (*version, *name) = (now.version, now.name.clone());
                }
            }
            Change::MarketOpened(market) => {
                if !self.opened.insert(market.market_id) {
                    return wrong("each market once");
                }
            }
            Change::MarketSettled(market) => {
                let before = self.settled.insert(market.market_id, market.generation);
                if before.is_some_and(|before| before + 1 != market.generation) {
                    return wrong("the next result");
                }
            }
            _ => return wrong("a sporting event's event"),
        }
        Ok(())
    }

    /// How an event stands otherwise than the reader knows, if it does; or what was not told of its markets.
    pub fn behind(&self, info: &EventInfo, model: &Model) -> Option<Mismatch> {
        let (stands, told) = ((info.version, info.name.clone()), self.known.get(&info.id).cloned());
        if told.as_ref() != Some(&stands) {
            let what = format!("what a reader of {} knows: its version and name", info.id);
            return Some(Mismatch::plain(&what, stands, told));
        }
        let market = model.markets.values().find(|one| one.event == info.id && !self.is_told(one))?;
        let what = format!("what a reader of {} was told of its market {}", info.id, market.id);
        let settled = self.settled.get(&market.id);
        Some(Mismatch::plain(
            &what,
            (true, market.endings.is_some()),
            (self.opened.contains(&market.id), settled),
        ))
    }

    /// Whether all that had to be told of a market was.
    fn is_told(&self, market: &Market) -> bool {
        let old = self.old.get(&market.id).copied();
        let knows_it = old.is_some() || self.opened.contains(&market.id);
        knows_it && (market.endings.is_none() || old == Some(true) || self.settled.contains_key(&market.id))
    }
}
