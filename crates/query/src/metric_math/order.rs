//! The order in which the expressions of a request can be evaluated.

use std::collections::HashMap;

use super::{Expression, MathError};

/// An order of evaluation: the indices of `expressions`, each behind those whose results it uses; as they are given where that
/// is free. Ids that none of them has are metrics, or wrong, which evaluation will say. Fails with the index of an expression
/// that depends on itself, through others or not.
pub fn evaluation_order(expressions: &[(&str, &Expression)]) -> Result<Vec<usize>, (usize, MathError)> {
    let by_id: HashMap<&str, usize> = expressions.iter().enumerate().map(|(index, (id, _))| (*id, index)).collect();
    let mut waits_for = vec![0usize; expressions.len()];
    let mut used_by = vec![Vec::new(); expressions.len()];
    for (index, (_, expression)) in expressions.iter().enumerate() {
        for used in expression.references().ids.iter().filter_map(|id| by_id.get(id.as_str())) {
            waits_for[index] += 1;
            used_by[*used].push(index);
        }
    }
    let mut order: Vec<usize> = (0..expressions.len()).filter(|index| waits_for[*index] == 0).collect();
    let mut done = 0;
    while let Some(index) = order.get(done).copied() {
        done += 1;
        for user in &used_by[index] {
            waits_for[*user] -= 1;
            if waits_for[*user] == 0 {
                order.push(*user);
            }
        }
    }
    match waits_for.iter().position(|left| *left > 0) {
        None => Ok(order),
        Some(index) => {
            let message = format!("The expression '{}' depends on itself", expressions[index].0);
            Err((index, MathError::new(1, message)))
        }
    }
}
