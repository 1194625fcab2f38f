//! `postrider config show`: the file's keys as they are written, and with `--defaults` what
//! holds for those that are not. Passwords are never shown.

use super::exit::{Exit, Failure};
use crate::config::keys::{
    ACCOUNT_KEYS, CLIENT_KEYS, Key, LIMIT_KEYS, LISTEN_KEYS, QUEUE_KEYS, TIMEOUT_KEYS, TOP_KEYS,
};
use crate::config::outline::{Part, Section};
use crate::config::{Config, outline};

/// Arguments of `config show`.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Arguments {
    /// Also print keys that are not set, with their defaults
    #[arg(long)]
    defaults: bool,
}

/// Keys that are sections of their own, which are always shown.
const SECTIONS: [&str; 5] = ["account", "listen", "client", "queue", "limits"];

/// Prints it.
pub fn run(config: &Config, arguments: &Arguments) -> Result<Exit, Failure> {
    let sections = outline::read(&config.path)?;
    println!("# {}", config.path.display());
    for section in &sections {
        let unset = if arguments.defaults { unset(section, &sections) } else { Vec::new() };
        if section.part != Part::Top && !(section.keys.is_empty() && unset.is_empty()) {
            println!("\n[{}]", section.part.heading());
        }
        for (key, value) in &section.keys {
            println!("{key} = {value}");
        }
        for key in unset {
            println!("#{} - {}", key.name, key.doc);
        }
    }
    Ok(Exit::Ok)
}

/// The keys that a section may have and has not.
fn unset<'k>(section: &Section, all: &[Section]) -> Vec<&'k Key> {
    let (known, has_section) = match &section.part {
        Part::Top => (TOP_KEYS, true),
        Part::Account(name) => (ACCOUNT_KEYS, all.iter().any(|one| one.part == Part::Timeouts(name.clone()))),
        Part::Timeouts(_) => (TIMEOUT_KEYS, false),
        Part::Listen(_) => (LISTEN_KEYS, false),
        Part::Client(_) => (CLIENT_KEYS, false),
        Part::Queue => (QUEUE_KEYS, false),
        Part::Limits => (LIMIT_KEYS, false),
    };
    let is_section = |key: &Key| has_section && (SECTIONS.contains(&key.name) || key.name == "timeouts");
    let is_set = |key: &Key| section.keys.iter().any(|(set, _)| set == key.name);
    known.iter().filter(|key| !is_set(key) && !is_section(key)).collect()
}
