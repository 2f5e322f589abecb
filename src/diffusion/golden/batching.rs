//! The promises about slots: independence of the batch, of repetition, and of preferences that have no weight.

use super::*;
use crate::ops::testing::bits;
use crate::{Conditioning, GenerationParams, NoiseKind, Slot};

fn params(pipeline: &Pipeline, seed: u64) -> GenerationParams {
    GenerationParams {
        seed,
        steps: 4,
        vp_plus: PLUS.to_owned(),
        vp_minus: MINUS.to_owned(),
        ..GenerationParams::for_model(pipeline.info(), PROMPT)
    }
}

fn run(pipeline: &Pipeline, params: &GenerationParams) -> Vec<u32> {
    let mut slot = pipeline.start(params).unwrap();
    while !slot.is_finished() {
        pipeline.step(&mut [&mut slot]).unwrap();
    }
    bits(slot.latents())
}

/// Different seeds, samplers, step counts, modes, guidance and sizes, joining and leaving at different times.
#[test]
fn a_picture_is_the_same_alone_and_among_others() {
    for model in MODELS {
        let pipeline = load(model, VpNorm::Keep);
        let base = params(&pipeline, 1);
        let requests = [
            base.clone(),
            GenerationParams {
                seed: 2,
                steps: 6,
                scheduler: "euler_a".parse().unwrap(),
                ..base.clone()
            },
            GenerationParams {
                seed: 3,
                conditioning: Conditioning::Guidance,
                beta: 0.3,
                ..base.clone()
            },
            GenerationParams {
                seed: 4,
                steps: 2,
                guidance: 1.0,
                scheduler: "ddim".parse().unwrap(),
                ..base.clone()
            },
            GenerationParams {
                seed: 5,
                width: 24,
                height: 8,
                ..base.clone()
            },
            GenerationParams {
                seed: 6,
                conditioning: Conditioning::Reference,
                guidance_rescale: 0.7,
                ..base
            },
        ];
        let alone: Vec<_> = requests.iter().map(|params| run(&pipeline, params)).collect();

        let mut slots: Vec<(usize, Slot)> = Vec::new();
        let mut waiting: Vec<usize> = (0..requests.len()).collect();
        let mut finished = vec![None; requests.len()];
        while !(waiting.is_empty() && slots.is_empty()) {
            // Two more join at every turn.
            for i in waiting.drain(..waiting.len().min(2)) {
                slots.push((i, pipeline.start(&requests[i]).unwrap()));
            }
            let mut joint: Vec<&mut Slot> = slots.iter_mut().map(|(_, slot)| slot).collect();
            pipeline.step(&mut joint).unwrap();
            slots.retain(|(i, slot)| {
                if slot.is_finished() {
                    finished[*i] = Some(bits(slot.latents()));
                }
                !slot.is_finished()
            });
        }
        for (i, (alone, among)) in alone.iter().zip(&finished).enumerate() {
            assert_eq!(Some(alone), among.as_ref(), "{model}, request {i}");
        }
    }
}

/// One request a sampler, with all step counts, modes and kinds of noise mixed; in each turn some wait, some are stepped
/// together, and now and then one is cancelled and begun anew.
#[test]
fn whoever_joins_leaves_or_is_cancelled_changes_no_bit() {
    let pipeline = load("sd", VpNorm::Keep);
    let modes = [
        Conditioning::Embedding,
        Conditioning::Guidance,
        Conditioning::Reference,
    ];
    let requests: Vec<_> = crate::SchedulerKind::ALL
        .into_iter()
        .enumerate()
        .map(|(i, scheduler)| GenerationParams {
            scheduler,
            steps: 1 + i % 6,
            seed: i as u64 / 2,
            noise: [NoiseKind::Portable, NoiseKind::Torch][i % 2],
            conditioning: modes[i % 3],
            guidance: [1.0, 4.0, 7.5][i / 3 % 3],
            beta: [0.0, 0.4, 0.9][i / 5 % 3],
            ..params(&pipeline, 0)
        })
        .collect();
    let alone: Vec<_> = requests.iter().map(|params| run(&pipeline, params)).collect();
    let mut word = 1u32;
    let mut chance = |of: u32| {
        word = word.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (word >> 16).is_multiple_of(of)
    };
    let mut waiting: Vec<usize> = (0..requests.len()).collect();
    let mut slots: Vec<(usize, Slot)> = Vec::new();
    let (mut finished, mut cancelled) = (0, 0);
    while finished < requests.len() {
        while let Some(i) = waiting.pop() {
            slots.push((i, pipeline.start(&requests[i]).unwrap()));
            if chance(3) {
                break;
            }
        }
        let mut joint: Vec<&mut Slot> = Vec::new();
        for (_, slot) in &mut slots {
            if !chance(3) {
                joint.push(slot);
            }
        }
        pipeline.step(&mut joint).unwrap();
        slots.retain(|(i, slot)| {
            if slot.is_finished() {
                assert!(bits(slot.latents()) == alone[*i], "{}", requests[*i].scheduler);
                finished += 1;
            } else if cancelled < 10 && chance(8) {
                cancelled += 1;
                waiting.push(*i);
                return false;
            }
            !slot.is_finished()
        });
    }
    assert!(cancelled > 3, "{cancelled}");
}

#[test]
fn the_same_parameters_give_the_same_picture_and_seeds_differ() {
    let pipeline = load("sd", VpNorm::Raw);
    let again = load("sd", VpNorm::Raw);
    for scheduler in crate::SchedulerKind::ALL {
        let one = GenerationParams {
            scheduler,
            ..params(&pipeline, 7)
        };
        assert_eq!(run(&pipeline, &one), run(&again, &one), "{scheduler}");
        let other = GenerationParams {
            seed: 8,
            ..one.clone()
        };
        assert_ne!(run(&pipeline, &one), run(&pipeline, &other), "{scheduler}");
    }
}

#[test]
fn without_weight_preferences_change_no_bit_in_any_mode() {
    for model in MODELS {
        let pipeline = load(model, VpNorm::Keep);
        let plain = GenerationParams {
            vp_plus: String::new(),
            vp_minus: String::new(),
            ..params(&pipeline, 3)
        };
        let expected = run(&pipeline, &plain);
        for conditioning in [
            Conditioning::Embedding,
            Conditioning::Guidance,
            Conditioning::Reference,
        ] {
            let zero = GenerationParams {
                beta: 0.0,
                conditioning,
                ..params(&pipeline, 3)
            };
            assert_eq!(run(&pipeline, &zero), expected, "{model}, {conditioning}, β = 0");
            let empty = GenerationParams {
                conditioning,
                ..plain.clone()
            };
            assert_eq!(
                run(&pipeline, &empty),
                expected,
                "{model}, {conditioning}, no preferences"
            );
            let some = GenerationParams {
                conditioning,
                ..params(&pipeline, 3)
            };
            assert_ne!(run(&pipeline, &some), expected, "{model}, {conditioning}");
        }
    }
}

#[test]
fn a_change_of_beta_seed_or_size_encodes_nothing() {
    let pipeline = load("xl", VpNorm::Raw);
    run(&pipeline, &params(&pipeline, 1));
    let encodings = pipeline.text_encodings();
    // Prompt, the empty negative prompt, VP+ and VP−.
    assert_eq!(encodings, 4);
    for (beta, seed, width) in [(0.9, 1, 16), (0.0, 1, 16), (0.5, 2, 24)] {
        run(
            &pipeline,
            &GenerationParams {
                beta,
                seed,
                width,
                ..params(&pipeline, 1)
            },
        );
    }
    assert_eq!(pipeline.text_encodings(), encodings);
}

#[test]
fn every_entry_of_a_long_text_counts() {
    let pipeline = load("sd", VpNorm::Raw);
    let long = |last: &str| {
        let entries: Vec<_> = (0..30)
            .map(|i| format!("mountain {i}"))
            .chain([last.to_owned()])
            .collect();
        GenerationParams {
            vp_plus: entries.join(", "),
            ..params(&pipeline, 1)
        }
    };
    assert_ne!(run(&pipeline, &long("cat")), run(&pipeline, &long("tree")));
    let prompt = |last: &str| GenerationParams {
        prompt: long(last).vp_plus,
        ..params(&pipeline, 1)
    };
    assert_ne!(run(&pipeline, &prompt("cat")), run(&pipeline, &prompt("tree")));
}

#[test]
fn wrong_parameters_are_named() {
    let pipeline = load("sd", VpNorm::Raw);
    let base = params(&pipeline, 1);
    let latents = Tensor::zeros((1, 4, 8, 9), candle_core::DType::F32, &Device::Cpu).unwrap();
    for (params, name) in [
        (
            GenerationParams {
                steps: 0,
                ..base.clone()
            },
            "steps",
        ),
        (
            GenerationParams {
                steps: 151,
                ..base.clone()
            },
            "steps",
        ),
        (
            GenerationParams {
                width: 15,
                ..base.clone()
            },
            "width",
        ),
        (
            GenerationParams {
                height: 0,
                ..base.clone()
            },
            "height",
        ),
        (
            GenerationParams {
                beta: 1.5,
                ..base.clone()
            },
            "beta",
        ),
        (
            GenerationParams {
                guidance: f64::NAN,
                ..base.clone()
            },
            "guidance",
        ),
        (
            GenerationParams {
                guidance_rescale: -0.1,
                ..base.clone()
            },
            "guidance_rescale",
        ),
        (
            GenerationParams {
                init_latents: Some(latents),
                ..base.clone()
            },
            "init_latents",
        ),
        (
            GenerationParams {
                prompt: "a".repeat(10_001),
                ..base
            },
            "prompt",
        ),
    ] {
        let error = pipeline.start(&params).unwrap_err().to_string();
        assert!(error.starts_with(name), "{error}");
    }
}

#[test]
fn generation_reports_steps_and_stops_when_told() {
    let pipeline = load("sd", VpNorm::Raw);
    let params = params(&pipeline, 1);
    let mut seen = Vec::new();
    let picture = pipeline
        .generate(&params, |event| {
            seen.push((event.done, event.total));
            assert_eq!(event.preview().unwrap().dimensions(), (16, 16));
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(seen, [(1, 4), (2, 4), (3, 4), (4, 4)]);
    assert_eq!(picture.unwrap().dimensions(), (16, 16));
    let stopped = pipeline.generate(&params, |event| match event.done {
        2 => std::ops::ControlFlow::Break(()),
        _ => std::ops::ControlFlow::Continue(()),
    });
    assert!(stopped.unwrap().is_none());
}
