//! Conversations as people hold them, and any others.

use proptest::prelude::*;
use tastemaker_preference::{Extractor, LexiconExtractor, MAX_COMMENT_CHARS};
use tastemaker_storage::{OnboardingRecord, OnboardingState};

use super::*;

mod together;

pub(in crate::bot::onboarding) fn gallery() -> Gallery {
    Gallery::of(&[
        ("a", &["pastel colours", "soft lighting", "watercolour"]),
        ("b", &["neon colours", "clean lines"]),
        ("c", &["oil painting", "dramatic lighting"]),
        ("d", &["minimalism", "negative space"]),
        ("e", &["black and white", "hatching"]),
    ])
}

struct Person {
    gallery: Gallery,
    extractor: LexiconExtractor,
    record: OnboardingRecord,
    outcome: Outcome,
    /// Whether comments are read together at the end of a round.
    together: bool,
}

impl Person {
    fn new(images: usize) -> Self {
        let (gallery, extractor) = (gallery(), LexiconExtractor::embedded());
        let record = begin(
            1,
            2,
            &Surroundings {
                gallery: &gallery,
                reading: Reading::NotYet,
                together: Together::Off,
                images,
                now: 10,
            },
        );
        Self {
            gallery,
            extractor,
            record,
            outcome: Outcome::Nothing,
            together: false,
        }
    }

    fn does(&mut self, input: Input) -> Outcome {
        let together = if self.together {
            Together::NotYet
        } else {
            Together::Off
        };
        let Err(wanted) = self.tries(input.clone(), Reading::NotYet, together) else {
            return self.outcome.clone();
        };
        let ToRead::One(said) = *wanted else {
            panic!("read together: {input:?}")
        };
        let read = self.extractor.extract(&said.comment).unwrap();
        self.tries(input, Reading::Done(&read), together).unwrap();
        self.outcome.clone()
    }

    /// Does what ends a round: all comments are asked for, and found in each is what is given for it.
    fn ends(&mut self, input: Input, found: Option<&[Extraction]>) -> (Vec<String>, Outcome) {
        let wanted = self.tries(input.clone(), Reading::NotYet, Together::NotYet);
        let Err(ToRead::Together(said)) = wanted.map_err(|wanted| *wanted) else {
            panic!("not read together: {input:?}")
        };
        let together = found.map_or(Together::Failed, Together::Done);
        self.tries(input, Reading::NotYet, together).unwrap();
        let said = said.into_iter().map(|it| it.comment.text).collect();
        (said, self.outcome.clone())
    }

    /// Does the same while nothing can be read.
    fn does_unread(&mut self, input: Input) -> Outcome {
        let wanted = self.tries(input.clone(), Reading::NotYet, Together::Off);
        assert!(wanted.is_err(), "nothing was to be read");
        self.tries(input, Reading::Failed, Together::Off).unwrap();
        self.outcome.clone()
    }

    fn tries(
        &mut self,
        input: Input,
        reading: Reading<'_>,
        together: Together<'_>,
    ) -> Result<(), Box<ToRead>> {
        let around = Surroundings {
            gallery: &self.gallery,
            reading,
            together,
            images: 3,
            now: 10,
        };
        let before = self.record.clone();
        match step(&mut self.record, input, &around) {
            Ok(outcome) => self.outcome = outcome,
            Err(wanted) => {
                let same = serde_json::to_string(&before).unwrap();
                assert_eq!(serde_json::to_string(&self.record).unwrap(), same);
                return Err(wanted);
            }
        }
        Ok(())
    }

    fn says(&mut self, text: &str) -> Outcome {
        self.does(Input::Comment {
            text: text.into(),
            late: false,
        })
    }

    fn likes(&self) -> Vec<String> {
        draft(&self.record)
            .liked()
            .iter()
            .map(|entry| entry.attribute.clone())
            .collect()
    }
}

#[test]
fn a_round_ends_in_a_review_of_what_was_said() {
    let mut person = Person::new(3);
    assert!(
        matches!(person.says("I love the pastel colours"), Outcome::Ask(Note::Understood { extraction, .. }) if !extraction.is_empty())
    );
    assert_eq!(person.does(Input::Skip { at: None }), Outcome::Ask(Note::Skipped));
    assert!(matches!(person.says("I hate neon"), Outcome::Review(_)));
    assert!(person.likes().contains(&"pastel colours".to_owned()));
    assert!(draft(&person.record).vp_minus().contains("neon colours"));
    assert_eq!(person.does(Input::Keep), Outcome::Keep { replace: false });
}

#[test]
fn one_comment_is_enough_and_none_is_not() {
    let mut person = Person::new(3);
    assert_eq!(
        person.does(Input::Done { at: None }),
        Outcome::Say(Note::NothingYet)
    );
    assert_eq!(person.does(Input::Keep), Outcome::Say(Note::FirstDone));
    person.says("I love the pastel colours");
    assert_eq!(person.does(Input::Done { at: None }), Outcome::Review(Note::None));
    assert_eq!(person.does(Input::Keep), Outcome::Keep { replace: false });
}

#[test]
fn a_comment_without_looks_in_it_is_said_to_be_one() {
    let mut person = Person::new(3);
    assert!(
        matches!(person.says("my bus was late"), Outcome::Ask(Note::Understood { extraction, .. }) if extraction.is_empty())
    );
}

fn comment(text: &str, late: bool) -> Input {
    Input::Comment {
        text: text.into(),
        late,
    }
}

#[test]
fn words_that_cannot_be_read_now_are_kept_and_read_again() {
    let mut person = Person::new(3);
    let outcome = person.does_unread(comment("I love the pastel colours", false));
    assert_eq!(outcome, Outcome::Say(Note::Unread));
    assert_eq!(person.record.index, 0, "the conversation stays at the image");
    assert!(person.likes().is_empty());
    assert_eq!(person.does_unread(Input::Again), Outcome::Say(Note::Unread));
    assert!(matches!(
        person.does(Input::Again),
        Outcome::Ask(Note::Understood { .. })
    ));
    assert_eq!(
        (person.record.index, person.likes()),
        (1, vec!["pastel colours".into()])
    );
    assert_eq!(person.does(Input::Again), Outcome::Say(Note::Passed));
}

#[test]
fn words_added_to_those_that_could_not_be_read_are_read_with_them() {
    let mut person = Person::new(3);
    person.does_unread(comment("I love the pastel colours", false));
    person.says("and I love the soft lighting");
    assert_eq!(person.record.index, 1);
    assert_eq!(person.likes(), ["pastel colours", "soft lighting"]);
}

#[test]
fn going_on_past_unread_words_keeps_them_too() {
    let mut person = Person::new(2);
    person.does_unread(comment("I love the pastel colours", false));
    person.does(Input::Skip { at: None });
    person.does_unread(comment("and neon, never", true));
    person.does(Input::Skip { at: None });
    assert_eq!(person.record.state, OnboardingState::Review);
    assert_eq!(
        person.does_unread(comment("I love gold", false)),
        Outcome::Say(Note::Unread)
    );
    assert!(matches!(
        person.does(Input::Again),
        Outcome::Review(Note::Understood { .. })
    ));
    assert!(matches!(
        person.does(Input::Again),
        Outcome::Review(Note::Understood { .. })
    ));
    assert!(person.likes().contains(&"pastel colours".to_owned()));
    assert!(person.record.answers.iter().all(|answer| !answer.unread));
}

#[test]
fn going_back_and_saying_something_else_leaves_no_trace() {
    let mut person = Person::new(3);
    person.says("I love the pastel colours");
    assert_eq!(
        person.does(Input::Back { at: None }),
        Outcome::Ask(Note::Back {
            said: Some("I love the pastel colours".into())
        })
    );
    person.says("I love the soft lighting");
    assert_eq!(person.likes(), ["soft lighting"]);
    // Back and on again without a word keeps what was said.
    person.does(Input::Back { at: None });
    person.does(Input::Skip { at: None });
    assert_eq!(person.likes(), ["soft lighting"]);
    assert_eq!(person.record.index, 1);
}

#[test]
fn messages_sent_before_the_next_image_was_there_go_together() {
    let mut person = Person::new(3);
    person.says("I love the pastel colours");
    let late = Input::Comment {
        text: "and the soft lighting, love it".into(),
        late: true,
    };
    assert!(matches!(
        person.does(late.clone()),
        Outcome::Say(Note::Understood { .. })
    ));
    assert_eq!(person.does(late), Outcome::Nothing, "the same message twice");
    assert_eq!((person.record.index, person.record.answers.len()), (1, 1));
    assert_eq!(person.likes().len(), 2);
}

#[test]
fn a_late_message_after_the_last_image_still_counts() {
    let mut person = Person::new(1);
    person.says("I love the pastel colours");
    assert_eq!(person.record.state, OnboardingState::Review);
    let outcome = person.does(Input::Comment {
        text: "I love the soft lighting".into(),
        late: true,
    });
    assert!(matches!(outcome, Outcome::Review(Note::Understood { .. })));
    assert_eq!(person.record.answers.len(), 1);
}

#[test]
fn buttons_of_earlier_images_and_second_clicks_move_nothing() {
    let mut person = Person::new(3);
    assert_eq!(
        person.does(Input::Skip { at: Some(0) }),
        Outcome::Ask(Note::Skipped)
    );
    for old in [
        Input::Skip { at: Some(0) },
        Input::Back { at: Some(0) },
        Input::Done { at: Some(0) },
        Input::CommentOn {
            at: 0,
            text: "pastel".into(),
        },
    ] {
        assert_eq!(person.does(old), Outcome::Say(Note::Passed));
        assert_eq!(person.record.index, 1);
    }
}

#[test]
fn a_pause_holds_until_resumed() {
    let mut person = Person::new(3);
    person.says("I love the pastel colours");
    assert_eq!(person.does(Input::Stop), Outcome::Paused);
    assert_eq!(person.says("I love neon"), Outcome::Say(Note::StillPaused));
    assert!(matches!(person.does(Input::Resume), Outcome::Ask(_)));
    assert_eq!((person.record.index, person.record.answers.len()), (1, 1));
}

#[test]
fn the_draft_can_be_changed_before_it_is_kept() {
    let mut person = Person::new(3);
    person.says("I love the pastel colours");
    person.does(Input::Done { at: None });
    assert_eq!(person.does(Input::Edit), Outcome::Edit(Note::None));
    let removed = person.does(Input::Remove(vec!["pastel colours".into()]));
    assert!(matches!(removed, Outcome::Edit(Note::Changed(changes)) if changes.len() == 1));
    assert_eq!(person.does(Input::Keep), Outcome::Say(Note::NothingYet));
    person.does(Input::Add {
        liked: "b&w, soft lighting".into(),
        disliked: "neon\npastel colours".into(),
    });
    let draft = draft(&person.record);
    assert_eq!(draft.vp_plus(), "black and white, soft lighting");
    assert_eq!(draft.vp_minus(), "neon colours, pastel colours");
    assert_eq!(person.does(Input::Edited), Outcome::Review(Note::None));
}

#[test]
fn words_in_the_review_count_too() {
    let mut person = Person::new(3);
    person.says("I love the pastel colours");
    person.does(Input::Done { at: None });
    assert!(matches!(
        person.says("and I hate neon colours"),
        Outcome::Review(Note::Understood { .. })
    ));
    assert_eq!(draft(&person.record).vp_minus(), "neon colours");
}

#[test]
fn more_goes_on_with_what_is_left_until_there_is_none() {
    let mut person = Person::new(2);
    person.says("I love the pastel colours");
    person.says("I hate neon");
    assert!(matches!(
        person.does(Input::More),
        Outcome::Ask(Note::More { total: 5 })
    ));
    for _ in 0..3 {
        person.does(Input::Skip { at: None });
    }
    assert_eq!(person.record.state, OnboardingState::Review);
    assert_eq!(person.does(Input::More), Outcome::Say(Note::NoMore));
}

#[test]
fn redo_begins_another_conversation() {
    let mut person = Person::new(3);
    person.says("I love the pastel colours");
    let before = person.record.started_at;
    assert_eq!(person.does(Input::Redo), Outcome::Ask(Note::Redone));
    assert!(person.record.started_at > before && person.record.answers.is_empty());
}

#[test]
fn an_image_that_an_update_took_away_is_left_out() {
    let mut person = Person::new(3);
    person.does(Input::Skip { at: None });
    let shown = person.record.images.clone();
    person.gallery = Gallery::of(&[("z", &["pastel colours"])]);
    assert!(
        matches!(person.does(Input::Open), Outcome::Review(_)),
        "{shown:?} are gone"
    );
    assert_eq!(person.record.images.len(), 0);
}

#[test]
fn a_comment_longer_than_is_read_is_cut_and_said_so() {
    let mut person = Person::new(3);
    let text = format!("I love pastel colours. {}", "ä".repeat(MAX_COMMENT_CHARS));
    assert!(matches!(
        person.says(&text),
        Outcome::Ask(Note::Understood { cut: true, .. })
    ));
}

fn any_input() -> impl Strategy<Value = Input> {
    let at = || proptest::option::of(0..6usize);
    let text = prop_oneof![
        Just("I love the pastel colours"),
        Just("too much neon"),
        Just("nice"),
        Just(""),
        Just("these colours!")
    ];
    prop_oneof![
        (text.clone(), any::<bool>()).prop_map(|(text, late)| Input::Comment {
            text: text.into(),
            late
        }),
        (0..6usize, text).prop_map(|(at, text)| Input::CommentOn {
            at,
            text: text.into()
        }),
        at().prop_map(|at| Input::Skip { at }),
        at().prop_map(|at| Input::Back { at }),
        at().prop_map(|at| Input::Done { at }),
        proptest::sample::select(vec![
            Input::NoWords,
            Input::Again,
            Input::Help,
            Input::Stop,
            Input::Resume,
            Input::Open,
            Input::Redo,
            Input::More,
            Input::Keep,
            Input::Replace,
            Input::Edit,
            Input::Edited,
            Input::Remove(vec!["neon colours".into()]),
            Input::Add {
                liked: "gold".into(),
                disliked: "neon".into()
            },
        ]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_conversation_stays_sound_and_survives_a_restart_at_every_step(inputs in proptest::collection::vec(any_input(), 0..40)) {
        let mut person = Person::new(3);
        for input in inputs {
            let stored = serde_json::to_string(&person.record).unwrap();
            let outcome = person.does(input.clone());
            let after = serde_json::to_string(&person.record).unwrap();
            // The same step from what was stored leads to the same place.
            person.record = serde_json::from_str(&stored).unwrap();
            prop_assert_eq!(person.does(input), outcome.clone());
            prop_assert_eq!(serde_json::to_string(&person.record).unwrap(), after);

            let record = &person.record;
            let mut images = record.images.clone();
            images.sort();
            images.dedup();
            prop_assert_eq!(images.len(), record.images.len(), "no image comes twice");
            prop_assert!(record.index <= record.images.len());
            if record.state == OnboardingState::Asking {
                prop_assert!(record.index < record.images.len());
            }
            match outcome {
                Outcome::Ask(_) => prop_assert_eq!(record.state, OnboardingState::Asking),
                Outcome::Review(_) => prop_assert_eq!(record.state, OnboardingState::Review),
                Outcome::Keep { .. } => prop_assert!(!draft(record).is_empty()),
                _ => {}
            }
        }
    }
}
