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

    /// Adds a number's square.
    pub fn add_square(&mut self, number: f64) {
        let square = number * number;
        self.add(square);
        let lost = square_lost(number, square);
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

/// The variance of so many numbers.
pub fn variance(count: u64, sum: &Sum, squares: &Sum) -> f64 {
    let count = count as f64;
    let mean = sum.value() / count;
    // squares - mean * sum, with the product exact.
    let mut rest = *squares;
    let product = mean * sum.value();
    rest.add(-product);
    let lost = product_lost(mean, sum.value(), product);
    if lost.is_finite() {
        rest.add(-lost);
    }
    (rest.value() / count).max(0.0)
}

fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let of_b = sum - a;
    (sum, (a - (sum - of_b)) + (b - of_b))
}

fn square_lost(number: f64, square: f64) -> f64 {
    product_lost(number, number, square)
}

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
        for number in [1e9 + 1.0, 1e9 + 2.0, 1e9 + 3.0] {
            sum.add(number);
            squares.add_square(number);
        }
        assert!((variance(3, &sum, &squares) - 2.0 / 3.0).abs() < 1e-9);
    }
}
