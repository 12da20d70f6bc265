//! Every recording of the data folder, which lies beside the project. With `CI=true` its absence
//! fails; otherwise these tests say that they were not run. Whoever has none has the simulator.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a helper of a test fails the test; what was not run is said"
)]

use overround_domain::markets::{Line, MarketKind, OutcomeStatus, SourceMarket, SourceStatus, TieRule};
use overround_domain::odds::Price;
use overround_feed::Applied;
use overround_feed::betfair::{Counts, Input, Recording};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::PathBuf;

struct Played {
    items: Vec<Applied>,
    markets: BTreeMap<String, SourceMarket>,
    counts: Counts,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/betfair-stream")
}

/// The files played as one recording; none when the data folder is not there.
fn play(files: &[&str]) -> Option<Played> {
    let folder = folder();
    if !folder.is_dir() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{} is missing", folder.display());
        eprintln!("NOT RUN: {} is missing", folder.display());
        return None;
    }
    let inputs = files.iter().map(|file| Input::new(*file, File::open(folder.join(file)).unwrap()).unwrap());
    let mut recording = Recording::open(inputs);
    let items: Vec<Applied> = recording.by_ref().map(Result::unwrap).collect();
    let markets = recording.markets().map(|market| (market.key.clone(), market.clone())).collect();
    Some(Played { items, markets, counts: recording.counts() })
}

impl Played {
    fn only(&self) -> &SourceMarket {
        assert_eq!(self.markets.len(), 1);
        self.markets.values().next().unwrap()
    }

    /// What holds of every recording: instants in order, nothing left out, the last change as it stands.
    fn check(&self, messages: u64) {
        assert_eq!(self.counts, Counts { messages, heartbeats: self.counts.heartbeats, ..Counts::default() });
        assert_eq!(self.items.len(), usize::try_from(messages).unwrap());
        assert!(self.items.is_sorted_by_key(|item| item.at));
        let mut last = BTreeMap::new();
        for market in self.items.iter().flat_map(|item| &item.changed) {
            let known = last.insert(market.key.clone(), market.clone());
            assert_ne!(known.as_ref(), Some(market), "a market is said only when it changed");
        }
        assert_eq!(last, self.markets);
    }

    /// The statuses and in-play states that a market went through.
    fn states(&self, key: &str) -> Vec<(SourceStatus, bool)> {
        let said = self.items.iter().flat_map(|item| &item.changed).filter(|market| market.key == key);
        let mut states: Vec<_> = said.map(|market| (market.status, market.in_play)).collect();
        states.dedup();
        states
    }
}

fn winners(market: &SourceMarket) -> Vec<&str> {
    market.outcomes.iter().filter(|o| o.won == Some(true)).map(|o| o.name.as_str()).collect()
}

/// The market is closed, with a result for everyone who took part.
fn assert_settled(market: &SourceMarket, expected: &[&str]) {
    assert_eq!(market.status, SourceStatus::Closed);
    assert_eq!(winners(market), expected);
    for outcome in &market.outcomes {
        assert_eq!(outcome.won.is_some(), outcome.status == OutcomeStatus::Active, "{outcome:?}");
    }
}

#[test]
fn tennis_match_odds() {
    let Some(played) = play(&["29788105-tennis-match-odds.jsonl"]) else { return };
    played.check(11_110);
    let market = played.only();
    assert_settled(market, &["J Haerteis"]);
    assert_eq!(
        (market.event.name.as_str(), market.event.sport.as_str()),
        ("B Hassan v J Haerteis", "tennis")
    );
    assert_eq!((market.name.as_str(), market.bet_delay_ms), ("Match Odds", 5_000));
    let expected = [
        (SourceStatus::Open, false),
        (SourceStatus::Open, true),
        (SourceStatus::Suspended, true),
        (SourceStatus::Closed, true),
    ];
    assert_eq!(played.states(&market.key), expected);
}

#[test]
fn tennis_event_of_four_markets() {
    let Some(played) = play(&["29788457-tennis-event-4-markets.jsonl"]) else { return };
    played.check(8_272);
    let expected = [
        ("1.170370564", "Match Odds", "P Lorenzi"),
        ("1.170370565", "Set Betting", "P Lorenzi 2-1"),
        ("1.170370566", "Set 1 Winner", "S Kirchheimer"),
        ("1.170370567", "Set 2 Winner", "P Lorenzi"),
    ];
    assert_eq!(played.markets.len(), expected.len());
    for (key, name, winner) in expected {
        let market = &played.markets[key];
        assert_eq!(market.name, name);
        assert_eq!(market.event.name, "P Lorenzi v S Kirchheimer");
        assert_settled(market, &[winner]);
    }
}

#[test]
fn cricket_without_names() {
    let Some(played) = play(&["1.200806927-cricket-match-odds.jsonl"]) else { return };
    played.check(18_529);
    let market = played.only();
    assert_settled(market, &["Team 228749"]);
    assert_eq!(market.event.name, "Cricket event 31573045");
    assert_eq!((market.tie_rule, market.bet_delay_ms), (TieRule::DeadHeat, 5_000));
}

#[test]
fn racing_win_and_place() {
    let Some(played) = play(&["1.197931750-racing-win.jsonl", "1.197931751-racing-place.jsonl"]) else {
        return;
    };
    played.check(332);
    let (win, place) = (&played.markets["1.197931750"], &played.markets["1.197931751"]);
    assert_eq!((win.number_of_winners, place.number_of_winners), (1, 2));
    assert_settled(win, &["2. Sandwood Jet"]);
    assert_settled(place, &["2. Sandwood Jet", "6. Coolavanny Galiv"]);
    assert_eq!((&win.event, win.event.sport.as_str()), (&place.event, "greyhound-racing"));
    let first = &played.items[0].changed[0];
    assert_eq!(first.event.name, "Sheffield, 19 Apr 2022", "before the recording gives a name");
    assert_eq!(first.name, "Win, 18:26 UTC");
    assert_eq!(first.outcomes[3].best_back, Some(Price::new(88, 10).unwrap()));
}

#[test]
fn racing_with_removed_runners() {
    let Some(played) = play(&["1.132153978-racing-removed-runners.jsonl"]) else { return };
    played.check(480);
    let market = played.only();
    assert_settled(market, &["Brother Mcgonagall"]);
    assert_eq!((market.event.name.as_str(), market.event.sport.as_str()), ("Ham 14th Jun", "horse-racing"));
    assert_eq!((market.outcomes.len(), market.bet_delay_ms), (14, 1_000));
    let removed: Vec<_> = market
        .outcomes
        .iter()
        .filter(|o| o.status == OutcomeStatus::Removed)
        .map(|o| o.name.as_str())
        .collect();
    assert_eq!(removed, ["Hellavashock", "Hymn For The Dudes"]);
    let priced = played.items.iter().flat_map(|item| &item.changed).any(|market| {
        market.status == SourceStatus::Open
            && market.outcomes.iter().all(|o| o.best_back.is_some() || o.status == OutcomeStatus::Removed)
    });
    assert!(priced, "last traded prices stand in where there is no book");
}

#[test]
fn two_hundred_football_markets() {
    let Some(played) = play(&["1.242971311-football-200-markets.bz2"]) else { return };
    played.check(1_736);
    assert_eq!(played.items[0].changed.len(), 200);
    assert_eq!(played.markets.len(), 200);
    assert!(played.markets.values().all(|market| market.status == SourceStatus::Open && !market.in_play));
    let (lines, odds): (Vec<_>, Vec<_>) =
        played.markets.values().partition(|market| market.kind == MarketKind::Line);
    assert_eq!((lines.len(), odds.len()), (60, 140));
    for market in odds {
        assert_eq!((market.market_type.as_str(), market.outcomes.len()), ("MATCH_ODDS", 3));
        assert_eq!((market.tie_rule, market.number_of_winners), (TieRule::DrawIsAnOutcome, 1));
        assert_eq!(market.outcomes[2].name, "The Draw");
    }
    for market in lines {
        assert_eq!((market.market_type.as_str(), market.number_of_winners), ("ASIAN_HANDICAP", 0));
        let mut pairs: BTreeMap<u32, Vec<i32>> = BTreeMap::new();
        for outcome in &market.outcomes {
            pairs.entry(outcome.pair.unwrap()).or_default().push(outcome.line.map(Line::quarters).unwrap());
        }
        assert_eq!((market.outcomes.len(), pairs.len()), (66, 33));
        assert!(pairs.values().all(|pair| matches!(pair.as_slice(), [home, away] if home + away == 0)));
        let keys: BTreeSet<_> = market.outcomes.iter().map(|outcome| &outcome.key).collect();
        assert_eq!(keys.len(), 66);
    }
    let priced =
        played.markets.values().filter(|market| market.outcomes.iter().any(|o| o.best_back.is_some()));
    assert!(priced.count() > 100);
}

#[test]
fn all_recordings_at_once_keep_their_results() {
    let files = [
        "29788105-tennis-match-odds.jsonl",
        "29788457-tennis-event-4-markets.jsonl",
        "1.132153978-racing-removed-runners.jsonl",
        "1.242971311-football-200-markets.bz2",
    ];
    let Some(played) = play(&files) else { return };
    played.check(11_110 + 8_272 + 480 + 1_736);
    for file in files {
        let alone = play(&[file]).unwrap();
        assert!(alone.markets.iter().all(|(key, market)| played.markets.get(key) == Some(market)), "{file}");
    }
}

#[test]
fn protocol_samples() {
    let Some(played) = play(&["protocol-mcm_SUB_IMAGE.json"]) else { return };
    played.check(1);
    let market = played.only();
    assert_eq!(
        (market.name.as_str(), market.event.name.as_str()),
        ("Win, 18:10 UTC", "Kempton, 17 Aug 2016")
    );
    let best: Vec<_> = market.outcomes.iter().map(|o| o.best_back.unwrap()).collect();
    let expected = [(254, 100), (18, 10), (58, 10), (46, 10), (46, 10), (46, 1), (42, 1)];
    assert_eq!(best, expected.map(|(num, den)| Price::new(num, den).unwrap()));

    let heartbeat = play(&["protocol-mcm_HEARTBEAT.json"]).unwrap();
    heartbeat.check(1);
    assert!(heartbeat.items[0].heartbeat && heartbeat.items[0].changed.is_empty());

    let late = play(&["protocol-503.json"]).unwrap();
    late.check(1);
    assert!(late.items[0].stale_upstream);

    let delta = play(&["protocol-mcm_RESUB_DELTA.json"]).unwrap();
    delta.check(1);
    assert_eq!(delta.markets.len(), 2, "43 markets, two with their definition");

    let update = play(&["protocol-mcm_UPDATE_md.json"]).unwrap();
    update.check(1);
    let market = update.only();
    assert_eq!((market.status, market.in_play, market.bet_delay_ms), (SourceStatus::Suspended, true, 5_000));
}
