//! Reads the layers, refuses unknown keys in each, and merges them.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};

use config::{Environment, File, FileFormat, Map, Source, Value, ValueKind};

use super::ConfigError;
use super::hub::HUB_VARIABLES;
use super::raw::Raw;

/// The documented defaults, which are also the schema.
const DEFAULTS: &str = include_str!("../../config/default.toml");
/// How far a misspelt key may be from a known one to be suggested (Damerau–Levenshtein similarity, 0 to 1).
const SIMILAR: f64 = 0.6;

/// Says where each layer comes from.
#[derive(Clone, Default)]
pub struct Sources {
    defaults: Option<PathBuf>,
    file: Option<PathBuf>,
    secrets: Option<PathBuf>,
    environment: HashMap<String, String>,
    /// The variables that all programs of the model hub know.
    hub: HashMap<String, String>,
}

impl fmt::Debug for Sources {
    /// Names the variables without their values, which may be tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: BTreeSet<_> = self.environment.keys().chain(self.hub.keys()).collect();
        f.debug_struct("Sources")
            .field("defaults", &self.defaults)
            .field("file", &self.file)
            .field("secrets", &self.secrets)
            .field("variables", &names)
            .finish()
    }
}

impl Sources {
    /// Uses the compiled-in defaults alone.
    pub fn none() -> Self {
        Self::default()
    }

    /// Uses the given files, or the usual ones in the working directory where they exist, and the environment.
    pub fn usual(file: Option<PathBuf>, secrets: Option<PathBuf>) -> Self {
        let existing = |name: &str| Some(PathBuf::from(name)).filter(|path| path.is_file());
        Self {
            defaults: existing("config/default.toml"),
            file: file.or_else(|| existing("config/local.toml")),
            secrets: secrets.or_else(|| existing("config/secrets.toml")),
            environment: std::env::vars()
                .filter(|(key, _)| key.starts_with("TASTEMAKER_"))
                .collect(),
            hub: HUB_VARIABLES
                .iter()
                .filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)))
                .collect(),
        }
    }

    /// Replaces the environment, for tests.
    #[must_use]
    pub fn with_environment(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        self.environment = variables.into_iter().collect();
        self
    }

    /// Replaces the variables of the model hub, for tests.
    #[must_use]
    pub fn with_hub_variables(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        self.hub = variables.into_iter().collect();
        self
    }

    /// The variables of the model hub.
    pub(super) fn hub_variables(&self) -> &HashMap<String, String> {
        &self.hub
    }

    /// Sets the file layer, for tests.
    #[must_use]
    pub fn with_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.file = Some(path.into());
        self
    }

    /// Sets the secrets layer, for tests.
    #[must_use]
    pub fn with_secrets(mut self, path: impl Into<PathBuf>) -> Self {
        self.secrets = Some(path.into());
        self
    }
}

pub(super) fn merge(sources: &Sources) -> Result<Raw, ConfigError> {
    let schema = File::from_str(DEFAULTS, FileFormat::Toml).collect()?;
    let mut known = BTreeSet::new();
    keys(&schema, "", &mut known);

    let mut builder = config::Config::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml));
    for path in [&sources.defaults, &sources.file, &sources.secrets]
        .into_iter()
        .flatten()
    {
        let layer = File::from_str(&read(path)?, FileFormat::Toml);
        check(&layer.collect()?, &known, &path.display().to_string())?;
        builder = builder.add_source(layer);
    }
    let environment = Environment::with_prefix("TASTEMAKER")
        .prefix_separator("_")
        .separator("__")
        .try_parsing(true)
        .list_separator(",")
        .with_list_parse_key("model.devices")
        .source(Some(sources.environment.clone().into_iter().collect()));
    check(&environment.collect()?, &known, "the environment (TASTEMAKER_…)")?;
    Ok(builder.add_source(environment).build()?.try_deserialize()?)
}

fn read(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })
}

fn check(layer: &Map<String, Value>, known: &BTreeSet<String>, name: &str) -> Result<(), ConfigError> {
    let mut found = BTreeSet::new();
    keys(layer, "", &mut found);
    match found.into_iter().find(|key| !known.contains(key)) {
        None => Ok(()),
        Some(key) => Err(ConfigError::UnknownKey {
            nearest: nearest(&key, known),
            key,
            layer: name.to_owned(),
        }),
    }
}

fn nearest(key: &str, known: &BTreeSet<String>) -> Option<String> {
    known
        .iter()
        .map(|candidate| (strsim::normalized_damerau_levenshtein(key, candidate), candidate))
        .filter(|(similarity, _)| *similarity >= SIMILAR)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate.clone())
}

fn keys(table: &Map<String, Value>, prefix: &str, into: &mut BTreeSet<String>) {
    for (key, value) in table {
        let path = if prefix.is_empty() {
            key.clone()
        } else {
            format!("{prefix}.{key}")
        };
        match &value.kind {
            ValueKind::Table(inner) => keys(inner, &path, into),
            _ => {
                into.insert(path);
            }
        }
    }
}
