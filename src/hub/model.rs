//! The files of a checkpoint.

use std::collections::BTreeSet;

use crate::error::{HubError, Result};

/// A checkpoint as published: files from one repository, or from several that are laid over each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    name: String,
    parts: Vec<Part>,
}

/// What a checkpoint takes from one repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// `owner/name`.
    pub repo: String,
    /// Branch, tag or commit.
    pub revision: String,
    /// Whether its terms must have been accepted.
    pub gated: bool,
    /// The files.
    pub files: Vec<RepoFile>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepoFile {
    /// Its path in the repository, with `/`.
    pub path: String,
    /// Its path in the checkpoint's folder.
    pub place: String,
    /// Bytes, where the manifest knows.
    pub size: Option<u64>,
    /// SHA-256 in lower-case hexadecimal digits, where the manifest knows.
    pub sha256: Option<String>,
}

impl Model {
    /// Makes a checkpoint from its own part and, under it, the parts it builds on: their files are taken except where an
    /// earlier part has one at the same place.
    ///
    /// # Errors
    /// If a name or path could lead out of its folder, or a hash is not one.
    pub fn new(name: impl Into<String>, parts: Vec<Part>) -> Result<Self> {
        let name = name.into();
        check_name(&name, &name)?;
        let mut taken = BTreeSet::new();
        let mut kept = Vec::new();
        for mut part in parts {
            check_part(&name, &part)?;
            let mut own = BTreeSet::new();
            for file in &part.files {
                check_file(&name, file)?;
                if !own.insert(file.place.clone()) {
                    return Err(HubError::invalid(
                        &name,
                        format!("{} is listed twice", file.place),
                    ));
                }
            }
            part.files.retain(|file| !taken.contains(&file.place));
            taken.extend(own);
            kept.push(part);
        }
        if taken.is_empty() {
            return Err(HubError::invalid(&name, "it lists no files"));
        }
        Ok(Self { name, parts: kept })
    }

    /// The name people choose it by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its own part first, then those it builds on.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Every file with its part.
    pub fn files(&self) -> impl Iterator<Item = (&Part, &RepoFile)> {
        self.parts
            .iter()
            .flat_map(|part| part.files.iter().map(move |file| (part, file)))
    }

    /// Whether its folder is a repository's own, as downloaded.
    pub fn is_plain(&self) -> bool {
        self.parts.len() == 1 && self.files().all(|(_, file)| file.path == file.place)
    }
}

fn check_part(model: &str, part: &Part) -> Result<()> {
    let Some((owner, name)) = part.repo.split_once('/') else {
        return Err(HubError::invalid(
            model,
            format!("`{}` is not a repository: owner/name", part.repo),
        ));
    };
    check_name(model, owner)?;
    check_name(model, name)?;
    // A revision becomes a path below `refs`.
    check_path(model, &part.revision)
}

/// One component of a path: letters, digits and `-_.`, not led by a dot.
fn check_name(model: &str, name: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
        let problem = format!("`{name}` is not a name: letters, digits, -, _ and . are");
        return Err(HubError::invalid(model, problem));
    }
    Ok(())
}

fn check_path(model: &str, path: &str) -> Result<()> {
    let wrong = |part: &str| part.is_empty() || part == "." || part == "..";
    if path.split('/').any(wrong) || path.contains(['\\', ':']) || path.chars().any(char::is_control) {
        let problem = format!(
            "`{}` is not a relative path with / between names",
            path.escape_debug()
        );
        return Err(HubError::invalid(model, problem));
    }
    Ok(())
}

fn check_file(model: &str, file: &RepoFile) -> Result<()> {
    check_path(model, &file.path)?;
    check_path(model, &file.place)?;
    let lower_hex = |c: char| matches!(c, '0'..='9' | 'a'..='f');
    match &file.sha256 {
        Some(hash) if hash.len() != 64 || !hash.chars().all(lower_hex) => {
            let problem = format!(
                "`sha256` of {} is not 64 lower-case hexadecimal digits",
                file.path
            );
            Err(HubError::invalid(model, problem))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(repo: &str, files: &[(&str, &str)]) -> Part {
        let file = |(path, place): &(&str, &str)| RepoFile {
            path: (*path).to_owned(),
            place: (*place).to_owned(),
            size: None,
            sha256: None,
        };
        Part {
            repo: repo.to_owned(),
            revision: "main".to_owned(),
            gated: false,
            files: files.iter().map(file).collect(),
        }
    }

    #[test]
    fn a_replaced_file_of_the_base_is_not_downloaded() {
        let own = part("a/fast", &[("fast.safetensors", "unet/w.safetensors")]);
        let base = part(
            "b/base",
            &[("unet/w.safetensors", "unet/w.safetensors"), ("vae/w", "vae/w")],
        );
        let model = Model::new("fast", vec![own, base]).unwrap();
        let files: Vec<_> = model
            .files()
            .map(|(part, file)| (part.repo.as_str(), file.path.as_str()))
            .collect();
        assert_eq!(files, [("a/fast", "fast.safetensors"), ("b/base", "vae/w")]);
        assert!(!model.is_plain());
    }

    #[test]
    fn nothing_leads_out_of_the_cache() {
        for wrong in ["../x", "/etc/passwd", "a//b", "a/./b", "a\\b", "C:x", ""] {
            let error = Model::new("m", vec![part("a/b", &[(wrong, "x")])]).unwrap_err();
            assert!(matches!(error, HubError::InvalidModel { .. }), "{wrong}");
            assert!(
                Model::new("m", vec![part("a/b", &[("x", wrong)])]).is_err(),
                "{wrong}"
            );
        }
        for wrong in ["a", "a/b/c", "../b", "a/..", "a/b c"] {
            assert!(
                Model::new("m", vec![part(wrong, &[("x", "x")])]).is_err(),
                "{wrong}"
            );
        }
        assert!(Model::new("../m", vec![part("a/b", &[("x", "x")])]).is_err());
    }

    #[test]
    fn hashes_are_sixty_four_digits() {
        let mut wrong = part("a/b", &[("x", "x")]);
        wrong.files[0].sha256 = Some("ABC".to_owned());
        assert!(
            Model::new("m", vec![wrong])
                .unwrap_err()
                .to_string()
                .contains("sha256")
        );
    }
}
