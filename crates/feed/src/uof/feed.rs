//! The fold of messages into the state of markets.

use super::descriptions;
use super::market::{Market, Said, Stop};
use super::message::{BetStop, MarketRef, Message, OddsChange};
use super::standing::Standing;
use crate::health::Sign;
use overround_domain::markets::SourceMarket;
use overround_domain::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// What was met so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages applied.
    pub messages: u64,
    /// Market states that came after a newer one of the same producer; left out.
    pub outdated: u64,
    /// Odds that are no price; the outcome is not offered.
    pub refused_odds: u64,
    /// Outcomes that were listed twice, or are neither side of a line; left out.
    pub refused_outcomes: u64,
}

/// What one message came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// The producer that said it. Each has a health of its own.
    pub producer: Option<u32>,
    /// What it says of its producer's health: `alive` and `snapshot_complete` do.
    pub sign: Option<Sign>,
    /// The keys of the markets that it is about, where it has their whole state, whether that moved anything or not: what
    /// a recovery does not name is not sold any more.
    pub named: Vec<String>,
    /// Its producer said something newer of all its markets before.
    pub outdated: bool,
    /// The markets that stand differently after it, or by another's word.
    pub changed: Vec<Said>,
}

/// The markets of all producers, by their messages so far.
///
/// Of several producers of one market one owns it: of those who have it in their hands (who did not hand it over, call it
/// inactive, or leave it out of their recovery) one that is up ([`trust`](Self::trust)), and of these the first by rank.
/// The producer of prices before the start (3) never gets back what another had.
///
/// The state depends on the messages, not on their order or repetition: what a producer said at an older
/// timestamp never replaces what it said at a newer one, and a stop concerns what was said until its
/// timestamp, also when that arrives after it. (Of two contradictory states of one timestamp the one
/// that arrives last counts.)
///
/// ```
/// use overround_feed::uof::{Feed, Message};
///
/// let message = Message::parse(br#"<odds_change product="3" event_id="sr:match:7" timestamp="5">
///     <odds><market id="18" specifiers="total=2.5">
///         <outcome id="12" odds="1.9" active="1"/><outcome id="13" odds="2.05" active="1"/>
///     </market></odds></odds_change>"#)?;
/// let heard = Feed::default().apply(&message);
/// let over = heard.changed.first().and_then(|said| said.market.outcomes.first());
/// assert_eq!(over.map(|outcome| outcome.name.as_str()), Some("Over 2.5"));
/// assert_eq!(over.and_then(|outcome| outcome.best_back).map(|price| (price.num(), price.den())), Some((19, 10)));
/// # Ok::<(), overround_feed::uof::Error>(())
/// ```
#[derive(Debug)]
pub struct Feed {
    events: BTreeMap<String, Event>,
    standing: Standing,
    counts: Counts,
    at: Timestamp,
}

/// An event's markets and what concerns them all.
#[derive(Debug, Default)]
struct Event {
    /// When it was last heard of, on its producers' clocks.
    heard_at: Option<Timestamp>,
    /// Whether it is running, and since which message that is known.
    in_play: Option<(Timestamp, bool)>,
    /// All stops by their instants, since prices from before one may yet arrive.
    stops: BTreeMap<Timestamp, Vec<BetStop>>,
    markets: BTreeMap<MarketRef, Market>,
}

impl Default for Feed {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl Feed {
    /// A feed whose producers come in this order, the best first; those that are left out come after them by their numbers,
    /// the one of prices before the start last. None is up.
    pub fn new(ranked: Vec<u32>) -> Self {
        Self {
            events: BTreeMap::new(),
            standing: Standing::new(ranked),
            counts: Counts::default(),
            at: Timestamp::from_millis(0),
        }
    }

    /// Says whether a producer may be trusted. Returns the markets that stand by another's word after that.
    pub fn trust(&mut self, producer: u32, up: bool) -> Vec<Said> {
        if !self.standing.set(producer, up) {
            return Vec::new();
        }
        self.say_all()
    }

    /// Applies a message.
    pub fn apply(&mut self, message: &Message) -> Heard {
        let header = message.header();
        self.at = self.at.max(header.at);
        self.counts.messages += 1;
        let outdated_before = self.counts.outdated;
        let (changed, named) = match message {
            Message::OddsChange(message) => {
                let named: Vec<String> =
                    message.markets.iter().map(|odds| odds.market.key(&message.event)).collect();
                (self.odds_change(message), named)
            }
            Message::BetStop(message) => (self.bet_stop(message), Vec::new()),
            _ => (Vec::new(), Vec::new()),
        };
        let outdated = self.counts.outdated - outdated_before;
        let outdated = outdated > 0 && u64::try_from(named.len()).is_ok_and(|all| all == outdated);
        let sign = match message {
            Message::Alive(alive) if alive.subscribed => Some(Sign::Alive),
            Message::Alive(_) => Some(Sign::Gap),
            Message::SnapshotComplete(message) => Some(Sign::Recovered { request: Some(message.request_id) }),
            _ => None,
        };
        Heard { producer: header.producer, sign, named, outdated, changed }
    }

    /// What was met so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Every market, as it stands, by event, id and specifiers.
    pub fn markets(&self) -> impl Iterator<Item = &SourceMarket> {
        self.events
            .values()
            .flat_map(|event| event.markets.values())
            .filter_map(Market::said)
            .map(|said| &said.market)
    }

    /// The newest timestamp so far.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Forgets an event that is over and will not be heard of again. One that is heard of again begins
    /// anew.
    pub fn forget(&mut self, event: &str) {
        self.events.remove(event);
    }

    /// Takes back all markets of a producer but those of these keys, which alone its recovery named. Returns those that
    /// stand differently after it.
    pub fn withdraw_unnamed(&mut self, producer: u32, named: &BTreeSet<String>) -> Vec<Said> {
        for (key, event) in &mut self.events {
            for (_, market) in
                event.markets.iter_mut().filter(|(market, _)| !named.contains(&market.key(key)))
            {
                market.withdraw(producer);
            }
        }
        self.say_all()
    }

    /// Forgets what a producer said, which is not up any more: another process hears it from here on. Returns the markets
    /// that stand by another's word after that.
    pub fn forget_producer(&mut self, producer: u32) -> Vec<Said> {
        self.standing.set(producer, false);
        for event in self.events.values_mut() {
            event.markets.retain(|_, market| market.forget(producer));
        }
        self.say_all()
    }

    /// Forgets the events that were last heard of before an instant of their producers' clocks. Messages from before it
    /// must not be applied any more: nothing tells them from news.
    pub fn forget_before(&mut self, at: Timestamp) {
        self.events.retain(|_, event| event.heard_at.is_some_and(|heard| heard >= at));
    }

    /// All markets that stand differently than they were last said.
    fn say_all(&mut self) -> Vec<Said> {
        let mut changed = Vec::new();
        for (key, event) in &mut self.events {
            let in_play = event.in_play();
            changed
                .extend(event.markets.values_mut().filter_map(|one| one.say(key, in_play, &self.standing)));
        }
        changed
    }

    fn odds_change(&mut self, message: &OddsChange) -> Vec<Said> {
        // The parser refuses an odds_change without one.
        let Some(producer) = message.header.producer else { return Vec::new() };
        let at = message.header.at;
        let event = self.events.entry(message.event.clone()).or_default();
        event.heard_at = event.heard_at.max(Some(at));
        let turned = event.turn(at, message.in_play);
        let (mut touched, mut seen) = (Vec::new(), BTreeSet::new());
        for odds in &message.markets {
            let stop = event.stop_since(&odds.market, at);
            let new = || Market::new(odds.market.clone());
            let market = event.markets.entry(odds.market.clone()).or_insert_with(new);
            let hearing = market.hear(producer, at, odds, stop);
            self.counts.outdated += u64::from(hearing.outdated);
            self.counts.refused_outcomes += odds.repeated + hearing.foreign;
            let refused = odds.outcomes.iter().filter(|outcome| outcome.refused).count();
            self.counts.refused_odds += u64::try_from(refused).unwrap_or(u64::MAX);
            if seen.insert(&odds.market) {
                touched.push(&odds.market);
            }
        }
        let in_play = event.in_play();
        let mut changed = Vec::new();
        for market in touched {
            let market = event.markets.get_mut(market);
            changed.extend(market.and_then(|one| one.say(&message.event, in_play, &self.standing)));
        }
        if turned {
            let markets = event.markets.values_mut();
            changed.extend(markets.filter_map(|one| one.say(&message.event, in_play, &self.standing)));
        }
        changed
    }

    fn bet_stop(&mut self, message: &BetStop) -> Vec<Said> {
        let event = self.events.entry(message.event.clone()).or_default();
        event.heard_at = event.heard_at.max(Some(message.header.at));
        let stop = Stop::of(message);
        let stops = event.stops.entry(stop.at).or_default();
        if !stops.contains(message) {
            stops.push(message.clone());
        }
        let in_play = event.in_play();
        let stopped =
            event.markets.iter_mut().filter(|(market, _)| descriptions::stops(market, &message.groups));
        stopped
            .filter_map(|(_, market)| {
                market.stop(stop);
                market.say(&message.event, in_play, &self.standing)
            })
            .collect()
    }
}

impl Event {
    fn in_play(&self) -> bool {
        self.in_play.is_some_and(|(_, in_play)| in_play)
    }

    /// Takes what a message says of the event's run. Returns whether that turns it.
    fn turn(&mut self, at: Timestamp, in_play: Option<bool>) -> bool {
        let before = self.in_play();
        if let Some(now) = in_play
            && self.in_play.is_none_or(|(known, _)| known <= at)
        {
            self.in_play = Some((at, now));
        }
        self.in_play() != before
    }

    /// The first stop of the market since what was said at `at`.
    fn stop_since(&self, market: &MarketRef, at: Timestamp) -> Option<Stop> {
        let mut since = self.stops.range(at..).flat_map(|(_, stops)| stops);
        since.find(|stop| descriptions::stops(market, &stop.groups)).map(Stop::of)
    }
}
