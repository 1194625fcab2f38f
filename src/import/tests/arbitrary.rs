//! Whatever stands in the files of a program, translating them ends, panics nowhere, and writes TOML.

use proptest::prelude::*;
use proptest::sample::select;

use super::drafted;
use crate::import::Program;

/// Pieces of all the languages.
const PIECES: [&str; 64] = [
    "\n",
    " ",
    "\t",
    "\\\n",
    "\"",
    "'",
    "`",
    "#",
    "{",
    "}",
    "<",
    ">",
    "(",
    ")",
    ",",
    "=",
    ":",
    "::",
    "@",
    "!",
    "$",
    "$x",
    "[",
    "]",
    "[a.example]:587",
    "a.example",
    "127.0.0.1",
    "me@isp.example",
    "-",
    "%1",
    "\u{fc}",
    "\0",
    "dnl",
    "define(`SMART_HOST', `",
    "')",
    "FEATURE(`authinfo')",
    "MASQUERADE_AS(`",
    "DS",
    "CG",
    "Kgenerics hash /etc/mail/authinfo",
    "O AliasFile=/etc/aliases",
    "Mrelay, P=[IPC], A=TCP $h 587",
    "AuthInfo:a.example \"U:me\" \"P=",
    "include",
    "table x ",
    "file:/c/x",
    "action a relay host ",
    "smtps://b@",
    " auth <x>",
    "match ",
    "from any ",
    "for any ",
    "mail-from ",
    "for domain ",
    "action a",
    "listen on ",
    "account default",
    "host ",
    "from ",
    "password ",
    "relayhost = ",
    "smtp_sasl_password_maps = inline:{",
    "SMARTHOST ",
    "mailhub=",
];

/// Files that some program reads.
const FILES: [&str; 16] = [
    "/c/main.cf",
    "/c/master.cf",
    "/c/msmtprc",
    "/c/remotes",
    "/c/me",
    "/c/ssmtp.conf",
    "/c/revaliases",
    "/c/dma.conf",
    "/c/auth.conf",
    "/c/update-exim4.conf.conf",
    "/c/passwd.client",
    "/c/smtpd.conf",
    "/c/x",
    "/c/sendmail.mc",
    "/c/sendmail.cf",
    "/c/authinfo",
];

proptest! {
    #[test]
    fn translating_never_panics_and_writes_toml(pieces in prop::collection::vec(select(&PIECES[..]), 0..60)) {
        let text = pieces.concat();
        for program in Program::ALL {
            let source = if program == Program::Msmtp { "/c/msmtprc" } else { "/c" };
            for left_out in ["", "/c/sendmail.cf"] {
                let files: Vec<(&str, &str)> =
                    FILES.iter().filter(|name| **name != left_out).map(|name| (*name, text.as_str())).collect();
                let draft = drafted(program, source, &files);
                let text = draft.config(source);
                prop_assert!(text.parse::<toml::Table>().is_ok(), "{}:\n{text}", program.name());
            }
        }
    }
}
