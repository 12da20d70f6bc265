//! What is told of an account on its channel.

use super::{Channel, text};
use crate::wire::PriceTerms;
use crate::wire::accounts::Account;
use crate::wire::names::{AccountKind, AccountStatus, BetResult, BetStatus, Freeze};
use overround_app::{
    AccountChange, AccountFrame, AccountNews, BetPlaced, BetSettled, FrameKind, Frozen, Moved,
};
use overround_domain::ids::{AccountId, BetId, MarketId, OutcomeId, PostingId, SettlementId};
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

/// What is told of an account at a place of its channel, as text. The type of an event is its name; its time is when it
/// happened, so that whoever sends it sends the same bytes.
pub fn account_text(kind: FrameKind, frame: &AccountFrame, now: Timestamp) -> String {
    let channel = Channel::Account(frame.account_id);
    match &frame.news {
        AccountNews::Standing(view) => {
            let kind = if kind == FrameKind::Reset { "reset" } else { "snapshot" };
            text(channel, Some(&frame.position), kind, Account::from(view.clone()), now)
        }
        AccountNews::Event(event) => {
            let (kind, data) = told(&event.change);
            text(channel, Some(&frame.position), kind, data, event.at)
        }
    }
}

fn told(change: &AccountChange) -> (&'static str, Data) {
    match change {
        AccountChange::BetPlaced(bet) => ("bet.placed", placed(bet)),
        AccountChange::BetSettled(bet) => ("bet.settled", settled(bet)),
        AccountChange::Credited(one) => ("wallet.credited", moved(one)),
        AccountChange::Debited(one) => ("wallet.debited", moved(one)),
        AccountChange::Adjusted(one) => ("wallet.adjusted", moved(one)),
        AccountChange::Reversed(one) => ("wallet.reversed", moved(one)),
        AccountChange::Transferred(one) => ("wallet.transferred", moved(one)),
        AccountChange::WalletOpened(wallet) => (
            "wallet.opened",
            Data::Opened {
                account_id: wallet.account_id,
                kind: wallet.kind.into(),
                currency: wallet.currency,
                floor_cents: wallet.floor,
            },
        ),
        AccountChange::Frozen(one) => ("account.frozen", frozen(one)),
        AccountChange::Unfrozen(one) => ("account.unfrozen", frozen(one)),
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
