//! Unit tests of `deliver::oauth::stored`: what is left where a process ended while it stored a login.

use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use crate::config::oauth::{Flow, Keeping};

fn oauth(state: &Path) -> OAuth {
    let text = |text: &str| text.to_owned();
    OAuth {
        account: text("work"),
        issuer: text("Issuer"),
        client_id: text("id"),
        client_secret: None,
        flow: Flow::Device,
        authorization: None,
        device: None,
        token: text("https://issuer.example/token"),
        scope: text("mail"),
        loopback: text("127.0.0.1"),
        extra: BTreeMap::new(),
        username: text("me@isp.example"),
        keeping: Keeping::File,
        state: state.to_owned(),
    }
}

fn kept(oauth: &OAuth) -> String {
    read(oauth).unwrap().unwrap().1.expose().to_owned()
}

fn keep(oauth: &OAuth, token: &str) {
    let held = lock(oauth).unwrap();
    prepare(oauth, &held).unwrap();
    write(oauth, &Secret::new(token.to_owned()), Timestamp::now(), &held).unwrap();
}

#[test]
fn what_a_process_left_behind_is_taken_over_once_it_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let oauth = oauth(&folder.path().join("state"));
    keep(&oauth, "first");
    let file = |kind: &str| oauth.state.join(name(&oauth, kind));
    let whole = std::fs::read_to_string(file("json")).unwrap().replace("first", "second");
    let state = StateDir::open(&oauth.state).unwrap();
    for (left, found) in [(&whole[..whole.find('}').unwrap()], "first"), ("   ", "first"), (whole.as_str(), "second")] {
        state.write(&name(&oauth, "next"), left.as_bytes()).unwrap();
        let held = lock(&oauth).unwrap();
        take_over(&oauth, &held).unwrap();
        assert_eq!(kept(&oauth), found);
    }
    assert!(!file("next").exists());
}

#[test]
fn a_login_that_is_shorter_than_what_was_left_behind_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let oauth = oauth(&folder.path().join("state"));
    keep(&oauth, &"long".repeat(100));
    let left = std::fs::read(oauth.state.join(name(&oauth, "json"))).unwrap();
    StateDir::open(&oauth.state).unwrap().write(&name(&oauth, "next"), &left).unwrap();
    let held = lock(&oauth).unwrap();
    write(&oauth, &Secret::new("short".to_owned()), Timestamp::now(), &held).unwrap();
    assert_eq!(kept(&oauth), "short");
}
