//! Tests of the submission's framing: round trips, cuts, bounds, bytes from anywhere.

use proptest::prelude::*;

use super::*;

const BOUNDS: Bounds = Bounds { envelope: 1024, content: 1 << 20 };

fn framed(envelope: &[u8], content: &[u8]) -> Vec<u8> {
    let mut writer = FrameWriter::begin(Vec::new(), envelope).unwrap();
    writer.write(content).unwrap();
    writer.finish().unwrap()
}

fn read(input: impl Read, bounds: Bounds) -> Result<(Vec<u8>, Vec<u8>), FrameError> {
    let mut reader = FrameReader::new(input, bounds);
    let (mut envelope, mut content) = (Vec::new(), Vec::new());
    loop {
        match reader.next_piece() {
            Ok(Piece::Envelope(bytes)) => envelope.extend_from_slice(bytes),
            Ok(Piece::Content(bytes)) => {
                assert!(!bytes.is_empty());
                content.extend_from_slice(bytes);
            }
            Ok(Piece::End) => return Ok((envelope, content)),
            Err(FrameError::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

/// One octet at a time, and not now before each.
struct Hesitant<'a>(&'a [u8], bool);

impl Read for Hesitant<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.1 = !self.1;
        if self.1 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let wanted = room.len().min(1);
        self.0.read(&mut room[..wanted])
    }
}

#[test]
fn a_frame_is_what_formats_says() {
    assert_eq!(framed(b"{}", b"abc"), b"\0\0\0\x02{}\0\0\0\x03abc\0\0\0\0");
    assert_eq!(framed(b"{}", b""), b"\0\0\0\x02{}\0\0\0\0");
}

#[test]
fn a_frame_cut_anywhere_is_no_submission() {
    let whole = framed(b"{\"v\":1}", &[b'x'; 300]);
    for cut in 0..whole.len() {
        assert!(matches!(read(&whole[..cut], BOUNDS), Err(FrameError::CutShort)), "{cut}");
    }
    assert!(read(&whole[..], BOUNDS).is_ok());
}

#[test]
fn nothing_is_read_beyond_the_end() {
    let mut bytes = framed(b"{}", b"abc");
    bytes.extend_from_slice(b"next");
    let mut reader = FrameReader::new(&bytes[..], BOUNDS);
    while reader.next_piece().unwrap() != Piece::End {}
    assert_eq!(reader.next_piece().unwrap(), Piece::End);
    assert_eq!(reader.into_inner(), b"next");
}

#[test]
fn an_interrupted_reader_goes_on() {
    let content: Vec<u8> = (0..=255).collect();
    let frame = framed(b"{\"v\":1}", &content);
    assert_eq!(read(Hesitant(&frame, false), BOUNDS).unwrap(), (b"{\"v\":1}".to_vec(), content));
}

#[test]
fn bounds_hold_before_anything_is_kept() {
    assert!(matches!(read(&framed(&[b' '; 1025], b"")[..], BOUNDS), Err(FrameError::TooLong(Part::Envelope, 1024))));
    let bounds = Bounds { envelope: 1024, content: 100_000 };
    assert!(read(&framed(b"{}", &vec![b'x'; 100_000])[..], bounds).is_ok());
    assert!(matches!(
        read(&framed(b"{}", &vec![b'x'; 100_001])[..], bounds),
        Err(FrameError::TooLong(Part::Content, _))
    ));
    assert!(matches!(read(&b"\0\0\0\0"[..], BOUNDS), Err(FrameError::NoEnvelope)));
    assert!(FrameWriter::begin(Vec::new(), b"").is_err());
    let promise = b"\0\0\0\x01{\xff\xff\xff\xff";
    assert!(matches!(read(&promise[..], Bounds { envelope: 9, content: u64::MAX }), Err(FrameError::CutShort)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&bytes[..], BOUNDS);
        let mut framed_once = b"\0\0\0\x02{}".to_vec();
        framed_once.extend_from_slice(&bytes);
        let _ = read(&framed_once[..], BOUNDS);
    }

    #[test]
    fn what_is_written_is_read(
        envelope in proptest::collection::vec(any::<u8>(), 1..200),
        pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..20_000), 0..5),
    ) {
        let mut writer = FrameWriter::begin(Vec::new(), &envelope).unwrap();
        for piece in &pieces {
            writer.write(piece).unwrap();
        }
        let frame = writer.finish().unwrap();
        prop_assert_eq!(read(&frame[..], BOUNDS).unwrap(), (envelope, pieces.concat()));
    }
}
