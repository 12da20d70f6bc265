//! Load: the rows that a batch's commands touch.

use super::caps;
use super::command::{Command, MoveMoney};
use super::limits::{LimitCache, Limits};
use crate::wallet::{Act, ByHand, Player};
use overround_domain::betting::{DayPayouts, Fence, RecentBet, Rules};
use overround_domain::ids::{AccountId, BetId, MarketId, PostingId};
use overround_domain::money::Cents;
use overround_domain::time::Timestamp;
use overround_domain::wallet::{Book, Cell};
use overround_store::betting::allowances::{self, ShareKey};
use overround_store::betting::bets::{self, BetKey, BetRow};
use overround_store::betting::day_payouts;
use overround_store::betting::legs::{self, LegRow};
use overround_store::market::fences::Locked;
use overround_store::wallet::idempotency::{self, Begin, Claim, Claimed};
use overround_store::{Error, Tx, market, wallet};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The state that a batch is decided over.
pub(super) struct Loaded {
    /// The cells whose turn it is.
    pub cells: BTreeSet<Cell>,
    /// The (account, key) pairs that were not used before.
    pub first: BTreeSet<(AccountId, String)>,
    /// The accounts.
    pub book: Book,
    /// The bets of each player's last seconds.
    pub recent: BTreeMap<AccountId, Vec<RecentBet>>,
    /// What the bets of each player's day may return, where the rules bound it.
    pub today: BTreeMap<AccountId, DayPayouts>,
    /// The fences of the markets that bets are on.
    pub fences: BTreeMap<(MarketId, Cell), Fence>,
    /// What limits the stakes of bets.
    pub limits: Arc<Limits>,
    /// What is left of the shares of caps that bets take from, or give back to.
    pub allowances: BTreeMap<ShareKey, Cents>,
    /// The postings to reverse that were reversed before.
    pub reversed: BTreeSet<PostingId>,
    /// The number of the last freeze of each account that is to be frozen or let go and has one.
    pub freezes: BTreeMap<AccountId, i64>,
    /// The bets to settle.
    pub bets: BTreeMap<BetId, LoadedBet>,
}

/// A bet with its legs by position.
pub(super) struct LoadedBet {
    pub row: BetRow,
    pub legs: Vec<LegRow>,
}

/// Loads what the commands touch whose turn it is. The keys are claimed first, and never looked up.
///
/// # Errors
/// The database's; one that [`idempotency::is_used_key`] knows where a key turns out to be used.
pub(super) async fn load(
    tx: &mut Tx,
    commands: &[Arc<Command>],
    begin: Begin,
    limits: &LimitCache,
    rules: &Rules,
    now: Timestamp,
) -> Result<Loaded, Error> {
    let Claimed { cells, first } = claim(tx, commands, begin, now).await?;
    let commands: Vec<Arc<Command>> =
        commands.iter().filter(|command| cells.contains(&command.player().cell)).cloned().collect();
    let Locked { fences, limits_version } =
        market::fences::lock_shared(tx, &wanted_fences(&commands)).await?;
    let limits = match limits_version {
        Some(version) => limits.at(tx, version, fences.keys().map(|(market, _)| *market)).await?,
        None => Arc::default(),
    };
    let in_cells: Vec<Cell> = cells.iter().copied().collect();
    let accounts = load_accounts(tx, &commands, &in_cells).await?;
    let recent = accounts.iter().map(|loaded| (loaded.account.id, loaded.recent_bets.clone())).collect();
    let book = Book::new(accounts.into_iter().map(|loaded| loaded.account));
    let reversed = wallet::reversals::among(tx, &to_reverse(&commands), &in_cells).await?;
    let freezes = wallet::freezes::versions(tx, &to_freeze(&commands), &in_cells).await?;
    let bets = load_bets(tx, &commands, &in_cells).await?;
    let allowances = allowances::lock(tx, &caps::shares(&limits, &commands, &bets)).await?;
    let today = match rules.payout_day_max {
        Some(_) => day_payouts::lock(tx, &who_bets(&commands), now.day()).await?,
        None => BTreeMap::new(),
    };
    Ok(Loaded { cells, first, book, recent, today, fences, limits, allowances, reversed, freezes, bets })
}

async fn claim(
    tx: &mut Tx,
    commands: &[Arc<Command>],
    begin: Begin,
    now: Timestamp,
) -> Result<Claimed, Error> {
    let cells: BTreeSet<Cell> = commands.iter().map(|command| command.player().cell).collect();
    let claims: Vec<Claim> = commands.iter().filter_map(|command| claim_of(command)).collect();
    idempotency::claim(tx, begin, &cells, &claims, now).await
}

/// The accounts that the commands are about. The house's are read where the house is a side of something: a
/// bet is between a player's own, and what is read for nothing may be undone for nothing.
async fn load_accounts(
    tx: &mut Tx,
    commands: &[Arc<Command>],
    cells: &[Cell],
) -> Result<Vec<wallet::accounts::Loaded>, Error> {
    let ids: BTreeSet<AccountId> = commands.iter().flat_map(|command| accounts_of(command)).collect();
    let house: Vec<Cell> = commands
        .iter()
        .filter(|command| has_the_house_as_a_side(command))
        .map(|command| command.player().cell)
        .collect();
    wallet::accounts::load(tx, &ids.into_iter().collect::<Vec<_>>(), cells, &house).await
}

const fn has_the_house_as_a_side(command: &Command) -> bool {
    match command {
        Command::Settle(_) => true,
        Command::Move(MoveMoney { act: ByHand::Post(act), .. }) => !matches!(act, Act::Transfer { .. }),
        Command::Place(_) | Command::Move(_) => false,
    }
}

fn accounts_of(command: &Command) -> Vec<AccountId> {
    let player = command.player();
    match command {
        Command::Place(_) | Command::Settle(_) => vec![player.account_id, player.hold_id],
        // The status that counts is the player's account's, which may be another than the wallet.
        Command::Move(MoveMoney { act: ByHand::Post(Act::Transfer { to, .. }), .. }) => {
            vec![player.account_id, player.main_id, *to]
        }
        Command::Move(_) => vec![player.account_id, player.main_id],
    }
}

fn claim_of(command: &Command) -> Option<Claim> {
    let keyed = command.keyed()?;
    Some(Claim {
        account_id: command.player().account_id,
        cell: command.player().cell,
        key: keyed.key.clone(),
        request_hash: keyed.request_hash,
        bet_id: command.bet_id(),
    })
}

fn wanted_fences(commands: &[Arc<Command>]) -> Vec<(MarketId, Cell)> {
    let wanted: BTreeSet<(MarketId, Cell)> = commands
        .iter()
        .filter_map(|command| match &**command {
            Command::Place(place) => Some(place),
            Command::Move(_) | Command::Settle(_) => None,
        })
        .flat_map(|place| place.request.legs.iter().map(|leg| (leg.market_id, place.player.cell)))
        .collect();
    wanted.into_iter().collect()
}

fn who_bets(commands: &[Arc<Command>]) -> Vec<(AccountId, Cell)> {
    let bets = commands.iter().filter(|command| matches!(***command, Command::Place(_)));
    let who: BTreeSet<(AccountId, Cell)> =
        bets.map(|command| (command.player().account_id, command.player().cell)).collect();
    who.into_iter().collect()
}

fn acts_by_hand(commands: &[Arc<Command>]) -> impl Iterator<Item = (&Player, &ByHand)> {
    commands.iter().filter_map(|command| match &**command {
        Command::Move(by_hand) => Some((&by_hand.player, &by_hand.act)),
        Command::Place(_) | Command::Settle(_) => None,
    })
}

fn to_reverse(commands: &[Arc<Command>]) -> Vec<PostingId> {
    acts_by_hand(commands)
        .filter_map(|(_, act)| match act {
            ByHand::Post(Act::Reverse { posting_id, .. }) => Some(*posting_id),
            ByHand::Post(_) | ByHand::Freeze { .. } => None,
        })
        .collect()
}

fn to_freeze(commands: &[Arc<Command>]) -> Vec<AccountId> {
    acts_by_hand(commands)
        .filter_map(|(player, act)| match act {
            ByHand::Freeze { .. } => Some(player.account_id),
            ByHand::Post(_) => None,
        })
        .collect()
}

async fn load_bets(
    tx: &mut Tx,
    commands: &[Arc<Command>],
    cells: &[Cell],
) -> Result<BTreeMap<BetId, LoadedBet>, Error> {
    let keys: BTreeSet<BetKey> = commands
        .iter()
        .filter_map(|command| match &**command {
            Command::Settle(settle) => Some(BetKey {
                account_id: settle.player.account_id,
                created_at: settle.bet_id.created_at()?,
                id: settle.bet_id,
                cell: settle.player.cell,
            }),
            Command::Place(_) | Command::Move(_) => None,
        })
        .collect();
    if keys.is_empty() {
        return Ok(BTreeMap::new());
    }
    let keys: Vec<BetKey> = keys.into_iter().collect();
    let ids: Vec<BetId> = keys.iter().map(|key| key.id).collect();
    let mut loaded: BTreeMap<BetId, LoadedBet> = bets::load(&mut **tx, &keys)
        .await?
        .into_iter()
        .map(|row| (row.id, LoadedBet { row, legs: Vec::new() }))
        .collect();
    for leg in legs::of_bets(&mut **tx, &ids, cells).await? {
        if let Some(bet) = loaded.get_mut(&leg.bet_id) {
            bet.legs.push(leg);
        }
    }
    Ok(loaded)
}
