//! What a source says of an account's mail, to be held against what was made of it.

/// When TLS began, by what the source says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Encryption {
    /// Never.
    #[default]
    Clear,
    /// With STARTTLS, where the relay offers it.
    Optional,
    /// With STARTTLS.
    Starttls,
    /// With the connection.
    Implicit,
}

/// What becomes of the From field.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FromField {
    /// What tables say of the address in it.
    #[default]
    AsTablesSay,
    /// It stays as the program wrote it.
    Unchanged,
}

/// One of an account's relays.
#[derive(Debug, Clone, Default)]
pub struct SaidRelay {
    /// As in `relay`.
    pub name: String,
    /// Its TLS.
    pub tls: Encryption,
    /// The user name, where the source logs in.
    pub login: Option<String>,
}

/// Of one account.
#[derive(Debug, Clone, Default)]
pub struct Said {
    /// In the order in which they are tried.
    pub relays: Vec<SaidRelay>,
    /// The envelope sender that it gives to all mail, or to mail without one.
    pub sender: Option<String>,
    /// And its From field.
    pub from: FromField,
}
