//! Quantiles of the symmetric beta distribution, by which noise levels may lie (Lee et al. 2024, "Beta Sampling is All You
//! Need").

/// Terms of the continued fraction at most; some thirty are needed.
const TERMS: u32 = 300;

/// The value below which the share `p` of a beta distribution with both parameters `a` lies. `p` and the result are from 0
/// to 1, `a` is positive.
pub(super) fn quantile(p: f64, a: f64) -> f64 {
    if p >= 1.0 {
        return 1.0;
    }
    let (mut low, mut high) = (0.0, 1.0);
    loop {
        let middle = 0.5 * (low + high);
        // Until no number lies between: some seventy halvings, more towards 0, where numbers are denser.
        if middle <= low || middle >= high || p <= 0.0 {
            return low;
        }
        match share_below(middle, a) < p {
            true => low = middle,
            false => high = middle,
        }
    }
}

/// The share below `x`: the regularised incomplete beta function I_x(a, a), by its continued fraction (Abramowitz and
/// Stegun 26.5.8) in Lentz's way.
fn share_below(x: f64, a: f64) -> f64 {
    // The fraction converges fast below the middle; above, the distribution is its own mirror image.
    if x > 0.5 {
        return 1.0 - share_below(1.0 - x, a);
    }
    let log_beta = 2.0 * libm::lgamma(a) - libm::lgamma(2.0 * a);
    let front = (a * (x.ln() + (-x).ln_1p()) - log_beta).exp() / a;
    let mut c = 1.0;
    let mut d = 1.0 / (1.0 - 2.0 * a * x / (a + 1.0));
    let mut fraction = d;
    for m in (1..=TERMS).map(f64::from) {
        let even = m * (a - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (2.0 * a + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut change = 1.0;
        for term in [even, odd] {
            d = 1.0 / (1.0 + term * d);
            c = 1.0 + term / c;
            change = c * d;
            fraction *= change;
        }
        if (change - 1.0).abs() < f64::EPSILON {
            break;
        }
    }
    front * fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_scipy() {
        for (p, expected) in [
            (1e-6, 1.8558824624053043e-10),
            (0.001, 1.855873851745199e-5),
            (0.02, 0.002732982024577027),
            (0.1, 0.03958440558878085),
            (1.0 / 3.0, 0.2754132907776234),
            (0.5, 0.5),
            (0.7, 0.7659829961247643),
            (0.95, 0.9874455431263885),
            (0.999999, 0.9999999998144118),
        ] {
            let found = quantile(p, 0.6);
            assert!((found - expected).abs() < 1e-12 * expected, "{p}: {found}");
        }
        assert_eq!((quantile(0.0, 0.6), quantile(1.0, 0.6)), (0.0, 1.0));
        // Where both parameters are 1, it is the uniform distribution.
        assert!((quantile(0.3, 1.0) - 0.3).abs() < 1e-15);
    }
}
