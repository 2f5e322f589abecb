//! Learns the probes: one hidden layer and a softmax for each factor, by AdamW on the cross entropy.

use std::collections::HashMap;
use std::error::Error;
use std::path::Path;

use candle_core::{D, DType, Device, Tensor, Var};
use candle_nn::{AdamW, Optimizer, ParamsAdamW, loss};
use half::f16;
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use tastemaker_preference::metric::embedded::FACTORS as COUNTS;

use crate::data::{FACTORS, Set, read};
use crate::dice::Dice;

const HIDDEN: usize = 160;
const EPOCHS: usize = 40;
const BATCH: usize = 200;
const RATE: f64 = 2e-3;
/// Spread of noise on the features, so that the probes do not rest on the last decimal of one of them.
const NOISE: f64 = 0.15;
const SEED: u64 = 7;

pub fn learn(folder: &Path, out: &Path) -> Result<(), Box<dyn Error>> {
    let (train, test) = (read(folder, "train")?, read(folder, "test")?);
    let values = train.values();
    let counts: Vec<usize> = values.iter().map(Vec::len).collect();
    let (centre, spread) = scale(&train);
    let (inputs, looks) = (centre.len(), counts.iter().sum());
    let mut dice = Dice::new(SEED, 0);
    let device = Device::Cpu;
    let mut random = |rows: usize, columns: usize| {
        let size = (2.0 / columns as f64).sqrt();
        let numbers: Vec<f32> = (0..rows * columns)
            .map(|_| (dice.normal() * size) as f32)
            .collect();
        Var::from_vec(numbers, (rows, columns), &device)
    };
    let hidden = (random(HIDDEN, inputs)?, Var::zeros(HIDDEN, DType::F32, &device)?);
    let last = (random(looks, HIDDEN)?, Var::zeros(looks, DType::F32, &device)?);
    let forward = |batch: &Tensor| -> candle_core::Result<Tensor> {
        let hidden = batch.matmul(&hidden.0.t()?)?.broadcast_add(&hidden.1)?.relu()?;
        hidden.matmul(&last.0.t()?)?.broadcast_add(&last.1)
    };
    let variables = vec![hidden.0.clone(), hidden.1.clone(), last.0.clone(), last.1.clone()];
    let parameters = ParamsAdamW {
        lr: RATE,
        weight_decay: 0.02,
        ..ParamsAdamW::default()
    };
    let mut optimizer = AdamW::new(variables, parameters)?;
    let rows = |set: &Set| -> Vec<Vec<f32>> {
        set.features
            .iter()
            .map(|it| scaled(it, &centre, &spread))
            .collect()
    };
    let (train_rows, test_rows) = (rows(&train), rows(&test));
    let mut dice = Dice::new(SEED, 1);
    let mut order: Vec<usize> = (0..train_rows.len()).collect();
    for epoch in 0..EPOCHS {
        for at in (1..order.len()).rev() {
            order.swap(at, dice.below(at + 1));
        }
        optimizer.set_learning_rate(RATE * (1.0 - epoch as f64 / EPOCHS as f64));
        let mut total = 0.0;
        for batch in order.chunks(BATCH) {
            let numbers: Vec<f32> = batch
                .iter()
                .flat_map(|at| &train_rows[*at])
                .map(|value| value + (NOISE * dice.normal()) as f32)
                .collect();
            let output = forward(&Tensor::from_vec(numbers, (batch.len(), inputs), &device)?)?;
            let labels: Vec<Vec<usize>> = batch.iter().map(|at| train.labels(*at, &values)).collect();
            let mut sum = Tensor::zeros((), DType::F32, &device)?;
            let mut start = 0;
            for (factor, count) in counts.iter().enumerate() {
                let target: Vec<u32> = labels.iter().map(|it| it[factor] as u32).collect();
                let part = output.narrow(1, start, *count)?.contiguous()?;
                sum = (sum + loss::cross_entropy(&part, &Tensor::new(target, &device)?)?)?;
                start += count;
            }
            optimizer.backward_step(&sum)?;
            total += sum.to_scalar::<f32>()?;
        }
        if epoch % 8 == 7 {
            let batches = order.len().div_ceil(BATCH) as f32;
            println!("epoch {}: {:.3} nats", epoch + 1, total / batches);
        }
    }
    let numbers = test_rows.concat();
    let output = forward(&Tensor::from_vec(numbers, (test_rows.len(), inputs), &device)?)?;
    let mut start = 0;
    for (factor, count) in counts.iter().enumerate() {
        let guesses: Vec<u32> = output.narrow(1, start, *count)?.argmax(D::Minus1)?.to_vec1()?;
        start += count;
        let truth: Vec<usize> = (0..test_rows.len())
            .map(|at| test.labels(at, &values)[factor])
            .collect();
        let right = guesses
            .iter()
            .zip(&truth)
            .filter(|(guess, truth)| **guess as usize == **truth)
            .count();
        let plain = truth.iter().filter(|it| **it == 0).count();
        let of = |count: usize| count as f64 / truth.len() as f64;
        println!(
            "{}: {:.3} right, {:.3} are plain",
            FACTORS[factor],
            of(right),
            of(plain)
        );
    }
    let names: Vec<String> = FACTORS
        .iter()
        .zip(&values)
        .flat_map(|(factor, values)| values.iter().map(move |value| format!("{factor}:{value}")))
        .collect();
    let tensors = [
        ("centre", bytes(&centre), vec![inputs], Dtype::F32),
        ("spread", bytes(&spread), vec![inputs], Dtype::F32),
        (
            "hidden.weight",
            halves(&hidden.0)?,
            vec![HIDDEN, inputs],
            Dtype::F16,
        ),
        ("hidden.bias", halves(&hidden.1)?, vec![HIDDEN], Dtype::F16),
        ("looks.weight", halves(&last.0)?, vec![looks, HIDDEN], Dtype::F16),
        ("looks.bias", halves(&last.1)?, vec![looks], Dtype::F16),
    ];
    let mut views = Vec::new();
    for (name, bytes, shape, dtype) in &tensors {
        views.push((*name, TensorView::new(*dtype, shape.clone(), bytes)?));
    }
    let listed: Vec<String> = counts.iter().map(ToString::to_string).collect();
    let metadata = HashMap::from([
        (COUNTS.to_owned(), listed.join(",")),
        ("looks".to_owned(), names.join(",")),
    ]);
    safetensors::serialize_to_file(views, Some(metadata), out)?;
    println!("wrote {}, {} bytes", out.display(), std::fs::metadata(out)?.len());
    Ok(())
}

/// Mean and standard deviation of each feature.
fn scale(set: &Set) -> (Vec<f32>, Vec<f32>) {
    let count = set.features.len() as f64;
    let length = set.features.first().map_or(0, Vec::len);
    let column = |at: usize| set.features.iter().map(move |it| f64::from(it[at]));
    (0..length)
        .map(|at| {
            let mean = column(at).sum::<f64>() / count;
            let variance = column(at).map(|it| (it - mean) * (it - mean)).sum::<f64>() / count;
            (mean as f32, variance.sqrt().max(1e-4) as f32)
        })
        .unzip()
}

/// As `Probes::scaled` has it.
fn scaled(features: &[f32], centre: &[f32], spread: &[f32]) -> Vec<f32> {
    features
        .iter()
        .zip(centre.iter().zip(spread))
        .map(|(value, (centre, spread))| ((value - centre) / spread).clamp(-4.0, 4.0))
        .collect()
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|it| it.to_le_bytes()).collect()
}

fn halves(tensor: &Tensor) -> candle_core::Result<Vec<u8>> {
    let values: Vec<f32> = tensor.flatten_all()?.to_vec1()?;
    Ok(values
        .iter()
        .flat_map(|it| f16::from_f32(*it).to_le_bytes())
        .collect())
}
