//! `prometheus.WriteRequest`, version 1, read where it lies: bodies are mostly labels that were seen before, and those are not copied.
//!
//! Protobuf's rules hold: fields come in any order, unknown ones are passed over, and of a field that should be there once the last counts
//! (<https://protobuf.dev/programming-guides/encoding/>). Groups, which it has given up, are refused.

use std::borrow::Cow;
use std::ops::Range;

/// Why bytes are no message: a bare phrase.
pub type Damage = &'static str;

/// One series of a request.
#[derive(Debug, Default)]
pub struct TimeSeries<'a> {
    /// Its labels as they are encoded, for [`labels`].
    pub labels: Cow<'a, [u8]>,
    /// Its samples.
    pub samples: Vec<Sample>,
    /// How many native histograms it has; they are only counted.
    pub histograms: usize,
}

/// A value and its time, milliseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sample {
    pub value: f64,
    pub timestamp: i64,
}

/// Tells `each` of every series of a body, in order.
///
/// # Errors
/// What no request has; `each` was told of what comes before it.
pub fn read<'a>(body: &'a [u8], mut each: impl FnMut(&TimeSeries<'a>)) -> Result<(), Damage> {
    // One for all, so that the memory of its samples is made once.
    let mut series = TimeSeries::default();
    let mut reader = Reader(body);
    while let Some((tag, field)) = reader.field()? {
        if tag == 1 {
            series.read(field.bytes()?)?;
            each(&series);
        }
    }
    Ok(())
}

impl<'a> TimeSeries<'a> {
    fn read(&mut self, bytes: &'a [u8]) -> Result<(), Damage> {
        self.samples.clear();
        self.histograms = 0;
        let mut apart = Vec::new();
        let mut run: Range<usize> = 0..0;
        let mut reader = Reader(bytes);
        loop {
            let start = bytes.len() - reader.0.len();
            let Some((tag, field)) = reader.field()? else { break };
            let end = bytes.len() - reader.0.len();
            match tag {
                // Labels nearly always lie side by side.
                1 => {
                    field.bytes()?;
                    if run.end != start {
                        apart.extend_from_slice(&bytes[std::mem::replace(&mut run, start..start)]);
                    }
                    run.end = end;
                }
                2 => self.samples.push(Sample::read(field.bytes()?)?),
                4 => {
                    field.bytes()?;
                    self.histograms += 1;
                }
                _ => {}
            }
        }
        self.labels = if apart.is_empty() {
            Cow::Borrowed(&bytes[run])
        } else {
            apart.extend_from_slice(&bytes[run]);
            Cow::Owned(apart)
        };
        Ok(())
    }
}

impl Sample {
    fn read(bytes: &[u8]) -> Result<Self, Damage> {
        let mut sample = Self::default();
        let mut reader = Reader(bytes);
        while let Some((tag, field)) = reader.field()? {
            match tag {
                1 => sample.value = f64::from_bits(field.fixed64()?),
                2 => sample.timestamp = field.varint()?.cast_signed(),
                _ => {}
            }
        }
        Ok(sample)
    }
}

/// The (name, value) pairs of encoded labels, in their order.
pub fn labels(bytes: &[u8]) -> impl Iterator<Item = Result<(&str, &str), Damage>> {
    let mut reader = Reader(bytes);
    std::iter::from_fn(move || reader.field().transpose().map(|field| label(field?.1.bytes()?)))
}

fn label(bytes: &[u8]) -> Result<(&str, &str), Damage> {
    let mut pair = ("", "");
    let mut reader = Reader(bytes);
    while let Some((tag, field)) = reader.field()? {
        let text = || str::from_utf8(field.bytes()?).map_err(|_| "a label is not UTF-8");
        match tag {
            1 => pair.0 = text()?,
            2 => pair.1 = text()?,
            _ => {}
        }
    }
    Ok(pair)
}

/// What a field has, by its wire type.
#[derive(Debug, Clone, Copy)]
enum Field<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32,
}

const OTHER_TYPE: Damage = "a field has the wire type of another";

impl<'a> Field<'a> {
    fn varint(self) -> Result<u64, Damage> {
        if let Self::Varint(value) = self { Ok(value) } else { Err(OTHER_TYPE) }
    }

    fn fixed64(self) -> Result<u64, Damage> {
        if let Self::Fixed64(value) = self { Ok(value) } else { Err(OTHER_TYPE) }
    }

    fn bytes(self) -> Result<&'a [u8], Damage> {
        if let Self::Bytes(bytes) = self { Ok(bytes) } else { Err(OTHER_TYPE) }
    }
}

/// What is left of a message.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The next field and its number; `None` at the end.
    #[inline]
    fn field(&mut self) -> Result<Option<(u64, Field<'a>)>, Damage> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        if key >> 3 == 0 || key > u64::from(u32::MAX) {
            return Err("a field has no number");
        }
        let field = match key & 7 {
            0 => Field::Varint(self.varint()?),
            1 => Field::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let len = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
                Field::Bytes(self.take(len)?)
            }
            5 => {
                self.array::<4>()?;
                Field::Fixed32
            }
            _ => return Err("a field has an unknown wire type"),
        };
        Ok(Some((key >> 3, field)))
    }

    #[inline]
    fn varint(&mut self) -> Result<u64, Damage> {
        let mut value = 0;
        for (at, &byte) in self.0.iter().enumerate().take(10) {
            value |= u64::from(byte & 0x7f) << (7 * at);
            if byte < 0x80 {
                self.0 = &self.0[at + 1..];
                // The tenth byte has room for one bit.
                return if at == 9 && byte > 1 { Err("a number is beyond 64 bits") } else { Ok(value) };
            }
        }
        Err(if self.0.len() < 10 { TRUNCATED } else { "a number is beyond 64 bits" })
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], Damage> {
        let (head, tail) = self.0.split_at_checked(len).ok_or(TRUNCATED)?;
        self.0 = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Damage> {
        let (head, tail) = self.0.split_first_chunk::<N>().ok_or(TRUNCATED)?;
        self.0 = tail;
        Ok(*head)
    }
}

const TRUNCATED: Damage = "it ends too early";
