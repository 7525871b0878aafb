//! Several fields of one line, its JSON being read once for all of them.

use super::FieldPath;
use super::json::{Text, Visitor};
use std::borrow::Cow;

/// Looks for several names.
struct Search<'a, 'n> {
    names: Vec<(usize, &'n str)>,
    /// What is left of names below the values that are open, the outermost first.
    open: Vec<Left>,
    /// By the number of a path: steps and value.
    best: Vec<Option<(usize, Cow<'a, str>)>>,
}

/// What is left of a name below a value.
#[derive(Clone, Copy)]
struct Left {
    /// Place in `Search::names`.
    name: usize,
    /// The name from this byte; past its end where the name is used up.
    byte: usize,
}

/// Which of `Search::open` are below a value.
#[derive(Clone, Copy)]
struct Range {
    begin: usize,
    end: usize,
    steps: usize,
}

impl<'a> Visitor<'a> for Search<'a, '_> {
    type Place = Range;

    fn wants(&self, place: Range) -> bool {
        place.begin < place.end
    }

    fn enter(&mut self, place: Range, key: &str) -> Range {
        // What lies behind belongs to values that have been read.
        self.open.truncate(place.end);
        for at in place.begin..place.end {
            let Left { name, byte } = self.open[at];
            let Some(left) = self.names[name].1.get(byte..).and_then(|left| left.strip_prefix(key)) else { continue };
            if left.is_empty() || left.starts_with('.') {
                self.open.push(Left { name, byte: byte + key.len() + 1 });
            }
        }
        Range { begin: place.end, end: self.open.len(), steps: place.steps + 1 }
    }

    fn scalar(&mut self, place: Range, value: Cow<'a, str>) {
        for left in &self.open[place.begin..place.end] {
            let (path, name) = self.names[left.name];
            let best = &mut self.best[path];
            if left.byte > name.len() && best.as_ref().is_none_or(|(steps, _)| place.steps < *steps) {
                *best = Some((place.steps, value.clone()));
            }
        }
    }
}

/// The values of the paths that a line's JSON has; `text` is that JSON.
pub(super) fn of<'t>(line: &'t str, text: Text<'t>, paths: &[FieldPath]) -> Vec<Option<Cow<'t, str>>> {
    let is_json = |name: &str| !name.starts_with('@') || name.starts_with("@@");
    let wanted = paths.iter().enumerate().filter(|(_, path)| is_json(&path.name) && path.may_be_in(line));
    let names: Vec<(usize, &str)> =
        wanted.map(|(at, path)| (at, path.name.strip_prefix('@').unwrap_or(&path.name))).collect();
    let open: Vec<Left> = (0..names.len()).map(|name| Left { name, byte: 0 }).collect();
    let place = Range { begin: 0, end: open.len(), steps: 0 };
    let mut search = Search { names, open, best: vec![None; paths.len()] };
    if !search.names.is_empty() && text.walk(&mut search, place).is_none() {
        search.best.fill(None);
    }
    search.best.into_iter().map(|best| best.map(|(_, value)| value)).collect()
}
