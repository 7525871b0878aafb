//! Free text: which rows of an event segment may have a record with a certain substring, without putting records together.
//!
//! A string, number or word of a record lies in one place: in the skeleton, in a column, or among the cut values. So the
//! substring is taken apart at its quotes, and each part that cannot span several places must be found in one of them.

use super::event_rows::Ids;
use super::events::{DICTIONARIES, positions};
use super::skeleton::{Days, is_structure};
use super::{column, uuid};
use crate::error::{Error, Result};
use arrow_array::types::Int32Type;
use arrow_array::{Array, BinaryArray, DictionaryArray, ListArray, RecordBatch, StringArray};
use memchr::memmem::Finder;

/// A substring that records are searched for.
#[derive(Debug, Clone)]
pub(crate) struct Needle {
    whole: Finder<'static>,
    parts: Vec<Part>,
}

/// A part that lies in one place.
#[derive(Debug, Clone)]
struct Part {
    finder: Finder<'static>,
    /// It may be a part of a UUID or of a time, which are not stored as text.
    like_uuid: bool,
    like_time: bool,
}

impl Needle {
    pub(crate) fn new(text: &str) -> Self {
        let plain = !text.bytes().any(|byte| byte < 0x20);
        let parts =
            text.split('"').filter(|part| plain && !part.is_empty() && !may_span(part)).map(Part::new).collect();
        Self { whole: Finder::new(text).into_owned(), parts }
    }

    /// True when the text has it.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        self.whole.find(text.as_bytes()).is_some()
    }

    /// The columns that `candidates` needs.
    pub(crate) fn columns(&self) -> Vec<&'static str> {
        let texts = ["event_id_text", "request_id_text", "resource_names", "record_skeleton", "record_values"];
        let uuids = ["event_id", "request_id", "record_uuids"];
        let mut columns: Vec<_> = DICTIONARIES.iter().copied().chain(texts).collect();
        if self.parts.iter().any(|part| part.like_uuid) {
            columns.extend(uuids);
        }
        columns.extend(["time", "sequence"]);
        columns
    }

    /// For each row of a batch, read with dictionaries, whether its record may have the substring.
    pub(crate) fn candidates(&self, batch: &RecordBatch) -> Result<Vec<bool>> {
        let mut candidates = vec![true; batch.num_rows()];
        for part in &self.parts {
            let mut found = vec![false; batch.num_rows()];
            part.find(batch, &mut found)?;
            candidates.iter_mut().zip(found).for_each(|(candidate, found)| *candidate &= found);
        }
        Ok(candidates)
    }
}

/// True for text that may span several values: outside of strings, where numbers are cut out.
fn may_span(part: &str) -> bool {
    let outside = |byte: u8| is_structure(byte) || byte.is_ascii_digit() || b"+-.eEtrufalsn".contains(&byte);
    part.bytes().all(outside) && part.bytes().any(is_structure)
}

impl Part {
    fn new(text: &str) -> Self {
        let only = |allowed: &[u8]| text.bytes().all(|byte| allowed.contains(&byte));
        Self {
            finder: Finder::new(text).into_owned(),
            like_uuid: only(b"0123456789abcdef-"),
            like_time: only(b"0123456789-T:Z"),
        }
    }

    fn is_in(&self, text: &[u8]) -> bool {
        self.finder.find(text).is_some()
    }

    /// Marks the rows that have the part in one of their columns.
    fn find(&self, batch: &RecordBatch, found: &mut [bool]) -> Result<()> {
        for name in DICTIONARIES.iter().copied().chain(["record_skeleton"]) {
            self.find_in_dictionary(column(batch, name)?, found)?;
        }
        self.find_in_texts(column(batch, "record_values")?, &mut |at| found[at] = true);
        for name in ["event_id_text", "request_id_text"] {
            let texts: &StringArray = column(batch, name)?;
            self.find_in_texts(texts, &mut |at| found[at] = true);
        }
        self.find_in_lists(column(batch, "resource_names")?, found)?;
        if self.like_uuid {
            self.find_in_uuids(batch, found)?;
        }
        if self.like_time {
            let mut days = Days::default();
            for (found, (time, _)) in found.iter_mut().zip(positions(batch)?) {
                *found = *found || days.iso(time).is_some_and(|text| self.is_in(&text));
            }
        }
        Ok(())
    }

    fn find_in_dictionary(&self, column: &DictionaryArray<Int32Type>, found: &mut [bool]) -> Result<()> {
        let values = column.values().as_any().downcast_ref::<StringArray>();
        let values = values.ok_or_else(|| Error::corrupt("an event segment", 0, "a dictionary is not text"))?;
        let mut has = vec![false; values.len()];
        let mut any = false;
        self.find_in_texts(values, &mut |at| (has[at], any) = (true, true));
        if any {
            for (found, key) in found.iter_mut().zip(column.keys()) {
                *found |= key.is_some_and(|key| has.get(key as usize).copied().unwrap_or(false));
            }
        }
        Ok(())
    }

    /// Tells which of the texts have the part; looks through all of them as one text.
    fn find_in_texts(&self, texts: &StringArray, found: &mut dyn FnMut(usize)) {
        let (bytes, offsets) = (texts.value_data(), texts.value_offsets());
        let offset = |at: usize| offsets.get(at).map_or(0, |offset| *offset as usize);
        let (mut at, end) = (offset(0), offset(texts.len()));
        while let Some(hit) = bytes.get(at..end).and_then(|rest| self.finder.find(rest)) {
            let hit = at + hit;
            let text = offsets.partition_point(|offset| *offset as usize <= hit).saturating_sub(1);
            if text >= texts.len() {
                break;
            }
            // What spans two texts is no hit, but one may begin right behind its first byte.
            let within = hit + self.finder.needle().len() <= offset(text + 1);
            if within {
                found(text);
            }
            at = if within { offset(text + 1) } else { hit + 1 };
        }
    }

    fn find_in_lists(&self, lists: &ListArray, found: &mut [bool]) -> Result<()> {
        let values = lists.values().as_any().downcast_ref::<StringArray>();
        let values = values.ok_or_else(|| Error::corrupt("an event segment", 0, "resources are not text"))?;
        let offsets = lists.value_offsets();
        self.find_in_texts(values, &mut |at| {
            let list = offsets.partition_point(|offset| *offset as usize <= at).saturating_sub(1);
            if let Some(found) = found.get_mut(list) {
                *found = true;
            }
        });
        Ok(())
    }

    fn find_in_uuids(&self, batch: &RecordBatch, found: &mut [bool]) -> Result<()> {
        let ids = [Ids::of(batch, "event_id", "event_id_text")?, Ids::of(batch, "request_id", "request_id_text")?];
        let uuids: &BinaryArray = column(batch, "record_uuids")?;
        for (at, found) in found.iter_mut().enumerate() {
            let mut of_row = ids.iter().filter_map(|ids| ids.uuid(at)).chain(uuids.value(at).as_chunks::<16>().0);
            *found = *found || of_row.any(|bytes| self.is_in(&uuid::text(bytes)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_span_values_are_not_relied_on() {
        let parts = |text: &str| Needle::new(text).parts.len();
        assert_eq!(parts("DeleteBucket"), 1);
        assert_eq!(parts("\"eventName\":\"DeleteBucket\""), 2);
        assert_eq!((parts(":5,"), parts("true,"), parts("[ ]"), parts("\"")), (0, 0, 0, 0));
        assert_eq!((parts("123"), parts("true"), parts("a b"), parts("a\n")), (1, 1, 1, 0));
    }

    #[test]
    fn texts_are_told_apart() {
        let part = Part::new("aa");
        let texts = StringArray::from(vec!["a", "a", "", "baab", "aa", "a"]);
        let mut found = Vec::new();
        part.find_in_texts(&texts, &mut |at| found.push(at));
        assert_eq!(found, [3, 4]);
        found.clear();
        part.find_in_texts(&texts.slice(4, 1), &mut |at| found.push(at));
        assert_eq!(found, [0]);
    }
}
