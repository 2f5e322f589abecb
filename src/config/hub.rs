//! The model hub's settings: ours, and under them the variables that all programs of the field know.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tastemaker_hub::{Cache, HubOptions};

use super::ConfigError;

/// The variables of the field that are read; their meanings are those of Python's `huggingface_hub`.
pub(super) const HUB_VARIABLES: [&str; 12] = [
    "HF_ENDPOINT",
    "HF_TOKEN",
    "HUGGING_FACE_HUB_TOKEN",
    "HF_TOKEN_PATH",
    "HF_HUB_CACHE",
    "HUGGINGFACE_HUB_CACHE",
    "HF_HOME",
    "HF_HUB_OFFLINE",
    "TRANSFORMERS_OFFLINE",
    "XDG_CACHE_HOME",
    "HOME",
    "USERPROFILE",
];

/// Where checkpoints are downloaded from and to.
#[derive(Debug, Clone)]
pub struct Hub {
    /// The hub's address.
    pub endpoint: String,
    /// The folder of downloaded checkpoints.
    pub cache: PathBuf,
    /// An access token that was set.
    pub token: Option<SecretString>,
    /// Where a login stored a token, which counts if none was set.
    pub token_file: Option<PathBuf>,
    /// Whether the hub may not be asked.
    pub offline: bool,
    /// Files downloaded at once.
    pub parallel: usize,
}

impl Hub {
    /// The cache folder, for looking into it.
    pub fn cache(&self) -> Cache {
        Cache::new(&self.cache)
    }

    /// What a download needs to know; reads the stored token if none was set.
    ///
    /// # Errors
    /// If there is a stored token that cannot be read.
    pub fn options(&self) -> Result<HubOptions, ConfigError> {
        Ok(HubOptions {
            endpoint: self.endpoint.clone(),
            token: match &self.token {
                Some(token) => Some(token.clone()),
                None => self.stored_token()?,
            },
            offline: self.offline,
            parallel: self.parallel,
            ..HubOptions::new(&self.cache)
        })
    }

    fn stored_token(&self) -> Result<Option<SecretString>, ConfigError> {
        let Some(path) = self.token_file.as_ref().filter(|path| path.is_file()) else {
            return Ok(None);
        };
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.clone(),
            source,
        })?;
        Ok(filled(&text).map(|text| SecretString::from(text.to_owned())))
    }
}

#[derive(Deserialize)]
pub(super) struct RawHub {
    endpoint: String,
    cache: PathBuf,
    token: SecretString,
    offline: bool,
    pub(super) parallel: usize,
}

impl RawHub {
    /// Fills what is empty from the field's variables. Without a home folder, checkpoints go to the folder `data`.
    pub(super) fn resolve(self, variables: &HashMap<String, String>, data: &Path) -> Hub {
        let first = |names: &[&str]| names.iter().find_map(|name| filled(variables.get(*name)?));
        let is_true = |name: &str| {
            first(&[name]).is_some_and(|value| ["1", "on", "yes", "true"].contains(&&*value.to_lowercase()))
        };
        let user = || first(&["HOME", "USERPROFILE"]).map(PathBuf::from);
        let expand = |path: &str| match (path.strip_prefix("~/"), user()) {
            (Some(rest), Some(user)) => user.join(rest),
            _ => PathBuf::from(path),
        };
        let home = first(&["HF_HOME"]).map(expand).or_else(|| {
            let caches = first(&["XDG_CACHE_HOME"]).map(expand);
            Some(
                caches
                    .or_else(|| Some(user()?.join(".cache")))?
                    .join("huggingface"),
            )
        });
        let cache = Some(self.cache).filter(|path| !path.as_os_str().is_empty());
        let cache = cache.or_else(|| first(&["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"]).map(expand));
        let in_home = |name| home.as_ref().map(|home| home.join(name));
        let token = filled(self.token.expose_secret())
            .or_else(|| first(&["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"]))
            .map(|token| SecretString::from(token.to_owned()));
        let endpoint = filled(&self.endpoint).or_else(|| first(&["HF_ENDPOINT"]));
        Hub {
            endpoint: endpoint.unwrap_or(HubOptions::ENDPOINT).to_owned(),
            cache: cache
                .or_else(|| in_home("hub"))
                .unwrap_or_else(|| data.join("hub")),
            token,
            token_file: first(&["HF_TOKEN_PATH"]).map(expand).or_else(|| in_home("token")),
            offline: self.offline || is_true("HF_HUB_OFFLINE") || is_true("TRANSFORMERS_OFFLINE"),
            parallel: self.parallel,
        }
    }
}

/// A text that says something.
fn filled(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty())
}
