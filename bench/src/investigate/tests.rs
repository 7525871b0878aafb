//! What is made follows from its seed, has the fault in it, and is not given away.

use super::world::World;
use super::*;

#[test]
fn a_world_follows_from_its_seed() {
    let (a, b) = (World::made(7, false), World::made(7, false));
    assert_eq!(a.events, b.events);
    assert_eq!((&a.points, &a.lines, a.fired), (&b.points, &b.lines, b.fired));
    assert_ne!(a.events, World::made(8, false).events);
}

#[test]
fn the_fault_is_before_the_onset_and_a_quiet_world_has_none() {
    for seed in 1..40 {
        let world = World::made(seed, false);
        let fault = world.fault.as_ref().unwrap();
        let event = world.events.iter().find(|event| event.event_id == fault.event_id).unwrap();
        let before = world.onset - event.time;
        assert!((19_000..=2_402_000).contains(&before), "{before}");
        assert!(world.fired > world.onset);
        assert!(World::made(seed, true).fault.is_none());
    }
}

#[test]
fn both_rules_of_thumb_find_some_and_ours_more() {
    let answers: Vec<Answer> = (1..60).map(|seed| ask(&World::made(seed, false))).collect();
    let first = |of: fn(&Answer) -> Option<usize>| answers.iter().filter(|answer| of(answer) == Some(0)).count();
    let (ours, latest, same) = (first(|it| it.ours), first(|it| it.latest), first(|it| it.same_resource));
    assert!(latest > 0 && same > 0, "{latest} {same}");
    assert!(ours > latest && ours > same, "{ours} {latest} {same}");
    assert!(answers.iter().all(|answer| answer.candidates > 3));
}
