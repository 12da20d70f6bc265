//! One live match: its messages at their times, players who bet, a running summary, and the balance.

use crate::cli::Up;
use crate::commands::doctor;
use crate::drive::{Bets, Driver, Mismatches, match_seed};
use crate::failure::Failure;
use crate::out;
use crate::report::money;
use overround_domain::time::Timestamp;
use overround_feed::simulator::Simulator;
use overround_store::Pool;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};

/// How often the running summary is printed.
const SUMMARY_EVERY: Duration = Duration::from_secs(4);
/// How many bets a player tries in a match.
const BETS_A_PLAYER: u64 = 12;
/// How often it is looked whether the workers have paid a match, and how long lies between. Looking
/// itself may take long, while a datastore is away.
const PAY_LOOKS_MAX: u32 = 150;
const PAY_LOOK: Duration = Duration::from_millis(200);

/// Plays one match on the system's clock.
///
/// # Errors
/// When a part failed, or the books do not balance.
pub async fn play_match(
    driver: &mut Driver,
    pool: &Pool,
    options: &Up,
    seed: u64,
    number: u32,
) -> Result<(), Failure> {
    let (seed, sport) = (match_seed(seed, number), options.sport.into());
    let now: Timestamp = chrono::Utc::now().into();
    let length =
        Simulator::new(sport, seed, now).last().map_or(1, |last| last.at.millis() - now.millis()).max(1);
    let messages = Simulator::new(sport, seed, now).count() as u64;
    driver.begin(seed, u64::from(options.players) * BETS_A_PLAYER, messages, 1);
    let began = Instant::now();
    let real = Duration::from_secs(options.match_seconds);
    let mut simulator = Simulator::new(sport, seed, now);
    out::line(format!("match {}: {simulator}", number + 1));
    let mut told = Instant::now();
    while let Some(item) = simulator.next() {
        let share = (item.at.millis() - now.millis()) as f64 / length as f64;
        sleep_until(began + real.mul_f64(share.clamp(0.0, 1.0))).await;
        if let Some(headline) = &item.headline {
            out::line(format!("{} {headline}", clock()));
        }
        driver.apply(chrono::Utc::now().into(), item).await?;
        driver.heartbeat().await?;
        driver.play().await?;
        if told.elapsed() >= SUMMARY_EVERY {
            told = Instant::now();
            driver.read_bets().await?;
            out::line(format!("{} {}  {}", clock(), simulator, running(&driver.tally().bets())));
        }
    }
    paid(driver).await?;
    summary(driver, pool, &simulator).await
}

/// Waits until the settler has paid every bet of the match.
async fn paid(driver: &mut Driver) -> Result<(), Failure> {
    for _ in 0..PAY_LOOKS_MAX {
        driver.read_bets().await?;
        if driver.tally().bets().open == 0 {
            return Ok(());
        }
        sleep(PAY_LOOK).await;
    }
    Err(Failure::failed(
        format!("{} bets of the match are not paid", driver.tally().bets().open),
        "look at the settler's log lines; `overround doctor` says whether the data is sound",
    ))
}

async fn summary(driver: &Driver, pool: &Pool, simulator: &Simulator) -> Result<(), Failure> {
    let bets = driver.tally().bets();
    let doctor = doctor::examine(pool).await?;
    let Mismatches { wrong, anothers } = driver.mismatches();
    let wrong: Vec<String> = wrong.into_iter().chain(driver.tally().surprises()).collect();
    let books = if doctor.ok { "books balanced" } else { "BOOKS BROKEN" };
    out::line(format!(
        "finished: {}\n  {} bets settled: {} won, {} lost, {} void, {} partial; {} refused\n  \
         handle {}, payouts {}, GGR {}; {} of {} markets settled; {books} ({} invariants)",
        simulator,
        bets.settled,
        bets.won,
        bets.lost,
        bets.void,
        bets.partial,
        bets.refused.values().sum::<u64>(),
        money(bets.handle_cents),
        money(bets.payout_cents),
        money(bets.ggr_cents()),
        driver.markets_settled(),
        driver.markets(),
        doctor.invariants.len(),
    ));
    if let Some(one) = anothers.first() {
        // The books are as right as ever: only the simulator's word was not the last one.
        out::note(format!(
            "{} markets got their results from somebody else, and bets on them returned otherwise than the \
             match says; for one, a bet {one}",
            driver.markets_of_another()
        ));
    }
    doctor.verdict()?;
    match wrong.first() {
        None => Ok(()),
        Some(one) => Err(Failure::failed(
            one,
            "report it with this line; `overround doctor` says whether the data is sound",
        )),
    }
}

fn running(bets: &Bets) -> String {
    format!(
        "bets {} taken, {} refused, {} open; handle {}, held {}",
        bets.accepted,
        bets.refused.values().sum::<u64>(),
        bets.open,
        money(bets.handle_cents),
        money(bets.held_cents),
    )
}

fn clock() -> String {
    chrono::Utc::now().format("%H:%M:%S").to_string()
}
