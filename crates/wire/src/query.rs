//! `QueryReader`: the AWS query protocol's form parameters (`MetricData.member.1.MetricName=cpu`) read as a tree of values.
//!
//! Parameters are split into segments and sorted, so that each value is a run of neighbours: a member is the run of its
//! name, item N of a list the run of its number. No tree is built.

use crate::scalar;
use crate::shape::{DecodeError, Reader};
use model::{Timestamp, limits};
use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

/// Most parameters in a body: a full PutMetricData of 1 MB has about 30,000.
const PARAMETERS_MAX: usize = 200_000;

/// Added to a name's number to tell it from a list index. Indexes sort first, in numeric order.
const NAME: u64 = 1 << 32;

/// Reads the parameters of one call as one structure.
#[derive(Debug)]
pub struct QueryReader<'a> {
    parameters: Vec<Parameter<'a>>,
    /// The segments of all parameters, end to end.
    segments: Vec<u64>,
    names: Vec<String>,
    /// The value that is next.
    current: Value,
    open: Vec<Container>,
    /// Why the text could not be split; told at the first value.
    broken: Option<DecodeError>,
}

#[derive(Debug)]
struct Parameter<'a> {
    /// Its segments, as a range of `QueryReader::segments`.
    path: Range<usize>,
    value: Cow<'a, str>,
}

/// A value: the parameters in `run`, which agree on their first `depth` segments.
#[derive(Debug, Clone, Default)]
struct Value {
    run: Range<usize>,
    depth: usize,
}

#[derive(Debug)]
struct Container {
    /// The parameters not yet read.
    rest: Range<usize>,
    depth: usize,
}

/// The numbers of each name, by depth. Clients choose the names: seeded, and fast.
type Numbers = HashMap<String, Vec<(usize, u64)>, foldhash::quality::RandomState>;

impl<'a> QueryReader<'a> {
    /// Reads `form`, a body of type `application/x-www-form-urlencoded` or a query string. The first of several equal
    /// parameters counts.
    pub fn new(form: &'a str) -> Self {
        let mut reader = Self {
            parameters: Vec::new(),
            segments: Vec::new(),
            names: Vec::new(),
            current: Value::default(),
            open: Vec::new(),
            broken: None,
        };
        reader.broken = reader.split(form).err();
        let segments = &reader.segments;
        let path = |parameter: &Parameter<'_>| segments.get(parameter.path.clone()).unwrap_or_default();
        reader.parameters.sort_by(|left, right| path(left).cmp(path(right)));
        reader.current.run = 0..reader.parameters.len();
        reader
    }

    fn split(&mut self, form: &'a str) -> Result<(), DecodeError> {
        let mut numbers = Numbers::default();
        // Clients send what belongs together one after the other, so most of a key repeats the key before it.
        let mut previous: Cow<'a, str> = Cow::Borrowed("");
        let mut previous_start = 0;
        for pair in Splits::new(form, b'&').filter(|pair| !pair.is_empty()) {
            if self.parameters.len() == PARAMETERS_MAX {
                return Err(DecodeError::new("The request has too many parameters"));
            }
            let (key, value) = match memchr::memchr(b'=', pair.as_bytes()) {
                Some(at) => (pair.get(..at).unwrap_or_default(), pair.get(at + 1..).unwrap_or_default()),
                None => (pair, ""),
            };
            let key = form_decode(key)?;
            let start = self.segments.len();
            let (repeated, rest) = repeated_segments(&previous, &key);
            self.segments.extend_from_within(previous_start..previous_start + repeated);
            for segment in Splits::new(rest, b'.') {
                if self.segments.len() - start == limits::NESTING_MAX {
                    return Err(DecodeError::new("A parameter is nested too deeply"));
                }
                let depth = self.segments.len() - start;
                let number = self.segment(segment, depth, &mut numbers);
                self.segments.push(number);
            }
            self.parameters.push(Parameter { path: start..self.segments.len(), value: form_decode(value)? });
            (previous, previous_start) = (key, start);
        }
        Ok(())
    }

    /// The number that stands for `segment`: itself if it is an index, else that of its name at that depth. Numbers rise
    /// in order of arrival, and a name has one for each depth, so that parameters mostly arrive in their final order.
    fn segment(&mut self, segment: &str, depth: usize, numbers: &mut Numbers) -> u64 {
        if segment.bytes().all(|byte| byte.is_ascii_digit())
            && let Ok(index) = segment.parse::<u32>()
        {
            return u64::from(index);
        }
        if let Some(known) = numbers.get(segment)
            && let Some((_, number)) = known.iter().find(|(at, _)| *at == depth)
        {
            return *number;
        }
        let number = NAME + self.names.len() as u64;
        self.names.push(segment.to_owned());
        numbers.entry(segment.to_owned()).or_default().push((depth, number));
        number
    }

    /// The segment of parameter `index` at `depth`; `None` past its end.
    fn segment_at(&self, index: usize, depth: usize) -> Option<u64> {
        let path = self.parameters.get(index)?.path.clone();
        self.segments.get(path)?.get(depth).copied()
    }

    fn is_name(&self, segment: Option<u64>, name: &str) -> bool {
        segment.and_then(|segment| self.name(segment)).is_some_and(|known| known == name)
    }

    fn name(&self, segment: u64) -> Option<&str> {
        self.names.get(usize::try_from(segment.checked_sub(NAME)?).ok()?).map(String::as_str)
    }

    /// The parameters from the start of `rest` that share one segment at `depth`.
    fn run(&self, rest: &Range<usize>, depth: usize) -> Range<usize> {
        let segment = self.segment_at(rest.start, depth);
        let end = rest.clone().find(|index| self.segment_at(*index, depth) != segment).unwrap_or(rest.end);
        rest.start..end
    }

    fn check(&self) -> Result<(), DecodeError> {
        self.broken.clone().map_or(Ok(()), Err)
    }

    /// The part of the current value below its segment `name`.
    fn below(&self, name: &str) -> Option<Value> {
        let Value { run, depth } = &self.current;
        let mut rest = run.clone();
        while rest.start < rest.end {
            let found = self.run(&rest, *depth);
            if self.is_name(self.segment_at(found.start, *depth), name) {
                return Some(Value { run: found, depth: depth + 1 });
            }
            rest.start = found.end;
        }
        None
    }

    /// Opens a list or map: its entries stand below `name`, or directly here where the client flattened it.
    fn open_numbered(&mut self, name: &str) -> Result<(), DecodeError> {
        self.check()?;
        self.open(self.below(name).unwrap_or_else(|| self.current.clone()));
        Ok(())
    }

    fn open(&mut self, value: Value) {
        let Value { run, depth } = value;
        // Parameters that end here say that the value exists and is empty (`X=`, `X.member=`); they sort first.
        let content = run.clone().find(|index| self.segment_at(*index, depth).is_some()).unwrap_or(run.end);
        self.open.push(Container { rest: content..run.end, depth });
    }

    /// Moves to the next entry of the innermost container and gives its segment; `None` when it has ended.
    fn advance(&mut self) -> Result<Option<u64>, DecodeError> {
        let Some(container) = self.open.last() else {
            return Err(DecodeError::new("No container is open"));
        };
        let run = self.run(&container.rest, container.depth);
        let segment = self.segment_at(run.start, container.depth);
        let depth = container.depth + 1;
        if run.is_empty() {
            self.open.pop();
            return Ok(None);
        }
        if let Some(container) = self.open.last_mut() {
            container.rest.start = run.end;
        }
        self.current = Value { run, depth };
        Ok(segment)
    }

    /// As `advance`, for containers whose entries are numbered.
    fn advance_index(&mut self) -> Result<bool, DecodeError> {
        match self.advance()? {
            Some(segment) if segment >= NAME => {
                let name = self.name(segment).unwrap_or_default();
                Err(DecodeError::new(format!("'{name:.64}' is not the number of a list item")))
            }
            segment => Ok(segment.is_some()),
        }
    }

    /// The text of the scalar that is next.
    fn scalar(&self) -> Result<&str, DecodeError> {
        self.check()?;
        let Value { run, depth } = &self.current;
        if run.is_empty() || self.segment_at(run.start, *depth).is_some() {
            return Err(DecodeError::new("Start of structure or map found where not expected."));
        }
        Ok(self.parameters.get(run.start).map_or("", |parameter| &parameter.value))
    }

    fn parse<T: std::str::FromStr>(&self, wanted: &str) -> Result<T, DecodeError> {
        let text = self.scalar()?;
        text.trim().parse().map_err(|_| DecodeError::new(format!("'{text:.64}' can not be converted to {wanted}")))
    }
}

/// How many whole leading segments of `key` are those of `previous`, and what of `key` follows them.
fn repeated_segments<'k>(previous: &str, key: &'k str) -> (usize, &'k str) {
    let common = previous.bytes().zip(key.bytes()).take_while(|(a, b)| a == b).count();
    let Some(shared) = key.as_bytes().get(..common) else { return (0, key) };
    let Some(last_dot) = memchr::memrchr(b'.', shared) else { return (0, key) };
    let repeated = shared.iter().take(last_dot + 1).filter(|byte| **byte == b'.').count();
    (repeated, key.get(last_dot + 1..).unwrap_or_default())
}

/// As `str::split` with an ASCII separator, at the speed of memchr.
struct Splits<'a> {
    rest: Option<&'a str>,
    separator: u8,
}

impl<'a> Splits<'a> {
    fn new(text: &'a str, separator: u8) -> Self {
        Self { rest: Some(text), separator }
    }
}

impl<'a> Iterator for Splits<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.rest?;
        match memchr::memchr(self.separator, rest.as_bytes()) {
            Some(at) => {
                self.rest = rest.get(at + 1..);
                rest.get(..at)
            }
            None => {
                self.rest = None;
                Some(rest)
            }
        }
    }
}

/// Decodes one key or value of a form: `+` is a space, `%XX` a byte.
pub(crate) fn form_decode(text: &str) -> Result<Cow<'_, str>, DecodeError> {
    if memchr::memchr2(b'%', b'+', text.as_bytes()).is_none() {
        return Ok(Cow::Borrowed(text));
    }
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => match (bytes.next().and_then(hex_digit), bytes.next().and_then(hex_digit)) {
                (Some(high), Some(low)) => out.push(high << 4 | low),
                _ => return Err(DecodeError::new("Malformed percent-encoding in a parameter")),
            },
            _ => out.push(byte),
        }
    }
    match String::from_utf8(out) {
        Ok(text) => Ok(Cow::Owned(text)),
        Err(_) => Err(DecodeError::new("A parameter is not UTF-8")),
    }
}

/// The value of a hexadecimal digit.
pub(crate) fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

impl Reader for QueryReader<'_> {
    fn null(&mut self) -> Result<bool, DecodeError> {
        self.check()?;
        Ok(false)
    }

    fn boolean(&mut self) -> Result<bool, DecodeError> {
        match self.scalar()? {
            text if text.eq_ignore_ascii_case("true") => Ok(true),
            text if text.eq_ignore_ascii_case("false") => Ok(false),
            text => Err(DecodeError::new(format!("'{text:.64}' can not be converted to a Boolean"))),
        }
    }

    fn integer(&mut self) -> Result<i64, DecodeError> {
        if let Ok(value) = self.parse::<i64>("an Integer") {
            return Ok(value);
        }
        match scalar::integral(self.parse::<f64>("an Integer")?) {
            Some(value) => Ok(value),
            None => Err(DecodeError::new("A fraction can not be converted to an Integer")),
        }
    }

    fn double(&mut self) -> Result<f64, DecodeError> {
        if let Some(special) = scalar::special_double(self.scalar()?) {
            return Ok(special);
        }
        match self.parse::<f64>("a Double")? {
            value if value.is_finite() => Ok(value),
            _ => Err(DecodeError::new("Number out of range")),
        }
    }

    fn string(&mut self) -> Result<Cow<'_, str>, DecodeError> {
        self.scalar().map(Cow::Borrowed)
    }

    fn blob(&mut self) -> Result<Vec<u8>, DecodeError> {
        scalar::base64_text(self.scalar()?)
    }

    fn timestamp(&mut self) -> Result<Timestamp, DecodeError> {
        scalar::timestamp_text(self.scalar()?)
    }

    fn begin_structure(&mut self) -> Result<(), DecodeError> {
        self.check()?;
        self.open(self.current.clone());
        Ok(())
    }

    fn next_field(&mut self) -> Result<Option<Cow<'_, str>>, DecodeError> {
        Ok(match self.advance()? {
            None => None,
            Some(segment) => Some(match self.name(segment) {
                Some(name) => Cow::Borrowed(name),
                None => Cow::Owned(segment.to_string()),
            }),
        })
    }

    fn begin_map(&mut self) -> Result<(), DecodeError> {
        self.open_numbered("entry")
    }

    fn next_key(&mut self) -> Result<Option<Cow<'_, str>>, DecodeError> {
        if !self.advance_index()? {
            return Ok(None);
        }
        // Most maps spell their entries `key` and `value`; SNS's message attributes spell them `Name` and `Value`.
        let key = self.below("key").or_else(|| self.below("Name"));
        let value = self.below("value").or_else(|| self.below("Value"));
        match (key, value) {
            (Some(key), Some(value)) if self.segment_at(key.run.start, key.depth).is_none() => {
                self.current = value;
                Ok(self.parameters.get(key.run.start).map(|parameter| Cow::Borrowed(&*parameter.value)))
            }
            _ => Err(DecodeError::new("A map entry needs a key and a value")),
        }
    }

    fn begin_list(&mut self) -> Result<(), DecodeError> {
        self.open_numbered("member")
    }

    fn next_item(&mut self) -> Result<bool, DecodeError> {
        self.advance_index()
    }

    fn skip(&mut self) -> Result<(), DecodeError> {
        self.check()
    }
}

#[cfg(test)]
mod tests;
