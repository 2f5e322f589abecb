//! How sure the bot is of each side of a taste, in words.

use tastemaker_preference::asking::CategoryConfidence;

use crate::bot::profile::card;

/// Levels from the surest down: the confidence it takes, the bar's filling, the words.
const LEVELS: [(f32, f32, &str); 4] = [
    (0.6, 1.0, "I know well"),
    (0.35, 0.7, "fairly sure"),
    (0.15, 0.4, "a first idea"),
    (0.0, 0.2, "hardly anything yet"),
];

/// Writes one line for each level that any category has, the surest first; `None` where there are no categories.
pub(super) fn lines(confidence: &[CategoryConfidence]) -> Option<String> {
    let mut lines = Vec::new();
    let mut above = f32::INFINITY;
    for (least, filled, words) in LEVELS {
        let names: Vec<&str> = confidence
            .iter()
            .filter(|it| (least..above).contains(&it.confidence))
            .map(|it| it.category.as_str())
            .collect();
        above = least;
        if !names.is_empty() {
            lines.push(format!("`{}` {words}: {}", card::bar(filled), names.join(", ")));
        }
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use tastemaker_preference::Vocabulary;

    use super::*;

    fn of(category: &str, confidence: f32) -> CategoryConfidence {
        CategoryConfidence {
            category: category.into(),
            confidence,
            opinions: 0,
        }
    }

    #[test]
    fn categories_stand_behind_the_words_for_them() {
        let lines = lines(&[
            of("mood", 0.1),
            of("lighting", 0.7),
            of("line", 0.6),
            of("era", 1.0),
        ])
        .unwrap();
        assert_eq!(
            lines,
            "`▰▰▰▰▰` I know well: lighting, line, era\n`▰▱▱▱▱` hardly anything yet: mood"
        );
        assert_eq!(super::lines(&[]), None);
    }

    #[test]
    fn all_categories_fit_beside_the_largest_card() {
        let mut all = Vec::new();
        for (at, category) in Vocabulary::embedded().categories().iter().enumerate() {
            all.push(of(category, at as f32 / 20.0));
        }
        assert!(lines(&all).unwrap().chars().count() <= 420);
    }
}
