//! `Zip`: lists and maps side by side, as one list of structs.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array, ListArray, StructArray, UInt32Array};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute::{cast, take};
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};
use model::limits::SQL_BATCH_BYTES_MAX;
use std::sync::Arc;

/// Most rows of a batch.
const ELEMENTS_MAX: usize = i32::MAX as usize;

/// The name of a member of the structs.
pub(super) fn field_name(at: usize) -> String {
    format!("c{at}")
}

/// A function of any number of lists and maps: as many structs as the longest has elements, with NULL where another has none.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Zip {
    /// Rows in lists stay one value.
    whole: bool,
    ordinality: bool,
    signature: Signature,
}

/// A column of the table that the structs become.
pub(super) struct ZipColumn {
    /// Its own name, which only members of rows have.
    pub(super) name: Option<String>,
    kind: DataType,
    part: Part,
}

#[derive(Clone, Copy)]
enum Part {
    /// The elements of a list.
    Item(usize),
    /// A member of the rows of a list.
    Member(usize, usize),
    Keys(usize),
    Values(usize),
    Place,
}

impl Zip {
    /// What there is for so many names of columns.
    pub(super) fn of(types: &[DataType], ordinality: bool, names: Option<usize>, table: &str) -> Result<Self> {
        let signature = Signature::variadic_any(Volatility::Immutable);
        let zip = Self { whole: false, ordinality, signature };
        let columns = zip.columns(types)?.len();
        let Some(names) = names.filter(|names| *names != columns) else { return Ok(zip) };
        let zip = Self { whole: true, ..zip };
        match zip.columns(types)?.len() == names {
            true => Ok(zip),
            false => plan_err!("Column alias list has {names} entries but '{table}' has {columns} columns available"),
        }
    }

    /// The columns for arguments of these types.
    pub(super) fn columns(&self, types: &[DataType]) -> Result<Vec<ZipColumn>> {
        let mut columns = Vec::new();
        for (of, kind) in types.iter().enumerate() {
            let unnamed = |kind: &DataType, part| ZipColumn { name: None, kind: kind.clone(), part };
            match kind {
                DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
                    match item.data_type() {
                        DataType::Struct(fields) if !self.whole => {
                            columns.extend(fields.iter().enumerate().map(|(at, field)| ZipColumn {
                                name: Some(field.name().clone()),
                                kind: field.data_type().clone(),
                                part: Part::Member(of, at),
                            }));
                        }
                        item => columns.push(unnamed(item, Part::Item(of))),
                    }
                }
                DataType::Map(entries, _) => match entries.data_type() {
                    DataType::Struct(fields) if fields.len() == 2 => {
                        let parts = [Part::Keys(of), Part::Values(of)];
                        columns.extend(fields.iter().zip(parts).map(|(field, part)| unnamed(field.data_type(), part)));
                    }
                    _ => return plan_err!("Cannot unnest type: {kind}"),
                },
                kind => return plan_err!("Cannot unnest type: {}: it takes arrays and maps", named(kind)),
            }
        }
        if self.ordinality {
            columns.push(ZipColumn { name: None, kind: DataType::Int64, part: Part::Place });
        }
        Ok(columns)
    }

    fn fields(&self, types: &[DataType]) -> Result<Fields> {
        let columns = self.columns(types)?;
        let field = |(at, column): (usize, ZipColumn)| Field::new(field_name(at), column.kind, true);
        Ok(columns.into_iter().enumerate().map(field).collect())
    }
}

/// A type in Trino's words.
fn named(kind: &DataType) -> String {
    match kind {
        kind if kind.is_string() => "varchar".into(),
        kind if kind.is_integer() => "bigint".into(),
        DataType::Boolean => "boolean".into(),
        DataType::Float32 | DataType::Float64 => "double".into(),
        DataType::Timestamp(..) => "timestamp".into(),
        DataType::Null => "unknown".into(),
        DataType::Struct(_) => "row".into(),
        other => other.to_string(),
    }
}

impl ScalarUDFImpl for Zip {
    fn name(&self) -> &str {
        "unnest"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(DataType::List(Arc::new(Field::new_list_field(DataType::Struct(self.fields(types)?), true))))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let types: Vec<DataType> = args.args.iter().map(ColumnarValue::data_type).collect();
        // A list that is the same in all rows is there once for each.
        let constant = args.args.iter().map(|value| match value {
            ColumnarValue::Scalar(value) => value.size().saturating_mul(args.number_rows),
            ColumnarValue::Array(_) => 0,
        });
        if constant.fold(0_usize, usize::saturating_add) > SQL_BATCH_BYTES_MAX {
            return exec_err!("UNNEST would make more than {SQL_BATCH_BYTES_MAX} bytes at a time");
        }
        let arrays =
            args.args.iter().map(|value| plain(value.to_array(args.number_rows)?)).collect::<Result<Vec<_>>>()?;
        let lists = self.zip(&types, &arrays, args.number_rows)?;
        Ok(ColumnarValue::Array(cast(&lists, args.return_type())?))
    }
}

/// A list of one kind, or a map.
fn plain(of: ArrayRef) -> Result<ArrayRef> {
    match of.data_type() {
        DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            Ok(cast(&of, &DataType::List(Arc::clone(item)))?)
        }
        _ => Ok(of),
    }
}

impl Zip {
    fn zip(&self, types: &[DataType], arrays: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
        let spans = arrays.iter().map(|of| spans(of, rows)).collect::<Result<Vec<_>>>()?;
        let length =
            |row: usize| spans.iter().filter_map(|spans| spans.get(row)).map(|(_, len)| *len).max().unwrap_or(0);
        let lengths: Vec<usize> = (0..rows).map(length).collect();
        let total = lengths.iter().fold(0_usize, |sum, length| sum.saturating_add(*length));
        if total > ELEMENTS_MAX {
            return exec_err!("UNNEST would make more than {ELEMENTS_MAX} rows at a time");
        }
        let places: Vec<UInt32Array> = spans.iter().map(|spans| places(spans, &lengths)).collect();
        let columns = self.columns(types)?.into_iter().map(|column| column.values(arrays, &places, &lengths));
        let columns = columns.collect::<Result<Vec<ArrayRef>>>()?;
        let structs = StructArray::try_new_with_length(self.fields(types)?, columns, None, total)?;
        // A row without elements is as one without a list: LEFT JOIN keeps both.
        let valid: NullBuffer = lengths.iter().map(|length| *length > 0).collect();
        let field = Arc::new(Field::new_list_field(structs.data_type().clone(), true));
        Ok(Arc::new(ListArray::try_new(field, OffsetBuffer::from_lengths(lengths), Arc::new(structs), Some(valid))?))
    }
}

/// Where the elements of each row begin, and how many there are.
fn spans(of: &ArrayRef, rows: usize) -> Result<Vec<(usize, usize)>> {
    let offsets = match (of.as_map_opt(), of.as_list_opt::<i32>()) {
        (Some(maps), _) => maps.value_offsets(),
        (_, Some(lists)) => lists.value_offsets(),
        _ => return plan_err!("Cannot unnest type: {}", of.data_type()),
    };
    let span = |row: usize| match (offsets.get(row), offsets.get(row + 1)) {
        (Some(from), Some(to)) if of.is_valid(row) => (*from as usize, (to - from) as usize),
        _ => (0, 0),
    };
    Ok((0..rows).map(span).collect())
}

/// The places of the elements of each row, and none where it has fewer than others.
fn places(spans: &[(usize, usize)], lengths: &[usize]) -> UInt32Array {
    let of_row = |((from, own), length): (&(usize, usize), &usize)| {
        let (from, own) = (*from, *own);
        (0..*length).map(move |at| (at < own).then_some((from + at) as u32))
    };
    spans.iter().zip(lengths).flat_map(of_row).collect()
}

impl ZipColumn {
    fn values(&self, arrays: &[ArrayRef], places: &[UInt32Array], lengths: &[usize]) -> Result<ArrayRef> {
        let of = match self.part {
            Part::Place => {
                let places = lengths.iter().flat_map(|length| 1..=*length as i64);
                return Ok(Arc::new(places.collect::<Int64Array>()));
            }
            Part::Item(of) | Part::Member(of, _) | Part::Keys(of) | Part::Values(of) => of,
        };
        let (Some(array), Some(places)) = (arrays.get(of), places.get(of)) else {
            return exec_err!("a list is missing");
        };
        let maps = || array.as_map_opt();
        let lists = || array.as_list_opt::<i32>();
        let taken = match self.part {
            Part::Keys(_) => maps().map(|maps| take(maps.keys(), places, None)),
            Part::Values(_) => maps().map(|maps| take(maps.values(), places, None)),
            Part::Member(_, at) => lists().and_then(|lists| member(lists, at, places)),
            Part::Item(_) | Part::Place => lists().map(|lists| take(lists.values(), places, None)),
        };
        match taken {
            Some(taken) => Ok(taken?),
            None => exec_err!("Cannot unnest type: {}", array.data_type()),
        }
    }
}

/// One member of rows; NULL where the row is.
fn member(
    lists: &ListArray,
    at: usize,
    places: &UInt32Array,
) -> Option<std::result::Result<ArrayRef, datafusion::arrow::error::ArrowError>> {
    let rows = lists.values().as_struct_opt()?;
    let there = |place: Option<u32>| place.filter(|place| rows.is_valid(*place as usize));
    let places: UInt32Array = places.iter().map(there).collect();
    Some(take(rows.columns().get(at)?, &places, None))
}
