//! `find_cycle`: composite alarms that depend on themselves, through others or directly.

use std::collections::BTreeSet;

/// The alarms of a cycle that is reachable from `start`, in the order of dependence and each once; `None` without one.
///
/// `children_of` gives the composite alarm's children by name, nothing for other alarms. It is asked once per alarm.
pub fn find_cycle(start: &str, mut children_of: impl FnMut(&str) -> Vec<String>) -> Option<Vec<String>> {
    let mut seen: BTreeSet<String> = BTreeSet::from([start.to_owned()]);
    let mut done: BTreeSet<String> = BTreeSet::new();
    // The way from `start` to here, each alarm with the children that are still to be followed.
    let mut path: Vec<(String, Vec<String>)> = vec![(start.to_owned(), children_of(start))];
    while let Some((_, children)) = path.last_mut() {
        let Some(child) = children.pop() else {
            let (alarm, _) = path.pop()?;
            done.insert(alarm);
            continue;
        };
        if seen.insert(child.clone()) {
            let grandchildren = children_of(&child);
            path.push((child, grandchildren));
        } else if !done.contains(&child) {
            // Seen and not done: it is on the path.
            let first = path.iter().position(|(alarm, _)| *alarm == child)?;
            return Some(path.drain(first..).map(|(alarm, _)| alarm).collect());
        }
    }
    None
}
