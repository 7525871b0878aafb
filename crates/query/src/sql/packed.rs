//! Batches whose texts may be packed as dictionaries, as the store has those of events; and which rows of them are alike.
//!
//! A plan knows texts as they are (`Utf8`), so a scan unpacks them at its end; what counts or decides by texts looks at the packed
//! ones, each distinct text once.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int32Array, RecordBatch, RecordBatchOptions};
use datafusion::arrow::compute::{cast, partition};
use datafusion::arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::common::{Result, internal_err};
use std::collections::HashMap;
use std::sync::Arc;
use store::TextColumn;

/// Pairs up to which they are counted in a table of all that there may be.
const PAIRS_MAX: usize = 1 << 14;

/// A batch of the columns of `schema`, some of which may be packed.
pub(super) fn batch(schema: &Schema, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let fields = schema.fields().iter().zip(&columns).map(|(field, column)| match column.data_type() {
        packed @ DataType::Dictionary(..) => Arc::new(field.as_ref().clone().with_data_type(packed.clone())),
        _ => Arc::clone(field),
    });
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(schema, columns, &options)?)
}

/// The same with the types of `schema`.
pub(super) fn unpacked(batch: RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    if !batch.columns().iter().any(|column| matches!(column.data_type(), DataType::Dictionary(..))) {
        return Ok(batch);
    }
    let columns = batch.columns().iter().zip(schema.fields()).map(|(column, field)| match column.data_type() {
        DataType::Dictionary(..) => Ok(cast(column, field.data_type())?),
        _ => Ok(Arc::clone(column)),
    });
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns.collect::<Result<_>>()?, &options)?)
}

/// Rows of a batch by kind: those of a kind have the same values in some columns.
#[derive(Debug)]
pub(super) struct Kinds {
    /// The kind of each row.
    pub of_rows: Vec<u32>,
    /// The first row of each kind.
    pub first: Vec<u32>,
}

impl Kinds {
    /// All rows are of one kind.
    pub(super) fn new(rows: usize) -> Self {
        Self { of_rows: vec![0; rows], first: if rows == 0 { Vec::new() } else { vec![0] } }
    }

    /// Tells rows apart by a column: packed texts, texts, or what is true or false. Any other is an error, for its rows would seem alike.
    pub(super) fn split(&mut self, column: &dyn Array) -> Result<()> {
        if let Some(flags) = column.as_boolean_opt() {
            self.split_by(3, flag_places(flags));
        } else if let Some(texts) = TextColumn::of(column) {
            match texts.packed() {
                // All are the same.
                Some((keys, texts)) if texts.len() <= 1 && keys.null_count() == 0 => {}
                Some((keys, texts)) => self.split_by(texts.len() + 1, places(keys)),
                None => {
                    let mut known: HashMap<&str, u32, foldhash::fast::FixedState> = HashMap::default();
                    let place = |row: usize| match texts.get(row) {
                        Some(text) => {
                            let next = known.len() as u32 + 1;
                            *known.entry(text).or_insert(next)
                        }
                        None => 0,
                    };
                    let places: Vec<u32> = (0..column.len()).map(place).collect();
                    self.split_by(known.len() + 1, places.into_iter());
                }
            }
        } else {
            return internal_err!("rows cannot be told apart by {}", column.data_type());
        }
        Ok(())
    }

    /// Tells rows apart where a column changes from one to the next: equal values that are apart may be of several kinds.
    pub(super) fn split_at_changes(&mut self, column: &ArrayRef) -> Result<()> {
        let runs = partition(std::slice::from_ref(column))?.ranges();
        let places = runs.iter().enumerate().flat_map(|(at, run)| run.clone().map(move |_| at as u32));
        self.split_by(runs.len(), places);
        Ok(())
    }

    /// `places` has for each row a number below `count`.
    fn split_by(&mut self, count: usize, places: impl Iterator<Item = u32>) {
        let mut first = Vec::new();
        let (count, pairs) = (count as u64, (self.first.len() as u64).saturating_mul(count as u64));
        let rows = self.of_rows.iter_mut().zip(places).enumerate();
        let pair = |kind: u32, place: u32| u64::from(kind) * count + u64::from(place);
        if pairs <= PAIRS_MAX as u64 {
            let mut known = vec![u32::MAX; pairs as usize];
            for (row, (kind, place)) in rows {
                let Some(known) = known.get_mut(pair(*kind, place) as usize) else { continue };
                if *known == u32::MAX {
                    *known = first.len() as u32;
                    first.push(row as u32);
                }
                *kind = *known;
            }
        } else {
            let mut known: HashMap<u64, u32, foldhash::fast::FixedState> = HashMap::default();
            for (row, (kind, place)) in rows {
                *kind = *known.entry(pair(*kind, place)).or_insert_with(|| {
                    first.push(row as u32);
                    first.len() as u32 - 1
                });
            }
        }
        self.first = first;
    }
}

/// 0 for null, else one more than the place of a text.
fn places(keys: &Int32Array) -> impl Iterator<Item = u32> + use<'_> {
    keys.iter().map(|key| key.and_then(|key| u32::try_from(key).ok()).map_or(0, |key| key + 1))
}

fn flag_places(flags: &BooleanArray) -> impl Iterator<Item = u32> + use<'_> {
    flags.iter().map(|flag| flag.map_or(0, |flag| 1 + u32::from(flag)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::array::{DictionaryArray, StringArray};
    use datafusion::arrow::datatypes::Int32Type;

    #[test]
    fn rows_are_of_a_kind_when_all_their_values_are_the_same() {
        let texts = vec![Some("a"), Some("b"), None, Some("a"), None, Some("b")];
        let packed: DictionaryArray<Int32Type> = texts.iter().copied().collect();
        let flags = BooleanArray::from(vec![Some(true), None, Some(true), Some(true), Some(true), Some(false)]);
        for column in [&packed as &dyn Array, &StringArray::from(texts)] {
            let mut kinds = Kinds::new(6);
            kinds.split(column).unwrap();
            assert_eq!((&kinds.of_rows[..], &kinds.first[..]), (&[0, 1, 2, 0, 2, 1][..], &[0, 1, 2][..]));
            kinds.split(&flags).unwrap();
            assert_eq!((&kinds.of_rows[..], &kinds.first[..]), (&[0, 1, 2, 0, 2, 3][..], &[0, 1, 2, 5][..]));
        }
        let mut kinds = Kinds::new(6);
        let times: ArrayRef = Arc::new(Int32Array::from(vec![5, 5, 6, 6, 6, 5]));
        kinds.split_at_changes(&times).unwrap();
        assert_eq!((kinds.of_rows, kinds.first), (vec![0, 0, 1, 1, 1, 2], vec![0, 2, 5]));
        assert!(Kinds::new(0).first.is_empty());
        let other = Kinds::new(1).split(&Int32Array::from(vec![5])).unwrap_err();
        assert!(other.to_string().contains("Int32"), "rows that differ must not seem alike: {other}");
    }

    #[test]
    fn more_pairs_than_a_table_holds_are_told_apart_too() {
        let rows = 2_000;
        let text = |n: usize| format!("text {n}");
        let own: DictionaryArray<Int32Type> =
            (0..rows).map(text).collect::<Vec<_>>().iter().map(String::as_str).collect();
        let mut kinds = Kinds::new(rows);
        kinds.split(&own).unwrap();
        kinds.split(&own).unwrap();
        assert!(rows * (rows + 1) > PAIRS_MAX);
        assert_eq!(kinds.first, (0..rows as u32).collect::<Vec<_>>());
        assert_eq!(kinds.of_rows, kinds.first);
    }
}
