//! Unit tests of `spool::shared_sync`.

use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;

/// How often a sync was made for one that runs and five that come meanwhile, and what each was told.
fn six(second: fn() -> io::Result<()>) -> (usize, Vec<bool>) {
    let (together, syncs) = (SharedSync::default(), AtomicUsize::new(0));
    let (began, has_begun) = channel();
    let (go, may_go) = channel::<()>();
    let asking = AtomicUsize::new(0);
    let told = std::thread::scope(|scope| {
        let (shared, count) = (&together, &syncs);
        let first = scope.spawn(move || {
            shared.sync(|| {
                began.send(()).unwrap();
                may_go.recv().unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                Ok(())
            })
        });
        has_begun.recv().unwrap();
        let ask = || {
            asking.fetch_add(1, Ordering::SeqCst);
            together.sync(|| {
                syncs.fetch_add(1, Ordering::SeqCst);
                second()
            })
        };
        let others: Vec<_> = (0..5).map(|_| scope.spawn(ask)).collect();
        while asking.load(Ordering::SeqCst) < 5 {
            std::thread::yield_now();
        }
        go.send(()).unwrap();
        let all = std::iter::once(first).chain(others);
        all.map(|thread| thread.join().unwrap().is_ok()).collect()
    });
    (syncs.into_inner(), told)
}

#[test]
fn who_comes_while_a_sync_runs_shares_a_later_one() {
    let (syncs, told) = six(|| Ok(()));
    assert!((2..=6).contains(&syncs), "never the one that ran already: {syncs}");
    assert_eq!(told, [true; 6]);
}

#[test]
fn a_failure_is_everybodys_who_waited_for_it() {
    let (_, told) = six(|| Err(io::Error::from_raw_os_error(5)));
    assert_eq!(told, [true, false, false, false, false, false]);
}
