//! The metric as it is used: pictures in, a score out.

use image::Rgb;

use super::*;

/// A picture in one hue, with a few dark stripes.
fn picture(colour: [u8; 3], stripes: u32) -> RgbImage {
    RgbImage::from_fn(96, 96, |x, _| {
        let dark = stripes > 0 && x / 4 % stripes == 0;
        Rgb(if dark { [20; 3] } else { colour })
    })
}

#[test]
fn the_probes_of_the_program_fit_the_features() {
    let probes = Probes::from_bytes(PROBES).unwrap();
    let chances = probes.chances(&features(&picture([200, 90, 40], 3)).unwrap());
    assert_eq!(chances.len(), probes.factors().iter().sum::<usize>());
    let mut start = 0;
    for count in probes.factors() {
        let sum: f32 = chances[start..start + count].iter().sum();
        assert!((sum - 1.0).abs() < 1e-4);
        start += count;
    }
}

#[test]
fn what_is_like_the_liked_scores_higher_and_always_the_same() {
    let metric = EmbeddedMetric::embedded().unwrap();
    let liked = [picture([230, 120, 40], 0), picture([240, 150, 60], 4)];
    let disliked = [picture([40, 90, 220], 0), picture([60, 140, 240], 4)];
    let mut scorer = metric.context(&liked, &disliked).unwrap();
    let warm = scorer.score(&picture([235, 130, 50], 2)).unwrap();
    let cold = scorer.score(&picture([50, 110, 230], 2)).unwrap();
    // Both are striped as no picture of the context is, so neither needs to fall on its side of 0.5.
    assert!(warm > cold + 0.05, "{warm} {cold}");
    let again = metric
        .context(&liked, &disliked)
        .unwrap()
        .score(&picture([235, 130, 50], 2));
    assert_eq!(again.unwrap(), warm);
}

#[test]
fn a_context_needs_both_sides_and_pictures_need_pixels() {
    let metric = EmbeddedMetric::embedded().unwrap();
    let some = [picture([9, 9, 9], 0)];
    let refused = metric.context(&some, &[]).err().map(|error| error.to_string());
    assert_eq!(
        refused.as_deref(),
        Some("0 disliked pictures are too few to learn from: give at least 1")
    );
    let empty = metric.context(&[RgbImage::new(0, 3)], &some).err();
    assert!(matches!(empty, Some(MetricError::EmptyImage { .. })));
}

#[test]
fn a_broken_file_of_probes_is_refused_by_name() {
    assert!(Probes::from_bytes(&PROBES[..100]).is_err());
    let text = String::from_utf8_lossy(&PROBES[..4096]).into_owned();
    let at = text.find("looks.bias").unwrap();
    let mut renamed = PROBES.to_vec();
    renamed[at..at + 10].copy_from_slice(b"looks.bend");
    let error = Probes::from_bytes(&renamed).unwrap_err().to_string();
    assert!(error.contains("looks.bias"), "{error}");
}
