//! Queues as the programs leave them, below a folder of the test's.
#![allow(clippy::unwrap_used)]

use super::*;

#[test]
fn what_waits_in_each_queue_is_counted_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("home");
    for file in [
        "var/spool/postfix/deferred/A/AB12",
        "var/spool/postfix/deferred/B/BC34",
        "var/spool/postfix/maildrop/D1",
        "var/spool/postfix/defer/A/AB12",
        "var/spool/nullmailer/queue/1700.1",
        "var/spool/nullmailer/failed/1600.1",
        "var/spool/dma/Q1a.2b",
        "var/spool/dma/M1a",
        "var/spool/exim4/input/a/1abc-0001-H",
        "var/spool/exim4/input/a/1abc-0001-D",
        "var/spool/smtpd/queue/1a/1a2b3c4d/message",
        "var/spool/smtpd/queue/1a/1a2b3c4d/1a2b3c4d5e6f7081",
        "var/spool/mqueue/qf5ATB1234",
        "var/spool/mqueue/df5ATB1234",
        "var/spool/mqueue-client/qf5ATB1235",
        "home/.msmtp.queue/2026-11-28-10.00.00.mail",
        "home/.msmtp.queue/2026-11-28-10.00.00.msmtp",
    ] {
        let path = dir.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    let count = |program| waiting(&queue(program).unwrap(), dir.path(), Some(&home)).unwrap();
    assert_eq!(count(Program::Postfix), 3);
    assert_eq!(count(Program::Nullmailer), 1);
    assert_eq!(count(Program::Dma), 1);
    assert_eq!(count(Program::Exim), 1);
    assert_eq!(count(Program::OpenSmtpd), 1);
    assert_eq!(count(Program::Sendmail), 2);
    assert_eq!(count(Program::Msmtp), 1);
    assert_eq!(waiting(&queue(Program::Msmtp).unwrap(), dir.path(), None), Ok(0));
}
