//! How numbers are written.

use crate::cloudwatch::widget_image::number::{full, short, tick, unit_sign};

#[test]
fn values_have_three_digits() {
    for (value, text) in [
        (0.0, "0"),
        (-0.0, "0"),
        (1.0, "1"),
        (22.94, "22.9"),
        (2.294, "2.29"),
        (0.2294, "0.229"),
        (0.02294, "0.0229"),
        (0.009, "9E-3"),
        (-0.001_234, "-1.23E-3"),
        (999.4, "999"),
        (999.9, "1K"),
        (1234.0, "1.23K"),
        (-12_345.0, "-12.3K"),
        (999_999.0, "1M"),
        (1_073_741_824.0, "1.07G"),
        (2.5e12, "2.5T"),
        (999e12, "999T"),
        (1e15, "1E15"),
        (-1.234e300, "-1.23E300"),
        (f64::NAN, "-"),
        (f64::INFINITY, "-"),
    ] {
        assert_eq!(short(value), text, "{value}");
    }
}

#[test]
fn full_precision_has_all_digits() {
    for (value, text) in [
        (0.0, "0"),
        (1_234_567.891, "1,234,567.891"),
        (-999.0, "-999"),
        (-1000.0, "-1,000"),
        (0.001_25, "0.00125"),
        (1e20, "1E20"),
        (f64::NAN, "-"),
    ] {
        assert_eq!(full(value), text, "{value}");
    }
}

#[test]
fn ticks_have_the_digits_that_tell_them_apart() {
    for (value, step, text) in [
        (0.0, 20.0, "0"),
        (1e-12, 20.0, "0"),
        (20.0, 20.0, "20"),
        (0.5, 0.5, "0.5"),
        (1.0, 0.25, "1"),
        (1.25, 0.25, "1.25"),
        (90.25, 0.25, "90.25"),
        (500_000.0, 500_000.0, "500K"),
        (1_500_000.0, 500_000.0, "1.5M"),
        (1_002_500.0, 2500.0, "1.0025M"),
        (-2000.0, 1000.0, "-2K"),
        (1e300, 5e299, "1E300"),
        (0.000_002, 0.000_001, "2E-6"),
    ] {
        assert_eq!(tick(value, step), text, "{value} by {step}");
    }
}

#[test]
fn units_have_signs() {
    for (unit, sign) in [("Percent", "%"), ("Count", ""), ("None", ""), ("Bytes/Second", "B/s"), ("widgets", "widgets")]
    {
        assert_eq!(unit_sign(unit), sign);
    }
}
