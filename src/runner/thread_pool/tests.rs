//! Unit tests of `runner::thread_pool`.

use super::*;
use std::sync::mpsc::channel;

#[test]
fn all_is_done_and_by_several_at_a_time() {
    let (settlers, (tell, hear)) = (ThreadPool::for_settling(), channel());
    let together = Arc::new(std::sync::Barrier::new(4));
    for number in 0..100 {
        let (tell, together) = (tell.clone(), Arc::clone(&together));
        settlers.submit(move || {
            if number < 4 {
                // Goes on only when four are at it.
                together.wait();
            }
            tell.send(number).unwrap();
        });
    }
    let mut done: Vec<i32> = (0..100).map(|_| hear.recv().unwrap()).collect();
    done.sort_unstable();
    assert_eq!(done, (0..100).collect::<Vec<_>>());
    assert!(settlers.jobs.lock().threads <= settlers.size.threads);
}
