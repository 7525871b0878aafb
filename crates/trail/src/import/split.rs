//! Splits a stream of JSON into records without reading it as JSON: finds where each value ends, keeps its exact bytes.
//!
//! Whether a record's bytes are JSON is checked by whoever reads it, so one broken record costs only itself.

use std::io::{self, BufRead};

/// What comes next in the stream.
#[derive(Debug)]
pub enum Element {
    /// A document begins. It may hold no record.
    Document,
    /// The exact bytes of one record.
    Record(Vec<u8>),
    /// Something that is no record; reading goes on after it.
    Broken(&'static str),
}

/// Where the splitter stands between two elements.
enum Place {
    /// Between documents.
    Outside,
    /// In an array of records; true when the array is a member of an object.
    Array(bool),
    /// After the array of records in an object.
    Tail,
    /// At the end.
    Done,
}

/// Splits one file. Containers are the objects with a member `Records` or `Events` that is an array, and bare arrays.
pub struct Splitter<'a> {
    input: &'a mut dyn BufRead,
    place: Place,
    documents: u64,
    record_bytes_max: usize,
    /// Room that is made for a record at once: it is mostly as long as the one before.
    record_bytes: usize,
}

/// How a value ended.
enum End {
    Whole,
    /// A line break inside a string: JSON has none, so a quote is missing.
    TornString,
    /// The stream ended first.
    CutOff,
    /// Larger than a record may be; passed over.
    TooLarge,
}

const TOO_LARGE: &str = "the record is larger than any CloudTrail event";

impl<'a> Splitter<'a> {
    /// A splitter over `input` that passes over records above `record_bytes_max`.
    pub fn new(input: &'a mut dyn BufRead, record_bytes_max: usize) -> Self {
        Self { input, place: Place::Outside, documents: 0, record_bytes_max, record_bytes: 0 }
    }

    /// The next element; `None` at the end. An error means that nothing more can be read.
    pub fn next(&mut self) -> io::Result<Option<Element>> {
        loop {
            match self.place {
                Place::Done => return Ok(None),
                Place::Outside => return self.document(),
                Place::Array(in_object) => {
                    if let Some(element) = self.array_element(in_object)? {
                        return Ok(Some(element));
                    }
                }
                Place::Tail => {
                    if let Some(element) = self.tail_member()? {
                        return Ok(Some(element));
                    }
                }
            }
        }
    }

    fn document(&mut self) -> io::Result<Option<Element>> {
        self.skip_byte_order_mark()?;
        match self.peek_token()? {
            None => {
                self.place = Place::Done;
                Ok(None)
            }
            Some(b'[') => {
                self.documents += 1;
                self.bump();
                self.place = Place::Array(false);
                Ok(Some(Element::Document))
            }
            Some(b'{') => {
                self.documents += 1;
                self.object().map(Some)
            }
            Some(_) if self.documents == 0 => {
                self.place = Place::Done;
                Err(io::Error::new(io::ErrorKind::InvalidData, "not JSON: a CloudTrail file begins with { or ["))
            }
            Some(_) => {
                self.skip_line()?;
                Ok(Some(Element::Broken("not a JSON object")))
            }
        }
    }

    /// An object between documents: a container, or a record. Its bytes are kept until it shows which.
    fn object(&mut self) -> io::Result<Element> {
        let mut bytes = Vec::with_capacity(self.record_bytes);
        self.take(&mut bytes);
        loop {
            self.token_into(&mut bytes)?;
            if bytes.len() > self.record_bytes_max {
                return self.abandon(bytes, End::TooLarge);
            }
            match self.peek()? {
                Some(b'}') => {
                    self.take(&mut bytes);
                    return Ok(self.record(bytes, End::Whole));
                }
                Some(b',') => self.take(&mut bytes),
                Some(b'"') => {
                    let start = bytes.len();
                    match self.value_into(&mut bytes)? {
                        End::Whole => {}
                        end => return self.abandon(bytes, end),
                    }
                    let key = bytes.get(start..).unwrap_or_default();
                    if matches!(key, b"\"eventTime\"" | b"\"eventVersion\"" | b"\"eventName\"") {
                        return self.rest_of_record(bytes);
                    }
                    let container = matches!(key, b"\"Records\"" | b"\"Events\"");
                    self.token_into(&mut bytes)?;
                    if self.peek()? != Some(b':') {
                        return self.abandon(bytes, End::TornString);
                    }
                    self.take(&mut bytes);
                    self.token_into(&mut bytes)?;
                    if container && self.peek()? == Some(b'[') {
                        self.bump();
                        self.place = Place::Array(true);
                        return Ok(Element::Document);
                    }
                    match self.value_into(&mut bytes)? {
                        End::Whole => {}
                        end => return self.abandon(bytes, end),
                    }
                }
                _ => return self.abandon(bytes, End::TornString),
            }
        }
    }

    /// The object is a record: it goes on to its end, whatever its members are.
    fn rest_of_record(&mut self, mut bytes: Vec<u8>) -> io::Result<Element> {
        match self.scan_into(&mut bytes, Scan { started: true, depth: 1, ..Scan::default() })? {
            End::Whole => Ok(self.record(bytes, End::Whole)),
            // Its end was found all the same.
            End::TooLarge => Ok(Element::Broken(TOO_LARGE)),
            end => self.abandon(bytes, end),
        }
    }

    /// An object that cannot be read to its end: what follows the line is read on.
    fn abandon(&mut self, bytes: Vec<u8>, end: End) -> io::Result<Element> {
        match end {
            End::TooLarge => {
                // What is left of the object is passed over like the tail of a container.
                self.place = Place::Tail;
                return Ok(Element::Broken(TOO_LARGE));
            }
            End::CutOff => self.place = Place::Done,
            End::Whole | End::TornString => self.skip_line()?,
        }
        Ok(self.record(bytes, end))
    }

    fn array_element(&mut self, in_object: bool) -> io::Result<Option<Element>> {
        match self.peek_token()? {
            None => {
                self.place = Place::Done;
                Ok(Some(Element::Broken("the file ends inside a list of records")))
            }
            Some(b',') => {
                self.bump();
                Ok(None)
            }
            Some(b']') => {
                self.bump();
                self.place = if in_object { Place::Tail } else { Place::Outside };
                Ok(None)
            }
            Some(b'}' | b':') => {
                self.bump();
                Ok(Some(Element::Broken("not a JSON object")))
            }
            Some(_) => {
                let mut bytes = Vec::with_capacity(self.record_bytes);
                let end = self.value_into(&mut bytes)?;
                if matches!(end, End::CutOff) {
                    self.place = Place::Done;
                }
                Ok(Some(self.record(bytes, end)))
            }
        }
    }

    /// Members of a container after its records are passed over, except for further lists of records.
    fn tail_member(&mut self) -> io::Result<Option<Element>> {
        match self.peek_token()? {
            None => {
                self.place = Place::Done;
                Ok(Some(Element::Broken("the file ends inside an object")))
            }
            Some(b'}') => {
                self.bump();
                self.place = Place::Outside;
                Ok(None)
            }
            Some(b',' | b':' | b']') => {
                self.bump();
                Ok(None)
            }
            Some(_) => {
                // Keys and values alike: what is not asked for need not be understood.
                let mut passed_over = Vec::new();
                if matches!(self.value_into(&mut passed_over)?, End::CutOff) {
                    self.place = Place::Done;
                    return Ok(Some(Element::Broken("the file ends inside an object")));
                }
                Ok(None)
            }
        }
    }

    fn record(&mut self, bytes: Vec<u8>, end: End) -> Element {
        self.record_bytes = bytes.len() + 32;
        match end {
            End::TooLarge => Element::Broken(TOO_LARGE),
            End::TornString => Element::Broken("not JSON: a line ends inside the record's text or a part is missing"),
            End::CutOff => Element::Broken("the file ends inside the record"),
            End::Whole if bytes.len() > self.record_bytes_max => Element::Broken(TOO_LARGE),
            End::Whole => Element::Record(bytes),
        }
    }

    /// Appends one value: brackets are counted, strings and their escapes respected, nothing else looked at.
    fn value_into(&mut self, bytes: &mut Vec<u8>) -> io::Result<End> {
        self.scan_into(bytes, Scan::default())
    }

    /// The same from the middle of a value.
    fn scan_into(&mut self, bytes: &mut Vec<u8>, mut state: Scan) -> io::Result<End> {
        let limit = bytes.len().saturating_add(self.record_bytes_max);
        let mut kept = true;
        loop {
            let buffer = match self.input.fill_buf() {
                Ok(buffer) => buffer,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if buffer.is_empty() {
                let scalar = state.depth == 0 && !state.in_string && state.started;
                return Ok(if scalar { End::Whole } else { End::CutOff });
            }
            let (used, end) = state.scan(buffer);
            if kept {
                bytes.extend_from_slice(buffer.get(..used).unwrap_or_default());
                kept = bytes.len() <= limit;
                if !kept {
                    // The rest is still read, to find the end, and no longer kept.
                    bytes.truncate(0);
                }
            }
            self.input.consume(used);
            match end {
                Some(_) if !kept => return Ok(End::TooLarge),
                Some(end) => return Ok(end),
                None => {}
            }
        }
    }

    /// Appends white space, as much as a record may have.
    fn token_into(&mut self, bytes: &mut Vec<u8>) -> io::Result<()> {
        while bytes.len() <= self.record_bytes_max && self.peek()?.is_some_and(|b| b.is_ascii_whitespace()) {
            self.take(bytes);
        }
        Ok(())
    }

    fn peek_token(&mut self) -> io::Result<Option<u8>> {
        while self.peek()?.is_some_and(|b| b.is_ascii_whitespace()) {
            self.bump();
        }
        self.peek()
    }

    fn skip_line(&mut self) -> io::Result<()> {
        while let Some(byte) = self.peek()? {
            self.bump();
            if byte == b'\n' {
                break;
            }
        }
        Ok(())
    }

    fn skip_byte_order_mark(&mut self) -> io::Result<()> {
        if self.documents == 0 && self.peek()? == Some(0xEF) {
            for mark in [0xEF, 0xBB, 0xBF] {
                if self.peek()? == Some(mark) {
                    self.bump();
                }
            }
        }
        Ok(())
    }

    fn peek(&mut self) -> io::Result<Option<u8>> {
        loop {
            match self.input.fill_buf() {
                Ok(buffer) => return Ok(buffer.first().copied()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn bump(&mut self) {
        self.input.consume(1);
    }

    /// Appends the byte that was peeked.
    fn take(&mut self, bytes: &mut Vec<u8>) {
        if let Ok(Some(byte)) = self.peek() {
            bytes.push(byte);
            self.bump();
        }
    }
}

/// Finds the end of a value over several buffers.
#[derive(Default)]
struct Scan {
    started: bool,
    depth: u64,
    in_string: bool,
    escaped: bool,
}

impl Scan {
    /// How many bytes of `buffer` belong to the value, and how it ended if it did.
    fn scan(&mut self, buffer: &[u8]) -> (usize, Option<End>) {
        let mut at = 0;
        while let Some(&byte) = buffer.get(at) {
            if self.in_string {
                if self.escaped {
                    (self.escaped, at) = (false, at + 1);
                    continue;
                }
                let rest = buffer.get(at..).unwrap_or_default();
                let Some(found) = memchr::memchr3(b'"', b'\\', b'\n', rest) else { break };
                at += found + 1;
                match rest.get(found) {
                    Some(b'\\') => self.escaped = true,
                    Some(b'\n') => return (at - 1, Some(End::TornString)),
                    _ => {
                        self.in_string = false;
                        if self.depth == 0 {
                            return (at, Some(End::Whole));
                        }
                    }
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' if self.depth > 0 => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return (at + 1, Some(End::Whole));
                    }
                }
                // A number or word ends where something else begins.
                b',' | b'}' | b']' | b':' if self.depth == 0 => return (at, Some(End::Whole)),
                b if b.is_ascii_whitespace() && self.depth == 0 => return (at, Some(End::Whole)),
                _ => {}
            }
            self.started = true;
            at += 1;
        }
        (buffer.len(), None)
    }
}
