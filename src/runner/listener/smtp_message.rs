//! A network client's message on its way into the spool: the client's limits, the rules for its header, and
//! admission, which is the same for all mail.
//!
//! The client hears nothing about the message between 354 and the final reply, so everything that can be decided
//! before the content is decided earlier, at MAIL and RCPT (`smtp_policy`). What remains for the end are the header's
//! addresses and the space on the disk. The final reply is 250 only after the message is synced.

use std::net::IpAddr;
use std::sync::Arc;

use super::smtp_state::Shared;
use crate::config::client::Client;
use crate::config::{TableFault, TableSet};
use crate::control::loaded::Loaded;
use crate::log;
use crate::mail::address::ReversePath;
use crate::mail::submitter::Submitter;
use crate::rules::submission::NotPermitted;
use crate::rules::{outbound, submission};
use crate::submit::admit::context::{Author, Entry, Trace};
use crate::submit::admit::store::{self, MessageIds};
use crate::submit::frontend::collect::{self, Origin, Request, Sender};
use crate::submit::frontend::header_reader::HeadError;
use crate::submit::frontend::input::LoneDot;
use crate::submit::frontend::recipients::{RecipientArgument, RecipientsFrom};
use crate::submit::smtp_server::dialogue::{Envelope, Message, Refusal};
use crate::submit::smtp_server::incoming::{Content, IncomingMessage, codes};
use crate::sys::local_time;

/// A message whose content is being received.
pub struct ClientMessage {
    incoming: Option<IncomingMessage>,
    shared: Arc<Shared>,
    loaded: Arc<Loaded>,
    submitter: Submitter,
    octets: u64,
    /// The client's address and how it logged in, to be logged when the message is stored.
    origin: Option<(IpAddr, String)>,
}

impl ClientMessage {
    /// Starts a message, unless its client has reached a limit.
    pub(super) fn begin(
        shared: Arc<Shared>,
        loaded: Arc<Loaded>,
        client: Client,
        trace: Trace,
        envelope: &Envelope,
    ) -> Result<Self, Refusal> {
        let submitter = Submitter::Client(client.name.clone());
        let limits = loaded.config.limits;
        let over = |refusal: super::submitter_limits::Refusal| {
            Refusal::new(452, "4.3.1", refusal.explain_to(&Submitter::Client(client.name.clone())))
        };
        let intake = &shared.intake;
        intake.clients.count_message(&submitter, limits.per_minute).map_err(over)?;
        intake.clients.begin_message(&submitter, intake.usage_of(&submitter), &limits).map_err(over)?;
        // Created before anything else can fail: dropping it takes back what `begin_message` has counted.
        let mut begun = Self { incoming: None, shared, loaded, submitter, octets: 0, origin: None };
        let (loaded, request) = (Arc::clone(&begun.loaded), request(&client, envelope));
        let recipients = envelope.recipients.iter().map(RecipientArgument::from).collect();
        let admit = move |content| admit(&loaded, &client, &trace, request, recipients, content);
        begun.incoming = Some(IncomingMessage::begin(admit));
        Ok(begun)
    }

    /// Sets the client's address and its login, for the log.
    pub(super) fn logged_as(mut self, peer: IpAddr, login: String) -> Self {
        self.origin = Some((peer, login));
        self
    }
}

impl Message for ClientMessage {
    fn write(&mut self, content: &[u8]) -> Result<(), Refusal> {
        let (intake, limits) = (&self.shared.intake, &self.loaded.config.limits);
        // Added before the check, since the limit counts refused bytes as well and `drop` must subtract the same
        // number.
        self.octets = self.octets.saturating_add(content.len() as u64);
        intake
            .clients
            .count_octets(&self.submitter, content.len() as u64, intake.usage_of(&self.submitter), limits)
            .map_err(|refusal| Refusal::new(452, "4.3.1", refusal.explain_to(&self.submitter)))?;
        match &mut self.incoming {
            Some(incoming) => incoming.write(content),
            None => Ok(()),
        }
    }

    fn finish(mut self) -> Result<String, Refusal> {
        let stored = match self.incoming.take() {
            Some(incoming) => incoming.finish(),
            None => Err(Refusal::new(451, "4.3.0", "the message was not stored; try again")),
        };
        if let Some((peer, login)) = &self.origin {
            match &stored {
                Ok(id) => log::submitted(id, peer, login),
                Err(refusal) => {
                    if let Some(client) = self.submitter.client() {
                        self.shared.activity.refused(client, *peer, "END-OF-MESSAGE", refusal.text());
                    }
                    log::client_refused(peer, "END-OF-MESSAGE", String::from_utf8_lossy(&refusal.to_wire()).trim_end());
                }
            }
        }
        stored.map(|id| format!("Ok: queued as {id}"))
    }
}

impl Drop for ClientMessage {
    fn drop(&mut self) {
        self.shared.intake.clients.end_message(&self.submitter, self.octets);
    }
}

/// With `from`, any sender that the device names is replaced; `check_sender` has chosen the account by the same
/// address.
fn request(client: &Client, envelope: &Envelope) -> Request {
    let sender = client.from.clone().map_or_else(|| envelope.sender.clone(), ReversePath::Mailbox);
    Request {
        sender: Sender::Given(sender.to_string().into_bytes()),
        // A client has no entry in passwd(5) that could name it.
        full_name: Some(Vec::new()),
        recipients_from: RecipientsFrom::Arguments,
        // The dialogue has already removed the dot that ends the content.
        lone_dot: LoneDot::IsText,
        arguments: Vec::new(),
        account: None,
        origin: Origin::Here,
        dsn: envelope.dsn.clone(),
    }
}

/// Checks the header and stores the message. Returns its id.
fn admit(
    loaded: &Loaded,
    client: &Client,
    trace: &Trace,
    request: Request,
    recipients: Vec<RecipientArgument>,
    content: Content,
) -> Result<String, Refusal> {
    let mut collected = collect::collect(request, content).map_err(|error| match error {
        HeadError::TooLong => Refusal::new(554, "5.6.0", error.to_string()),
        HeadError::Read(_) => Refusal::new(451, "4.3.0", error.to_string()),
    })?;
    // RFC 5321 section 2.3.1: the envelope alone says who gets the message. The header is not asked, also not for Bcc.
    collected.recipients = recipients;
    // Some providers compare the header's From with the login as well, and a refusal there would come hours later as a
    // bounce.
    let verdict = submission::header_senders(&loaded.config, client, &sender_tables(client), &collected.header);
    verdict.map_err(|fault| table(&fault))?.map_err(|no| not_permitted(&no))?;
    if let Some(from) = &client.from {
        collected.header = outbound::force_from(&collected.header, from);
    }
    let now = local_time::now();
    let refused = |error: store::AdmitError| {
        let (code, enhanced) = codes(&error);
        Refusal::new(code, enhanced, error.to_string())
    };
    // SMTP has no token that a second copy could be recognised by: a client whose reply is lost sends the message
    // again, and it is stored twice (RFC 1047).
    let naming = MessageIds::by_chance(&now).map_err(refused)?;
    let reserve = loaded.config.limits.reserve_from(&Submitter::Client(client.name.clone()), loaded.spool.dir());
    let entry = Entry {
        config: &loaded.config,
        spool: &loaded.spool,
        author: Author::Client(client, trace),
        now: &now,
        tables: loaded.arriving(),
        reserve,
    };
    // `check_sender` has already asked for the account. It is asked for again at each attempt.
    store::admit_unasked(&mut collected, naming, &entry).map(|id| id.to_string()).map_err(refused)
}

/// The tables that list a client's senders.
pub(super) fn sender_tables(client: &Client) -> TableSet {
    client.senders.as_ref().map_or_else(TableSet::default, |senders| TableSet::load("senders", &senders.tables))
}

pub(super) fn table(fault: &TableFault) -> Refusal {
    Refusal::new(451, "4.3.0", fault.to_string())
}

pub(super) fn not_permitted(no: &NotPermitted) -> Refusal {
    Refusal::new(550, "5.7.1", no.to_string())
}
