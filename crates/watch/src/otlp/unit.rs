//! `cloudwatch_unit` and `ucum_unit`: OpenTelemetry's units (UCUM) as CloudWatch's and back, by the table of AWS's guide on metric
//! streams ("Translations with OpenTelemetry 1.0.0 format").

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

/// OpenTelemetry's unit for one of CloudWatch's, as metric streams write it; `1` for `None` and for what is no unit. The guide
/// maps both sides of a rate.
pub fn ucum_unit(cloudwatch: &str) -> &'static str {
    match cloudwatch {
        "Seconds" => "s",
        "Microseconds" => "us",
        "Milliseconds" => "ms",
        "Bytes" => "By",
        "Kilobytes" => "kBy",
        "Megabytes" => "MBy",
        "Gigabytes" => "GBy",
        "Terabytes" => "TBy",
        "Bits" => "bit",
        "Kilobits" => "kbit",
        "Megabits" => "MBit",
        "Gigabits" => "GBit",
        "Terabits" => "Tbit",
        "Percent" => "%",
        "Count" => "{Count}",
        "Bytes/Second" => "By/s",
        "Kilobytes/Second" => "kBy/s",
        "Megabytes/Second" => "MBy/s",
        "Gigabytes/Second" => "GBy/s",
        "Terabytes/Second" => "TBy/s",
        "Bits/Second" => "bit/s",
        "Kilobits/Second" => "kbit/s",
        "Megabits/Second" => "MBit/s",
        "Gigabits/Second" => "GBit/s",
        "Terabits/Second" => "Tbit/s",
        "Count/Second" => "{Count}/s",
        _ => "1",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_come_back() {
        let plain = ["Seconds", "Microseconds", "Milliseconds", "Percent", "Count", "None"].map(str::to_owned);
        let sizes = ["", "Kilo", "Mega", "Giga", "Tera"];
        let amounts = sizes.iter().flat_map(|size| ["bytes", "bits"].map(|of| format!("{size}{of}")));
        let amounts: Vec<String> = amounts.map(|name| format!("{}{}", name[..1].to_uppercase(), &name[1..])).collect();
        let rates = amounts.iter().chain(&plain[4..5]).map(|amount| format!("{amount}/Second"));
        let all: Vec<String> = plain.iter().cloned().chain(amounts.iter().cloned()).chain(rates).collect();
        assert_eq!(all.len(), 27);
        for unit in all {
            assert_eq!(cloudwatch_unit(ucum_unit(&unit)), unit);
        }
        assert_eq!((ucum_unit("None"), ucum_unit("Megabits/Second"), ucum_unit("Count")), ("1", "MBit/s", "{Count}"));
    }
}
