//! `postrider import`: another program's configuration becomes a config file with its
//! secrets beside it. What it means is decided in `config::import`; here files are read
//! and written, and nothing is ever overwritten.

mod old_queue;
mod read_back;
mod reading;
mod write;

use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};

use clap::builder::{PossibleValuesParser, TypedValueParser};

use self::read_back::Comparison;
use self::reading::Reader;
use super::exit::{Exit, Failure};
use super::init::discovery;
use super::no_config::NoConfig;
use super::{ask, check};
use crate::config::{places, read};
use crate::import::draft::{Draft, Note};
use crate::import::origin::Texts;
use crate::import::{self, ImportContext, ImportError, Program, SourceIs, Tables};
use crate::sys::host;
use crate::sys::user::Caller;

/// Arguments of `import`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    _no_config: NoConfig,
    /// The program to convert: postfix, msmtp, nullmailer, ssmtp, dma, exim, opensmtpd or sendmail
    #[arg(value_parser = programs())]
    program: Program,
    /// The program's folder or configuration file; default: the usual location
    #[arg(long, value_name = "PATH")]
    source: Option<PathBuf>,
    /// The folder to write config.toml and secrets/ into; default: where your config is
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,
    /// Leave tables in the other program's folder, instead of copying them
    #[arg(long)]
    in_place: bool,
    /// Import although the program also receives mail, or delivers without a relay
    #[arg(long)]
    send_only: bool,
    /// The relay for mail that the program delivers without one
    #[arg(long, value_name = "HOST[:PORT]", requires = "send_only")]
    relay: Option<String>,
    /// The login at that relay
    #[arg(long, value_name = "NAME", requires = "relay")]
    username: Option<String>,
    /// Also import clients that submit by SMTP without a password, identified by their address (Postfix's mynetworks); they
    /// belong to you
    #[arg(long)]
    trust_networks: bool,
}

impl Arguments {
    fn tables(&self) -> Tables {
        if self.in_place { Tables::InPlace } else { Tables::Copied }
    }
}

/// The programs by name, which completion offers.
fn programs() -> impl TypedValueParser<Value = Program> {
    let by_name = |name: String| Program::ALL.into_iter().find(|one| one.name() == name).ok_or("not one of them");
    PossibleValuesParser::new(Program::ALL.map(Program::name)).try_map(by_name)
}

/// Imports.
pub fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let caller = Caller::current();
    let source = source(arguments, caller.home.as_deref());
    let reader = Reader::of(&source);
    let (failures, texts) = (RefCell::new(Vec::new()), RefCell::new(Texts::default()));
    let read = |path: &Path| {
        let text = reader.read(path).map_err(|error| {
            let told = io::Error::new(error.kind(), error.to_string());
            failures.borrow_mut().push((path.to_owned(), error));
            told
        });
        text.inspect(|text| texts.borrow_mut().add(path, text))
    };
    // `~` is the home of the user whose configuration it is.
    let of_user = reader.user().map(Caller::of);
    let (hostname, home) = (host::this_machine(), of_user.as_ref().unwrap_or(&caller).home.as_deref());
    let context = ImportContext {
        source: &source,
        source_is: if source.is_dir() { SourceIs::Folder } else { SourceIs::File },
        hostname: &hostname,
        home,
        tables: arguments.tables(),
        trust_networks: arguments.trust_networks.then_some(caller.login.as_str()),
        read: &read,
    };
    let mut draft = import::translate(arguments.program, &context).map_err(|error| match error {
        ImportError::Unreadable { .. } => Failure::new(Exit::NoInput, error),
    })?;
    reading::note_unreadable(&failures.borrow(), &mut draft);
    draft.without_raw(&texts.borrow());
    if !draft.serves.is_empty() && !arguments.send_only {
        return Err(still_needed(arguments.program, &draft));
    }
    add_relay(arguments, &mut draft)?;
    let folder = match &arguments.output {
        Some(folder) => folder.clone(),
        None => usual_output(&caller)?,
    };
    // Of the system's mail, not of one user's.
    if source.starts_with("/etc") || folder.join("config.toml") == Path::new(places::SYSTEM_CONFIG) {
        draft.commands_run_as_service();
    }
    let path = folder.join("config.toml");
    let (text, config) = loop {
        if draft.accounts.is_empty() {
            return Err(without_account(&source, &draft));
        }
        let text = draft.config(&source.display().to_string());
        match read::read(&path, &text) {
            Ok(config) => break (text, config),
            Err(error) => read_back::without_refused(&error, &text, &texts.borrow(), &mut draft)?,
        }
    };
    print_line!("Read the settings of {} from {}.", arguments.program.name(), source.display());
    notes(&draft);
    let decide = || match read_back::routes(&config, &draft, arguments.program.name()) {
        Comparison::Different if ask::is_attended() => confirmed(&path),
        Comparison::Different | Comparison::Same => Ok(()),
    };
    let written = write::all(&folder, &draft, &text, decide)?;
    print_line!("");
    for path in written {
        print_line!("wrote {}", path.display());
    }
    let exit = check::show_new(&config);
    if arguments.source.is_none() {
        old_queue::report(arguments.program, Path::new("/"), home);
    }
    print_line!("\nDone. Check it with: postrider --config {} check", path.display());
    Ok(exit)
}

/// On a terminal, whoever imports decides whether mail may go otherwise than it did.
fn confirmed(path: &Path) -> Result<(), Failure> {
    let question = format!("Some mail will be routed differently. Write {} anyway (yes or no)?", path.display());
    let is_yes = ask::question(&question, "yes", |answer| match answer.to_lowercase().as_str() {
        "yes" | "y" => Ok(true),
        "no" | "n" => Ok(false),
        _ => Err("answer yes or no".to_owned()),
    })?;
    if is_yes { Ok(()) } else { Err(Failure::new(Exit::Config, "nothing was written")) }
}

/// What decides nothing is in the file only.
fn notes(draft: &Draft) {
    for (kind, title) in [("Changed", "What changes:"), ("Not imported", "What is not imported:")] {
        let notes: Vec<_> = draft.notes.iter().map(Note::parts).filter(|(of, ..)| *of == kind).collect();
        if !notes.is_empty() {
            print_line!("\n{title}");
            for (_, what, why) in notes {
                print_line!("- {what}: {why}");
            }
        }
    }
}

/// A relay in the place of delivery without one: the one that is given, or asked for on a terminal.
fn add_relay(arguments: &Arguments, draft: &mut Draft) -> Result<(), Failure> {
    let unusable = |problem: String| Failure::new(Exit::Usage, format_args!("--relay: {problem}"));
    let named = arguments.relay.as_deref().map(discovery::written).transpose().map_err(unusable)?;
    let name = arguments.program.name();
    match named {
        Some(_) if !draft.is_direct => Err(Failure::new(
            Exit::Usage,
            format_args!("--relay is for mail that is delivered without a relay, and this {name} has one"),
        )),
        Some(found) => {
            import::add_relay(draft, &found.relay, arguments.username.as_deref());
            Ok(())
        }
        None if draft.is_direct && ask::is_attended() => {
            let question = format!("This {name} delivers mail without a relay. The relay to use instead (HOST[:PORT])");
            let found = ask::question(&question, "", discovery::written)?;
            let username =
                ask::question("User name on that server, if it requires a login", "", |answer| Ok(answer.to_owned()))?;
            import::add_relay(draft, &found.relay, Some(username.as_str()).filter(|name| !name.is_empty()));
            Ok(())
        }
        None => Ok(()),
    }
}

/// Where postrider takes its place, mail would be lost.
fn still_needed(program: Program, draft: &Draft) -> Failure {
    let name = program.name();
    let mut lines: Vec<String> = draft.serves.iter().map(|how| format!("this {name} {how}")).collect();
    let sentence = "postrider only sends, through a relay, and cannot replace it; nothing was written. To import what it \
                    sends anyway, add --send-only";
    lines.push(sentence.to_owned());
    Failure::new(Exit::Config, lines.join("\n"))
}

/// All mail would wait with such a config.
fn without_account(source: &Path, draft: &Draft) -> Failure {
    let mut lines: Vec<String> = Vec::new();
    for (kind, what, why) in draft.sorted_notes().into_iter().map(Note::parts) {
        lines.push(format!("{kind}: {what}: {why}"));
    }
    let shown = source.display();
    let way_out = if draft.is_direct {
        "name the relay to use with --relay HOST[:PORT], and the login there with --username"
    } else {
        "run \"postrider init\" to set one up"
    };
    lines.push(format!("{shown} has no account that postrider can use, and nothing was written; {way_out}"));
    Failure::new(Exit::Config, lines.join("\n"))
}

fn source(arguments: &Arguments, home: Option<&Path>) -> PathBuf {
    let source = arguments.source.clone().unwrap_or_else(|| {
        let places = arguments.program.usual_places(home);
        places.iter().find(|path| path.exists()).or(places.last()).cloned().unwrap_or_default()
    });
    std::path::absolute(&source).unwrap_or(source)
}

fn usual_output(caller: &Caller) -> Result<PathBuf, Failure> {
    let path = match caller.home.as_deref().filter(|_| caller.uid != 0) {
        Some(home) => places::own_config(home),
        None => PathBuf::from(places::SYSTEM_CONFIG),
    };
    let folder = path.parent().map(Path::to_owned);
    folder.ok_or_else(|| Failure::new(Exit::Usage, "use --output to name the folder to write into"))
}
