//! `string_agg` and `array_agg` with a bound: what they make in one query is counted, and they end it before they make too much.
//!
//! The engine looks at the memory of an aggregate after each batch, and not at what it answers. Within a batch `string_agg` grows by as
//! many separators as there are rows; as functions of windows both answer all of the rows so far for each row. So what they are about to
//! make is compared with the memory that a query may have, and what they have made counts for the rest of the query.

use super::growth::array_size;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::functions_aggregate::all_default_aggregate_functions;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, ReversedUDAF, Signature,
};
use datafusion::physical_expr::expressions::Literal;
use datafusion::prelude::SessionContext;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The aggregates whose answers grow with the number of rows.
const GROWING: [&str; 2] = ["string_agg", "array_agg"];

/// Replaces the growing aggregates of a session, which is that of one query, by bounded ones.
pub(super) fn bound(session: &SessionContext, bytes_max: usize) {
    let budget = Arc::new(Budget { made: AtomicUsize::new(0), bytes_max });
    for name in GROWING {
        let known = session.state().aggregate_functions().get(name).cloned();
        if let Some(inner) = known {
            session.register_udaf(AggregateUDF::from(Bounded { inner, budget: Arc::clone(&budget) }));
        }
    }
}

/// A growing aggregate with a budget of its own; `None` for another.
pub(super) fn bounded(name: &str, bytes_max: usize) -> Option<AggregateUDF> {
    let name = GROWING.into_iter().find(|growing| *growing == name)?;
    let inner = all_default_aggregate_functions().into_iter().find(|inner| inner.name() == name)?;
    let budget = Arc::new(Budget { made: AtomicUsize::new(0), bytes_max });
    Some(AggregateUDF::from(Bounded { inner, budget }))
}

/// What the aggregates of one query have made and may make, bytes.
#[derive(Debug)]
struct Budget {
    made: AtomicUsize,
    bytes_max: usize,
}

impl Budget {
    /// Whether so many bytes more may be made.
    fn check(&self, bytes: usize, function: &str) -> Result<()> {
        if self.made.load(Ordering::Relaxed).saturating_add(bytes) <= self.bytes_max {
            return Ok(());
        }
        let text = format!("{function} would make more than {} bytes in one query", self.bytes_max);
        Err(DataFusionError::ResourcesExhausted(text))
    }

    fn add(&self, bytes: usize) {
        let _ = self.made.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |made| Some(made.saturating_add(bytes)));
    }
}

/// An aggregate within a budget.
#[derive(Debug)]
struct Bounded {
    inner: Arc<AggregateUDF>,
    budget: Arc<Budget>,
}

impl PartialEq for Bounded {
    fn eq(&self, other: &Self) -> bool {
        self.inner == other.inner
    }
}

impl Eq for Bounded {}

impl Hash for Bounded {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.hash(state);
    }
}

impl Bounded {
    fn again(&self, inner: Arc<AggregateUDF>) -> Self {
        Self { inner, budget: Arc::clone(&self.budget) }
    }

    fn fed(&self, args: &AccumulatorArgs<'_>) -> Fed {
        let literal = args.exprs.get(1).and_then(|expr| expr.downcast_ref::<Literal>());
        let separator = literal.and_then(|literal| literal.value().try_as_str().flatten()).map_or(0, str::len);
        Fed { bytes: 0, separator, function: self.inner.name().to_owned(), budget: Arc::clone(&self.budget) }
    }
}

impl AggregateUDFImpl for Bounded {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(types)
    }

    fn return_field(&self, fields: &[FieldRef]) -> Result<FieldRef> {
        self.inner.inner().return_field(fields)
    }

    fn is_nullable(&self) -> bool {
        self.inner.is_nullable()
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        self.inner.state_fields(args)
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let fed = self.fed(&args);
        Ok(Box::new(One { inner: self.inner.accumulator(args)?, fed }))
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let fed = self.fed(&args);
        Ok(Box::new(One { inner: self.inner.create_sliding_accumulator(args)?, fed }))
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        self.inner.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        let fed = self.fed(&args);
        Ok(Box::new(Groups { inner: self.inner.create_groups_accumulator(args)?, fed }))
    }

    fn with_beneficial_ordering(self: Arc<Self>, is_ordered: bool) -> Result<Option<Arc<dyn AggregateUDFImpl>>> {
        let inner = Arc::clone(self.inner.inner()).with_beneficial_ordering(is_ordered)?;
        let again = |inner| -> Arc<dyn AggregateUDFImpl> {
            Arc::new(self.again(Arc::new(AggregateUDF::new_from_shared_impl(inner))))
        };
        Ok(inner.map(again))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        self.inner.order_sensitivity()
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        match self.inner.reverse_udf() {
            ReversedUDAF::Reversed(inner) => ReversedUDAF::Reversed(Arc::new(AggregateUDF::from(self.again(inner)))),
            other => other,
        }
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(types)
    }

    fn default_value(&self, of: &DataType) -> Result<ScalarValue> {
        self.inner.default_value(of)
    }

    fn supports_null_handling_clause(&self) -> bool {
        self.inner.supports_null_handling_clause()
    }
}

/// How much an accumulator was given: it makes no more than that, with a separator for each element.
#[derive(Debug)]
struct Fed {
    bytes: usize,
    separator: usize,
    function: String,
    budget: Arc<Budget>,
}

impl Fed {
    /// Counts rows, with the columns of the arguments; the separator is one of them.
    fn rows(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.add(bytes(values)?)
    }

    /// Counts states of other accumulators. Lists of them have no separators yet.
    fn states(&mut self, states: &[ArrayRef]) -> Result<()> {
        let elements: usize = states.first().map_or(0, |states| match states.as_list_opt::<i32>() {
            Some(lists) => child(lists.value_offsets()).1,
            None => states.len(),
        });
        self.add(bytes(states)?.saturating_add(elements.saturating_mul(self.separator)))
    }

    fn add(&mut self, bytes: usize) -> Result<()> {
        self.bytes = self.bytes.saturating_add(bytes);
        self.check()
    }

    fn check(&self) -> Result<()> {
        self.budget.check(self.bytes, &self.function)
    }
}

/// Bytes of the values of columns.
fn bytes(columns: &[ArrayRef]) -> Result<usize> {
    columns.iter().try_fold(0_usize, |sum, column| Ok(sum.saturating_add(size(column.as_ref())?)))
}

/// Bytes of a column. Of a list those of its own elements: others may lie beside them.
fn size(array: &dyn Array) -> Result<usize> {
    let Some(lists) = array.as_list_opt::<i32>() else { return array_size(array) };
    let (from, length) = child(lists.value_offsets());
    Ok(array_size(lists.values().slice(from, length).as_ref())?.saturating_add(size_of_val(lists.value_offsets())))
}

/// Where the elements of lists with these offsets begin, and how many there are.
fn child(offsets: &[i32]) -> (usize, usize) {
    let (from, end) = (offsets.first().copied().unwrap_or(0), offsets.last().copied().unwrap_or(0));
    (usize::try_from(from).unwrap_or(0), usize::try_from(end.saturating_sub(from)).unwrap_or(0))
}

/// Without groups, or of one group, or of a window.
#[derive(Debug)]
struct One {
    inner: Box<dyn Accumulator>,
    fed: Fed,
}

impl Accumulator for One {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.fed.rows(values)?;
        self.inner.update_batch(values)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.fed.check()?;
        let made = self.inner.evaluate()?;
        self.fed.budget.add(size(made.to_array()?.as_ref())?);
        Ok(made)
    }

    fn size(&self) -> usize {
        self.inner.size() + size_of::<Fed>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.inner.state()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.fed.states(states)?;
        self.inner.merge_batch(states)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.inner.retract_batch(values)?;
        self.fed.bytes = self.fed.bytes.saturating_sub(bytes(values)?);
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        self.inner.supports_retract_batch()
    }
}

/// Of many groups; what it was given is that of all that it still has.
struct Groups {
    inner: Box<dyn GroupsAccumulator>,
    fed: Fed,
}

impl Groups {
    /// Counts what came out.
    fn made(&mut self, made: &[ArrayRef]) -> Result<()> {
        let bytes = bytes(made)?;
        self.fed.bytes = self.fed.bytes.saturating_sub(bytes);
        Ok(())
    }
}

impl GroupsAccumulator for Groups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        self.fed.rows(values)?;
        self.inner.update_batch(values, groups, filter, total)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let made = self.inner.evaluate(emit_to)?;
        self.fed.budget.add(size(made.as_ref())?);
        self.made(std::slice::from_ref(&made))?;
        Ok(made)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let made = self.inner.state(emit_to)?;
        self.made(&made)?;
        Ok(made)
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        self.fed.states(states)?;
        self.inner.merge_batch(states, groups, total)
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        self.inner.convert_to_state(values, filter)
    }

    fn size(&self) -> usize {
        self.inner.size() + size_of::<Fed>()
    }
}
