//! `tastemaker models verify`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use serde::Serialize;
use tastemaker_diffusion::ModelManifest;
use tastemaker_hub::progress::bytes;
use tastemaker_hub::{Finding, Model, Pins, State, Verdict, pins_of, verify, verify_folder};

use super::bars::Bars;
use super::print;
use super::table::table;
use crate::catalogue;
use crate::config::{Config, find};

/// What `tastemaker models verify` is asked to do.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The model's name; every model that is here if absent
    name: Option<String>,

    /// Write down the sizes and hashes as they are, in NAME.lock.toml beside the files, for later checks
    #[arg(long, requires = "name")]
    pin: bool,

    /// Print one JSON object a file instead of text for people
    #[arg(long)]
    json: bool,
}

/// A checkpoint to read.
enum Subject {
    /// In the cache of downloads.
    Download(Model),
    /// Where its manifest says.
    Own(PathBuf),
}

#[derive(Serialize)]
struct Line<'a> {
    model: &'a str,
    path: &'a str,
    good: bool,
    verdict: String,
    size: Option<u64>,
    sha256: Option<&'a str>,
}

/// Reads models and reports on each file.
///
/// # Errors
/// When a file is missing or damaged, or a model cannot be read; the message says how to mend it.
pub fn run(args: &VerifyArgs, config: &Config) -> anyhow::Result<()> {
    judge(args, config, &print)
}

fn judge(
    args: &VerifyArgs,
    config: &Config,
    print: &dyn Fn(&str) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let names = match &args.name {
        Some(name) => vec![name.clone()],
        None => catalogue::names(config)?,
    };
    let (mut read, mut damaged) = (0, Vec::new());
    for name in names {
        let manifest = catalogue::named(config, &name)?;
        let subjects = subjects(config, &manifest)?;
        if subjects.is_empty() && args.name.is_some() {
            bail!("the model `{name}` is not on this machine: nothing to check");
        }
        for (part, subject) in subjects {
            read += 1;
            let findings = check(config, &part, &subject)?;
            print(&report(&part, &findings, args.json)?)?;
            let bad = findings.iter().filter(|it| !it.verdict.is_good()).count();
            if bad > 0 {
                let count = findings.len();
                damaged.push(format!(
                    "missing or damaged: {bad} of {count} files of `{part}`; {}",
                    mend(&name, &subject)
                ));
            } else if args.pin {
                pin(config, &part, &subject, &findings)?;
            } else if findings.iter().any(|it| it.verdict == Verdict::Unpinned) {
                eprintln!("`tastemaker models verify {name} --pin` writes the hashes down for the next time");
            }
        }
    }
    ensure!(read > 0, "there is no model on this machine to check");
    ensure!(damaged.is_empty(), "{}", damaged.join("\n"));
    Ok(())
}

/// The checkpoint and what was downloaded beside it, as far as they are here, by their names.
fn subjects(config: &Config, manifest: &ModelManifest) -> anyhow::Result<Vec<(String, Subject)>> {
    let mut found = Vec::new();
    let mut models = catalogue::published_beside(manifest)?;
    match &manifest.path {
        Some(path) => {
            let path = find(path);
            if path.exists() {
                found.push((manifest.name.clone(), Subject::Own(path)));
            }
        }
        None => {
            if let Some(model) = catalogue::published(config, manifest)? {
                models.insert(0, model);
            }
        }
    }
    let here = |model: &Model| config.hub.cache().state(model) != State::Absent;
    let downloads = models.into_iter().filter(here);
    found.extend(downloads.map(|model| (model.name().to_owned(), Subject::Download(model))));
    Ok(found)
}

fn check(config: &Config, name: &str, subject: &Subject) -> anyhow::Result<Vec<Finding>> {
    let bars = Bars::new(format!("checking {name}"));
    Ok(match subject {
        Subject::Download(model) => verify(&config.hub.cache(), model, &bars)?,
        Subject::Own(path) => {
            let pins = Pins::read(&pins_beside(path, name))?;
            verify_folder(path, pins.as_ref(), &bars)?
        }
    })
}

/// Where a checkpoint of one's own has its sizes and hashes: in its folder, or beside its one file.
fn pins_beside(path: &Path, name: &str) -> PathBuf {
    let folder = if path.is_dir() {
        path
    } else {
        path.parent().unwrap_or(Path::new("."))
    };
    folder.join(format!("{name}.lock.toml"))
}

fn pin(config: &Config, name: &str, subject: &Subject, findings: &[Finding]) -> anyhow::Result<()> {
    let path = match subject {
        Subject::Own(path) => pins_beside(path, name),
        Subject::Download(model) => config
            .hub
            .cache()
            .pins_path(model)
            .context("the model has no folder in the cache")?,
    };
    pins_of(findings).write(&path)?;
    eprintln!("written: {}", path.display());
    Ok(())
}

fn mend(name: &str, subject: &Subject) -> String {
    match subject {
        Subject::Download(_) => format!("`tastemaker models pull {name} --repair` downloads them again"),
        Subject::Own(path) => format!("copy them to {} again from where you have them", path.display()),
    }
}

fn report(name: &str, findings: &[Finding], json: bool) -> anyhow::Result<String> {
    let mut text = String::new();
    if json {
        for finding in findings {
            let line = Line {
                model: name,
                path: &finding.place,
                good: finding.verdict.is_good(),
                verdict: in_words(&finding.verdict),
                size: finding.size,
                sha256: finding.sha256.as_deref(),
            };
            text += &(serde_json::to_string(&line)? + "\n");
        }
        return Ok(text);
    }
    let rows = findings.iter().map(|finding| {
        vec![
            if finding.verdict.is_good() {
                "  ok "
            } else {
                "  BAD"
            }
            .to_owned(),
            finding.place.clone(),
            finding.size.map_or("–".to_owned(), bytes),
            in_words(&finding.verdict),
        ]
    });
    Ok(format!("{name}\n{}", table(&rows.collect::<Vec<_>>())))
}

fn in_words(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Whole => "as it should be".to_owned(),
        Verdict::Unpinned => "readable; there is no hash to compare with".to_owned(),
        Verdict::Missing => "is missing".to_owned(),
        Verdict::Size { expected, found } => format!("has {found} bytes instead of {expected}"),
        Verdict::Hash {
            kind,
            expected,
            found,
        } => {
            format!(
                "has another content: {kind} {} instead of {}",
                short(found),
                short(expected)
            )
        }
        Verdict::Damaged(why) => why.clone(),
        _ => "cannot be judged".to_owned(),
    }
}

/// Enough digits to compare by eye.
fn short(hash: &str) -> String {
    hash.chars().take(12).collect::<String>() + "…"
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    fn config(folder: &Path) -> Config {
        let mut config = Config::defaults().unwrap();
        let manifest = std::fs::read_to_string(config.paths.models.join("embedded.toml")).unwrap();
        let manifest = manifest
            .replace("name = \"embedded\"", "name = \"own\"")
            .replace("../../assets/model", "own");
        std::fs::create_dir_all(folder.join("own/unet")).unwrap();
        std::fs::write(folder.join("own.toml"), manifest).unwrap();
        std::fs::write(folder.join("own/unet/config.json"), "{}").unwrap();
        config.paths.models = folder.to_owned();
        config.hub.cache = folder.join("hub");
        config
    }

    #[test]
    fn a_pinned_checkpoint_that_changes_is_reported_and_fails() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path());
        let args = |pin| VerifyArgs {
            name: Some("own".to_owned()),
            pin,
            json: false,
        };
        let said = RefCell::new(String::new());
        let run = |pin| {
            judge(&args(pin), &config, &|text| {
                said.borrow_mut().push_str(text);
                Ok(())
            })
        };
        run(true).unwrap();
        assert!(folder.path().join("own/own.lock.toml").is_file());
        run(false).unwrap();
        assert!(said.borrow().contains("as it should be"), "{}", said.borrow());
        std::fs::write(folder.path().join("own/unet/config.json"), "[]").unwrap();
        let error = run(false).unwrap_err().to_string();
        assert!(said.borrow().contains("another content"), "{}", said.borrow());
        assert!(
            error.contains("1 of 1 files of `own`") && error.contains("copy them"),
            "{error}"
        );
    }

    #[test]
    fn what_is_not_here_is_passed_over_unless_it_was_named() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path());
        std::fs::remove_dir_all(folder.path().join("own")).unwrap();
        let args = |name: Option<&str>| VerifyArgs {
            name: name.map(str::to_owned),
            pin: false,
            json: false,
        };
        let error = run(&args(Some("own")), &config).unwrap_err().to_string();
        assert!(error.contains("not on this machine"), "{error}");
        let error = run(&args(None), &config).unwrap_err().to_string();
        assert!(error.contains("no model on this machine"), "{error}");
    }
}
