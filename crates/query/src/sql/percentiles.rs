//! `percentile_cont` of doubles by group, with the engine's answers in less time: it is asked of all samples of many series.
//!
//! The engine compares doubles one by one, and looks twice for the two numbers that a percentile lies between. Here they are integers
//! in the same order, looked through once. Rows of a series come in the order of time, so that neighbours mostly share a group.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, ListArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Float64Type};
use datafusion::common::{Result, ScalarValue, internal_datafusion_err};
use datafusion::logical_expr::function::{AccumulatorArgs, AggregateFunctionSimplification, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, EmitTo, GroupsAccumulator, Signature,
};
use datafusion::physical_expr::expressions::Literal;
use datafusion::prelude::SessionContext;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

const NAME: &str = "percentile_cont";
/// Steps between two neighbours that an answer may lie at, as the engine has it.
const STEPS: f64 = 1_000_000.0;

/// Replaces `percentile_cont` of a session.
pub(super) fn replace(session: &SessionContext) {
    let known = session.state().aggregate_functions().get(NAME).cloned();
    if let Some(inner) = known {
        session.register_udaf(AggregateUDF::from(Percentile { inner }));
    }
}

/// The engine's function, with groups of doubles of our own.
#[derive(Debug)]
struct Percentile {
    inner: Arc<AggregateUDF>,
}

impl PartialEq for Percentile {
    fn eq(&self, other: &Self) -> bool {
        self.inner == other.inner
    }
}

impl Eq for Percentile {}

impl Hash for Percentile {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.hash(state);
    }
}

/// The part of the ascending doubles that the answer has below it; `None` for what the engine does itself.
fn of_doubles(args: &AccumulatorArgs<'_>) -> Option<f64> {
    let is_double = args.expr_fields.first().is_some_and(|field| *field.data_type() == DataType::Float64);
    let part = match args.exprs.get(1)?.downcast_ref::<Literal>()?.value() {
        ScalarValue::Float64(Some(part)) if is_double && !args.is_distinct => *part,
        _ => return None,
    };
    let is_descending = args.order_bys.first().is_some_and(|order| order.options.descending);
    (0.0..=1.0).contains(&part).then_some(if is_descending { 1.0 - part } else { part })
}

impl AggregateUDFImpl for Percentile {
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

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        self.inner.state_fields(args)
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        self.inner.accumulator(args)
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        self.inner.create_sliding_accumulator(args)
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        self.inner.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        match of_doubles(&args) {
            Some(part) => Ok(Box::new(Groups { part, lists: Vec::new() })),
            None => self.inner.create_groups_accumulator(args),
        }
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(types)
    }

    fn default_value(&self, of: &DataType) -> Result<ScalarValue> {
        self.inner.default_value(of)
    }

    fn simplify(&self) -> Option<AggregateFunctionSimplification> {
        self.inner.simplify()
    }

    fn supports_null_handling_clause(&self) -> bool {
        self.inner.supports_null_handling_clause()
    }

    fn supports_within_group_clause(&self) -> bool {
        self.inner.supports_within_group_clause()
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }
}

/// The doubles of each group.
struct Groups {
    part: f64,
    lists: Vec<Vec<f64>>,
}

fn wrong(what: &str) -> datafusion::common::DataFusionError {
    internal_datafusion_err!("{NAME} was given {what}")
}

fn doubles(values: &[ArrayRef]) -> Result<&Float64Array> {
    let values = values.first().and_then(|values| values.as_primitive_opt::<Float64Type>());
    values.ok_or_else(|| wrong("no doubles"))
}

/// Whether a row of these values is a number that counts.
fn counts(values: &Float64Array, filter: Option<&BooleanArray>, row: usize) -> bool {
    values.is_valid(row) && filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row))
}

/// A state: a list for each group.
fn lists_of(values: Vec<f64>, lengths: impl IntoIterator<Item = usize>) -> Result<Vec<ArrayRef>> {
    if i32::try_from(values.len()).is_err() {
        return Err(wrong("more than two billion rows"));
    }
    let item = Arc::new(Field::new_list_field(DataType::Float64, true));
    let values = Arc::new(Float64Array::from(values));
    Ok(vec![Arc::new(ListArray::new(item, OffsetBuffer::from_lengths(lengths), values, None))])
}

impl Groups {
    fn list(&mut self, group: usize) -> Result<&mut Vec<f64>> {
        self.lists.get_mut(group).ok_or_else(|| wrong("a group beyond their number"))
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
        let values = doubles(values)?;
        self.lists.resize_with(total, Vec::new);
        if values.null_count() == 0 && filter.is_none() {
            let mut rest = values.values().as_ref();
            for run in groups.chunk_by(|a, b| a == b) {
                let (Some(group), Some((of_run, after))) = (run.first(), rest.split_at_checked(run.len())) else {
                    return Err(wrong("more groups than rows"));
                };
                self.list(*group)?.extend_from_slice(of_run);
                rest = after;
            }
            return Ok(());
        }
        for (row, (group, value)) in groups.iter().zip(values.values()).enumerate() {
            if counts(values, filter, row) {
                self.list(*group)?.push(*value);
            }
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        let states = states.first().and_then(|states| states.as_list_opt::<i32>()).ok_or_else(|| wrong("no lists"))?;
        self.lists.resize_with(total, Vec::new);
        for (group, state) in groups.iter().zip(states.iter()) {
            let Some(state) = state else { continue };
            let values = state.as_primitive_opt::<Float64Type>().ok_or_else(|| wrong("no lists of doubles"))?;
            self.list(*group)?.extend_from_slice(values.values());
        }
        Ok(())
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let lists = emit_to.take_needed(&mut self.lists);
        lists_of(lists.concat(), lists.iter().map(Vec::len))
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let lists = emit_to.take_needed(&mut self.lists);
        let found: Float64Array = lists.into_iter().map(|list| percentile(list, self.part)).collect();
        Ok(Arc::new(found))
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let values = doubles(values)?;
        let counted = || (0..values.len()).filter(|row| counts(values, filter, *row));
        let lengths = (0..values.len()).map(|row| usize::from(counts(values, filter, row)));
        lists_of(counted().map(|row| values.value(row)).collect(), lengths)
    }

    fn size(&self) -> usize {
        let lists: usize = self.lists.iter().map(|list| list.capacity() * size_of::<f64>()).sum();
        lists + self.lists.capacity() * size_of::<Vec<f64>>()
    }
}

/// The bits of a double as a number in the total order of doubles, and back.
fn in_order(bits: i64) -> i64 {
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

/// The number with this part of all others below it, between two neighbours where there is none. Needs no room beside the values.
fn percentile(values: Vec<f64>, part: f64) -> Option<f64> {
    let mut ordered: Vec<i64> = values.into_iter().map(|value| in_order(value.to_bits() as i64)).collect();
    let place = part * ordered.len().checked_sub(1)? as f64;
    let double = |ordered: i64| f64::from_bits(in_order(ordered) as u64);
    let (_, below, above) = ordered.select_nth_unstable(place as usize);
    let below = double(*below);
    let between = ((place - place.floor()) * STEPS).trunc() / STEPS;
    match above.iter().min() {
        Some(next) if place > place.floor() => Some(below + (double(*next) - below) * between),
        _ => Some(below),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The engine's own way, without groups.
    fn plain(values: &[f64], part: f64) -> Option<f64> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let place = part * sorted.len().checked_sub(1)? as f64;
        let (low, high) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
        let weight = ((place - place.floor()) * STEPS) as usize as f64 / STEPS;
        Some(if place.floor() == place.ceil() { low } else { low + (high - low) * weight })
    }

    #[test]
    fn percentiles_lie_between_neighbours_in_total_order() {
        let mixed: Vec<f64> = (0..997).map(|n| f64::from((n * 7919) % 1009) - 500.0).collect();
        let odd = [-0.0, 0.0, f64::INFINITY, f64::NEG_INFINITY, 5e-324, -1.5, f64::MAX];
        for part in [0.0, 0.01, 0.5, 0.95, 0.999, 1.0] {
            for values in [&mixed[..], &mixed[..10], &mixed[..1], &[], &[2.0, 2.0]] {
                assert_eq!(percentile(values.to_vec(), part), plain(values, part), "{part} of {}", values.len());
            }
            let bits = |value: Option<f64>| value.map(f64::to_bits);
            assert_eq!(bits(percentile(odd.to_vec(), part)), bits(plain(&odd, part)), "{part} of odd ones");
        }
        assert!(percentile(vec![1.0, f64::NAN], 1.0).is_some_and(f64::is_nan), "last in total order");
    }

    #[test]
    fn nulls_and_filtered_rows_do_not_count_and_states_merge() {
        let groups = || Groups { part: 0.5, lists: Vec::new() };
        let values: ArrayRef = Arc::new(Float64Array::from(vec![Some(1.0), None, Some(3.0), Some(9.0), Some(5.0)]));
        let filter = BooleanArray::from(vec![Some(true), Some(true), Some(true), None, Some(true)]);
        let mut first = groups();
        first.update_batch(std::slice::from_ref(&values), &[0, 0, 0, 0, 2], Some(&filter), 3).unwrap();
        let more: ArrayRef = Arc::new(Float64Array::from(vec![2.0, 4.0, 8.0]));
        let mut second = groups();
        second.update_batch(std::slice::from_ref(&more), &[0, 0, 1], None, 2).unwrap();
        first.merge_batch(&second.state(EmitTo::All).unwrap(), &[0, 1], 3).unwrap();
        let each = groups().convert_to_state(std::slice::from_ref(&values), Some(&filter)).unwrap();
        first.merge_batch(&each, &[3, 3, 3, 3, 4], 6).unwrap();
        let found = first.evaluate(EmitTo::All).unwrap();
        let found: Vec<Option<f64>> = found.as_primitive::<Float64Type>().iter().collect();
        assert_eq!(found, [Some(2.5), Some(8.0), Some(5.0), Some(2.0), Some(5.0), None]);
        assert!(second.update_batch(&[more], &[0, 0, 7], None, 2).is_err());
    }
}
