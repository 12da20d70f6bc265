//! The pricing model: each point is won by its server with a chance that is the same all match long, whatever was before
//! (Klaassen and Magnus, "Are points in tennis independent and identically distributed?", 2001, found that to be a good
//! approximation). What follows for games, tie-breaks, sets and the match is exact.
//!
//! Only the four basic operations are used, so that a seed gives the same prices on every machine.

use super::score::{SETS, Score};
use crate::simulator::sides::{Side, Sides};
use std::cmp::Ordering;

/// The most games of a set.
const GAMES_MAX: usize = 13;

/// The chances of each side to win a point that it serves.
pub(super) type Serves = Sides<f64>;

/// What becomes of a set: for each winner and number of games in it, how likely that is. The number of games says who
/// serves first in the next one.
#[derive(Debug, Clone, Copy)]
struct SetOdds([[f64; GAMES_MAX + 1]; 2]);

/// What becomes of a match.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct MatchOdds {
    /// The chance of home, for the set that is played, and the next one where that is the second.
    pub(super) sets: [f64; 2],
    /// 2-0, 2-1, 1-2 and 0-2, home's sets first.
    pub(super) results: [f64; 4],
    /// How likely each number of games in the whole match is.
    pub(super) games: Vec<f64>,
}

/// The chance of the server, who wins a point with chance `p`, to win a game at these points.
pub(super) fn game(p: f64, server: u32, receiver: u32) -> f64 {
    let q = 1.0 - p;
    let deuce = p * p / (p * p + q * q);
    match (server, receiver) {
        (s, r) if s >= 4 && s >= r + 2 => 1.0,
        (s, r) if r >= 4 && r >= s + 2 => 0.0,
        (s, r) if s >= 3 && r >= 3 => match s.cmp(&r) {
            Ordering::Equal => deuce,
            Ordering::Greater => p + q * deuce,
            Ordering::Less => p * deuce,
        },
        (s, r) => p * game(p, s + 1, r) + q * game(p, s, r + 1),
    }
}

/// The chance of the side that served first in a tie-break to win it at these points, its own first; it wins a point that it
/// serves with chance `own`, and one that the other serves with chance `theirs`.
pub(super) fn tie_break(own: f64, theirs: f64, points: (u32, u32)) -> f64 {
    // From six all on, one of each two points is served by each.
    let (both, neither) = (own * theirs, (1.0 - own) * (1.0 - theirs));
    let level = both / (both + neither);
    let next = |a: u32, b: u32| if matches!((a + b) % 4, 0 | 3) { own } else { theirs };
    let (a, b) = points;
    if a.min(b) >= 6 {
        return match a.cmp(&b) {
            Ordering::Equal => level,
            Ordering::Greater => next(a, b) + (1.0 - next(a, b)) * level,
            Ordering::Less => next(a, b) * level,
        };
    }
    // From the end backwards: `won` has what follows a point won, and `lost` a point lost.
    let mut won = [1.0; 7];
    let mut sought = 0.0;
    for own_points in (0..=6).rev() {
        let mut lost = 0.0;
        for (other_points, at) in (0..7).zip(&mut won).rev() {
            let p = next(own_points, other_points);
            *at = if (own_points, other_points) == (6, 6) { level } else { p * *at + (1.0 - p) * lost };
            lost = *at;
            if (own_points, other_points) == points {
                sought = *at;
            }
        }
    }
    sought
}

/// What sides that serve so make of games and tie-breaks that have not begun: the chance of each that it serves first in.
struct Chances {
    serves: Serves,
    game: Sides<f64>,
    tie_break: Sides<f64>,
}

impl Chances {
    fn new(serves: Serves) -> Self {
        let Sides { home, away } = serves;
        let tie_break = |own: f64, other: f64| tie_break(own, 1.0 - other, (0, 0));
        Self {
            game: Sides { home: game(home, 0, 0), away: game(away, 0, 0) },
            tie_break: Sides { home: tie_break(home, away), away: tie_break(away, home) },
            serves,
        }
    }
}

/// Home's chance in the game, or the tie-break, that is played.
fn current_game(serves: &Serves, score: &Score) -> f64 {
    let (points, server) = (score.points(), score.server());
    let (own, other) = (*points.of(server), *points.of(server.other()));
    let p = *serves.of(server);
    let of_server = if score.is_tie_break() {
        tie_break(p, 1.0 - serves.of(server.other()), (own, other))
    } else {
        game(p, own, other)
    };
    of_home(server, of_server)
}

fn of_home(server: Side, of_server: f64) -> f64 {
    if server == Side::Home { of_server } else { 1.0 - of_server }
}

/// What becomes of a set at these games, whose next game `server` serves and home wins with that chance.
fn set(chances: &Chances, games: Sides<u32>, server: Side, next_game: f64) -> SetOdds {
    let mut odds = [[0.0; GAMES_MAX + 1]; 2];
    // How likely each score is to be reached, by the number of games; home's games say the rest.
    let mut reached = [[0.0; 8]; 8];
    let at = |reached: &mut [[f64; 8]; 8], home: u32, away: u32, p: f64| {
        if let Some(one) = reached.get_mut(home as usize).and_then(|row| row.get_mut(away as usize)) {
            *one += p;
        }
    };
    at(&mut reached, games.home, games.away, 1.0);
    let played = games.home + games.away;
    for total in played..=12 {
        let serving = if (total - played).is_multiple_of(2) { server } else { server.other() };
        for home in 0..=total.min(7) {
            let away = total - home;
            let p = reached.get(home as usize).and_then(|row| row.get(away as usize)).copied().unwrap_or(0.0);
            if p <= 0.0 || is_over(home, away) {
                continue;
            }
            let wins = match (total == played, home == 6 && away == 6) {
                (true, _) => next_game,
                (false, true) => of_home(serving, *chances.tie_break.of(serving)),
                (false, false) => of_home(serving, *chances.game.of(serving)),
            };
            for (winner, home, away, p) in
                [(0, home + 1, away, p * wins), (1, home, away + 1, p * (1.0 - wins))]
            {
                if is_over(home, away) {
                    let row = odds.get_mut(winner).and_then(|row| row.get_mut((home + away) as usize));
                    row.into_iter().for_each(|one| *one += p);
                } else {
                    at(&mut reached, home, away, p);
                }
            }
        }
    }
    SetOdds(odds)
}

const fn is_over(home: u32, away: u32) -> bool {
    let (more, less) = if home > away { (home, away) } else { (away, home) };
    more == 7 || (more == 6 && less <= 4)
}

/// What becomes of a match that stands so.
pub(super) fn of_match(serves: &Serves, score: &Score) -> MatchOdds {
    let mut odds = MatchOdds { sets: [0.0; 2], results: [0.0; 4], games: vec![0.0; 3 * GAMES_MAX + 1] };
    let won = score.sets_won();
    let over = (score.games_of_all() - score.games().home - score.games().away) as usize;
    if let Some(winner) = score.winner() {
        odds.add(winner, won, over, 1.0);
        return odds;
    }
    let chances = Chances::new(*serves);
    let current = set(&chances, score.games(), score.server(), current_game(&chances.serves, score));
    let fresh = |first| set(&chances, Sides::default(), first, of_home(first, *chances.game.of(first)));
    let fresh = Sides { home: fresh(Side::Home), away: fresh(Side::Away) };
    // Who serves first in the next set is who would have served the next game of this one.
    let first = match (score.games().home + score.games().away) % 2 {
        0 => score.server(),
        _ => score.server().other(),
    };
    odds.follow(&current, first, &fresh, (won, over, 1.0), 0);
    odds
}

impl MatchOdds {
    /// Follows a set, whose first game `first` served, and all after it; `so_far` are the sets and games before it, and how
    /// likely those are.
    fn follow(
        &mut self,
        set: &SetOdds,
        first: Side,
        fresh: &Sides<SetOdds>,
        so_far: (Sides<u32>, usize, f64),
        depth: usize,
    ) {
        let (won, games, likely) = so_far;
        for (winner, row) in [Side::Home, Side::Away].into_iter().zip(&set.0) {
            for (in_set, p) in row.iter().enumerate().filter(|(_, p)| **p > 0.0) {
                let (mut won, games, p) = (won, games + in_set, likely * p);
                if winner == Side::Home
                    && let Some(sets) = self.sets.get_mut(depth)
                {
                    *sets += p;
                }
                *won.of_mut(winner) += 1;
                if *won.of(winner) >= SETS {
                    self.add(winner, won, games, p);
                    continue;
                }
                let next = if in_set % 2 == 0 { first } else { first.other() };
                self.follow(fresh.of(next), next, fresh, (won, games, p), depth + 1);
            }
        }
    }

    fn add(&mut self, winner: Side, won: Sides<u32>, games: usize, p: f64) {
        let lost = *won.of(winner.other());
        let place = match (winner, lost) {
            (Side::Home, 0) => 0,
            (Side::Home, _) => 1,
            (Side::Away, 0) => 3,
            (Side::Away, _) => 2,
        };
        self.results.get_mut(place).into_iter().for_each(|one| *one += p);
        self.games.get_mut(games).into_iter().for_each(|one| *one += p);
    }

    /// The chance of home to win the match.
    pub(super) fn home(&self) -> f64 {
        let [straight, in_three, ..] = self.results;
        straight + in_three
    }

    /// The chance of more games than that.
    pub(super) fn more_games_than(&self, line: usize) -> f64 {
        self.games.iter().skip(line + 1).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_probabilities() {
        // O'Malley, "Probability formulas and statistical analysis in tennis" (2008): at 0.6 a game is won with 0.7357.
        let cases = [
            (game(0.5, 0, 0), 0.5),
            (game(0.6, 0, 0), 0.735_729_230_769),
            (game(0.6, 3, 3), 0.36 / 0.52),
            (game(0.6, 3, 2), 0.6 + 0.4 * 0.36 / 0.52),
            (tie_break(0.5, 0.5, (0, 0)), 0.5),
            (tie_break(0.6, 0.4, (0, 0)), 0.5),
            (tie_break(0.6, 0.4, (6, 6)), 0.5),
            (tie_break(0.6, 0.3, (6, 5)), 0.6 + 0.4 * 0.18 / 0.46),
            (tie_break(0.6, 0.3, (7, 6)), 0.3 + 0.7 * 0.18 / 0.46),
            (tie_break(0.6, 0.3, (8, 9)), 0.3 * 0.18 / 0.46),
        ];
        for (got, expected) in cases {
            assert!((got - expected).abs() < 1e-11, "{got} is not {expected}");
        }
        let even = of_match(&Sides { home: 0.62, away: 0.62 }, &Score::new(Side::Away));
        for half in [even.home(), even.sets[0], even.sets[1], three_sets(&even)] {
            assert!((half - 0.5).abs() < 1e-12, "{half} is not a half");
        }
    }

    fn three_sets(odds: &MatchOdds) -> f64 {
        odds.results[1] + odds.results[2]
    }

    /// The mean of what the model says after the next point.
    fn after_the_next(serves: &Serves, score: &Score, of: impl Fn(&MatchOdds) -> f64) -> f64 {
        let server = score.serves();
        let home = of_home(server, *serves.of(server));
        let then = |side| {
            let mut next = score.clone();
            next.point(side);
            of(&of_match(serves, &next))
        };
        home * then(Side::Home) + (1.0 - home) * then(Side::Away)
    }

    proptest! {
        #[test]
        fn what_is_said_now_is_the_mean_of_what_is_said_after_the_next_point(
            home in 0.35..0.85_f64, away in 0.35..0.85_f64, starts in any::<bool>(),
            points in prop::collection::vec(any::<bool>(), 0..260),
        ) {
            let serves = Sides { home, away };
            let mut score = Score::new(if starts { Side::Home } else { Side::Away });
            for point in points {
                let mut next = score.clone();
                next.point(if point { Side::Home } else { Side::Away });
                if next.winner().is_some() {
                    break;
                }
                score = next;
            }
            let now = of_match(&serves, &score);
            prop_assert!((now.results.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            prop_assert!((now.games.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            let views: [fn(&MatchOdds) -> f64; 4] = [
                MatchOdds::home, three_sets, |odds| odds.more_games_than(20), |odds| odds.more_games_than(25),
            ];
            for view in views {
                let then = after_the_next(&serves, &score, view);
                prop_assert!((view(&now) - then).abs() < 1e-9, "{} is not {then} at {score}", view(&now));
            }
        }
    }
}
