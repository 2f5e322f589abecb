//! Rendered pictures with known styles.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use image::RgbImage;
use rayon::prelude::*;
use tastemaker_preference::metric::embedded::{SIDE, features};

/// Bytes of one picture.
const BYTES: usize = SIDE * SIDE * 3;
/// The factors of the renderer's styles.
pub const FACTORS: [&str; 18] = [
    "composition",
    "view",
    "detail",
    "palette",
    "saturation",
    "light",
    "atmosphere",
    "mood",
    "era",
    "focus",
    "shape",
    "line",
    "medium",
    "culture",
    "technique",
    "contrast",
    "texture",
    "finish",
];

/// Is a set of pictures: what was measured of each, and its styles.
pub struct Set {
    /// Features of each picture.
    pub features: Vec<Vec<f32>>,
    /// For each picture the value of each factor it has, by factor.
    pub styles: Vec<BTreeMap<String, String>>,
}

/// Reads a set, measuring its pictures unless that was done before.
pub fn read(folder: &Path, name: &str) -> Result<Set, Box<dyn Error>> {
    let path = |kind: &str| folder.join(format!("{name}.{kind}"));
    let said = |error: std::io::Error, kind: &str| format!("{}: {error}", path(kind).display());
    let labels = std::fs::read_to_string(path("jsonl")).map_err(|error| said(error, "jsonl"))?;
    let mut styles = Vec::new();
    for line in labels.lines() {
        let mut style: BTreeMap<String, String> = serde_json::from_str(line)?;
        style.retain(|factor, _| FACTORS.contains(&factor.as_str()));
        styles.push(style);
    }
    let kept = path("features");
    let values: Vec<f32> = match std::fs::read(&kept) {
        Ok(bytes) => bytes
            .as_chunks()
            .0
            .iter()
            .map(|it| f32::from_le_bytes(*it))
            .collect(),
        Err(_) => {
            let pixels = std::fs::read(path("rgb")).map_err(|error| said(error, "rgb"))?;
            let measured: Vec<Vec<f32>> = pixels
                .par_chunks_exact(BYTES)
                .map(|pixels| {
                    let picture = RgbImage::from_raw(SIDE as u32, SIDE as u32, pixels.to_vec());
                    features(&picture.unwrap_or_default())
                })
                .collect::<Result<_, _>>()?;
            let values = measured.concat();
            std::fs::write(
                &kept,
                values.iter().flat_map(|it| it.to_le_bytes()).collect::<Vec<u8>>(),
            )?;
            values
        }
    };
    let each = values.len() / styles.len().max(1);
    if each == 0 || values.len() != each * styles.len() {
        return Err(format!(
            "{name}: {} values do not belong to {} pictures; delete {}",
            values.len(),
            styles.len(),
            kept.display()
        )
        .into());
    }
    Ok(Set {
        features: values.chunks(each).map(<[f32]>::to_vec).collect(),
        styles,
    })
}

impl Set {
    /// Returns the values of each factor that occur, in the order of [`FACTORS`]; `plain` stands for none.
    pub fn values(&self) -> Vec<Vec<String>> {
        FACTORS
            .iter()
            .map(|factor| {
                let mut values: Vec<String> = self
                    .styles
                    .iter()
                    .filter_map(|it| it.get(*factor))
                    .cloned()
                    .collect();
                values.sort();
                values.dedup();
                values.insert(0, "plain".to_owned());
                values
            })
            .collect()
    }

    /// Returns which value of each factor a picture has.
    pub fn labels(&self, at: usize, values: &[Vec<String>]) -> Vec<usize> {
        let of = |(factor, values): (&&str, &Vec<String>)| {
            let value = self.styles[at].get(*factor);
            value
                .and_then(|value| values.iter().position(|it| it == value))
                .unwrap_or(0)
        };
        FACTORS.iter().zip(values).map(of).collect()
    }
}
