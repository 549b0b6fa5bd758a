//! Peers that don't speak Thrift at all: told so once, in their own protocol.

use super::WireError;
use crate::ApplicationKind;

const HTTP: &[u8] = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\n\
    Content-Length: 28\r\n\r\nthis port speaks Thrift only";

/// Empty settings, then a go-away with HTTP_1_1_REQUIRED.
const HTTP2: &[u8] = b"\0\0\0\x04\0\0\0\0\0\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\x0d";

/// A fatal alert: protocol_version.
const TLS: &[u8] = &[0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x46];

/// Fails if a connection of a well-known other protocol starts with these bytes.
pub(super) fn refuse(bytes: &[u8]) -> Result<(), WireError> {
    let (name, farewell) = match bytes.first_chunk() {
        Some(b"PRI ") => ("HTTP/2 or gRPC", HTTP2),
        Some(b"GET " | b"HEAD" | b"POST" | b"PUT " | b"PATC" | b"DELE" | b"OPTI" | b"CONN" | b"TRAC") => {
            ("HTTP", HTTP)
        }
        Some([0x16, 0x03, _, _]) => ("TLS", TLS),
        _ => return Ok(()),
    };
    let text = format!("peer speaks {name}, this port speaks Thrift only");
    Err(WireError::new(ApplicationKind::UNSUPPORTED_CLIENT_TYPE, text).with_farewell(farewell))
}
