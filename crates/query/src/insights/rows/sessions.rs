//! `sessionize`: numbers the sessions that rows belong to.
//!
//! Where the guide says nothing: sessions are numbered from 1 by their beginnings; a row that lacks one of the values, or a time,
//! belongs to none. Rows keep their order.

use super::super::code::Code;
use super::super::event::{Record, Row};
use super::super::groups;
use super::super::value::Value;
use std::collections::HashMap;

/// A `sessionize` command.
#[derive(Debug, Clone)]
pub(in crate::insights) struct Sessions {
    pub by: Vec<Code>,
    /// `@timestamp`.
    pub time: Code,
    pub gap_ms: i64,
    pub into: usize,
}

impl Sessions {
    /// Sets the column of every row.
    pub fn run(&self, rows: &mut [Record]) {
        let mut order: Vec<(i64, usize)> =
            rows.iter().enumerate().filter_map(|(place, row)| Some((self.time.value(row).millis()?, place))).collect();
        // Of rows of one instant the last one is the earlier, as in the usual order.
        order.sort_by(|(a, x), (b, y)| a.cmp(b).then_with(|| y.cmp(x)));
        let mut last: HashMap<Vec<u8>, (i64, u64), foldhash::fast::FixedState> = HashMap::default();
        let mut count = 0;
        for (at, place) in order {
            let mut key = Vec::new();
            let is_whole = self.by.iter().all(|code| {
                let value = code.value(&rows[place]);
                groups::append(&mut key, &value);
                !value.is_null()
            });
            if !is_whole {
                continue;
            }
            let session = match last.get(&key) {
                Some((before, session)) if at.saturating_sub(*before) <= self.gap_ms => *session,
                _ => {
                    count += 1;
                    count
                }
            };
            last.insert(key, (at, session));
            rows[place].set(self.into, Value::Number(session as f64));
        }
    }
}
