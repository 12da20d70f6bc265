//! A Valkey with a replica that lags when it takes over: what the house has shown since is not taken back.

use crate::load::Load;
use crate::proxy::Proxy;
use crate::readers::Watch;
use crate::stage::Stage;
use crate::until;
use overround_testkit::TestValkey;

/// How many versions the replica misses at least.
const MISSED: i64 = 20;

#[tokio::test]
async fn a_replica_that_lags_takes_over() {
    let (mut primary, replica) = (TestValkey::start(&[]).await, TestValkey::start(&[]).await);
    // Replication has a way of its own, and the house an address that will lead to the other.
    let (link, address) = (Proxy::to(primary.port()).await, Proxy::to(primary.port()).await);
    replica.command::<()>(&["REPLICAOF", "127.0.0.1", &link.port().to_string()]).await;
    let stage = Stage::over(address.redis_url(), 2).await;
    let load = Load::start(&stage, 41).await;
    let watch = Watch::start(&stage).await;
    until("the replica follows", async || {
        let said: String = replica.command(&["INFO", "replication"]).await;
        said.contains("master_link_status:up")
    })
    .await;
    watch.all_see_more().await;

    link.lead_to(0);
    let lags_from = watch.highest();
    until("the replica misses versions", async || watch.highest() >= lags_from + MISSED).await;
    primary.kill();
    let before = watch.counts("stale");
    load.until_unanswered(10).await;
    watch.all_told_stale(before).await;
    replica.command::<()>(&["REPLICAOF", "NO", "ONE"]).await;
    address.lead_to(replica.port());

    watch.all_see_more().await;
    load.until_taken().await;
    watch.end(&stage).await;
    load.stop().await.holds_true(&stage).await;
}
