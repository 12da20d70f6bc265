//! The few markets that are known by their ids without Sportradar's market descriptions, which are the
//! authority and are not read here. All other markets are kept with 0 winners, which no price can be made
//! of: the house shows them as suspended, so that nothing is sold whose rules are not known.

use super::message::MarketRef;
use overround_domain::markets::TieRule;
use std::collections::BTreeSet;

/// How the outcomes of a market stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// One of these wins: ids and names, in the order they are shown in.
    OneOf(&'static [(&'static str, &'static str)], TieRule),
    /// Over and under the specifier `total`.
    Total,
    /// Home at the specifier `hcp`, away at its opposite.
    Handicap,
}

/// A market that is known by its id.
#[derive(Debug)]
pub(super) struct Description {
    id: u32,
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    /// The groups of bet stops it belongs to, `all` apart; empty where they are not known.
    groups: &'static [&'static str],
}

const THREE_WAY: Shape =
    Shape::OneOf(&[("1", "Home"), ("2", "Draw"), ("3", "Away")], TieRule::DrawIsAnOutcome);
const EUROPEAN_HANDICAP: Shape =
    Shape::OneOf(&[("1711", "Home"), ("1712", "Draw"), ("1713", "Away")], TieRule::DrawIsAnOutcome);
/// A tie gives stakes back, where a sport has one.
const TWO_WAY: Shape = Shape::OneOf(&[("4", "Home"), ("5", "Away")], TieRule::Push);
const YES_NO: Shape = Shape::OneOf(&[("74", "Yes"), ("76", "No")], TieRule::DeadHeat);

const REGULAR_PLAY: &[&str] = &["score", "regular_play"];
const UNKNOWN: &[&str] = &[];

const DESCRIPTIONS: [Description; 18] = [
    known(1, "1x2", THREE_WAY, REGULAR_PLAY),
    known(11, "Draw no bet", TWO_WAY, REGULAR_PLAY),
    known(14, "Handicap, three-way", EUROPEAN_HANDICAP, UNKNOWN),
    known(16, "Handicap", Shape::Handicap, REGULAR_PLAY),
    known(18, "Total", Shape::Total, REGULAR_PLAY),
    known(29, "Both teams to score", YES_NO, REGULAR_PLAY),
    known(60, "1st half, 1x2", THREE_WAY, UNKNOWN),
    known(68, "1st half, total", Shape::Total, &["score", "1st_half"]),
    known(186, "Winner", TWO_WAY, UNKNOWN),
    known(189, "Total games", Shape::Total, UNKNOWN),
    known(219, "Winner (incl. overtime)", TWO_WAY, &["score", "incl_ot"]),
    known(223, "Handicap (incl. overtime)", Shape::Handicap, UNKNOWN),
    known(225, "Total (incl. overtime)", Shape::Total, UNKNOWN),
    known(251, "Winner (incl. extra innings)", TWO_WAY, UNKNOWN),
    known(256, "Handicap (incl. extra innings)", Shape::Handicap, UNKNOWN),
    known(258, "Total (incl. extra innings)", Shape::Total, UNKNOWN),
    known(340, "Winner (incl. super over)", TWO_WAY, UNKNOWN),
    known(406, "Winner (incl. overtime and penalties)", TWO_WAY, UNKNOWN),
];

const fn known(id: u32, name: &'static str, shape: Shape, groups: &'static [&'static str]) -> Description {
    Description { id, name, shape, groups }
}

/// What is known of the market with this id.
pub(super) fn description(id: u32) -> Option<&'static Description> {
    DESCRIPTIONS.iter().find(|description| description.id == id)
}

/// Whether a stop of these groups stops the market. Where a market's groups are not known, every stop
/// does: a market that is stopped too often comes back with its next prices.
pub(super) fn stops(market: &MarketRef, groups: &BTreeSet<String>) -> bool {
    let known = description(market.id).map_or(UNKNOWN, |description| description.groups);
    known.is_empty() || groups.iter().any(|group| group == "all" || known.contains(&group.as_str()))
}
