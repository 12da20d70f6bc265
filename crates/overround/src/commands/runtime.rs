//! `runtime`: the embedded servers for other programs.

use crate::cli::{ProfileName, RuntimeAction};
use crate::config::Config;
use crate::failure::Failure;
use crate::stores::embedded;
use crate::{out, signals};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use overround_embedded::{Options, Profile, Runtime, Urls, down};
use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, ExitStatus};
use tokio::process::{Child, Command};

/// Does it.
///
/// # Errors
/// When the servers or the command cannot be started.
pub async fn runtime(config: &Config, action: RuntimeAction) -> Result<ExitCode, Failure> {
    match action {
        RuntimeAction::Exec { profile, command } => exec(config, profile, &command).await,
        RuntimeAction::Psql { arguments } => psql(config, &arguments).await,
        RuntimeAction::Down => {
            let ended = down(&config.state_dir).await.map_err(|error| embedded(&error))?;
            let names: Vec<&str> = ended.iter().map(|profile| profile.name()).collect();
            out::line(if names.is_empty() {
                "nothing was running".to_owned()
            } else {
                format!("ended {}", names.join(", "))
            });
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn exec(config: &Config, profile: ProfileName, words: &[OsString]) -> Result<ExitCode, Failure> {
    let Some((program, arguments)) = words.split_first() else {
        return Err(Failure::usage("no command", "name one after `--`"));
    };
    let runtime = start(config, profile).await?;
    let mut command = Command::new(program);
    command.args(arguments).envs(variables(profile, runtime.urls()));
    let ended = attended(&mut command).await;
    stop(runtime).await;
    ended
}

async fn psql(config: &Config, arguments: &[OsString]) -> Result<ExitCode, Failure> {
    let runtime = start(config, ProfileName::Durable).await?;
    let mut command = runtime.psql();
    command.args(arguments);
    let ended = attended(&mut command).await;
    stop(runtime).await;
    ended
}

async fn start(config: &Config, profile: ProfileName) -> Result<Runtime, Failure> {
    let profile = match profile {
        ProfileName::Durable => Profile::Durable,
        ProfileName::Test => Profile::Test,
    };
    let options = Options { state_dir: config.state_dir.clone(), profile };
    Runtime::start(options).await.map_err(|error| embedded(&error))
}

async fn stop(runtime: Runtime) {
    if let Err(error) = runtime.stop().await {
        tracing::warn!(%error, "the embedded servers did not end; `overround runtime down` ends them");
    }
}

fn variables(profile: ProfileName, urls: &Urls) -> Vec<(&'static str, String)> {
    match profile {
        ProfileName::Durable => vec![
            ("OVERROUND_DATABASE_URL", urls.app.clone()),
            ("OVERROUND_OWNER_DATABASE_URL", urls.owner.clone()),
            ("OVERROUND_KEEPER_DATABASE_URL", urls.keeper.clone()),
            ("OVERROUND_REDIS_URL", urls.redis.clone()),
        ],
        ProfileName::Test => vec![
            ("OVERROUND_TEST_ADMIN_URL", urls.admin.clone()),
            ("OVERROUND_TEST_REDIS_URL", urls.redis.clone()),
        ],
    }
}

/// Runs a command to its end. A signal to end is passed on, and its end still awaited.
async fn attended(command: &mut Command) -> Result<ExitCode, Failure> {
    let program = command.as_std().get_program().display().to_string();
    let failed = |error: std::io::Error| {
        Failure::usage(
            format!("{program} cannot be run: {error}"),
            "check its name and whether it is installed",
        )
    };
    let mut child = command.spawn().map_err(failed)?;
    loop {
        tokio::select! {
            status = child.wait() => return status.map(code).map_err(failed),
            () = signals::next() => pass_on(&child),
        }
    }
}

fn pass_on(child: &Child) {
    // On Ctrl-C a terminal has told the child already; being told twice to end changes nothing.
    if let Some(pid) = child.id().and_then(|id| i32::try_from(id).ok()) {
        let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
    }
}

fn code(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}
