//! Unit tests of what the crate has in common.

use super::*;

#[test]
fn a_recipient_is_a_login_and_what_follows_its_plus() {
    let parts = |address: &str| {
        let recipient = Recipient::parse(address)?;
        assert_eq!(recipient.address, address);
        Some((recipient.login, recipient.extension))
    };
    let some = |login: &str, extension: Option<&str>| Some((login.to_owned(), extension.map(str::to_owned)));
    assert_eq!(parts("her@home.lan"), some("her", None));
    assert_eq!(parts("her"), some("her", None));
    assert_eq!(parts("her+a+b@home.lan"), some("her", Some("a+b")));
    assert_eq!(parts("her+@home.lan"), some("her", None));
    assert_eq!(parts("a.b-c_d@x@home.lan"), None);
    for nobody in
        ["", "@home.lan", "+x@home.lan", "../her@home.lan", ".her", "-her", "\"her\"@h", "h\u{e9}r@h", "a/b@h"]
    {
        assert_eq!(parts(nobody), None, "{nobody}");
    }
}

#[test]
fn a_refusal_is_one_line_of_ascii_and_full_disks_have_their_codes() {
    assert_eq!(Refusal::new("451 4.2.0", "a\r\n250 b \u{e9}").0, "451 4.2.0 a??250 b ?");
    assert_eq!(Refusal::new("451 4.2.0", "x".repeat(9000)).0.len(), 500);
    let of = |kind: io::ErrorKind| cannot("write to", Path::new("/x"))(io::Error::from(kind)).0;
    assert!(of(io::ErrorKind::QuotaExceeded).starts_with("452 4.2.2 cannot write to /x: "));
    assert!(of(io::ErrorKind::StorageFull).starts_with("452 4.3.1 "));
    assert!(of(io::ErrorKind::PermissionDenied).starts_with("451 4.2.0 "));
}
