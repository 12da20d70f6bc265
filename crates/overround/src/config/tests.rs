use super::*;

fn load(file: &str, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Loaded, Failure> {
    let dir = std::env::temp_dir().join(format!("overround-config-{}", uuid::Uuid::now_v7()));
    std::fs::create_dir(&dir).unwrap();
    let path = dir.join("overround.toml");
    std::fs::write(&path, file).unwrap();
    let environment = environment.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    let flags = flags.iter().map(|(name, text)| Given {
        name: (*name).to_owned(),
        text: (*text).to_owned(),
        place: Place::Flag(format!("--{name}")),
    });
    let loaded = Loaded::read(Some(&path), environment, flags.collect());
    std::fs::remove_dir_all(&dir).unwrap();
    loaded
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let file = "margin_bps = 100\nlegs_max = 5\nbatch_max = 7\n";
    let environment = [("OVERROUND_LEGS_MAX", "6"), ("OVERROUND_BATCH_MAX", "8"), ("HOME", "/")];
    let loaded = load(file, &environment, &[("batch_max", "9")]).unwrap();
    let config = &loaded.config;
    assert_eq!((config.margin_bps, config.legs_max, config.batch_max), (100, 6, 9));
    assert_eq!(loaded.place("legs_max"), Place::Variable("OVERROUND_LEGS_MAX".to_owned()));
    assert_eq!(loaded.place("batch_max"), Place::Flag("--batch_max".to_owned()));
    assert_eq!(loaded.place("queue_depth"), Place::Default);
}

/// A file, variables, and what the failure's cause names.
type Impossible<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [&'a str]);

#[test]
fn what_cannot_be_is_named_with_its_place() {
    let cases: &[Impossible<'_>] = &[
        ("\nlisten = \"nowhere\"", &[], &["listen", "overround.toml:2", "127.0.0.1:8080"]),
        ("a = 1", &[], &["no setting a", "overround.toml:1"]),
        ("legs_max = [1]", &[], &["legs_max", "overround.toml:1"]),
        ("legs_max =", &[], &["overround.toml:1", "not TOML"]),
        ("", &[("OVERROUND_LISTN", "x")], &["listn", "environment OVERROUND_LISTN"]),
        ("", &[("OVERROUND_LEGS_MAX", "21")], &["legs_max", "1 to 20", "OVERROUND_LEGS_MAX"]),
        ("stake_cents_max = 50", &[], &["stake_cents_max", "overround.toml:1", "stake_cents_min"]),
        ("environment = \"production\"", &[], &["database_url", "embedded"]),
        ("environment = \"test\"", &[], &["environment", "development, production"]),
        ("redis_url = \"redis://localhost\"", &[], &["redis_url", "database_url"]),
        ("database_url = \"redis://x\"\nredis_url = \"redis://x\"", &[], &["database_url", "postgres://"]),
    ];
    for (file, environment, expected) in cases {
        let failure = load(file, environment, &[]).unwrap_err();
        assert_eq!(failure.kind, crate::failure::Kind::Usage);
        for part in *expected {
            assert!(failure.cause.contains(part), "{part:?} is missing in {:?}", failure.cause);
        }
    }
}

#[test]
fn what_is_printed_can_be_read_again_and_shows_no_password() {
    let environment = [
        ("OVERROUND_DATABASE_URL", "postgres://app:s3cret@db/house"),
        ("OVERROUND_REDIS_URL", "redis://:s3cret@cache"),
    ];
    let printed = load("", &environment, &[]).unwrap().to_toml();
    assert!(!printed.contains("s3cret"), "{printed}");
    let again = load(&printed, &[], &[]).unwrap();
    assert_eq!(again.config.legs_max, Config::default().legs_max);
}

#[test]
fn the_test_suite_s_variables_are_no_settings() {
    assert!(load("", &[("OVERROUND_TEST_ADMIN_URL", "x"), ("OVERROUND_CONFIG", "x")], &[]).is_ok());
}
