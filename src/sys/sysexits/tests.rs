//! Tests of exit codes from a peer.

use super::*;

#[test]
fn a_refusal_is_never_taken_for_success() {
    for code in [0, 1, 2, 3, 63, 75, 76, 79, 255] {
        assert_eq!(Exit::from(code), Exit::TempFail, "{code}");
    }
    assert_eq!(Exit::from(Exit::NoPermission.code()), Exit::NoPermission);
}
