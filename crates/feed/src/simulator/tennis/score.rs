//! The score of a tennis match: best of three sets, with a tie-break at six games all in each.

use crate::simulator::sides::{Side, Sides};
use std::cmp::Ordering;
use std::fmt;

/// Points that win a game, and a tie-break, with two more than the other side.
const GAME_POINTS: u32 = 4;
const TIE_BREAK_POINTS: u32 = 7;
/// Games that win a set, with two more than the other side; at so many each a tie-break decides.
const SET_GAMES: u32 = 6;
/// Sets that win the match.
pub(super) const SETS: u32 = 2;

/// How a match stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Score {
    /// The games of each set that is over.
    sets: Vec<Sides<u32>>,
    games: Sides<u32>,
    points: Sides<u32>,
    /// Who serves this game, or the first point of this tie-break.
    server: Side,
}

/// What a point won, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Won {
    Point,
    Game,
    Set,
    Match,
}

impl Score {
    /// A match that has not begun, and who serves first.
    pub(super) const fn new(server: Side) -> Self {
        let nil = Sides { home: 0, away: 0 };
        Self { sets: Vec::new(), games: nil, points: nil, server }
    }

    /// Gives a point to a side.
    pub(super) fn point(&mut self, side: Side) -> Won {
        let wanted = if self.is_tie_break() { TIE_BREAK_POINTS } else { GAME_POINTS };
        *self.points.of_mut(side) += 1;
        if !leads_by_two(&self.points, side, wanted) {
            return Won::Point;
        }
        let was_tie_break = self.is_tie_break();
        self.points = Sides { home: 0, away: 0 };
        self.server = self.server.other();
        *self.games.of_mut(side) += 1;
        if !was_tie_break && !leads_by_two(&self.games, side, SET_GAMES) {
            return Won::Game;
        }
        self.sets.push(std::mem::take(&mut self.games));
        if *self.sets_won().of(side) >= SETS { Won::Match } else { Won::Set }
    }

    /// Whether the next point can break a service, or win a set or the match.
    pub(super) fn is_big(&self) -> bool {
        let wins = |side| {
            let won = self.clone().point(side);
            won >= Won::Set || (won == Won::Game && side == self.server.other())
        };
        wins(Side::Home) || wins(Side::Away)
    }

    /// Whether the set is at six games all.
    pub(super) const fn is_tie_break(&self) -> bool {
        self.games.home == SET_GAMES && self.games.away == SET_GAMES
    }

    /// Who serves the next point.
    pub(super) const fn serves(&self) -> Side {
        // In a tie-break one point, and then two each.
        let played = self.points.home + self.points.away;
        if self.is_tie_break() && !played.is_multiple_of(4) && played % 4 != 3 {
            self.server.other()
        } else {
            self.server
        }
    }

    /// Who serves this game, or began this tie-break.
    pub(super) const fn server(&self) -> Side {
        self.server
    }

    pub(super) const fn points(&self) -> Sides<u32> {
        self.points
    }

    /// The games of this set.
    pub(super) const fn games(&self) -> Sides<u32> {
        self.games
    }

    /// The games of all sets, those that are over and this one.
    pub(super) fn games_of_all(&self) -> u32 {
        self.sets.iter().chain([&self.games]).map(|games| games.home + games.away).sum()
    }

    /// The sets that each side has won.
    pub(super) fn sets_won(&self) -> Sides<u32> {
        let mut won = Sides { home: 0, away: 0 };
        for number in 0..self.sets.len() {
            if let Some(side) = self.winner_of_set(number) {
                *won.of_mut(side) += 1;
            }
        }
        won
    }

    /// Who won a set, by its number from 0; none before it is over.
    pub(super) fn winner_of_set(&self, number: usize) -> Option<Side> {
        let games = self.sets.get(number)?;
        Some(if games.home > games.away { Side::Home } else { Side::Away })
    }

    /// Who won the match; none before it is over.
    pub(super) fn winner(&self) -> Option<Side> {
        let won = self.sets_won();
        [Side::Home, Side::Away].into_iter().find(|side| *won.of(*side) >= SETS)
    }

    /// The games of each set that is over, home's first.
    pub fn sets(&self) -> Vec<(u32, u32)> {
        self.sets.iter().map(|games| (games.home, games.away)).collect()
    }
}

fn leads_by_two(of: &Sides<u32>, side: Side, at_least: u32) -> bool {
    *of.of(side) >= at_least && *of.of(side) >= of.of(side.other()) + 2
}

/// `6-4 3-2 40-15`: sets, games and points, home's first; in a tie-break the points are numbers.
impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<String> =
            self.sets.iter().map(|games| format!("{}-{}", games.home, games.away)).collect();
        if self.winner().is_none() {
            parts.push(format!("{}-{}", self.games.home, self.games.away));
            let (home, away) = (self.points.home, self.points.away);
            if self.is_tie_break() {
                parts.push(format!("({home}-{away})"));
            } else if home + away > 0 {
                parts.push(called(home, away));
            }
        }
        f.write_str(&parts.join(" "))
    }
}

/// The points of a game as the umpire calls them.
fn called(home: u32, away: u32) -> String {
    let name = |points: u32| ["0", "15", "30", "40"].get(points as usize).copied().unwrap_or("40");
    match (home.min(away) >= GAME_POINTS - 1, home.cmp(&away)) {
        (true, Ordering::Greater) => "A-40".to_owned(),
        (true, Ordering::Less) => "40-A".to_owned(),
        _ => format!("{}-{}", name(home), name(away)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(points: &str) -> (Score, Won) {
        let mut score = Score::new(Side::Home);
        let mut won = Won::Point;
        for point in points.chars() {
            won = score.point(if point == 'h' { Side::Home } else { Side::Away });
        }
        (score, won)
    }

    #[test]
    fn points_make_games_and_games_make_sets() {
        let games = |home: usize, away: usize| {
            let each = home.min(away);
            format!("{}{}", "hhhhaaaa".repeat(each), "hhhh".repeat(home - each)) + &"aaaa".repeat(away - each)
        };
        let table = [
            ("hhh".to_owned(), Won::Point, "0-0 40-0"),
            ("hhha".to_owned(), Won::Point, "0-0 40-15"),
            ("hhhh".to_owned(), Won::Game, "1-0"),
            ("hhhaaa".to_owned(), Won::Point, "0-0 40-40"),
            ("hhhaaaa".to_owned(), Won::Point, "0-0 40-A"),
            ("hhhaaaah".to_owned(), Won::Point, "0-0 40-40"),
            ("hhhaaaahaa".to_owned(), Won::Game, "0-1"),
            (games(6, 4), Won::Set, "6-4 0-0"),
            (games(6, 5), Won::Game, "6-5"),
            (games(7, 5), Won::Set, "7-5 0-0"),
            (games(6, 6), Won::Game, "6-6 (0-0)"),
            (games(6, 6) + "hhhhhh", Won::Point, "6-6 (6-0)"),
            (games(6, 6) + "hhhhhhh", Won::Set, "7-6 0-0"),
            (games(6, 6) + "hahahahahahahh", Won::Set, "7-6 0-0"),
            (games(6, 0) + &games(0, 6), Won::Set, "6-0 0-6 0-0"),
            (games(6, 0) + &games(0, 6) + &games(6, 1), Won::Match, "6-0 0-6 6-1"),
        ];
        for (points, won, text) in table {
            let (score, got) = after(&points);
            assert_eq!((got, score.to_string().as_str()), (won, text), "{points}");
        }
    }

    #[test]
    fn service_alternates_by_games_and_in_a_tie_break_by_two_points() {
        assert_eq!(after("").0.serves(), Side::Home);
        assert_eq!(after("hhh").0.serves(), Side::Home);
        assert_eq!(after("hhhh").0.serves(), Side::Away);
        let tie_break = "hhhhaaaa".repeat(6);
        let served: String = (0..9)
            .map(|played| after(&format!("{tie_break}{}", &"hahahahah"[..played])).0.serves())
            .map(|side| if side == Side::Home { 'h' } else { 'a' })
            .collect();
        assert_eq!(served, "haahhaahh");
        // Who served first in the tie-break receives first in the next set.
        assert_eq!(after(&format!("{tie_break}hhhhhhh")).0.serves(), Side::Away);
    }

    #[test]
    fn the_big_points_are_those_of_a_break_a_set_or_the_match() {
        for (points, is_big) in [
            ("", false),
            ("hhh", false),
            ("aaa", true),
            ("hhhaaa", false),
            ("hhhaaaa", true),
            (&"hhhhaaaa".repeat(5), false),
            (&("hhhhaaaa".repeat(5) + "hhhhhhh"), true),
            (&("hhhhaaaa".repeat(6) + "hhh"), false),
            (&("hhhhaaaa".repeat(6) + "hhhhhh"), true),
        ] {
            assert_eq!(after(points).0.is_big(), is_big, "{points}");
        }
    }
}
