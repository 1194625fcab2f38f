//! Submission frames: read whole or in pieces they say the same, within the bounds and never beyond the end, and what is read
//! can be written and read again.
#![no_main]

use std::io::Read;

use libfuzzer_sys::fuzz_target;
use postrider::submit::wire::frame::{Bounds, FrameReader, FrameWriter, Piece};
use postrider::submit::wire::submission::{self, Announced, NotRead, Submission};

const BOUNDS: Bounds = Bounds { envelope: 4096, content: 10_000 };

/// Gives a few octets at a time.
struct Slow<'a>(&'a [u8], usize);

impl Read for Slow<'_> {
    fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
        let most = room.len().min(self.1);
        self.0.read(&mut room[..most])
    }
}

/// Envelope, content and what is behind the frame; or the error's words.
fn read(bytes: &[u8], piece: usize) -> Result<(Vec<u8>, Vec<u8>, &[u8]), String> {
    let mut reader = FrameReader::new(Slow(bytes, piece), BOUNDS);
    let (mut envelope, mut content) = (Vec::new(), Vec::new());
    loop {
        match reader.next_piece().map_err(|error| error.to_string())? {
            Piece::Envelope(bytes) => {
                assert!(!bytes.is_empty() && content.is_empty(), "the envelope comes first");
                envelope.extend_from_slice(bytes);
            }
            Piece::Content(bytes) => {
                assert!(!bytes.is_empty() && !envelope.is_empty());
                content.extend_from_slice(bytes);
            }
            Piece::End => break,
        }
    }
    Ok((envelope, content, reader.into_inner().0))
}

fn read_submission(bytes: &[u8]) -> Result<Submission<&[u8]>, NotRead> {
    Announced::read(bytes, BOUNDS)?.submission(100)
}

/// What admission is given, written and read once more: nothing may change on the way.
fn pass_on(bytes: &[u8]) {
    let Ok(Submission { token, mut collected }) = read_submission(bytes) else { return };
    let Ok(frame) = submission::write(&mut collected, &token, Vec::new()) else { return };
    let again = read_submission(&frame);
    // A header that was completed may not fit any more.
    let Ok(Submission { token: same, collected: mut again }) = again else { return };
    assert_eq!((token, &collected.sender, &collected.header), (same, &again.sender, &again.header));
    assert_eq!(collected.recipients.len(), again.recipients.len());
    let twice = submission::write(&mut again, "", Vec::new()).expect("it was read to its end");
    let (_, content, _) = read(&frame, usize::MAX).expect("it was written here");
    assert_eq!(read(&twice, usize::MAX).expect("so was this").1, content);
}

fuzz_target!(|input: (u8, Vec<u8>)| {
    let (piece, bytes) = input;
    let found = read(&bytes, usize::from(piece).max(1));
    assert_eq!(found, read(&bytes, usize::MAX));
    pass_on(&bytes);
    let Ok((envelope, content, behind)) = found else { return };
    assert!(bytes.ends_with(behind));
    assert!(envelope.len() as u64 <= BOUNDS.envelope && content.len() as u64 <= BOUNDS.content);
    let mut writer = FrameWriter::begin(Vec::new(), &envelope).expect("the envelope is not empty");
    writer.write(&content).expect("memory takes it");
    let frame = writer.finish().expect("memory takes it");
    assert_eq!(read(&frame, usize::MAX), Ok((envelope, content, &[][..])));
});
