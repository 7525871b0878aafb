//! Functions that take a lambda: `filter`, `transform` and the `match`es of lists, and `try`, whose expression is made one.

use super::super::fit;
use crate::sql::growth::array_size;
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, ListArray, UInt32Array, new_empty_array, new_null_array,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::{cast, concat, take};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{DataFusionError, Result, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, HigherOrderFunctionArgs, HigherOrderReturnFieldArgs, HigherOrderSignature, HigherOrderUDF,
    HigherOrderUDFImpl, LambdaArgument, LambdaParametersProgress, ValueOrLambda, Volatility,
};
use model::limits::{SQL_BATCH_BYTES_MAX, SQL_VALUE_BYTES_MAX};
use std::sync::Arc;

/// Elements of lists that a lambda is asked for together.
const ELEMENTS_AT_ONCE: usize = 1024;

/// All of them.
pub(in crate::sql::lake) fn all() -> Vec<Arc<HigherOrderUDF>> {
    let kinds = [Kind::Transform, Kind::Filter, Kind::Any, Kind::All, Kind::None, Kind::Try];
    kinds.map(|kind| Arc::new(HigherOrderUDF::new_from_impl(OfLambda::new(kind)))).into()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Transform,
    Filter,
    Any,
    All,
    None,
    /// The lambda's answer for each row, and NULL where there is none. Its parameter says nothing.
    Try,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct OfLambda {
    kind: Kind,
    signature: HigherOrderSignature,
}

impl OfLambda {
    fn new(kind: Kind) -> Self {
        let arguments = vec![ValueOrLambda::Value(()), ValueOrLambda::Lambda(())];
        Self { kind, signature: HigherOrderSignature::exact(arguments, Volatility::Immutable) }
    }

    fn item<'f>(&self, of: &'f DataType) -> Result<&'f FieldRef> {
        match of {
            DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => Ok(item),
            other => plan_err!("{} takes a list and a lambda, and not a value of the type {other}", self.name()),
        }
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Transform => "lake_transform",
            Kind::Filter => "lake_filter",
            Kind::Any => "lake_any_match",
            Kind::All => "lake_all_match",
            Kind::None => "lake_none_match",
            Kind::Try => "lake_try",
        }
    }
}

impl HigherOrderUDFImpl for OfLambda {
    fn name(&self) -> &str {
        self.kind.name()
    }

    fn signature(&self) -> &HigherOrderSignature {
        &self.signature
    }

    /// What a lambda has in common with other expressions stays in it: it may only be looked at there, or fail.
    fn short_circuits(&self) -> bool {
        true
    }

    fn coerce_value_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(types.to_vec())
    }

    fn lambda_parameters(
        &self,
        _: usize,
        fields: &[ValueOrLambda<FieldRef, Option<FieldRef>>],
    ) -> Result<LambdaParametersProgress> {
        let [ValueOrLambda::Value(of), ValueOrLambda::Lambda(_)] = fields else {
            return plan_err!("{} takes a list and a lambda", self.name());
        };
        let parameter = match self.kind {
            Kind::Try => Arc::clone(of),
            _ => Arc::new(Field::new("", self.item(of.data_type())?.data_type().clone(), true)),
        };
        Ok(LambdaParametersProgress::Complete(vec![vec![parameter]]))
    }

    fn return_field_from_args(&self, args: HigherOrderReturnFieldArgs<'_>) -> Result<FieldRef> {
        let [ValueOrLambda::Value(of), ValueOrLambda::Lambda(made)] = args.arg_fields else {
            return plan_err!("{} takes a list and a lambda", self.name());
        };
        let made = made.data_type();
        let is_condition = !matches!(self.kind, Kind::Transform | Kind::Try);
        if is_condition && !matches!(made, DataType::Boolean | DataType::Null) {
            return plan_err!("{} takes a lambda that is true or false, and not of the type {made}", self.name());
        }
        let list = |item: &DataType| DataType::List(Arc::new(Field::new_list_field(item.clone(), true)));
        let kind = match self.kind {
            Kind::Transform => list(made),
            Kind::Filter => list(self.item(of.data_type())?.data_type()),
            Kind::Any | Kind::All | Kind::None => DataType::Boolean,
            Kind::Try => made.clone(),
        };
        Ok(Arc::new(Field::new("", kind, true)))
    }

    fn invoke_with_args(&self, args: HigherOrderFunctionArgs) -> Result<ColumnarValue> {
        let [ValueOrLambda::Value(of), ValueOrLambda::Lambda(lambda)] = args.args.as_slice() else {
            return exec_err!("{} takes a list and a lambda", self.name());
        };
        let [_, ValueOrLambda::Lambda(made) | ValueOrLambda::Value(made)] = args.arg_fields.as_slice() else {
            return exec_err!("{} takes a list and a lambda", self.name());
        };
        let of = of.to_array(args.number_rows)?;
        if self.kind == Kind::Try {
            let mut parts = Vec::new();
            attempt(lambda, &of, args.return_type(), 0, args.number_rows, &mut parts)?;
            let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
            return Ok(ColumnarValue::Array(match parts.as_slice() {
                [] => new_empty_array(args.return_type()),
                parts => concat(parts)?,
            }));
        }
        let item = Field::new_list_field(self.item(of.data_type())?.data_type().clone(), true);
        let lists = cast(&of, &DataType::List(Arc::new(item)))?;
        // As for other functions that may make much of little: one row is a constant, as far as can be seen.
        let bytes_max = if args.number_rows <= 1 { SQL_VALUE_BYTES_MAX } else { SQL_BATCH_BYTES_MAX };
        let lists = Lists::of(lists.as_list::<i32>(), self.kind.name(), bytes_max)?;
        let made = lists.made(lambda, made.data_type())?;
        let answer = match self.kind {
            Kind::Transform => lists.again(made, &lists.lengths)?,
            Kind::Filter => lists.filtered(made.as_boolean_opt())?,
            _ => lists.matched(made.as_boolean_opt(), self.kind),
        };
        Ok(ColumnarValue::Array(cast(&answer, args.return_type())?))
    }
}

/// The elements of lists, one after another.
struct Lists {
    elements: ArrayRef,
    /// The row of each.
    rows: UInt32Array,
    lengths: Vec<usize>,
    valid: Vec<bool>,
    /// Whose they are, and how much that may make of them.
    function: &'static str,
    bytes_max: usize,
}

impl Lists {
    fn of(lists: &ListArray, function: &'static str, bytes_max: usize) -> Result<Self> {
        let (mut places, mut rows, mut lengths, mut valid) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (row, pair) in lists.value_offsets().windows(2).enumerate() {
            let is_valid = lists.is_valid(row);
            let (from, to) = match pair {
                [from, to] if is_valid => (*from as u32, *to as u32),
                _ => (0, 0),
            };
            places.extend(from..to);
            rows.extend((from..to).map(|_| row as u32));
            lengths.push((to - from) as usize);
            valid.push(is_valid);
        }
        let elements = take(lists.values(), &UInt32Array::from(places), None)?;
        Ok(Self { elements, rows: rows.into(), lengths, valid, function, bytes_max })
    }

    /// What a lambda makes of each element, of not too many at a time: what is constant in it is there again for each.
    fn made(&self, lambda: &LambdaArgument, kind: &DataType) -> Result<ArrayRef> {
        let (mut made, mut bytes) = (Vec::new(), 0_usize);
        for from in (0..self.elements.len()).step_by(ELEMENTS_AT_ONCE) {
            let count = ELEMENTS_AT_ONCE.min(self.elements.len() - from);
            let (elements, rows) = (self.elements.slice(from, count), self.rows.slice(from, count));
            let answer = lambda.evaluate(&[&|| Ok(Arc::clone(&elements))], |columns| {
                if from == 0 {
                    self.check(columns)?;
                }
                columns.iter().map(|column| Ok(take(column, &rows, None)?)).collect()
            })?;
            let answer = cast(&answer.into_array(count)?, kind)?;
            bytes = bytes.saturating_add(array_size(answer.as_ref())?);
            if bytes > self.bytes_max {
                return self.too_large();
            }
            made.push(answer);
        }
        let made: Vec<&dyn Array> = made.iter().map(AsRef::as_ref).collect();
        Ok(if made.is_empty() { new_empty_array(kind) } else { concat(&made)? })
    }

    /// What a lambda names of a row is there again for each of its elements.
    fn check(&self, columns: &[ArrayRef]) -> Result<()> {
        let of_row = |row: usize| columns.iter().map(|column| fit::size(column, row)).sum::<usize>();
        let again = |(row, length): (usize, &usize)| if *length > 0 { of_row(row).saturating_mul(*length) } else { 0 };
        let bytes = self.lengths.iter().enumerate().map(again).fold(0_usize, usize::saturating_add);
        match bytes > self.bytes_max {
            true => self.too_large(),
            false => Ok(()),
        }
    }

    fn too_large<T>(&self) -> Result<T> {
        let name = self.function.strip_prefix("lake_").unwrap_or(self.function);
        exec_err!("{name} would make more than {} bytes at a time", self.bytes_max)
    }

    fn again(&self, elements: ArrayRef, lengths: &[usize]) -> Result<ArrayRef> {
        let field = Arc::new(Field::new_list_field(elements.data_type().clone(), true));
        let offsets = OffsetBuffer::from_lengths(lengths.iter().copied());
        Ok(Arc::new(ListArray::try_new(field, offsets, elements, Some(self.valid.clone().into()))?))
    }

    fn filtered(&self, keeps: Option<&BooleanArray>) -> Result<ArrayRef> {
        let is_kept = |at: usize| keeps.is_some_and(|keeps| keeps.is_valid(at) && keeps.value(at));
        let (mut kept, mut lengths, mut from) = (Vec::new(), Vec::with_capacity(self.lengths.len()), 0);
        for length in &self.lengths {
            let before = kept.len();
            kept.extend((from..from + length).filter(|at| is_kept(*at)).map(|at| at as u32));
            lengths.push(kept.len() - before);
            from += length;
        }
        self.again(take(&self.elements, &UInt32Array::from(kept), None)?, &lengths)
    }

    /// Whether any, all or none of the elements are met; NULL where that hangs on one of which it is not known.
    fn matched(&self, meets: Option<&BooleanArray>, kind: Kind) -> ArrayRef {
        let mut from = 0;
        let rows = self.lengths.iter().zip(&self.valid).map(|(length, valid)| {
            let places = from..from + length;
            from += length;
            let meet = |at: usize| meets.filter(|meets| meets.is_valid(at)).map(|meets| meets.value(at));
            let decisive = kind != Kind::All;
            let is_decided = places.clone().any(|at| meet(at) == Some(decisive));
            let is_open = !is_decided && places.clone().any(|at| meet(at).is_none());
            (*valid && !is_open).then_some(match kind {
                Kind::Any => is_decided,
                _ => !is_decided,
            })
        });
        Arc::new(rows.collect::<BooleanArray>())
    }
}

/// What a lambda makes of so many rows from one on; rows that it fails on are NULL, and found by halves.
fn attempt(
    lambda: &LambdaArgument,
    of: &ArrayRef,
    kind: &DataType,
    from: usize,
    rows: usize,
    made: &mut Vec<ArrayRef>,
) -> Result<()> {
    if rows == 0 {
        return Ok(());
    }
    let part = of.slice(from, rows);
    let answer = lambda.evaluate(&[&|| Ok(Arc::clone(&part))], |columns| {
        Ok(columns.iter().map(|column| column.slice(from, rows)).collect())
    });
    match answer.and_then(|answer| Ok(cast(&answer.into_array(rows)?, kind)?)) {
        Ok(answer) => made.push(answer),
        Err(error) if is_limit(&error) => return Err(error),
        Err(_) if rows == 1 => made.push(new_null_array(kind, 1)),
        Err(_) => {
            let half = rows / 2;
            attempt(lambda, of, kind, from, half, made)?;
            attempt(lambda, of, kind, from + half, rows - half, made)?;
        }
    }
    Ok(())
}

/// An error that says nothing of a row: the query fails all the same.
fn is_limit(error: &DataFusionError) -> bool {
    match error.find_root() {
        DataFusionError::Execution(message) => message.contains("would make more than"),
        DataFusionError::ArrowError(..) => false,
        _ => true,
    }
}
