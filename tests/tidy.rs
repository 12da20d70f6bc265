//! Checks of the tree itself: who depends on whom, what files are called and how long they are, and
//! whether what Markdown says of the tree is true. Each failure says what to do.

use overround_domain::invariants::INVARIANTS;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use toml::Table;

/// Which of the workspace's crates each may depend on, test dependencies included. ARCHITECTURE.md says why.
const MAY_DEPEND_ON: [(&str, &[&str]); 12] = [
    ("domain", &[]),
    ("store", &["domain"]),
    ("live", &["domain"]),
    ("feed", &["domain"]),
    ("adapters", &["domain", "feed"]),
    ("app", &["domain", "store", "live"]),
    ("workers", &["app"]),
    ("api", &["app", "domain"]),
    ("embedded", &[]),
    ("overround", &["domain", "store", "live", "feed", "adapters", "app", "workers", "api", "embedded"]),
    ("testkit", &["domain", "store", "live", "app", "api", "embedded"]),
    (
        "tests",
        &["domain", "store", "live", "feed", "adapters", "app", "workers", "api", "embedded", "testkit"],
    ),
];

/// Crates from outside that only some of ours may name, and who.
const KEPT_TO: [(&str, &[&str]); 3] = [
    ("sqlx", &["store", "embedded", "testkit", "tests"]),
    ("redis", &["live", "embedded", "testkit", "tests"]),
    ("axum", &["api"]),
];

/// What makes a crate impure: not for `domain`.
const IMPURE: [&str; 8] = ["tokio", "futures", "rand", "reqwest", "sqlx", "redis", "axum", "tracing"];

/// How long a Rust file may be.
const LINES_MAX: usize = 450;

/// Names that look like paths of the tree and are made when it is used, or lie beside it.
const NOT_IN_THE_TREE: [&str; 4] = ["overround.toml", ".overround", "target", "../shared/data"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every file of the tree by its path from the root, but for what is built or fetched.
fn files() -> Vec<String> {
    let (root, mut found) = (root(), Vec::new());
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
            match path.is_dir() {
                true if ["target", ".overround", ".git"].contains(&name.as_str()) => {}
                true => folders.push(path),
                false => found.push(name),
            }
        }
    }
    found.sort();
    found
}

fn with_extension(extension: &str) -> Vec<String> {
    files().into_iter().filter(|file| file.ends_with(extension)).collect()
}

fn read(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

#[track_caller]
fn none(wrong: Vec<String>) {
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Each crate's short name and the names of all that its Cargo.toml depends on.
fn crates() -> Vec<(String, BTreeSet<String>)> {
    let manifests = with_extension("Cargo.toml").into_iter().filter(|file| file != "Cargo.toml");
    let named = manifests.map(|manifest| {
        let table: Table = read(&manifest).parse().unwrap();
        let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
        let tables = kinds.iter().filter_map(|kind| table.get(*kind)?.as_table());
        (short(table["package"]["name"].as_str().unwrap()), tables.flat_map(Table::keys).cloned().collect())
    });
    named.collect()
}

/// A crate's name as its folder has it.
fn short(name: &str) -> String {
    name.strip_prefix("overround-").unwrap_or(name).to_owned()
}

#[test]
fn dependencies_go_one_way() {
    let mut wrong = Vec::new();
    let crates = crates();
    for (known, _) in MAY_DEPEND_ON {
        if !crates.iter().any(|(name, _)| name == known) {
            wrong.push(format!("there is no crate {known} any more: take it out of MAY_DEPEND_ON"));
        }
    }
    for (name, dependencies) in crates {
        let Some((_, allowed)) = MAY_DEPEND_ON.iter().find(|(known, _)| *known == name) else {
            wrong.push(format!(
                "the crate {name} is not in MAY_DEPEND_ON: decide what it may depend on, and add it"
            ));
            continue;
        };
        for dependency in &dependencies {
            let ours = dependency.starts_with("overround-") || dependency == "overround";
            if ours && !allowed.contains(&short(dependency).as_str()) {
                wrong.push(format!(
                    "{name} depends on {dependency}: turn it round, or move what it needs further down"
                ));
            }
            if name == "domain" && IMPURE.contains(&dependency.as_str()) {
                wrong.push(format!(
                    "domain depends on {dependency}: the rules are pure, what they need comes in as values"
                ));
            }
            let kept = KEPT_TO.iter().find(|(outside, _)| outside == dependency);
            if let Some((_, users)) = kept.filter(|(_, users)| !users.contains(&name.as_str())) {
                wrong.push(format!("{name} depends on {dependency}, which is kept to {}", users.join(", ")));
            }
        }
    }
    none(wrong);
}

/// Words that begin SQL, as they stand in a text of Rust.
const SQL: [&str; 8] = [
    "\"SELECT ",
    "\"INSERT INTO",
    "\"UPDATE ",
    "\"DELETE FROM",
    "\"WITH ",
    "\"CREATE ",
    "\"ALTER ",
    "\"TRUNCATE ",
];

#[test]
fn sql_and_redis_stay_where_they_belong() {
    let mut wrong = Vec::new();
    for file in with_extension(".rs") {
        let above_the_stores = ["api", "workers", "app", "domain", "feed", "adapters", "overround"];
        if !above_the_stores.iter().any(|name| file.starts_with(&format!("crates/{name}/src/"))) {
            continue;
        }
        for (number, line) in (1..).zip(read(&file).lines()) {
            if SQL.iter().any(|word| line.contains(word))
                || line.contains("sqlx::")
                || line.contains("redis::")
            {
                wrong.push(format!(
                    "{file}:{number} talks to a datastore itself: make it a function of store or live"
                ));
            }
        }
    }
    none(wrong);
}

#[test]
fn files_are_not_too_long() {
    let mut wrong = Vec::new();
    for file in with_extension(".rs") {
        let lines = read(&file).lines().count();
        if lines > LINES_MAX {
            wrong.push(format!(
                "{file} has {lines} lines, more than {LINES_MAX}: part it by what it is about"
            ));
        }
    }
    none(wrong);
}

#[test]
fn no_test_is_switched_off() {
    // Put together here, so that this file does not find itself.
    let ignored = format!("#[{}", "ignore");
    let files = with_extension(".rs").into_iter().filter(|file| read(file).contains(&ignored));
    none(
        files
            .map(|file| format!("{file} ignores a test: correct the test or what it tests, or delete it"))
            .collect(),
    );
}

#[test]
fn migrations_have_their_name_and_their_first_line() {
    let mut wrong = Vec::new();
    for file in with_extension(".sql").iter().filter(|file| file.starts_with("crates/store/migrations/")) {
        let name = file.rsplit('/').next().unwrap().trim_end_matches(".sql");
        let (time, words) = name.split_once('_').unwrap_or((name, ""));
        let dated = time.len() == 14 && time.bytes().all(|byte| byte.is_ascii_digit());
        let is_word = |word: &str| {
            !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        };
        if !dated || !words.contains('_') || !words.split('_').all(is_word) {
            wrong.push(format!("{file}: call it YYYYMMDDHHMMSS_verb_noun.sql"));
        }
        let text = read(file);
        let serves = text.lines().next().and_then(|line| line.strip_prefix("-- Serves binaries from: "));
        let is_release = |text: &str| {
            let numbers: Vec<&str> = text.split('.').collect();
            numbers.len() == 3 && numbers.iter().all(|number| number.parse::<u32>().is_ok())
        };
        if !serves.is_some_and(is_release) {
            wrong.push(format!(
                "{file}: begin it with `-- Serves binaries from: X.Y.Z`, the oldest that works on it"
            ));
        }
    }
    none(wrong);
}

#[test]
fn every_invariant_is_in_the_architecture() {
    let text = read("ARCHITECTURE.md");
    let words: BTreeSet<&str> = text.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    let missing = INVARIANTS.iter().filter(|invariant| !words.contains(invariant.id));
    none(missing.map(|one| format!("ARCHITECTURE.md does not name {}: {}", one.id, one.statement)).collect());
}

#[test]
fn what_markdown_names_is_there() {
    let tree = files();
    let mut wrong = Vec::new();
    for file in with_extension(".md") {
        let folder = Path::new(&file).parent().unwrap();
        for (number, line) in prose(&read(&file)) {
            for link in links(line).filter(|link| !link.contains("://") && !link.starts_with('#')) {
                let path = folder.join(link.split('#').next().unwrap());
                if !root().join(&path).exists() {
                    wrong.push(format!("{file}:{number} links to {link}, which is not there"));
                }
            }
            let paths = line.split('`').skip(1).step_by(2).filter(|code| looks_like_a_path(code, &tree));
            for path in paths.filter(|path| !is_there(path, &tree)) {
                wrong.push(format!(
                    "{file}:{number} names `{path}`, which is not there: correct it, or the tree"
                ));
            }
        }
    }
    none(wrong);
}

/// The lines outside of fenced blocks, with their numbers.
fn prose(text: &str) -> Vec<(usize, &str)> {
    let mut fenced = false;
    let mut lines = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            lines.push((number, line));
        }
    }
    lines
}

fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split(')').next())
}

/// Plain characters, and either an extension of ours or a folder of ours at its beginning.
fn looks_like_a_path(code: &str, tree: &[String]) -> bool {
    let plain = code.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte));
    let extension = code.rsplit_once('.').map_or("", |(_, extension)| extension);
    let ours = ["rs", "md", "toml", "sql", "lua", "sh", "txt"].contains(&extension);
    let first = code.split('/').next().unwrap_or_default();
    let in_the_tree = code.contains('/') && tree.iter().any(|file| file.starts_with(&format!("{first}/")));
    let relative = code.starts_with("./") || code.starts_with("../");
    let elsewhere = NOT_IN_THE_TREE.iter().any(|name| code.trim_start_matches("./").starts_with(name));
    plain && !code.is_empty() && !elsewhere && (ours || in_the_tree || relative)
}

/// Whether a file or folder of the tree has this path, or ends with it.
fn is_there(path: &str, tree: &[String]) -> bool {
    let path = path.trim_start_matches("./").trim_end_matches('/');
    let (inside, end) = (format!("/{path}/"), format!("/{path}"));
    tree.iter().map(|file| format!("/{file}")).any(|file| file.contains(&inside) || file.ends_with(&end))
}

#[test]
fn the_checks_of_markdown_see_what_they_should() {
    let tree = ["crates/app/src/lanes/load.rs".to_owned(), "dev".to_owned(), "tests/cli.rs".to_owned()];
    for path in ["crates/app", "crates/app/src/lanes/", "lanes/load.rs", "load.rs", "./dev", "tests/cli.rs"] {
        assert!(looks_like_a_path(path, &tree) && is_there(path, &tree), "{path}");
    }
    for path in ["crates/ap", "ad.rs", "./down", "tests/none.rs", "README.md"] {
        assert!(looks_like_a_path(path, &tree) && !is_there(path, &tree), "{path}");
    }
    for code in
        ["/v1/bets", "I/O", "text/plain", "overround.toml", "../shared/data", "wallet.house", "a b.rs", ""]
    {
        assert!(!looks_like_a_path(code, &tree), "{code}");
    }
    assert_eq!(links("[a](b) and [c](d#e)").collect::<Vec<_>>(), ["b", "d#e"]);
    assert_eq!(prose("a\n```sh\nb\n```\nc"), [(1, "a"), (5, "c")]);
}
