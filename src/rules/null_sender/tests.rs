//! The mark, the field against automatic answers, and how long a refusal counts.

use super::*;

#[test]
fn what_is_marked_is_not_sent_from_the_own_address_again() {
    let header = b"Subject: x\r\nAuto-Submitted: auto-replied\r\n".as_slice();
    let marked = header_from_own_address(header, "box.home.lan");
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
