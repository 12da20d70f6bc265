//! A market of the model: what its producer and the traders make of it.

use super::Ending;
use super::limits::Bound;
use super::prices::book;
use overround_domain::betting::{LegResult, StakeLimits};
use overround_domain::ids::{EventId, MarketId, OutcomeId};
use overround_domain::markets::{
    Line, MarketKind, MarketStatus, OutcomeStatus, SourceMarket, SourceStatus, TieRule,
};
use overround_domain::money::Currency;
use overround_domain::odds::Price;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

/// For how long after its producer's last sign of life a market may be sold, at least and at most.
pub const SOLD_MS: RangeInclusive<i64> = 10_000..=18_000;

/// A runner with what stands on the board for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Runner {
    pub key: String,
    pub id: OutcomeId,
    pub line: Option<Line>,
    pub removed: bool,
    /// None where it is not offered.
    pub offer: Option<Price>,
}

/// A market.
#[derive(Debug, Clone)]
pub struct Market {
    pub id: MarketId,
    pub event: EventId,
    pub kind: MarketKind,
    pub winners: u32,
    pub tie_rule: TieRule,
    pub runners: Vec<Runner>,
    /// What its producer said last.
    pub said: SourceMarket,
    pub trader: Option<MarketStatus>,
    /// Its own margin, in hundredths of a per cent; none: it has the house's.
    pub margin_bps: Option<u32>,
    /// What a trader sells runners at, whatever the source says.
    pub by_hand: BTreeMap<OutcomeId, Price>,
    /// What limits the stakes of bets on it.
    pub bounds: BTreeMap<Currency, Bound>,
    pub status: MarketStatus,
    pub version: i64,
    pub status_version: i64,
    pub in_play: bool,
    pub bet_delay_ms: i64,
    pub confirmed_at: i64,
    /// For how long its prices are fresh after that, as it was drawn.
    pub fresh_ms: i64,
    /// For how long it is sold, fresh or stale: invariant M2.
    pub sold_ms: i64,
    /// Every runner's, in their order, once it is settled.
    pub endings: Option<Vec<Ending>>,
}

/// What a message's answer must say of its market.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub version: Option<i64>,
    pub removed: Vec<String>,
    pub recorded: Option<bool>,
}

/// Why an act is refused: its market is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IsOver;

impl Market {
    /// A market that nobody has heard of. Its ids are the house's to choose: see [`Market::learn`].
    pub fn unknown(said: &SourceMarket) -> Self {
        Self {
            id: MarketId::from_uuid(uuid::Uuid::nil()),
            event: EventId::from_uuid(uuid::Uuid::nil()),
            kind: said.kind,
            winners: said.number_of_winners,
            tie_rule: said.tie_rule,
            runners: Vec::new(),
            said: said.clone(),
            trader: None,
            margin_bps: None,
            by_hand: BTreeMap::new(),
            bounds: BTreeMap::new(),
            status: MarketStatus::Inactive,
            version: 0,
            status_version: 0,
            in_play: false,
            bet_delay_ms: 0,
            confirmed_at: 0,
            fresh_ms: *SOLD_MS.start(),
            sold_ms: *SOLD_MS.start(),
            endings: None,
        }
    }

    /// Takes the ids that the house gave a new market.
    pub fn learn(&mut self, id: MarketId, event: EventId, outcomes: &BTreeMap<OutcomeId, String>) {
        (self.id, self.event) = (id, event);
        for (outcome, key) in outcomes {
            if let Some(runner) = self.runners.iter_mut().find(|runner| runner.key == *key) {
                runner.id = *outcome;
            }
        }
    }

    /// Applies a message of the producer; `margin_bps` is the house's margin.
    pub fn publish(&mut self, said: &SourceMarket, now: i64, margin_bps: u32) -> Told {
        self.confirmed_at = now;
        if self.endings.is_some() {
            return Told { version: None, removed: Vec::new(), recorded: None };
        }
        let before = self.clone();
        self.said = said.clone();
        let removed = self.enter(said);
        (self.in_play, self.bet_delay_ms) = (said.in_play, said.bet_delay_ms);
        let offers = self.priced(said, margin_bps);
        let sellable = sellable(self.kind, &self.runners, &offers);
        let recorded = self.result_of(said);
        let status = match &recorded {
            Some(Some(_)) => MarketStatus::Settled,
            _ => self.shown_status(said.status, sellable),
        };
        // Closed is left for sale by a correction, never for INACTIVE.
        let stays = self.status == MarketStatus::Closed && status == MarketStatus::Inactive;
        self.status = if stays { MarketStatus::Closed } else { status };
        if !self.status.is_over() {
            self.runners.iter_mut().zip(offers).for_each(|(runner, offer)| runner.offer = offer);
        }
        let runners_changed =
            self.fields(|one| (one.removed, one.line)) != before.fields(|one| (one.removed, one.line));
        let fence_moves = self.version == 0 || runners_changed || self.status != before.status;
        let board_moves = self.fields(|one| one.offer) != before.fields(|one| one.offer);
        let play_moves = (self.in_play, self.bet_delay_ms) != (before.in_play, before.bet_delay_ms);
        let is_new = fence_moves || board_moves || play_moves;
        self.version += i64::from(is_new);
        self.status_version += i64::from(fence_moves);
        let decided = recorded.as_ref().map(Option::is_some);
        self.endings = recorded.flatten();
        Told { version: is_new.then_some(self.version), removed, recorded: decided }
    }

    fn fields<T>(&self, field: impl Fn(&Runner) -> T) -> Vec<T> {
        self.runners.iter().map(field).collect()
    }

    /// Enters the message's runners; the keys of those that it removed. Where runners exclude each other, one
    /// that is left out is removed too. Nobody comes back.
    fn enter(&mut self, said: &SourceMarket) -> Vec<String> {
        let mut removed = Vec::new();
        for one in &said.outcomes {
            if !self.runners.iter().any(|runner| runner.key == one.key) {
                let (key, id) = (one.key.clone(), OutcomeId::from_uuid(uuid::Uuid::nil()));
                self.runners.push(Runner { key, id, line: one.line, removed: false, offer: None });
            }
        }
        for runner in &mut self.runners {
            let one = said.outcomes.iter().find(|one| one.key == runner.key);
            let gone = match one {
                Some(one) => one.status == OutcomeStatus::Removed,
                None => self.kind == MarketKind::Odds,
            };
            runner.line = one.map_or(runner.line, |one| one.line);
            if gone && !runner.removed {
                runner.removed = true;
                runner.offer = None;
                removed.push(runner.key.clone());
            }
        }
        removed
    }

    /// What each runner is offered at: by a trader, or else by the message and the market's own margin, or else the
    /// house's. A runner without a price takes all others of its book off the board; on lines, but for those that a
    /// trader priced.
    fn priced(&self, said: &SourceMarket, margin_bps: u32) -> Vec<Option<Price>> {
        let margin_bps = self.margin_bps.unwrap_or(margin_bps);
        let mut offers = vec![None; self.runners.len()];
        let pairs: Vec<Option<u32>> = match self.kind {
            MarketKind::Odds => vec![None],
            MarketKind::Line => {
                let pairs: BTreeSet<_> = said.outcomes.iter().map(|one| one.pair).collect();
                pairs.into_iter().collect()
            }
        };
        for pair in pairs {
            let mut members = Vec::new();
            for (place, runner) in self.runners.iter().enumerate().filter(|(_, runner)| !runner.removed) {
                let one = said.outcomes.iter().find(|one| one.key == runner.key);
                if self.kind == MarketKind::Odds || one.is_some_and(|one| one.pair == pair) {
                    members.push((place, one.and_then(|one| one.best_back)));
                }
            }
            let backs: Option<Vec<u32>> =
                members.iter().map(|(_, back)| back.map(|back| back.num() * 100 / back.den())).collect();
            let winners = if self.kind == MarketKind::Odds { self.winners } else { 1 };
            let lines_fit = self.kind == MarketKind::Odds || members.len() == 2;
            let prices = backs.filter(|_| lines_fit).and_then(|backs| book(&backs, winners, margin_bps));
            let made = prices.unwrap_or_else(|| vec![None; members.len()]);
            let by_hand = |place: usize| self.by_hand.get(&self.runners.get(place)?.id).copied();
            let priced = members.iter().zip(made).map(|((place, _), made)| {
                let made = made.and_then(|hundredths| Price::new(hundredths, 100).ok());
                (*place, by_hand(*place), made)
            });
            let priced: Vec<_> = priced.collect();
            let is_whole = priced.iter().all(|(_, by_hand, made)| by_hand.or(*made).is_some());
            for (place, by_hand, made) in priced {
                let stands = is_whole || (self.kind == MarketKind::Line && by_hand.is_some());
                if let Some(offer) = offers.get_mut(place) {
                    *offer = by_hand.or(made).filter(|_| stands);
                }
            }
        }
        offers
    }

    /// A trader's close outlives everything, a trader's suspension what the producer calls open.
    fn shown_status(&self, source: SourceStatus, sellable: bool) -> MarketStatus {
        if source == SourceStatus::Closed || self.trader == Some(MarketStatus::Closed) {
            MarketStatus::Closed
        } else if source == SourceStatus::Inactive {
            MarketStatus::Inactive
        } else if source == SourceStatus::Open && self.trader.is_none() && sellable {
            MarketStatus::Open
        } else {
            MarketStatus::Suspended
        }
    }

    /// None: the message says nothing of a result. Some(None): it takes a person.
    fn result_of(&self, said: &SourceMarket) -> Option<Option<Vec<Ending>>> {
        if said.status != SourceStatus::Closed || said.outcomes.iter().all(|one| one.won.is_none()) {
            return None;
        }
        let won =
            |runner: &Runner| said.outcomes.iter().find(|one| one.key == runner.key).and_then(|one| one.won);
        let taking_part: Vec<Option<bool>> =
            self.runners.iter().filter(|runner| !runner.removed).map(won).collect();
        let winners =
            u32::try_from(taking_part.iter().filter(|won| **won == Some(true)).count()).unwrap_or(0);
        let undecided = taking_part.iter().any(Option::is_none);
        if self.kind == MarketKind::Line || undecided || winners == 0 {
            return Some(None);
        }
        let winning = match (winners <= self.winners, self.winners, self.tie_rule) {
            (true, ..) => Ending::Win,
            (false, 1, TieRule::DeadHeat) => Ending::DeadHeat(winners),
            (false, 1, TieRule::Push) => Ending::Push,
            _ => return Some(None),
        };
        let ending = |runner: &Runner| match (runner.removed, won(runner)) {
            (true, _) => Ending::Void,
            (false, Some(true)) => winning,
            (false, _) => Ending::Lose,
        };
        Some(Some(self.runners.iter().map(ending).collect()))
    }

    /// A trader suspends (SUSPENDED), closes (CLOSED) or resumes (none).
    pub fn hold(&mut self, at: Option<MarketStatus>) -> Result<(), IsOver> {
        let closes = at == Some(MarketStatus::Closed);
        if self.endings.is_some() || (self.status == MarketStatus::Closed && !closes) {
            return Err(IsOver);
        }
        self.trader = at;
        let offers = self.fields(|runner| runner.offer);
        let status = self.shown_status(self.said.status, sellable(self.kind, &self.runners, &offers));
        self.become_status(status);
        Ok(())
    }

    /// A trader gives it a margin of its own, or the house's again (none).
    pub fn set_margin(&mut self, own: Option<u32>, margin_bps: u32) -> Result<(), IsOver> {
        self.reprice(margin_bps, |market| market.margin_bps = own)
    }

    /// A trader sells runners at these prices.
    pub fn set_prices(&mut self, prices: &BTreeMap<OutcomeId, Price>, margin_bps: u32) -> Result<(), IsOver> {
        self.reprice(margin_bps, |market| market.by_hand.extend(prices))
    }

    /// A trader lets prices go: of these runners, or of all.
    pub fn release_prices(
        &mut self,
        runners: Option<&BTreeSet<OutcomeId>>,
        margin_bps: u32,
    ) -> Result<(), IsOver> {
        self.reprice(margin_bps, |market| {
            market.by_hand.retain(|id, _| runners.is_some_and(|runners| !runners.contains(id)));
        })
    }

    /// A trader limits the stakes of bets on it, in place of how they were limited before; whatever its status.
    pub fn limit(&mut self, currency: Currency, limits: StakeLimits) -> Bound {
        self.bounds.entry(currency).or_default().set(limits)
    }

    /// Whether these are runners of it that take part.
    pub fn takes_part(&self, runners: &[OutcomeId]) -> bool {
        runners.iter().all(|id| self.runners.iter().any(|runner| runner.id == *id && !runner.removed))
    }

    /// Makes the prices anew, from the producer's last word, after a change of what they are made by.
    fn reprice(&mut self, margin_bps: u32, change: impl FnOnce(&mut Self)) -> Result<(), IsOver> {
        if self.status.is_over() {
            return Err(IsOver);
        }
        change(self);
        let offers = self.priced(&self.said, margin_bps);
        let status = self.shown_status(self.said.status, sellable(self.kind, &self.runners, &offers));
        self.runners.iter_mut().zip(offers).for_each(|(runner, offer)| runner.offer = offer);
        self.become_status(status);
        Ok(())
    }

    /// A person records the result; a removed runner is void whatever is said of it.
    pub fn settle(&mut self, given: &BTreeMap<OutcomeId, LegResult>) -> Result<(), IsOver> {
        if self.endings.is_some() {
            return Err(IsOver);
        }
        let ending = |runner: &Runner| match given.get(&runner.id) {
            Some(result) if !runner.removed => Ending::of(result),
            _ => Ending::Void,
        };
        self.endings = Some(self.runners.iter().map(ending).collect());
        self.become_status(MarketStatus::Settled);
        Ok(())
    }

    /// Every act is a version, and moves the fence only where the status changes.
    fn become_status(&mut self, status: MarketStatus) {
        self.version += 1;
        self.status_version += i64::from(status != self.status);
        self.status = status;
    }

    /// How bets on a runner end by now; none while nothing is decided about it.
    pub fn ending(&self, outcome: OutcomeId) -> Option<Ending> {
        let (place, runner) = self.runners.iter().enumerate().find(|(_, runner)| runner.id == outcome)?;
        match &self.endings {
            Some(endings) => endings.get(place).copied(),
            None => runner.removed.then_some(Ending::Void),
        }
    }

    /// Whether its producer's last sign of life is within its window.
    pub const fn is_in_window(&self, now: i64) -> bool {
        now - self.confirmed_at < self.sold_ms
    }

    /// Whether its snapshot may be on sale, and whether it may be missing. Nobody renews what is over.
    pub fn may_be_shown_or_not(&self, now: i64) -> (bool, bool) {
        if self.status.is_over() {
            return (now - self.confirmed_at < *SOLD_MS.end(), true);
        }
        (self.is_in_window(now), !self.is_in_window(now))
    }
}

/// Where runners exclude each other all must be priced; lines are sold pair by pair.
fn sellable(kind: MarketKind, runners: &[Runner], offers: &[Option<Price>]) -> bool {
    let mut taking_part = runners.iter().zip(offers).filter(|(runner, _)| !runner.removed);
    let gap = taking_part.any(|(_, offer)| offer.is_none());
    offers.iter().any(Option::is_some) && (kind == MarketKind::Line || !gap)
}
