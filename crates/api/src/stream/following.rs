//! What one connection follows: what it may ask for, and what it is told.

use crate::auth::Caller;
use crate::wire::stream::{
    Channel, Subscribe, chronicle_text, conflated_text, error_text, followed_text, frame_text, presence_text,
    window_text,
};
use bytes::Bytes;
use metrics::Counter;
use overround_app::{App, Chronicle, Delivery, Error, Place, Position, Reader, Subscribed};
use overround_domain::ids::{AccountId, EventId, MarketId, UserId};
use overround_domain::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How long an epoch may be, in bytes.
const EPOCH_BYTES_MAX: usize = 64;

/// Why a channel is not followed: a code, and words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The code.
    pub code: &'static str,
    /// What to know about it.
    pub detail: String,
}

/// What was learnt of the channels of a wish: those there are. None while the database is away.
pub struct Known {
    markets: BTreeSet<MarketId>,
    events: BTreeSet<EventId>,
    /// Those of whose accounts there are.
    accounts: BTreeMap<AccountId, UserId>,
}

/// What is told now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// All that is new.
    All,
    /// What is told in chronicles, while prices are gathered.
    Chronicles,
}

/// The reader was too slow for a channel of which nothing is passed over: the connection ends, and it can go on from its
/// places on another.
pub struct TooSlow;

/// What one connection follows.
pub struct Following {
    app: App,
    reader: Reader,
    caller: Caller,
    /// Whether the connection asked for the newest prices only.
    conflates: bool,
    subscriptions_max: usize,
    frames: Counter,
}

impl Following {
    /// Nothing yet, for a connection of that caller, who may follow so many channels.
    pub fn new(app: &App, caller: &Caller, conflate: Duration, subscriptions_max: usize) -> Self {
        Self {
            app: app.clone(),
            reader: app.reader(),
            caller: caller.clone(),
            conflates: !conflate.is_zero(),
            subscriptions_max,
            frames: metrics::counter!("overround_stream_frames_total"),
        }
    }

    /// The present instant, as frames have it.
    pub fn now(&self) -> Timestamp {
        self.app.clock().now()
    }

    /// Follows channels; what to say of each, and whether any is followed now that was not before.
    pub async fn subscribe_all(&mut self, wishes: &[Subscribe]) -> (Vec<String>, bool) {
        let known = self.known(wishes).await;
        let mut has_new = false;
        let mut say = |wish: &Subscribe| match self.subscribe(wish, known.as_ref()) {
            Ok(channel) => {
                has_new = true;
                followed_text(channel, true, self.now())
            }
            Err(Refusal { code, detail }) => error_text(&wish.channel, code, &detail, self.now()),
        };
        let said = wishes.iter().map(&mut say).collect();
        (said, has_new)
    }

    /// Which of the channels there are; none while that cannot be learnt.
    pub async fn known(&self, wishes: &[Subscribe]) -> Option<Known> {
        let channels: BTreeSet<Channel> =
            wishes.iter().filter_map(|wish| wish.channel.parse().ok()).collect();
        let (mut markets, mut events, mut accounts) = (Vec::new(), Vec::new(), Vec::new());
        for channel in channels {
            match channel {
                Channel::Market(id) => markets.push(id),
                Channel::Event(id) => events.push(id),
                Channel::Account(id) => accounts.push(id),
            }
        }
        let known = tokio::try_join!(
            self.app.known_markets(&markets),
            self.app.known_events(&events),
            self.app.known_accounts(&accounts),
        );
        match known {
            Ok((markets, events, accounts)) => Some(Known { markets, events, accounts }),
            Err(Error::Unavailable { .. }) => None,
            Err(error) => {
                tracing::error!(%error, "channels cannot be followed");
                None
            }
        }
    }

    /// Follows a channel, if it is one of those that are known; none are while the database is away.
    ///
    /// # Errors
    /// Why it does not.
    pub fn subscribe(&mut self, wish: &Subscribe, known: Option<&Known>) -> Result<Channel, Refusal> {
        let refusal = |code, detail: &str| Refusal { code, detail: detail.to_owned() };
        let channel: Channel =
            wish.channel.parse().map_err(|detail| Refusal { code: "INVALID_CHANNEL", detail })?;
        let seen = seen(channel, wish).map_err(|detail| refusal("INVALID_PLACE", detail))?;
        let known =
            known.ok_or_else(|| refusal("UNAVAILABLE", "nothing can be learnt of it now; ask again"))?;
        let there_is = match channel {
            Channel::Market(id) => known.markets.contains(&id),
            Channel::Event(id) => known.events.contains(&id),
            // Another's is answered like one that does not exist.
            Channel::Account(id) => {
                known.accounts.get(&id).is_some_and(|owner| self.caller.may_read_account_of(*owner))
            }
        };
        if !there_is {
            return Err(refusal("NOT_FOUND", "there is no such market, event or account"));
        }
        if self.reader.followed() >= self.subscriptions_max {
            let detail = format!("a connection follows at most {} channels", self.subscriptions_max);
            return Err(refusal("TOO_MANY_SUBSCRIPTIONS", &detail));
        }
        let subscribed = match channel {
            Channel::Market(id) => self.reader.subscribe(id, seen),
            Channel::Event(id) => {
                let present = wish.present.then_some(self.caller.user_id());
                self.reader.follow(Chronicle::Event(id), seen, present)
            }
            Channel::Account(id) => self.reader.follow(Chronicle::Account(id), seen, None),
        };
        match subscribed {
            Subscribed::Now => Ok(channel),
            Subscribed::Already => Err(refusal("ALREADY_SUBSCRIBED", "this connection follows it")),
            Subscribed::Full => Err(refusal("UNAVAILABLE", "this server follows as many channels as it can")),
        }
    }

    /// Follows a channel no more; what to say of it.
    pub fn unsubscribe(&mut self, name: &str) -> String {
        let channel: Channel = match name.parse() {
            Ok(channel) => channel,
            Err(detail) => return error_text(name, "INVALID_CHANNEL", &detail, self.now()),
        };
        let was_followed = match channel {
            Channel::Market(id) => self.reader.unsubscribe(id),
            Channel::Event(id) => self.reader.leave(Chronicle::Event(id)),
            Channel::Account(id) => self.reader.leave(Chronicle::Account(id)),
        };
        match was_followed {
            true => followed_text(channel, false, self.now()),
            false => error_text(name, "NOT_SUBSCRIBED", "this connection does not follow it", self.now()),
        }
    }

    /// Returns when something that is followed has something new.
    pub async fn arrived(&self) {
        self.reader.arrived().await;
    }

    /// What is new of one channel that is due; none when nothing is new of any. What waits to be sent is never more than
    /// that.
    ///
    /// # Errors
    /// [`TooSlow`].
    pub fn take(&mut self, due: Due) -> Result<Option<Vec<Delivery>>, TooSlow> {
        let news = match due {
            Due::All => self.reader.take(self.conflates),
            Due::Chronicles => self.reader.take_chronicle(),
        };
        let is_too_slow = |news: &Vec<Delivery>| news.iter().any(|one| matches!(one, Delivery::Gone { .. }));
        if news.as_ref().is_some_and(is_too_slow) { Err(TooSlow) } else { Ok(news) }
    }

    /// A delivery as it is sent; none for what this reader is not told.
    pub fn text(&self, delivery: &Delivery) -> Option<Bytes> {
        match delivery {
            Delivery::Frame(kind, frame) => {
                self.frames.increment(1);
                Some(frame.encoded(*kind, || frame_text(*kind, frame)))
            }
            Delivery::Chronicle(kind, frame) => {
                self.frames.increment(1);
                Some(frame.encoded(*kind, || chronicle_text(*kind, frame, self.now())))
            }
            Delivery::Conflated { market_id, at, frames } => {
                let passed_over = u64::try_from(*frames).unwrap_or(u64::MAX);
                metrics::counter!("overround_stream_conflated_total").increment(passed_over);
                // Who asked for it knows.
                let text = || conflated_text(*market_id, at, *frames, self.now()).into();
                (!self.conflates).then(text)
            }
            Delivery::Window { market_id, at, sellable, confirmed_at } => {
                Some(window_text(*market_id, at.as_ref(), *sellable, *confirmed_at, self.now()).into())
            }
            Delivery::Presence { place: Place::Event(event_id), count } => {
                Some(presence_text(*event_id, *count, self.now()).into())
            }
            // No channel is a room's yet, and who is too slow is told nothing more.
            Delivery::Presence { place: Place::Room(_), .. } | Delivery::Gone { .. } => None,
        }
    }
}

/// The channel and the place that a reader is at after a delivery, where that is part of the channel's order.
pub fn place_after(delivery: &Delivery) -> Option<(Channel, &Position)> {
    match delivery {
        Delivery::Frame(_, frame) => Some((Channel::Market(frame.snapshot.market_id), &frame.position)),
        Delivery::Chronicle(_, frame) => Some((frame.chronicle.into(), &frame.position)),
        Delivery::Conflated { .. }
        | Delivery::Window { .. }
        | Delivery::Gone { .. }
        | Delivery::Presence { .. } => None,
    }
}

/// The place that a wish names in its channel, if it does.
fn seen(channel: Channel, wish: &Subscribe) -> Result<Option<Position>, &'static str> {
    if wish.present && !matches!(channel, Channel::Event(_)) {
        return Err("one is present at an event: at a market or an account nobody is");
    }
    match (wish.epoch.as_deref(), wish.seq) {
        (None, None) => Ok(None),
        (Some(epoch), Some(seq)) if epoch.len() <= EPOCH_BYTES_MAX && seq > 0 => {
            Ok(Some(Position { epoch: epoch.into(), seq }))
        }
        _ => Err("give both epoch and seq of a frame, or none"),
    }
}
