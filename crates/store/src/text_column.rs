//! `TextColumn`: a column of texts, each where it is, or packed: each distinct one once, and for each row its place among them.

use arrow_array::types::Int32Type;
use arrow_array::{Array, DictionaryArray, Int32Array, StringArray};
use memchr::memmem::Finder;
use std::collections::BTreeSet;

/// A column of texts of a batch, whichever way it is kept.
#[derive(Debug, Clone, Copy)]
pub struct TextColumn<'a> {
    keys: Option<&'a Int32Array>,
    texts: &'a StringArray,
}

impl<'a> TextColumn<'a> {
    /// `None` where a column holds something else.
    pub fn of(column: &'a dyn Array) -> Option<Self> {
        if let Some(packed) = column.as_any().downcast_ref::<DictionaryArray<Int32Type>>() {
            let texts = packed.values().as_any().downcast_ref()?;
            return Some(Self { keys: Some(packed.keys()), texts });
        }
        Some(Self { keys: None, texts: column.as_any().downcast_ref()? })
    }

    /// The text of a row, where it has one.
    pub fn get(self, row: usize) -> Option<&'a str> {
        let at = match self.keys {
            Some(keys) => key(keys, row)?,
            None => row,
        };
        (at < self.texts.len() && self.texts.is_valid(at)).then(|| self.texts.value(at))
    }

    /// Of a packed column its places, of which some may be null, and its distinct texts, of which some may be in no row.
    pub fn packed(self) -> Option<(&'a Int32Array, &'a StringArray)> {
        self.keys.map(|keys| (keys, self.texts))
    }
}

fn key(keys: &Int32Array, row: usize) -> Option<usize> {
    if keys.is_null(row) { None } else { usize::try_from(keys.value(row)).ok() }
}

/// A condition on a text.
#[derive(Debug)]
pub(crate) enum TextTest<'a> {
    OneOf(&'a BTreeSet<String>),
    Contains(Box<Finder<'a>>),
}

impl TextTest<'_> {
    fn passes(&self, text: &str) -> bool {
        match self {
            TextTest::OneOf(texts) => texts.contains(text),
            TextTest::Contains(part) => part.find(text.as_bytes()).is_some(),
        }
    }
}

/// A column with a condition that some of its rows may not meet. Each distinct text of a packed column is looked at once.
#[derive(Debug)]
pub(crate) struct TestedColumn<'a> {
    column: TextColumn<'a>,
    test: TextTest<'a>,
    /// Of a packed column, whether each distinct text passes.
    passing: Option<Vec<bool>>,
}

impl<'a> TestedColumn<'a> {
    /// `None` when the texts of all rows pass, which is only seen of packed ones.
    pub(crate) fn of(column: TextColumn<'a>, test: TextTest<'a>) -> Option<Self> {
        let Some((keys, texts)) = column.packed() else { return Some(Self { column, test, passing: None }) };
        let passing: Vec<bool> = texts.iter().map(|text| text.is_some_and(|text| test.passes(text))).collect();
        let all = keys.null_count() == 0 && passing.iter().all(|passes| *passes);
        (!all).then_some(Self { column, test, passing: Some(passing) })
    }

    /// True when a row has a text that passes.
    pub(crate) fn passes(&self, row: usize) -> bool {
        match (&self.passing, self.column.keys) {
            (Some(passing), Some(keys)) => key(keys, row).and_then(|key| passing.get(key)).copied().unwrap_or(false),
            _ => self.column.get(row).is_some_and(|text| self.test.passes(text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_columns_say_the_same_as_plain_ones() {
        let texts = [Some("a"), None, Some("b"), Some("a")];
        let plain = StringArray::from(texts.to_vec());
        let packed: DictionaryArray<Int32Type> = texts.into_iter().collect();
        let (one, all) = (BTreeSet::from(["a".to_owned()]), BTreeSet::from(["a".to_owned(), "b".to_owned()]));
        for column in [&plain as &dyn Array, &packed] {
            let column = TextColumn::of(column).unwrap();
            assert_eq!([0, 1, 2, 3].map(|row| column.get(row)), texts);
            let tested = |test| {
                let tested = TestedColumn::of(column, test).unwrap();
                [0, 1, 2, 3].map(|row| tested.passes(row))
            };
            assert_eq!(tested(TextTest::OneOf(&one)), [true, false, false, true]);
            assert_eq!(tested(TextTest::OneOf(&all)), [true, false, true, true], "a null does not pass");
            assert_eq!(tested(TextTest::Contains(Box::new(Finder::new("b")))), [false, false, true, false]);
        }
        let same: DictionaryArray<Int32Type> = vec!["a", "a"].into_iter().collect();
        assert!(TestedColumn::of(TextColumn::of(&same).unwrap(), TextTest::OneOf(&one)).is_none());
        assert!(TextColumn::of(&Int32Array::from(vec![1])).is_none());
    }
}
