//! Domain events: what happened, written to the outbox in the transaction that made it happen.

use crate::ids::DomainEventId;
use crate::time::Timestamp;
use crate::wallet::Cell;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

stored_enum! {
    /// What happened.
    EventType {
        /// A player account was opened.
        AccountOpened = "account.opened",
        /// A player account was frozen, for debits, credits or both.
        AccountFrozen = "account.frozen",
        /// A freeze of a player account was let go, wholly or in part.
        AccountUnfrozen = "account.unfrozen",
        /// Money came into a player account from outside.
        WalletCredited = "wallet.credited",
        /// Money left a player account for outside.
        WalletDebited = "wallet.debited",
        /// A player account was corrected by hand.
        WalletAdjusted = "wallet.adjusted",
        /// An earlier posting of a player account was taken back.
        WalletReversed = "wallet.reversed",
        /// A wallet was opened beside a player account.
        WalletOpened = "wallet.opened",
        /// Money went from one wallet of a player to another.
        WalletTransferred = "wallet.transferred",
        /// A bet was accepted and its stake is held.
        BetPlaced = "bet.placed",
        /// A bet was settled, or settled anew by a later generation.
        BetSettled = "bet.settled",
        /// A sporting event became known, is called otherwise, or begins at another time.
        EventChanged = "event.changed",
        /// A market became known.
        MarketOpened = "market.opened",
        /// A market has a new version: prices, suspensions, status.
        OddsUpdated = "odds.updated",
        /// A market's result was recorded.
        MarketSettled = "market.settled",
        /// A trader, or the house itself, took something off sale, or let it go again.
        HoldChanged = "hold.changed",
        /// A trader limited the stakes of a scope, or let them go.
        LimitChanged = "limit.changed",
        /// A trader changed what the limits of an account are multiplied by in a sport.
        FactorChanged = "factor.changed",
        /// A trader capped what all bets together may cost the house, or let the cap go.
        CapChanged = "cap.changed",
        /// A producer of market data may be trusted now, or not any more.
        ProducerChanged = "producer.changed",
        /// A payment through a PSP succeeded.
        PaymentsSucceeded = "payments.succeeded",
        /// A message was posted in a chat room.
        ChatMessage = "chat.message",
    }
}

impl EventType {
    /// The kind of thing whose version the event moves, and within which events have an order.
    pub const fn aggregate_type(self) -> &'static str {
        match self {
            Self::AccountOpened
            | Self::WalletCredited
            | Self::WalletDebited
            | Self::WalletAdjusted
            | Self::WalletReversed
            | Self::WalletOpened
            | Self::WalletTransferred => "account",
            // Apart from the account's money, whose versions are the numbers of its entries.
            Self::AccountFrozen | Self::AccountUnfrozen => "account_status",
            Self::BetPlaced | Self::BetSettled => "bet",
            Self::EventChanged => "event",
            Self::MarketOpened | Self::OddsUpdated | Self::MarketSettled => "market",
            Self::HoldChanged => "hold",
            Self::LimitChanged => "limit",
            Self::FactorChanged => "factor",
            Self::CapChanged => "cap",
            Self::ProducerChanged => "producer",
            Self::PaymentsSucceeded => "payment",
            Self::ChatMessage => "room",
        }
    }
}

/// One event, as the outbox keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DomainEvent {
    /// The event's own id, by which a consumer recognizes it when it comes again.
    pub id: DomainEventId,
    /// The cell whose rows it changed; none on market data, which belongs to no cell.
    pub cell: Option<Cell>,
    /// What happened.
    pub event_type: EventType,
    /// The account, bet, market... it happened to: a value of [`EventType::aggregate_type`]'s kind.
    pub aggregate_id: Uuid,
    /// The aggregate's version after the change: the order of its events.
    pub aggregate_version: i64,
    /// What consumers need to know; ids stand in it as plain UUIDs.
    pub payload: serde_json::Value,
    /// The trace of the request that caused it.
    pub trace_id: Option<String>,
    /// When it happened.
    pub created_at: Timestamp,
}
