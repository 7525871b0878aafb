//! `cloudwatch_unit`: OpenTelemetry's units (UCUM) as CloudWatch's, by the table of AWS's guide on metric streams, read backwards.

/// CloudWatch's unit for an OpenTelemetry one; `None` for those it does not have.
///
/// Rates end with `/s`; annotations in braces, such as `{request}`, count things.
pub fn cloudwatch_unit(ucum: &str) -> &'static str {
    match ucum.strip_suffix("/s") {
        Some(amount) => rate(amount),
        None => plain(ucum),
    }
}

fn plain(unit: &str) -> &'static str {
    match unit {
        "s" => "Seconds",
        "us" => "Microseconds",
        "ms" => "Milliseconds",
        "By" => "Bytes",
        "kBy" => "Kilobytes",
        "MBy" => "Megabytes",
        "GBy" => "Gigabytes",
        "TBy" => "Terabytes",
        "bit" => "Bits",
        "kbit" => "Kilobits",
        "Mbit" | "MBit" => "Megabits",
        "Gbit" | "GBit" => "Gigabits",
        "Tbit" => "Terabits",
        "%" => "Percent",
        annotation if is_annotation(annotation) => "Count",
        _ => "None",
    }
}

fn rate(amount: &str) -> &'static str {
    match plain(amount) {
        "Bytes" => "Bytes/Second",
        "Kilobytes" => "Kilobytes/Second",
        "Megabytes" => "Megabytes/Second",
        "Gigabytes" => "Gigabytes/Second",
        "Terabytes" => "Terabytes/Second",
        "Bits" => "Bits/Second",
        "Kilobits" => "Kilobits/Second",
        "Megabits" => "Megabits/Second",
        "Gigabits" => "Gigabits/Second",
        "Terabits" => "Terabits/Second",
        "Count" => "Count/Second",
        _ => "None",
    }
}

fn is_annotation(unit: &str) -> bool {
    unit.len() > 2 && unit.starts_with('{') && unit.ends_with('}')
}
