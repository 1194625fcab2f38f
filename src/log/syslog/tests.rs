//! Unit tests of `log::syslog`.
#![allow(clippy::unwrap_used)]
use super::*;

fn received(socket: &UnixDatagram) -> String {
    let mut line = [0; 512];
    let length = socket.recv(&mut line).unwrap();
    String::from_utf8(line[..length].to_vec()).unwrap()
}

#[test]
fn a_line_has_priority_stamp_and_tag_and_finds_a_log_that_was_started_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let mut syslog = Syslog { pause: Duration::ZERO, ..Syslog::at(&path) };
    assert!(!syslog.send("postrider/qmgr[7]", Severity::Info, "no log is there yet"));
    for severity in [Severity::Info, Severity::Warning, Severity::Error, Severity::Critical] {
        let log = UnixDatagram::bind(&path).unwrap();
        assert!(syslog.send("postrider/qmgr[7]", severity, "hello"));
        let line = received(&log);
        let (priority, rest) = line.strip_prefix('<').unwrap().split_once('>').unwrap();
        assert_eq!(priority, (16 + severity.number()).to_string());
        // "Nov  5 07:08:09 ", then the tag.
        assert_eq!(&rest[15..], " postrider/qmgr[7]: hello");
        drop(log);
        std::fs::remove_file(&path).unwrap();
    }
}

#[test]
fn a_log_that_is_not_there_is_not_looked_for_at_each_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let mut syslog = Syslog { pause: Duration::from_hours(1), ..Syslog::at(&path) };
    assert!(!syslog.send("t", Severity::Info, "lost"));
    let log = UnixDatagram::bind(&path).unwrap();
    assert!(!syslog.send("t", Severity::Info, "within the pause"));
    syslog.pause = Duration::ZERO;
    assert!(syslog.send("t", Severity::Info, "after it"));
    assert!(received(&log).ends_with("after it"));
}

#[test]
fn a_log_that_does_not_read_holds_up_no_more_than_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let log = UnixDatagram::bind(&path).unwrap();
    let mut syslog = Syslog::at(&path);
    let mut taken = 0;
    while syslog.send("t", Severity::Info, "filling") {
        taken += 1;
    }
    let started = std::time::Instant::now();
    for _ in 0..100 {
        assert!(!syslog.send("t", Severity::Info, "lost"));
    }
    assert!(started.elapsed() < PATIENCE);
    for _ in 0..taken {
        received(&log);
    }
    assert!(syslog.send("t", Severity::Info, "again"), "a log that reads again gets lines again");
}
