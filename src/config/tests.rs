use secrecy::ExposeSecret;

use super::{Config, ConfigError, Sources};

fn variables(pairs: &[(&str, &str)]) -> Sources {
    Sources::none().with_environment(
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned())),
    )
}

#[test]
fn defaults_are_valid_and_hold_no_token() {
    let config = Config::defaults().unwrap();
    assert!(config.discord.token.is_none());
    assert_eq!(config.generation.steps, None);
    assert_eq!(config.pool.max_slots, 4);
}

#[test]
fn later_layers_win() {
    let folder = tempfile::tempdir().unwrap();
    let (file, secrets) = (
        folder.path().join("local.toml"),
        folder.path().join("secrets.toml"),
    );
    std::fs::write(
        &file,
        "[pool]\nmax_slots = 6\nqueue_capacity = 7\n[discord]\ntoken = 'from file'",
    )
    .unwrap();
    std::fs::write(&secrets, "[discord]\ntoken = 'from secrets'").unwrap();
    let sources = variables(&[
        ("TASTEMAKER_POOL__MAX_SLOTS", "8"),
        ("TASTEMAKER_MODEL__DEVICES", "cuda:0,cuda:1"),
    ]);
    let config = Config::load(&sources.with_file(file).with_secrets(secrets)).unwrap();
    assert_eq!((config.pool.max_slots, config.pool.queue_capacity), (8, 7));
    assert_eq!(config.model.devices, ["cuda:0", "cuda:1"]);
    assert_eq!(config.discord.token.unwrap().expose_secret(), "from secrets");
}

#[test]
fn an_unknown_key_names_its_layer_and_the_nearest_knob() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("local.toml");
    std::fs::write(&file, "[pool]\nmax_slot = 6\n").unwrap();
    let error = Config::load(&Sources::none().with_file(&file))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("`pool.max_slot`")
            && error.contains("local.toml")
            && error.contains("`pool.max_slots`"),
        "{error}"
    );

    let error = Config::load(&variables(&[("TASTEMAKER_LIMITS__USER_BURSTS", "3")]))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("`limits.user_bursts`") && error.contains("did you mean `limits.user_burst`"),
        "{error}"
    );
}

#[test]
fn a_value_out_of_range_names_the_key_and_the_rule() {
    let error = Config::load(&variables(&[("TASTEMAKER_GENERATION__STRENGTH", "1.5")])).unwrap_err();
    assert!(
        matches!(
            error,
            ConfigError::OutOfRange {
                key: "generation.strength",
                ..
            }
        ),
        "{error}"
    );
    let error = Config::load(&variables(&[("TASTEMAKER_POOL__MAX_SLOTS", "many")]))
        .unwrap_err()
        .to_string();
    assert!(error.contains("max_slots"), "{error}");
}

#[test]
fn a_missing_file_is_named() {
    let error = Config::load(&Sources::none().with_file("no/such/file.toml"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("no/such/file.toml"), "{error}");
}

#[test]
fn the_token_is_never_shown() {
    let config = Config::load(&variables(&[("TASTEMAKER_DISCORD__TOKEN", "very.secret.token")])).unwrap();
    assert_eq!(
        config.discord.token.as_ref().unwrap().expose_secret(),
        "very.secret.token"
    );
    assert!(!format!("{config:?} {config:#?}").contains("secret.token"));
}
