//! Unit tests of `lmtp`.

use std::fs;
use std::path::Path;

use postrider_mailstore::Format;
use proptest::prelude::*;

use super::*;

/// A client that has said everything, and what it is answered.
struct Stream<'a>(&'a [u8], Vec<u8>, usize);

impl Read for Stream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = buffer.len().min(self.2);
        self.0.read(&mut buffer[..room])
    }
}

impl Write for Stream<'_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.1.extend_from_slice(octets);
        Ok(octets.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A home with a Maildir, whose user is `her`.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join(".profile"), "").unwrap();
        Self(home)
    }

    /// What the server answers to a client whose octets come in pieces of at most `step`.
    fn say(&self, octets: &[u8], step: usize) -> (String, io::Result<()>) {
        let mut stream = Stream(octets, Vec::new(), step);
        let done = serve(Both(&mut stream), |recipient| match recipient.login.as_str() {
            "her" => Ok(Mailbox::new(Format::Maildir, self.0.path().join("Maildir"), None)),
            _ => Err(Refusal::new("450 4.3.0", "nobody")),
        });
        (String::from_utf8(stream.1).unwrap(), done)
    }

    /// The codes of the answers behind the greeting.
    fn codes(&self, octets: &str) -> Vec<String> {
        let (said, _) = self.say(octets.as_bytes(), 7);
        let last = |line: &&str| line.as_bytes().get(3) == Some(&b' ');
        said.lines().skip(1).filter(last).map(|line| line[..3].to_owned()).collect()
    }

    fn mails(&self) -> Vec<Vec<u8>> {
        let folder = self.0.path().join("Maildir/new");
        let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
        entries.map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect()
    }
}

/// A stream that its owner looks into afterwards.
struct Both<'s, 'a>(&'s mut Stream<'a>);

impl Read for Both<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Both<'_, '_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.write(octets)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A whole transaction with this content, which ends its lines in CRLF.
fn transaction(content: &[u8]) -> Vec<u8> {
    [
        b"LHLO me\r\nMAIL FROM:<a@b> SIZE=9 BODY=8BITMIME SMTPUTF8\r\nRCPT TO:<her@h>\r\nDATA\r\n",
        content,
        b".\r\nQUIT\r\n",
    ]
    .concat()
}

#[test]
fn a_pipelined_transaction_is_stored_and_answered_in_order() {
    let home = Home::new();
    let (said, done) = home.say(&transaction(b"A: b\r\n\r\ntext\r\n"), 3);
    done.unwrap();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "220 localhost postrider-mailbox LMTP");
    for extension in ["PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "XID", "SIZE"] {
        assert!(
            lines.iter().any(|line| line.strip_prefix("250").is_some_and(|rest| &rest[1..] == extension)),
            "{extension}"
        );
    }
    let last: Vec<&str> = lines[8..].to_vec();
    assert_eq!(last, ["250 2.1.0 Ok", "250 2.1.5 Ok", "354 End with a dot", "250 2.0.0 Saved", "221 2.0.0 Bye"]);
    assert_eq!(home.mails(), [b"A: b\n\ntext\n".to_vec()]);
}

#[test]
fn commands_that_do_not_fit_are_refused_and_the_session_goes_on() {
    let home = Home::new();
    for (commands, codes) in [
        ("EHLO me\r\nHELO me\r\nVRFY x\r\n\r\nnoop\r\nRSET\r\nlhlo x\r\n", "500 500 500 500 250 250 250"),
        ("RCPT TO:<her@h>\r\nDATA\r\n", "503 503"),
        ("MAIL FROM:<>\r\nMAIL FROM:<>\r\nDATA\r\nMAIL FROM:<a@b>\r\n", "250 503 503 250"),
        ("MAIL a@b\r\nMAIL FROM:a@b\r\nMAIL FROM:<a@b\r\nMAIL\r\nMAIL FROM:\r\n", "501 501 501 501 501"),
        ("MAIL FROM:<a@b> SIZE=x\r\nMAIL FROM:<a@b> RET=HDRS\r\nMAIL FROM:<a@b> BODY=BINARYMIME\r\n", "555 555 555"),
        (
            "MAIL FROM:<a@b> XID=\r\nMAIL FROM:<a@b> XID=.x\r\nMAIL FROM:<a@b> XID=a/b\r\nMAIL FROM:<a@b> XID=1-a_B.9\r\n",
            "555 555 555 250",
        ),
        ("MAIL FROM:<\"a>b \\\" >\"@c> SIZE=1\r\n", "250"),
        (
            "mail from:<a@b>\r\nrcpt to:<his@h>\r\nRCPT TO:<a/b@h>\r\nRCPT TO:<her@h> NOTIFY=NEVER\r\nDATA\r\n",
            "250 450 550 501 503",
        ),
        ("MAIL FROM:<a@b>\r\nRCPT TO:<her@h>\r\nRCPT TO:<her+x@h>\r\nRCPT TO:<his@h>\r\n", "250 250 452 452"),
        ("MAIL FROM:<a@b>\r\nRCPT TO:<her@h>\r\nRSET\r\nDATA\r\n", "250 250 250 503"),
    ] {
        assert_eq!(home.codes(commands).join(" "), codes, "{commands}");
    }
    assert!(home.mails().is_empty());
}

#[test]
fn lines_are_bounded_and_a_client_that_does_not_speak_lmtp_is_left() {
    let home = Home::new();
    let long = format!("NOOP\r\nNOOP {}\r\nNOOP\r\n", "x".repeat(100_000));
    assert_eq!(home.codes(&long), ["250", "500"]);
    let (said, _) = home.say(b"NOOP\r\nNOOP \xff\r\nNOOP\r\n", 9);
    assert!(said.ends_with("250 2.0.0 Ok\r\n500 5.5.2 Line too long, or not UTF-8\r\n"), "{said}");
    assert_eq!(home.codes(&"x".repeat(9000)), ["500"]);
    assert_eq!(home.codes("NOOP"), ["500"]);
}

#[test]
fn dots_and_line_ends_are_the_contents_own() {
    for (content, stored) in [
        (&b"A: b\r\n\r\n..\r\n...x\r\n.y\r\n"[..], &b"A: b\n\n.\n..x\ny\n"[..]),
        (b"A: b\r\n\r\nx\n.\ny\r\n", b"A: b\n\nx\n.\ny\n"),
        (b"A: b\r\n\r\nx\n.\r\ny\r\n", b"A: b\n\nx\n.\ny\n"),
        (b"A: b\r\n\r\nx\r.\r\ry\r\r\n", b"A: b\n\nx\r.\r\ry\r\n"),
        (b"A: b\r\n\r\n\0\xff\r\n", b"A: b\n\n\0\xff\n"),
        (b"", b"\n"),
    ] {
        let home = Home::new();
        let (said, done) = home.say(&transaction(content), 5);
        done.unwrap();
        assert!(said.ends_with("Saved\r\n221 2.0.0 Bye\r\n"), "{said}");
        assert_eq!(home.mails(), [stored.to_vec()], "{content:?}");
    }
}

#[test]
fn a_line_longer_than_the_buffer_keeps_its_octets() {
    for length in [CHUNK - 2, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK] {
        for end in [&b"\r\n"[..], b"\r\r\n", b"\r\rx\r\n"] {
            let home = Home::new();
            let long = [&vec![b'x'; length][..], end].concat();
            home.say(&transaction(&[b"A: b\r\n\r\n", &long[..]].concat()), usize::MAX).1.unwrap();
            let stored = [b"A: b\n\n", &long[..long.len() - 2], b"\n"].concat();
            assert!(home.mails() == [stored], "{length} {end:?}");
        }
    }
}

#[test]
fn a_client_that_goes_before_the_dot_leaves_nothing() {
    let home = Home::new();
    let whole = transaction(b"A: b\r\n\r\ntext\r\n");
    for cut in 0..whole.len() - b"\r\nQUIT\r\n".len() {
        let (said, _) = home.say(&whole[..cut], 9);
        assert!(!said.contains("Saved"), "{cut}: {said}");
    }
    assert!(home.mails().is_empty());
    let tmp = fs::read_dir(home.0.path().join("Maildir/tmp")).unwrap();
    assert_eq!(tmp.count(), 0);
}

#[test]
fn the_same_id_for_the_same_recipient_is_saved_once() {
    let home = Home::new();
    let with_id = |id: &str| format!("MAIL FROM:<a@b> XID={id}\r\nRCPT TO:<her@h>\r\nDATA\r\nA: b\r\n.\r\n");
    let said = home.codes(&[with_id("one"), with_id("one"), with_id("two")].concat());
    assert_eq!(said.join(" "), "250 250 354 250 250 250 354 250 250 250 354 250");
    assert_eq!(home.mails().len(), 2);
}

#[test]
fn a_mailbox_that_cannot_be_opened_is_said_in_place_of_354_and_the_session_goes_on() {
    let home = Home::new();
    fs::write(home.0.path().join("Maildir"), "").unwrap();
    let said = home.codes("MAIL FROM:<a@b>\r\nRCPT TO:<her@h>\r\nDATA\r\nNOOP\r\n");
    assert_eq!(said.join(" "), "250 250 451 250");
    assert!(Path::new(home.0.path()).join("Maildir").is_file());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_octets_are_answered_without_a_panic(octets in proptest::collection::vec(any::<u8>(), 0..200), step in 1..40_usize) {
        let home = Home::new();
        let _ = home.say(&octets, step);
        let _ = home.say(&[b"MAIL FROM:<a@b>\r\nRCPT TO:<her@h>\r\nDATA\r\n", &octets[..]].concat(), step);
    }

    #[test]
    fn any_lines_are_stored_as_they_were(lines in proptest::collection::vec("\\.{0,3}[a-z\\r\\x00]{0,5}", 0..9), step in 1..40_usize) {
        let home = Home::new();
        let stuffing = |line: &str| if line.starts_with('.') { "." } else { "" };
        let stuffed = lines.iter().flat_map(|line| [stuffing(line), line, "\r\n"]).collect::<String>();
        home.say(&transaction(format!("A: b\r\n\r\n{stuffed}").as_bytes()), step).1.unwrap();
        let stored = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect::<String>();
        prop_assert_eq!(home.mails(), [format!("A: b\n\n{stored}").into_bytes()]);
    }
}
