//! `States`: one aggregate of many groups, in columns as wide as it needs: a count of a million groups takes 8 MB.

use super::super::groups::make_room;
use super::super::value::Value;
use super::sum::Sum;
use super::{Aggregation, State};

/// The states of one aggregate, by group.
#[derive(Debug, Clone)]
pub(in crate::insights) enum States {
    Counts(Vec<u64>),
    Sums(Vec<(u64, Sum)>),
    Extremes(Vec<Value<'static>>),
    Others(Vec<State>),
}

impl States {
    /// Of no groups.
    pub fn of(aggregation: &Aggregation) -> Self {
        match aggregation.start() {
            State::Count(_) => Self::Counts(Vec::new()),
            State::Sum(..) => Self::Sums(Vec::new()),
            State::Extreme(_) => Self::Extremes(Vec::new()),
            _ => Self::Others(Vec::new()),
        }
    }

    /// Adds that of one more group; the result is how many bytes it takes in the column.
    pub fn push(&mut self, state: State) -> usize {
        fn push<T>(column: &mut Vec<T>, value: T) -> usize {
            make_room(column, 1);
            column.push(value);
            size_of::<T>()
        }
        match (self, state) {
            (Self::Counts(counts), State::Count(count)) => push(counts, count),
            (Self::Sums(sums), State::Sum(count, sum)) => push(sums, (count, sum)),
            (Self::Extremes(extremes), State::Extreme(value)) => push(extremes, value),
            (Self::Others(states), state) => push(states, state) + state_heap(states.last()),
            _ => 0,
        }
    }

    /// Looks at the state of a group, or changes it.
    pub fn with<T>(&mut self, group: usize, look: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.take(group);
        let seen = look(&mut state);
        match (self, state) {
            (Self::Counts(counts), State::Count(count)) => counts[group] = count,
            (Self::Sums(sums), State::Sum(count, sum)) => sums[group] = (count, sum),
            (Self::Extremes(extremes), State::Extreme(value)) => extremes[group] = value,
            (Self::Others(states), state) => states[group] = state,
            _ => {}
        }
        seen
    }

    /// Takes the state of a group away.
    pub fn take(&mut self, group: usize) -> State {
        match self {
            Self::Counts(counts) => State::Count(counts[group]),
            Self::Sums(sums) => State::Sum(sums[group].0, sums[group].1),
            Self::Extremes(extremes) => State::Extreme(std::mem::take(&mut extremes[group])),
            Self::Others(states) => std::mem::replace(&mut states[group], State::Count(0)),
        }
    }
}

/// About what a new state takes beside itself.
fn state_heap(state: Option<&State>) -> usize {
    match state {
        Some(State::Spread(spread)) => size_of_val(&**spread),
        Some(State::Quantiles(quantiles)) => size_of_val(&**quantiles),
        Some(State::Distinct(distinct)) => size_of_val(&**distinct),
        _ => 0,
    }
}
