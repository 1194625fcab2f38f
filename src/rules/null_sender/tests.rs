//! The mark, the field against automatic answers, and how long a refusal counts.

use super::*;

#[test]
fn a_from_without_a_domain_is_the_own_address_and_any_other_stays() {
    let own = Address::parse("me@isp.example").unwrap();
    let from = |header: &str| {
        let header = Header::read(header.as_bytes());
        let named = first_from(&header).filter(|_| !is_from_nobody(&header));
        let marked = header_from_own_address(&header.to_bytes(), named.as_ref(), "box.home.lan", &own);
        let header = Header::read(&marked);
        header.first("From").map(|from| String::from_utf8_lossy(from.value()).trim().to_owned())
    };
    assert_eq!(from("From: MAILER-DAEMON\r\n").as_deref(), Some("me@isp.example"));
    assert_eq!(from("From: MAILER-DAEMON@home.lan\r\n").as_deref(), Some("me@isp.example"));
    assert_eq!(from("From: root (Cron Daemon)\r\n").as_deref(), Some("me@isp.example (Cron Daemon)"));
    assert_eq!(from("From: Bob <bob@b.example>\r\n").as_deref(), Some("Bob <bob@b.example>"));
    assert_eq!(from("Subject: x\r\n"), None);
}

#[test]
fn what_is_marked_is_not_sent_from_the_own_address_again() {
    let header = b"Subject: x\r\nAuto-Submitted: auto-replied\r\n".as_slice();
    let own = Address::parse("me@isp.example").unwrap();
    let marked = header_from_own_address(header, None, "box.home.lan", &own);
    assert_eq!(
        String::from_utf8(marked.clone()).unwrap(),
        "X-Loop: postrider@box.home.lan\r\nSubject: x\r\nAuto-Submitted: auto-replied\r\n"
    );
    assert!(is_marked(&Header::read(&marked), "box.home.lan"));
    for same in [
        "X-LOOP: postrider@BOX.home.lan\r\n",
        "x-loop: <postrider@box.home.lan>\r\n",
        "X-Loop:\r\n postrider@box.home.lan\r\n",
    ] {
        assert!(is_marked(&Header::read(same.as_bytes()), "box.home.lan"), "{same}");
    }
    assert!(!is_marked(&Header::read(&marked), "another.home.lan"), "another machine's mark");
    assert!(!is_marked(&Header::read(b"X-Loop: me@isp.example\r\n"), "box.home.lan"));
}

#[test]
fn a_refusal_counts_for_a_week() {
    let hours = |hours| Duration::from_hours(hours);
    assert_eq!((is_remembered(hours(7 * 24 - 1)), is_remembered(hours(7 * 24))), (true, false));
}
