//! The state machine on small hand-written streams.
//!
//! Each case is a list of lines; what it checks is what stands in the markets afterwards.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod any;
mod lines;
mod market;
mod messages;

use overround_domain::markets::SourceMarket;
use overround_domain::odds::Price;
use overround_feed::Applied;
use overround_feed::betfair::{Input, Recording};
use std::io::Cursor;

pub(crate) const RUNNERS: &str = r#"[{"status":"ACTIVE","sortPriority":1,"id":11,"name":"Ann"},{"status":"ACTIVE","sortPriority":2,"id":22}]"#;

pub(crate) fn input(name: &str, bytes: impl Into<Vec<u8>>) -> Input {
    Input::new(name, Cursor::new(bytes.into())).unwrap()
}

pub(crate) fn recording(lines: &[String]) -> Recording {
    Recording::open([input("case", lines.join("\n"))])
}

pub(crate) fn play(lines: &[String]) -> Vec<Applied> {
    recording(lines).map(Result::unwrap).collect()
}

/// A message at an instant about some changes.
pub(crate) fn mcm(pt: i64, mc: &str) -> String {
    format!(r#"{{"op":"mcm","clk":"x","pt":{pt},"mc":[{mc}]}}"#)
}

/// A change of market 1.1 with further fields.
pub(crate) fn change(fields: &str) -> String {
    format!(r#"{{"id":"1.1",{fields}}}"#)
}

/// A definition with this status, these further fields and these runners.
pub(crate) fn definition(status: &str, more: &str, runners: &str) -> String {
    format!(
        r#""marketDefinition":{{"eventId":"9","eventTypeId":"2","marketType":"MATCH_ODDS","bettingType":"ODDS","numberOfWinners":1,"status":"{status}",{more}"runners":{runners}}}"#
    )
}

pub(crate) fn open() -> String {
    mcm(1, &change(&definition("OPEN", "", RUNNERS)))
}

pub(crate) fn prices(pt: i64, rc: &str) -> String {
    mcm(pt, &change(&format!(r#""rc":[{rc}]"#)))
}

pub(crate) fn price(num: u32, den: u32) -> Option<Price> {
    Some(Price::new(num, den).unwrap())
}

pub(crate) fn best(market: &SourceMarket) -> Vec<Option<Price>> {
    market.outcomes.iter().map(|outcome| outcome.best_back).collect()
}

/// The market after all lines.
pub(crate) fn market_after(lines: &[String]) -> SourceMarket {
    let mut recording = recording(lines);
    for item in &mut recording {
        item.unwrap();
    }
    recording.markets().next().unwrap().clone()
}
