//! Whole loops of every sampler, on a stand-in for the denoiser.

use super::*;
use crate::SchedulerKind;
use crate::config::SchedulerConfig;

#[test]
fn sampler_loops_agree() {
    let golden =
        candle_core::safetensors::load(folder().join("schedulers.safetensors"), &Device::Cpu).unwrap();
    let schedules: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(folder().join("schedules.json")).unwrap()).unwrap();
    let mut comparison = Comparison::default();
    for (key, expected) in &golden {
        let [schedule, spacing, kind, steps] = key.split('/').collect::<Vec<_>>()[..] else {
            continue;
        };
        let mut config = schedules[schedule].clone();
        config["timestep_spacing"] = spacing.into();
        let config = SchedulerConfig::from_json(&config.to_string());
        let kind: SchedulerKind = kind.parse().unwrap();
        let steps: usize = steps.parse().unwrap();
        let mut scheduler = kind.build(&config, steps).unwrap();
        let mut latents = (&golden["init"] * scheduler.init_noise_sigma()).unwrap();
        for step in 0..steps {
            let t = scheduler.timesteps()[step];
            let output =
                (scheduler.scale_input(&latents, step).unwrap() * (0.3 * (t + 5.0) / (t + 10.0))).unwrap();
            let noise = scheduler.needs_noise(step).then(|| &golden["noise"]);
            latents = scheduler.step(step, &output, &latents, noise).unwrap().next;
        }
        comparison.add(key, &latents, expected);
    }
    comparison.finish(800);
}
