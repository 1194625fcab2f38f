//! Unit tests of `deliver::smtp::capabilities`.

use super::*;

fn read(lines: &[&str]) -> Capabilities {
    Capabilities::read(&lines.iter().map(|&l| l.to_owned()).collect::<Vec<_>>())
}

#[test]
fn everything_known_is_found_in_any_case() {
    let found = read(&[
        "mail.isp.example AUTH is not offered by this line",
        "size 1000",
        "starttls",
        "8BITMIME",
        "PIPELINING",
        "SMTPUTF8",
        "DSN",
        "ENHANCEDSTATUSCODES",
        "CHUNKING",
        "auth plain LOGIN",
        "AUTH=LOGIN CRAM-MD5",
        "XFUTURE a b",
        "",
    ]);
    assert_eq!(found.auth, ["PLAIN", "LOGIN", "CRAM-MD5"]);
    assert_eq!(found.size, Size::Limit(1000));
    for extension in [
        Extension::StartTls,
        Extension::EightBitMime,
        Extension::Pipelining,
        Extension::SmtpUtf8,
        Extension::Dsn,
        Extension::EnhancedStatusCodes,
        Extension::Chunking,
    ] {
        assert!(found.offers(extension), "{extension:?}");
    }
}

#[test]
fn size_without_a_limit() {
    assert_eq!(read(&["x"]).size, Size::Absent);
    assert_eq!(read(&["x", "SIZE"]).size, Size::Unlimited);
    assert_eq!(read(&["x", "SIZE 0"]).size, Size::Unlimited);
    assert_eq!(read(&["STARTTLS"]), Capabilities::none());
}
