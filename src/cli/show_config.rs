//! `postrider config show`: the file's keys as they are written, and with `--defaults` what
//! holds for those that are not. Passwords are never shown.

use super::exit::{Exit, Failure};
use crate::config::keys::{ACCOUNT_KEYS, Key, LIMIT_KEYS, QUEUE_KEYS, TOP_KEYS};
use crate::config::{Config, outline};

/// Arguments of `config show`.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Arguments {
    /// Show the keys that are not set as well, with their defaults
    #[arg(long)]
    defaults: bool,
}

/// Prints it.
pub fn run(config: &Config, arguments: &Arguments) -> Result<Exit, Failure> {
    let sections = outline::read(&config.path)?;
    println!("# {}", config.path.display());
    for (name, keys) in sections {
        if !name.is_empty() {
            println!("\n[{name}]");
        }
        for (key, value) in &keys {
            println!("{key} = {value}");
        }
        if arguments.defaults {
            let known = match name.as_str() {
                "" => TOP_KEYS,
                "queue" => QUEUE_KEYS,
                "limits" => LIMIT_KEYS,
                _ => ACCOUNT_KEYS,
            };
            known.iter().filter(|key| keys.iter().all(|(set, _)| set != key.name)).for_each(unset);
        }
    }
    Ok(Exit::Ok)
}

fn unset(key: &Key) {
    if !matches!(key.name, "account" | "queue") {
        println!("#{} - {}", key.name, key.doc);
    }
}
