//! A Redis database for one test.

use crate::{done, required, with_database};

/// The URL of a numbered Redis database that is empty and that no other running test has. Numbers go
/// round: the server of the tests has 1024 of them.
///
/// # Panics
/// When the server cannot be reached.
pub async fn redis_url() -> String {
    let base = required("OVERROUND_TEST_REDIS_URL");
    let mut first = connect(&with_database(&base, "0")).await;
    let (_, databases): (String, u64) = done(
        "count the Redis databases",
        redis::cmd("CONFIG").arg("GET").arg("databases").query_async(&mut first).await,
    );
    let count: u64 = done(
        "take a Redis database",
        redis::cmd("INCR").arg("overround:tests:databases_taken").query_async(&mut first).await,
    );
    let url = with_database(&base, &(1 + count % (databases - 1)).to_string());
    let mut own = connect(&url).await;
    done("empty a Redis database", redis::cmd("FLUSHDB").query_async::<()>(&mut own).await);
    url
}

async fn connect(url: &str) -> redis::aio::MultiplexedConnection {
    let client = done("read the Redis URL", redis::Client::open(url));
    done("connect to Redis", client.get_multiplexed_async_connection().await)
}
