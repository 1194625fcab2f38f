//! One file of the configuration: its text, where it is from, and who can read it.

use std::path::Path;

/// Who can read a config file besides its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// Nobody: a password may stand in it.
    OwnerOnly,
    /// The group or everybody.
    Others,
}

/// The text of one file.
#[derive(Debug, Clone, Copy)]
pub struct Source<'t> {
    /// The file, absolute.
    pub path: &'t Path,
    /// What is in it.
    pub text: &'t str,
    /// Who can read it.
    pub readers: Readers,
}
