//! Rounds that end with all comments read together.

use super::*;

fn liking(attribute: &str) -> Extraction {
    LexiconExtractor::embedded()
        .extract(&CommentedImage::of_text(format!("I love {attribute}")))
        .unwrap()
}

#[test]
fn a_round_ends_with_all_comments_read_together_where_that_is_better() {
    let mut person = Person::new(4);
    person.together = true;
    person.says("I love the pastel colours");
    person.says("I love the soft lighting");
    let found = [liking("gold"), Extraction::default()];
    let (said, outcome) = person.ends(Input::Done { at: None }, Some(&found));
    assert_eq!(said, ["I love the pastel colours", "I love the soft lighting"]);
    assert_eq!(outcome, Outcome::Review(Note::Together(Box::new(Note::None))));
    assert_eq!(draft(&person.record).liked().len(), 1);
    assert!(person.likes()[0].contains("gold"), "{:?}", person.likes());
    // Nothing was said since: it is not read once more.
    person.does(Input::Back { at: None });
    assert_eq!(person.does(Input::Done { at: None }), Outcome::Review(Note::None));
    // With another comment it is.
    person.does(Input::More);
    person.says("I hate neon");
    let (said, _) = person.ends(
        Input::Done { at: None },
        Some(&[liking("gold"), liking("fog"), liking("neon")]),
    );
    assert_eq!(said.len(), 3);
    assert_eq!(person.likes().len(), 3);
}

#[test]
fn the_last_comment_is_read_alone_before_all_are_read_together() {
    let mut person = Person::new(2);
    person.says("I love the pastel colours");
    let last = comment("I love the soft lighting", false);
    let alone = person.tries(last.clone(), Reading::NotYet, Together::NotYet);
    assert!(matches!(alone.map_err(|it| *it), Err(ToRead::One(_))));
    let read = liking("soft lighting");
    let all = person.tries(last.clone(), Reading::Done(&read), Together::NotYet);
    assert!(matches!(all.map_err(|it| *it), Err(ToRead::Together(said)) if said.len() == 2));
    person
        .tries(
            last,
            Reading::Done(&read),
            Together::Done(&[liking("gold"), liking("fog")]),
        )
        .unwrap();
    assert!(
        matches!(&person.outcome, Outcome::Review(Note::Together(before)) if matches!(**before, Note::Understood { .. })),
        "{:?}",
        person.outcome
    );
}

#[test]
fn what_cannot_be_read_together_counts_as_it_was_read_alone() {
    for found in [None, Some(vec![Extraction::default(); 2])] {
        let mut person = Person::new(3);
        person.together = true;
        person.says("I love the pastel colours");
        person.says("I love the soft lighting");
        let (_, outcome) = person.ends(Input::Done { at: None }, found.as_deref());
        assert_eq!(outcome, Outcome::Review(Note::NotTogether(Box::new(Note::None))));
        assert_eq!(person.likes(), ["pastel colours", "soft lighting"]);
    }
}

#[test]
fn a_single_comment_is_not_read_twice() {
    let mut person = Person::new(3);
    person.together = true;
    person.says("I love the pastel colours");
    assert_eq!(person.does(Input::Done { at: None }), Outcome::Review(Note::None));
}

#[test]
fn reading_together_leaves_alone_what_was_changed_by_hand() {
    let mut person = Person::new(4);
    person.together = true;
    person.says("I love the pastel colours");
    person.says("I love the soft lighting");
    let found = [liking("pastel colours"), liking("soft lighting")];
    person.ends(Input::Done { at: None }, Some(&found));
    person.does(Input::Remove(vec!["pastel colours".into()]));
    person.does(Input::Add {
        liked: "b&w".into(),
        disliked: "soft lighting".into(),
    });
    person.does(Input::Edited);
    person.does(Input::Back { at: None });
    person.says("I love oil paintings");
    let found = [
        liking("pastel colours"),
        liking("soft lighting"),
        liking("oil painting"),
    ];
    person.ends(Input::Done { at: None }, Some(&found));
    let kept = draft(&person.record);
    assert_eq!(kept.vp_minus(), "soft lighting");
    let likes = person.likes();
    assert!(likes.contains(&"black and white".to_owned()) && likes.contains(&"oil painting".to_owned()));
    assert!(!likes.contains(&"pastel colours".to_owned()), "{likes:?}");
}
