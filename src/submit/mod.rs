//! Mail in: the front end, the wire format, admission, and the SMTP server's dialogue, which has no sockets.

pub mod admit;
pub mod frontend;
pub mod smtp_server;
pub mod wire;
