//! What of a flood leaves at once.

use super::*;

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + minute * 60).unwrap()
}

#[test]
fn above_the_limit_only_new_subjects_pass_until_the_hour_is_over() {
    let mut hour = Hour::begin(at(0));
    let verdicts: Vec<Verdict> = (0..20).map(|minute| hour.decide(7, 3, at(minute))).collect();
    assert_eq!(verdicts[..3], [Verdict::Pass; 3]);
    assert!(verdicts[3..].iter().all(|verdict| *verdict == Verdict::Gather(at(60))), "{verdicts:?}");
    assert_eq!(hour.decide(8, 3, at(21)), Verdict::Pass);
    assert_eq!(hour.decide(8, 3, at(22)), Verdict::Gather(at(60)));
    assert_eq!(hour.decide(7, 3, at(60)), Verdict::Pass);
}

#[test]
fn what_is_signed_or_urgent_does_not_wait() {
    let may_wait = |header: &str| may_wait(&Header::read(header.as_bytes()));
    assert!(may_wait("Subject: x\r\nContent-Type: text/plain\r\nX-Priority: 3\r\n"));
    for header in [
        "Content-Type: multipart/signed; boundary=x\r\n",
        "Content-Type: Application/PKCS7-mime\r\n",
        "DKIM-Signature: v=1\r\n",
        "X-Priority: 1 (Highest)\r\n",
        "Importance: High\r\n",
        "Priority: urgent\r\n",
    ] {
        assert!(!may_wait(header), "{header}");
    }
}

#[test]
fn subjects_differ_by_any_digit() {
    let subject = |text: &str| subject_of(&Header::read(text.as_bytes()));
    assert_eq!(subject("Subject: md0 failed\r\n"), subject("subject:  md0 failed \r\n"));
    assert_ne!(subject("Subject: md0 failed\r\n"), subject("Subject: md1 failed\r\n"));
}
