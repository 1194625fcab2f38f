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

/// Of one account.
#[derive(Debug, Clone, Default)]
pub struct Said {
    /// The first relay, as in `relay`.
    pub relay: String,
    /// Its TLS.
    pub tls: Encryption,
    /// The user name, where it logs in.
    pub login: Option<String>,
    /// The envelope sender that it gives to all mail, or to mail without one.
    pub sender: Option<String>,
    /// And its From field.
    pub from: FromField,
}
