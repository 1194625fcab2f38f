//! The writer of content, for DATA and for BDAT: nothing in a message ends the data early, no bare CR or LF gets
//! out, and how the content is cut into blocks makes no difference.
#![no_main]

use libfuzzer_sys::fuzz_target;
use postrider::deliver::smtp::dot_stuffing::Stuffer;

fn written(mut stuffer: Stuffer, content: &[u8], block: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for block in content.chunks(block) {
        stuffer.push(block, &mut out);
    }
    stuffer.finish(&mut out);
    out
}

/// What a server makes of the bytes behind DATA: the content, and what stands behind the lone dot.
fn received(mut wire: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut content = Vec::new();
    loop {
        let end = wire.windows(2).position(|pair| pair == b"\r\n").expect("the content has an end") + 2;
        let (line, rest) = wire.split_at(end);
        wire = rest;
        if line == b".\r\n" {
            return (content, wire);
        }
        content.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
    }
}

/// A server that ends lines at a bare LF, or at a bare CR, must not see another end either.
fn is_in_lines(wire: &[u8]) -> bool {
    wire.iter().enumerate().all(|(at, byte)| match byte {
        b'\r' => wire.get(at + 1) == Some(&b'\n'),
        b'\n' => at > 0 && wire[at - 1] == b'\r',
        _ => true,
    })
}

fuzz_target!(|input: (u8, Vec<u8>)| {
    let (block, content) = input;
    let block = usize::from(block).max(1);
    let data = written(Stuffer::new(), &content, block);
    let chunk = written(Stuffer::for_chunks(), &content, block);
    assert_eq!(data, written(Stuffer::new(), &content, usize::MAX));
    assert_eq!(chunk, written(Stuffer::for_chunks(), &content, usize::MAX));
    assert!(is_in_lines(&data) && is_in_lines(&chunk));
    let (unstuffed, behind) = received(&data);
    assert!(behind.is_empty(), "nothing ends the data early");
    assert_eq!(unstuffed, chunk, "both ways carry the same");
    assert!(chunk.is_empty() || chunk.ends_with(b"\r\n"));
    assert_eq!(written(Stuffer::for_chunks(), &chunk, block), chunk, "content in order passes unchanged");
});
