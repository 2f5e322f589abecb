use super::*;
use crate::ops::multiplies_bf16;
use crate::ops::testing::{bits, noise, relative_error};
use proptest::prelude::*;

#[test]
fn it_agrees_with_candle() {
    for (pictures, n, m, heads, d) in [
        (1, 1, 1, 1, 3),
        (2, 5, 77, 2, 8),
        (1, 300, 300, 3, 10),
        (2, 256, 77, 4, 16),
    ] {
        let q = noise(1, (pictures, n, heads * d));
        let (k, v) = (
            noise(2, (pictures, m, heads * d)),
            noise(3, (pictures, m, heads * d)),
        );
        for causal in [false, n == m] {
            let ours = attention(&q, &k, &v, heads, 0.3, causal, Products::F32).unwrap();
            let expected = plain(&q, &k, &v, heads, 0.3, causal).unwrap();
            assert!(relative_error(&ours, &expected) < 1e-5);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// More keys than one block, more queries than one task, heads of any size.
    #[test]
    fn any_shape_agrees_with_candle(
        n in 1..150usize, m in 1..900usize, heads in 1..4usize, d in 1..90usize, causal: bool,
    ) {
        let m = if causal { n } else { m };
        let (q, k, v) = (noise(1, (1, n, heads * d)), noise(2, (1, m, heads * d)), noise(3, (1, m, heads * d)));
        let scale = (d as f64).powf(-0.5);
        let ours = attention(&q, &k, &v, heads, scale, causal, Products::F32).unwrap();
        let expected = plain(&q, &k, &v, heads, scale, causal).unwrap();
        // Both are about 1e-5 from the same in f64 in the worst value of the worst shape.
        prop_assert!(relative_error(&ours, &expected) < 5e-5);
    }
}

#[test]
fn products_of_bf16_are_near_and_ignore_the_batch() {
    if !multiplies_bf16() {
        return;
    }
    for (n, m, heads, d) in [(1, 1, 1, 3), (5, 77, 2, 8), (300, 300, 3, 11), (70, 901, 1, 40)] {
        let q = noise(1, (2, n, heads * d));
        let (k, v) = (noise(2, (2, m, heads * d)), noise(3, (2, m, heads * d)));
        let run = |q: &Tensor, k: &Tensor, v: &Tensor, products| {
            attention(q, k, v, heads, (d as f64).powf(-0.5), n == m, products).unwrap()
        };
        let halves = run(&q, &k, &v, Products::Bf16);
        // Each factor is rounded by up to 2⁻⁹; the largest error counts, and means of many values are small.
        let error = relative_error(&halves, &run(&q, &k, &v, Products::F32));
        assert!(error < 0.06, "{n}, {m}, {d}: {error}");
        let last = |x: &Tensor| x.narrow(0, 1, 1).unwrap();
        let alone = run(&last(&q), &last(&k), &last(&v), Products::Bf16);
        assert_eq!(bits(&alone), bits(&last(&halves)));
    }
}

#[test]
fn a_picture_is_the_same_alone_and_in_a_batch() {
    let (q, k, v) = (
        noise(1, (3, 200, 32)),
        noise(2, (3, 77, 32)),
        noise(3, (3, 77, 32)),
    );
    let together = attention(&q, &k, &v, 4, 0.35, false, Products::F32).unwrap();
    for p in 0..3 {
        let one = |x: &Tensor| x.narrow(0, p, 1).unwrap();
        let alone = attention(&one(&q), &one(&k), &one(&v), 4, 0.35, false, Products::F32).unwrap();
        assert_eq!(bits(&alone), bits(&one(&together)));
    }
}

#[test]
fn large_scores_stay_finite() {
    let q = (noise(1, (1, 4, 8)) * 1e4).unwrap();
    let y = attention(&q, &q, &noise(2, (1, 4, 8)), 1, 1.0, false, Products::F32).unwrap();
    assert!(
        y.flatten_all()
            .unwrap()
            .to_vec1::<f32>()
            .unwrap()
            .iter()
            .all(|v| v.is_finite())
    );
}
