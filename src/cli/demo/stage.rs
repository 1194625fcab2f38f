//! The demo's scratch directory, its throw-away configuration, and the running of
//! the real programs in it, with a time limit.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::script::{HOSTNAME, ISP, ORIGIN, Part, WORK};
use crate::config::Secret;
use crate::sys::random;
use crate::tls::TlsError;
use crate::tls::certificate::CertificateError;

/// How long one program may take; the whole demo takes a fraction of it.
const PATIENCE: Duration = Duration::from_secs(20);

/// Why the demo could not be played.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("cannot {action} {}: {error}; the demo needs a writable directory for temporary files (see TMPDIR)", .path.display())]
    Scratch { action: &'static str, path: PathBuf, error: io::Error },
    #[error("cannot {action}: {error}")]
    System { action: &'static str, error: io::Error },
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("the login name {login} cannot be used as the local part of an address: {error}")]
    Login { login: String, error: crate::mail::address::AddressError },
    #[error("`{command}` failed ({status}): {said}")]
    Failed { command: String, status: ExitStatus, said: String },
    #[error("`{command}` printed something, which callers take for a failure: {said}")]
    Talked { command: String, said: String },
    #[error("`{command}` did not finish within {} s and was stopped; it printed: {said}", PATIENCE.as_secs())]
    Slow { command: String, said: String },
    #[error("interrupted; all files were removed")]
    Interrupted,
}

/// A directory only we may enter, removed with all its content when dropped.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// Makes one below the directory for temporary files.
    pub(super) fn new() -> Result<Self, Trouble> {
        let path = std::env::temp_dir().join(format!("postrider-demo-{}", random_word()?));
        let made = DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|error| Trouble::Scratch { action: "create", path: path.clone(), error })?;
        Ok(Self(path))
    }

    /// A path inside.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a new file that nobody else may read.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<PathBuf, Trouble> {
        let path = self.path(name);
        let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let written = opened.and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(|error| Trouble::Scratch { action: "write", path: path.clone(), error })?;
        Ok(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Nobody is left to tell, and the directory is for temporary files anyway.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// 128 random bits as text: a name nobody guesses, or a password.
pub(super) fn random_word() -> Result<String, Trouble> {
    let mut bytes = [0_u8; 16];
    random::fill(&mut bytes).map_err(|error| Trouble::System { action: "get random bytes", error })?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}

/// The configuration: the first account's password in a file, the second's in the config itself.
pub(super) fn config(ports: [u16; 2], work_password: &Secret) -> String {
    let isp = account(ISP, ports[0], "{ file = \"isp.password\" }");
    let work = account(WORK, ports[1], &format!("\"{}\"", work_password.expose()));
    format!(
        "hostname = \"{HOSTNAME}\"\n\
         origin = \"{ORIGIN}\"\n\
         default_account = \"{}\"\n\
         delivery = \"queue\"\n\
         spool = \"spool\"\n\
         generic = [{{ \"her@{ORIGIN}\" = \"{}\", \"@{ORIGIN}\" = \"{}\" }}]\n\
         {isp}{work}",
        ISP.account, WORK.sent_as, ISP.sent_as
    )
}

fn account(section: Part, port: u16, password: &str) -> String {
    let senders: Vec<String> = section.senders.iter().map(|sender| format!("\"{sender}\"")).collect();
    format!(
        "\n[account.{}]\n\
         relay = \"[127.0.0.1]:{port}\"\n\
         tls = \"starttls\"\n\
         tls_ca = \"ca.pem\"\n\
         tls_name = \"{}\"\n\
         username = \"{}\"\n\
         password = {password}\n\
         senders = [{}]\n",
        section.account,
        section.host,
        section.username,
        senders.join(", ")
    )
}

/// Runs postrider's own programs against the scratch configuration.
pub(super) struct Stage<'a> {
    pub(super) scratch: &'a Scratch,
    /// The `postrider` executable.
    pub(super) program: &'a Path,
    pub(super) config: &'a Path,
    /// Set by a signal.
    pub(super) interrupted: Arc<AtomicBool>,
}

impl Stage<'_> {
    /// `postrider ARGUMENTS < input`; what it printed, if it succeeded.
    pub(super) fn run(&self, arguments: &[&str], input: &str) -> Result<String, Trouble> {
        let shown = format!("postrider {}", arguments.join(" "));
        let out = self.scratch.path("said");
        let scratch = |action, error| Trouble::Scratch { action, path: out.clone(), error };
        let said = File::create(&out).map_err(|error| scratch("create", error))?;
        let also = said.try_clone().map_err(|error| scratch("open", error))?;
        let mut child = Command::new(self.program)
            .args(arguments)
            .env("POSTRIDER_CONFIG", self.config)
            .stdin(Stdio::piped())
            .stdout(said)
            .stderr(also)
            .spawn()
            .map_err(|error| Trouble::System { action: "start postrider", error })?;
        if let Some(mut stdin) = child.stdin.take() {
            // Who stops reading early says why by its status.
            let _ = stdin.write_all(input.as_bytes());
        }
        let ended = self.wait(&mut child)?;
        let said = std::fs::read(&out).map_err(|error| scratch("read", error))?;
        let said = String::from_utf8_lossy(&said).trim().to_owned();
        match ended {
            Some(status) if status.success() => Ok(said),
            Some(status) => Err(Trouble::Failed { command: shown, status, said }),
            None => Err(Trouble::Slow { command: shown, said }),
        }
    }

    /// The child's status; `None`: it had to be stopped.
    fn wait(&self, child: &mut Child) -> Result<Option<ExitStatus>, Trouble> {
        let waiting = |error| Trouble::System { action: "wait for postrider", error };
        let begun = Instant::now();
        loop {
            if let Some(status) = child.try_wait().map_err(waiting)? {
                return Ok(Some(status));
            }
            let interrupted = self.interrupted.load(Ordering::Relaxed);
            if interrupted || begun.elapsed() > PATIENCE {
                // It may have ended just now; then there is nothing to stop.
                let _ = child.kill();
                child.wait().map_err(waiting)?;
                return if interrupted { Err(Trouble::Interrupted) } else { Ok(None) };
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

#[cfg(test)]
mod tests;
