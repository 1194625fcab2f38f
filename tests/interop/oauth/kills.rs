//! `kill -9` at every system call from the request for a token to the stored file, at a provider that ends the old refresh token with
//! the request for a new one. What is in the file after that is a token that works, unless the provider's answer with the next one never
//! became a file: that no program can help. A login that is given again has the old one in the file, or the new one, and both work.

use std::fs;
use std::path::{Path, PathBuf};

use support::points::{self, Point, chosen, inject, is_skipped};
use support::world::run;

use super::rig::{As, Rig, can_run, kept};

const POSTRIDER: &str = env!("CARGO_BIN_EXE_postrider");

fn kill(point: &Point) -> String {
    format!("{}:signal=SIGKILL:when={}", point.call, point.number)
}

/// The files of a login as they are now, to be put back.
struct Saved(Vec<(PathBuf, Vec<u8>)>);

impl Saved {
    fn of(folder: &Path) -> Self {
        let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        Self(paths.map(|path| (path.clone(), fs::read(path).unwrap())).collect())
    }

    fn put_back(&self) {
        for (path, bytes) in &self.0 {
            fs::write(path, bytes).unwrap();
        }
    }
}

/// What the provider thinks of a refresh token.
#[derive(Debug, PartialEq)]
enum Standing {
    Good,
    Used,
}

fn standing(rig: &Rig, token: &str) -> Standing {
    let (_, entry) = rig.tokens("RefreshToken").into_iter().find(|(known, _)| known == token).unwrap();
    if entry["payload"]["consumed"].is_null() { Standing::Good } else { Standing::Used }
}

#[test]
fn a_renewal_killed_at_any_system_call_leaves_a_token_that_works_unless_the_answer_was_under_way() {
    if !can_run() || is_skipped() {
        return;
    }
    let rig = Rig::start();
    let world = rig.world(&As::User { flow: "browser" });
    rig.login(&world);
    let (state, saved) = (rig.state(), Saved::of(&world.path("spool/state")));
    let again = || {
        rig.set_state(&state);
        saved.put_back();
    };
    let first = kept(&world);
    world.send_to(&["bob@away.example"]).code(0);
    let relay = format!("htons({})", rig.mail.submission);
    run(points::tracing(&world, POSTRIDER, &["flush"]), b"").code(0);
    let points = points::traced(&world, ".lock", Some(&relay));
    rig.mail.wait_for_mail_to("bob@away.example");
    let (mut unharmed, mut renewed, mut taken_over, mut lost) = (0, 0, 0, Vec::new());
    let chosen = chosen(&points);
    for point in &chosen {
        again();
        world.send_to(&["bob@away.example"]).code(0);
        run(inject(&world, &kill(point), POSTRIDER, &["flush"]), b"");
        rig.idle();
        let token = kept(&world);
        let before = (token == first, standing(&rig, &token));
        let flushed = world.flush();
        match (before, world.queued().is_empty()) {
            ((false, Standing::Good), true) => renewed += 1,
            ((true, Standing::Good), true) => unharmed += 1,
            ((true, Standing::Used), true) => taken_over += 1,
            ((true, Standing::Used), false) => lost.push(point.call.as_str()),
            unwanted => panic!("{point:?}: {unwanted:?} of {token}:\n{flushed:?}\n{}", rig.log()),
        }
    }
    println!(
        "a renewal killed at {} of {} points: {unharmed} before the provider had it, {} at which its answer was lost ({}), \
         {taken_over} with it in a file, {renewed} with it in the file",
        chosen.len(),
        points.len(),
        lost.len(),
        lost.join(" ")
    );
    // Nothing more is lost once the answer is written anywhere.
    for call in ["fsync", "linkat", "renameat", "rename"] {
        assert!(!lost.contains(&call), "{call}");
    }
}

#[test]
fn a_second_login_killed_at_any_system_call_leaves_the_first_or_itself() {
    if !can_run() || is_skipped() {
        return;
    }
    let rig = Rig::start();
    let world = rig.world(&As::User { flow: "browser" });
    rig.login(&world);
    let (state, saved) = (rig.state(), Saved::of(&world.path("spool/state")));
    let first = kept(&world);
    let (success, said) = rig.login_by(points::tracing(&world, POSTRIDER, &["login"]));
    assert!(success, "{said}");
    let points = points::traced(&world, &rig.connecting(), None);
    let chosen = chosen(&points);
    let (mut old, mut new) = (0, 0);
    for point in &chosen {
        rig.set_state(&state);
        saved.put_back();
        rig.login_by(inject(&world, &kill(point), POSTRIDER, &["login"]));
        rig.idle();
        if kept(&world) == first {
            old += 1;
        } else {
            new += 1;
        }
        world.send_to(&["bob@away.example"]).code(0);
        let flushed = world.flush();
        assert!(world.queued().is_empty(), "{point:?}: {flushed:?}\n{}", rig.log());
    }
    println!(
        "a second login killed at {} of {} points: {old} times the first was left, {new} times the second",
        chosen.len(),
        points.len()
    );
    assert!(old > 0 && new > 0);
}
