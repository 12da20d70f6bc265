//! The embedded servers: joined, counted, ended, and whole again after a kill.

use overround_embedded::{Profile, Stopped, Urls, down};
use overround_testkit::StateFolder;
use sqlx::{Connection, Executor, PgConnection};
use std::path::Path;
use std::time::{Duration, Instant};

async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url).await.unwrap()
}

async fn valkey_answers(urls: &Urls) -> bool {
    let client = redis::Client::open(urls.redis.as_str()).unwrap();
    client.get_multiplexed_async_connection().await.is_ok()
}

async fn both_answer(urls: &Urls) -> bool {
    PgConnection::connect(&urls.app).await.is_ok() && valkey_answers(urls).await
}

fn kill_hard(id: i32) {
    assert!(std::process::Command::new("kill").args(["-9", &id.to_string()]).status().unwrap().success());
    let deadline = Instant::now() + Duration::from_secs(10);
    while Path::new("/proc").join(id.to_string()).exists() {
        assert!(Instant::now() < deadline, "{id} outlives SIGKILL");
        std::thread::yield_now();
    }
}

#[tokio::test]
async fn the_second_start_joins_and_the_last_stop_ends() {
    let folder = StateFolder::new().await;
    let first = folder.start(Profile::Test).await;
    let second = folder.start(Profile::Test).await;
    assert_eq!((first.joined(), first.shared()), (false, false));
    assert_eq!((second.joined(), second.shared()), (true, true));
    let urls = second.urls().clone();
    assert_eq!(&urls, first.urls());
    assert_eq!(first.stop().await.unwrap(), Stopped::StillUsed);
    assert!(both_answer(&urls).await);
    assert_eq!(second.stop().await.unwrap(), Stopped::Ended);
    assert!(PgConnection::connect(&urls.app).await.is_err());
    assert!(!valkey_answers(&urls).await);
}

#[tokio::test]
async fn a_killed_user_leaves_the_servers_to_the_next() {
    let folder = StateFolder::new().await;
    let killed = folder.start(Profile::Test).await;
    let urls = killed.urls().clone();
    // What the system does with a killed process's locks happens here too: they are let go.
    drop(killed);
    let next = folder.start(Profile::Test).await;
    assert_eq!((next.joined(), next.shared()), (true, false));
    assert_eq!(next.urls(), &urls);
    assert_eq!(next.stop().await.unwrap(), Stopped::Ended);
}

#[tokio::test]
async fn a_killed_postgresql_comes_back_with_what_was_committed() {
    let folder = StateFolder::new().await;
    let runtime = folder.start(Profile::Durable).await;
    let mut owner = connect(&runtime.urls().owner).await;
    owner.execute("CREATE SCHEMA kept").await.unwrap();
    owner.execute("CREATE TABLE kept.rows AS SELECT 42 AS n").await.unwrap();
    drop(runtime);
    kill_hard(folder.postgres(Profile::Durable));
    let next = folder.start(Profile::Durable).await;
    assert!(!next.joined());
    let mut owner = connect(&next.urls().owner).await;
    let kept: i32 = sqlx::query_scalar("SELECT n FROM kept.rows").fetch_one(&mut owner).await.unwrap();
    assert_eq!(kept, 42);
    next.stop().await.unwrap();
}

#[tokio::test]
async fn a_stale_pid_file_that_names_a_stranger_stops_nothing() {
    let folder = StateFolder::new().await;
    folder.start(Profile::Test).await.stop().await.unwrap();
    let mut stranger = std::process::Command::new("sleep").arg("600").spawn().unwrap();
    let data = folder.state_dir().join("test/postgres/data");
    let stale = format!("{}\n{}\n1\n5432\n\n127.0.0.1\n\nready\n", stranger.id(), data.display());
    std::fs::write(data.join("postmaster.pid"), stale).unwrap();
    let runtime = folder.start(Profile::Test).await;
    assert!(!runtime.joined() && both_answer(runtime.urls()).await);
    runtime.stop().await.unwrap();
    assert!(stranger.try_wait().unwrap().is_none(), "the stranger was ended");
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

#[tokio::test]
async fn down_ends_what_runs_and_keeps_the_data() {
    let folder = StateFolder::new().await;
    let runtime = folder.start(Profile::Test).await;
    let urls = runtime.urls().clone();
    assert_eq!(down(&folder.state_dir()).await.unwrap(), [Profile::Test]);
    assert!(!both_answer(&urls).await);
    assert!(down(&folder.state_dir()).await.unwrap().is_empty());
    drop(runtime);
    let again = folder.start(Profile::Test).await;
    // Same passwords: the database was kept, not made anew.
    assert!(both_answer(again.urls()).await && again.urls().owner.contains(password(&urls.owner)));
    again.stop().await.unwrap();
}

fn password(url: &str) -> &str {
    url.split("://").nth(1).unwrap().split('@').next().unwrap().split(':').nth(1).unwrap()
}

#[tokio::test]
async fn each_login_has_its_own_password_and_only_its_rights() {
    let folder = StateFolder::new().await;
    let runtime = folder.start(Profile::Durable).await;
    let urls = runtime.urls().clone();
    let borrowed = urls.owner.replace(password(&urls.owner), password(&urls.app));
    assert!(PgConnection::connect(&borrowed).await.is_err());
    for (url, makes_schemas) in [(&urls.owner, true), (&urls.app, false), (&urls.keeper, false)] {
        let mut login = connect(url).await;
        let superuser: String = sqlx::query_scalar("SHOW is_superuser").fetch_one(&mut login).await.unwrap();
        assert_eq!(superuser, "off");
        let made = login.execute("CREATE SCHEMA made_by_test; DROP SCHEMA made_by_test").await;
        assert_eq!(made.is_ok(), makes_schemas, "{made:?}");
    }
    runtime.stop().await.unwrap();
}

#[tokio::test]
async fn passwords_stand_in_no_log_and_in_no_argument() {
    let folder = StateFolder::new().await;
    let runtime = folder.start(Profile::Test).await;
    let urls = runtime.urls().clone();
    let secrets = [&urls.owner, &urls.app, &urls.keeper, &urls.admin].map(|url| password(url).to_owned());
    let state = folder.state_dir().join("test");
    let logs =
        ["postgres/postgres.log", "valkey/valkey.log"].map(|log| std::fs::read(state.join(log)).unwrap());
    let arguments = std::fs::read_dir("/proc").unwrap().flatten();
    let arguments = arguments.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    for text in logs.into_iter().chain(arguments) {
        let text = String::from_utf8_lossy(&text);
        assert!(secrets.iter().all(|secret| !text.contains(secret.as_str())), "{text}");
    }
    assert!(!format!("{runtime:?}").contains(&secrets[0]));
    runtime.stop().await.unwrap();
}

#[tokio::test]
async fn the_servers_are_set_up_as_the_lanes_need_them() {
    let folder = StateFolder::new().await;
    let runtime = folder.start(Profile::Durable).await;
    let mut app = connect(&runtime.urls().app).await;
    let expected = [
        ("max_pred_locks_per_relation", "4096"),
        ("max_pred_locks_per_page", "256"),
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("listen_addresses", "127.0.0.1"),
        ("password_encryption", "scram-sha-256"),
    ];
    for (name, value) in expected {
        let found: String =
            sqlx::query_scalar("SELECT current_setting($1)").bind(name).fetch_one(&mut app).await.unwrap();
        assert_eq!(found, value, "{name}");
    }
    let socket = std::fs::metadata(folder.state_dir().join("durable/postgres/socket")).unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&socket.permissions()) & 0o777, 0o700);
    runtime.stop().await.unwrap();
}
