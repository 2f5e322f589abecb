//! Whole loops of every sampler, on a stand-in for the denoiser.

use rayon::prelude::*;

use super::*;
use crate::SchedulerKind;
use crate::config::{GivenSteps, SchedulerConfig};
use crate::schedulers::Scheduler;

/// Steps in all, and steps left out, as in `make_schedulers.py`.
const STARTS: [(usize, usize); 6] = [(4, 1), (4, 3), (9, 4), (20, 1), (20, 12), (20, 19)];

struct Golden {
    tensors: HashMap<String, Tensor>,
    schedules: serde_json::Value,
    /// Lists of timesteps and of noise levels.
    lists: serde_json::Value,
}

impl Golden {
    fn read() -> Self {
        let json = |name: &str| {
            let text = std::fs::read_to_string(folder().join(name)).unwrap();
            serde_json::from_str(&text).unwrap()
        };
        let load = |name: &str| candle_core::safetensors::load(folder().join(name), &Device::Cpu).unwrap();
        let mut tensors = load("schedulers.safetensors");
        tensors.extend(load("lists.safetensors"));
        Self {
            tensors,
            schedules: json("schedulers.json"),
            lists: json("lists.json"),
        }
    }

    fn config(&self, schedule: &str, prediction: &str, spacing: &str) -> SchedulerConfig {
        let mut config = self.schedules[schedule].clone();
        config["timestep_spacing"] = spacing.into();
        config["prediction_type"] = prediction.into();
        SchedulerConfig::from_json(&config.to_string())
    }

    /// The tensors of one kind: what their keys say, in `parts` parts, and their rows.
    fn each<'a>(&'a self, kind: &'a str, parts: usize) -> impl Iterator<Item = (Vec<&'a str>, &'a Tensor)> {
        self.tensors.iter().filter_map(move |(key, tensor)| {
            let key: Vec<_> = key.strip_prefix(kind)?.strip_prefix('/')?.split('/').collect();
            assert_eq!(key.len(), parts);
            Some((key, tensor))
        })
    }

    /// Runs the passes from `begin` on, with the stand-in that the script describes.
    fn run(&self, scheduler: &mut dyn Scheduler, mut latents: Tensor, begin: usize) -> Tensor {
        for step in begin..scheduler.timesteps().len() {
            let t = scheduler.timesteps()[step];
            let input = scheduler.scale_input(&latents, step).unwrap();
            let output = ((input * (0.3 * (t + 5.0) / (t + 10.0))).unwrap() + &self.tensors["bias"]).unwrap();
            let noise = scheduler
                .needs_noise(step)
                .then(|| self.tensors["noise"].get(step % 8).unwrap());
            latents = scheduler
                .step(step, &output, &latents, noise.as_ref())
                .unwrap()
                .next;
        }
        latents.flatten_all().unwrap()
    }
}

/// Rows that diffusers could compute.
fn rows(tensor: &Tensor) -> impl Iterator<Item = (usize, Tensor)> {
    (0..tensor.dim(0).unwrap())
        .map(|row| (row, tensor.get(row).unwrap()))
        .filter(|(_, row)| {
            let values = row.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            values.iter().all(|value| value.is_finite())
        })
}

fn length(x: &Tensor) -> f32 {
    x.sqr()
        .and_then(|x| x.sum_all())
        .and_then(|x| x.to_scalar::<f32>())
        .unwrap()
        .sqrt()
}

#[test]
fn sampler_loops_agree() {
    let golden = Golden::read();
    let loops: Vec<_> = golden.each("loop", 4).collect();
    let compared = loops.par_iter().map(|(key, ends)| {
        let mut comparison = Comparison::default();
        let config = golden.config(key[0], key[1], key[2]);
        let kind: SchedulerKind = key[3].parse().unwrap();
        for (row, expected) in rows(ends) {
            let mut scheduler = kind.build(&config, row + 1).unwrap();
            let latents = (&golden.tensors["init"] * scheduler.init_noise_sigma()).unwrap();
            // Where the first level is thousands (zero terminal SNR, cosine), the first steps subtract numbers as large,
            // and what f32 rounds off there is all that two exact loops may differ by.
            let rounding = f32::EPSILON / 4.0 * length(&latents) / length(&expected);
            let found = golden.run(&mut *scheduler, latents, 0);
            let what = format!("{} of {}", key.join("/"), row + 1);
            comparison.add_within(TOLERANCE + rounding, &what, &found, &expected);
        }
        comparison
    });
    let whole = compared.reduce(Comparison::default, |mut whole, part| {
        whole.count += part.count;
        whole.differing.extend(part.differing);
        whole
    });
    whole.finish(35_000);
}

#[test]
fn sampler_timesteps_agree() {
    let golden = Golden::read();
    let mut count = 0;
    for (key, sums) in golden.each("times", 3) {
        let config = golden.config(key[0], "epsilon", key[1]);
        let kind: SchedulerKind = key[2].parse().unwrap();
        for (row, expected) in rows(sums) {
            let scheduler = kind.build(&config, row + 1).unwrap();
            let times = scheduler.timesteps().iter().enumerate();
            let found: f64 = times.map(|(k, t)| (k + 1) as f64 * t).sum();
            let expected = f64::from(expected.to_scalar::<f32>().unwrap());
            // One timestep that is one off would show.
            let error = (found - expected).abs();
            assert!(
                error < 0.5,
                "{} of {}: {found} instead of {expected}",
                key.join("/"),
                row + 1
            );
            count += 1;
        }
    }
    assert!(count > 5_000, "only {count} compared");
}

#[test]
fn samplers_that_begin_in_the_middle_agree() {
    let golden = Golden::read();
    let mut comparison = Comparison::default();
    for (key, results) in golden.each("begin", 4) {
        let config = golden.config(key[0], key[1], key[2]);
        let kind: SchedulerKind = key[3].parse().unwrap();
        for (row, expected) in rows(results) {
            let (steps, left_out) = STARTS[row];
            let mut scheduler = kind.build(&config, steps).unwrap();
            let begin = left_out * scheduler.order();
            let noise = golden.tensors["noise"].get(7).unwrap();
            let noised = scheduler
                .add_noise(&golden.tensors["clean"], &noise, begin)
                .unwrap();
            let end = golden.run(&mut *scheduler, noised.clone(), begin);
            let what = format!("{}, {left_out} of {steps} left out", key.join("/"));
            let noised = noised.flatten_all().unwrap();
            comparison.add(
                &format!("{what}, noised"),
                &noised,
                &expected.narrow(0, 0, 2).unwrap(),
            );
            comparison.add(&what, &end, &expected.narrow(0, 2, 2).unwrap());
        }
    }
    comparison.finish(1_000);
}

#[test]
fn samplers_on_given_steps_agree() {
    let golden = Golden::read();
    let mut comparison = Comparison::default();
    for kind in ["timesteps", "sigmas"] {
        for (key, expected) in golden.each(kind, 5) {
            let mut config = golden.config(key[1], key[2], key[3]);
            let list = golden.lists[kind][key[0]].clone();
            let given = match kind {
                "timesteps" => GivenSteps::Timesteps(serde_json::from_value(list).unwrap()),
                _ => GivenSteps::Sigmas(serde_json::from_value(list).unwrap()),
            };
            let steps = given.count();
            config.given = Some(given);
            let sampler: SchedulerKind = key[4].parse().unwrap();
            let what = format!("{kind} {}", key.join("/"));
            let part = |from| expected.narrow(0, from, 2).unwrap();
            // Where diffusers divides by zero, nothing is to be compared.
            if !length(&part(0)).is_finite() {
                continue;
            }

            let mut scheduler = sampler.build(&config, steps).unwrap();
            let latents = (&golden.tensors["init"] * scheduler.init_noise_sigma()).unwrap();
            let rounding = f32::EPSILON / 4.0 * length(&latents) / length(&part(0));
            let found = golden.run(&mut *scheduler, latents, 0);
            comparison.add_within(TOLERANCE + rounding, &what, &found, &part(0));
            if steps == 1 {
                continue;
            }
            let mut scheduler = sampler.build(&config, steps).unwrap();
            let begin = scheduler.order();
            let noise = golden.tensors["noise"].get(7).unwrap();
            let noised = scheduler
                .add_noise(&golden.tensors["clean"], &noise, begin)
                .unwrap();
            comparison.add(&what, &noised.flatten_all().unwrap(), &part(2));
            let end = golden.run(&mut *scheduler, noised, begin);
            comparison.add(&what, &end, &part(4));
        }
    }
    comparison.finish(500);
}
