//! Functions that make more bytes than they are given, with a bound: what they would make is known before they make it.
//!
//! The engine counts the memory of sorting, grouping and joining, and not that of an expression; `replace` in `replace` makes terabytes
//! of some kilobytes, while the statement is planned if all is constant. So before the engine sees a plan, each such call in it is wrapped
//! in one that measures its arguments first. What makes at most as much as it is given need not be: its arguments are bounded.

use datafusion::arrow::array::{Array, AsArray, StringArray, StringBuilder};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Result, exec_err, internal_err};
use datafusion::logical_expr::binary::BinaryTypeCoercer;
use datafusion::logical_expr::expr::{BinaryExpr, ScalarFunction};
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlan, Operator, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, Volatility,
};
use datafusion::prelude::SessionContext;
use model::limits::{SQL_BATCH_BYTES_MAX, SQL_VALUE_BYTES_MAX};
use regex::Regex;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock};

/// The plan with its growing functions bounded.
pub(super) fn bounded(plan: LogicalPlan) -> Result<LogicalPlan> {
    let bounded = plan.transform_up_with_subqueries(|plan| {
        let plan = plan.map_expressions(|expr| expr.transform_up(|expr| Ok(wrapped(expr))))?;
        match plan.transformed {
            true => plan.map_data(LogicalPlan::recompute_schema),
            false => Ok(plan),
        }
    })?;
    Ok(bounded.data)
}

/// Bounds the growing functions of a session, for plans that only name them.
pub(super) fn bound(session: &SessionContext) {
    for inner in session.state().scalar_functions().values() {
        if let Some(made) = made(inner.name()) {
            session.register_udf(ScalarUDF::from(Bounded { inner: Arc::clone(inner), made }));
        }
    }
    session.register_udf(ScalarUDF::clone(&JOIN));
}

static JOIN: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
    let inner = Arc::new(ScalarUDF::from(Join(Signature::user_defined(Volatility::Immutable))));
    Arc::new(ScalarUDF::from(Bounded { inner, made: Made::Sum }))
});

fn wrapped(expr: Expr) -> Transformed<Expr> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::StringConcat, right }) => {
            let call = ScalarFunction::new_udf(Arc::clone(&JOIN), vec![*left, *right]);
            Transformed::yes(Expr::ScalarFunction(call))
        }
        Expr::ScalarFunction(ScalarFunction { func, args }) => match made(func.name()) {
            Some(made) => {
                let func = Arc::new(ScalarUDF::from(Bounded { inner: func, made }));
                Transformed::yes(Expr::ScalarFunction(ScalarFunction::new_udf(func, args)))
            }
            None => Transformed::no(Expr::ScalarFunction(ScalarFunction { func, args })),
        },
        other => Transformed::no(other),
    }
}

/// What a function makes of its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Made {
    /// About as many bytes as all arguments have together.
    Sum,
    /// The same, with the first between all others.
    Separated,
    /// `replace`.
    Replaced,
    /// `regexp_replace`.
    RegexReplaced,
    /// The second, and the third, between the elements of the first.
    Joined,
    /// The third instead of elements of the first.
    Elements,
}

fn made(function: &str) -> Option<Made> {
    Some(match function {
        "concat_ws" => Made::Separated,
        "concat" | "overlay" | "encode" | "to_char" | "date_format" | "format_datetime" | "make_array"
        | "array_concat" | "array_append" | "array_prepend" | "arrays_zip" | "map" | "struct" | "named_struct" => {
            Made::Sum
        }
        "replace" => Made::Replaced,
        "regexp_replace" | "lake_regexp_replace" => Made::RegexReplaced,
        "array_to_string" => Made::Joined,
        "array_replace" | "array_replace_n" | "array_replace_all" => Made::Elements,
        _ => return None,
    })
}

impl Made {
    /// At most how many bytes come out; counting stops beyond `limit`.
    fn bytes(self, args: &[ColumnarValue], rows: usize, limit: usize) -> Result<usize> {
        let sizes = args.iter().map(|arg| size(arg, rows)).collect::<Result<Vec<_>>>()?;
        let sum: usize = sizes.iter().fold(0, |sum, size| sum.saturating_add(*size));
        let more = |count: usize, size: usize| sum.saturating_add(count.saturating_mul(size));
        Ok(match (self, args) {
            (Self::Separated, _) => more(args.len(), sizes.first().copied().unwrap_or(0)),
            (Self::Replaced, [text, from, to]) => replaced(text, from, to, rows, limit)?,
            (Self::RegexReplaced, [text, pattern, to, flags @ ..]) => {
                regex_replaced(text, pattern, to, flags.first(), rows, limit)?
            }
            (Self::Joined, [list, between @ ..]) => between.iter().try_fold(sum, |sum, text| {
                Ok::<_, datafusion::common::DataFusionError>(
                    sum.saturating_add(elements(list, rows)?.saturating_mul(longest(text)?)),
                )
            })?,
            (Self::Elements, [list, _, to, ..]) => more(elements(list, rows)?, largest(to)?),
            _ => sum,
        })
    }
}

/// Bytes of an argument in all rows.
fn size(of: &ColumnarValue, rows: usize) -> Result<usize> {
    match of {
        ColumnarValue::Scalar(value) => Ok(array_size(value.to_array()?.as_ref())?.saturating_mul(rows)),
        ColumnarValue::Array(array) => array_size(array.as_ref()),
    }
}

/// Bytes of the values of an array.
pub(super) fn array_size(array: &dyn Array) -> Result<usize> {
    Ok(match array.data_type() {
        DataType::Utf8View => array.as_string_view().iter().flatten().map(str::len).sum(),
        DataType::Utf8 => array.as_string::<i32>().iter().flatten().map(str::len).sum(),
        _ => array.to_data().get_slice_memory_size()?,
    })
}

/// Elements of a list in all rows.
fn elements(of: &ColumnarValue, rows: usize) -> Result<usize> {
    let (array, times) = match of {
        ColumnarValue::Scalar(value) => (value.to_array()?, rows),
        ColumnarValue::Array(array) => (Arc::clone(array), 1),
    };
    // As many as bytes where it is no plain list: those of fixed size, or within others.
    let count = match (array.as_list_opt::<i32>(), array.as_list_opt::<i64>()) {
        (Some(lists), _) if !lists.value_type().is_nested() => lists
            .value_offsets()
            .last()
            .zip(lists.value_offsets().first())
            .map_or(0, |(end, from)| (end - from) as usize),
        (_, Some(lists)) if !lists.value_type().is_nested() => lists
            .value_offsets()
            .last()
            .zip(lists.value_offsets().first())
            .map_or(0, |(end, from)| (end - from) as usize),
        _ => array.to_data().get_slice_memory_size()?,
    };
    Ok(count.saturating_mul(times))
}

/// Bytes of the longest text.
fn longest(of: &ColumnarValue) -> Result<usize> {
    let texts = texts(of)?;
    Ok(texts.iter().flatten().map(str::len).max().unwrap_or(0))
}

/// Bytes of all values: no value is larger.
fn largest(of: &ColumnarValue) -> Result<usize> {
    size(of, 1)
}

/// Values as texts; one for a scalar.
fn texts(of: &ColumnarValue) -> Result<StringArray> {
    let array = match of {
        ColumnarValue::Scalar(value) => value.to_array()?,
        ColumnarValue::Array(array) => Arc::clone(array),
    };
    Ok(cast(&array, &DataType::Utf8)?.as_string::<i32>().clone())
}

fn at(texts: &StringArray, row: usize) -> Option<&str> {
    let row = if texts.len() == 1 { 0 } else { row };
    (row < texts.len() && texts.is_valid(row)).then(|| texts.value(row))
}

fn replaced(
    text: &ColumnarValue,
    from: &ColumnarValue,
    to: &ColumnarValue,
    rows: usize,
    limit: usize,
) -> Result<usize> {
    let (of, from, to) = (texts(text)?, texts(from)?, texts(to)?);
    let mut bytes = 0_usize;
    for row in 0..rows {
        let (Some(text), Some(from), Some(to)) = (at(&of, row), at(&from, row), at(&to, row)) else { continue };
        let grown = to.len().saturating_sub(from.len());
        let count = if grown > 0 { text.matches(from).count() } else { 0 };
        bytes = bytes.saturating_add(text.len()).saturating_add(count.saturating_mul(grown));
        if bytes > limit {
            break;
        }
    }
    Ok(bytes)
}

fn regex_replaced(
    text: &ColumnarValue,
    pattern: &ColumnarValue,
    to: &ColumnarValue,
    flags: Option<&ColumnarValue>,
    rows: usize,
    limit: usize,
) -> Result<usize> {
    let (of, pattern, to) = (texts(text)?, texts(pattern)?, texts(to)?);
    let flags = flags.map(texts).transpose()?;
    let (mut bytes, mut compiled): (usize, Option<(String, Regex)>) = (0, None);
    for row in 0..rows {
        let (Some(text), Some(pattern), Some(to)) = (at(&of, row), at(&pattern, row), at(&to, row)) else { continue };
        let flags = flags.as_ref().map_or("g", |flags| at(flags, row).unwrap_or_default());
        // Each match becomes the replacement, in which it may stand as often as groups are named.
        let named = to.matches(['$', '\\']).count();
        let most = |matches: usize, matched: usize| {
            matches.saturating_mul(to.len()).saturating_add(named.saturating_mul(matched)).saturating_add(text.len())
        };
        let roughly = if flags.contains('g') { most(text.len() + 1, text.len()) } else { most(1, text.len()) };
        if bytes.saturating_add(roughly) <= limit {
            bytes = bytes.saturating_add(roughly);
            continue;
        }
        let other: String = flags.chars().filter(|flag| *flag != 'g').collect();
        let key = if other.is_empty() { pattern.to_owned() } else { format!("(?{other}){pattern}") };
        let regex = match compiled.take() {
            Some((of, regex)) if of == key => regex,
            _ => match Regex::new(&key) {
                Ok(regex) => regex,
                // The function says it in its own words.
                Err(_) => return Ok(0),
            },
        };
        let (matches, matched) =
            regex.find_iter(text).fold((0, 0), |(count, bytes), found| (count + 1, bytes + found.len()));
        bytes = bytes.saturating_add(most(matches, matched));
        if bytes > limit {
            break;
        }
        compiled = Some((key, regex));
    }
    Ok(bytes)
}

/// A function that measures before it makes.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Bounded {
    inner: Arc<ScalarUDF>,
    made: Made,
}

impl ScalarUDFImpl for Bounded {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        self.inner.schema_name(args)
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arg_types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.inner.return_field_from_args(args)
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(arg_types)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        // One row is a constant, as far as can be seen, and there may be thousands of them.
        let limit = if args.number_rows <= 1 { SQL_VALUE_BYTES_MAX } else { SQL_BATCH_BYTES_MAX };
        if self.made.bytes(&args.args, args.number_rows.max(1), limit)? > limit {
            return exec_err!("{} would make more than {limit} bytes at a time", self.inner.name());
        }
        self.inner.invoke_with_args(args)
    }
}

/// `a || b` of texts: NULL where one of them is. That of lists is `array_concat` by now.
#[derive(Debug)]
struct Join(Signature);

impl PartialEq for Join {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Join {}

impl Hash for Join {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl ScalarUDFImpl for Join {
    fn name(&self) -> &str {
        "||"
    }

    /// As the operator is named.
    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        let [left, right] = args else { return internal_err!("|| has two sides") };
        let expr = BinaryExpr::new(Box::new(left.clone()), Operator::StringConcat, Box::new(right.clone()));
        Ok(Expr::BinaryExpr(expr).schema_name().to_string())
    }

    fn signature(&self) -> &Signature {
        &self.0
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        let [left, right] = types else { return internal_err!("|| has two sides") };
        BinaryTypeCoercer::new(left, &Operator::StringConcat, right).get_result_type()
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let types: Vec<DataType> = args.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        let is_nullable = args.arg_fields.iter().any(|field| field.is_nullable());
        Ok(Arc::new(Field::new(self.name(), self.return_type(&types)?, is_nullable)))
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let [left, right] = types else { return internal_err!("|| has two sides") };
        let (left, right) = BinaryTypeCoercer::new(left, &Operator::StringConcat, right).get_input_types()?;
        Ok(vec![left, right])
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [left, right] = args.args.as_slice() else { return internal_err!("|| has two sides") };
        let (left, right) = (texts(left)?, texts(right)?);
        let mut joined = StringBuilder::new();
        for row in 0..args.number_rows {
            match at(&left, row).zip(at(&right, row)) {
                Some((left, right)) => {
                    use std::fmt::Write as _;
                    joined.write_str(left)?;
                    joined.append_value(right);
                }
                None => joined.append_null(),
            }
        }
        let joined = joined.finish();
        Ok(ColumnarValue::Array(cast(&joined, args.return_field.data_type())?))
    }
}
