//! The front end's collecting: from what the options ask for and the caller's input to
//! a submission. No privilege, no spool, no configuration: whatever these decide comes
//! after it, at admission.

use std::io::Read;

use serde::{Deserialize, Serialize};

use super::header_reader::{self, Body, HeadError};
use super::input::{Input, LoneDot};
use super::recipients::{self, RecipientArgument, RecipientsFrom};
use crate::mail::dsn::Dsn;
use crate::mail::header::Header;

/// The envelope sender, as the caller asks for it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sender {
    /// No `-f`: whoever calls; admission knows.
    #[default]
    Login,
    /// The text behind `-f`; empty or `<>` is the null sender.
    Given(Vec<u8>),
    /// The first address of the message's From field, where there is one.
    FromField,
}

/// Where a message comes from (`-G`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// This machine: its header is completed.
    #[default]
    Here,
    /// Elsewhere, through some gateway: its header is complete, and nothing is added to it.
    Elsewhere,
}

/// What the options ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `-f`.
    pub sender: Sender,
    /// `-F`, for a From field that has to be made; empty: no name. None: the passwd entry's.
    pub full_name: Option<Vec<u8>>,
    /// `-t`.
    pub recipients_from: RecipientsFrom,
    /// `-i`.
    pub lone_dot: LoneDot,
    /// The arguments behind the options.
    pub arguments: Vec<Vec<u8>>,
    /// `-G`.
    pub origin: Origin,
    /// `-N`, `-R`, `-V`.
    pub dsn: Dsn,
}

/// A submission whose body is still to be read.
#[derive(Debug)]
pub struct Collected<R> {
    /// Who sends it.
    pub sender: Sender,
    /// The name for a From field that has to be made.
    pub full_name: Option<Vec<u8>>,
    /// Whom it goes to, doubles and broken ones included.
    pub recipients: Vec<RecipientArgument>,
    /// Whether the header is to be completed.
    pub origin: Origin,
    /// The reports that are asked for.
    pub dsn: Dsn,
    /// Its header, as given but for line ends, mbox lines, white space before colons, and what a NUL cut off.
    pub header: Header,
    /// The rest, from the blank line on.
    pub body: Body<R>,
}

/// Reads the header and finds the recipients; what is left to read is in `body`.
pub fn collect<R: Read>(request: Request, source: R) -> Result<Collected<R>, HeadError> {
    let (header, body) = header_reader::read(Input::new(source, request.lone_dot))?;
    let header = Header::read(&header);
    let mut recipients: Vec<RecipientArgument> =
        request.arguments.iter().flat_map(|argument| recipients::in_argument(argument)).collect();
    match request.recipients_from {
        RecipientsFrom::Arguments => {}
        RecipientsFrom::ArgumentsAndHeader => recipients.extend(recipients::in_header(&header)),
    }
    let Request { full_name, origin, dsn, .. } = request;
    let sender = resolve(request.sender, &header);
    Ok(Collected { sender, full_name, recipients, origin, dsn, header, body })
}

fn resolve(sender: Sender, header: &Header) -> Sender {
    match sender {
        Sender::FromField => {
            let field = header.first("Resent-From").or_else(|| header.first("From"));
            field.map_or(Sender::Login, |field| Sender::Given(field.value().to_vec()))
        }
        Sender::Login | Sender::Given(_) => sender,
    }
}
