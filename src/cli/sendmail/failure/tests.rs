//! Unit tests of `cli::sendmail::failure`.

use super::*;
use crate::config::ConfigError;
use crate::mail::address::AddressError;

#[test]
fn a_failure_is_one_line() {
    let line = |text| line(Program("sendmail"), text);
    assert_eq!(line("a\nb\nc"), "sendmail: a (and 2 more)\n");
    assert_eq!(line("a\x1b[31m"), "sendmail: a?[31m\n");
    assert_eq!(line(""), "sendmail: \n");
}

#[test]
fn exit_codes_say_what_happened() {
    let envelope = |error| Failure::Admit(AdmitError::Envelope(error));
    for (failure, code) in [
        (Failure::Usage(UsageError::MissingValue('f')), 64),
        (envelope(EnvelopeError::NoRecipients), 64),
        (Failure::Verify(NotVerified::NullSender), 64),
        (envelope(EnvelopeError::NoUsableRecipient("-i".to_owned(), AddressError::BadSyntax)), 65),
        (Failure::Head(HeadError::TooLong), 65),
        (Failure::Refused(String::new()), 69),
        (Failure::Head(HeadError::Read(io::Error::other("x"))), 71),
        (Failure::Admit(AdmitError::TooBig(1)), 65),
        (Failure::HandIn(NotHandedIn::TooBig(1)), 65),
        (Failure::Command(ConfigError::Missing(Vec::new()).into()), 78),
        (Failure::Tables(vec![TableFault("x".to_owned())]), 78),
        (Failure::Returned(Box::new(envelope(EnvelopeError::NoRecipients))), 64),
    ] {
        assert_eq!(failure.exit().code(), code, "{failure}");
    }
}

#[test]
fn only_what_was_mailed_back_may_end_well() {
    let quiet = Program("sendmail");
    assert_eq!(quiet.tell(&Failure::Refused(String::new()), Errors::MailAndSucceed), Exit::Ok);
    assert_eq!(quiet.tell(&Failure::Refused(String::new()), Errors::Mail), Exit::Unavailable);
    assert_eq!(quiet.tell(&Failure::Verify(NotVerified::NullSender), Errors::Quiet), Exit::Usage);
}
