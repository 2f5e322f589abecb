//! The configuration as written, and its validation.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tastemaker_preference::LlmMode;
use tastemaker_preference::idefics2::Precision;

use super::hub::RawHub;
use super::{
    Config, ConfigError, Discord, ExtractorKind, Generation, Limits, Llm, Log, MetricKind, Model, OnHit,
    Paths, Pool, Preference, SeeingModel, find,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    discord: RawDiscord,
    paths: RawPaths,
    storage: RawStorage,
    model: RawModel,
    hub: RawHub,
    generation: RawGeneration,
    safety: RawSafety,
    onboarding: RawOnboarding,
    preference: RawPreference,
    pool: Pool,
    limits: Limits,
    progress: RawProgress,
    log: RawLog,
}

#[derive(Deserialize)]
struct RawDiscord {
    token: SecretString,
    guild: String,
}

#[derive(Deserialize)]
struct RawPaths {
    assets: PathBuf,
    models: PathBuf,
    data: PathBuf,
}

#[derive(Deserialize)]
struct RawStorage {
    image_cap_mib: u64,
}

#[derive(Deserialize)]
struct RawModel {
    name: String,
    devices: Vec<String>,
    precision: String,
    vae_memory_mib: u64,
}

#[derive(Deserialize)]
struct RawSafety {
    on_hit: String,
}

#[derive(Deserialize)]
struct RawGeneration {
    strength: f64,
    steps: u32,
    conditioning: String,
    max_count: u8,
    best_of: u8,
    reaction_step: f64,
}

#[derive(Deserialize)]
struct RawOnboarding {
    images: usize,
    folder: PathBuf,
}

#[derive(Deserialize)]
struct RawPreference {
    extractor: ExtractorKind,
    metric: MetricKind,
    reading_timeout_s: u64,
    together_timeout_s: u64,
    rating_timeout_s: u64,
    llm: RawLlm,
    vpe: RawSeeing,
    viper: RawSeeing,
}

#[derive(Deserialize)]
struct RawSeeing {
    model: PathBuf,
    adapter: PathBuf,
    device: String,
    precision: String,
}

#[derive(Deserialize)]
struct RawLlm {
    model: PathBuf,
    device: String,
    mode: String,
    max_tokens: usize,
}

#[derive(Deserialize)]
struct RawProgress {
    edit_interval_ms: u64,
}

#[derive(Deserialize)]
struct RawLog {
    filter: String,
    format: String,
}

fn ensure(ok: bool, key: &'static str, value: impl ToString, rule: &'static str) -> Result<(), ConfigError> {
    if ok {
        Ok(())
    } else {
        Err(ConfigError::OutOfRange {
            key,
            value: value.to_string(),
            rule,
        })
    }
}

/// A path; `None` where none is named.
fn named(path: PathBuf) -> Option<PathBuf> {
    Some(path).filter(|path| !path.as_os_str().is_empty())
}

/// A time; `None` for 0.
fn seconds(seconds: u64) -> Option<Duration> {
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

impl RawSeeing {
    fn build(self) -> SeeingModel {
        SeeingModel {
            model: named(self.model),
            adapter: named(self.adapter),
            device: self.device,
            precision: self.precision.parse().unwrap_or(Precision::Bf16),
        }
    }
}

impl Raw {
    pub(super) fn validate(self, hub_variables: &HashMap<String, String>) -> Result<Config, ConfigError> {
        let Self {
            discord,
            generation,
            pool,
            limits,
            model,
            ..
        } = &self;
        ensure(
            (0.0..=1.0).contains(&generation.strength),
            "generation.strength",
            generation.strength,
            "must be 0 to 1",
        )?;
        ensure(
            generation.steps <= 150,
            "generation.steps",
            generation.steps,
            "must be 0 to 150",
        )?;
        ensure(
            (1..=4).contains(&generation.max_count),
            "generation.max_count",
            generation.max_count,
            "must be 1 to 4",
        )?;
        ensure(
            (1..=8).contains(&generation.best_of),
            "generation.best_of",
            generation.best_of,
            "must be 1 to 8",
        )?;
        ensure(
            generation.reaction_step > 0.0 && generation.reaction_step <= 1.0,
            "generation.reaction_step",
            generation.reaction_step,
            "must be above 0 and at most 1",
        )?;
        ensure(
            ["manifest", "embedding", "guidance", "reference"].contains(&generation.conditioning.as_str()),
            "generation.conditioning",
            &generation.conditioning,
            "must be manifest, embedding, guidance or reference",
        )?;
        ensure(
            ["manifest", "f32", "f16", "bf16"].contains(&model.precision.as_str()),
            "model.precision",
            &model.precision,
            "must be manifest, f32, f16 or bf16",
        )?;
        ensure(
            model.vae_memory_mib >= 64,
            "model.vae_memory_mib",
            model.vae_memory_mib,
            "must be at least 64",
        )?;
        ensure(
            OnHit::from_name(&self.safety.on_hit).is_some(),
            "safety.on_hit",
            &self.safety.on_hit,
            "must be blur, spoiler or refuse",
        )?;
        ensure(
            !model.devices.is_empty(),
            "model.devices",
            "empty",
            "must name at least one device",
        )?;
        ensure(
            (1..=16).contains(&self.hub.parallel),
            "hub.parallel",
            self.hub.parallel,
            "must be 1 to 16",
        )?;
        ensure(
            self.onboarding.images >= 1,
            "onboarding.images",
            self.onboarding.images,
            "must be at least 1",
        )?;
        ensure(
            self.preference.rating_timeout_s >= 1,
            "preference.rating_timeout_s",
            self.preference.rating_timeout_s,
            "must be at least 1",
        )?;
        for (key, precision) in [
            ("preference.vpe.precision", &self.preference.vpe.precision),
            ("preference.viper.precision", &self.preference.viper.precision),
        ] {
            ensure(
                precision.parse::<Precision>().is_ok(),
                key,
                precision,
                "must be f32, f16, bf16, q8_0 or q4_0",
            )?;
        }
        let llm = &self.preference.llm;
        ensure(
            llm.mode.parse::<LlmMode>().is_ok(),
            "preference.llm.mode",
            &llm.mode,
            "must be complete, judge or generate",
        )?;
        ensure(
            (16..=1024).contains(&llm.max_tokens),
            "preference.llm.max_tokens",
            llm.max_tokens,
            "must be 16 to 1024",
        )?;
        ensure(
            pool.queue_capacity >= 1,
            "pool.queue_capacity",
            pool.queue_capacity,
            "must be at least 1",
        )?;
        ensure(
            pool.waiting_per_user >= 1,
            "pool.waiting_per_user",
            pool.waiting_per_user,
            "must be at least 1",
        )?;
        ensure(
            (1..=64).contains(&pool.max_slots),
            "pool.max_slots",
            pool.max_slots,
            "must be 1 to 64",
        )?;
        ensure(
            pool.max_pixels >= 1,
            "pool.max_pixels",
            pool.max_pixels,
            "must be at least 1",
        )?;
        ensure(
            pool.job_deadline_s >= 1,
            "pool.job_deadline_s",
            pool.job_deadline_s,
            "must be at least 1",
        )?;
        for (key, value) in [
            ("limits.user_per_minute", limits.user_per_minute),
            ("limits.user_burst", limits.user_burst),
            ("limits.guild_per_minute", limits.guild_per_minute),
            ("limits.guild_burst", limits.guild_burst),
            ("limits.global_per_minute", limits.global_per_minute),
            ("limits.global_burst", limits.global_burst),
        ] {
            ensure(value >= 1, key, value, "must be at least 1")?;
        }
        ensure(
            self.progress.edit_interval_ms >= 1000,
            "progress.edit_interval_ms",
            self.progress.edit_interval_ms,
            "must be at least 1000",
        )?;
        ensure(
            ["pretty", "json"].contains(&self.log.format.as_str()),
            "log.format",
            &self.log.format,
            "must be pretty or json",
        )?;
        let guild = match discord.guild.trim() {
            "" => None,
            id => Some(id.parse().map_err(|_| ConfigError::OutOfRange {
                key: "discord.guild",
                value: id.to_owned(),
                rule: "must be a guild id (digits) or empty",
            })?),
        };
        Ok(self.build(guild, hub_variables))
    }

    fn build(self, guild: Option<u64>, hub_variables: &HashMap<String, String>) -> Config {
        let Self {
            discord,
            paths,
            storage,
            model,
            hub,
            generation,
            safety,
            onboarding,
            preference,
            pool,
            limits,
            progress,
            log,
        } = self;
        Config {
            discord: Discord {
                token: Some(discord.token).filter(|token| !token.expose_secret().trim().is_empty()),
                guild,
            },
            paths: Paths {
                assets: find(&paths.assets),
                models: find(&paths.models),
                data: paths.data.clone(),
            },
            image_cap_bytes: storage.image_cap_mib.saturating_mul(1024 * 1024),
            model: Model {
                name: model.name,
                devices: model.devices,
                precision: model.precision,
                vae_memory_bytes: model.vae_memory_mib.saturating_mul(1024 * 1024),
            },
            hub: hub.resolve(hub_variables, &paths.data),
            on_hit: OnHit::from_name(&safety.on_hit).unwrap_or(OnHit::Refuse),
            generation: Generation {
                strength: generation.strength,
                steps: Some(generation.steps).filter(|steps| *steps > 0),
                conditioning: Some(generation.conditioning).filter(|mode| mode != "manifest"),
                max_count: generation.max_count,
                best_of: generation.best_of,
                reaction_step: generation.reaction_step,
            },
            onboarding_images: onboarding.images,
            onboarding_folder: match named(onboarding.folder) {
                Some(folder) => find(&folder),
                None => find(&paths.assets).join("onboarding"),
            },
            preference: Preference {
                extractor: preference.extractor,
                metric: preference.metric,
                reading_timeout: seconds(preference.reading_timeout_s),
                together_timeout: seconds(preference.together_timeout_s),
                rating_timeout: Duration::from_secs(preference.rating_timeout_s),
                llm: Llm {
                    model: named(preference.llm.model),
                    device: preference.llm.device,
                    mode: preference.llm.mode.parse().unwrap_or(LlmMode::Complete),
                    max_tokens: preference.llm.max_tokens,
                },
                vpe: preference.vpe.build(),
                viper: preference.viper.build(),
            },
            pool,
            limits,
            edit_interval: Duration::from_millis(progress.edit_interval_ms),
            log: Log {
                filter: log.filter,
                json: log.format == "json",
            },
        }
    }
}
