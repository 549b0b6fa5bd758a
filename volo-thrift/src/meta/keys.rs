//! Every header key there is, in one table: Kitex's, Volo's and our own.

/// Declares keys as constants, and all of them as a table of key, constant's name and meaning.
macro_rules! keys {
    ($(#[$doc:meta])* $table:ident: $type:ty; $($name:ident = $key:literal, $meaning:literal;)*) => {
        $(#[doc = $meaning] pub const $name: $type = $key;)*

        $(#[$doc])*
        pub const $table: &[($type, &str, &str)] = &[$(($key, stringify!($name), $meaning)),*];
    };
}

keys! {
    /// The integer keys: key, name, meaning.
    INTEGER_KEYS: u16;
    MESH_VERSION = 0, "Version of the mesh's header.";
    TRANSPORT_TYPE = 1, "`framed` or `unframed`; Kitex's clients always send it.";
    LOG_ID = 2, "Id that ties log lines of one request together.";
    FROM_SERVICE = 3, "Name of the caller in its deployment.";
    FROM_CLUSTER = 4, "Cluster of the caller.";
    FROM_IDC = 5, "Data centre of the caller.";
    TO_SERVICE = 6, "Name of the callee in its deployment.";
    TO_CLUSTER = 7, "Cluster of the callee.";
    TO_IDC = 8, "Data centre of the callee.";
    TO_METHOD = 9, "Method that is called.";
    ENVIRONMENT = 10, "Environment of the call.";
    DESTINATION = 11, "Address of the callee.";
    RPC_TIMEOUT_MS = 12, "Budget of the call in milliseconds as text; 0 is none.";
    READ_TIMEOUT_MS = 13, "Budget of one read in milliseconds.";
    RING_HASH = 14, "Key for consistent hashing.";
    DDP_TAG = 15, "Tag for data protection.";
    WITH_MESH_HEADER = 16, "Whether a mesh header is wanted; Volo's clients always send it.";
    CONNECT_TIMEOUT_MS = 17, "Budget of connecting in milliseconds.";
    SPAN_CONTEXT = 18, "Trace context.";
    SHORT_CONNECTION = 19, "Whether the connection serves one call only.";
    FROM_METHOD = 20, "Method of the caller that makes this call.";
    STRESS_TAG = 21, "Marks calls of a load test.";
    MESSAGE_TYPE = 22, "Message kind as text.";
    HTTP_CONTENT_TYPE = 23, "Content type of the request behind this call.";
    RAW_RING_HASH = 24, "Key for consistent hashing, before hashing.";
    LOAD_BALANCE = 25, "Kind of load balancing wanted.";
    CLUSTER_SHARD = 26, "Shard of the callee's cluster.";
    FRAME_TYPE = 27, "What a frame of a stream is.";
}

keys! {
    /// The string keys: key, name, meaning. None of them is ever taken for metainfo.
    STRING_KEYS: &str;
    SERVICE = "isn", "Name of the service as the IDL has it.";
    REMOTE_ADDRESS = "rip", "Address of the caller, set by a mesh.";
    STRING_TO_CLUSTER = "tc", "Cluster of the callee.";
    STRING_TO_IDC = "ti", "Data centre of the callee.";
    CLIENT_SENT = "pcs", "When the client sent.";
    CLIENT_ENDED = "pce", "When the client had its reply.";
    SERVER_SENT = "pss", "When the server sent.";
    SERVER_RECEIVED = "prs", "When the server received.";
    PROXY_RECEIVED = "pre", "When a proxy received.";
    CLOSING = "crrst", "`1`: use this connection for no further call.";
    PROCESS_AT = "K_ProcessAtTime", "When the server started on the call.";
    CRC32C = "crc32c", "Checksum of all that follows the header, as 8 hex digits.";
    BIZ_STATUS = "biz-status", "Business status as text; 0 is none.";
    BIZ_MESSAGE = "biz-message", "Message of the business status.";
    BIZ_EXTRA = "biz-extra", "Details of the business status, a JSON object of strings.";
    CANCEL_PATH = "ttscp", "Services along which a stream was cancelled.";
    ANNOUNCE = "volo-announce", "From our client: it understands these features, a server may advertise.";
    ADVERT = "volo-advert", "From our server, only to a client that announced itself: `features;instance id`.";
    HELLO = "volo-hello", "From our client: who are you, and who am I? The answer: `instance id;this end`.";
    NOT_EXECUTED = "volo-not-executed", "`1`: the call was refused before it had any effect, it may be sent again.";
}

/// Prefix of metainfo that is forwarded hop by hop.
pub const PERSISTENT: &str = "RPC_PERSIST_";
/// Prefix of metainfo for the next hop.
pub const TRANSIENT: &str = "RPC_TRANSIT_";
/// Prefix of metainfo that a hop received as transient; never sent on, and ignored when received.
pub const UPSTREAM: &str = "RPC_TRANSIT_UPSTREAM_";
/// Prefix of metainfo that returns with the reply; Volo sends it, Kitex sends bare keys.
pub const BACKWARD: &str = "RPC_BACKWARD_";
/// Prefix of Kitex's payload validators.
pub const VALIDATOR: &str = "PV_";
/// The transient key whose value travels as the header's ACL token.
pub const ACL_TOKEN: &str = "gdpr-token";

/// The persistent key that says which retry a call is, of all hops that serve it: they don't retry theirs.
pub const RETRY: &str = "RetryReq";

/// Whether a bare string key has a meaning of its own, so that it can't be metainfo.
pub(super) fn is_reserved(key: &str) -> bool {
    let prefixes = [PERSISTENT, TRANSIENT, BACKWARD, VALIDATOR];
    prefixes.iter().any(|prefix| key.starts_with(prefix))
        || STRING_KEYS.iter().any(|(known, ..)| *known == key)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_key_is_there_twice() {
        let integers: Vec<u16> = INTEGER_KEYS.iter().map(|(key, ..)| *key).collect();
        assert_eq!(integers, (0..=27).collect::<Vec<_>>());
        let strings: HashSet<_> = STRING_KEYS.iter().map(|(key, ..)| *key).collect();
        assert_eq!(strings.len(), STRING_KEYS.len());
    }
}
