//! From bytes to a [`Message`].

use super::error::Error;
use super::message::{
    Alive, BetCancel, BetSettlement, BetStop, CancelledMarket, Certainty, FixtureChange, Header, MarketOdds,
    MarketRef, MarketStatus, Message, OddsChange, OutcomeOdds, OutcomeResult, RollbackBetSettlement,
    RolledBackMarket, SettledMarket, SnapshotComplete,
};
use super::xml::{Element, shown};
use crate::decimal::Decimal;
use overround_domain::betting::{Fraction, VoidFactor};
use overround_domain::time::Timestamp;
use std::collections::{BTreeSet, HashSet};

/// The largest message that is read; the largest of the feed have some hundred kilobytes.
pub const MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The last instant taken for real, in milliseconds, as the Betfair feed has it.
const TIMESTAMP_MAX: i64 = 99_999_999_999_999;
/// The longest event, outcome or group id taken for one.
const ID_CHARS_MAX: usize = 150;
/// The longest specifiers taken for real.
const SPECIFIERS_CHARS_MAX: usize = 300;
/// The most groups of a stop taken for real; market descriptions have a few dozen in all.
const GROUPS_MAX: usize = 64;
/// The statuses of a sport event in which it is running: live, suspended, interrupted.
const IN_PLAY: [&str; 3] = ["1", "2", "7"];

impl Message {
    /// Reads a message.
    ///
    /// # Errors
    /// When it is too large, not well-formed, no message of the feed, or lacks what it cannot be
    /// understood without. Odds that are no price are no error: the outcome has no price then.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > MESSAGE_BYTES_MAX {
            return Err(Error::TooLarge { bytes: bytes.len() });
        }
        let text =
            std::str::from_utf8(bytes).map_err(|error| Error::Malformed { reason: error.to_string() })?;
        let root = Element::parse(text)?;
        match root.name() {
            "odds_change" => odds_change(&root).map(Self::OddsChange),
            "bet_stop" => bet_stop(&root).map(Self::BetStop),
            "alive" => alive(&root).map(Self::Alive),
            "snapshot_complete" => snapshot_complete(&root).map(Self::SnapshotComplete),
            "fixture_change" => fixture_change(&root).map(Self::FixtureChange),
            "bet_settlement" => bet_settlement(&root).map(Self::BetSettlement),
            "bet_cancel" => bet_cancel("bet_cancel", &root).map(Self::BetCancel),
            "rollback_bet_settlement" => rollback_bet_settlement(&root).map(Self::RollbackBetSettlement),
            "rollback_bet_cancel" => bet_cancel("rollback_bet_cancel", &root).map(Self::RollbackBetCancel),
            name => Err(Error::Unknown { name: shown(name) }),
        }
    }
}

fn odds_change(root: &Element) -> Result<OddsChange, Error> {
    let name = "odds_change";
    let markets = root.all("odds").flat_map(|odds| odds.all("market"));
    Ok(OddsChange {
        header: produced(name, root)?,
        event: event(name, root)?,
        in_play: root
            .all("sport_event_status")
            .find_map(|status| status.get("status"))
            .map(|status| IN_PLAY.contains(&status)),
        markets: markets.map(market_odds).collect::<Result<_, _>>()?,
    })
}

fn market_odds(market: &Element) -> Result<MarketOdds, Error> {
    let mut seen = HashSet::new();
    let mut odds = MarketOdds {
        market: market_ref(market)?,
        status: market.get("status").map_or(MarketStatus::Active, market_status),
        outcomes: Vec::new(),
        repeated: 0,
    };
    for outcome in market.all("outcome") {
        let id = outcome_id(outcome)?;
        if !seen.insert(id.clone()) {
            odds.repeated += 1;
            continue;
        }
        let given = outcome.get("odds");
        let price = given.and_then(Decimal::parse).and_then(Decimal::price);
        let active = outcome.get("active").is_none_or(|active| active == "1");
        odds.outcomes.push(OutcomeOdds { id, price, refused: given.is_some() && price.is_none(), active });
    }
    Ok(odds)
}

fn market_status(text: &str) -> MarketStatus {
    match text {
        "1" => MarketStatus::Active,
        "0" => MarketStatus::Inactive,
        "-2" => MarketStatus::HandedOver,
        "-3" => MarketStatus::Settled,
        "-4" => MarketStatus::Cancelled,
        _ => MarketStatus::Suspended,
    }
}

fn bet_stop(root: &Element) -> Result<BetStop, Error> {
    let name = "bet_stop";
    let groups = root.read(name, "groups", |text| {
        let groups: BTreeSet<String> =
            text.split('|').filter(|group| !group.is_empty()).map(str::to_owned).collect();
        (groups.len() <= GROUPS_MAX && groups.iter().all(|group| is_id(group))).then_some(groups)
    })?;
    // A stop of nothing in particular is a stop of everything.
    let groups =
        groups.filter(|groups| !groups.is_empty()).unwrap_or_else(|| BTreeSet::from(["all".to_owned()]));
    // A stop that leaves a market active, or to others, would be none.
    let status = match root.get("market_status").map(market_status) {
        None | Some(MarketStatus::Active | MarketStatus::HandedOver) => MarketStatus::Suspended,
        Some(status) => status,
    };
    Ok(BetStop { header: produced(name, root)?, event: event(name, root)?, groups, status })
}

fn alive(root: &Element) -> Result<Alive, Error> {
    root.required("alive", "subscribed")?;
    let subscribed = root.read("alive", "subscribed", |text| match text {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    })?;
    Ok(Alive { header: produced("alive", root)?, subscribed: subscribed == Some(true) })
}

fn snapshot_complete(root: &Element) -> Result<SnapshotComplete, Error> {
    let name = "snapshot_complete";
    let header = produced(name, root)?;
    let request_id = header.request_id.ok_or(Error::Missing { element: name, attribute: "request_id" })?;
    Ok(SnapshotComplete { header, request_id })
}

fn fixture_change(root: &Element) -> Result<FixtureChange, Error> {
    let name = "fixture_change";
    Ok(FixtureChange { header: header(name, root)?, event: event(name, root)? })
}

fn bet_settlement(root: &Element) -> Result<BetSettlement, Error> {
    let name = "bet_settlement";
    root.required(name, "certainty")?;
    let certainty = root.read(name, "certainty", |text| match text {
        "1" => Some(Certainty::Live),
        "2" => Some(Certainty::Confirmed),
        _ => None,
    })?;
    let markets = root.all("outcomes").flat_map(|outcomes| outcomes.all("market"));
    Ok(BetSettlement {
        header: header(name, root)?,
        event: event(name, root)?,
        certainty: certainty.unwrap_or(Certainty::Live),
        markets: markets.map(settled_market).collect::<Result<_, _>>()?,
    })
}

fn settled_market(market: &Element) -> Result<SettledMarket, Error> {
    Ok(SettledMarket {
        market: market_ref(market)?,
        void_reason: market.read("market", "void_reason", |text| text.parse().ok())?,
        outcomes: market.all("outcome").map(outcome_result).collect::<Result<_, _>>()?,
    })
}

fn outcome_result(outcome: &Element) -> Result<OutcomeResult, Error> {
    let name = "outcome";
    let void = outcome.read(name, "void_factor", void_factor)?.unwrap_or(VoidFactor::None);
    let won = outcome.read(name, "result", |text| match text {
        "1" => Some(Some(true)),
        "0" => Some(Some(false)),
        "-1" => Some(None),
        _ => None,
    })?;
    // What is wholly void needs no result: the stake comes back either way.
    let won = won.unwrap_or((void == VoidFactor::Full).then_some(false));
    let dead_heat = outcome.read(name, "dead_heat_factor", |text| {
        Decimal::parse(text)?.fraction().filter(|share| share.num() > 0)
    })?;
    Ok(OutcomeResult { id: outcome_id(outcome)?, won, void, dead_heat: dead_heat.unwrap_or(Fraction::ONE) })
}

fn void_factor(text: &str) -> Option<VoidFactor> {
    let factor = Decimal::parse(text)?.fraction()?;
    match (factor.num(), factor.den()) {
        (0, _) => Some(VoidFactor::None),
        (1, 2) => Some(VoidFactor::Half),
        (1, 1) => Some(VoidFactor::Full),
        _ => None,
    }
}

fn bet_cancel(name: &'static str, root: &Element) -> Result<BetCancel, Error> {
    let cancelled = |market: &Element| {
        let void_reason = market.read("market", "void_reason", |text| text.parse().ok())?;
        Ok(CancelledMarket { market: market_ref(market)?, void_reason })
    };
    Ok(BetCancel {
        header: header(name, root)?,
        event: event(name, root)?,
        start: root.read(name, "start_time", timestamp)?,
        end: root.read(name, "end_time", timestamp)?,
        superceded_by: root.read(name, "superceded_by", event_id)?,
        markets: root.all("market").map(cancelled).collect::<Result<_, _>>()?,
    })
}

fn rollback_bet_settlement(root: &Element) -> Result<RollbackBetSettlement, Error> {
    let name = "rollback_bet_settlement";
    let rolled_back = |market: &Element| {
        let outcomes = market.all("outcome").map(outcome_id).collect::<Result<_, _>>()?;
        Ok(RolledBackMarket { market: market_ref(market)?, outcomes })
    };
    Ok(RollbackBetSettlement {
        header: header(name, root)?,
        event: event(name, root)?,
        markets: root.all("market").map(rolled_back).collect::<Result<_, _>>()?,
    })
}

fn header(name: &'static str, root: &Element) -> Result<Header, Error> {
    let at = root.read(name, "timestamp", timestamp)?;
    Ok(Header {
        producer: root.read(name, "product", |text| text.parse().ok())?,
        at: at.ok_or(Error::Missing { element: name, attribute: "timestamp" })?,
        request_id: root.read(name, "request_id", |text| text.parse().ok())?,
    })
}

/// The header of a message that means nothing without its producer.
fn produced(name: &'static str, root: &Element) -> Result<Header, Error> {
    root.required(name, "product")?;
    header(name, root)
}

fn event(name: &'static str, root: &Element) -> Result<String, Error> {
    let event = root.read(name, "event_id", event_id)?;
    event.ok_or(Error::Missing { element: name, attribute: "event_id" })
}

fn market_ref(market: &Element) -> Result<MarketRef, Error> {
    let id = market.read("market", "id", |text| text.parse().ok())?;
    Ok(MarketRef {
        id: id.ok_or(Error::Missing { element: "market", attribute: "id" })?,
        specifiers: market.read("market", "specifiers", specifiers)?.unwrap_or_default(),
    })
}

/// Specifiers in one order, so that a market has one key however they are listed.
fn specifiers(text: &str) -> Option<String> {
    let mut parts: Vec<&str> = text.split('|').filter(|part| !part.is_empty()).collect();
    parts.sort_unstable();
    parts.dedup();
    let fits = text.len() <= SPECIFIERS_CHARS_MAX && !text.chars().any(char::is_control);
    (fits && parts.iter().all(|part| part.contains('='))).then(|| parts.join("|"))
}

fn outcome_id(outcome: &Element) -> Result<String, Error> {
    let id = outcome.read("outcome", "id", |text| is_id(text).then(|| text.to_owned()))?;
    id.ok_or(Error::Missing { element: "outcome", attribute: "id" })
}

/// The id of an event, which ends where the market's id begins in a key.
fn event_id(text: &str) -> Option<String> {
    (is_id(text) && !text.contains('/')).then(|| text.to_owned())
}

fn timestamp(text: &str) -> Option<Timestamp> {
    let ms = text.parse().ok().filter(|ms| (0..=TIMESTAMP_MAX).contains(ms))?;
    Some(Timestamp::from_millis(ms))
}

/// Ids are kept and shown: they are short and printable.
fn is_id(text: &str) -> bool {
    (1..=ID_CHARS_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}
