//! What is in the tables before anything is measured: funded accounts, and bets by the million.

use super::workload::{Draw, Shape, Workload};
use crate::compose::use_case;
use crate::failure::{Failure, chain};
use crate::out;
use futures::{StreamExt, TryStreamExt, stream};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use overround_api::user_id_of;
use overround_app::{App, Error, Keyed, Movement};
use overround_domain::ids::{AccountId, UserId};
use overround_domain::money::{Cents, Currency};
use overround_store::{Pool, bench};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// Who opens and funds the accounts.
const ACTOR: &str = "bench";
/// What each account is funded with: more than all bets of a hot account in any run.
const DEPOSIT: Cents = Cents::new(1_000_000_000_000);
/// So many accounts are opened at once.
const OPENED_AT_ONCE: usize = 16;
/// So many bets wait in the lanes while the tables are filled.
const FILLERS: i64 = 512;
/// How long one command may take.
const COMMAND_MAX: Duration = Duration::from_secs(30);

/// A request of ours, safe to repeat under its key.
pub fn keyed(key: String) -> Keyed {
    let digest = Sha256::digest(&key);
    Keyed {
        request_hash: digest.into(),
        trace_id: digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect(),
        deadline: Instant::now() + COMMAND_MAX,
        key,
    }
}

/// The funding of an account, or a posting like it.
pub fn credit(amount: Cents) -> Movement {
    Movement { amount, currency: Currency::EUR, author: ACTOR.to_owned(), reason: "benchmark".to_owned() }
}

/// So many funded accounts with their logins, opened where they are missing.
///
/// # Errors
/// When they cannot be read, opened or funded.
pub async fn accounts(
    app: &App,
    pool: &Pool,
    issuer: &str,
    count: u32,
) -> Result<Vec<(String, AccountId)>, Failure> {
    let logins: Vec<String> = (0..count).map(|index| format!("bench-{index}")).collect();
    let users: Vec<UserId> = logins.iter().map(|login| user_id_of(issuer, login)).collect();
    let known = bench::accounts_of(pool, &users).await.map_err(|error| unreadable(&error))?;
    let opened = stream::iter(logins.into_iter().zip(users)).map(async |(login, user)| {
        let account = match known.get(&user) {
            Some((account, true)) => *account,
            Some((account, false)) => fund(app, *account).await?,
            None => {
                let opened =
                    app.open_account(ACTOR, keyed(format!("open {login}")), user, Currency::EUR).await;
                fund(app, opened.map_err(|error| use_case("opening an account", &error))?.value.id).await?
            }
        };
        Ok((login, account))
    });
    opened.buffered(OPENED_AT_ONCE).try_collect().await
}

async fn fund(app: &App, account: AccountId) -> Result<AccountId, Failure> {
    let funded = app.credit(account, keyed("bench fund".to_owned()), credit(DEPOSIT)).await;
    funded.map_err(|error| use_case("funding an account", &error))?;
    Ok(account)
}

/// Places bets through the lanes of this process until there are `wanted`; whether any were missing.
///
/// # Errors
/// When a bet is refused or PostgreSQL fails.
pub async fn bets(app: &App, pool: &Pool, workload: &Arc<Workload>, wanted: i64) -> Result<bool, Failure> {
    let there = count(pool).await?;
    let missing = wanted - there;
    if missing <= 0 {
        return Ok(false);
    }
    out::note(format!("filling the tables: {missing} bets, once"));
    let bar = Arc::new(progress(missing));
    let left = Arc::new(AtomicI64::new(missing));
    let mut fillers = JoinSet::new();
    for index in 0..FILLERS.min(missing) {
        let shape = Shape { hot: false, legs: 1 };
        let draw = Draw::new(workload, shape, None, u64::MAX, index.unsigned_abs());
        fillers.spawn(filler(app.clone(), draw, Arc::clone(&left), Arc::clone(&bar)));
    }
    while let Some(ended) = fillers.join_next().await {
        ended.map_err(|error| Failure::failed(error, "report it"))??;
    }
    bar.finish_and_clear();
    Ok(true)
}

/// How many bets there are.
///
/// # Errors
/// When PostgreSQL fails.
pub async fn count(pool: &Pool) -> Result<i64, Failure> {
    bench::bets(pool).await.map_err(|error| unreadable(&error))
}

async fn filler(
    app: App,
    mut draw: Draw,
    left: Arc<AtomicI64>,
    bar: Arc<ProgressBar>,
) -> Result<(), Failure> {
    while left.fetch_sub(1, Ordering::Relaxed) > 0 {
        let Some((account, key, bet)) = draw.command() else { return Ok(()) };
        loop {
            match app.place_bet(account, keyed(key.to_string()), bet.clone()).await {
                Ok(_) => break,
                Err(Error::Unavailable { .. }) => sleep(Duration::from_millis(50)).await,
                Err(error) => return Err(use_case("filling the tables", &error)),
            }
        }
        bar.inc(1);
    }
    Ok(())
}

fn progress(bets: i64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(bets.unsigned_abs()), ProgressDrawTarget::hidden());
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} bets, {per_sec}, {eta} left") {
        bar.set_style(style);
    }
    if out::watched() {
        bar.set_draw_target(ProgressDrawTarget::stderr());
    }
    bar
}

fn unreadable(error: &overround_store::Error) -> Failure {
    Failure::failed(
        format!("the benchmark's tables cannot be read: {}", chain(error)),
        "see whether PostgreSQL still runs",
    )
}
