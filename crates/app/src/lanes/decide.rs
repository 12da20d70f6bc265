//! Decide: each command in turn, by the domain's rules, over the rows that were loaded.

mod by_hand;

use super::command::{Command, Outcome, Place};
use super::load::Loaded;
use super::write::Writes;
use crate::betting::{BetReceipt, LegReceipt};
use crate::wallet::{Done, Player};
use crate::{Clock, Keyed};
use overround_domain::betting::{
    AcceptedBet, Fence, MarketView, PlaceContext, PlayerView, RecentBet, Refusal, RefusalCode, RefusalData,
    Rules, place,
};
use overround_domain::events::{DomainEvent, EventType};
use overround_domain::ids::{AccountId, DomainEventId, EntryId, LegId, MarketId, PostingId};
use overround_domain::markets::Snapshot;
use overround_domain::time::Timestamp;
use overround_domain::wallet::{Account, AccountKind, BookError, Cell, Posting, hold_posting};
use overround_store::Error;
use overround_store::betting::bets::NewBet;
use overround_store::betting::legs::NewLeg;
use overround_store::wallet::entries::EntryRow;
use overround_store::wallet::idempotency::Answered;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::time::Instant;
use uuid::Uuid;

/// The answer kept under the key of a request that placed no bet.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum KeptAnswer {
    /// A rule refused it.
    Refused { refusal: Box<Refusal>, trace_id: String },
    /// What was done by hand.
    #[serde(untagged)]
    Moved(Done),
}

/// A snapshot that was on sale when the cache was read.
#[derive(Debug)]
pub(super) struct OnSale {
    pub snapshot: Arc<Snapshot>,
    /// When its window ends; none on a recording's clock, which stands still meanwhile.
    pub until: Option<Instant>,
}

/// Decides a batch: its state, and what it amounts to so far.
pub(super) struct Decider<'a> {
    pub clock: &'a Clock,
    pub now: Timestamp,
    /// The same moment on the clock of deadlines: after the rows were loaded and their locks were had.
    pub instant: Instant,
    pub rules: &'a Rules,
    pub snapshots: &'a BTreeMap<MarketId, OnSale>,
    /// Whether what other cells have left of caps was already gathered for these commands.
    pub gathered: bool,
    pub loaded: Loaded,
    pub writes: Writes,
}

impl Decider<'_> {
    /// One outcome a command, in their order; a refusal of one never fails another.
    ///
    /// # Errors
    /// Only when the stored rows contradict each other.
    pub(super) fn decide(mut self, commands: &[Arc<Command>]) -> Result<(Vec<Outcome>, Writes), Error> {
        let mut outcomes = Vec::with_capacity(commands.len());
        for command in commands {
            outcomes.push(self.decide_one(command)?);
        }
        self.writes.accounts = self.loaded.book.changed();
        Ok((outcomes, self.writes))
    }

    fn decide_one(&mut self, command: &Command) -> Result<Outcome, Error> {
        if !self.loaded.cells.contains(&command.player().cell) {
            return Ok(Outcome::NotItsTurn);
        }
        let Some(keyed) = command.keyed() else {
            return match command {
                Command::Settle(settle) => self.settle(settle),
                Command::Place(_) | Command::Move(_) => Ok(Outcome::UsedKey),
            };
        };
        let claim = (command.player().account_id, keyed.key.clone());
        if !self.loaded.first.remove(&claim) {
            return Ok(Outcome::UsedKey);
        }
        if keyed.deadline <= self.instant {
            // Its caller was told to ask again, and may, with the same key.
            self.answer(command.player(), keyed, None);
            return Ok(Outcome::Expired);
        }
        let decided = match command {
            Command::Place(place) => self.place(place)?,
            Command::Move(money) => self.by_hand(money)?,
            Command::Settle(_) => return Ok(Outcome::UsedKey),
        };
        decided.or_else(|refusal| self.keep_refusal(command.player(), keyed, refusal))
    }

    fn keep_refusal(&mut self, player: &Player, keyed: &Keyed, refusal: Refusal) -> Result<Outcome, Error> {
        let refusal = Box::new(refusal);
        // What does not exist today may exist tomorrow: a 404 is not kept, its key is free again.
        let answer = if matches!(refusal.code, RefusalCode::UnknownMarket | RefusalCode::UnknownOutcome) {
            None
        } else {
            let kept = KeptAnswer::Refused { refusal: refusal.clone(), trace_id: keyed.trace_id.clone() };
            Some(encode(&kept)?)
        };
        self.answer(player, keyed, answer);
        metrics::counter!("overround_refusals_total", "code" => refusal.code.as_str()).increment(1);
        Ok(Outcome::Refused { refusal, trace_id: keyed.trace_id.clone() })
    }

    fn answer(&mut self, player: &Player, keyed: &Keyed, answer: Option<serde_json::Value>) {
        self.writes.answers.push(Answered {
            account_id: player.account_id,
            cell: player.cell,
            key: keyed.key.clone(),
            answer,
        });
    }

    fn place(&mut self, command: &Place) -> Result<Result<Outcome, Refusal>, Error> {
        let account = self.account(command.player.account_id)?;
        let recent = self.loaded.recent.get(&account.id).cloned().unwrap_or_default();
        let view = PlayerView {
            status: account.status,
            currency: account.currency,
            available: account.available(),
            recent,
            today: self.loaded.today.get(&account.id).copied(),
        };
        let markets = self.views(command);
        let limits_version = self.loaded.limits.version();
        let caps = self.cap_rooms(command);
        let context = PlaceContext {
            now: self.now,
            player: &view,
            markets: &markets,
            rules: self.rules,
            limits_version,
            caps: &caps,
        };
        let decided = place(&command.request, &context);
        if let Some(needs) = self.short_of_caps(command, &context, &decided) {
            self.answer(&command.player, &command.keyed, None);
            return Ok(Ok(Outcome::ShortOfCaps(needs)));
        }
        let bet = match decided {
            Ok(bet) => bet,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let accounts = command.player.accounts();
        let posting =
            hold_posting(self.posting_id(), &accounts, command.bet_id, bet.stake).map_err(impossible)?;
        if let Err(error) = self.post(&command.player, &posting) {
            return insufficient(error).map(Err);
        }
        self.take(command.player.cell, &bet)?;
        self.count_for_today(&command.player, &bet)?;
        self.remember(command, view.recent);
        let receipt = self.write_bet(command, bet)?;
        Ok(Ok(Outcome::Placed(Box::new(receipt))))
    }

    /// The markets of a bet as its cell's fences and the cache show them.
    fn views(&self, command: &Place) -> BTreeMap<MarketId, MarketView> {
        let cell = command.player.cell;
        command
            .request
            .legs
            .iter()
            .map(|leg| {
                let fence: Option<Fence> = self.loaded.fences.get(&(leg.market_id, cell)).copied();
                let held = self.snapshots.get(&leg.market_id);
                let on_sale = held.filter(|held| held.until.is_none_or(|until| self.instant < until));
                let snapshot = on_sale.map(|held| Arc::clone(&held.snapshot));
                let (account, currency) = (command.player.account_id, command.request.currency);
                let limits = self.loaded.limits.of_leg(account, currency, leg.market_id);
                (leg.market_id, MarketView { fence, snapshot, limits })
            })
            .collect()
    }

    /// Counts what an accepted bet may return for its account's day.
    fn count_for_today(&mut self, player: &Player, bet: &AcceptedBet) -> Result<(), Error> {
        if let Some(today) = self.loaded.today.get_mut(&player.account_id) {
            let payouts = today.payouts.checked_add(bet.potential_payout);
            today.payouts =
                payouts.ok_or_else(|| impossible("a day's payouts pass the end of the numbers"))?;
            self.writes.day_payouts.insert((player.account_id, player.cell), today.payouts);
        }
        Ok(())
    }

    /// Remembers the bet among the account's latest, and forgets those past the window, or so far ahead of it
    /// that the clock was set back since.
    fn remember(&mut self, command: &Place, mut recent: Vec<RecentBet>) {
        let window_ms = self.rules.duplicate_window_ms;
        let (oldest, newest) = (self.now.plus_millis(-window_ms), self.now.plus_millis(window_ms));
        recent.retain(|bet| bet.at > oldest && bet.at < newest);
        recent.push(RecentBet { fingerprint: command.request.fingerprint(), at: self.now });
        let account_id = command.player.account_id;
        self.loaded.recent.insert(account_id, recent.clone());
        self.writes.recent.insert(account_id, recent);
    }

    fn write_bet(&mut self, command: &Place, bet: AcceptedBet) -> Result<BetReceipt, Error> {
        let (id, player) = (command.bet_id, &command.player);
        let created_at = id.created_at().unwrap_or(self.now);
        let mut legs = Vec::with_capacity(bet.legs.len());
        for (position, leg) in (0_i16..).zip(&bet.legs) {
            let leg_id = LegId::from_uuid(self.clock.id());
            legs.push(LegReceipt::new(leg_id, position, leg.clone()));
            self.writes.legs.push(NewLeg {
                id: leg_id,
                bet_id: id,
                account_id: player.account_id,
                cell: player.cell,
                position,
                leg: leg.clone(),
                created_at,
            });
        }
        let (account, hold) = (self.account(player.account_id)?, self.account(player.hold_id)?);
        let payload = json!({
            "bet_id": id.uuid(), "account_id": account.id.uuid(), "stake_cents": bet.stake,
            "currency": bet.currency, "potential_payout_cents": bet.potential_payout,
            "balance_cents": account.balance, "held_cents": hold.balance, "account_seq": account.seq,
            "legs": bet.legs.iter().map(|leg| json!({
                "market_id": leg.market_id.uuid(), "outcome_id": leg.outcome_id.uuid(),
                "price": leg.price, "market_version": leg.market_version,
            })).collect::<Vec<_>>(),
        });
        let trace = Some(command.keyed.trace_id.clone());
        self.event(EventType::BetPlaced, player.cell, id.uuid(), 1, payload, trace);
        let receipt = BetReceipt::new(id, player.account_id, &bet, legs);
        self.writes.bets.push(NewBet {
            id,
            cell: player.cell,
            account_id: player.account_id,
            bet,
            created_at,
        });
        Ok(receipt)
    }

    /// Posts to the book and writes the entries.
    pub(super) fn post(&mut self, player: &Player, posting: &Posting) -> Result<(), BookError> {
        for booked in self.loaded.book.post(posting)? {
            let id = EntryId::from_uuid(self.clock.id());
            self.writes.entries.push(EntryRow {
                id,
                cell: player.cell,
                posting_id: posting.id(),
                booked,
                ref_type: posting.ref_type(),
                ref_id: posting.ref_id(),
                created_at: id.created_at().unwrap_or(self.now),
            });
        }
        Ok(())
    }

    pub(super) fn event(
        &mut self,
        event_type: EventType,
        cell: Cell,
        aggregate_id: Uuid,
        aggregate_version: i64,
        payload: serde_json::Value,
        trace_id: Option<String>,
    ) {
        let id = DomainEventId::from_uuid(self.clock.id());
        self.writes.events.push(DomainEvent {
            id,
            cell: Some(cell),
            event_type,
            aggregate_id,
            aggregate_version,
            payload,
            trace_id,
            created_at: id.created_at().unwrap_or(self.now),
        });
    }

    pub(super) fn posting_id(&self) -> PostingId {
        PostingId::from_uuid(self.clock.id())
    }

    pub(super) fn account(&self, id: AccountId) -> Result<Account, Error> {
        self.loaded.book.get(&id).cloned().ok_or_else(|| missing(id, "the account of a command is not there"))
    }

    pub(super) fn house_account(&self, player: &Player, kind: AccountKind) -> Result<AccountId, Error> {
        self.loaded
            .book
            .find(player.cell, kind, player.currency)
            .map(|account| account.id)
            .ok_or_else(|| missing(player.account_id, "its cell lacks one of the house's accounts"))
    }
}

fn encode(answer: &KeptAnswer) -> Result<serde_json::Value, Error> {
    serde_json::to_value(answer).map_err(|error| impossible(&error))
}

/// A balance that does not cover a posting, and a debt that is smaller, are refusals; all else a book refuses is a
/// defect.
fn insufficient(error: BookError) -> Result<Refusal, Error> {
    match error {
        BookError::BelowFloor { available, .. } => {
            let data = RefusalData { available_cents: Some(available.get()), ..RefusalData::default() };
            let message = "the balance does not cover the amount";
            Ok(Refusal::new(RefusalCode::InsufficientFunds, message).with(data))
        }
        BookError::AboveCeiling { room, .. } => {
            let message = format!("only {room} minor units are owed");
            Ok(Refusal::new(RefusalCode::AboveDebt, message))
        }
        other => Err(impossible(other)),
    }
}

fn missing(id: AccountId, detail: &'static str) -> Error {
    Error::inconsistent("wallet.accounts", "id", id.uuid(), detail)
}

/// The rows that were loaded contradict each other.
pub(super) fn impossible(error: impl std::fmt::Display) -> Error {
    Error::inconsistent("wallet.accounts", "balance_cents", "a batch of a lane", error)
}
