//! The manual pages against the program: what is in one and not in the other is an
//! error, in both directions.

use std::collections::BTreeSet;

use clap::CommandFactory as _;

use crate::cli::Arguments;
use crate::cli::exit::Exit;
use crate::cli::sendmail::vocabulary;
use crate::config::keys::{
    ACCOUNT_KEYS, ALARM_KEYS, CLIENT_KEYS, FLOOD_KEYS, FORMAT_KEYS, HEARTBEAT_KEYS, Key, LIMIT_KEYS, LISTEN_KEYS,
    METRICS_KEYS, OAUTH_KEYS, PASSWORD_KEYS, QUEUE_KEYS, TIMEOUT_KEYS, TOP_KEYS,
};

const SENDMAIL: &str = include_str!("../../../man/sendmail.8");
const POSTRIDER: &str = include_str!("../../../man/postrider.1");
const CONFIG: &str = include_str!("../../../man/postrider.toml.5");

/// The options of `.It` lines, as in `Fl f Ar address , Fl r Ar address` -> f, r; what is glued to one with `Ns`
/// does not count.
fn options_in(page: &str) -> BTreeSet<String> {
    let items = page.lines().filter_map(|line| line.strip_prefix(".It Fl "));
    let words = items.flat_map(|item| item.split(" , ")).map(|one| one.trim_start_matches("Fl "));
    words.filter_map(|one| one.split(' ').next()).map(str::to_owned).collect()
}

fn section<'a>(page: &'a str, from: &str, to: &str) -> &'a str {
    let start = page.find(from).map_or("", |at| &page[at..]);
    start.find(to).map_or(start, |at| &start[..at])
}

#[test]
fn sendmail_8_has_every_option_and_no_other() {
    let options = section(SENDMAIL, ".Sh DESCRIPTION", ".Ss Modes");
    let long = vocabulary::words().into_iter().map(|word| format!("-{word}"));
    let program: BTreeSet<String> = vocabulary::letters()
        .into_iter()
        .map(String::from)
        .chain(long)
        .chain(["-".to_owned(), "-account".to_owned(), "-config".to_owned()])
        .collect();
    assert_eq!(options_in(options), program);
}

#[test]
fn sendmail_8_has_every_mode_selection_and_setting() {
    let modes = vocabulary::modes().into_iter().map(|letter| format!("b{letter}")).collect();
    assert_eq!(options_in(section(SENDMAIL, ".Ss Modes", ".Ss Running")), modes);
    let queue = ["q", "qf", "qG", "qI", "qR", "qS", "qQ", "qL", "qp"].map(str::to_owned).into();
    assert_eq!(options_in(section(SENDMAIL, ".Ss Running", ".Ss Settings")), queue);
    let errors = vocabulary::errors().into_iter().map(|letter| format!("oe{letter}"));
    let settings = errors.chain(["oi", "odi", "odb", "odd", "odq"].map(str::to_owned)).collect();
    assert_eq!(options_in(section(SENDMAIL, ".Ss Settings", ".Ss The message")), settings);
}

#[test]
fn sendmail_8_has_every_exit_code() {
    let table = section(SENDMAIL, ".Sh EXIT STATUS", ".Sh EXAMPLES");
    let told: BTreeSet<u8> = table.lines().filter_map(|line| line.strip_prefix(".It ")?.parse().ok()).collect();
    let codes = [
        Exit::Ok,
        Exit::Usage,
        Exit::DataError,
        Exit::Unavailable,
        Exit::Software,
        Exit::OsError,
        Exit::IoError,
        Exit::TempFail,
        Exit::NoPermission,
        Exit::Config,
    ];
    assert_eq!(told, codes.map(Exit::code).into());
}

/// Subcommands that do something, each as `queue list`, with their options that are not hidden.
fn leaves(command: &clap::Command, above: &str, out: &mut Vec<(String, Vec<String>)>) {
    let subcommands: Vec<_> =
        command.get_subcommands().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help").collect();
    if subcommands.is_empty() {
        let arguments = command.get_arguments().filter(|argument| !argument.is_hide_set());
        let options =
            arguments.filter_map(clap::Arg::get_long).filter(|long| !["help", "version", "config"].contains(long));
        out.push((above.to_owned(), options.map(str::to_owned).collect()));
    }
    for sub in subcommands {
        leaves(sub, format!("{above} {}", sub.get_name()).trim_start(), out);
    }
}

#[test]
fn postrider_1_has_every_subcommand_with_its_options_and_no_other() {
    let mut program = Vec::new();
    leaves(&Arguments::command(), "", &mut program);
    let items: BTreeSet<String> = section(POSTRIDER, ".Sh DESCRIPTION", ".Sh ENVIRONMENT")
        .lines()
        .filter_map(|line| line.strip_prefix(".It Cm "))
        .flat_map(|item| item.split(" , Cm "))
        // An option may have a paragraph of its own.
        .filter_map(|item| item.split(" Fl ").next())
        .map(str::to_owned)
        .collect();
    assert_eq!(items, program.iter().map(|(name, _)| name.clone()).collect());
    let known: BTreeSet<String> = program.into_iter().flat_map(|(_, options)| options).collect();
    let told: BTreeSet<String> = POSTRIDER
        .split("Fl -")
        .skip(1)
        .filter_map(|rest| rest.split_whitespace().next())
        .filter(|option| *option != "config")
        .map(str::to_owned)
        .collect();
    // Those with a letter may be told by it alone.
    let letters = |option: &&String| POSTRIDER.contains(&format!("Fl {}\n", &option[..1]));
    let missing: Vec<&String> = known.difference(&told).filter(|option| !letters(option)).collect();
    assert!(missing.is_empty(), "{missing:?} missing in postrider.1");
    let unknown: Vec<&String> = told.difference(&known).collect();
    assert!(unknown.is_empty(), "postrider.1 has {unknown:?}, which no subcommand takes");
}

#[test]
fn postrider_toml_5_has_no_key_that_is_not_read() {
    let keys = |keys: &[Key]| keys.iter().map(|key| key.name.to_owned()).collect::<BTreeSet<_>>();
    let known: BTreeSet<String> = [
        TOP_KEYS,
        ACCOUNT_KEYS,
        TIMEOUT_KEYS,
        LISTEN_KEYS,
        CLIENT_KEYS,
        QUEUE_KEYS,
        LIMIT_KEYS,
        ALARM_KEYS,
        FORMAT_KEYS,
        HEARTBEAT_KEYS,
        METRICS_KEYS,
        FLOOD_KEYS,
        PASSWORD_KEYS,
        OAUTH_KEYS,
    ]
    .into_iter()
    .flat_map(keys)
    .collect();
    for line in CONFIG.lines().filter_map(|line| line.strip_prefix(".It Cm ")) {
        let key = line.split(' ').next().unwrap_or_default();
        assert!(known.contains(key), "postrider.toml.5 has {key}, which is no key");
    }
}
