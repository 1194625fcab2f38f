//! Mail in: the front end's collecting, admission, handing over
//! to the runner, and the SMTP dialogue (no sockets).

pub mod admit;
pub mod frontend;
pub mod smtp_server;
pub mod wire;
