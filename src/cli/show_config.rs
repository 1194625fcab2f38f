//! `postrider config show`: the keys as they are written, file by file, and with `--defaults` what
//! holds for those that are not; with `--json`, all of it for programs. Passwords are never shown.

use super::exit::{Exit, Failure};
use crate::config::keys::{
    ACCOUNT_KEYS, ALARM_KEYS, CLIENT_KEYS, FLOOD_KEYS, Key, LIMIT_KEYS, LISTEN_KEYS, METRICS_KEYS, QUEUE_KEYS,
    TIMEOUT_KEYS, TOP_KEYS,
};
use crate::config::outline::{Part, Section};
use crate::config::{Config, container, locate, outline, values};

/// Arguments of `config show`.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Arguments {
    /// Also print keys that are not set, with their defaults
    #[arg(long)]
    defaults: bool,
    /// Print one JSON object
    #[arg(long, conflicts_with = "defaults")]
    json: bool,
}

/// Keys that are sections of their own, which are always shown.
const SECTIONS: [&str; 8] = ["account", "listen", "client", "queue", "limits", "alarm", "metrics", "flood"];

/// Prints it.
pub fn run(config: &Config, arguments: &Arguments) -> Result<Exit, Failure> {
    if arguments.json {
        let files: Vec<_> =
            [&config.path].into_iter().chain(&config.others).map(|path| path.display().to_string()).collect();
        print_line!("{}", serde_json::json!({ "files": files, "keys": values::read(config)? }));
        return Ok(Exit::Ok);
    }
    let main = outline::read(&config.path)?;
    let others = config.others.iter().map(|path| outline::read(path)).collect::<Result<Vec<_>, _>>()?;
    let environment = if container::is_here() { outline::of_text(&locate::environment()?.text) } else { Vec::new() };
    let all: Vec<&Section> = main.iter().chain(others.iter().flatten()).chain(&environment).collect();
    print_line!("# {}", config.path.display());
    for section in &main {
        let unset = if arguments.defaults { unset(section, &all) } else { Vec::new() };
        show(section, &unset);
    }
    for (path, sections) in config.others.iter().zip(&others) {
        print_line!("\n# {}", path.display());
        for section in sections {
            // The defaults of the top and of sections that are always there are shown with the main file.
            let is_named = !matches!(section.part, Part::Top | Part::Queue | Part::Limits);
            let unset = if arguments.defaults && is_named { unset(section, &all) } else { Vec::new() };
            show(section, &unset);
        }
    }
    if !environment.is_empty() {
        print_line!("\n# the environment");
        for section in &environment {
            show(section, &[]);
        }
    }
    Ok(Exit::Ok)
}

fn show(section: &Section, unset: &[&Key]) {
    if section.part != Part::Top && !(section.keys.is_empty() && unset.is_empty()) {
        print_line!("\n[{}]", section.part.heading());
    }
    for (key, value) in &section.keys {
        print_line!("{key} = {value}");
    }
    for key in unset {
        print_line!("#{} - {}", key.name, key.doc);
    }
}

/// The keys that a section may have and no file gives it.
fn unset<'k>(section: &Section, all: &[&Section]) -> Vec<&'k Key> {
    let (known, has_section) = match &section.part {
        Part::Top => (TOP_KEYS, true),
        Part::Account(name) => (ACCOUNT_KEYS, all.iter().any(|one| one.part == Part::Timeouts(name.clone()))),
        Part::Timeouts(_) => (TIMEOUT_KEYS, false),
        Part::Listen(_) => (LISTEN_KEYS, false),
        Part::Client(_) => (CLIENT_KEYS, false),
        Part::Queue => (QUEUE_KEYS, false),
        Part::Limits => (LIMIT_KEYS, false),
        Part::Alarm => (ALARM_KEYS, false),
        Part::Metrics => (METRICS_KEYS, false),
        Part::Flood => (FLOOD_KEYS, false),
    };
    let is_section = |key: &Key| has_section && (SECTIONS.contains(&key.name) || key.name == "timeouts");
    let same = all.iter().filter(|one| one.part == section.part);
    let set: Vec<&str> = same.flat_map(|one| &one.keys).map(|(set, _)| set.as_str()).collect();
    let is_set = |key: &Key| set.contains(&key.name);
    known.iter().filter(|key| !is_set(key) && !is_section(key)).collect()
}
