//! Collects a submission from the options and the caller's input. Uses no privileges, spool or configuration;
//! whatever depends on these is left to admission.

use std::io::Read;

use serde::{Deserialize, Serialize};

use super::header_reader::{self, Body, HeadError};
use super::input::{Input, LoneDot};
use super::recipients::{self, RecipientArgument, RecipientsFrom};
use crate::mail::dsn::Dsn;
use crate::mail::header::Header;
use crate::mail::list;

/// The envelope sender that the caller requests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sender {
    /// No `-f`: the caller's login, which admission determines.
    #[default]
    Login,
    /// The argument of `-f`. Empty or `<>` is the null sender.
    Given(Vec<u8>),
    /// The first address of the message's From field, if there is one.
    FromField,
}

/// Where a message comes from (`-G`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// From this machine. Its header is completed.
    #[default]
    Here,
    /// From elsewhere, through a gateway. Nothing is added to its header.
    Elsewhere,
}

/// The request made by the options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `-f`.
    pub sender: Sender,
    /// `-F`: the name for a generated From field. Empty means no name; `None` means the name in passwd.
    pub full_name: Option<Vec<u8>>,
    /// `-t`.
    pub recipients_from: RecipientsFrom,
    /// `-i`.
    pub lone_dot: LoneDot,
    /// The arguments after the options.
    pub arguments: Vec<Vec<u8>>,
    /// `-a`: the account to use, whatever the sender.
    pub account: Option<String>,
    /// `-G`.
    pub origin: Origin,
    /// `-N`, `-R`, `-V`.
    pub dsn: Dsn,
}

/// A submission whose body was not read yet.
#[derive(Debug)]
pub struct Collected<R> {
    /// The requested sender.
    pub sender: Sender,
    /// The name for a generated From field.
    pub full_name: Option<Vec<u8>>,
    /// The recipients, including duplicates and invalid ones.
    pub recipients: Vec<RecipientArgument>,
    /// Whether all recipients were arguments of the command line: a client of SMTP has removed the Bcc field already, and
    /// these recipients must not be named in To.
    pub are_arguments: bool,
    /// The account to use, whatever the sender.
    pub account: Option<String>,
    /// Whether the header must be completed.
    pub origin: Origin,
    /// The requested reports.
    pub dsn: Dsn,
    /// The header, unchanged except for line ends, mbox lines, white space before colons, and text after a NUL.
    pub header: Header,
    /// The rest, from the blank line on.
    pub body: Body<R>,
}

/// Reads the header and finds the recipients. The body is left in `body`.
pub fn collect<R: Read>(request: Request, source: R) -> Result<Collected<R>, HeadError> {
    let (header, body) = header_reader::read(Input::new(source, request.lone_dot))?;
    let header = Header::read(&header);
    let mut recipients: Vec<RecipientArgument> =
        request.arguments.iter().flat_map(|argument| recipients::in_argument(argument)).collect();
    let are_arguments = request.recipients_from == RecipientsFrom::Arguments && !recipients.is_empty();
    match request.recipients_from {
        RecipientsFrom::Arguments => {}
        RecipientsFrom::ArgumentsAndHeader => recipients.extend(recipients::in_header(&header)),
    }
    let Request { full_name, account, origin, dsn, .. } = request;
    let sender = resolve(request.sender, &header);
    Ok(Collected { sender, full_name, recipients, are_arguments, account, origin, dsn, header, body })
}

fn resolve(sender: Sender, header: &Header) -> Sender {
    match sender {
        Sender::FromField => {
            let field = header.first("Resent-From").or_else(|| header.first("From"));
            let field = field.filter(|field| list::name_alone(field.value()).is_none());
            field.map_or(Sender::Login, |field| Sender::Given(field.value().to_vec()))
        }
        Sender::Login | Sender::Given(_) => sender,
    }
}
