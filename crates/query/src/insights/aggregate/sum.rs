//! Sums of floats with twice the digits of one, so that the order of the summands leaves no trace in what is shown.
//!
//! Knuth's TwoSum and Dekker's product: each gives the rounded result and, exactly, what the rounding lost.

/// The unevaluated sum of two floats.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sum {
    high: f64,
    low: f64,
}

impl Sum {
    /// Adds a number.
    pub fn add(&mut self, number: f64) {
        let (high, lost) = two_sum(self.high, number);
        self.high = high;
        self.low += lost;
    }

    /// Adds a product.
    pub fn add_product(&mut self, a: f64, b: f64) {
        let product = a * b;
        self.add(product);
        let lost = product_lost(a, b, product);
        // Numbers too large for Dekker's split are too large for decimals.
        if lost.is_finite() {
            self.add(lost);
        }
    }

    /// Adds another sum.
    pub fn merge(&mut self, other: Self) {
        self.add(other.high);
        self.add(other.low);
    }

    /// The nearest float.
    pub fn value(&self) -> f64 {
        // Past the largest float the lost part is no number.
        let value = self.high + self.low;
        if value.is_nan() { self.high } else { value }
    }
}

/// The variance of so many numbers, given their sum and the sum of their squares.
pub fn variance(count: u64, sum: &Sum, squares: &Sum) -> f64 {
    let count = count as f64;
    // For any m: the sum of (x - m)^2 is that of x^2, less 2m times that of x, plus m^2 for each. It is least at the mean, so that
    // it makes no difference that m is rounded.
    let m = sum.value() / count;
    let mut rest = *squares;
    rest.add_product(-2.0 * m, sum.high);
    rest.add_product(-2.0 * m, sum.low);
    let square = m * m;
    rest.add_product(count, square);
    rest.add_product(count, product_lost(m, m, square));
    (rest.value() / count).max(0.0)
}

fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let of_b = sum - a;
    (sum, (a - (sum - of_b)) + (b - of_b))
}

/// What a product lost by rounding.
fn product_lost(a: f64, b: f64, product: f64) -> f64 {
    let ((a_high, a_low), (b_high, b_low)) = (split(a), split(b));
    a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low)
}

/// Two halves of the digits.
fn split(number: f64) -> (f64, f64) {
    let scaled = number * 134_217_729.0;
    let high = scaled - (scaled - number);
    (high, number - high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_numbers_survive_between_large_ones() {
        let mut sum = Sum::default();
        [1e17, 1.0, -1e17, 1.0].into_iter().for_each(|number| sum.add(number));
        assert_eq!(sum.value(), 2.0);
    }

    #[test]
    fn variance_of_close_numbers_is_not_lost() {
        let (mut sum, mut squares) = (Sum::default(), Sum::default());
        for number in [1e13 + 1.0, 1e13 + 2.0, 1e13 + 3.0] {
            sum.add(number);
            squares.add_product(number, number);
        }
        assert!((variance(3, &sum, &squares) - 2.0 / 3.0).abs() < 1e-9);
    }
}
