//! Finds an attribute by what a person typed.

use strsim::{jaro_winkler, osa_distance};

use super::{AttributeDef, Vocabulary, stem_phrase};
use crate::spelling::phrase_keys;

/// Longer input is no attribute; bounds the work of the fuzzy search.
const MAX_TYPED_CHARS: usize = 80;

impl Vocabulary {
    /// Finds the attribute that free words stand for: by name, by a word people use, by their stems, and last by
    /// likeness, which forgives one slip in about five letters.
    pub fn resolve(&self, free_text: &str) -> Option<&AttributeDef> {
        if free_text.chars().count() > MAX_TYPED_CHARS {
            return None;
        }
        let keys = phrase_keys(free_text);
        if keys.is_empty() {
            return None;
        }
        self.resolve_keys(&keys)
            .or_else(|| self.resolve_without_filler(&keys))
            .or_else(|| self.resolve_by_likeness(&keys.join(" ")))
            .map(|index| &self.attributes[index])
    }

    /// Finds the attribute of exactly these words, or of words with their stems.
    pub(crate) fn resolve_keys(&self, keys: &[String]) -> Option<usize> {
        self.by_key
            .get(&keys.join(" "))
            .or_else(|| self.by_stem.get(&stem_phrase(keys)))
            .copied()
    }

    /// "very vibrant colour palette" means "vibrant": drops degrees, then the nouns that only name a side of the image.
    fn resolve_without_filler(&self, keys: &[String]) -> Option<usize> {
        const FILLER: [&str; 14] = [
            "a", "an", "the", "very", "really", "so", "with", "of", "use", "and", "its", "overall", "highly",
            "quite",
        ];
        let meaningful: Vec<String> = keys
            .iter()
            .filter(|key| !FILLER.contains(&key.as_str()))
            .cloned()
            .collect();
        if meaningful.is_empty() {
            return None;
        }
        if let Some(index) = self.resolve_keys(&meaningful) {
            return Some(index);
        }
        let noun = (1..meaningful.len()).find(|&at| {
            self.references
                .iter()
                .any(|(phrase, _)| *phrase == meaningful[at..])
        })?;
        self.resolve_keys(&meaningful[..noun])
    }

    fn resolve_by_likeness(&self, typed: &str) -> Option<usize> {
        let length = typed.chars().count();
        let slips = length / 5;
        if slips == 0 {
            return None;
        }
        self.by_key
            .iter()
            .filter(|(key, _)| key.chars().count().abs_diff(length) <= slips)
            .map(|(key, &index)| (osa_distance(typed, key), index, key))
            .filter(|(distance, _, _)| *distance <= slips)
            .min_by(|a, b| (a.0, a.2).cmp(&(b.0, b.2)))
            .map(|(_, index, _)| index)
    }

    /// Completes what a person has typed so far, best first: names that begin with it, names with a word that does,
    /// words people use that do, then names that look alike. Nothing typed gives the first attributes.
    pub fn complete(&self, typed: &str, limit: usize) -> Vec<&AttributeDef> {
        let typed: String = typed.chars().take(MAX_TYPED_CHARS).collect();
        let key = phrase_keys(&typed).join(" ");
        let mut ranked: Vec<(u8, usize)> = self
            .attributes
            .iter()
            .enumerate()
            .filter_map(|(index, attribute)| Some((completion_rank(&key, attribute)?, index)))
            .collect();
        ranked.sort_unstable();
        ranked
            .into_iter()
            .take(limit)
            .map(|(_, index)| &self.attributes[index])
            .collect()
    }
}

/// Ranks an attribute for what was typed; lower is better, `None` is no completion.
fn completion_rank(typed: &str, attribute: &AttributeDef) -> Option<u8> {
    let name = phrase_keys(&attribute.name).join(" ");
    if name.starts_with(typed) {
        return Some(0);
    }
    if name.split(' ').any(|word| word.starts_with(typed)) || name.contains(&format!(" {typed}")) {
        return Some(1);
    }
    let mut words = attribute.words.iter().map(|word| phrase_keys(word).join(" "));
    if words.any(|word| word.starts_with(typed)) {
        return Some(2);
    }
    let alike = typed.chars().count() >= 4
        && (name.contains(typed) || name.split(' ').any(|word| jaro_winkler(typed, word) > 0.9));
    alike.then_some(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(text: &str) -> Option<&'static str> {
        Vocabulary::embedded()
            .resolve(text)
            .map(|attribute| attribute.name.as_str())
    }

    #[test]
    fn the_embedded_vocabulary_is_large_and_sound() {
        let vocabulary = Vocabulary::embedded();
        assert_eq!(vocabulary.categories().len(), 20);
        assert!(
            vocabulary.attributes().len() >= 500,
            "{}",
            vocabulary.attributes().len()
        );
        for attribute in vocabulary.attributes() {
            assert_eq!(vocabulary.get(&attribute.name), Some(attribute));
            assert!(vocabulary.categories().contains(&attribute.category));
        }
    }

    #[test]
    fn resolves_names_words_and_both_spellings() {
        assert_eq!(resolved("Pastel Colors"), Some("pastel colours"));
        assert_eq!(resolved("chiaroscuro"), Some("dramatic lighting"));
        assert_eq!(resolved("b&w"), Some("black and white"));
        assert_eq!(resolved("van Gogh"), Some("post-impressionism"));
        assert_eq!(resolved("soft pastels"), Some("pastel colours"));
        assert_eq!(resolved("very vibrant colour palette"), Some("vivid colours"));
    }

    #[test]
    fn resolves_slips_but_not_everything() {
        assert_eq!(resolved("pointilsm"), Some("pointillism"));
        assert_eq!(resolved("chiarosuro"), Some("dramatic lighting"));
        assert_eq!(resolved("cats"), None);
        assert_eq!(resolved("my new bicycle"), None);
        assert_eq!(resolved(""), None);
        assert_eq!(resolved(&"x".repeat(10_000)), None);
    }

    #[test]
    fn completes_names_before_words() {
        let names = |typed: &str| -> Vec<&str> {
            Vocabulary::embedded()
                .complete(typed, 25)
                .iter()
                .map(|a| a.name.as_str())
                .collect()
        };
        assert_eq!(names("past").first(), Some(&"pastel colours"));
        assert!(names("monet").contains(&"impressionism"));
        assert_eq!(names("").len(), 25);
        assert!(names("qqqqqq").is_empty());
    }

    #[test]
    fn refuses_words_that_stand_for_two_attributes() {
        let text = "schema = 1\n[[category]]\nname = \"c\"\nrefers = []\nattributes = [\n\
                    { name = \"a\", words = [\"x\"] },\n{ name = \"b\", words = [\"X\"] },\n]\n";
        assert!(matches!(
            Vocabulary::from_toml(text),
            Err(crate::VocabularyError::DuplicateWord { word, .. }) if word == "X"
        ));
    }

    #[test]
    fn names_the_unknown_key() {
        let error = Vocabulary::from_toml("schema = 1\ncategory = []\ncolour = 2\n");
        assert!(error.is_err_and(|e| e.to_string().contains("colour")));
    }
}
