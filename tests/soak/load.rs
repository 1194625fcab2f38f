//! The load: front ends with messages of every kind, some of them killed at random.

use std::io::Write;
use std::process::{Child, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use support::numbered::message;
use support::random::Random;
use support::wait::wait_for;
use support::world::{World, built};

/// More than this in the queue, and the load waits.
const MOST_QUEUED: usize = 200;

/// A message that `sendmail` said 0 to.
pub struct Accepted {
    pub name: String,
    pub recipients: Vec<String>,
}

/// What the load came to.
pub struct Sums {
    pub begun: usize,
    pub killed: usize,
    pub accepted: Vec<Accepted>,
}

pub struct Load<'a> {
    world: &'a World,
    begun: AtomicUsize,
    killed: AtomicUsize,
    accepted: Mutex<Vec<Accepted>>,
    over: AtomicBool,
}

impl<'a> Load<'a> {
    pub fn new(world: &'a World) -> Self {
        let (begun, killed) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self { world, begun, killed, accepted: Mutex::default(), over: AtomicBool::new(false) }
    }

    pub fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    pub fn into_sums(self) -> Sums {
        let accepted = self.accepted.into_inner().unwrap();
        Sums { begun: self.begun.into_inner(), killed: self.killed.into_inner(), accepted }
    }

    /// Submits until it is over.
    pub fn keep_coming(&self, mut random: Random) {
        while !self.over.load(Ordering::SeqCst) {
            self.submit(&mut random);
            std::thread::sleep(random.moment(100_000));
            wait_for("the runner to keep up", || {
                self.over.load(Ordering::SeqCst) || self.world.queued().len() < MOST_QUEUED
            });
        }
    }

    fn submit(&self, random: &mut Random) {
        let name = format!("message-{}", self.begun.fetch_add(1, Ordering::SeqCst));
        let (lines, kinds): (u64, &[(&str, u64)]) = match random.below(20) {
            0 => (random.below(20_000), &[("bob", 1)]),
            1 => (5, &[("bob", 60)]),
            2 => (5, &[("bob", 20), ("refused", 3), ("deferred", 2)]),
            3..=5 => (random.below(50), &[("refused", 1)]),
            6..=8 => (random.below(50), &[("deferred", 1)]),
            9 => (random.below(50), &[("bob", 1), ("refused", 1)]),
            _ => (random.below(50), &[("bob", 1)]),
        };
        let address = |(kind, count): &(&str, u64)| {
            let (kind, name) = (kind.to_string(), name.clone());
            (0..*count).map(move |at| format!("{kind}-{at}-{name}@away.example"))
        };
        let recipients: Vec<String> = kinds.iter().flat_map(address).collect();
        let mut child = self.start(&recipients, message(&name, lines));
        let is_killed = random.below(8) == 0;
        if is_killed {
            std::thread::sleep(random.moment(20_000));
            child.kill().unwrap();
            self.killed.fetch_add(1, Ordering::SeqCst);
        }
        if child.wait().unwrap().success() {
            self.accepted.lock().unwrap().push(Accepted { name, recipients });
        } else {
            assert!(is_killed, "a front end that nobody killed failed");
        }
    }

    fn start(&self, recipients: &[String], input: String) -> Child {
        let words: Vec<&str> = ["-i", "-f", "alice"].into_iter().chain(recipients.iter().map(String::as_str)).collect();
        let mut command = self.world.command(built("sendmail"), &words);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // Killed in the middle, it takes no more: that is no failure of the test.
        std::thread::spawn(move || stdin.write_all(input.as_bytes()));
        child
    }
}
