//! The JSON object that a line is or contains, and its scalars by flattened name.

use crate::json_text::{DEPTH_MAX, Lexer, unescape};
use memchr::memchr_iter;
use std::borrow::Cow;
use std::collections::HashMap;

/// Text that begins with an object.
#[derive(Debug, Clone, Copy)]
pub struct Text<'a> {
    text: &'a str,
    /// The object must be all of it.
    whole: bool,
}

impl<'a> Text<'a> {
    /// Where the object of a line is, if it may have one; costs a search for `{`.
    pub fn of(line: &'a str) -> Option<Self> {
        let trimmed = line.trim_start();
        if trimmed.starts_with('{') {
            return Some(Self { text: trimmed, whole: true });
        }
        if trimmed.strip_prefix('[').is_some_and(|array| array.trim_start().starts_with('{')) {
            return None;
        }
        let opens = |&at: &usize| trimmed.as_bytes()[at + 1..].trim_ascii_start().first() == Some(&b'"');
        let at = memchr_iter(b'{', trimmed.as_bytes()).take(FRAGMENTS_MAX).find(opens)?;
        Some(Self { text: &trimmed[at..], whole: false })
    }

    /// The scalar of this flattened name; `None` where the text is no object.
    pub fn field(self, name: &str) -> Option<Cow<'a, str>> {
        let mut search = Search { name, best: None };
        self.walk(&mut search, Left::From { byte: 0, steps: 0 })?;
        search.best.map(|(_, value)| value)
    }

    /// The first scalars with their flattened names.
    pub fn fields(self, max: usize) -> Vec<(String, String)> {
        let mut listing = Listing { name: String::new(), found: Vec::new(), places: HashMap::new(), max };
        let place = Prefix { length: None, steps: 0 };
        if self.walk(&mut listing, place).is_none() {
            return Vec::new();
        }
        listing.found.into_iter().map(|found| (found.name, found.value)).collect()
    }

    /// Calls `visitor` for what it wants; `None` where the text is no object.
    pub fn walk<V: Visitor<'a>>(self, visitor: &mut V, place: V::Place) -> Option<()> {
        let mut lexer = Lexer::new(self.text);
        walk(&mut lexer, visitor, place, 0)?;
        lexer.skip_spaces();
        (!self.whole || lexer.peek().is_none()).then_some(())
    }
}

/// Braces of a line that are looked at for the beginning of an object.
const FRAGMENTS_MAX: usize = 64;

/// What a walk over an object calls. A place is what a visitor knows of a value before it is read.
pub trait Visitor<'a> {
    type Place: Copy;
    /// False when nothing below the place is asked for, so that its keys need no reading.
    fn wants(&self, place: Self::Place) -> bool;
    /// The place of a member or element.
    fn enter(&mut self, place: Self::Place, key: &str) -> Self::Place;
    /// A string, number or boolean.
    fn scalar(&mut self, place: Self::Place, value: Cow<'a, str>);
}

/// Reads a value; `None` when it is not JSON.
fn walk<'a, V: Visitor<'a>>(lexer: &mut Lexer<'a>, visitor: &mut V, place: V::Place, depth: usize) -> Option<()> {
    lexer.skip_spaces();
    let wanted = visitor.wants(place);
    let value = match lexer.peek()? {
        b'{' | b'[' if depth >= DEPTH_MAX => return None,
        b'{' => return object(lexer, visitor, place, depth),
        b'[' => return array(lexer, visitor, place, depth),
        b'"' => {
            let raw = lexer.string()?;
            if !wanted {
                return Some(());
            }
            unescape(raw)
        }
        b't' => lexer.word("true").map(|()| Cow::Borrowed("true"))?,
        b'f' => lexer.word("false").map(|()| Cow::Borrowed("false"))?,
        b'n' => return lexer.word("null"),
        _ => Cow::Borrowed(lexer.number()?),
    };
    if wanted {
        visitor.scalar(place, value);
    }
    Some(())
}

fn object<'a, V: Visitor<'a>>(lexer: &mut Lexer<'a>, visitor: &mut V, place: V::Place, depth: usize) -> Option<()> {
    lexer.bump();
    lexer.skip_spaces();
    if lexer.eat(b'}') {
        return Some(());
    }
    loop {
        lexer.skip_spaces();
        let key = lexer.string()?;
        lexer.skip_spaces();
        if !lexer.eat(b':') {
            return None;
        }
        let member = if visitor.wants(place) { visitor.enter(place, &unescape(key)) } else { place };
        walk(lexer, visitor, member, depth + 1)?;
        lexer.skip_spaces();
        if !lexer.eat(b',') {
            return lexer.eat(b'}').then_some(());
        }
    }
}

fn array<'a, V: Visitor<'a>>(lexer: &mut Lexer<'a>, visitor: &mut V, place: V::Place, depth: usize) -> Option<()> {
    lexer.bump();
    lexer.skip_spaces();
    if lexer.eat(b']') {
        return Some(());
    }
    for index in 0_usize.. {
        let element = if visitor.wants(place) { visitor.enter(place, &index.to_string()) } else { place };
        walk(lexer, visitor, element, depth + 1)?;
        lexer.skip_spaces();
        if !lexer.eat(b',') {
            return lexer.eat(b']').then_some(());
        }
    }
    None
}

/// Looks for one name.
struct Search<'a, 'n> {
    name: &'n str,
    /// Steps and value.
    best: Option<(usize, Cow<'a, str>)>,
}

/// What of the name is left below a value.
#[derive(Clone, Copy, PartialEq)]
enum Left {
    /// Another name is spelt here.
    Astray,
    /// The name ends here.
    Nothing { steps: usize },
    /// The name from this byte.
    From { byte: usize, steps: usize },
}

impl<'a> Visitor<'a> for Search<'a, '_> {
    type Place = Left;

    fn wants(&self, place: Left) -> bool {
        place != Left::Astray
    }

    fn enter(&mut self, place: Left, key: &str) -> Left {
        let Left::From { byte, steps } = place else { return Left::Astray };
        match self.name.get(byte..).and_then(|left| left.strip_prefix(key)) {
            Some("") => Left::Nothing { steps: steps + 1 },
            Some(left) if left.starts_with('.') => Left::From { byte: byte + key.len() + 1, steps: steps + 1 },
            _ => Left::Astray,
        }
    }

    fn scalar(&mut self, place: Left, value: Cow<'a, str>) {
        if let Left::Nothing { steps } = place
            && self.best.as_ref().is_none_or(|(known, _)| steps < *known)
        {
            self.best = Some((steps, value));
        }
    }
}

/// Collects names and values.
struct Listing {
    /// The name of the value that is read, or a longer one.
    name: String,
    found: Vec<Found>,
    /// Where in `found` a name is.
    places: HashMap<String, usize>,
    max: usize,
}

struct Found {
    name: String,
    value: String,
    steps: usize,
}

/// What of `Listing::name` is the name of a value.
#[derive(Clone, Copy)]
struct Prefix {
    /// `None`: the line itself, which has no name.
    length: Option<usize>,
    steps: usize,
}

impl<'a> Visitor<'a> for Listing {
    type Place = Prefix;

    fn wants(&self, _: Prefix) -> bool {
        true
    }

    fn enter(&mut self, place: Prefix, key: &str) -> Prefix {
        self.name.truncate(place.length.unwrap_or(0));
        if place.length.is_some() {
            self.name.push('.');
        } else if key.starts_with('@') {
            self.name.push('@');
        }
        self.name.push_str(key);
        Prefix { length: Some(self.name.len()), steps: place.steps + 1 }
    }

    fn scalar(&mut self, place: Prefix, value: Cow<'a, str>) {
        self.name.truncate(place.length.unwrap_or(0));
        if let Some(&at) = self.places.get(&self.name) {
            if place.steps < self.found[at].steps {
                self.found[at].value = value.into_owned();
                self.found[at].steps = place.steps;
            }
        } else if self.found.len() < self.max {
            self.places.insert(self.name.clone(), self.found.len());
            self.found.push(Found { name: self.name.clone(), value: value.into_owned(), steps: place.steps });
        }
    }
}
