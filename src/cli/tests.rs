//! The documents that describe the whole program, held against it: manual pages, formats, shell completions.

mod completions;
mod formats;
mod manuals;
mod schemas;
mod serde_names;
