//! What players were told, and whether the house tells the same.

use crate::load::{Player, parsed};
use crate::stage::Stage;
use futures::stream::{self, StreamExt};
use overround_domain::ids::BetId;
use serde_json::Value;
use std::collections::BTreeMap;
use uuid::Uuid;

/// How many are asked again at a time.
const AT_ONCE: usize = 24;
/// How many answered requests are sent again at the end.
const REPLAYS: usize = 300;

/// What became of a request, as far as its sender knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// A receipt.
    Accepted { receipt: String, replayed: bool },
    /// A rule refused it.
    Refused { code: String, body: String },
    /// Nothing, or that it is not known: the key will tell.
    None(String),
    /// What no player may ever be told.
    Defect(String),
}

impl Answer {
    /// An answer by its status.
    pub(crate) fn of(status: u16, replayed: bool, body: String) -> Self {
        match status {
            201 => Self::Accepted { receipt: body, replayed },
            404 | 409 | 422 => {
                let code = parsed(&body)["code"].as_str().unwrap_or_default().to_owned();
                Self::Refused { code, body }
            }
            503 => Self::None(body),
            _ => Self::Defect(format!("{status}: {body}")),
        }
    }

    /// The receipt's id; none where it is no receipt.
    pub(crate) fn bet_id(&self) -> Option<Uuid> {
        let Self::Accepted { receipt, .. } = self else { return None };
        Some(parsed(receipt)["id"].as_str().unwrap().parse::<BetId>().unwrap().uuid())
    }
}

/// One bet that a player sent.
#[derive(Debug)]
pub(crate) struct Line {
    /// Which player.
    pub(crate) player: usize,
    pub(crate) key: String,
    pub(crate) body: Value,
    pub(crate) stake: i64,
    /// None while nobody answered.
    pub(crate) answer: Option<Answer>,
}

/// All that was sent under a load.
pub(crate) struct Ledger {
    pub(crate) players: Vec<Player>,
    pub(crate) lines: Vec<Line>,
}

impl Ledger {
    /// Adds what another player was told.
    pub(crate) fn add(&mut self, player: Player, lines: Vec<Line>) {
        let number = self.players.len();
        self.players.push(player);
        self.lines.extend(lines.into_iter().map(|line| Line { player: number, ..line }));
    }

    /// Holds the house to what it said, after whatever happened to it:
    /// what was accepted is there once; what was not answered is whole or absent, and its key tells which;
    /// every answer comes again as it was; balances are what the ledger says; doctor finds nothing.
    pub(crate) async fn holds_true(mut self, stage: &Stage) {
        // Before anybody asks again: what was left unanswered is whole or absent.
        stage.is_sound();
        let addresses = stage.addresses();
        self.ask_for_the_unanswered(&addresses).await;
        self.refusals_are_true(&addresses).await;
        self.bets_are_there_once(stage).await;
        self.balances_add_up(&addresses).await;
        self.answers_come_again(&addresses).await;
        self.bets_are_there_once(stage).await;
        stage.is_sound();
    }

    async fn ask_for_the_unanswered(&mut self, addresses: &[String]) {
        let players = &self.players;
        let unanswered = self.lines.iter_mut().filter(|line| line.answer.is_none());
        stream::iter(unanswered)
            .for_each_concurrent(AT_ONCE, |line| async move {
                line.answer = Some(players[line.player].insist(addresses, &line.key, &line.body).await);
            })
            .await;
    }

    /// Refusals, of which only two kinds may be: a poor player's, whose balance did not cover the stake, and
    /// that a market was not on sale while its producer was cut off.
    async fn refusals_are_true(&self, addresses: &[String]) {
        for line in &self.lines {
            let player = &self.players[line.player];
            match line.answer.as_ref().unwrap() {
                Answer::Accepted { .. } => {}
                Answer::Refused { code, .. } if code == "BETTING_SUSPENDED" => {}
                Answer::Refused { code, body } if code == "INSUFFICIENT_FUNDS" && player.is_poor => {
                    let available = parsed(body)["available_cents"].as_i64().unwrap();
                    assert!(available < line.stake, "{body}");
                    // Nothing is ever paid to it, so it had at least what it has now.
                    assert!(player.balance(&addresses[0]).await.0 <= available, "{body}");
                }
                other => panic!("{} was answered: {other:?}", line.key),
            }
        }
    }

    /// The stakes of accepted bets, by id.
    fn accepted(&self) -> BTreeMap<Uuid, i64> {
        let ids = self.lines.iter().filter_map(|line| Some((line.answer.as_ref()?.bet_id()?, line.stake)));
        let all: Vec<(Uuid, i64)> = ids.collect();
        let by_id: BTreeMap<Uuid, i64> = all.iter().copied().collect();
        assert_eq!(all.len(), by_id.len(), "two keys have one bet");
        by_id
    }

    /// The house's bets are those of the ledger, no more and no fewer, each with its leg and its key.
    async fn bets_are_there_once(&self, stage: &Stage) {
        let rows: Vec<(Uuid, i64, i64, i64)> = sqlx::query_as(
            "SELECT id, stake_cents, (SELECT count(*) FROM betting.bet_legs l WHERE l.bet_id = b.id), \
                    (SELECT count(*) FROM wallet.idempotency i WHERE i.bet_id = b.id) FROM betting.bets b",
        )
        .fetch_all(&stage.admin)
        .await
        .unwrap();
        assert!(rows.iter().all(|(_, _, legs, keys)| (*legs, *keys) == (1, 1)), "a bet is not whole");
        let (accepted, count) = (self.accepted(), rows.len());
        let stored: BTreeMap<Uuid, i64> = rows.into_iter().map(|(id, stake, _, _)| (id, stake)).collect();
        assert_eq!(stored.len(), count, "a bet is there twice");
        let lost: Vec<&Uuid> = accepted.keys().filter(|id| !stored.contains_key(*id)).collect();
        let unknown: Vec<&Uuid> = stored.keys().filter(|id| !accepted.contains_key(*id)).collect();
        assert!(lost.is_empty() && unknown.is_empty(), "lost: {lost:?}; nobody was told of: {unknown:?}");
        assert_eq!(stored, accepted, "the stakes");
    }

    async fn balances_add_up(&self, addresses: &[String]) {
        for (number, player) in self.players.iter().enumerate() {
            let lines = self.lines.iter().filter(|line| line.player == number);
            let staked: i64 = lines
                .filter(|line| line.answer.as_ref().unwrap().bet_id().is_some())
                .map(|line| line.stake)
                .sum();
            let balance = player.balance(&addresses[number % addresses.len()]).await;
            assert_eq!(balance, (player.funds - staked, staked), "{}", player.name);
        }
    }

    /// Every answer that is kept comes again, byte for byte, from whichever server is asked.
    async fn answers_come_again(&self, addresses: &[String]) {
        let every = self.lines.len().div_ceil(REPLAYS).max(1);
        stream::iter(self.lines.iter().step_by(every))
            .for_each_concurrent(AT_ONCE, |line| async move {
                let again = self.players[line.player].insist(addresses, &line.key, &line.body).await;
                match (line.answer.as_ref().unwrap(), &again) {
                    (Answer::Accepted { receipt, .. }, Answer::Accepted { receipt: told, replayed }) => {
                        assert_eq!((receipt, true), (told, *replayed), "{}", line.key);
                    }
                    (first, again) => assert_eq!(first, again, "{}", line.key),
                }
            })
            .await;
    }
}
