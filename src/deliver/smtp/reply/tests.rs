//! Unit tests of `deliver::smtp::reply`.

use super::*;
use proptest::prelude::*;

fn read(lines: &[&[u8]]) -> Result<Option<Reply>, ReplyError> {
    let mut gathered = Gathered::default();
    for line in lines {
        if gathered.line(line)? == Progress::Complete {
            return Ok(Some(gathered.reply()));
        }
    }
    Ok(None)
}

fn shown(lines: &[&[u8]]) -> String {
    match read(lines) {
        Ok(Some(reply)) => reply.to_string(),
        other => format!("{other:?}"),
    }
}

#[test]
fn replies_of_all_shapes() {
    assert_eq!(shown(&[b"250 ok"]), "250 ok");
    assert_eq!(shown(&[b"250"]), "250 ");
    assert_eq!(shown(&[b"250-"]), "Ok(None)");
    assert_eq!(shown(&[b"550-5.1.1 no", b"550-5.1.1 such", b"550 5.1.1 user"]), "550 5.1.1 no such user");
    assert_eq!(shown(&[b"250-one", b"250"]), "250 one");
    assert_eq!(shown(&[b"421 a\xffb\0c\x1b[2J"]), "421 a\u{fffd}b?c?[2J");
    assert_eq!(shown(&["550 a\u{202e}b\tc\u{200b}".as_bytes()]), "550 a?b c?");
}

#[test]
fn what_is_no_reply_is_named() {
    for bad in [&b""[..], b"25", b"* x", b"2500 x", b"650 x", b"150 x", b"25x ok", b"250\tx"] {
        assert!(matches!(read(&[bad]), Err(ReplyError::NotSmtp(_))), "{:?}", String::from_utf8_lossy(bad));
    }
    for (greeting, name) in [
        (&b"* OK [CAPABILITY IMAP4rev1] ready"[..], "IMAP"),
        (b"+OK POP3 ready", "POP3"),
        (b"HTTP/1.1 400 Bad Request", "HTTP"),
        (b"SSH-2.0-OpenSSH_9.2", "SSH"),
    ] {
        let said = read(&[greeting]).unwrap_err().to_string();
        assert!(said.contains(&format!("speaks {name}, not SMTP")) && said.contains("587"), "{said}");
    }
    assert_eq!(read(&[b"250-a", b"550 b"]), Err(ReplyError::MixedCodes { first: 250, then: 550 }));
    let many = [vec![&b"250-x"[..]; 2 * MAX_LINES], vec![&b"250 y"[..]]].concat();
    assert!(matches!(read(&many), Ok(Some(reply)) if reply.code == 250));
}

#[test]
fn an_enhanced_code_counts_only_in_its_class() {
    let enhanced = |line: &[u8]| read(&[line]).ok().flatten().and_then(|r| r.enhanced).map(|e| e.to_string());
    assert_eq!(enhanced(b"550 5.1.1 gone"), Some("5.1.1".into()));
    let of_several = |lines: &[&[u8]]| read(lines).ok().flatten().and_then(|r| r.enhanced).map(|e| e.to_string());
    assert_eq!(of_several(&[b"550-unknown", b"550-4.4.4 x", b"550 5.1.1 User unknown"]), Some("5.1.1".into()));
    assert_eq!(of_several(&[b"550-5.7.1 no", b"550 5.1.1 User unknown"]), Some("5.7.1".into()));
    assert_eq!(of_several(&[b"550-unknown", b"550-5.1.1 x", b"550 User unknown"]), None);
    assert_eq!(enhanced(b"550 4.1.1 gone"), None);
    assert_eq!(enhanced(b"250 2.0.0"), Some("2.0.0".into()));
    assert_eq!(enhanced(b"354 2.0.0"), None);
}

proptest! {
    #[test]
    fn any_bytes_give_clean_bounded_text(lines in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 1..20)) {
        let coded: Vec<Vec<u8>> = lines.iter().map(|l| [b"250-", &l[..]].concat()).collect();
        let mut gathered = Gathered::default();
        for line in &coded {
            prop_assert_eq!(gathered.line(line), Ok(Progress::More));
        }
        let reply = gathered.reply();
        prop_assert!(reply.text.len() <= MAX_TEXT + 3);
        prop_assert!(!reply.text.chars().any(char::is_control));
    }

    #[test]
    fn any_line_parses_or_is_refused(line in proptest::collection::vec(any::<u8>(), 0..50)) {
        if let Ok(Some(reply)) = read(&[&line]) {
            prop_assert!((200..600).contains(&reply.code));
        }
    }
}
