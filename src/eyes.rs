//! The small pair of eyes that comes along: says which visual attributes a picture has, and how near it is to a taste.
//!
//! A dual encoder gives each attribute that it can tell a chance for each picture; `attributes.toml` beside it names these
//! attributes, with the chance from which each counts as seen.

use std::path::Path;

use anyhow::{Context, bail};
use image::RgbImage;
use serde::{Deserialize, Serialize};
use tastemaker_diffusion::{Device, Direction, DualEncoder};
use tastemaker_preference::Vocabulary;

/// Name of the list of attributes in the folder.
const ATTRIBUTES: &str = "attributes.toml";

/// A loaded pair of eyes. The texts of all attributes are encoded once, here.
pub struct Eyes {
    encoder: DualEncoder,
    attributes: Vec<Told>,
}

/// An attribute that can be told.
struct Told {
    name: &'static str,
    category: &'static str,
    threshold: f32,
    direction: Direction,
}

/// What a person likes and dislikes, as directions among pictures.
pub struct Taste {
    liked: Vec<Direction>,
    disliked: Vec<Direction>,
}

/// What was seen of an attribute in a picture.
#[derive(Debug, Clone, Serialize)]
pub struct Seen<'a> {
    /// Its name in the vocabulary.
    pub attribute: &'a str,
    /// Its category there.
    pub category: &'a str,
    /// The chance that the picture has it, 0 to 1.
    pub chance: f32,
    /// Whether that is enough to say so.
    pub present: bool,
}

#[derive(Deserialize)]
struct List {
    attribute: Vec<Entry>,
}

/// Further keys, such as how often it is right, are for people.
#[derive(Deserialize)]
struct Entry {
    name: String,
    threshold: f32,
}

impl Eyes {
    /// Opens a folder: a dual encoder in the layout of transformers' CLIPModel and `attributes.toml`, with a tokenizer beside
    /// them or that of the embedded model in `assets`.
    ///
    /// # Errors
    ///
    /// When a file is missing or broken, or an attribute is not in the vocabulary.
    pub fn open(folder: &Path, assets: &Path) -> anyhow::Result<Eyes> {
        if !folder.join("config.json").is_file() {
            bail!(
                "there is no dual encoder in {}: it comes with the program's assets; say with `paths.assets` where these are, or with \
                 --eyes where one is (config.json, model.safetensors and {ATTRIBUTES})",
                folder.display()
            );
        }
        let path = folder.join(ATTRIBUTES);
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let list: List = toml::from_str(&text).with_context(|| format!("{} is no list", path.display()))?;
        let own = folder.join("tokenizer.json").is_file() || folder.join("vocab.json").is_file();
        let beside = assets.join("model/tokenizer_2");
        let encoder = DualEncoder::load(folder, if own { folder } else { &beside }, &Device::Cpu)
            .with_context(|| format!("the dual encoder in {} cannot be loaded", folder.display()))?;
        let vocabulary = Vocabulary::embedded();
        let mut attributes = Vec::with_capacity(list.attribute.len());
        for Entry { name, threshold } in list.attribute {
            let Some(known) = vocabulary.get(&name) else {
                bail!("{}: `{name}` is not in the vocabulary", path.display());
            };
            if !(0.0..=1.0).contains(&threshold) {
                bail!(
                    "{}: the threshold of `{name}` must be 0 to 1, not {threshold}",
                    path.display()
                );
            }
            attributes.push(Told {
                direction: encoder.text(&known.name)?,
                name: &known.name,
                category: &known.category,
                threshold,
            });
        }
        Ok(Eyes { encoder, attributes })
    }

    /// Looks at a picture.
    ///
    /// # Errors
    ///
    /// When the picture has no pixels or the computation fails.
    pub fn look(&self, picture: &RgbImage) -> anyhow::Result<Direction> {
        Ok(self.encoder.picture(picture)?)
    }

    /// What was seen of all attributes that can be told, the likeliest first.
    pub fn attributes(&self, picture: &Direction) -> Vec<Seen<'_>> {
        let mut seen: Vec<_> = self
            .attributes
            .iter()
            .map(|it| {
                let chance = self.encoder.chance(picture, &it.direction);
                Seen {
                    attribute: it.name,
                    category: it.category,
                    chance,
                    present: chance >= it.threshold,
                }
            })
            .collect();
        seen.sort_by(|a, b| b.chance.total_cmp(&a.chance));
        seen
    }

    /// Reads a taste: attributes of the vocabulary, by any of their words, or other words.
    ///
    /// # Errors
    ///
    /// When the computation fails.
    pub fn taste(&self, liked: &[String], disliked: &[String]) -> anyhow::Result<Taste> {
        let vocabulary = Vocabulary::embedded();
        let read = |words: &[String]| {
            let known = |word| vocabulary.resolve(word).map_or(word, |it| &it.name);
            let directions = words.iter().map(|word| Ok(self.encoder.text(known(word))?));
            directions.collect::<anyhow::Result<_>>()
        };
        Ok(Taste {
            liked: read(liked)?,
            disliked: read(disliked)?,
        })
    }
}

impl Taste {
    /// How near a picture is, −2 to 2: the mean cosine to what is liked less the mean cosine to what is disliked. Only the order of
    /// pictures means something.
    pub fn nearness(&self, picture: &Direction) -> f32 {
        let mean = |directions: &[Direction]| {
            let sum: f32 = directions.iter().map(|it| picture.cosine(it)).sum();
            sum / directions.len().max(1) as f32
        };
        mean(&self.liked) - mean(&self.disliked)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fs;
    use std::path::PathBuf;

    use image::Rgb;
    use tempfile::TempDir;

    use super::*;

    fn fixtures() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/diffusion")
    }

    /// A tiny dual encoder with its tokenizer and a list of attributes.
    pub(crate) fn tiny(list: &str) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for from in ["dual", "xl/tokenizer_2"] {
            for entry in fs::read_dir(fixtures().join(from)).unwrap().map(Result::unwrap) {
                fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
            }
        }
        let config = folder.path().join("config.json");
        fs::copy(fixtures().join("dual/config.json"), config).unwrap();
        fs::write(folder.path().join(ATTRIBUTES), list).unwrap();
        folder
    }

    /// A list of attributes with their thresholds.
    pub(crate) fn list(attributes: &[(&str, f32)]) -> String {
        let entry = |(name, threshold): &(&str, f32)| {
            format!("[[attribute]]\nname = \"{name}\"\nthreshold = {threshold:?}\n")
        };
        attributes.iter().map(entry).collect()
    }

    #[test]
    fn each_attribute_has_a_chance_and_counts_from_its_threshold_on() {
        let folder = tiny(&list(&[("watercolour", 0.0), ("soft lighting", 1.0)]));
        let eyes = Eyes::open(folder.path(), Path::new("no/assets")).unwrap();
        let picture = RgbImage::from_fn(40, 30, |x, y| Rgb([(x * 6) as u8, (y * 8) as u8, 90]));
        let seen = eyes.attributes(&eyes.look(&picture).unwrap());
        assert!(seen[0].chance >= seen[1].chance && seen.iter().all(|it| (0.0..=1.0).contains(&it.chance)));
        let of = |name: &str| seen.iter().find(|it| it.attribute == name).unwrap();
        assert!(of("watercolour").present && !of("soft lighting").present);
        assert_eq!(of("soft lighting").category, "lighting");
    }

    #[test]
    fn the_eyes_that_come_along_see_something_in_the_pictures_of_the_onboarding() {
        let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets");
        let eyes = Eyes::open(&assets.join("eyes"), &assets).unwrap();
        let set = crate::bot::Gallery::load(&assets.join("onboarding")).unwrap();
        let (mut told, mut right) = (0, 0);
        for image in set.images().iter().step_by(4) {
            let picture = image::load_from_memory(&image.bytes).unwrap().into_rgb8();
            let seen = eyes.attributes(&eyes.look(&picture).unwrap());
            let present: Vec<_> = seen.iter().filter(|it| it.present).collect();
            told += present.len();
            right += present
                .iter()
                .filter(|it| image.attributes.iter().any(|known| known == it.attribute))
                .count();
        }
        assert!(told > 0 && right > 0, "{right} of {told}");
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let message =
            |folder: &Path| format!("{:#}", Eyes::open(folder, Path::new("no/assets")).err().unwrap());
        let none = message(Path::new("no/eyes"));
        assert!(
            none.contains("no/eyes") && none.contains("paths.assets"),
            "{none}"
        );
        for (attributes, said) in [
            (
                list(&[("sparkly zebra", 0.5)]),
                "`sparkly zebra` is not in the vocabulary",
            ),
            (list(&[("watercolour", 1.5)]), "must be 0 to 1"),
            ("[[attribute]]\nname = 1".to_owned(), ATTRIBUTES),
        ] {
            let folder = tiny(&attributes);
            assert!(
                message(folder.path()).contains(said),
                "{}",
                message(folder.path())
            );
        }
        let folder = tiny("");
        fs::remove_file(folder.path().join("tokenizer.json")).unwrap();
        fs::write(folder.path().join(ATTRIBUTES), list(&[("watercolour", 0.5)])).unwrap();
        assert!(message(folder.path()).contains("no/assets/model/tokenizer_2"));
    }
}
