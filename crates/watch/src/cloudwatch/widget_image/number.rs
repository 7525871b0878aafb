//! How CloudWatch writes numbers: three significant digits, `K` `M` `G` `T` from a thousand on, `9E-3` below a hundredth.

/// Largest power of ten with a suffix, and the suffixes from 10^3 on.
const SUFFIXES: [(f64, &str); 4] = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "K")];
/// From here on numbers are written with an exponent.
const HUGE: f64 = 1e15;
/// Below this, numbers are written with an exponent.
const TINY: f64 = 0.01;

/// A value in few characters: `22.9`, `1.23K`, `9E-3`; what is not a number is `-`.
pub fn short(value: f64) -> String {
    if !value.is_finite() {
        return "-".to_owned();
    }
    let value = significant(value, 3);
    let size = value.abs();
    if size == 0.0 {
        return "0".to_owned();
    }
    if !(TINY..HUGE).contains(&size) {
        return exponent(value, 2);
    }
    let (scale, suffix) = scale_of(size);
    let scaled = value / scale;
    let digits = if scaled.abs() >= 100.0 {
        0
    } else if scaled.abs() >= 10.0 {
        1
    } else if scaled.abs() >= 1.0 {
        2
    } else {
        4
    };
    format!("{}{suffix}", trimmed(scaled, digits))
}

/// All digits that matter, with commas: what `singleValueFullPrecision` shows.
pub fn full(value: f64) -> String {
    if !value.is_finite() {
        return "-".to_owned();
    }
    if value != 0.0 && !(1e-6..HUGE).contains(&value.abs()) {
        return exponent(value, 6);
    }
    let text = trimmed(value, 6);
    let (sign, rest) = text.strip_prefix('-').map_or(("", text.as_str()), |rest| ("-", rest));
    let (whole, fraction) = rest.split_once('.').map_or((rest, None), |(whole, fraction)| (whole, Some(fraction)));
    let mut grouped = String::with_capacity(text.len() + 5);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    match fraction {
        Some(fraction) => format!("{sign}{grouped}.{fraction}"),
        None => format!("{sign}{grouped}"),
    }
}

/// The label of an axis tick whose neighbours are `step` away: as many digits as tell the neighbours apart.
pub fn tick(value: f64, step: f64) -> String {
    let size = value.abs();
    if size < step * 1e-6 {
        return "0".to_owned();
    }
    if size >= HUGE || step < 1e-5 {
        return exponent(value, 3);
    }
    let (scale, suffix) = scale_of(size);
    let step = step / scale;
    let digits = (0..=8).find(|&digits| (step * 10_f64.powi(digits)).fract() < 1e-6).unwrap_or(8);
    format!("{}{suffix}", trimmed(value / scale, usize::try_from(digits).unwrap_or(8)))
}

/// The short sign of a CloudWatch unit that stands behind a value; `None` and `Count` have none.
pub fn unit_sign(unit: &str) -> &str {
    match unit {
        "Percent" => "%",
        "Seconds" => "s",
        "Milliseconds" => "ms",
        "Microseconds" => "µs",
        "Bytes" => "B",
        "Kilobytes" => "kB",
        "Megabytes" => "MB",
        "Gigabytes" => "GB",
        "Terabytes" => "TB",
        "Bits" => "b",
        "Kilobits" => "kb",
        "Megabits" => "Mb",
        "Gigabits" => "Gb",
        "Terabits" => "Tb",
        "Bytes/Second" => "B/s",
        "Kilobytes/Second" => "kB/s",
        "Megabytes/Second" => "MB/s",
        "Gigabytes/Second" => "GB/s",
        "Terabytes/Second" => "TB/s",
        "Bits/Second" => "b/s",
        "Kilobits/Second" => "kb/s",
        "Megabits/Second" => "Mb/s",
        "Gigabits/Second" => "Gb/s",
        "Terabits/Second" => "Tb/s",
        "Count/Second" => "/s",
        "Count" | "None" => "",
        other => other,
    }
}

fn scale_of(size: f64) -> (f64, &'static str) {
    SUFFIXES.into_iter().find(|(scale, _)| size >= *scale).unwrap_or((1.0, ""))
}

/// The value with so many significant digits.
fn significant(value: f64, digits: usize) -> f64 {
    // The largest of all numbers would round up to infinity.
    let rounded = format!("{value:.*e}", digits - 1).parse().unwrap_or(value);
    if f64::is_finite(rounded) { rounded } else { value }
}

/// At most so many decimals, without zeros at the end.
fn trimmed(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// `1.23E15`, `9E-3`.
fn exponent(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$e}");
    let (mantissa, power) = text.split_once('e').unwrap_or((&text, "0"));
    let mantissa = if mantissa.contains('.') { mantissa.trim_end_matches('0').trim_end_matches('.') } else { mantissa };
    format!("{mantissa}E{power}")
}
