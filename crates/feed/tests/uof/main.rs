//! The Unified Odds Feed: recorded messages, and hand-written ones where there is no recording. The latter
//! are labelled synthetic: they are written from the public schema and were never on a wire.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a helper of a test fails the test; what was not run is said"
)]

mod any;
mod feed;
mod messages;
mod synthetic;

use overround_domain::markets::SourceMarket;
use overround_domain::odds::Price;
use overround_feed::uof::{Feed, Heard, Message, Said};
use std::path::PathBuf;

/// A recorded message; none when the data folder is not there.
pub(crate) fn recorded(file: &str) -> Option<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/sportradar-uof");
    if !folder.is_dir() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{} is missing", folder.display());
        eprintln!("NOT RUN: {} is missing", folder.display());
        return None;
    }
    Some(std::fs::read(folder.join(file)).unwrap())
}

pub(crate) fn parse(text: &str) -> Message {
    Message::parse(text.as_bytes()).map_err(|error| format!("{error}: {text}")).unwrap()
}

/// What the last of these messages came to, and the feed after it.
pub(crate) fn play(messages: &[String]) -> (Heard, Feed) {
    let mut feed = Feed::default();
    let heard = messages.iter().map(|message| feed.apply(&parse(message))).last();
    (heard.unwrap(), feed)
}

/// The markets of what was said.
pub(crate) fn markets(said: &[Said]) -> impl Iterator<Item = &SourceMarket> {
    said.iter().map(|said| &said.market)
}

/// The only market after these messages.
pub(crate) fn market_after(messages: &[String]) -> SourceMarket {
    let (_, feed) = play(messages);
    assert_eq!(feed.markets().count(), 1);
    feed.markets().next().unwrap().clone()
}

pub(crate) fn best(market: &SourceMarket) -> Vec<Option<Price>> {
    market.outcomes.iter().map(|outcome| outcome.best_back).collect()
}

pub(crate) fn price(num: u32, den: u32) -> Option<Price> {
    Some(Price::new(num, den).unwrap())
}
