//! Unit tests of `submit::smtp_server::dialogue::content`.

use proptest::prelude::*;

use super::*;

/// Where the first octet is that breaks a line, octet by octet.
fn broken(content: &[u8], bare_lf: BareLf) -> Option<usize> {
    let is_after_cr = |at: usize| content[..at].ends_with(b"\r");
    (0..content.len()).find(|&at| match content[at] {
        b'\n' => !is_after_cr(at) && bare_lf == BareLf::Refused,
        _ => is_after_cr(at),
    })
}

proptest! {
    #[test]
    fn a_broken_line_is_found_where_it_is_however_it_is_cut(
        content in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'a')], 0..40),
        piece in 1_usize..20,
    ) {
        for bare_lf in [BareLf::AsLineEnd, BareLf::Refused] {
            let mut intake = Intake::new(u64::MAX, None);
            let mut found = None;
            for (number, part) in content.chunks(piece).enumerate() {
                found = intake.broken_line(part, bare_lf).map(|(at, _)| number * piece + at);
                if found.is_some() {
                    break;
                }
            }
            prop_assert_eq!(found, broken(&content, bare_lf));
            prop_assert!(found.is_some() || intake.is_after_cr == content.ends_with(b"\r"));
        }
    }
}
