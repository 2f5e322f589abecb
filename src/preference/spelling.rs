//! One spelling for every way of writing a word, so that the rest of the crate compares plain keys.
//!
//! The same function is used for the vocabulary and for comments; keys are never shown to anybody.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_segmentation::UnicodeSegmentation;

/// British spellings and the American ones they are matched as, where they may stand inside a longer word.
const AMERICAN: [(&str, &str); 14] = [
    ("colour", "color"),
    ("grey", "gray"),
    ("centre", "center"),
    ("favour", "favor"),
    ("cosy", "cozy"),
    ("cosi", "cozi"),
    ("stylis", "styliz"),
    ("idealis", "idealiz"),
    ("posteris", "posteriz"),
    ("solaris", "solariz"),
    ("generalis", "generaliz"),
    ("romanticis", "romanticiz"),
    ("stencill", "stencil"),
    ("mould", "mold"),
];

/// Returns the key of one word: lower case, no accents, one apostrophe, American spelling, no drawn-out letters.
///
/// Three or more of the same letter become two ("sooo" → "soo"); [`crate::lexicon`] tries one as well. "-ism" words keep
/// their ending: "romanticism" is not a verb in "-ise".
pub(crate) fn word_key(word: &str) -> String {
    let mut key = String::with_capacity(word.len());
    let mut run = 0;
    for c in word
        .nfkd()
        .filter(|c| !is_combining_mark(*c))
        .flat_map(char::to_lowercase)
    {
        let c = match c {
            '’' | '‘' | '`' | 'ʼ' => '\'',
            other => other,
        };
        run = if key.ends_with(c) { run + 1 } else { 1 };
        if run <= 2 || c.is_numeric() {
            key.push(c);
        }
    }
    for (british, american) in AMERICAN {
        if let Some(at) = key.find(british)
            && !key[at + british.len()..].starts_with('m')
        {
            key.replace_range(at..at + british.len(), american);
        }
    }
    key
}

/// Returns the keys of the words of a phrase; punctuation and emoji fall away.
pub(crate) fn phrase_keys(phrase: &str) -> Vec<String> {
    phrase.unicode_words().map(word_key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_have_one_key() {
        assert_eq!(word_key("Colours"), word_key("colors"));
        assert_eq!(word_key("greyish"), word_key("grayish"));
        assert_eq!(word_key("stylised"), word_key("stylized"));
        assert_eq!(word_key("COSINESS"), word_key("coziness"));
        assert_eq!(word_key("naïve"), "naive");
        assert_eq!(word_key("don’t"), "don't");
    }

    #[test]
    fn isms_keep_their_ending() {
        assert_eq!(word_key("romanticism"), "romanticism");
    }

    #[test]
    fn drawn_out_letters_are_cut_to_two() {
        assert_eq!(word_key("sooooo"), "soo");
        assert_eq!(word_key("1000s"), "1000s");
    }

    #[test]
    fn hyphens_and_apostrophes_make_words() {
        assert_eq!(
            phrase_keys("Wet-on-wet, bird's-eye!"),
            ["wet", "on", "wet", "bird's", "eye"]
        );
    }
}
