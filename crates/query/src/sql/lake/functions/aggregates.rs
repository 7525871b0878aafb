//! Aggregates whose answer is a map: `map_agg`, `multimap_agg` and `histogram`.
//!
//! What they have so far is such a map, too, so that what one thread has is added to what another has.

use super::lists::{map_array, map_type};
use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Int64Type};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};
use std::collections::HashMap;
use std::sync::Arc;

/// All of them.
pub(super) fn all() -> Vec<AggregateUDF> {
    [Kind::Map, Kind::Multimap, Kind::Histogram].map(|kind| AggregateUDF::from(Mapped::new(kind))).into()
}

/// The names of them.
pub(in crate::sql::lake) const NAMES: [&str; 3] = ["map_agg", "multimap_agg", "histogram"];

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    /// A value of each key.
    Map,
    /// All values of each key.
    Multimap,
    /// How often each key is there.
    Histogram,
}

impl Kind {
    /// What a map has at a place.
    fn held(self, values: &ArrayRef, at: usize) -> Result<Held> {
        match self {
            Self::Map => Ok(Held::One(ScalarValue::try_from_array(values, at)?)),
            Self::Histogram => match values.as_primitive_opt::<Int64Type>() {
                Some(counts) => Ok(Held::Count(counts.value(at))),
                None => exec_err!("a histogram has counts"),
            },
            Self::Multimap => match values.as_list_opt::<i32>().map(|lists| lists.value(at)) {
                Some(list) => {
                    let values = (0..list.len()).map(|at| ScalarValue::try_from_array(&list, at));
                    Ok(Held::Many(values.collect::<Result<_>>()?))
                }
                None => exec_err!("a multimap has lists"),
            },
        }
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Mapped {
    kind: Kind,
    signature: Signature,
}

impl Mapped {
    fn new(kind: Kind) -> Self {
        let arguments = if kind == Kind::Histogram { 1 } else { 2 };
        Self { kind, signature: Signature::any(arguments, Volatility::Immutable) }
    }
}

impl AggregateUDFImpl for Mapped {
    fn name(&self) -> &str {
        match self.kind {
            Kind::Map => "map_agg",
            Kind::Multimap => "multimap_agg",
            Kind::Histogram => "histogram",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        let list = |item: &DataType| DataType::List(Arc::new(Field::new_list_field(item.clone(), true)));
        match (self.kind, types) {
            (Kind::Histogram, [key]) => Ok(map_type(key.clone(), DataType::Int64)),
            (Kind::Map, [key, value]) => Ok(map_type(key.clone(), value.clone())),
            (Kind::Multimap, [key, value]) => Ok(map_type(key.clone(), list(value))),
            _ => plan_err!("{} does not take {} arguments", self.name(), types.len()),
        }
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new(format!("{}[map]", args.name), args.return_type().clone(), true))])
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Entries {
            kind: self.kind,
            map: args.return_type().clone(),
            places: HashMap::new(),
            values: Vec::new(),
            bytes: 0,
        }))
    }
}

/// What belongs to a key.
#[derive(Debug)]
enum Held {
    One(ScalarValue),
    Many(Vec<ScalarValue>),
    Count(i64),
}

#[derive(Debug)]
struct Entries {
    kind: Kind,
    map: DataType,
    places: HashMap<ScalarValue, usize>,
    values: Vec<Held>,
    /// Of all keys and values.
    bytes: usize,
}

impl Entries {
    /// What a key has, if it is new or has anyhow.
    fn add(&mut self, key: ScalarValue, value: impl FnOnce() -> Result<Held>) -> Result<()> {
        if let Some(place) = self.places.get(&key) {
            match (self.values.get_mut(*place), self.kind) {
                (_, Kind::Map) | (None, _) => return Ok(()),
                (Some(held), _) => match (held, value()?) {
                    (Held::Count(count), Held::Count(more)) => *count += more,
                    (Held::Many(values), Held::Many(more)) => {
                        self.bytes += more.iter().map(ScalarValue::size).sum::<usize>();
                        values.extend(more);
                    }
                    _ => return exec_err!("values of a map are of one kind"),
                },
            }
            return Ok(());
        }
        let held = value()?;
        self.bytes += key.size() + size_of::<usize>() + held.size();
        self.places.insert(key, self.values.len());
        self.values.push(held);
        Ok(())
    }

    /// Keys in order, so that the same rows have the same answer.
    fn map(&self) -> Result<ScalarValue> {
        if self.places.is_empty() {
            return ScalarValue::try_from(&self.map);
        }
        let mut entries: Vec<(&ScalarValue, usize)> = self.places.iter().map(|(key, place)| (key, *place)).collect();
        entries.sort_unstable_by(|left, right| left.0.partial_cmp(right.0).unwrap_or(left.1.cmp(&right.1)));
        let keys = ScalarValue::iter_to_array(entries.iter().map(|(key, _)| (*key).clone()))?;
        let item = match &self.map {
            DataType::Map(of, _) => match of.data_type() {
                DataType::Struct(fields) => fields.get(1).map(|field| field.data_type().clone()),
                _ => None,
            },
            _ => None,
        };
        let held = entries.iter().filter_map(|(_, place)| self.values.get(*place));
        let values = held.map(|held| held.value(item.as_ref())).collect::<Result<Vec<_>>>()?;
        let values = ScalarValue::iter_to_array(values)?;
        ScalarValue::try_from_array(&map_array(keys, values, vec![entries.len()], None)?, 0)
    }
}

impl Held {
    fn size(&self) -> usize {
        size_of::<Self>()
            + match self {
                Self::One(value) => value.size(),
                Self::Many(values) => values.iter().map(ScalarValue::size).sum(),
                Self::Count(_) => 0,
            }
    }

    fn value(&self, kind: Option<&DataType>) -> Result<ScalarValue> {
        Ok(match (self, kind) {
            (Self::One(value), _) => value.clone(),
            (Self::Count(count), _) => ScalarValue::Int64(Some(*count)),
            (Self::Many(values), Some(DataType::List(item))) => {
                ScalarValue::List(ScalarValue::new_list(values, item.data_type(), true))
            }
            _ => return exec_err!("values of a map are of one kind"),
        })
    }
}

impl Accumulator for Entries {
    fn update_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        let Some(keys) = columns.first() else { return Ok(()) };
        for row in (0..keys.len()).filter(|row| keys.is_valid(*row)) {
            let key = ScalarValue::try_from_array(keys, row)?;
            let value = || match columns.get(1) {
                Some(values) => ScalarValue::try_from_array(values, row),
                None => exec_err!("a value is missing"),
            };
            match self.kind {
                Kind::Histogram => self.add(key, || Ok(Held::Count(1)))?,
                Kind::Map => self.add(key, || Ok(Held::One(value()?)))?,
                Kind::Multimap => self.add(key, || Ok(Held::Many(vec![value()?])))?,
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.map()
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.bytes
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.map()?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let Some(maps) = states.first().and_then(|states| states.as_map_opt()) else { return Ok(()) };
        for row in (0..maps.len()).filter(|row| maps.is_valid(*row)) {
            let entries = maps.value(row);
            let (keys, values) = (entries.column(0), entries.column(1));
            for at in 0..entries.len() {
                let key = ScalarValue::try_from_array(keys, at)?;
                let kind = self.kind;
                self.add(key, || kind.held(values, at))?;
            }
        }
        Ok(())
    }
}
