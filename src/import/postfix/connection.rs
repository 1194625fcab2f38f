//! What main.cf says of every connection, where from, how long and how many -> keys that all accounts have.

use std::net::IpAddr;

use super::main_cf::MainCf;
use crate::config::ehlo_keywords::EhloKeywords;
use crate::config::units;
use crate::import::draft::{Draft, Section, quoted};
use crate::import::postfix::time;

/// Postfix's limits of time, and ours.
const TIMES: [(&str, &str); 10] = [
    ("smtp_connect_timeout", "connect"),
    ("smtp_helo_timeout", "helo"),
    ("smtp_starttls_timeout", "starttls"),
    ("smtp_mail_timeout", "mail"),
    ("smtp_rcpt_timeout", "rcpt"),
    ("smtp_data_init_timeout", "data"),
    ("smtp_data_xfer_timeout", "block"),
    ("smtp_data_done_timeout", "final"),
    ("smtp_quit_timeout", "quit"),
    ("smtp_rset_timeout", ""),
];

/// Reads them.
pub(crate) fn read(main: &MainCf<'_>, draft: &mut Draft, keys: &mut Section) {
    addresses(main, draft, keys);
    times(main, draft, keys);
    limits(main, draft, keys);
    keywords(main, draft, keys);
    missing_to(main, draft, keys);
}

/// The field as a whole. Since Postfix 2.8 there is none by default.
fn missing_to(main: &MainCf<'_>, draft: &mut Draft, keys: &mut Section) {
    const NAME: &str = "undisclosed_recipients_header";
    let Some(text) = main.get(NAME) else { return };
    keys.text("missing_to", "undisclosed", NAME);
    let words: String = text.split_whitespace().collect();
    if !words.eq_ignore_ascii_case("to:undisclosed-recipients:;") {
        draft.changed(format!("{NAME} = {text}"), "the field is To: undisclosed-recipients:;");
    }
}

pub(crate) const DISCARDED: &str = "smtp_discard_ehlo_keywords";

/// What discarding them meant for the session as a whole is not a matter of keywords: without AUTH there was no login, and
/// without STARTTLS no TLS, or no mail.
fn keywords(main: &MainCf<'_>, draft: &mut Draft, keys: &mut Section) {
    let (mut kept, mut known) = (Vec::new(), EhloKeywords::default());
    for word in main.list(DISCARDED) {
        let named = format!("{DISCARDED} = {word}");
        match word.to_ascii_lowercase().as_str() {
            "auth" => draft.changed(named, "an account that has a login uses it; remove `username` if it must not"),
            "starttls" => draft.no_effect(named, "`tls` of the account says whether there is TLS"),
            lower if known.add(lower) => kept.push(lower.to_owned()),
            _ => draft.left_out(named, "Postfix has no such keyword, and ignores it"),
        }
    }
    if !kept.is_empty() {
        keys.list("discard_ehlo_keywords", &kept, DISCARDED);
    }
}

fn addresses(main: &MainCf<'_>, draft: &mut Draft, keys: &mut Section) {
    let mut all = Vec::new();
    for name in ["smtp_bind_address", "smtp_bind_address6"] {
        let Some(text) = main.get(name) else { continue };
        match text.trim_matches(['[', ']']).parse::<IpAddr>() {
            Ok(ip) if !ip.is_unspecified() => all.push(ip.to_string()),
            Ok(_) => draft.left_out(name, "any address is the default"),
            Err(_) => draft.left_out(name, format!("\"{text}\" is not an IP address")),
        }
    }
    if !all.is_empty() {
        keys.list("source_address", &all, "smtp_bind_address, smtp_bind_address6");
    }
}

fn times(main: &MainCf<'_>, draft: &mut Draft, keys: &mut Section) {
    let (mut steps, mut names) = (Vec::new(), Vec::new());
    for (name, step) in TIMES {
        let Some(text) = main.get(name) else { continue };
        match time(&text, 's') {
            Ok(_) if step.is_empty() => draft.left_out(name, "use `mail` in the account's `timeouts`"),
            Ok(time) => {
                steps.push(format!("{step} = {}", quoted(&time)));
                if step == "helo" {
                    steps.push(format!("greeting = {}", quoted(&time)));
                }
                names.push(name);
            }
            Err(why) => draft.left_out(name, why),
        }
    }
    if !steps.is_empty() {
        keys.line("timeouts", format!("{{ {} }}", steps.join(", ")), names.join(", "));
    }
}

fn limits(main: &MainCf<'_>, draft: &mut Draft, keys: &mut Section) {
    let either =
        |own: &'static str, all: &'static str| [own, all].into_iter().find_map(|name| Some((name, main.get(name)?)));
    if let Some((name, text)) = either("smtp_destination_concurrency_limit", "default_destination_concurrency_limit") {
        match text.parse::<u32>() {
            Ok(number) if number > 0 => keys.line("max_connections", number.to_string(), name),
            _ => draft.left_out(name, "there is always a limit, `max_connections`"),
        }
    }
    let reuse = "smtp_connection_reuse_count_limit";
    match main.get(reuse).map(|text| text.parse::<u32>()) {
        None => {}
        Some(Ok(number)) if number > 0 => keys.line("max_messages_per_connection", number.to_string(), reuse),
        Some(_) => draft.left_out(reuse, "there is always a limit, `max_messages_per_connection`"),
    }
    let Some((name, text)) = either("smtp_destination_rate_delay", "default_destination_rate_delay") else { return };
    let seconds = time(&text, 's').ok().and_then(|time| units::duration(&time).ok());
    match seconds.map(|time| time.as_secs()) {
        Some(seconds @ 1..=60) => {
            keys.line("max_per_minute", (60 / seconds).to_string(), name);
            keys.line("max_connections", "1".to_owned(), name);
        }
        _ => draft.left_out(name, "set `max_per_minute` in the account, at least 1"),
    }
}
