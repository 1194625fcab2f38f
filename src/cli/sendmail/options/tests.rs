//! Argument lists as real programs make them, and as nobody does.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fmt::Write;

use super::*;
use proptest::prelude::*;

fn read(arguments: &[&[u8]]) -> Result<Options, UsageError> {
    Options::read(arguments.iter().map(|argument| OsString::from_vec(argument.to_vec())))
}

/// The arguments are divided at blanks; `''` is an empty one.
fn words(line: &str) -> Result<Options, UsageError> {
    let words: Vec<&[u8]> =
        line.split_whitespace().map(|word| if word == "''" { &b""[..] } else { word.as_bytes() }).collect();
    read(&words)
}

/// What an argument list comes to: `t`, `i`, `I` for -odi, `v`, sender, full name, recipients.
fn summary(options: &Options) -> String {
    let mut out = String::new();
    let request = &options.request;
    if request.recipients_from == RecipientsFrom::ArgumentsAndHeader {
        out.push('t');
    }
    if request.lone_dot == LoneDot::IsText {
        out.push('i');
    }
    if options.attempt == Attempt::AtOnce {
        out.push('I');
    }
    out.push_str(&"v".repeat(options.verbosity));
    match &request.sender {
        Sender::Login => {}
        Sender::FromField => out.push_str(" f:From"),
        Sender::Given(text) => write!(out, " f={}", shown(text)).unwrap(),
    }
    if let Some(name) = &request.full_name {
        write!(out, " F={}", shown(name)).unwrap();
    }
    for argument in &request.arguments {
        write!(out, " {}", shown(argument)).unwrap();
    }
    out
}

#[test]
fn every_argument_list_that_callers_make_is_understood() {
    for (line, expected) in [
        ("", ""),
        ("-t", "t"),
        ("-t -i", "ti"),
        ("-i -t", "ti"),
        ("-oi -t", "ti"),
        ("-t -oi", "ti"),
        ("-oi -f X -t", "ti f=X"),
        ("-t -f X", "t f=X"),
        ("-t -i -fX", "ti f=X"),
        ("-t -oi -oem -fX", "ti f=X"),
        ("-t -i -oi -fX -t", "ti f=X"),
        ("-i -- R S", "i R S"),
        ("-i -f X -- R", "i f=X R"),
        ("-i -fX -- R", "i f=X R"),
        ("-i -f '' -- R", "i f= R"),
        ("-i -f <> -- R", "i f=<> R"),
        ("-i R", "i R"),
        ("-f X -i R", "i f=X R"),
        ("-i -X log -i R", "i R"),
        ("-i -F Name -f X -- R", "i f=X F=Name R"),
        ("-oem -oi -B8BITMIME -f X -N failure,delay -R hdrs -- R", "i f=X R"),
        ("-t -- R", "t R"),
        ("-i -t -f X -- R", "ti f=X R"),
        ("-FCronDaemon -i -B8BITMIME -oem R", "i F=CronDaemon R"),
        ("-FCronDaemon -i -odi -oem -oi -t -f X", "tiI f=X F=CronDaemon"),
        ("-FAnacron -odi R", "I F=Anacron R"),
        ("-odi R", "I R"),
        ("-i -B8BITMIME R", "i R"),
        ("-oi -odq -f X R", "i f=X R"),
        ("-odi -odb R", " R"),
        ("-ti", "ti"),
        ("-t -f X -it", "ti f=X"),
        ("-F '' -f X", " f=X F="),
        ("-f '' -f X", " f=X"),
        ("-i -bm -f X", "i f=X"),
        ("-F a@b", " F=a@b"),
        ("R", " R"),
        ("-pNNTP:host -oee -odq R", " R"),
        ("-N never -Vid R", " R"),
        ("-B 8BITMIME R", " R"),
        ("-or0s R", " R"),
        ("-G -i R", "i R"),
        ("-Ac R", " R"),
        ("-r X R", " f=X R"),
        ("-tvvfX", "tvv f=X"),
        ("-oi -o7 -o8 -om -oA/etc/aliases -e m -em R", "i R"),
        ("-o i R", "i R"),
        ("-b m R", " R"),
        ("-m -U -n -x -s -c -E -h 3 -L tag -Am -O A=b -OA=b -d0.1 -Dfile -Mx -Q -T1d R", " R"),
        ("a@x -i -f b", " a@x -i -f b"),
        ("- R", " - R"),
        ("-t -- -t", "t -t"),
        ("-i -- -- R", "i -- R"),
        ("--read-envelope-from -i R", "i f:From R"),
        ("--read-recipients", "t"),
        ("-OIgnoreDots -ODeliveryMode=i R", "iI R"),
        ("-O IgnoreDots=True -O DeliveryMode=b R", "i R"),
        ("-bms R", " R"),
    ] {
        let options = words(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(options.mode, Mode::Deliver, "{line}");
        assert_eq!(summary(&options), expected, "{line}");
    }
}

#[test]
fn a_mode_is_never_taken_for_a_message() {
    for (line, mode) in [
        ("-bs", Mode::Smtp),
        ("-bs -odb -oem -om", Mode::Smtp),
        ("-bp", Mode::ListQueue),
        ("-bv R", Mode::Verify),
        ("-bi", Mode::Aliases),
        ("-I", Mode::Aliases),
        ("-bi", Mode::Aliases),
        ("-bC", Mode::Aliases),
        ("-bd -q30m", Mode::Daemon),
        ("-q30m -bd", Mode::Daemon),
        ("-q30m", Mode::Daemon),
        ("-q1h30m", Mode::Daemon),
        ("-q", Mode::RunQueue(Vec::new())),
        ("-q -v", Mode::RunQueue(Vec::new())),
        ("-qf", Mode::RunQueue(Vec::new())),
        ("-q R", Mode::RunQueue(Vec::new())),
        ("-bl", Mode::Daemon),
        ("-vbd", Mode::Daemon),
        ("-bD", Mode::Foreground),
        ("-bh", Mode::Nothing),
        ("-bH", Mode::Nothing),
        ("-bt", Mode::Nothing),
        ("-b p", Mode::ListQueue),
        ("-bs -bm -bp", Mode::ListQueue),
        ("-bpx", Mode::ListQueue),
    ] {
        assert_eq!(words(line).map(|options| options.mode), Ok(mode), "{line}");
    }
}

#[test]
fn what_is_no_option_is_named() {
    for (line, error) in [
        ("-f", UsageError::MissingValue('f')),
        ("-tif", UsageError::MissingValue('f')),
        ("-bx", UsageError::UnknownMode("x".to_owned())),
        ("-b", UsageError::MissingValue('b')),
        ("-qX", UsageError::UnknownSelection("X".to_owned())),
        ("-q!", UsageError::UnknownSelection("!".to_owned())),
        ("-J", UsageError::UnknownOption("-J".to_owned())),
        ("-tJ", UsageError::UnknownOption("-J".to_owned())),
        ("--read-everything", UsageError::UnknownOption("--read-everything".to_owned())),
    ] {
        assert_eq!(words(line), Err(error), "{line}");
    }
    assert_eq!(read(&[b"-\xff"]), Err(UsageError::UnknownOption("-\u{fffd}".to_owned())));
}

#[test]
fn several_selections_hold_together() {
    for (line, count) in [("-q", 0), ("-qRexample.com", 1), ("-q!Sroot -qRexample.com -qI64A", 3), ("-qGmain", 0)] {
        let Mode::RunQueue(tests) = words(line).unwrap().mode else { panic!("{line}") };
        assert_eq!(tests.len(), count, "{line}");
    }
}

#[test]
fn what_is_asked_for_in_reports_is_heeded_or_named() {
    for (line, notify, ret, envid) in [
        ("-N never", Some("NEVER"), None, None),
        ("-Nsuccess,delay -Rfull -VQQ314", Some("SUCCESS,DELAY"), Some("FULL"), Some("QQ314")),
        ("-N delay -N failure -R hdrs -R full", Some("FAILURE"), Some("FULL"), None),
        ("-Vid", None, None, None),
    ] {
        let options = words(line).unwrap();
        let dsn = &options.request.dsn;
        assert_eq!((dsn.notify.as_deref(), dsn.ret.as_deref(), dsn.envid.as_deref()), (notify, ret, envid), "{line}");
        assert_eq!(options.ignored, [], "{line}");
    }
    for line in ["-N often", "-N never,delay", "-R all", "-V ''"] {
        let options = words(line).unwrap();
        assert_eq!(options.request.dsn, Dsn::default(), "{line}");
        assert_eq!(options.ignored.len(), 1, "{line}");
    }
}

#[test]
fn how_errors_are_told_has_four_spellings() {
    for (letter, errors) in option_values::ERRORS {
        let letter = char::from(*letter);
        for line in [
            format!("-oe{letter}"),
            format!("-o e{letter}"),
            format!("-e{letter}"),
            format!("-e {letter}"),
            format!("-OErrorMode={letter}"),
            format!("-ioe{letter}"),
        ] {
            assert_eq!(words(&line).unwrap().errors, *errors, "{line}");
        }
    }
    assert_eq!(words("-oem -oez R").unwrap().errors, Errors::Mail);
}

#[test]
fn each_option_is_read_alone_grouped_attached_and_separate() {
    for Flag { letter, value, .. } in FLAGS {
        let letter = char::from(*letter);
        let text = match letter {
            'b' => "m",
            'N' => "never",
            'R' => "full",
            'V' => "an-id",
            _ => "0x",
        };
        let lines = match value {
            Value::None => vec![format!("-{letter}"), format!("-i{letter}"), format!("-{letter} -{letter}")],
            Value::Needed => {
                vec![
                    format!("-{letter}{text}"),
                    format!("-{letter} {text}"),
                    format!("-i{letter} {text} -{letter}{text}"),
                ]
            }
            Value::Attached => vec![format!("-{letter}"), format!("-i{letter}"), format!("-{letter}0")],
        };
        for line in lines {
            let options = words(&format!("{line} R")).unwrap_or_else(|error| panic!("{line}: {error}"));
            assert_eq!(options.request.arguments, [b"R".to_vec()], "{line}");
        }
    }
}

#[test]
fn a_config_is_named_in_three_ways() {
    for line in ["-C /x", "-C/x", "--config /x", "--config=/x"] {
        assert_eq!(words(line).map(|options| options.config), Ok(Some(PathBuf::from("/x"))), "{line}");
    }
}

#[test]
fn bytes_that_are_not_utf_8_arrive_as_they_are() {
    let options = read(&[b"-F", b"J\xf6rg", b"-f\xff@x", b"\xfe@x"]).unwrap();
    assert_eq!(options.request.full_name, Some(b"J\xf6rg".to_vec()));
    assert_eq!(options.request.sender, Sender::Given(b"\xff@x".to_vec()));
    assert_eq!(options.request.arguments, [b"\xfe@x".to_vec()]);
}

#[test]
fn no_letter_stands_in_the_table_twice() {
    for (at, flag) in FLAGS.iter().enumerate() {
        assert!(FLAGS[at + 1..].iter().all(|other| other.letter != flag.letter), "-{}", char::from(flag.letter));
    }
}

proptest! {
    #[test]
    fn any_argument_list_is_read_or_refused(
        arguments in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..8), 0..6),
        dashed in any::<bool>(),
    ) {
        let arguments = arguments.into_iter().map(|mut argument| {
            if dashed {
                argument.insert(0, b'-');
            }
            OsString::from_vec(argument)
        });
        if let Err(error) = Options::read(arguments) {
            prop_assert!(!error.to_string().contains(char::is_control));
        }
    }
}
