//! What is told of accounts and sporting events on their channels.

use super::text;
use crate::wire::accounts::Account;
use crate::wire::events::Event;
use crate::wire::markets::OutcomeResult;
use crate::wire::names::{AccountKind, AccountStatus, BetResult, BetStatus, Freeze};
use crate::wire::{PriceTerms, Time};
use overround_app::{
    BetPlaced, BetSettled, Change, ChronicleFrame, ChronicleNews, FrameKind, Frozen, Moved, Standing,
};
use overround_domain::ids::{AccountId, BetId, EventId, MarketId, OutcomeId, PostingId, SettlementId};
use overround_domain::money::{Cents, Currency};
use overround_domain::time::Timestamp;
use serde::Serialize;

#[derive(Serialize)]
#[serde(untagged)]
enum Data {
    Placed {
        account_id: AccountId,
        bet_id: BetId,
        stake_cents: Cents,
        currency: Currency,
        potential_payout_cents: Cents,
        legs: Vec<Leg>,
        balance_cents: Cents,
        held_cents: Cents,
        account_seq: i64,
    },
    Settled {
        account_id: AccountId,
        bet_id: BetId,
        settlement_id: SettlementId,
        generation: i64,
        status: BetStatus,
        result: Option<BetResult>,
        return_cents: Cents,
        currency: Currency,
        balance_cents: Cents,
        held_cents: Cents,
        account_seq: i64,
    },
    Moved {
        account_id: AccountId,
        posting_id: PostingId,
        amount_cents: Cents,
        currency: Currency,
        balance_cents: Cents,
        account_seq: i64,
        #[serde(flatten)]
        to: Option<To>,
        #[serde(skip_serializing_if = "Option::is_none")]
        reversed_posting_id: Option<PostingId>,
    },
    Opened {
        account_id: AccountId,
        kind: AccountKind,
        currency: Currency,
        floor_cents: Cents,
    },
    Frozen {
        account_id: AccountId,
        freeze: Freeze,
        status: AccountStatus,
    },
    EventChanged {
        event_id: EventId,
        version: i64,
        name: String,
        sport: String,
        starts_at: Option<Time>,
    },
    MarketOpened {
        event_id: EventId,
        market_id: MarketId,
        market_type: String,
        name: String,
    },
    MarketSettled {
        event_id: EventId,
        market_id: MarketId,
        generation: i32,
        certainty: i16,
        outcomes: Vec<OutcomeResult>,
    },
}

#[derive(Serialize)]
struct Leg {
    market_id: MarketId,
    outcome_id: OutcomeId,
    price: PriceTerms,
}

#[derive(Serialize)]
struct To {
    to_account_id: AccountId,
    to_balance_cents: Cents,
    to_account_seq: i64,
}

/// What is told at a place of a channel, as text. The type of an event is its name; its time is when it
/// happened, so that whoever sends it sends the same bytes.
pub fn chronicle_text(kind: FrameKind, frame: &ChronicleFrame, now: Timestamp) -> String {
    let (channel, at) = (frame.chronicle.into(), Some(&frame.position));
    match &frame.news {
        ChronicleNews::Standing(standing) => {
            let kind = if kind == FrameKind::Reset { "reset" } else { "snapshot" };
            match standing {
                Standing::Account(view) => text(channel, at, kind, Account::from(view.clone()), now),
                Standing::Event(info) => text(channel, at, kind, Event::from(info.clone()), now),
            }
        }
        ChronicleNews::Event(event) => {
            let (kind, data) = told(&event.change);
            text(channel, at, kind, data, event.at)
        }
    }
}

fn told(change: &Change) -> (&'static str, Data) {
    match change {
        Change::BetPlaced(bet) => ("bet.placed", placed(bet)),
        Change::BetSettled(bet) => ("bet.settled", settled(bet)),
        Change::Credited(one) => ("wallet.credited", moved(one)),
        Change::Debited(one) => ("wallet.debited", moved(one)),
        Change::Adjusted(one) => ("wallet.adjusted", moved(one)),
        Change::Reversed(one) => ("wallet.reversed", moved(one)),
        Change::Transferred(one) => ("wallet.transferred", moved(one)),
        Change::WalletOpened(wallet) => (
            "wallet.opened",
            Data::Opened {
                account_id: wallet.account_id,
                kind: wallet.kind.into(),
                currency: wallet.currency,
                floor_cents: wallet.floor,
            },
        ),
        Change::Frozen(one) => ("account.frozen", frozen(one)),
        Change::Unfrozen(one) => ("account.unfrozen", frozen(one)),
        Change::EventChanged(event) => (
            "event.changed",
            Data::EventChanged {
                event_id: event.event_id,
                version: event.version,
                name: event.name.clone(),
                sport: event.sport.clone(),
                starts_at: event.starts_at.map(Time),
            },
        ),
        Change::MarketOpened(market) => (
            "market.opened",
            Data::MarketOpened {
                event_id: market.event_id,
                market_id: market.market_id,
                market_type: market.market_type.clone(),
                name: market.name.clone(),
            },
        ),
        Change::MarketSettled(market) => (
            "market.settled",
            Data::MarketSettled {
                event_id: market.event_id,
                market_id: market.market_id,
                generation: market.generation,
                certainty: market.certainty,
                outcomes: market.outcomes.iter().map(OutcomeResult::from).collect(),
            },
        ),
    }
}

fn placed(bet: &BetPlaced) -> Data {
    let legs = bet.legs.iter().map(|leg| Leg {
        market_id: leg.market_id,
        outcome_id: leg.outcome_id,
        price: leg.price.into(),
    });
    Data::Placed {
        account_id: bet.account_id,
        bet_id: bet.bet_id,
        stake_cents: bet.stake,
        currency: bet.currency,
        potential_payout_cents: bet.potential_payout,
        legs: legs.collect(),
        balance_cents: bet.balance,
        held_cents: bet.held,
        account_seq: bet.account_seq,
    }
}

fn settled(bet: &BetSettled) -> Data {
    Data::Settled {
        account_id: bet.account_id,
        bet_id: bet.bet_id,
        settlement_id: bet.settlement_id,
        generation: bet.generation,
        status: bet.status.into(),
        result: bet.result.map(Into::into),
        return_cents: bet.returned,
        currency: bet.currency,
        balance_cents: bet.balance,
        held_cents: bet.held,
        account_seq: bet.account_seq,
    }
}

fn moved(moved: &Moved) -> Data {
    let to = moved.to.as_ref().map(|to| To {
        to_account_id: to.account_id,
        to_balance_cents: to.balance,
        to_account_seq: to.account_seq,
    });
    Data::Moved {
        account_id: moved.account_id,
        posting_id: moved.posting_id,
        amount_cents: moved.amount,
        currency: moved.currency,
        balance_cents: moved.balance,
        account_seq: moved.account_seq,
        to,
        reversed_posting_id: moved.reversed.as_ref().map(|reversed| reversed.posting_id),
    }
}

fn frozen(frozen: &Frozen) -> Data {
    Data::Frozen { account_id: frozen.account_id, freeze: frozen.freeze.into(), status: frozen.status.into() }
}
