//! The profile that a conversation has made so far, and changes to it by hand before it is kept.

use tastemaker_preference::{Extraction, Polarity, Preference, Profile};
use tastemaker_storage::{Answer, OnboardingRecord};

/// Weight of what a person adds by hand.
const BY_HAND: f32 = 0.8;
/// Most attributes that one modal adds to a list.
const MOST_ADDED: usize = 20;

/// Adds up what was said. Built anew from the answers, so that going back and saying something else leaves no trace.
pub(in crate::bot::onboarding) fn draft(record: &OnboardingRecord) -> Profile {
    let mut profile = Profile::default();
    merge_into(&mut profile, record);
    profile
}

/// Adds what was said to a profile.
pub(in crate::bot::onboarding) fn merge_into(profile: &mut Profile, record: &OnboardingRecord) {
    for answer in &record.answers {
        let image = (!answer.image.is_empty()).then_some(answer.image.as_str());
        profile.merge(image, &answer.extraction);
    }
}

/// Takes attributes out of everything that was said.
pub(super) fn remove(record: &mut OnboardingRecord, attributes: &[String]) {
    let stays = |preference: &Preference| !attributes.contains(&preference.attribute);
    for answer in &mut record.answers {
        answer.extraction.liked.retain(stays);
        answer.extraction.disliked.retain(stays);
    }
    for attribute in attributes {
        if !record.removed.contains(attribute) {
            record.removed.push(attribute.clone());
        }
    }
}

/// Adds attributes in any words, between commas or line breaks. They win over what was said before.
pub(super) fn add(record: &mut OnboardingRecord, liked: &str, disliked: &str) {
    for (polarity, words) in [(Polarity::Liked, liked), (Polarity::Disliked, disliked)] {
        for words in words
            .split([',', ';', '\n'])
            .map(str::trim)
            .filter(|it| !it.is_empty())
            .take(MOST_ADDED)
        {
            // The profile looks words up in the vocabulary; what it refuses (too long) is left out.
            let mut named = Profile::default();
            if named.set(polarity, words, BY_HAND).is_err() {
                continue;
            }
            let Some(entry) = named.list(polarity).first() else {
                continue;
            };
            remove(record, std::slice::from_ref(&entry.attribute));
            let preference = Preference {
                attribute: entry.attribute.clone(),
                category: entry.category.clone(),
                weight: BY_HAND,
                evidence: words.to_owned(),
            };
            let extraction = match polarity {
                Polarity::Liked => Extraction {
                    liked: vec![preference],
                    disliked: Vec::new(),
                },
                Polarity::Disliked => Extraction {
                    liked: Vec::new(),
                    disliked: vec![preference],
                },
            };
            record.answers.push(Answer {
                image: String::new(),
                comment: Some(words.to_owned()),
                extraction,
                unread: false,
                together: false,
            });
        }
    }
}
