//! What is told in chronicles: of the log's events those that whoever follows an account or a sporting event may know,
//! without what is the house's own.

use overround_domain::betting::{BetResult, BetStatus, LegResult};
use overround_domain::events::EventType;
use overround_domain::ids::{AccountId, BetId, EventId, MarketId, OutcomeId, PostingId, SettlementId};
use overround_domain::money::{Cents, Currency};
use overround_domain::odds::Price;
use overround_domain::time::Timestamp;
use overround_domain::wallet::{AccountKind, AccountStatus, Freeze};
use overround_store::events::log::Logged;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// An event of a chronicle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChronicleEvent {
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub change: Change,
}

/// What happened; called like the domain events that it is read from.
///
/// Amounts are minor units. `balance` and `held` are what they came to by that; `account_seq` is the number of the
/// account's last ledger entry by then, so that of two the higher one's balance is the later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum Change {
    /// A bet was accepted.
    #[serde(rename = "bet.placed")]
    BetPlaced(BetPlaced),
    /// A bet was settled, or settled anew.
    #[serde(rename = "bet.settled")]
    BetSettled(BetSettled),
    /// Money came in.
    #[serde(rename = "wallet.credited")]
    Credited(Moved),
    /// Money went out.
    #[serde(rename = "wallet.debited")]
    Debited(Moved),
    /// A wallet was corrected by hand.
    #[serde(rename = "wallet.adjusted")]
    Adjusted(Moved),
    /// An earlier posting was taken back.
    #[serde(rename = "wallet.reversed")]
    Reversed(Moved),
    /// Money went from one wallet of the account to another.
    #[serde(rename = "wallet.transferred")]
    Transferred(Moved),
    /// A wallet was opened beside the account.
    #[serde(rename = "wallet.opened")]
    WalletOpened(WalletOpened),
    /// The account was frozen.
    #[serde(rename = "account.frozen")]
    Frozen(Frozen),
    /// A freeze was let go.
    #[serde(rename = "account.unfrozen")]
    Unfrozen(Frozen),
    /// A sporting event became known, is called otherwise, or begins at another time.
    #[serde(rename = "event.changed")]
    EventChanged(EventChanged),
    /// A sporting event has another market.
    #[serde(rename = "market.opened")]
    MarketOpened(MarketOpened),
    /// A market's result was recorded.
    #[serde(rename = "market.settled")]
    MarketSettled(MarketSettled),
}

/// A bet that was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BetPlaced {
    /// The bet.
    #[serde(with = "plain")]
    pub bet_id: BetId,
    /// The account.
    #[serde(with = "plain")]
    pub account_id: AccountId,
    /// What is staked.
    #[serde(rename = "stake_cents")]
    pub stake: Cents,
    /// The currency.
    pub currency: Currency,
    /// What it returns if all of it wins.
    #[serde(rename = "potential_payout_cents")]
    pub potential_payout: Cents,
    /// Its legs, in their order.
    pub legs: Vec<LegTaken>,
    /// The account's balance after it.
    #[serde(rename = "balance_cents")]
    pub balance: Cents,
    /// What is on hold for open bets after it.
    #[serde(rename = "held_cents")]
    pub held: Cents,
    /// The number of the account's last ledger entry.
    pub account_seq: i64,
}

/// A leg of a bet that was accepted, and its price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegTaken {
    /// The market.
    #[serde(with = "plain")]
    pub market_id: MarketId,
    /// The outcome.
    #[serde(with = "plain")]
    pub outcome_id: OutcomeId,
    /// The price that was taken.
    pub price: Price,
}

/// A settlement of a bet; of a later generation, one that pays the difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BetSettled {
    /// The bet.
    #[serde(with = "plain")]
    pub bet_id: BetId,
    /// The account.
    #[serde(with = "plain")]
    pub account_id: AccountId,
    /// The settlement.
    #[serde(with = "plain")]
    pub settlement_id: SettlementId,
    /// 1 for the first, and one more for each that corrects the one before.
    pub generation: i64,
    /// The status.
    pub status: BetStatus,
    /// What became of it; none of a void bet.
    pub result: Option<BetResult>,
    /// What it returns in all.
    #[serde(rename = "return_cents")]
    pub returned: Cents,
    /// The currency.
    pub currency: Currency,
    /// The account's balance after it.
    #[serde(rename = "balance_cents")]
    pub balance: Cents,
    /// What is on hold for open bets after it.
    #[serde(rename = "held_cents")]
    pub held: Cents,
    /// The number of the account's last ledger entry.
    pub account_seq: i64,
}

/// A posting by hand to the account or a wallet beside it, which `account_id` names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// The account.
    #[serde(with = "plain")]
    pub account_id: AccountId,
    /// The posting.
    #[serde(with = "plain")]
    pub posting_id: PostingId,
    /// Without a sign, but for an adjustment's and a reversal's.
    #[serde(rename = "amount_cents")]
    pub amount: Cents,
    /// The currency.
    pub currency: Currency,
    /// The account's balance after it.
    #[serde(rename = "balance_cents")]
    pub balance: Cents,
    /// The number of the account's last ledger entry.
    pub account_seq: i64,
    /// Where it came to, of a transfer.
    #[serde(flatten)]
    pub to: Option<MovedTo>,
    /// What it takes back, of a reversal.
    #[serde(flatten)]
    pub reversed: Option<Reversed>,
}

/// The wallet that a transfer came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovedTo {
    /// The account.
    #[serde(with = "plain", rename = "to_account_id")]
    pub account_id: AccountId,
    /// The account's balance after it.
    #[serde(rename = "to_balance_cents")]
    pub balance: Cents,
    /// The number of the account's last ledger entry.
    #[serde(rename = "to_account_seq")]
    pub account_seq: i64,
}

/// What a reversal takes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reversed {
    /// The posting.
    #[serde(with = "plain", rename = "reversed_posting_id")]
    pub posting_id: PostingId,
}

/// A wallet beside an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalletOpened {
    /// The account.
    #[serde(with = "plain")]
    pub account_id: AccountId,
    /// The account that it is beside.
    #[serde(with = "plain")]
    pub owner_account_id: AccountId,
    /// What it is for.
    pub kind: AccountKind,
    /// The currency.
    pub currency: Currency,
    /// The least balance that it may have.
    #[serde(rename = "floor_cents")]
    pub floor: Cents,
}

/// What a freeze made of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frozen {
    /// The account.
    #[serde(with = "plain")]
    pub account_id: AccountId,
    /// What was frozen, or let go.
    pub freeze: Freeze,
    /// The status.
    pub status: AccountStatus,
}

/// What a sporting event is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventChanged {
    /// The event.
    #[serde(with = "plain")]
    pub event_id: EventId,
    /// Counts what it was said to be: of two the higher one's is the later.
    pub version: i64,
    /// A name a person can read.
    pub name: String,
    /// A lower-case word: `tennis`, `football`...
    pub sport: String,
    /// The scheduled start.
    #[serde(with = "rfc3339")]
    pub starts_at: Option<Timestamp>,
}

/// A market of a sporting event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarketOpened {
    /// The event.
    #[serde(with = "plain")]
    pub event_id: EventId,
    /// The market.
    #[serde(with = "plain")]
    pub market_id: MarketId,
    /// `MATCH_ODDS`, for example.
    pub market_type: String,
    /// A name a person can read.
    pub name: String,
}

/// A result of a market.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarketSettled {
    /// The event.
    #[serde(with = "plain")]
    pub event_id: EventId,
    /// The market.
    #[serde(with = "plain")]
    pub market_id: MarketId,
    /// 1 for the first, and one more for each that corrects the one before.
    pub generation: i32,
    /// 2 confirmed, 1 live.
    pub certainty: i16,
    /// The result of each outcome.
    #[serde(with = "by_plain")]
    pub outcomes: BTreeMap<OutcomeId, LegResult>,
}

/// What an event of the log is about, as it says.
pub(super) enum About {
    /// An account, or a wallet beside one.
    Wallet(AccountId),
    /// A sporting event.
    Event(EventId),
}

impl ChronicleEvent {
    /// The events that are told.
    pub(super) const TYPES: [EventType; 13] = [
        EventType::BetPlaced,
        EventType::BetSettled,
        EventType::WalletCredited,
        EventType::WalletDebited,
        EventType::WalletAdjusted,
        EventType::WalletReversed,
        EventType::WalletTransferred,
        EventType::WalletOpened,
        EventType::AccountFrozen,
        EventType::AccountUnfrozen,
        EventType::EventChanged,
        EventType::MarketOpened,
        EventType::MarketSettled,
    ];

    /// What an event of the log says to who follows.
    pub(super) fn of(logged: Logged) -> Result<Self, serde_json::Error> {
        let kind = Value::from(logged.event_type.as_str());
        let change = Map::from_iter([("type".to_owned(), kind), ("data".to_owned(), logged.payload)]);
        Ok(Self { at: logged.created_at, change: serde_json::from_value(Value::Object(change))? })
    }

    /// What it is about.
    pub(super) const fn about(&self) -> About {
        About::Wallet(match &self.change {
            Change::BetPlaced(bet) => bet.account_id,
            Change::BetSettled(bet) => bet.account_id,
            Change::Credited(moved)
            | Change::Debited(moved)
            | Change::Adjusted(moved)
            | Change::Reversed(moved)
            | Change::Transferred(moved) => moved.account_id,
            Change::WalletOpened(wallet) => wallet.owner_account_id,
            Change::Frozen(frozen) | Change::Unfrozen(frozen) => frozen.account_id,
            Change::EventChanged(event) => return About::Event(event.event_id),
            Change::MarketOpened(market) => return About::Event(market.event_id),
            Change::MarketSettled(market) => return About::Event(market.event_id),
        })
    }
}

/// Ids as the log has them: plain UUIDs.
mod plain {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use uuid::Uuid;

    pub(super) fn serialize<T: Copy + Into<Uuid>, S: Serializer>(id: &T, s: S) -> Result<S::Ok, S::Error> {
        let id: Uuid = (*id).into();
        id.serialize(s)
    }

    pub(super) fn deserialize<'de, T: From<Uuid>, D: Deserializer<'de>>(d: D) -> Result<T, D::Error> {
        Uuid::deserialize(d).map(T::from)
    }
}

/// The same as keys.
mod by_plain {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::collections::BTreeMap;
    use uuid::Uuid;

    pub(super) fn serialize<K: Copy + Into<Uuid>, V: Serialize, S: Serializer>(
        map: &BTreeMap<K, V>,
        s: S,
    ) -> Result<S::Ok, S::Error> {
        s.collect_map(map.iter().map(|(id, value)| (Into::<Uuid>::into(*id), value)))
    }

    pub(super) fn deserialize<'de, K: From<Uuid> + Ord, V: Deserialize<'de>, D: Deserializer<'de>>(
        d: D,
    ) -> Result<BTreeMap<K, V>, D::Error> {
        let map = BTreeMap::<Uuid, V>::deserialize(d)?;
        Ok(map.into_iter().map(|(id, value)| (K::from(id), value)).collect())
    }
}

/// An instant as the log has it.
mod rfc3339 {
    use chrono::{DateTime, Utc};
    use overround_domain::time::Timestamp;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(at: &Option<Timestamp>, s: S) -> Result<S::Ok, S::Error> {
        at.map(|at| at.to_string()).serialize(s)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Timestamp>, D::Error> {
        Ok(Option::<DateTime<Utc>>::deserialize(d)?.map(Timestamp::from))
    }
}
