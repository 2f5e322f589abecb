use candle_core::{Device, Tensor};
use proptest::prelude::*;

use super::*;
use crate::config::GivenSteps;

const SCHEDULES: [&str; 7] = [
    r#"{"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}"#,
    r#"{"beta_schedule": "linear"}"#,
    r#"{"beta_schedule": "squaredcos_cap_v2"}"#,
    r#"{"beta_schedule": "scaled_linear", "rescale_betas_zero_snr": true, "prediction_type": "v_prediction"}"#,
    r#"{"beta_schedule": "scaled_linear", "rescale_betas_zero_snr": true}"#,
    r#"{"solver_order": 3, "solver_type": "bh1", "lower_order_final": false, "final_sigmas_type": "sigma_min"}"#,
    r#"{"num_train_timesteps": 200, "prediction_type": "sample", "steps_offset": 1}"#,
];

fn config(schedule: usize, spacing: &str) -> SchedulerConfig {
    let mut object: serde_json::Value = serde_json::from_str(SCHEDULES[schedule]).unwrap();
    object["timestep_spacing"] = spacing.into();
    SchedulerConfig::from_json(&object.to_string())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Every sampler gives exactly the steps asked for, at falling times within training, and stays finite.
    #[test]
    fn schedules_are_exact_falling_and_finite(
        steps in 1usize..=150,
        kind in proptest::sample::select(&SchedulerKind::ALL[..]),
        schedule in 0..SCHEDULES.len(),
        spacing in proptest::sample::select(&["leading", "linspace", "trailing"][..]),
    ) {
        prop_assume!(kind != SchedulerKind::Lcm || steps <= 50);
        let config = config(schedule, spacing);
        let mut scheduler = kind.build(&config, steps).unwrap();
        let times = scheduler.timesteps().to_vec();
        prop_assert_eq!(times.len(), scheduler.order() * steps - (scheduler.order() - 1));
        prop_assert!(times.windows(2).all(|pair| pair[0] >= pair[1]), "{:?}", times);
        prop_assert!(times.iter().all(|&t| t >= 0.0 && t < config.num_train_timesteps as f64));
        let sigma = scheduler.init_noise_sigma();
        prop_assert!(sigma.is_finite() && sigma > 0.0);

        let mut latents = (Tensor::new(&[0.5f32, -1.5, 2.0], &Device::Cpu).unwrap() * sigma).unwrap();
        let noise = Tensor::new(&[0.3f32, -0.2, 1.0], &Device::Cpu).unwrap();
        for step in 0..times.len() {
            let input = scheduler.scale_input(&latents, step).unwrap();
            let output = (input * 0.1).unwrap();
            let noise = scheduler.needs_noise(step).then_some(&noise);
            latents = scheduler.step(step, &output, &latents, noise).unwrap().next;
            let values = latents.to_vec1::<f32>().unwrap();
            prop_assert!(values.iter().all(|v| v.is_finite()), "{} at {} of {}: {:?}", kind, step, steps, values);
        }
    }

    /// A perfect denoiser brings every sampler to the clean latents, whatever the number of steps. (Not DDIM on other
    /// than leading timesteps: its last step ends where one of equal length would, as in diffusers.)
    #[test]
    fn a_perfect_denoiser_is_followed_to_the_end(
        steps in 1usize..=60,
        kind in proptest::sample::select(&SchedulerKind::ALL[..]),
        spacing in proptest::sample::select(&["leading", "linspace", "trailing"][..]),
    ) {
        prop_assume!(kind != SchedulerKind::Ddim || spacing == "leading");
        prop_assume!(kind != SchedulerKind::Lcm || steps <= 50);
        let config = SchedulerConfig::from_json(&format!(
            r#"{{"prediction_type": "sample", "clip_sample": false, "timestep_spacing": "{spacing}"}}"#
        ));
        let clean = Tensor::new(&[0.5f32, -1.5, 2.0], &Device::Cpu).unwrap();
        let noise = Tensor::new(&[0.3f32, -0.2, 1.0], &Device::Cpu).unwrap();
        let mut scheduler = kind.build(&config, steps).unwrap();
        let mut latents = (&noise * scheduler.init_noise_sigma()).unwrap();
        for step in 0..scheduler.timesteps().len() {
            let noise = scheduler.needs_noise(step).then_some(&noise);
            latents = scheduler.step(step, &clean, &latents, noise).unwrap().next;
        }
        let found = latents.to_vec1::<f32>().unwrap();
        for (found, wanted) in found.iter().zip(clean.to_vec1::<f32>().unwrap()) {
            prop_assert!((found - wanted).abs() < 1e-3, "{}: {} instead of {}", kind, found, wanted);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// A picture that starts from a noised picture at any step ends at it too, and nothing depends on steps not run.
    #[test]
    fn steps_may_begin_anywhere(
        steps in 1usize..=60,
        begin in 0.0f64..1.0,
        kind in proptest::sample::select(&SchedulerKind::ALL[..]),
        spacing in proptest::sample::select(&["leading", "linspace", "trailing"][..]),
    ) {
        prop_assume!(kind != SchedulerKind::Ddim || spacing == "leading");
        prop_assume!(kind != SchedulerKind::Lcm || steps <= 50);
        let config = SchedulerConfig::from_json(&format!(
            r#"{{"prediction_type": "sample", "clip_sample": false, "timestep_spacing": "{spacing}"}}"#
        ));
        let clean = Tensor::new(&[0.5f32, -1.5, 2.0], &Device::Cpu).unwrap();
        let noise = Tensor::new(&[0.3f32, -0.2, 1.0], &Device::Cpu).unwrap();
        let mut scheduler = kind.build(&config, steps).unwrap();
        let passes = scheduler.timesteps().len();
        prop_assert_eq!(passes, scheduler.order() * steps - (scheduler.order() - 1));
        let begin = (begin * steps as f64) as usize * scheduler.order();
        let mut latents = scheduler.add_noise(&clean, &noise, begin).unwrap();
        for step in begin..passes {
            let noise = scheduler.needs_noise(step).then_some(&noise);
            latents = scheduler.step(step, &clean, &latents, noise).unwrap().next;
        }
        let found = latents.to_vec1::<f32>().unwrap();
        for (found, wanted) in found.iter().zip(clean.to_vec1::<f32>().unwrap()) {
            prop_assert!((found - wanted).abs() < 1e-3, "{}: {} instead of {}", kind, found, wanted);
        }
    }
}

#[test]
fn lcm_takes_no_more_steps_than_it_was_distilled_on() {
    let config = SchedulerConfig::from_json(r#"{"original_inference_steps": 40}"#);
    let lcm = SchedulerKind::Lcm;
    assert_eq!(
        lcm.build(&config, 4).unwrap().timesteps(),
        [999.0, 749.0, 499.0, 249.0]
    );
    assert_eq!(lcm.build(&config, 40).unwrap().timesteps().len(), 40);
    let error = lcm.build(&config, 41).err().unwrap().to_string();
    assert!(error.starts_with("steps") && error.contains("40"), "{error}");
}

/// The settings that the published few-step checkpoints have, and the timesteps they were distilled on.
#[test]
fn distilled_checkpoints_get_their_timesteps() {
    let sd = r#""beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear""#;
    let trailing = format!(
        r#"{{"_class_name": "EulerAncestralDiscreteScheduler", {sd}, "timestep_spacing": "trailing"}}"#
    );
    for (config, kind, steps, expected) in [
        (trailing.as_str(), "euler_a", 1, vec![999.0]),
        (&trailing, "euler_a", 4, vec![999.0, 749.0, 499.0, 249.0]),
        (&trailing, "euler", 2, vec![999.0, 499.0]),
        (
            &trailing,
            "euler",
            8,
            vec![999.0, 874.0, 749.0, 624.0, 499.0, 374.0, 249.0, 124.0],
        ),
        (&trailing, "lcm", 4, vec![999.0, 759.0, 499.0, 259.0]),
    ] {
        let config = SchedulerConfig::from_json(config);
        let kind: SchedulerKind = kind.parse().unwrap();
        assert_eq!(
            kind.build(&config, steps).unwrap().timesteps(),
            expected,
            "{kind}"
        );
        assert_eq!(SchedulerKind::of_config(&config), SchedulerKind::EulerAncestral);
    }
}

#[test]
fn the_file_names_the_sampler_and_its_spacing() {
    for (file, kind) in [
        (r#"{"_class_name": "PNDMScheduler"}"#, "dpmpp_2m"),
        (r#"{"_class_name": "UniPCMultistepScheduler"}"#, "unipc"),
        (r#"{"_class_name": "LCMScheduler"}"#, "lcm"),
        (r#"{"_class_name": "DDPMScheduler"}"#, "ddpm"),
        (
            r#"{"_class_name": "HeunDiscreteScheduler", "use_karras_sigmas": true}"#,
            "heun_karras",
        ),
        (
            r#"{"_class_name": "EulerDiscreteScheduler", "use_exponential_sigmas": true}"#,
            "euler_exponential",
        ),
        (
            r#"{"_class_name": "DPMSolverMultistepScheduler", "algorithm_type": "sde-dpmsolver++", "use_karras_sigmas": true}"#,
            "dpmpp_2m_sde_karras",
        ),
    ] {
        assert_eq!(
            SchedulerKind::of_config(&SchedulerConfig::from_json(file)).name(),
            kind
        );
    }
}

#[test]
fn names_are_read_back_and_unknown_ones_list_the_known() {
    for kind in SchedulerKind::ALL {
        assert_eq!(kind.to_string().parse::<SchedulerKind>().unwrap(), kind);
        let json = serde_json::to_string(&kind).unwrap();
        assert_eq!(serde_json::from_str::<SchedulerKind>(&json).unwrap(), kind);
    }
    assert!(
        "plms"
            .parse::<SchedulerKind>()
            .unwrap_err()
            .to_string()
            .contains("dpmpp_2m_karras")
    );
}

#[test]
fn trailing_gives_the_steps_asked_for_where_floating_point_ranges_give_more() {
    for steps in [7, 28, 30, 61, 103, 121, 122] {
        assert_eq!(noise_schedule::trailing(1000, 1000, steps).len(), steps);
    }
    assert_eq!(
        noise_schedule::trailing(1000, 1000, 4),
        [999.0, 749.0, 499.0, 249.0]
    );
}

#[test]
fn given_steps_are_for_samplers_that_take_them_and_for_their_number() {
    let mut config = SchedulerConfig::from_json("{}");
    config.given = Some(GivenSteps::Timesteps(vec![900, 400, 3]));
    let scheduler = SchedulerKind::Dpmpp2m.build(&config, 3).unwrap();
    assert_eq!(scheduler.timesteps(), [900.0, 400.0, 3.0]);
    let error = |kind: SchedulerKind, steps, config: &SchedulerConfig| {
        kind.build(config, steps).err().unwrap().to_string()
    };
    let wrong = error(SchedulerKind::Euler, 4, &config);
    assert!(
        wrong.starts_with("steps") && wrong.contains("must be 3"),
        "{wrong}"
    );
    for kind in [
        SchedulerKind::Ddim,
        SchedulerKind::UniPc,
        SchedulerKind::EulerKarras,
    ] {
        let wrong = error(kind, 3, &config);
        assert!(
            wrong.contains(kind.name()) && wrong.contains("dpmpp_2m"),
            "{wrong}"
        );
    }
    config.given = Some(GivenSteps::Sigmas(vec![9.0, 1.0, 0.0]));
    assert_eq!(
        SchedulerKind::Euler.build(&config, 2).unwrap().timesteps().len(),
        2
    );
    let wrong = error(SchedulerKind::Heun, 2, &config);
    assert!(wrong.contains("noise levels"), "{wrong}");
}
