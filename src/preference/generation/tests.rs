use std::collections::BTreeSet;

use proptest::prelude::*;
use tokenizers::Tokenizer;

use super::*;

/// Answers with fixed rows of logits, the last one for ever, and writes down what it was given.
struct Rows {
    rows: Vec<Vec<f32>>,
    given: Vec<Vec<u32>>,
}

impl Rows {
    fn new(rows: &[&[f32]]) -> Rows {
        Rows {
            rows: rows.iter().map(|row| row.to_vec()).collect(),
            given: Vec::new(),
        }
    }
}

impl NextLogits for Rows {
    fn next_logits(&mut self, tokens: &[u32]) -> Result<Vec<f32>, BoxError> {
        let at = self.given.len().min(self.rows.len() - 1);
        self.given.push(tokens.to_vec());
        Ok(self.rows[at].clone())
    }
}

fn config(max_new_tokens: usize) -> GenerationConfig {
    GenerationConfig {
        max_new_tokens,
        ..GenerationConfig::default()
    }
}

fn sampled(temperature: f32, top_k: Option<usize>, top_p: Option<f32>, seed: u64) -> GenerationConfig {
    GenerationConfig {
        sampling: Some(Sampling {
            temperature,
            top_k,
            top_p,
            seed,
        }),
        ..config(64)
    }
}

#[test]
fn the_prompt_is_read_once_and_then_every_token() {
    let mut model = Rows::new(&[&[0.0, 1.0, 0.0], &[0.0, 0.0, 2.0], &[3.0, 0.0, 0.0]]);
    let generated = generate(&mut model, &[7, 8], &config(3), Controls::default()).unwrap();
    assert_eq!(generated.tokens, [1, 2, 0]);
    assert_eq!(generated.finish, Finish::Length);
    assert_eq!(model.given, [vec![7, 8], vec![1], vec![2]]);
}

#[test]
fn a_stop_token_ends_the_answer_and_is_no_part_of_it() {
    let mut model = Rows::new(&[&[0.0, 1.0, 0.0], &[0.0, 0.0, 1.0]]);
    let config = GenerationConfig {
        stop_tokens: vec![2],
        ..config(9)
    };
    let generated = generate(&mut model, &[0], &config, Controls::default()).unwrap();
    assert_eq!(
        (generated.tokens.as_slice(), generated.finish),
        ([1].as_slice(), Finish::Stop(2))
    );
}

#[test]
fn the_penalty_divides_what_is_positive_and_multiplies_what_is_negative() {
    let mut logits = [2.0, -2.0, 3.0, 0.0];
    repetition_penalty(&mut logits, [0, 1, 1, 3, 99], 2.0);
    assert_eq!(logits, [1.0, -4.0, 3.0, 0.0]);
    repetition_penalty(&mut logits, [0, 1], 0.5);
    assert_eq!(logits, [2.0, -2.0, 3.0, 0.0]);
}

#[test]
fn the_penalty_counts_the_prompt_and_the_answer() {
    // 0 stands in the prompt, 1 is written first, 2 is then the only one never seen.
    let mut model = Rows::new(&[&[1.0, 0.9, 0.8]]);
    let config = GenerationConfig {
        repetition_penalty: 1.5,
        ..config(3)
    };
    let generated = generate(&mut model, &[0], &config, Controls::default()).unwrap();
    assert_eq!(generated.tokens, [1, 2, 0]);
    let rewarding = GenerationConfig {
        repetition_penalty: 0.5,
        ..config
    };
    let generated = generate(&mut model, &[2], &rewarding, Controls::default()).unwrap();
    assert_eq!(generated.tokens, [2, 2, 2]);
}

#[test]
fn the_flag_and_the_callback_cancel() {
    let mut model = Rows::new(&[&[0.0, 1.0]]);
    let cancel = AtomicBool::new(true);
    let controls = Controls {
        cancel: Some(&cancel),
        ..Controls::default()
    };
    let generated = generate(&mut model, &[0], &config(5), controls).unwrap();
    assert_eq!((generated.tokens.len(), generated.finish), (0, Finish::Cancelled));
    assert!(model.given.is_empty());

    let mut seen = Vec::new();
    let mut on_token = |token| {
        seen.push(token);
        if seen.len() == 2 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let controls = Controls {
        on_token: Some(&mut on_token),
        ..Controls::default()
    };
    let generated = generate(&mut model, &[0], &config(5), controls).unwrap();
    assert_eq!(
        (generated.tokens, generated.finish),
        (vec![1, 1], Finish::Cancelled)
    );
    assert_eq!(seen, [1, 1]);
}

/// Allows 2, then 1, and is complete with it.
struct TwoThenOne(u32);

impl TokenConstraint for TwoThenOne {
    fn mask(&mut self, logits: &mut [f32]) -> Result<(), BoxError> {
        for (token, logit) in (0_u32..).zip(logits) {
            if token != self.0 {
                *logit = f32::NEG_INFINITY;
            }
        }
        Ok(())
    }

    fn accept(&mut self, token: u32) -> Result<ControlFlow<()>, BoxError> {
        self.0 -= 1;
        Ok(if token == 1 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        })
    }
}

#[test]
fn a_constraint_chooses_among_tokens_and_ends_the_answer() {
    let mut model = Rows::new(&[&[9.0, 1.0, -5.0]]);
    for config in [config(9), sampled(1.0, None, None, 3)] {
        let mut constraint = TwoThenOne(2);
        let controls = Controls {
            constraint: Some(&mut constraint),
            ..Controls::default()
        };
        let generated = generate(&mut model, &[0], &config, controls).unwrap();
        assert_eq!(
            (generated.tokens, generated.finish),
            (vec![2, 1], Finish::Complete)
        );
    }
    let mut impossible = TwoThenOne(7);
    let controls = Controls {
        constraint: Some(&mut impossible),
        ..Controls::default()
    };
    let error = generate(&mut model, &[0], &config(1), controls).unwrap_err();
    assert!(matches!(error, GenerationError::NothingAllowed { token: 0 }));
}

#[test]
fn bad_settings_prompts_and_numbers_are_refused() {
    let mut model = Rows::new(&[&[f32::NAN, 1.0]]);
    let mut refused = |prompt: &[u32], config: GenerationConfig| {
        generate(&mut model, prompt, &config, Controls::default())
            .unwrap_err()
            .to_string()
    };
    let penalty = GenerationConfig {
        repetition_penalty: 0.0,
        ..config(1)
    };
    assert!(refused(&[0], penalty).contains("repetition penalty must be above 0"));
    assert!(refused(&[0], sampled(0.0, None, None, 0)).contains("temperature"));
    assert!(refused(&[0], sampled(1.0, Some(0), None, 0)).contains("top-k"));
    assert!(refused(&[0], sampled(1.0, None, Some(1.5), 0)).contains("top-p"));
    assert!(refused(&[], config(1)).contains("prompt"));
    assert!(refused(&[0], config(1)).contains("not a number"));
}

#[test]
fn sampling_follows_the_probabilities() {
    let mut model = Rows::new(&[&[0.0, 3.0_f32.ln()]]);
    let config = GenerationConfig {
        max_new_tokens: 4_000,
        ..sampled(1.0, None, None, 11)
    };
    let generated = generate(&mut model, &[0], &config, Controls::default()).unwrap();
    let ones = generated.tokens.iter().filter(|token| **token == 1).count();
    // 3,000 expected, a standard deviation of 27.
    assert!((2_850..3_150).contains(&ones), "{ones}");
}

proptest! {
    #[test]
    fn only_the_likeliest_are_drawn(
        logits in prop::collection::vec(-8.0_f32..8.0, 2..24),
        k in 1_usize..8,
        top_p in 0.0_f32..=1.0,
        temperature in 0.1_f32..3.0,
        seed: u64,
    ) {
        let mut model = Rows::new(&[&logits]);
        let config = sampled(temperature, Some(k), Some(top_p), seed);
        let tokens = generate(&mut model, &[0], &config, Controls::default()).unwrap().tokens;
        let mut order: Vec<usize> = (0..logits.len()).collect();
        order.sort_by(|a, b| logits[*b].total_cmp(&logits[*a]));
        let least = logits[order[k.min(order.len()) - 1]];
        prop_assert!(tokens.iter().all(|token| logits[*token as usize] >= least));
        // Fewer than those reach the share without the last of them.
        let weight = |at: usize| f64::from((logits[at] - logits[order[0]]) / temperature).exp();
        let all: f64 = order.iter().take(k).map(|at| weight(*at)).sum();
        let used: BTreeSet<u32> = tokens.iter().copied().collect();
        for token in &used {
            let before: f64 = order.iter().filter(|at| logits[**at] > logits[*token as usize]).map(|at| weight(*at)).sum();
            prop_assert!(before <= all * f64::from(top_p) + 1e-6 || logits[*token as usize] == logits[order[0]]);
        }
        let again = generate(&mut model, &[0], &config, Controls::default()).unwrap().tokens;
        prop_assert_eq!(tokens, again);
    }

    #[test]
    fn one_candidate_is_greedy(logits in prop::collection::vec(-8.0_f32..8.0, 1..24), seed: u64) {
        let mut model = Rows::new(&[&logits]);
        let greedy = generate(&mut model, &[0], &config(1), Controls::default()).unwrap().tokens;
        let drawn = generate(&mut model, &[0], &sampled(0.7, None, Some(0.0), seed), Controls::default()).unwrap();
        prop_assert_eq!(logits[greedy[0] as usize], logits[drawn.tokens[0] as usize]);
    }

    #[test]
    fn streamed_pieces_make_the_whole_text(text in "[ a-z🙂éß漢]{0,24}", broken in prop::collection::vec(0_u32..256, 0..6)) {
        let tokenizer = bytes();
        let mut tokens: Vec<u32> = text.bytes().map(u32::from).collect();
        tokens.extend(broken);
        let mut stream = TextStream::new(&tokenizer, true);
        let mut pieces = String::new();
        for token in &tokens {
            pieces += &stream.push(*token).unwrap();
        }
        pieces += &stream.finish().unwrap();
        let whole = text.strip_prefix(' ').unwrap_or(&text);
        prop_assert!(pieces.starts_with(whole), "{}", pieces);
        prop_assert!(tokens.len() > text.len() || pieces == whole);
    }
}

/// A tokenizer of 256 byte tokens, with a space before the text as sentencepiece has it.
fn bytes() -> Tokenizer {
    let vocab: serde_json::Map<String, serde_json::Value> = (0..256)
        .map(|byte| (format!("<0x{byte:02X}>"), byte.into()))
        .collect();
    let json = serde_json::json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
        "normalizer": null, "pre_tokenizer": null, "post_processor": null,
        "decoder": { "type": "Sequence", "decoders": [
            { "type": "ByteFallback" }, { "type": "Fuse" }, { "type": "Strip", "content": " ", "start": 1, "stop": 0 }
        ] },
        "model": { "type": "BPE", "vocab": vocab, "merges": [], "byte_fallback": true, "unk_token": null }
    });
    json.to_string().parse().unwrap()
}

#[test]
fn a_character_of_several_tokens_comes_whole() {
    let tokenizer = bytes();
    let mut stream = TextStream::new(&tokenizer, true);
    let pieces: Vec<String> = "a🙂"
        .bytes()
        .map(|byte| stream.push(u32::from(byte)).unwrap())
        .collect();
    assert_eq!(pieces, ["a", "", "", "", "🙂"]);
}
