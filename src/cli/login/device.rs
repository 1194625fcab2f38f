//! The device flow (RFC 8628): the user enters a code in any browser, and this side asks until that has happened.

use std::io::{self, IsTerminal as _};
use std::thread;
use std::time::{Duration, Instant};

use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;

use super::{failed, refused};
use crate::cli::exit::{Exit, Failure};
use crate::cli::print::{self, say};
use crate::config::Secret;
use crate::config::oauth::OAuth;
use crate::deliver::oauth::request::{self, DeviceCode, Granted, TokenError};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// What `slow_down` adds to the interval (RFC 8628 section 3.5).
const SLOWER: Duration = Duration::from_secs(5);

/// Between two questions to a service that cannot answer.
const LONGEST_INTERVAL: Duration = Duration::from_mins(1);

pub(super) fn run(oauth: &OAuth, secret: Option<&Secret>) -> Result<Granted, Failure> {
    let address = oauth.device.as_ref().ok_or_else(|| Failure::new(Exit::Config, "there is no device_url"))?;
    let code = request::device_code(oauth, secret, address).map_err(|error| refused_at_once(&error))?;
    show(oauth, &code);
    ask(oauth, secret, &code)
}

fn refused_at_once(error: &TokenError) -> Failure {
    let Failure { message, exit } = failed(error);
    let hint = match error.code() {
        Some("invalid_scope") => {
            "; this provider may refuse the device flow for mail: set flow = \"browser\" in `oauth`"
        }
        Some("invalid_client" | "unauthorized_client" | "invalid_request") => {
            "; check client_id, and that the registered client may use the device flow (public client flows)"
        }
        _ => "",
    };
    Failure::new(exit, format_args!("{message}{hint}"))
}

/// Whether the service, or something in front of it, has too much to do at the moment.
fn is_busy(error: &TokenError) -> bool {
    matches!(error, TokenError::Unavailable { status: 408 | 429 | 500.., .. })
}

fn show(oauth: &OAuth, code: &DeviceCode) {
    say(&format!("Open {} in any browser, and enter the code {}", code.address, code.user));
    say(&format!("Log in there as {}, and agree.", oauth.username));
    let place = code.complete.as_ref().unwrap_or(&code.address);
    if io::stdout().is_terminal()
        && let Ok(picture) = QrCode::new(place.as_bytes())
    {
        let picture = picture.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build();
        print::text(format_args!("{picture}\n"));
    }
    say(&format!("Waiting, {} minutes at most ...", code.lifetime.as_secs().div_ceil(60)));
}

/// Asks at the interval of the service. The answer that ends it comes once: if it is lost, the login is over.
fn ask(oauth: &OAuth, secret: Option<&Secret>, code: &DeviceCode) -> Result<Granted, Failure> {
    let ends = Instant::now() + code.lifetime;
    let mut interval = code.interval;
    let expired = || Failure::new(Exit::Unavailable, "the code has expired; run the command again");
    loop {
        thread::sleep(interval.min(ends.saturating_duration_since(Instant::now())));
        if Instant::now() >= ends {
            return Err(expired());
        }
        match request::token(oauth, secret, &[("grant_type", GRANT), ("device_code", code.device.expose())]) {
            Ok(granted) => return Ok(granted),
            Err(error) => match error.code() {
                Some("authorization_pending") => {}
                Some("slow_down") => interval += SLOWER,
                Some("expired_token") => return Err(expired()),
                Some("access_denied") => {
                    let message = format_args!("{} says that the login was refused; nothing was stored", oauth.issuer);
                    return Err(Failure::new(Exit::Unavailable, message));
                }
                // Back off, and ask on (RFC 8628 section 3.5).
                _ if is_busy(&error) => interval = (interval * 2).min(LONGEST_INTERVAL),
                _ if !matches!(error, TokenError::Endpoint { .. }) => return Err(refused(oauth, &error)),
                _ => {
                    let message =
                        format_args!("{error}; the answer cannot be requested twice, so run the command again");
                    return Err(Failure::new(Exit::TempFail, message));
                }
            },
        }
    }
}
