//! `sendmail -bs`: SMTP on stdin and stdout, as mail readers speak it to a local
//! sendmail. Each message goes through the same admission as one on stdin, while it
//! comes in, and is stored before 250 is said.

use std::io::{self, Read, Write};

use super::failure::Failure;
use super::options::Options;
use super::{BlockingStdin, UserMode};
use crate::cli::exit::Exit;
use crate::config::Delivery;
use crate::control::client::{Responses, ask_machine};
use crate::control::protocol::{self, Greeting, Response};
use crate::mail::address::{Address, ReversePath};
use crate::submit::frontend::client::{self, NotHandedIn};
use crate::submit::frontend::collect::{self, Collected, Request, Sender};
use crate::submit::frontend::header_reader::HeadError;
use crate::submit::frontend::input::LoneDot;
use crate::submit::frontend::recipients::{RecipientArgument, RecipientsFrom};
use crate::submit::frontend::start_runner::{self, Show};
use crate::submit::smtp_server::dialogue::{
    Attempt, Client, Clients, Decision, Dialogue, Envelope, Limits, LineEnds, LoginRule, Policy, Refusal, Service,
    Settings, TlsRule,
};
use crate::submit::smtp_server::incoming::{IncomingMessage, codes};
use crate::submit::smtp_server::serve;
use crate::submit::wire::frame::WIDEST;
use crate::submit::wire::reply::Refused;
use crate::sys::host;

/// Recipients of one message.
const RECIPIENTS: usize = 20_000;

/// Holds the dialogue. A client that just closes has nothing more to say, which is no failure.
pub(super) fn serve(here: Result<UserMode, Failure>, options: &Options) -> Result<Exit, Failure> {
    let here = match here {
        Ok(here) => here,
        Err(failure) => {
            // Mail readers show what the server says, not what stands on stderr.
            let first = failure.to_string().lines().next().unwrap_or_default().to_owned();
            let mut pipe = Pipe::open();
            let _ = pipe.write_all(&Refusal::new(421, "4.3.5", first).to_wire()).and_then(|()| pipe.flush());
            return Err(failure);
        }
    };
    let (greeting, manner) = (Greeting::from(&here.config), here.manner(options));
    hold(greeting, Destination::Spool { here: Box::new(here), manner }, options)
}

/// The same for the machine's mailer, which is asked what the greeting says; without a runner, what is known anyhow.
pub(super) fn serve_remotely(options: &Options) -> Result<Exit, Failure> {
    let asked = ask_machine(&protocol::Request::Hello).and_then(Responses::only);
    let greeting = if let Ok(Response::Hello(greeting)) = asked {
        greeting
    } else {
        let hostname = host::this_machine();
        Greeting { origin: hostname.clone(), hostname, size: WIDEST.content }
    };
    hold(greeting, Destination::Machine, options)
}

fn hold(greeting: Greeting, destination: Destination, options: &Options) -> Result<Exit, Failure> {
    let recipients = match &destination {
        Destination::Spool { here, .. } => here.config.limits.recipients(),
        // The runner says how many it takes.
        Destination::Machine => RECIPIENTS,
    };
    let limits = Limits { recipients, size: greeting.size, faults: 100, ..Limits::default() };
    let settings = Settings {
        hostname: greeting.hostname,
        tls: TlsRule::Absent,
        login: LoginRule::Absent,
        clients: Clients::Own { origin: greeting.origin },
        line_ends: LineEnds::Any,
        limits,
    };
    let dialogue = Dialogue::new(settings, OwnUserPolicy { destination, request: options.request.clone() });
    match serve::serve(Pipe::open(), dialogue, None) {
        Ok(()) => Ok(Exit::Ok),
        Err(error) => Err(Failure::Client(error)),
    }
}

/// Who takes the messages in.
#[derive(Clone)]
enum Destination {
    /// This process, into the spool.
    Spool { here: Box<UserMode>, manner: Delivery },
    /// The machine's mailer.
    Machine,
}

impl Destination {
    /// Takes one in; what is said of it when it is safe.
    fn take<R: Read>(&self, collected: &mut Collected<R>) -> Result<String, Failure> {
        match self {
            Self::Spool { here, manner } => {
                let id = here.admit(collected)?;
                // Whatever comes of it, the message is safe, which is all that 250 says.
                let _ = start_runner::hand_over(&here.config, &here.spool, &id, *manner, Show::Nothing);
                Ok(format!("{id} stored"))
            }
            Self::Machine => {
                let id = client::hand_in(collected)?;
                Ok(id.map_or_else(|| "stored".to_owned(), |id| format!("{id} stored")))
            }
        }
    }
}

struct Pipe {
    stdin: BlockingStdin,
    stdout: io::Stdout,
}

impl Pipe {
    fn open() -> Self {
        Self { stdin: BlockingStdin(io::stdin()), stdout: io::stdout() }
    }
}

impl Read for Pipe {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.stdin.read(into)
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stdout.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stdout.flush()
    }
}

/// Lets everything in: the client is the user, who may say anything on the command line as well.
struct OwnUserPolicy {
    destination: Destination,
    request: Request,
}

impl Policy for OwnUserPolicy {
    fn sender(&mut self, _client: &Client, _sender: &ReversePath) -> Result<(), Refusal> {
        Ok(())
    }

    fn recipient(&mut self, _client: &Client, _envelope: &Envelope, _recipient: &Address) -> Result<(), Refusal> {
        Ok(())
    }
}

impl Service for OwnUserPolicy {
    type Message = IncomingMessage;

    fn login(&mut self, _client: &Client, _attempt: &Attempt) -> Decision {
        Decision::at_once(Err(Refusal::new(502, "5.5.1", "AUTH is not offered here")))
    }

    fn begin(&mut self, _client: &Client, envelope: &Envelope) -> Result<IncomingMessage, Refusal> {
        let request = Request {
            sender: Sender::Given(envelope.sender.to_string().into_bytes()),
            recipients_from: RecipientsFrom::Arguments,
            // Postfix adds a From without a name to what comes by SMTP.
            full_name: Some(Vec::new()),
            lone_dot: LoneDot::IsText,
            arguments: Vec::new(),
            dsn: envelope.dsn.clone(),
            ..self.request.clone()
        };
        let recipients = envelope.recipients.iter().map(RecipientArgument::from).collect();
        let destination = self.destination.clone();
        Ok(IncomingMessage::begin(move |content| {
            let stored = collect::collect(request, content).map_err(Failure::from).and_then(|mut collected| {
                collected.recipients = recipients;
                destination.take(&mut collected)
            });
            stored.map_err(|failure| refusal(&failure))
        }))
    }
}

/// In the class of reply that makes the client keep the message or give it up.
fn refusal(failure: &Failure) -> Refusal {
    let (code, enhanced) = match failure {
        Failure::Admit(error) => codes(error),
        Failure::HandIn(NotHandedIn::Refused(Refused { exit: Exit::NoPermission, .. })) => (550, "5.7.1"),
        Failure::HandIn(NotHandedIn::Refused(Refused {
            exit: Exit::Usage | Exit::DataError | Exit::NoInput | Exit::Unavailable,
            ..
        }))
        | Failure::Head(HeadError::TooLong) => (554, "5.6.0"),
        _ => (451, "4.3.0"),
    };
    Refusal::new(code, enhanced, failure.to_string())
}
