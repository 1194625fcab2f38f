//! What the config says of rewriting on arrival, as checked values. What each map does
//! is `rules`' business.

use super::table::TableSource;

/// A kind of map that may put an extension on its results that its key did not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Propagates {
    /// The three canonical maps.
    Canonical,
    /// Virtual aliases.
    Virtual,
    /// Local aliases.
    Alias,
    /// The generic map.
    Generic,
}

impl Propagates {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Canonical, Self::Virtual, Self::Alias, Self::Generic];

    /// As written in the config, and in Postfix's `propagate_unmatched_extensions`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Canonical => "canonical",
            Self::Virtual => "virtual",
            Self::Alias => "alias",
            Self::Generic => "generic",
        }
    }
}

/// Maps of admission, and what concerns them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewriting {
    /// Sender and recipients, envelope and header.
    pub canonical: Vec<TableSource>,
    /// Before `canonical`: the sender, envelope and header.
    pub sender_canonical: Vec<TableSource>,
    /// Before `canonical`: recipients, envelope and header.
    pub recipient_canonical: Vec<TableSource>,
    /// Envelope recipients.
    pub virtuals: Vec<TableSource>,
    /// Envelope recipients of this machine.
    pub aliases: Vec<TableSource>,
    /// Domains that take the place of those below them; `!domain` is left alone. In order.
    pub masquerade_domains: Vec<String>,
    /// Local parts that are never masqueraded.
    pub masquerade_exceptions: Vec<String>,
    /// Maps that put unmatched extensions on their results.
    pub propagate_extensions: Vec<Propagates>,
}

impl Rewriting {
    /// All tables that it names.
    pub fn tables(&self) -> impl Iterator<Item = &TableSource> {
        let Self { canonical, sender_canonical, recipient_canonical, virtuals, aliases, .. } = self;
        [canonical, sender_canonical, recipient_canonical, virtuals, aliases].into_iter().flatten()
    }
}

impl Default for Rewriting {
    fn default() -> Self {
        Self {
            canonical: Vec::new(),
            sender_canonical: Vec::new(),
            recipient_canonical: Vec::new(),
            virtuals: Vec::new(),
            aliases: Vec::new(),
            masquerade_domains: Vec::new(),
            masquerade_exceptions: Vec::new(),
            propagate_extensions: vec![Propagates::Canonical, Propagates::Virtual],
        }
    }
}
