//! The style images of the onboarding, with what is known of each: `docs/onboarding.md` describes the folder.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tastemaker_commands::imagine::PROMPT_LIMIT;
use tastemaker_preference::Vocabulary;
use thiserror::Error;

/// Name of the manifest in the gallery's folder.
const MANIFEST: &str = "manifest.toml";
/// Most bytes of one image: what Discord takes from every bot everywhere.
const MAX_BYTES: u64 = 10 << 20;
/// Most characters of an image's description on Discord.
const MAX_ALT: usize = 1024;
/// Most characters of an id, which is kept in profiles, and of a title.
const MAX_NAME: usize = 100;

/// Reports why the gallery can not be used; every message names the image.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GalleryError {
    /// A file is missing or unreadable.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The manifest is not TOML, or has unknown or missing keys.
    #[error("{MANIFEST}: {0}")]
    Manifest(#[from] toml::de::Error),
    /// The manifest has no images.
    #[error("{MANIFEST} has no [[image]]")]
    Empty,
    /// An entry can not be used.
    #[error("{MANIFEST}, image `{id}`: {problem}")]
    Image {
        /// Id of the image.
        id: String,
        /// What is wrong.
        problem: String,
    },
}

/// Is one style image.
#[derive(Debug, Clone)]
pub struct StyleImage {
    /// Its name in records; must stay the same for ever.
    pub id: String,
    /// Its file's name, by which it is uploaded.
    pub file: String,
    /// What it is called.
    pub title: String,
    /// What it shows, for people who do not see it.
    pub alt: String,
    /// What is known of its look: names of the vocabulary.
    pub attributes: Vec<String>,
    /// What a model is asked for to draw its like, where the manifest says.
    pub prompt: Option<String>,
    /// The file.
    pub bytes: Arc<[u8]>,
}

/// Holds all style images in the order of the manifest.
#[derive(Debug, Clone)]
pub struct Gallery {
    images: Vec<StyleImage>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    #[serde(default)]
    image: Vec<Entry>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    file: String,
    title: String,
    alt: String,
    attributes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt: Option<String>,
}

impl Gallery {
    /// Reads the manifest and every image it names.
    ///
    /// # Errors
    /// When a file is missing or too large, a key is unknown, an id stands twice, a text is empty or too long, or an
    /// attribute is not in the vocabulary.
    pub fn load(folder: &Path) -> Result<Self, GalleryError> {
        let manifest: Manifest = toml::from_str(&String::from_utf8_lossy(&read(&folder.join(MANIFEST))?))?;
        if manifest.image.is_empty() {
            return Err(GalleryError::Empty);
        }
        let mut seen = HashSet::new();
        let mut images = Vec::with_capacity(manifest.image.len());
        for entry in manifest.image {
            let problem = check(&entry)
                .or_else(|| (!seen.insert(entry.id.clone())).then(|| "the id stands twice".to_owned()));
            if let Some(problem) = problem {
                return Err(GalleryError::Image {
                    id: entry.id,
                    problem,
                });
            }
            images.push(image(folder, entry)?);
        }
        Ok(Self { images })
    }

    /// Writes the manifest of images that are in other files than their own.
    ///
    /// # Errors
    /// Never, as far as is known: whatever a manifest was read from can be written.
    pub fn manifest<'a>(
        images: impl IntoIterator<Item = (&'a StyleImage, String)>,
    ) -> Result<String, toml::ser::Error> {
        let entry = |(image, file): (&StyleImage, String)| Entry {
            id: image.id.clone(),
            file,
            title: image.title.clone(),
            alt: image.alt.clone(),
            attributes: image.attributes.clone(),
            prompt: image.prompt.clone(),
        };
        toml::to_string(&Manifest {
            image: images.into_iter().map(entry).collect(),
        })
    }

    /// Returns all images in the order of the manifest; at least one.
    pub fn images(&self) -> &[StyleImage] {
        &self.images
    }

    /// Finds an image by its id.
    pub fn get(&self, id: &str) -> Option<&StyleImage> {
        self.images.iter().find(|image| image.id == id)
    }

    /// Makes a gallery of images that exist only in memory.
    #[cfg(test)]
    pub(crate) fn of(images: &[(&str, &[&str])]) -> Self {
        let image = |(id, attributes): &(&str, &[&str])| StyleImage {
            id: (*id).to_owned(),
            file: format!("{id}.jpg"),
            title: format!("Picture {id}"),
            alt: format!("A picture called {id}."),
            attributes: attributes.iter().map(|it| (*it).to_owned()).collect(),
            prompt: None,
            bytes: Arc::from(&b"jpeg"[..]),
        };
        Self {
            images: images.iter().map(image).collect(),
        }
    }
}

/// Says what is wrong with an entry; `None` if nothing is.
fn check(entry: &Entry) -> Option<String> {
    let texts = [
        ("id", Some(&entry.id), MAX_NAME),
        ("title", Some(&entry.title), MAX_NAME),
        ("alt", Some(&entry.alt), MAX_ALT),
        ("prompt", entry.prompt.as_ref(), PROMPT_LIMIT.into()),
    ];
    for (key, text, limit) in texts {
        let Some(text) = text else { continue };
        if !(1..=limit).contains(&text.trim().chars().count()) {
            return Some(format!("`{key}` must have 1 to {limit} characters"));
        }
    }
    if Path::new(&entry.file)
        .file_name()
        .is_none_or(|name| name != entry.file.as_str())
    {
        return Some(format!(
            "`file` must be a name in the same folder, not `{}`",
            entry.file
        ));
    }
    if entry.attributes.is_empty() {
        return Some("`attributes` is empty, so comments on it could not be understood".to_owned());
    }
    let unknown = entry
        .attributes
        .iter()
        .find(|attribute| Vocabulary::embedded().get(attribute).is_none());
    unknown.map(|attribute| format!("`{attribute}` is not in the vocabulary"))
}

fn image(folder: &Path, entry: Entry) -> Result<StyleImage, GalleryError> {
    let bytes = read(&folder.join(&entry.file))?;
    if let Err(error) = image::guess_format(&bytes) {
        return Err(GalleryError::Image {
            id: entry.id,
            problem: format!("{} is no picture: {error}", entry.file),
        });
    }
    let Entry {
        id,
        file,
        title,
        alt,
        attributes,
        prompt,
    } = entry;
    Ok(StyleImage {
        id,
        file,
        title,
        alt,
        attributes,
        prompt,
        bytes: bytes.into(),
    })
}

fn read(path: &Path) -> Result<Vec<u8>, GalleryError> {
    let failed = |source| GalleryError::Read {
        path: path.to_owned(),
        source,
    };
    if std::fs::metadata(path).map_err(failed)?.len() > MAX_BYTES {
        return Err(failed(std::io::Error::new(
            std::io::ErrorKind::FileTooLarge,
            "larger than 10 MiB",
        )));
    }
    std::fs::read(path).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first bytes of a PNG, by which its format is known.
    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

    fn load(manifest: &str) -> Result<Gallery, GalleryError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(MANIFEST), manifest).unwrap();
        std::fs::write(folder.path().join("a.png"), PNG).unwrap();
        std::fs::write(folder.path().join("text.png"), "no picture").unwrap();
        Gallery::load(folder.path())
    }

    fn entry(change: (&str, &str)) -> String {
        let mut entry = String::from("[[image]]\n");
        for (key, value) in [
            ("id", "\"a\""),
            ("file", "\"a.png\""),
            ("title", "\"A\""),
            ("alt", "\"An A.\""),
            ("attributes", "[\"pastel colours\"]"),
        ] {
            entry.push_str(&format!(
                "{key} = {}\n",
                if key == change.0 { change.1 } else { value }
            ));
        }
        entry
    }

    #[test]
    fn reads_images_in_their_order() {
        let gallery = load(&(entry(("", "")) + &entry(("id", "\"b\"")))).unwrap();
        assert_eq!(
            gallery
                .images()
                .iter()
                .map(|image| image.id.as_str())
                .collect::<Vec<_>>(),
            ["a", "b"]
        );
        assert_eq!(&*gallery.get("b").unwrap().bytes, PNG);
        assert!(gallery.get("c").is_none());
    }

    #[test]
    fn a_prompt_may_stand_with_an_image() {
        let prompt =
            |line: &str| Ok::<_, GalleryError>(load(&(entry(("", "")) + line))?.images[0].prompt.clone());
        assert_eq!(prompt("").unwrap(), None);
        assert_eq!(prompt("prompt = \"a boat\"").unwrap().as_deref(), Some("a boat"));
        for line in [
            "prompt = \" \"".to_owned(),
            format!("prompt = \"{}\"", "a".repeat(1001)),
        ] {
            let refused = prompt(&line).unwrap_err().to_string();
            assert!(
                refused.contains("`a`") && refused.contains("`prompt` must have 1 to 1000"),
                "{refused}"
            );
        }
    }

    #[test]
    fn refuses_what_would_fail_later_and_names_it() {
        let refused = |manifest: String| load(&manifest).unwrap_err().to_string();
        assert!(refused(String::new()).contains("no [[image]]"));
        assert!(refused(entry(("", "")) + "colour = 1").contains("colour"));
        assert!(refused(entry(("", "")) + &entry(("", ""))).contains("twice"));
        assert!(refused(entry(("file", "\"../a.png\""))).contains("same folder"));
        assert!(refused(entry(("file", "\"missing.png\""))).contains("missing.png"));
        assert!(refused(entry(("file", "\"text.png\""))).contains("no picture"));
        assert!(refused(entry(("alt", "\" \""))).contains("`alt`"));
        assert!(refused(entry(("attributes", "[]"))).contains("attributes"));
        assert!(refused(entry(("attributes", "[\"sparkly zebra\"]"))).contains("sparkly zebra"));
    }

    #[test]
    fn the_gallery_that_comes_along_is_sound_and_large_enough() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/onboarding");
        assert!(Gallery::load(&folder).unwrap().images().len() >= 24);
    }
}
