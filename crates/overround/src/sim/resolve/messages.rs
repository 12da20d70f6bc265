//! What a producer says: a slot's first message, and what becomes of it.

use crate::sim::workload::{Change, SPORTS};
use overround_domain::markets::{
    Line, MarketKind, OutcomeStatus, SourceEvent, SourceMarket, SourceOutcome, SourceStatus, TieRule,
};
use overround_domain::odds::Price;

/// A new market of a slot: of two lines, of four runners of which two win, or of three.
pub fn template(slot: usize, generation: u32) -> SourceMarket {
    let (kind, winners, runners) = match slot % 4 {
        3 => (MarketKind::Line, 0, 4),
        2 => (MarketKind::Odds, 2, 4),
        _ => (MarketKind::Odds, 1, 3),
    };
    let outcome = |position: u32| {
        let line = (kind == MarketKind::Line).then(|| {
            Line::from_quarters(
                if position.is_multiple_of(2) { -2 } else { 2 }
                    * (1 + i32::try_from(position / 2).unwrap_or(0)),
            )
        });
        SourceOutcome {
            key: format!("r{position}"),
            name: format!("Runner {position}"),
            line,
            pair: line.map(|_| position / 2),
            position,
            status: OutcomeStatus::Active,
            best_back: Price::new(195 + 15 * position, 100).ok(),
            won: None,
        }
    };
    SourceMarket {
        key: format!("m{slot}-{generation}"),
        event: SourceEvent {
            key: format!("e{}", slot / 2),
            name: format!("Simulated {}, {}", slot / 2, generation / 2),
            sport: SPORTS.get(slot / 2 % SPORTS.len()).copied().unwrap_or_default().to_owned(),
            starts_at: None,
        },
        market_type: "SIMULATED".to_owned(),
        name: format!("Market {slot}"),
        kind,
        number_of_winners: winners,
        tie_rule: *TieRule::ALL.get(slot % 3).unwrap_or(&TieRule::DeadHeat),
        status: SourceStatus::Open,
        in_play: false,
        bet_delay_ms: 0,
        outcomes: (0..runners).map(outcome).collect(),
    }
}

/// The producer's next message after one.
pub fn changed(said: &SourceMarket, change: &Change) -> SourceMarket {
    let mut next = said.clone();
    let count = next.outcomes.len();
    match change {
        Change::Same => {}
        Change::Prices(backs) => {
            // What the producer closed it opens again only now and then, as a correction.
            if next.status != SourceStatus::Closed || backs.first().is_some_and(|back| back % 3 == 0) {
                next.status = SourceStatus::Open;
                next.outcomes.iter_mut().for_each(|one| one.won = None);
            }
            let active = next.outcomes.iter_mut().filter(|one| one.status == OutcomeStatus::Active);
            active.zip(backs).for_each(|(one, back)| one.best_back = Price::new(*back, 100).ok());
        }
        Change::Suspend => next.status = SourceStatus::Suspended,
        Change::Inactive => next.status = SourceStatus::Inactive,
        Change::InPlay(delay_ms) => (next.in_play, next.bet_delay_ms) = (!next.in_play, *delay_ms),
        Change::Remove { runner, leaves_out } => {
            let place = runner % count.max(1);
            if *leaves_out && next.kind == MarketKind::Odds && count > 1 {
                next.outcomes.remove(place);
            } else if let Some(one) = next.outcomes.get_mut(place) {
                (one.status, one.best_back) = (OutcomeStatus::Removed, None);
            }
        }
        Change::Unprice(runner) => {
            if let Some(one) = next.outcomes.get_mut(runner % count.max(1)) {
                one.best_back = None;
            }
        }
        Change::Line(quarters) => {
            for one in next.outcomes.iter_mut().filter(|one| one.pair == Some(0)) {
                one.line = one.line.map(|line| Line::from_quarters(line.quarters() + quarters));
            }
        }
        Change::Close => next.status = SourceStatus::Closed,
        Change::Finish { winners, first } => finish(&mut next, *winners, *first),
    }
    if next.status != SourceStatus::Closed {
        next.outcomes.iter_mut().for_each(|one| one.won = None);
    }
    next
}

fn finish(market: &mut SourceMarket, winners: u32, first: usize) {
    market.status = SourceStatus::Closed;
    let undecided = winners == 9;
    let won = if undecided { 1 } else { usize::try_from(winners).unwrap_or(0) };
    let active: Vec<&mut SourceOutcome> =
        market.outcomes.iter_mut().filter(|one| one.status == OutcomeStatus::Active).collect();
    let count = active.len().max(1);
    for (place, one) in active.into_iter().enumerate() {
        let wins = (place + count - first % count) % count < won;
        one.won = if undecided && !wins { None } else { Some(wins) };
    }
}
