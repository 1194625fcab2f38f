//! `postrider import`: another program's configuration becomes a config file with its
//! secrets beside it. What it means is decided in `config::import`; here files are read
//! and written, and nothing is ever overwritten.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use super::exit::{Exit, Failure};
use super::new_config::{give, readers, spare, store};
use crate::config::places;
use crate::import::draft::{Draft, Note};
use crate::import::{self, Given, ImportError, Program};
use crate::sys::host;
use crate::sys::user::Caller;

/// Arguments of `import`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The program to convert: postfix, msmtp, nullmailer, ssmtp or dma
    #[arg(value_parser = program)]
    program: Program,
    /// Its folder or file; default: the usual location
    #[arg(long, value_name = "PATH")]
    source: Option<PathBuf>,
    /// The folder to write config.toml and secrets/ into; default: where your config is
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,
}

fn program(name: &str) -> Result<Program, String> {
    let all = [Program::Postfix, Program::Msmtp, Program::Nullmailer, Program::Ssmtp, Program::Dma];
    let known = all.map(Program::name).join(", ");
    all.into_iter().find(|one| one.name() == name).ok_or_else(|| format!("the supported programs are {known}"))
}

/// Imports.
pub fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let caller = Caller::current();
    let source = source(arguments, caller.home.as_deref());
    let read = |path: &Path| fs::read_to_string(path);
    let given = Given { source: &source, hostname: &host::this_machine(), read: &read };
    let draft = import::translate(arguments.program, &given).map_err(|error| match error {
        ImportError::Unreadable { .. } => Failure::new(Exit::NoInput, error),
    })?;
    if draft.accounts.is_empty() {
        return Err(without_account(&source, &draft));
    }
    let folder = match &arguments.output {
        Some(folder) => folder.clone(),
        None => usual_output(&caller)?,
    };
    let written = write(&folder, &draft, &source.display().to_string())?;
    for path in written {
        println!("wrote {}", path.display());
    }
    draft.notes.iter().for_each(|note| println!("{}", shown(note)));
    println!("Done. Check it with: postrider --config {} check", folder.join("config.toml").display());
    Ok(Exit::Ok)
}

fn shown(note: &Note) -> String {
    match note {
        Note::Changed(what, how) => format!("changed: {what}: {how}"),
        Note::LeftOut(what, why) => format!("not imported: {what}: {why}"),
    }
}

/// All mail would wait with such a config.
fn without_account(source: &Path, draft: &Draft) -> Failure {
    let mut lines: Vec<String> = draft.notes.iter().map(shown).collect();
    lines.push(format!(
        "{} has no account that postrider can use, and nothing was written; run \"postrider init\" to set one up",
        source.display()
    ));
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

/// Writes secrets first, so that a config never names a file that is not there.
fn write(folder: &Path, draft: &Draft, from: &str) -> Result<Vec<PathBuf>, Failure> {
    let config = folder.join("config.toml");
    let secrets = folder.join("secrets");
    let with =
        draft.accounts.iter().filter_map(|account| Some((secrets.join(&account.name), account.secret.as_ref()?)));
    let with: Vec<_> = with.collect();
    let waiting = spare(&config, "import")?;
    for path in with.iter().map(|(path, _)| path) {
        if path.symlink_metadata().is_ok() {
            let shown = path.display();
            let way_out = "move it away, or use --output to name another folder";
            return Err(Failure::new(
                Exit::NoPermission,
                format_args!("{shown} already exists and was left unchanged; {way_out}"),
            ));
        }
    }
    let failed = |path: &Path, error: io::Error| {
        Failure::new(
            Exit::IoError,
            format_args!("cannot write {}: {error}; use --output to name another folder", path.display()),
        )
    };
    let folders = if with.is_empty() { folder } else { &secrets };
    DirBuilder::new().recursive(true).mode(0o700).create(folders).map_err(|error| failed(folders, error))?;
    let group = readers(&config);
    if !with.is_empty() {
        give(&secrets, 0o750, group).map_err(|error| failed(&secrets, error))?;
    }
    let mut written = Vec::new();
    for (path, secret) in with {
        store(&path, secret.expose().as_bytes()).map_err(|error| failed(&path, error))?;
        give(&path, 0o640, group).map_err(|error| failed(&path, error))?;
        written.push(path);
    }
    // A runner that is there reads the config as soon as it appears, so it appears with its owner and mode.
    let fresh = folder.join(".config.toml.new");
    let _ = fs::remove_file(&fresh);
    let stored = store(&fresh, draft.config(from).as_bytes()).and_then(|()| give(&fresh, 0o640, group));
    stored.map_err(|error| failed(&fresh, error))?;
    if let Some(spared) = waiting {
        fs::rename(&config, &spared).map_err(|error| failed(&spared, error))?;
    }
    fs::rename(&fresh, &config).map_err(|error| failed(&config, error))?;
    written.push(config);
    Ok(written)
}
