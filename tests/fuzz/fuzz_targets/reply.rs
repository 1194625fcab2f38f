//! The reply reader: whatever a server sends, in whatever pieces, gives the same clean and bounded replies, or ends
//! the session.
#![no_main]

use libfuzzer_sys::fuzz_target;
use postrider::deliver::smtp::capabilities::Capabilities;
use postrider::deliver::smtp::lines::Lines;
use postrider::deliver::smtp::reply::{Gathered, MAX_LINE, MAX_LINES, Progress};
use postrider::mail::outcome::Reply;

/// The replies up to the first fault, and its words.
fn replies(bytes: &[u8], piece: usize) -> (Vec<Reply>, Option<String>) {
    let (mut lines, mut gathered, mut found) = (Lines::default(), Gathered::default(), Vec::new());
    for chunk in bytes.chunks(piece) {
        let room = lines.room();
        assert!(room.len() >= chunk.len().min(MAX_LINE), "there is room as long as no line is too long");
        room[..chunk.len()].copy_from_slice(chunk);
        lines.received(chunk.len());
        loop {
            let line = match lines.next_line() {
                Ok(Some(line)) => line,
                Ok(None) => break,
                Err(error) => return (found, Some(error.to_string())),
            };
            match gathered.line(line) {
                Ok(Progress::More) => {}
                Ok(Progress::Complete) => {
                    look(&gathered);
                    found.push(gathered.reply());
                    gathered = Gathered::default();
                }
                Err(error) => return (found, Some(error.to_string())),
            }
        }
    }
    (found, None)
}

fn look(gathered: &Gathered) {
    let reply = gathered.reply();
    assert!((200..600).contains(&reply.code));
    assert!(reply.text.len() <= 1003 && !reply.text.chars().any(char::is_control), "{reply:?}");
    assert!(gathered.lines().len() <= MAX_LINES);
    assert!(reply.enhanced.is_none_or(|enhanced| u16::from(enhanced.class) == reply.code / 100));
    let offered = Capabilities::read(gathered.lines());
    assert!(offered.auth.iter().all(|name| !name.is_empty() && !name.contains(' ')));
}

fuzz_target!(|input: (u8, Vec<u8>)| {
    let (piece, bytes) = input;
    let piece = usize::from(piece).max(1);
    assert_eq!(replies(&bytes, piece), replies(&bytes, 4000));
});
