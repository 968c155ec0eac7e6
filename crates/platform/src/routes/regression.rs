//! Multinomial logistic regression: which label a vector speaks for.

/// What has been learnt.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Regression {
    classes: usize,
    width: usize,
    /// For each class its weights, then its bias.
    weights: Vec<f64>,
}

/// Steps of the search for the weights.
const STEPS: usize = 200;
/// Steps that the search remembers (L-BFGS, Liu and Nocedal 1989).
const MEMORY: usize = 10;
/// How much examples count against the wish for small weights, tried in turn.
const TRIED: [f64; 5] = [0.1, 1.0, 10.0, 100.0, 1000.0];
/// Parts that examples are held out in.
const FOLDS: usize = 4;

impl Regression {
    /// Learns from vectors of the same width and the classes they are of: the minimum of half the squared weights plus `c` times the
    /// log-loss, biases free; what scikit-learn's `LogisticRegression(C=c)` looks for.
    pub(super) fn fit(vectors: &[Vec<f64>], classes: &[usize], count: usize, c: f64) -> Self {
        let width = vectors.first().map_or(0, Vec::len);
        let loss = |weights: &[f64]| loss(weights, vectors, classes, count, c);
        let weights = minimum(vec![0.0; count * (width + 1)], loss);
        Self { classes: count, width, weights }
    }

    /// As [`Regression::fit`], with the `c` under which examples held out are told best; every fourth is held out in turn.
    pub(super) fn fit_best(vectors: &[Vec<f64>], classes: &[usize], count: usize) -> Self {
        let held_out = |c: f64| -> f64 {
            (0..FOLDS.min(vectors.len()))
                .map(|fold| {
                    let part = |held: bool| {
                        (0..vectors.len())
                            .filter(move |at| (at % FOLDS == fold) == held)
                            .map(|at| (vectors[at].clone(), classes[at]))
                            .unzip::<_, _, Vec<_>, Vec<_>>()
                    };
                    let ((known, of_known), (held, of_held)) = (part(false), part(true));
                    let learnt = Self::fit(&known, &of_known, count, c);
                    held.iter()
                        .zip(of_held)
                        .map(|(one, class)| -learnt.probabilities(one)[class].max(1e-12).ln())
                        .sum::<f64>()
                })
                .sum()
        };
        let best = TRIED.into_iter().map(|c| (held_out(c), c)).min_by(|a, b| a.0.total_cmp(&b.0));
        Self::fit(vectors, classes, count, best.map_or(1.0, |(_, c)| c))
    }

    /// The probability of each class.
    pub(super) fn probabilities(&self, vector: &[f64]) -> Vec<f64> {
        let row = self.width + 1;
        softmax((0..self.classes).map(|class| {
            let weights = &self.weights[class * row..(class + 1) * row];
            dot(&weights[..self.width], vector) + weights[self.width]
        }))
    }
}

/// Probabilities of logits.
pub(super) fn softmax(logits: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut all: Vec<f64> = logits.collect();
    let most = all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    all.iter_mut().for_each(|one| *one = (*one - most).exp());
    let sum: f64 = all.iter().sum();
    all.iter_mut().for_each(|one| *one /= sum);
    all
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The loss and its gradient.
fn loss(weights: &[f64], vectors: &[Vec<f64>], classes: &[usize], count: usize, c: f64) -> (f64, Vec<f64>) {
    let width = vectors.first().map_or(0, Vec::len);
    let row = width + 1;
    let (mut total, mut gradient) = (0.0, vec![0.0; weights.len()]);
    for class in 0..count {
        let range = class * row..class * row + width;
        total += dot(&weights[range.clone()], &weights[range.clone()]) / 2.0;
        gradient[range.clone()].copy_from_slice(&weights[range]);
    }
    for (vector, class) in vectors.iter().zip(classes) {
        let logit =
            |class: usize| dot(&weights[class * row..class * row + width], vector) + weights[class * row + width];
        let probabilities = softmax((0..count).map(logit));
        total -= c * probabilities[*class].max(f64::MIN_POSITIVE).ln();
        for (at, probability) in probabilities.iter().enumerate() {
            let error = c * (probability - f64::from(at == *class));
            let gradient = &mut gradient[at * row..(at + 1) * row];
            for (sum, value) in gradient.iter_mut().zip(vector) {
                *sum += error * value;
            }
            gradient[width] += error;
        }
    }
    (total, gradient)
}

/// The place of the minimum of a smooth function, by L-BFGS with halving steps.
pub(super) fn minimum(mut at: Vec<f64>, of: impl Fn(&[f64]) -> (f64, Vec<f64>)) -> Vec<f64> {
    let (mut value, mut gradient) = of(&at);
    let mut memory: std::collections::VecDeque<(Vec<f64>, Vec<f64>)> = std::collections::VecDeque::new();
    for _ in 0..STEPS {
        let direction = downhill(&gradient, &memory);
        let slope = dot(&direction, &gradient);
        if slope > -1e-12 {
            break;
        }
        let mut step = if memory.is_empty() { 1.0 / dot(&gradient, &gradient).sqrt().max(1.0) } else { 1.0 };
        let (next, lower, its) = loop {
            let next: Vec<f64> = at.iter().zip(&direction).map(|(at, by)| at + step * by).collect();
            let (lower, its) = of(&next);
            if lower <= value + 1e-4 * step * slope || step < 1e-12 {
                break (next, lower, its);
            }
            step /= 2.0;
        };
        let moved: Vec<f64> = next.iter().zip(&at).map(|(a, b)| a - b).collect();
        let turned: Vec<f64> = its.iter().zip(&gradient).map(|(a, b)| a - b).collect();
        if dot(&moved, &turned) > 1e-12 {
            memory.push_back((moved, turned));
            if memory.len() > MEMORY {
                memory.pop_front();
            }
        }
        let gained = value - lower;
        (at, value, gradient) = (next, lower, its);
        if gained.abs() <= 1e-10 * value.abs().max(1.0) {
            break;
        }
    }
    at
}

/// The two-loop recursion.
fn downhill(gradient: &[f64], memory: &std::collections::VecDeque<(Vec<f64>, Vec<f64>)>) -> Vec<f64> {
    let mut by: Vec<f64> = gradient.iter().map(|one| -one).collect();
    let mut kept = Vec::with_capacity(memory.len());
    for (moved, turned) in memory.iter().rev() {
        let part = dot(moved, &by) / dot(moved, turned);
        by.iter_mut().zip(turned).for_each(|(by, turned)| *by -= part * turned);
        kept.push(part);
    }
    if let Some((moved, turned)) = memory.back() {
        let scale = dot(moved, turned) / dot(turned, turned);
        by.iter_mut().for_each(|by| *by *= scale);
    }
    for ((moved, turned), part) in memory.iter().zip(kept.into_iter().rev()) {
        let back = dot(turned, &by) / dot(moved, turned);
        by.iter_mut().zip(moved).for_each(|(by, moved)| *by += (part - back) * moved);
    }
    by
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_minimum_of_a_valley_is_found() {
        // Rosenbrock 1960.
        let found = minimum(vec![-1.2, 1.0], |at| {
            let (x, y) = (at[0], at[1]);
            let value = (1.0 - x).powi(2) + 100.0 * (y - x * x).powi(2);
            (value, vec![-2.0 * (1.0 - x) - 400.0 * x * (y - x * x), 200.0 * (y - x * x)])
        });
        assert!((found[0] - 1.0).abs() < 1e-4 && (found[1] - 1.0).abs() < 1e-4, "{found:?}");
    }

    #[test]
    fn the_gradient_is_the_losss() {
        let vectors = vec![vec![0.3, -1.0], vec![1.5, 0.2], vec![-0.4, 0.8]];
        let (classes, count, c) = ([0, 2, 1], 3, 0.7);
        let at: Vec<f64> = (0..9).map(|i| f64::from(i) * 0.1 - 0.3).collect();
        let (_, gradient) = loss(&at, &vectors, &classes, count, c);
        for i in 0..at.len() {
            let value = |by: f64| {
                let mut moved = at.clone();
                moved[i] += by;
                loss(&moved, &vectors, &classes, count, c).0
            };
            let numeric = (value(1e-6) - value(-1e-6)) / 2e-6;
            assert!((numeric - gradient[i]).abs() < 1e-6, "{i}: {numeric} {}", gradient[i]);
        }
    }

    #[test]
    fn what_can_be_told_apart_is_told_apart() {
        let mut draw = fastrand::Rng::with_seed(3);
        let centres = [[2.0, 0.0], [-1.0, 2.0], [-1.0, -2.0]];
        let classes: Vec<usize> = (0..90).map(|at| at % 3).collect();
        let vectors: Vec<Vec<f64>> =
            classes.iter().map(|class| centres[*class].iter().map(|x| x + draw.f64() - 0.5).collect()).collect();
        let learnt = Regression::fit_best(&vectors, &classes, 3);
        for (vector, class) in vectors.iter().zip(&classes) {
            assert!(learnt.probabilities(vector)[*class] > 0.8);
        }
        let one = Regression::fit_best(&vectors[..1], &classes[..1], 3);
        assert_eq!(one.probabilities(&vectors[0]).len(), 3);
    }
}
