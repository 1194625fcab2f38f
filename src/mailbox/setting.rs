//! Which mailboxes there are: the value of the key `mailbox`, and the line of the configuration that has it. The program
//! that becomes the user reads that line itself, since a path that the runner named could be any file of theirs; a TOML
//! parser would be more code than all the rest, so what it reads is strict. `postrider check` says where both differ.

use std::path::{Path, PathBuf};

use postrider_mailstore::{Format, Mailbox};

/// Where a user's mail is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// How.
    pub format: Format,
    /// `~/` for the home, or absolute; `%u` stands for the login.
    path: String,
}

impl Setting {
    /// Where root's mail goes, whatever is set for the others.
    #[must_use]
    pub fn of_root() -> Self {
        Self { format: Format::Mbox, path: "/var/mail/root".to_owned() }
    }

    /// From `maildir:PATH` or `mbox:PATH`.
    pub fn parse(value: &str) -> Result<Self, String> {
        let (format, path) = match value.split_once(':') {
            Some(("maildir", path)) => (Format::Maildir, path),
            Some(("mbox", path)) => (Format::Mbox, path),
            _ => return Err(format!("mailbox = \"{value}\" is neither maildir:PATH nor mbox:PATH")),
        };
        let steps = path.strip_prefix("~/").or(path.strip_prefix('/'));
        let is_step = |step: &str| {
            let rest = step.replace("%u", "u");
            !matches!(step, "" | "." | "..") && !rest.contains(|c: char| c == '%' || c.is_control())
        };
        match steps {
            Some(steps) if steps.split('/').all(is_step) => Ok(Self { format, path: path.to_owned() }),
            _ => Err(format!("mailbox = \"{value}\" has no path such as ~/Maildir or /var/mail/%u")),
        }
    }

    /// Its path for one user.
    #[must_use]
    pub fn path(&self, login: &str, home: &Path) -> PathBuf {
        let path = self.path.replace("%u", login);
        path.strip_prefix("~/").map_or_else(|| PathBuf::from(&path), |below| home.join(below))
    }

    /// The mailbox of one user.
    #[must_use]
    pub fn mailbox(&self, login: &str, home: &Path) -> Mailbox {
        let below = self.path.starts_with('~').then(|| home.to_owned());
        Mailbox::new(self.format, self.path(login, home), below)
    }

    /// The folder of an mbox that is the same for all users: whoever set it meant this one.
    #[must_use]
    pub fn common_folder(&self) -> Option<&Path> {
        let folder =
            Path::new(&self.path).parent().filter(|_| self.format == Format::Mbox && self.path.starts_with('/'));
        folder.filter(|folder| !folder.as_os_str().as_encoded_bytes().contains(&b'%'))
    }
}

/// The value of the top-level key `mailbox` in a configuration, if a line before the first section sets it. It must be one
/// string in double quotes, without escapes, alone in its line.
pub fn scan(config: &str) -> Result<Option<&str>, String> {
    let mut found = None;
    for line in config.lines().map(str::trim).take_while(|line| !line.starts_with('[')) {
        if line.contains("\"\"\"") || line.contains("'''") {
            return Err("a string of more than one line comes before the first section".to_owned());
        }
        let Some(rest) = line.strip_prefix("mailbox").map(str::trim_start) else { continue };
        // A longer name is another key.
        let Some(value) = rest.strip_prefix('=').map(str::trim_start) else { continue };
        let string = value.strip_prefix('"').and_then(|value| value.split_once('"'));
        let is_alone = |behind: &str| behind.trim_start().is_empty() || behind.trim_start().starts_with('#');
        match string {
            Some((text, behind)) if found.is_none() && is_alone(behind) && !text.contains('\\') => found = Some(text),
            _ => return Err("the key mailbox is not set once, to one string in double quotes".to_owned()),
        }
    }
    Ok(found)
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may panic
mod tests;
