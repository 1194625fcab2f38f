//! Tests of where one stands in a frame: every border, every bound, octets from anywhere.

use proptest::prelude::*;

use super::*;

const BOUNDS: Bounds = Bounds { envelope: 4, content: 6 };

/// Passes the frame in pieces of at most `step` octets; the parts that were seen, and how many octets they took.
fn walk(mut frame: &[u8], step: usize) -> Result<(Vec<(Part, usize)>, usize), FrameError> {
    let mut place = Place::at_start(BOUNDS);
    let (mut parts, mut taken) = (Vec::new(), 0);
    while place.part() != Part::End {
        let (now, later) = frame.split_at(place.missing().min(step).min(frame.len()));
        if now.is_empty() {
            return Err(FrameError::CutShort);
        }
        parts.push((place.part(), now.len()));
        place.pass(now)?;
        (frame, taken) = (later, taken + now.len());
    }
    assert_eq!(place.missing(), 0);
    Ok((parts, taken))
}

#[test]
fn a_frame_is_lengths_envelope_content_and_an_end() {
    use Part::{Content, Envelope, Length};
    let frame = b"\0\0\0\x02{}\0\0\0\x03abc\0\0\0\x01d\0\0\0\0next";
    let parts = [(Length, 4), (Envelope, 2), (Length, 4), (Content, 3), (Length, 4), (Content, 1), (Length, 4)];
    assert_eq!(walk(frame, 9).unwrap(), (parts.to_vec(), 22));
    assert_eq!(walk(frame, 1).unwrap().1, 22);
    for cut in 0..22 {
        assert!(matches!(walk(&frame[..cut], 3), Err(FrameError::CutShort)), "{cut}");
    }
}

#[test]
fn bounds_hold_as_soon_as_a_length_is_known() {
    assert!(matches!(walk(b"\0\0\0\0", 4), Err(FrameError::NoEnvelope)));
    assert!(matches!(walk(b"\0\0\0\x05", 4), Err(FrameError::TooLong(Part::Envelope, 4))));
    assert!(walk(b"\0\0\0\x04{  }\0\0\0\x06abcdef\0\0\0\0", 4).is_ok());
    assert!(matches!(walk(b"\0\0\0\x04{  }\0\0\0\x06abcdef\0\0\0\x01", 4), Err(FrameError::TooLong(Part::Content, 6))));
    assert!(matches!(walk(b"\0\0\0\x01{\xff\xff\xff\xff", 4), Err(FrameError::TooLong(Part::Content, 6))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_octets_are_walked_without_a_panic(octets in proptest::collection::vec(any::<u8>(), 0..60), step in 1..9_usize) {
        let _ = walk(&octets, step);
        let _ = walk(&[b"\0\0\0\x02{}", &octets[..]].concat(), step);
    }
}
