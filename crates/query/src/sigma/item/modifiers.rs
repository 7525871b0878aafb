//! What follows a field's name after `|`.

use super::super::Problem;
use super::super::text::Place;

/// What the modifiers of a field say together.
#[derive(Debug, Default)]
pub(super) struct Modifiers {
    pub place: Option<Place>,
    pub kind: Option<Kind>,
    pub all: bool,
    pub cased: bool,
    ignore_case: bool,
    lines: bool,
    dot_all: bool,
}

/// How a value is read, if not as a text to compare with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Regex,
    Net,
    Exists,
    Field,
    Other,
    Number(Order),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Order {
    pub(super) fn holds(self, number: f64, bound: f64) -> bool {
        match self {
            Self::Less => number < bound,
            Self::LessOrEqual => number <= bound,
            Self::Greater => number > bound,
            Self::GreaterOrEqual => number >= bound,
        }
    }
}

impl Modifiers {
    pub(super) fn read(names: &str, line: usize) -> Result<Self, Problem> {
        let mut read = Self::default();
        for name in names.split('|').filter(|name| !name.is_empty()) {
            read.take(name, line)?;
        }
        let takes_place = matches!(read.kind, None | Some(Kind::Field | Kind::Other));
        if read.place.is_some() && !takes_place {
            return Err(Problem::new(line, format!("the modifiers '{names}' do not go together")));
        }
        let is_regex = read.kind == Some(Kind::Regex);
        if (read.ignore_case || read.lines || read.dot_all) && !is_regex {
            return Err(Problem::new(line, "the modifiers i, m and s are for re"));
        }
        Ok(read)
    }

    fn take(&mut self, name: &str, line: usize) -> Result<(), Problem> {
        match name {
            "all" => self.all = true,
            "cased" => self.cased = true,
            "i" => self.ignore_case = true,
            "m" => self.lines = true,
            "s" => self.dot_all = true,
            "contains" => return self.place(Place::Anywhere, line),
            "startswith" => return self.place(Place::Start, line),
            "endswith" => return self.place(Place::End, line),
            "re" => return self.kind(Kind::Regex, line),
            "cidr" => return self.kind(Kind::Net, line),
            "exists" => return self.kind(Kind::Exists, line),
            "fieldref" => return self.kind(Kind::Field, line),
            "neq" => return self.kind(Kind::Other, line),
            "lt" => return self.kind(Kind::Number(Order::Less), line),
            "lte" => return self.kind(Kind::Number(Order::LessOrEqual), line),
            "gt" => return self.kind(Kind::Number(Order::Greater), line),
            "gte" => return self.kind(Kind::Number(Order::GreaterOrEqual), line),
            other => return Err(Problem::new(line, format!("the modifier '{other}' is not supported"))),
        }
        Ok(())
    }

    fn place(&mut self, place: Place, line: usize) -> Result<(), Problem> {
        match self.place.replace(place) {
            None => Ok(()),
            Some(_) => Err(Problem::new(line, "contains, startswith and endswith exclude each other")),
        }
    }

    fn kind(&mut self, kind: Kind, line: usize) -> Result<(), Problem> {
        match self.kind.replace(kind) {
            None => Ok(()),
            Some(_) => Err(Problem::new(line, "two modifiers say how the value is read")),
        }
    }

    /// The flags of a regular expression, as it begins.
    pub(super) fn flags(&self) -> String {
        let flags: String = [(self.ignore_case, 'i'), (self.lines, 'm'), (self.dot_all, 's')]
            .into_iter()
            .filter_map(|(is_set, flag)| is_set.then_some(flag))
            .collect();
        if flags.is_empty() { flags } else { format!("(?{flags})") }
    }
}
