//! One person's taste as a Gaussian process classifier.
//!
//! `f`, how much a look is liked, is a normal process; `P(liked) = 1 / (1 + e^−f)`. The posterior is Laplace's
//! approximation, found by Newton's method, and the score averages over it, so that a look far from all that was seen
//! scores near 0.5 (C. E. Rasmussen and C. K. I. Williams, "Gaussian Processes for Machine Learning", 2006, algorithms 3.1
//! and 3.2; the average by D. J. C. MacKay, "The Evidence Framework applied to Classification Networks", 1992). With a few
//! dozen pictures all of it takes microseconds, and equal pictures give equal scores.

/// Newton steps at most; about six are usual.
const STEPS: usize = 30;
/// The search ends when no value moves by more.
const STILL: f64 = 1e-9;

/// Is how alike two looks are: `scale · exp(−d² / (2 n length²)) + linear · ⟨x, y⟩ / n + constant` for `n` numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Kernel {
    /// Weight of likeness.
    pub scale: f64,
    /// Distance, as a root mean square over the numbers, at which likeness fades.
    pub length: f64,
    /// Weight of what is liked in whatever company.
    pub linear: f64,
    /// Weight of liking or disliking everything.
    pub constant: f64,
}

impl Kernel {
    fn of(&self, one: &[f32], other: &[f32]) -> f64 {
        let count = one.len().max(1) as f64;
        let (mut apart, mut along) = (0.0f64, 0.0f64);
        for (a, b) in one.iter().zip(other) {
            let (a, b) = (f64::from(*a), f64::from(*b));
            apart += (a - b) * (a - b);
            along += a * b;
        }
        let near = (-apart / (2.0 * count * self.length * self.length)).exp();
        self.scale * near + self.linear * along / count + self.constant
    }
}

/// Is a fitted classifier.
#[derive(Debug, Clone)]
pub struct Taste {
    kernel: Kernel,
    looks: Vec<Vec<f32>>,
    /// Gradient of the log likelihood at the posterior's mode.
    slope: Vec<f64>,
    /// Roots of the likelihood's curvature there.
    roots: Vec<f64>,
    /// Cholesky factor of `I + W^½ K W^½`, row by row, lower triangle.
    factor: Vec<f64>,
}

impl Taste {
    /// Fits looks, `likes[i]` telling whether look `i` was liked. Looks without a matching entry are left out.
    pub fn fit(mut looks: Vec<Vec<f32>>, likes: &[bool], kernel: Kernel) -> Taste {
        looks.truncate(likes.len());
        let count = looks.len();
        let mut covariance = vec![0.0; count * count];
        for (row, one) in looks.iter().enumerate() {
            for (column, other) in looks.iter().enumerate() {
                covariance[row * count + column] = kernel.of(one, other);
            }
        }
        let target: Vec<f64> = likes.iter().map(|likes| f64::from(u8::from(*likes))).collect();
        let mut taste = Taste {
            kernel,
            looks,
            slope: Vec::new(),
            roots: Vec::new(),
            factor: Vec::new(),
        };
        let mut values = vec![0.0f64; count];
        for _ in 0..STEPS {
            taste.at(&values, &target, &covariance);
            // b = W f + slope; a = b − W^½ (L Lᵀ)⁻¹ W^½ K b; f = K a.
            let aim: Vec<f64> = (0..count)
                .map(|at| taste.roots[at] * taste.roots[at] * values[at] + taste.slope[at])
                .collect();
            let spread = product(&covariance, &aim);
            let inner: Vec<f64> = taste
                .roots
                .iter()
                .zip(&spread)
                .map(|(root, it)| root * it)
                .collect();
            let solved = back(&taste.factor, &forward(&taste.factor, &inner));
            let weights: Vec<f64> = (0..count)
                .map(|at| aim[at] - taste.roots[at] * solved[at])
                .collect();
            let next = product(&covariance, &weights);
            let moved = next
                .iter()
                .zip(&values)
                .map(|(a, b)| (a - b).abs())
                .fold(0.0, f64::max);
            values = next;
            if moved < STILL {
                break;
            }
        }
        taste.at(&values, &target, &covariance);
        taste
    }

    /// Returns the chance that a look is liked, in `0..=1`.
    pub fn score(&self, look: &[f32]) -> f32 {
        let alike: Vec<f64> = self
            .looks
            .iter()
            .map(|other| self.kernel.of(look, other))
            .collect();
        let mean: f64 = alike
            .iter()
            .zip(&self.slope)
            .map(|(alike, slope)| alike * slope)
            .sum();
        let inner: Vec<f64> = alike
            .iter()
            .zip(&self.roots)
            .map(|(alike, root)| alike * root)
            .collect();
        let known: f64 = forward(&self.factor, &inner).iter().map(|it| it * it).sum();
        let variance = (self.kernel.of(look, look) - known).max(0.0);
        sigmoid(mean / (1.0 + std::f64::consts::PI * variance / 8.0).sqrt()) as f32
    }

    /// Takes slope, curvature and factor at these values.
    fn at(&mut self, values: &[f64], target: &[f64], covariance: &[f64]) {
        let count = values.len();
        let chances: Vec<f64> = values.iter().map(|value| sigmoid(*value)).collect();
        self.slope = target
            .iter()
            .zip(&chances)
            .map(|(target, chance)| target - chance)
            .collect();
        self.roots = chances
            .iter()
            .map(|chance| (chance * (1.0 - chance)).sqrt())
            .collect();
        let mut matrix = vec![0.0; count * count];
        for row in 0..count {
            for column in 0..count {
                matrix[row * count + column] =
                    self.roots[row] * covariance[row * count + column] * self.roots[column];
            }
            matrix[row * count + row] += 1.0;
        }
        self.factor = cholesky(matrix, count);
    }
}

fn sigmoid(value: f64) -> f64 {
    1.0 / (1.0 + (-value).exp())
}

fn product(matrix: &[f64], vector: &[f64]) -> Vec<f64> {
    matrix
        .chunks(vector.len().max(1))
        .map(|row| row.iter().zip(vector).map(|(a, b)| a * b).sum())
        .collect()
}

/// Factors a symmetric matrix whose eigenvalues are at least 1.
fn cholesky(mut matrix: Vec<f64>, count: usize) -> Vec<f64> {
    for pivot in 0..count {
        // At least 1 but for rounding.
        let root = matrix[pivot * count + pivot].max(1e-12).sqrt();
        for row in pivot..count {
            matrix[row * count + pivot] /= root;
        }
        for column in pivot + 1..count {
            for row in column..count {
                matrix[row * count + column] -= matrix[row * count + pivot] * matrix[column * count + pivot];
            }
        }
    }
    matrix
}

/// Solves `L x = y`.
fn forward(factor: &[f64], right: &[f64]) -> Vec<f64> {
    let count = right.len();
    let mut solution = right.to_vec();
    for row in 0..count {
        let known: f64 = (0..row).map(|at| factor[row * count + at] * solution[at]).sum();
        solution[row] = (solution[row] - known) / factor[row * count + row];
    }
    solution
}

/// Solves `Lᵀ x = y`.
fn back(factor: &[f64], right: &[f64]) -> Vec<f64> {
    let count = right.len();
    let mut solution = right.to_vec();
    for row in (0..count).rev() {
        let known: f64 = (row + 1..count)
            .map(|at| factor[at * count + row] * solution[at])
            .sum();
        solution[row] = (solution[row] - known) / factor[row * count + row];
    }
    solution
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KERNEL: Kernel = Kernel {
        scale: 2.0,
        length: 1.0,
        linear: 1.0,
        constant: 0.1,
    };

    #[test]
    fn what_is_alike_scores_alike_and_what_is_far_is_undecided() {
        let kernel = Kernel {
            linear: 0.0,
            constant: 0.0,
            ..KERNEL
        };
        let looks = vec![vec![1.0, 0.0], vec![0.9, 0.1], vec![-1.0, 0.0], vec![-0.9, -0.1]];
        let taste = Taste::fit(looks, &[true, true, false, false], kernel);
        assert!(taste.score(&[1.0, 0.1]) > 0.6 && taste.score(&[-1.0, 0.1]) < 0.4);
        assert!((taste.score(&[0.0, 900.0]) - 0.5).abs() < 1e-6);
    }

    #[test]
    fn the_mode_is_where_value_and_slope_agree() {
        // At the mode f = K ∇ log p(y | f): for one look of kernel value k, f = k (1 − σ(f)).
        let kernel = Kernel {
            scale: 3.0,
            linear: 0.0,
            constant: 0.0,
            length: 1.0,
        };
        let taste = Taste::fit(vec![vec![0.5]], &[true], kernel);
        let value = 3.0 * taste.slope[0];
        assert!((taste.slope[0] - (1.0 - sigmoid(value))).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn scores_are_chances_and_exchanging_the_lists_turns_them_round(
            looks in proptest::collection::vec(proptest::collection::vec(-3.0f32..3.0, 4), 2..12),
            query in proptest::collection::vec(-3.0f32..3.0, 4),
        ) {
            let likes: Vec<bool> = (0..looks.len()).map(|at| at % 2 == 0).collect();
            let turned: Vec<bool> = likes.iter().map(|it| !it).collect();
            let score = Taste::fit(looks.clone(), &likes, KERNEL).score(&query);
            let other = Taste::fit(looks, &turned, KERNEL).score(&query);
            prop_assert!((0.0..=1.0).contains(&score));
            prop_assert!((score + other - 1.0).abs() < 1e-4);
        }
    }
}
