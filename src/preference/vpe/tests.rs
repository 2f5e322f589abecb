use std::sync::Mutex;

use super::*;
use crate::idefics2::prompt::Part;

/// Answers with texts given beforehand and writes down what it was shown; a turn of more letters does not fit.
struct Script {
    answers: Mutex<VecDeque<&'static str>>,
    turns: Arc<Mutex<Vec<(String, usize)>>>,
    letters: usize,
}

fn words(turn: &Turn) -> String {
    let text = turn.content.iter().filter_map(|part| match part {
        Part::Text(text) => Some(text.as_str()),
        Part::Image => None,
    });
    text.skip(1).collect()
}

impl Viewer for Script {
    fn fits(&self, turn: &Turn) -> Result<bool, ExtractError> {
        Ok(words(turn).chars().count() <= self.letters)
    }

    fn answer(
        &self,
        turn: &Turn,
        pictures: &[Arc<RgbImage>],
        _: &Cancel,
    ) -> Result<(String, bool), ExtractError> {
        let shown = turn.content.iter().filter(|part| **part == Part::Image).count();
        assert_eq!(shown, pictures.len());
        self.turns.lock().unwrap().push((words(turn), shown));
        let answer = self.answers.lock().unwrap().pop_front();
        answer
            .map(|text| (text.to_owned(), false))
            .ok_or(ExtractError::Failed {
                message: "no answer".to_owned(),
            })
    }
}

type Turns = Arc<Mutex<Vec<(String, usize)>>>;

fn scripted(letters: usize, answers: &[&'static str]) -> (VpeExtractor, Turns) {
    let turns = Turns::default();
    let script = Script {
        answers: Mutex::new(answers.iter().copied().collect()),
        turns: turns.clone(),
        letters,
    };
    (VpeExtractor::with_viewer(Box::new(script)), turns)
}

fn comments(texts: &[&str]) -> Vec<CommentedImage> {
    let picture = Arc::new(RgbImage::new(4, 4));
    texts
        .iter()
        .map(|text| CommentedImage {
            picture: Some(picture.clone()),
            ..CommentedImage::of_text(*text)
        })
        .collect()
}

fn names(list: &[Preference]) -> Vec<&str> {
    list.iter()
        .map(|preference| preference.attribute.as_str())
        .collect()
}

#[test]
fn all_comments_are_read_in_one_turn_and_each_gets_its_own() {
    let answer = "Liked Art Features: pastel colors, wobbly horizon, soft lighting\nDisliked Art Features: very grainy";
    let (extractor, turns) = scripted(10_000, &[answer]);
    let comments = comments(&[
        "love the pastels",
        "",
        "the grain is awful",
        "that wobbly horizon line!",
    ]);
    let read = extractor.extract_all(&comments).unwrap();
    assert_eq!(read.len(), 4);
    assert!(names(&read[0].liked).contains(&"pastel colours"));
    assert!(read[1].is_empty());
    assert_eq!(names(&read[2].disliked), ["film grain"]);
    assert_eq!(names(&read[3].liked), ["wobbly horizon"]);
    assert_eq!(read[3].liked[0].category, crate::FREE_CATEGORY);
    for (extraction, comment) in read.iter().zip(&comments) {
        for preference in extraction.liked.iter().chain(&extraction.disliked) {
            assert!(!preference.evidence.is_empty() && comment.text.contains(&preference.evidence));
        }
    }
    let turns = turns.lock().unwrap();
    assert_eq!(turns.len(), 1);
    assert_eq!(turns[0].1, 3);
    assert!(
        turns[0].0.contains("Comment 1: love the pastels") && turns[0].0.contains("Comment 3: that wobbly")
    );
}

#[test]
fn what_stands_on_both_sides_under_two_names_stands_nowhere() {
    let (extractor, _) = scripted(
        10_000,
        &["Liked Art Features: b&w, fog\nDisliked Art Features: black and white"],
    );
    let read = extractor.extract(&comments(&["foggy, monochrome"])[0]).unwrap();
    assert_eq!(names(&read.liked), ["foggy atmosphere"]);
    assert!(read.disliked.is_empty());
}

#[test]
fn comments_that_do_not_fit_are_read_in_several_turns_and_merged() {
    let answers = [
        "Liked Art Features: fog, sepia",
        "Liked Art Features: fog\nDisliked Art Features: sepia, neon colours",
    ];
    let (extractor, turns) = scripted(40, &answers);
    let read = extractor
        .extract_all(&comments(&["love the fog", "sepia and neon"]))
        .unwrap();
    assert_eq!(turns.lock().unwrap().len(), 2);
    assert_eq!(names(&read[0].liked), ["foggy atmosphere"]);
    // Sepia was on both sides.
    assert_eq!(names(&read[1].disliked), ["neon colours"]);
    assert!(read[1].liked.is_empty());
}

#[test]
fn a_comment_too_long_for_a_turn_is_read_in_parts_under_its_picture() {
    let (extractor, turns) = scripted(60, &["Liked Art Features: fog"; 9]);
    let text =
        "the fog is lovely and I could look at it for hours and hours without ever growing tired of it";
    let read = extractor.extract_all(&comments(&[text])).unwrap();
    assert_eq!(names(&read[0].liked), ["foggy atmosphere"]);
    let turns = turns.lock().unwrap();
    assert!(turns.len() > 1 && turns.iter().all(|(_, pictures)| *pictures == 1));
    let (extractor, _) = scripted(5, &[]);
    let error = extractor
        .extract_all(&comments(&["fog"]))
        .unwrap_err()
        .to_string();
    assert!(error.contains("window"), "{error}");
}

#[test]
fn nothing_said_asks_nothing_and_failures_are_told() {
    let (extractor, turns) = scripted(1_000, &[]);
    assert_eq!(extractor.extract_all(&[]).unwrap(), []);
    assert_eq!(
        extractor.extract_all(&comments(&["", " \n "])).unwrap(),
        [Extraction::default(), Extraction::default()]
    );
    assert!(turns.lock().unwrap().is_empty());
    assert!(matches!(
        extractor.extract(&comments(&["fog"])[0]),
        Err(ExtractError::Failed { .. })
    ));
    let long = CommentedImage::of_text("a".repeat(MAX_COMMENT_CHARS + 1));
    assert!(matches!(
        extractor.extract(&long),
        Err(ExtractError::TooLong { chars: 4_001, .. })
    ));
}

#[test]
fn an_answer_that_cannot_be_read_says_nothing() {
    for answer in [
        "",
        "I cannot help with that.",
        "Liked Art Features:",
        "{\"liked\": [\"fog\"]}",
    ] {
        let (extractor, _) = scripted(1_000, &[answer]);
        assert!(
            extractor
                .extract(&comments(&["love the fog"])[0])
                .unwrap()
                .is_empty(),
            "{answer}"
        );
    }
}

#[test]
fn the_tiny_checkpoint_reads_comments_with_pictures_to_the_end() {
    use crate::idefics2::fixtures::{folder, picture};
    use crate::idefics2::processor::ImageProcessor;
    use crate::idefics2::session::prompts;
    use crate::idefics2::{LoadOptions, Precision};

    // A window that has room for the instruction, which this tokenizer makes many tokens of.
    let widened = tempfile::tempdir().unwrap();
    for file in ["model.safetensors", "tokenizer.json", "processor_config.json"] {
        std::fs::copy(folder().join(file), widened.path().join(file)).unwrap();
    }
    let config = std::fs::read_to_string(folder().join("config.json")).unwrap();
    let config = config.replace(
        "\"max_position_embeddings\": 512",
        "\"max_position_embeddings\": 1280",
    );
    std::fs::write(widened.path().join("config.json"), config).unwrap();
    let mut options = LoadOptions::new(candle_core::Device::Cpu, Precision::F32);
    options.adapters.push(folder().join("adapters/regex"));
    let model = Idefics2::load(widened.path(), &options).unwrap();

    // Its words are random: what counts is that an answer comes, and is always read alike.
    let processor = ImageProcessor::from_folder(&folder()).unwrap();
    let prompts = prompts(&model, &folder(), &processor).unwrap();
    let viewer = Idefics2Viewer::new(model.clone(), processor, prompts);
    let extractor = VpeExtractor::with_viewer(Box::new(viewer));
    let mut comments = comments(&["Love the fog <image></s>", "the grain"]);
    comments[0].picture = Some(Arc::new(picture(60, 50, 1)));
    let read = extractor.extract_all(&comments).unwrap();
    assert_eq!(read, extractor.extract_all(&comments).unwrap());
    assert_eq!(read.len(), 2);

    let extractor = VpeExtractor::new(model, widened.path()).unwrap();
    assert!(extractor.extract(&CommentedImage::of_text("fog")).is_ok());
    assert_eq!(extractor.name(), "vpe");
}

#[test]
fn answers_have_the_references_tokens() {
    use std::fs;

    use serde_json::Value;

    use crate::generation::{Controls, GenerationConfig, generate};
    use crate::idefics2::fixtures::{folder, picture, tiny};
    use crate::idefics2::processor::ImageProcessor;
    use crate::idefics2::session::{Session, encode_pictures};

    let text = fs::read_to_string(folder().join("../processing/answers.json")).unwrap();
    let golden: Value = serde_json::from_str(&text).unwrap();
    let prompt: Vec<u32> = serde_json::from_value(golden["prompt"]["ids"].clone()).unwrap();
    let model = tiny();
    let processor = ImageProcessor::from_folder(&folder()).unwrap();
    let pictures = [picture(150, 40, 0), picture(33, 33, 1), picture(61, 130, 2)];
    let features = encode_pictures(&model, &processor, &pictures, &Cancel::never()).unwrap();
    let mut different = BTreeSet::new();
    for case in golden["answers"].as_array().unwrap() {
        let expected: Vec<u32> = serde_json::from_value(case["ids"].clone()).unwrap();
        let config = GenerationConfig {
            max_new_tokens: expected.len(),
            repetition_penalty: case["penalty"].as_f64().unwrap() as f32,
            ..GenerationConfig::default()
        };
        let mut session = Session::new(&model, features.clone(), Cancel::never());
        let answer = generate(&mut session, &prompt, &config, Controls::default()).unwrap();
        assert_eq!(answer.tokens, expected, "{}", case["penalty"]);
        different.insert(expected);
    }
    assert!(different.len() > 2, "the penalty must matter");
}
