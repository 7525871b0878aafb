//! Lines of AWS Lambda: what its runtime says of an invocation, and lines of functions that name their request.

use std::borrow::Cow;

const REQUEST_ID: &str = "@requestId";

/// What a report line calls a value, the field it is, and by what it is multiplied.
const REPORTED: [(&str, &str, f64); 5] = [
    ("Duration", "@duration", 1.0),
    ("Billed Duration", "@billedDuration", 1.0),
    ("Memory Size", "@memorySize", 1_000_000.0),
    ("Max Memory Used", "@maxMemoryUsed", 1_000_000.0),
    ("Init Duration", "@initDuration", 1.0),
];

/// The fields of a line of Lambda in order of appearance, of another line none.
pub fn fields(line: &str) -> impl Iterator<Item = (&'static str, Cow<'_, str>)> {
    let platform = platform(line);
    let request = match platform {
        Some((_, rest)) => rest.split_ascii_whitespace().next(),
        None => request_of_function(line),
    };
    let report = match platform {
        Some(("REPORT", rest)) => rest,
        _ => "",
    };
    let kind = platform.map(|(kind, _)| ("@type", Cow::Borrowed(kind)));
    let request = request.map(|id| (REQUEST_ID, Cow::Borrowed(id)));
    kind.into_iter().chain(request).chain(report.split(['\t', '\n']).skip(1).filter_map(reported))
}

/// `START`, `END` or `REPORT`, and what follows `RequestId: `.
fn platform(line: &str) -> Option<(&'static str, &str)> {
    let kind = ["START", "END", "REPORT"].into_iter().find(|kind| line.starts_with(kind))?;
    Some((kind, line[kind.len()..].strip_prefix(" RequestId: ")?))
}

/// The request of `<time> <request> <level> …` (Node.js), `[<level>] <time> <request> …` (Python), parted by tabs, and of
/// `<time> <request> Task timed out …`, parted by spaces.
fn request_of_function(line: &str) -> Option<&str> {
    let first = *line.as_bytes().first()?;
    if !first.is_ascii_digit() && first != b'[' {
        return None;
    }
    let mut parts = line.splitn(4, ['\t', ' ']);
    let mut time = parts.next()?;
    if time.ends_with(']') {
        time = parts.next()?;
    }
    let request = parts.next()?;
    (is_time(time) && is_uuid(request)).then_some(request)
}

/// `2023-03-04T06:58:52.208Z`
fn is_time(text: &str) -> bool {
    text.len() == 24 && shaped_as(text, b"0000-00-00T00:00:00.000Z", |b| b.is_ascii_digit())
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36 && shaped_as(text, b"00000000-0000-0000-0000-000000000000", |b| b.is_ascii_hexdigit())
}

/// True when the text is the shape with any digits in place of its zeros.
fn shaped_as(text: &str, shape: &[u8], is_digit: impl Fn(&u8) -> bool) -> bool {
    text.bytes().zip(shape).all(|(b, &wanted)| if wanted == b'0' { is_digit(&b) } else { b == wanted })
}

/// A part of a report: `Memory Size: 128 MB`, `XRAY TraceId: 1-…`.
fn reported(part: &str) -> Option<(&'static str, Cow<'_, str>)> {
    let (name, value) = part.split_once(": ")?;
    let value = value.trim_end();
    match name {
        "XRAY TraceId" => return Some(("@xrayTraceId", value.into())),
        "SegmentId" => return Some(("@xraySegmentId", value.into())),
        _ => {}
    }
    let (_, field, factor) = REPORTED.into_iter().find(|(known, ..)| *known == name)?;
    let number: f64 = value.split(' ').next()?.parse().ok()?;
    Some((field, double(number * factor).into()))
}

/// A number as Java writes a double: `4.0`, `1394.6`, `1.28E8`.
fn double(number: f64) -> String {
    if number == 0.0 || (1e-3..1e7).contains(&number) {
        return format!("{number:?}");
    }
    let text = format!("{number:E}");
    match text.split_once('E') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0E{exponent}"),
        _ => text,
    }
}
