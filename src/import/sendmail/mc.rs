//! sendmail.mc and submit.mc: calls of macros, of which m4(1) makes a sendmail.cf. Each is taken for what it sets there; no
//! macro is defined or expanded.

use super::cf;
use super::settings::Settings;

/// A piece of a file.
enum Item {
    /// A macro's name with its arguments, without their quotes.
    Call(String, Vec<String>),
    /// Text that goes to sendmail.cf as it is.
    Line(String),
}

/// Adds what a configuration sets; `included` reads the files that it includes.
pub(super) fn read(text: &str, included: &dyn Fn(&str) -> Option<String>, settings: &mut Settings) {
    // An include goes no deeper: files that include themselves would never end.
    let nothing: &dyn Fn(&str) -> Option<String> = &|_| None;
    for item in items(text) {
        match item {
            Item::Line(line) if line.starts_with("LOCAL_RULE") => settings.others.push(line),
            Item::Line(line) => cf::add(&line, settings),
            Item::Call(name, arguments) => {
                let argument = |at: usize| arguments.get(at).map(String::as_str).unwrap_or_default();
                match name.as_str() {
                    "include" if argument(0).ends_with("/cf.m4") => {}
                    "include" | "sinclude" => match included(argument(0)) {
                        Some(text) => read(&text, nothing, settings),
                        None => settings.others.push(format!("include {}", argument(0))),
                    },
                    "define" => define(argument(0), argument(1), settings),
                    "FEATURE" => feature(argument(0), argument(1), argument(2), settings),
                    _ => call(&name, argument(0), settings),
                }
            }
        }
    }
    // It is always looked for.
    settings.class_files.push(("R".to_owned(), "/etc/mail/relay-domains".to_owned()));
}

/// Variables, and the lines of sendmail.cf that they become: macros, mailers' arguments, options.
const MACROS: [(&str, &str); 5] =
    [("SMART_HOST", "S"), ("MAIL_HUB", "H"), ("LOCAL_RELAY", "R"), ("LUSER_RELAY", "L"), ("confDOMAIN_NAME", "j")];
const MAILERS: [(&str, &str); 5] = [
    ("RELAY_MAILER_ARGS", "relay"),
    ("ESMTP_MAILER_ARGS", "esmtp"),
    ("SMTP_MAILER_ARGS", "smtp"),
    ("SMTP8_MAILER_ARGS", "smtp8"),
    ("DSMTP_MAILER_ARGS", "dsmtp"),
];
const OPTIONS: [(&str, &str); 9] = [
    ("ALIAS_FILE", "AliasFile"),
    ("confMAX_MESSAGE_SIZE", "MaxMessageSize"),
    ("confMIN_QUEUE_AGE", "MinQueueAge"),
    ("confTO_QUEUERETURN", "Timeout.queuereturn"),
    ("confTO_QUEUEWARN", "Timeout.queuewarn"),
    ("confDEF_AUTH_INFO", "DefaultAuthInfo"),
    ("confAUTH_MECHANISMS", "AuthMechanisms"),
    ("confCLIENT_CERT", "ClientCertFile"),
    ("confCLIENT_KEY", "ClientKeyFile"),
];

fn define(name: &str, value: &str, settings: &mut Settings) {
    let of = |pairs: &[(&str, &'static str)]| pairs.iter().find(|(known, _)| *known == name).map(|(_, key)| *key);
    if let Some(key) = of(&MACROS) {
        settings.macros.insert(key.to_owned(), value.to_owned());
    } else if let Some(key) = of(&MAILERS) {
        settings.mailers.insert(key.to_owned(), value.to_owned());
    } else if let Some(key) = of(&OPTIONS) {
        settings.options.insert(key.to_owned(), value.to_owned());
    } else {
        settings.others.push(name.to_owned());
    }
}

/// Features with a map, its name in sendmail.cf and its usual file.
const MAPS: [(&str, &str, &str); 5] = [
    ("authinfo", "authinfo", "/etc/mail/authinfo"),
    ("access_db", "access", "/etc/mail/access"),
    ("genericstable", "generics", "/etc/mail/genericstable"),
    ("virtusertable", "virtuser", "/etc/mail/virtusertable"),
    ("mailertable", "mailertable", "/etc/mail/mailertable"),
];

fn feature(name: &str, first: &str, second: &str, settings: &mut Settings) {
    settings.features.insert(name.to_owned());
    if let Some((_, map, usual)) = MAPS.iter().find(|(known, ..)| *known == name) {
        let written = first.replace("MAIL_SETTINGS_DIR", "/etc/mail/");
        settings.maps.insert((*map).to_owned(), if written.is_empty() { (*usual).to_owned() } else { written });
    }
    match name {
        "use_cw_file" => settings.class_files.push(("w".to_owned(), "/etc/mail/local-host-names".to_owned())),
        "nullclient" => {
            for key in ["S", "H", "M"] {
                settings.macros.insert(key.to_owned(), first.to_owned());
            }
            settings.features.extend(["allmasquerade", "masquerade_envelope"].map(str::to_owned));
        }
        "msp" => {
            let host = if first.is_empty() { "[localhost]" } else { first };
            settings.macros.insert("MTAHost".to_owned(), host.to_owned());
            if second == "MSA" {
                settings.mailers.insert("relay".to_owned(), "TCP $h 587".to_owned());
            }
        }
        _ => {}
    }
}

/// Macros that add to a class: from their argument, or from the file that it names.
const CLASSES: [(&str, &str); 7] = [
    ("LOCAL_DOMAIN", "w"),
    ("MASQUERADE_DOMAIN", "M"),
    ("MASQUERADE_EXCEPTION", "N"),
    ("EXPOSED_USER", "E"),
    ("GENERICS_DOMAIN", "G"),
    ("RELAY_DOMAIN", "R"),
    ("VIRTUSER_DOMAIN", "VirtHost"),
];

/// Macros that decide nothing for mail that is sent through a relay, and those of m4 itself.
const SILENT: [&str; 8] = ["VERSIONID", "OSTYPE", "DOMAIN", "MAILER", "divert", "undefine", "ifdef", "changequote"];

fn call(name: &str, argument: &str, settings: &mut Settings) {
    let (plain, is_file) = name.strip_suffix("_FILE").map_or((name, false), |plain| (plain, true));
    let class = CLASSES.iter().find(|(known, _)| *known == plain).map(|(_, class)| *class);
    match (name, class) {
        (_, Some(class)) if is_file => settings.class_files.push((class.to_owned(), argument.to_owned())),
        (_, Some(class)) => settings.add_to_class(class, argument),
        ("MASQUERADE_AS", _) => {
            settings.macros.insert("M".to_owned(), argument.to_owned());
        }
        ("DAEMON_OPTIONS", _) => settings.daemons.push(argument.to_owned()),
        _ if SILENT.contains(&name) => {}
        _ => settings.others.push(name.to_owned()),
    }
}

/// Takes a file apart. Comments of m4 go from `#`, and what it throws away from `dnl`, to the end of the line.
fn items(text: &str) -> Vec<Item> {
    let (mut items, mut line) = (Vec::new(), String::new());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let word = rest.split(|c: char| !is_of_name(c)).next().unwrap_or_default();
        if c == '#' || word == "dnl" {
            rest = rest.split_once('\n').map_or("", |(_, below)| below);
            // The line's end went as well; a text before it was a line all the same.
            flush(&mut line, &mut items);
        } else if !word.is_empty() {
            rest = &rest[word.len()..];
            if let Some(inside) = rest.strip_prefix('(') {
                let (arguments, behind) = arguments(inside);
                items.push(Item::Call(word.to_owned(), arguments));
                rest = behind;
            } else {
                line.push_str(word);
            }
        } else {
            rest = &rest[c.len_utf8()..];
            if c == '\n' {
                flush(&mut line, &mut items);
            } else {
                line.push(c);
            }
        }
    }
    flush(&mut line, &mut items);
    items
}

fn flush(line: &mut String, items: &mut Vec<Item>) {
    let text = std::mem::take(line);
    if !text.trim().is_empty() {
        items.push(Item::Line(text.trim().to_owned()));
    }
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// What stands between the parentheses, divided by commas, and the text behind. Of the quotes, the outer ones go; white space
/// goes before an argument.
fn arguments(text: &str) -> (Vec<String>, &str) {
    let (mut arguments, mut argument) = (Vec::new(), String::new());
    let (mut quotes, mut parentheses) = (0_usize, 0_usize);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let behind = &rest[c.len_utf8()..];
        if quotes == 0 && rest.starts_with("dnl") && !behind[2..].starts_with(is_of_name) {
            rest = rest.split_once('\n').map_or("", |(_, below)| below);
            continue;
        }
        rest = behind;
        match (c, quotes) {
            ('`', _) => {
                if quotes > 0 {
                    argument.push(c);
                }
                quotes += 1;
            }
            ('\'', 1..) => {
                quotes -= 1;
                if quotes > 0 {
                    argument.push(c);
                }
            }
            (')', 0) if parentheses == 0 => break,
            (',', 0) if parentheses == 0 => arguments.push(std::mem::take(&mut argument)),
            (c, 0) if c.is_whitespace() && argument.is_empty() => {}
            (c, 0) => {
                match c {
                    '(' => parentheses += 1,
                    ')' => parentheses -= 1,
                    _ => {}
                }
                argument.push(c);
            }
            (c, _) => argument.push(c),
        }
    }
    arguments.push(argument);
    (arguments, rest)
}
