//! README's own commands, run as they stand there by the built binary: a README that is not true fails.

use crate::cli::{Binary, Running};
use overround_testkit::recordings;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// What is done with a command of README.
enum How {
    /// Run to its end, which must be a good one.
    Run,
    /// The same with these words added, so that it takes seconds.
    Briefly(&'static str),
    /// The same, where the recordings are.
    Replay(&'static str),
    /// Started with these words added, until it has said this; then ended by a signal.
    Until(&'static str, &'static str),
    /// Not run, and why.
    Not(&'static str),
}
use How::{Briefly, Not, Replay, Run, Until};

/// Every command of README.
const COMMANDS: [(&str, How); 14] = [
    ("./dev up", Briefly("--listen 127.0.0.1:0 --seed 1 --matches 1 --match-seconds 2")),
    ("./dev test", Not("it runs this test")),
    ("./dev simulate --seed 7", Briefly("--matches 1 --players 4 --bets 40")),
    (
        "./dev replay ../shared/data/betfair-stream/29788105-tennis-match-odds.jsonl",
        Replay("--players 4 --bets 20"),
    ),
    ("./dev doctor", Run),
    ("./dev config", Run),
    ("./dev openapi >openapi.json", Run),
    (
        "./dev psql -c 'SELECT status, count(*) FROM betting.bets GROUP BY status'",
        Not("it opens the private database, which the tests leave alone"),
    ),
    ("./dev down", Run),
    ("./dev help", Run),
    ("overround migrate", Run),
    ("overround serve", Until("--listen 127.0.0.1:0", "serving")),
    ("overround work", Until("", "working")),
    ("overround doctor", Run),
];

/// Where README says that the API is.
const ADDRESS: &str = "http://127.0.0.1:8080";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The ```sh blocks of README.
fn blocks() -> Vec<String> {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let parts = readme.split("```sh\n").skip(1);
    parts.map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

/// The block that is a script: the first bet.
fn is_script(block: &str) -> bool {
    block.starts_with("API=")
}

/// A folder like that of the project, in which `./dev` and `overround` are the built binary.
fn project(binary: &Binary) -> PathBuf {
    let call = binary.command(&[]);
    let (program, home) = (call.get_program().to_str().unwrap(), call.get_current_dir().unwrap());
    let folder = home.join("main");
    std::fs::create_dir_all(&folder).unwrap();
    let script = format!(
        "#!/bin/sh\ncase $1 in\n  down) set -- runtime down ;;\n  psql) shift && set -- runtime psql -- \"$@\" ;;\nesac\n\
         exec '{program}' \"$@\"\n"
    );
    // What the real one does with its words.
    let dev = std::fs::read_to_string(root().join("dev")).unwrap();
    for case in [
        "down) overround runtime down",
        "psql) shift && overround runtime psql -- \"$@\"",
        "*) overround \"$@\"",
    ] {
        assert!(dev.contains(case), "`dev` does not hand over as this test does: {case}");
    }
    let path = folder.join("dev");
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    if let Some(found) = recordings() {
        std::fs::create_dir_all(home.join("shared/data")).unwrap();
        symlink(found, home.join("shared/data/betfair-stream")).unwrap();
    }
    folder
}

/// A script run in that folder over the binary's datastores.
fn shell(binary: &Binary, folder: &Path, script: &str) -> Command {
    let call = binary.command(&[]);
    let programs = Path::new(call.get_program()).parent().unwrap().display().to_string();
    let mut command = Command::new("bash");
    for (name, value) in call.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
        .env("PATH", format!("{programs}:{}", std::env::var("PATH").unwrap()))
        .env("NO_PROXY", "127.0.0.1");
    command.args(["-euo", "pipefail", "-c", script]).current_dir(folder);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[track_caller]
fn ends_well(mut command: Command, what: &str) -> String {
    let output = command.output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "README: `{what}` ended with {}\n{stdout}\n{stderr}", output.status);
    stdout.into_owned()
}

/// The first line with these words. A started process that ends without them fails the test.
#[track_caller]
fn line_with(reader: &mut impl BufRead, words: &str) -> String {
    let mut read = String::new();
    for line in reader.lines() {
        let line = line.unwrap();
        if line.contains(words) {
            return line;
        }
        read.push_str(&line);
        read.push('\n');
    }
    panic!("{words:?} was not said:\n{read}")
}

/// Ends it as a service manager does; it must end well.
#[track_caller]
fn terminate(running: &mut Running, what: &str) {
    let pid = running.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let status = running.0.wait().unwrap();
    assert!(status.success(), "README: `{what}` ended with {status}");
}

fn until_said(command: Command, words: &str, what: &str) {
    let mut running = Running::start(command);
    let mut stderr = BufReader::new(running.0.stderr.take().unwrap());
    line_with(&mut stderr, words);
    // It listens to signals from the next moment on.
    std::thread::sleep(Duration::from_millis(200));
    let rest = std::thread::spawn(move || stderr.read_to_end(&mut Vec::new()));
    terminate(&mut running, what);
    rest.join().unwrap().unwrap();
}

#[test]
fn every_command_of_readme_is_in_the_table_and_no_other() {
    let mut named: Vec<String> = Vec::new();
    for block in blocks().iter().filter(|block| !is_script(block)) {
        for line in block.lines().filter(|line| !line.is_empty()) {
            assert!(
                line.starts_with("./dev ") || line.starts_with("overround "),
                "README's line `{line}` is no command that a test could run: put it into a ```text block"
            );
            named.push(line.to_owned());
        }
    }
    for line in &named {
        assert!(
            COMMANDS.iter().any(|(command, _)| command == line),
            "README's `{line}` is new: say in COMMANDS how it is run"
        );
    }
    for (command, _) in &COMMANDS {
        let inline =
            std::fs::read_to_string(root().join("README.md")).unwrap().contains(&format!("`{command}`"));
        assert!(named.iter().any(|line| line == command) || inline, "README has no `{command}` any more");
    }
}

#[tokio::test]
async fn the_commands_of_readme_do_what_they_should() {
    let binary = Binary::new().await;
    let folder = project(&binary);
    for (command, how) in &COMMANDS {
        match how {
            Run => {
                ends_well(shell(&binary, &folder, command), command);
            }
            Briefly(words) => {
                ends_well(shell(&binary, &folder, &format!("{command} {words}")), command);
            }
            // Without recordings `recordings` has said so.
            Replay(words) if folder.parent().unwrap().join("shared").exists() => {
                ends_well(shell(&binary, &folder, &format!("{command} {words}")), command);
            }
            Replay(_) => {}
            Until(words, said) => {
                until_said(shell(&binary, &folder, &format!("exec {command} {words}")), said, command);
            }
            Not(why) => assert!(!why.is_empty()),
        }
    }
}

#[tokio::test]
async fn the_first_bet_of_readme_is_taken() {
    let script = blocks().into_iter().find(|block| is_script(block));
    let script = script.expect("README has a ```sh block that begins with API=");
    let binary = Binary::new().await;
    let folder = project(&binary);
    let up = "./dev up --listen 127.0.0.1:0 --seed 1 --players 2 --matches 1 --match-seconds 300";
    let mut running = Running::start(shell(&binary, &folder, &format!("exec {up}")));
    let mut stdout = BufReader::new(running.0.stdout.take().unwrap());
    let told = line_with(&mut stdout, "API ");
    let address = told.split_whitespace().nth(1).unwrap().trim_end_matches("/v1").to_owned();
    assert!(script.contains(ADDRESS), "the script asks {ADDRESS}");
    let script = script.replace(ADDRESS, &address);
    // Its first two lines say where the API is and who asks.
    let asks: Vec<&str> = script.lines().take(2).collect();
    let on_sale = "until curl -sf -H \"$ME\" \"$API/markets?status=OPEN\" | grep -q mkt_; do sleep 0.1; done";
    ends_well(shell(&binary, &folder, &format!("{}\n{on_sale}", asks.join("\n"))), on_sale);
    let answers = ends_well(shell(&binary, &folder, &script), "the first bet");
    for words in ["\"acceptance\":\"ACCEPTED\"", "\"held_cents\":500", "\"type\":\"HOLD\""] {
        assert!(answers.contains(words), "{words} is missing in {answers}");
    }
    let rest = std::thread::spawn(move || stdout.read_to_end(&mut Vec::new()));
    terminate(&mut running, up);
    rest.join().unwrap().unwrap();
}
