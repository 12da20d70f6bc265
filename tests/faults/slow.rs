//! A Valkey that is slow, or whose connections are cut or go dead without a word.

use crate::load::Load;
use crate::proxy::Proxy;
use crate::readers::Watch;
use crate::stage::Stage;
use crate::until;
use overround_testkit::TestValkey;
use std::time::Duration;

/// What is waited for, and what is not: Redis has 500 ms to answer.
const SLOW: Duration = Duration::from_millis(300);
const TOO_SLOW: Duration = Duration::from_millis(700);
/// How often the connections that hear are cut.
const CUTS: usize = 5;

#[tokio::test]
async fn a_slow_valkey() {
    let valkey = TestValkey::start(&[]).await;
    let proxy = Proxy::to(valkey.port()).await;
    let mut stage = Stage::over(proxy.redis_url(), 2).await;
    let load = Load::start(&stage, 42).await;
    let watch = Watch::start(&stage).await;

    // Bets and versions take longer, and are taken.
    proxy.delay(SLOW);
    load.until_some_taken(20).await;
    watch.all_see_more().await;

    // Nobody waits so long: no bet is taken, and readers are told.
    let before = watch.counts("stale");
    proxy.delay(TOO_SLOW);
    load.until_unanswered(20).await;
    watch.all_told_stale(before).await;

    proxy.delay(Duration::ZERO);
    load.until_taken().await;
    watch.all_see_more().await;
    assert!(stage.servers.iter_mut().all(|server| server.runs()));
    watch.end(&stage).await;
    load.stop().await.holds_true(&stage).await;
}

#[tokio::test]
async fn connections_to_valkey_that_go_dead_without_a_word() {
    let valkey = TestValkey::start(&[]).await;
    let proxy = Proxy::to(valkey.port()).await;
    let stage = Stage::over(proxy.redis_url(), 2).await;
    let load = Load::start(&stage, 43).await;
    let watch = Watch::start(&stage).await;
    for _ in 0..2 {
        proxy.silence();
        load.until_unanswered(1).await;
        // They are given up, and others made.
        load.until_taken().await;
        watch.all_see_more().await;
    }
    watch.end(&stage).await;
    load.stop().await.holds_true(&stage).await;
}

/// Readers are sent every version all the same: what is published meanwhile is read from the market's history.
#[tokio::test]
async fn the_connections_that_hear_are_cut() {
    let valkey = TestValkey::start(&[]).await;
    let stage = Stage::over(valkey.url(), 2).await;
    let watch = Watch::start(&stage).await;
    let before = (watch.counts("reset"), watch.counts("conflated"));
    for _ in 0..CUTS {
        // Each process has one, and makes another.
        let mut cut = 0;
        until("both connections are cut", async || {
            cut += valkey.command::<usize>(&["CLIENT", "KILL", "TYPE", "pubsub"]).await;
            cut >= 2
        })
        .await;
        watch.all_see_more().await;
    }
    assert_eq!((watch.counts("reset"), watch.counts("conflated")), before, "a version was missed");
    watch.end(&stage).await;
    stage.is_sound();
}
