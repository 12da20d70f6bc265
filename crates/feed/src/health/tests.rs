use super::*;

const SILENCE_MS: i64 = UOF_SILENCE_MS_MAX;

/// A step of a table: what happens at an instant, and the state after it.
enum Step {
    Hear(Sign),
    Request(u64),
    Look,
}
use Step::{Hear, Look, Request};

const ALIVE: Step = Hear(Sign::Alive);
const GAP: Step = Hear(Sign::Gap);
const CUT: Step = Hear(Sign::Cut);
const IMAGE: Step = Hear(Sign::Recovered { request: None });

fn complete(request: u64) -> Step {
    Hear(Sign::Recovered { request: Some(request) })
}

/// Plays steps of (instant, what, state after, whether there is a transition).
#[track_caller]
fn play(steps: &[(i64, Step, State, bool)]) {
    let mut health = Health::new(SILENCE_MS);
    for (number, (ms, step, state, turns)) in steps.iter().enumerate() {
        let at = Timestamp::from_millis(*ms);
        let before = health.state();
        let transition = match step {
            Hear(sign) => health.heard(*sign, at),
            Look => health.tick(at),
            Request(id) => {
                health.recovery_requested(*id);
                None
            }
        };
        assert_eq!(health.state(), *state, "step {number}");
        let expected = turns.then_some(Transition { from: before, to: *state, at });
        assert_eq!(transition, expected, "step {number}");
    }
}

#[test]
fn a_producer_comes_up_once_its_recovery_is_complete() {
    play(&[
        (0, Look, State::Down, false),
        (1, ALIVE, State::Recovering, true),
        (2, complete(7), State::Recovering, false),
        (3, Request(7), State::Recovering, false),
        (4, complete(6), State::Recovering, false),
        (5, ALIVE, State::Recovering, false),
        (6, complete(7), State::Up, true),
        (7, complete(7), State::Up, false),
    ]);
}

#[test]
fn silence_beyond_the_limit_is_down_and_the_limit_itself_is_not() {
    play(&[
        (0, ALIVE, State::Recovering, true),
        (0, IMAGE, State::Up, true),
        (10_000, ALIVE, State::Up, false),
        (30_000, Look, State::Up, false),
        (30_001, Look, State::Down, true),
        (60_000, Look, State::Down, false),
        (60_000, ALIVE, State::Recovering, true),
        (80_001, Look, State::Down, true),
    ]);
}

#[test]
fn a_recovery_from_before_the_silence_does_not_count_after_it() {
    play(&[
        (0, ALIVE, State::Recovering, true),
        (1, Request(1), State::Recovering, false),
        (20_001, Look, State::Down, true),
        (20_002, complete(1), State::Recovering, true),
        (20_003, complete(1), State::Recovering, false),
        (20_004, Request(2), State::Recovering, false),
        (20_005, complete(2), State::Up, true),
    ]);
}

#[test]
fn lost_messages_start_a_recovery_and_one_under_way_anew() {
    play(&[
        (0, ALIVE, State::Recovering, true),
        (0, IMAGE, State::Up, true),
        (1, GAP, State::Recovering, true),
        (2, GAP, State::Recovering, false),
        (3, Request(1), State::Recovering, false),
        (4, GAP, State::Recovering, true),
        (5, complete(1), State::Recovering, false),
        (6, Request(2), State::Recovering, false),
        (7, complete(2), State::Up, true),
    ]);
}

#[test]
fn a_cut_is_down_at_once() {
    play(&[
        (0, CUT, State::Down, false),
        (1, ALIVE, State::Recovering, true),
        (2, CUT, State::Down, true),
        (3, GAP, State::Recovering, true),
        (4, IMAGE, State::Up, true),
        (5, CUT, State::Down, true),
        (60_000, Look, State::Down, false),
    ]);
}

#[test]
fn the_deadline_moves_with_each_sign_and_never_back() {
    let mut health = Health::new(SILENCE_MS);
    assert_eq!(health.down_at(), None);
    health.heard(Sign::Alive, Timestamp::from_millis(1_000));
    health.heard(Sign::Alive, Timestamp::from_millis(500));
    assert_eq!(health.down_at(), Some(Timestamp::from_millis(21_001)));
    health.set_silence(1_500);
    assert_eq!(health.down_at(), Some(Timestamp::from_millis(2_501)));
    health.tick(Timestamp::from_millis(2_501));
    assert_eq!((health.state(), health.down_at()), (State::Down, None));
}
