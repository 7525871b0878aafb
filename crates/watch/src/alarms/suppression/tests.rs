//! The examples of "Suppressing composite alarm actions", in its time units: wait 2, extension 3, here seconds.

use super::Actions::{HeldUntil, Nothing, Run, Suppressed};
use super::*;
use proptest::prelude::*;

const PERIODS: Periods = Periods { wait_secs: 2, extension_secs: 3 };

fn t(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

/// A composite alarm with its suppressor, OK since t0.
struct Scene {
    periods: Periods,
    suppression: Suppression,
    suppressor: Suppressor,
}

impl Scene {
    fn new(periods: Periods) -> Self {
        let suppressor = Suppressor { state: AlarmState::Ok, since: t(0) };
        Self { periods, suppression: Suppression::default(), suppressor }
    }

    fn step(&mut self, changed: Option<Timestamp>, now: Timestamp) -> Actions {
        // What is kept survives being written down.
        let kept = serde_json::to_string(&self.suppression).unwrap();
        let kept: Suppression = serde_json::from_str(&kept).unwrap();
        assert_eq!(kept, self.suppression);
        let (next, actions) = kept.step(self.periods, changed, self.suppressor, now);
        self.suppression = next;
        actions
    }

    fn composite_changes(&mut self, at: i64) -> Actions {
        self.step(Some(t(at)), t(at))
    }

    fn suppressor_goes(&mut self, state: AlarmState, at: i64) -> Actions {
        self.suppressor = Suppressor { state, since: t(at) };
        self.step(None, t(at))
    }

    fn time_is(&mut self, now: i64) -> Actions {
        self.step(None, t(now))
    }
}

#[test]
fn example_1_actions_run_after_the_wait_period() {
    let mut scene = Scene::new(PERIODS);
    assert_eq!(scene.composite_changes(2), HeldUntil(t(4)));
    assert_eq!(scene.suppression.suppressed_by().unwrap().reason(), "Actions suppressed by WaitPeriod");
    assert_eq!(scene.time_is(3), HeldUntil(t(4)));
    assert_eq!(scene.time_is(4), Run);
    assert_eq!(scene.time_is(5), Nothing);
    assert_eq!(scene.suppression.suppressed_by(), None);
}

#[test]
fn example_2_the_alarm_suppresses_before_the_wait_period_expires() {
    let mut scene = Scene::new(PERIODS);
    assert_eq!(scene.composite_changes(2), HeldUntil(t(4)));
    assert_eq!(scene.suppressor_goes(AlarmState::Alarm, 3), Suppressed);
    assert_eq!(scene.suppression.suppressed_by(), Some(SuppressedBy::Alarm));
    assert_eq!(scene.time_is(4), Suppressed);
    assert_eq!(scene.time_is(1000), Suppressed);
}

#[test]
fn example_3_a_change_within_the_wait_period_starts_a_new_one() {
    let mut scene = Scene::new(PERIODS);
    assert_eq!(scene.composite_changes(2), HeldUntil(t(4)));
    assert_eq!(scene.composite_changes(3), HeldUntil(t(5)));
    assert_eq!(scene.time_is(4), HeldUntil(t(5)));
    assert_eq!(scene.time_is(5), Run);
}

#[test]
fn example_4_a_change_while_the_suppressor_is_in_alarm() {
    let mut scene = Scene::new(PERIODS);
    assert_eq!(scene.suppressor_goes(AlarmState::Alarm, 1), Nothing);
    assert_eq!(scene.suppression.suppressed_by(), None);
    assert_eq!(scene.composite_changes(2), Suppressed);
    assert_eq!(scene.composite_changes(5), Suppressed);
}

#[test]
fn example_5_actions_run_after_the_extension_period() {
    let mut scene = Scene::new(PERIODS);
    assert_eq!(scene.composite_changes(2), HeldUntil(t(4)));
    assert_eq!(scene.suppressor_goes(AlarmState::Alarm, 3), Suppressed);
    assert_eq!(scene.suppressor_goes(AlarmState::Ok, 6), HeldUntil(t(9)));
    assert_eq!(scene.suppression.suppressed_by(), Some(SuppressedBy::ExtensionPeriod));
    assert_eq!(scene.time_is(8), HeldUntil(t(9)));
    assert_eq!(scene.time_is(9), Run);
    assert_eq!(scene.time_is(10), Nothing);
}

#[test]
fn example_6_a_change_within_the_extension_period_starts_a_wait_period() {
    let mut scene = Scene::new(PERIODS);
    assert_eq!(scene.composite_changes(2), HeldUntil(t(4)));
    assert_eq!(scene.suppressor_goes(AlarmState::Alarm, 3), Suppressed);
    assert_eq!(scene.suppressor_goes(AlarmState::Ok, 6), HeldUntil(t(9)));
    assert_eq!(scene.composite_changes(7), HeldUntil(t(9)));
    assert_eq!(scene.suppression.suppressed_by(), Some(SuppressedBy::WaitPeriod));
    assert_eq!(scene.time_is(9), Run);
}

#[test]
fn the_figures_of_the_wait_and_the_extension_period() {
    let mut scene = Scene::new(Periods { wait_secs: 6, extension_secs: 6 });
    assert_eq!(scene.composite_changes(2), HeldUntil(t(8)));
    assert_eq!(scene.suppressor_goes(AlarmState::Alarm, 4), Suppressed);
    assert_eq!(scene.time_is(8), Suppressed);
    assert_eq!(scene.suppressor_goes(AlarmState::Ok, 12), HeldUntil(t(18)));
    assert_eq!(scene.composite_changes(14), HeldUntil(t(20)));
}

#[test]
fn insufficient_data_of_the_suppressor_is_not_alarm() {
    let mut scene = Scene::new(PERIODS);
    scene.suppressor_goes(AlarmState::Alarm, 1);
    assert_eq!(scene.composite_changes(2), Suppressed);
    assert_eq!(scene.suppressor_goes(AlarmState::InsufficientData, 3), HeldUntil(t(6)));
    assert_eq!(scene.time_is(6), Run);
}

#[test]
fn a_suppressor_that_returns_within_the_extension_period_suppresses_again() {
    let mut scene = Scene::new(PERIODS);
    scene.suppressor_goes(AlarmState::Alarm, 1);
    scene.composite_changes(2);
    assert_eq!(scene.suppressor_goes(AlarmState::Ok, 6), HeldUntil(t(9)));
    assert_eq!(scene.suppressor_goes(AlarmState::Alarm, 8), Suppressed);
    assert_eq!(scene.suppressor_goes(AlarmState::Ok, 20), HeldUntil(t(23)));
}

#[test]
fn late_steps_come_to_the_same() {
    // The suppressor went to ALARM in time, although nobody looked until the wait was over.
    let mut scene = Scene::new(PERIODS);
    scene.composite_changes(2);
    scene.suppressor = Suppressor { state: AlarmState::Alarm, since: t(3) };
    assert_eq!(scene.time_is(100), Suppressed);
    // It went there as the wait ended: too late.
    let mut scene = Scene::new(PERIODS);
    scene.composite_changes(2);
    scene.suppressor = Suppressor { state: AlarmState::Alarm, since: t(4) };
    assert_eq!(scene.time_is(100), Run);
    // It left ALARM long ago.
    let mut scene = Scene::new(PERIODS);
    scene.suppressor_goes(AlarmState::Alarm, 1);
    scene.composite_changes(2);
    scene.suppressor = Suppressor { state: AlarmState::Ok, since: t(6) };
    assert_eq!(scene.time_is(100), Run);
}

#[test]
fn periods_of_zero_are_none() {
    let mut scene = Scene::new(Periods { wait_secs: 0, extension_secs: -1 });
    assert_eq!(scene.composite_changes(2), Run);
    assert_eq!(scene.suppressor_goes(AlarmState::Alarm, 3), Nothing);
    assert_eq!(scene.composite_changes(3), Suppressed);
    assert_eq!(scene.suppressor_goes(AlarmState::Ok, 4), Run);
    let mut endless = Scene::new(Periods { wait_secs: i64::MAX, extension_secs: i64::MAX });
    assert_eq!(endless.composite_changes(2), HeldUntil(Timestamp::MAX));
}

#[test]
fn a_replaced_suppressor_discards_the_period() {
    let ok = Suppressor { state: AlarmState::Ok, since: t(0) };
    let alarm = Suppressor { state: AlarmState::Alarm, since: t(0) };
    let waiting = Suppression::Waiting { until_ms: 9_000 };
    let extending = Suppression::Extending { until_ms: 9_000 };
    for owing in [waiting, extending, Suppression::Suppressed] {
        assert_eq!(owing.replace_suppressor(Some(ok)), (Suppression::Settled, Run));
        assert_eq!(owing.replace_suppressor(None), (Suppression::Settled, Run));
        assert_eq!(owing.replace_suppressor(Some(alarm)), (Suppression::Suppressed, Suppressed));
    }
    assert_eq!(Suppression::Settled.replace_suppressor(Some(alarm)), (Suppression::Settled, Nothing));
}

/// The guide's rules as a clock that counts down, second by second.
#[derive(Default)]
struct Countdown {
    owed: bool,
    left: Option<i64>,
    suppressor_in_alarm: bool,
}

impl Countdown {
    /// Starts a period, or runs the actions at once when it has no length. True when they ran.
    fn start(&mut self, secs: i64) -> bool {
        self.left = (secs > 0).then_some(secs);
        self.owed = secs > 0;
        secs <= 0
    }

    fn second_passes(&mut self) -> bool {
        self.left = self.left.map(|left| left - 1);
        let over = self.left == Some(0);
        if over {
            *self = Countdown { suppressor_in_alarm: self.suppressor_in_alarm, ..Countdown::default() };
        }
        over
    }

    fn composite_changes(&mut self, wait: i64) -> bool {
        if self.suppressor_in_alarm {
            (self.owed, self.left) = (true, None);
            return false;
        }
        self.start(wait)
    }

    fn suppressor_toggles(&mut self, extension: i64) -> bool {
        self.suppressor_in_alarm ^= true;
        if self.suppressor_in_alarm {
            self.left = None;
            return false;
        }
        self.owed && self.start(extension)
    }
}

proptest! {
    /// Each second the composite alarm changes, the suppressor toggles, both, or neither.
    #[test]
    fn steps_agree_with_a_countdown(
        wait in 0..5_i64, extension in 0..5_i64,
        events in proptest::collection::vec(prop_oneof![3 => Just(0), 1 => 1..4_u8], 1..60),
    ) {
        let mut scene = Scene::new(Periods { wait_secs: wait, extension_secs: extension });
        let mut countdown = Countdown::default();
        for (second, event) in (1..).zip(events) {
            let mut ran = vec![(countdown.second_passes(), scene.time_is(second))];
            if event & 1 == 1 {
                let state = if countdown.suppressor_in_alarm { AlarmState::Ok } else { AlarmState::Alarm };
                ran.push((countdown.suppressor_toggles(extension), scene.suppressor_goes(state, second)));
            }
            if event & 2 == 2 {
                ran.push((countdown.composite_changes(wait), scene.composite_changes(second)));
            }
            for (expected, actions) in ran {
                prop_assert_eq!(actions == Run, expected, "second {}", second);
            }
            prop_assert_eq!(scene.suppression.suppressed_by().is_some(), countdown.owed);
            prop_assert_eq!(scene.suppression == Suppression::Suppressed, countdown.owed && countdown.left.is_none());
        }
    }
}
