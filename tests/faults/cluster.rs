//! A Redis Cluster under the house that loses a node: what the others have is sold.

use crate::load::Load;
use crate::stage::Stage;
use overround_testkit::TestCluster;

#[tokio::test]
async fn a_cluster_loses_a_node_and_gets_it_back() {
    let mut cluster = TestCluster::start().await;
    let stage = Stage::over(cluster.url(), 2).await;
    let load = Load::start(&stage, 44).await;
    for node in 0..2 {
        cluster.nodes[node].kill();
        // Bets on its markets are not, those on the others' are.
        load.until_taken().await;
        cluster.nodes[node].start_again().await;
        cluster.until_whole().await;
        load.until_taken().await;
    }
    load.stop().await.holds_true(&stage).await;
}
