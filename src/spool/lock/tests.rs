//! Unit tests of `spool::lock`.

use super::*;

#[test]
fn one_at_a_time_and_the_others_learn_who() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path()).unwrap();
    let TryLock::Taken(lock) = RunnerLock::try_take(&spool).unwrap() else { panic!("not free") };
    let TryLock::Held(pid) = RunnerLock::try_take(&spool).unwrap() else { panic!("taken twice") };
    assert_eq!(pid, Some(std::process::id()));
    assert!(is_held(&spool).unwrap());
    drop(lock);
    assert!(matches!(RunnerLock::try_take(&spool).unwrap(), TryLock::Taken(_)));
}

#[test]
fn who_only_looks_is_no_runner_to_others_who_look() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path()).unwrap();
    let (_, other) = open(&spool).unwrap();
    fs2::FileExt::try_lock_shared(&other).unwrap();
    assert!(!is_held(&spool).unwrap());
}
