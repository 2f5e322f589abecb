use std::path::Path;

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
    assert_eq!((config.pool.max_slots, config.pool.max_pixels), (4, 2 << 20));
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
    let error = Config::load(&variables(&[("TASTEMAKER_SAFETY__ON_HIT", "ignore")]))
        .unwrap_err()
        .to_string();
    assert!(error.contains("ignore") && error.contains("spoiler"), "{error}");
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

fn hub_variables(pairs: &[(&str, &str)]) -> Sources {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    Sources::none().with_hub_variables(pairs.iter().map(owned))
}

#[test]
fn the_hub_follows_the_variables_of_the_field() {
    let hub = |pairs: &[(&str, &str)]| Config::load(&hub_variables(pairs)).unwrap().hub;
    let plain = hub(&[("HOME", "/home/me")]);
    assert_eq!(plain.endpoint, "https://huggingface.co");
    assert_eq!(plain.cache, Path::new("/home/me/.cache/huggingface/hub"));
    assert_eq!(
        plain.token_file.as_deref(),
        Some(Path::new("/home/me/.cache/huggingface/token"))
    );
    assert!(plain.token.is_none() && !plain.offline);

    let set = hub(&[
        ("HOME", "/home/me"),
        ("XDG_CACHE_HOME", "/caches"),
        ("HF_ENDPOINT", "https://mirror.example"),
        ("HF_HUB_OFFLINE", "True"),
        ("HF_TOKEN", " hf_x \n"),
    ]);
    assert_eq!(set.endpoint, "https://mirror.example");
    assert_eq!(set.cache, Path::new("/caches/huggingface/hub"));
    assert!(set.offline);
    assert_eq!(set.token.unwrap().expose_secret(), "hf_x");

    let nearer = hub(&[("HF_HOME", "~/hf"), ("HOME", "/home/me"), ("HF_HUB_OFFLINE", "0")]);
    assert_eq!(nearer.cache, Path::new("/home/me/hf/hub"));
    assert!(!nearer.offline);
    let nearest = hub(&[("HF_HOME", "/hf"), ("HF_HUB_CACHE", "/models")]);
    assert_eq!(nearest.cache, Path::new("/models"));
    assert_eq!(hub(&[]).cache, Path::new("data/hub"));
}

#[test]
fn our_own_settings_of_the_hub_come_before_the_fields() {
    let sources = hub_variables(&[
        ("HF_ENDPOINT", "https://mirror.example"),
        ("HF_TOKEN", "hf_theirs"),
    ]);
    let ours = [
        ("TASTEMAKER_HUB__ENDPOINT", "https://own.example"),
        ("TASTEMAKER_HUB__TOKEN", "hf_ours"),
    ];
    let sources = sources.with_environment(ours.map(|(key, value)| (key.to_owned(), value.to_owned())));
    let hub = Config::load(&sources).unwrap().hub;
    assert_eq!(hub.endpoint, "https://own.example");
    assert_eq!(hub.token.unwrap().expose_secret(), "hf_ours");
}

#[test]
fn a_stored_token_counts_when_none_is_set_and_none_is_ever_shown() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "hf_stored\n").unwrap();
    let path = file.to_str().unwrap();
    let token = |pairs: &[(&str, &str)]| {
        let sources = hub_variables(pairs);
        let hub = Config::load(&sources).unwrap().hub;
        let options = hub.options().unwrap();
        let shown = format!("{sources:?} {hub:?} {options:?}");
        assert!(
            !shown.contains("hf_stored") && !shown.contains("hf_set"),
            "{shown}"
        );
        options.token.unwrap().expose_secret().to_owned()
    };
    assert_eq!(token(&[("HF_TOKEN_PATH", path)]), "hf_stored");
    assert_eq!(
        token(&[("HF_TOKEN_PATH", path), ("HF_TOKEN", "hf_set")]),
        "hf_set"
    );
    std::fs::remove_file(&file).unwrap();
    let hub = Config::load(&hub_variables(&[("HF_TOKEN_PATH", path)]))
        .unwrap()
        .hub;
    assert!(hub.options().unwrap().token.is_none());
}
