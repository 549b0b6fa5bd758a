//! How two ends agree on the memory, over the socket that later carries wake-ups and tells that the peer is gone.
//!
//! The client offers its memory, the server answers with its own or with a refusal in words: one message of fixed
//! size each way, the descriptor beside it. An end that would trust the other offers a second file, of slices that both
//! write; if either doesn't, there is none. Before anything is said, each end asks the kernel who the other is.
#![forbid(unsafe_code)]

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
};

use tokio::{io::Interest, net::UnixStream};

use super::{
    layout::{CLASSES, Layout},
    lease::Files,
    memory::{Own, Peers},
    sys::{self, Mapping, Writer},
};

/// Starts every message. Read as the length of a Thrift frame it is beyond every limit, so servers of other
/// protocols refuse it at once.
const MAGIC: [u8; 8] = *b"\x7fVOLOSHM";

/// Versions of the protocol that this end speaks.
const VERSION: u16 = 1;
const VERSION_MIN: u16 = 1;

/// Bit of the features: this end wants trusted mode, and sends the file of slices that both ends write.
const TRUST: u8 = 1;

/// Descriptors that come with a message at most.
const FILES_MAX: usize = 2;

const MESSAGE: usize = 128;
const TEXT: usize = 40;

const OFFER: u8 = 1;
const ACCEPT: u8 = 2;
const REFUSE: u8 = 3;

/// What one end tells the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// The client's memory, and the versions it speaks; whether it would trust the server.
    Offer { version: u16, version_min: u16, trust: bool, layout: Layout },
    /// The server's memory, and the version it chose; whether the two trust each other.
    Accept { version: u16, trust: bool, layout: Layout },
    /// Why there will be no connection.
    Refuse(String),
}

impl Message {
    fn encode(&self) -> [u8; MESSAGE] {
        let mut bytes = [0; MESSAGE];
        bytes[..8].copy_from_slice(&MAGIC);
        match self {
            Message::Offer { version, version_min, trust, layout } => {
                bytes[8] = OFFER;
                put(&mut bytes, *version, *version_min, *trust, layout);
            }
            Message::Accept { version, trust, layout } => {
                bytes[8] = ACCEPT;
                put(&mut bytes, *version, *version, *trust, layout);
            }
            Message::Refuse(text) => {
                bytes[8] = REFUSE;
                let len = text.floor_char_boundary(MESSAGE - TEXT);
                bytes[TEXT..TEXT + len].copy_from_slice(&text.as_bytes()[..len]);
            }
        }
        bytes
    }

    fn decode(bytes: &[u8; MESSAGE]) -> Result<Self, String> {
        if bytes[..8] != MAGIC {
            return Err("the peer speaks another protocol".to_owned());
        }
        let two = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let (version, version_min, trust) = (two(10), two(12), bytes[14] & TRUST != 0);
        let cells = u32::from_le_bytes([bytes[20], bytes[21], bytes[22], bytes[23]]);
        let layout = Layout { cells, counts: std::array::from_fn(|class| two(24 + 2 * class)) };
        match bytes[8] {
            OFFER => Ok(Message::Offer { version, version_min, trust, layout }),
            ACCEPT => Ok(Message::Accept { version, trust, layout }),
            REFUSE => {
                let text = String::from_utf8_lossy(&bytes[TEXT..]);
                Ok(Message::Refuse(text.chars().filter(|letter| !letter.is_control()).collect()))
            }
            kind => Err(format!("the peer sent a message of unknown kind {kind}")),
        }
    }
}

fn put(bytes: &mut [u8; MESSAGE], version: u16, version_min: u16, trust: bool, layout: &Layout) {
    const { assert!(24 + 2 * CLASSES <= TEXT) };
    bytes[10..12].copy_from_slice(&version.to_le_bytes());
    bytes[12..14].copy_from_slice(&version_min.to_le_bytes());
    bytes[14] = if trust { TRUST } else { 0 };
    bytes[20..24].copy_from_slice(&layout.cells.to_le_bytes());
    for (class, count) in layout.counts.iter().enumerate() {
        bytes[24 + 2 * class..26 + 2 * class].copy_from_slice(&count.to_le_bytes());
    }
}

/// The version that both ends speak.
fn common_version(version: u16, version_min: u16) -> Result<u16, String> {
    let common = version.min(VERSION);
    if common < version_min.max(VERSION_MIN) {
        let text = format!(
            "the peer speaks versions {version_min} to {version} of the protocol, this end {VERSION_MIN} to {VERSION}"
        );
        return Err(text);
    }
    Ok(common)
}

/// The memory that two ends agreed on.
pub(super) struct Session {
    pub(super) own: Own,
    pub(super) own_layout: Layout,
    pub(super) peers: Peers,
    pub(super) peers_layout: Layout,
    /// Slices that both write, if the ends trust each other.
    pub(super) shared: Option<Files>,
}

/// The client's part; `trust` says whether it would trust the server.
pub(super) async fn offer(socket: &UnixStream, layout: Layout, trust: bool) -> Result<Session, String> {
    check_user(socket)?;
    let own = create(layout)?;
    let slices = if trust { Some(create_slices(layout)?) } else { None };
    let message = Message::Offer { version: VERSION, version_min: VERSION_MIN, trust, layout };
    let files = [own.file()].into_iter().chain(slices.as_ref().map(|(file, _)| file));
    send(socket, &message, files).await?;
    let (message, files) = receive(socket).await?;
    match message {
        Message::Accept { version, trust: trusted, layout: peers_layout } => {
            common_version(version, version)?;
            if trusted && !trust {
                return Err("the peer relies on trust that was not offered".to_owned());
            }
            let (peers, peers_slices) = map(files, trusted, trusted, peers_layout)?;
            let shared = slices.zip(peers_slices).map(|((file, own), peers)| Files { file, own, peers });
            Ok(Session { own, own_layout: layout, peers, peers_layout, shared })
        }
        Message::Refuse(text) => Err(format!("the peer refuses: {text}")),
        Message::Offer { .. } => Err("the peer offers a connection instead of accepting one".to_owned()),
    }
}

/// The server's part; `trust` says whether it would trust the client.
pub(super) async fn accept(socket: &UnixStream, layout: Layout, trust: bool) -> Result<Session, String> {
    let accepted = match check_user(socket) {
        Ok(()) => accept_offer(socket, layout, trust).await,
        Err(text) => Err(text),
    };
    if let Err(text) = &accepted {
        // Best effort, and never worth a wait.
        let _ = sys::send_with(socket, &Message::Refuse(text.clone()).encode(), &[]);
    }
    accepted
}

async fn accept_offer(socket: &UnixStream, layout: Layout, trust: bool) -> Result<Session, String> {
    let (message, files) = receive(socket).await?;
    let Message::Offer { version, version_min, trust: offered, layout: peers_layout } = message else {
        return Err("the peer doesn't begin with an offer".to_owned());
    };
    let version = common_version(version, version_min)?;
    let trust = trust && offered;
    let (peers, peers_slices) = map(files, offered, trust, peers_layout)?;
    let own = create(layout)?;
    let slices = if trust { Some(create_slices(layout)?) } else { None };
    let files = [own.file()].into_iter().chain(slices.as_ref().map(|(file, _)| file));
    send(socket, &Message::Accept { version, trust, layout }, files).await?;
    let shared = slices.zip(peers_slices).map(|((file, own), peers)| Files { file, own, peers });
    Ok(Session { own, own_layout: layout, peers, peers_layout, shared })
}

/// Only processes of the same user get to see the memory.
fn check_user(socket: &UnixStream) -> Result<(), String> {
    let peer = socket.peer_cred().map_err(|error| format!("the peer's user is unknown: {error}"))?.uid();
    let own = sys::own_uid();
    if peer != own {
        return Err(format!("the peer runs as user {peer}, not {own}"));
    }
    Ok(())
}

/// This end's memory, with that of the ring.
fn create(layout: Layout) -> Result<Own, String> {
    let failed = |error: io::Error| format!("no memory of {} bytes to be shared: {error}", layout.len());
    let own = Own::create(layout.len()).map_err(failed)?;
    own.allocate(0, layout.arena()).map_err(failed)?;
    Ok(own)
}

/// This end's slices that the peer may write, too.
fn create_slices(layout: Layout) -> Result<(OwnedFd, Mapping), String> {
    sys::create(layout.len(), Writer::Both)
        .map_err(|error| format!("no memory of {} bytes to be shared: {error}", layout.len()))
}

/// Maps what came with a message: the peer's memory, and its slices if there are some and they are `wanted`.
fn map(
    files: Vec<OwnedFd>,
    has_slices: bool,
    wanted: bool,
    layout: Layout,
) -> Result<(Peers, Option<Mapping>), String> {
    layout.check()?;
    let (count, right) = (files.len(), 1 + usize::from(has_slices));
    let mut files = files.into_iter();
    let memory = files.next().ok_or("no descriptor came with the peer's message")?;
    if count != right {
        return Err(format!("{count} descriptors came with the peer's message, not {right}"));
    }
    let peers = Peers::map(&memory, layout.len())?;
    let slices = files.next().filter(|_| wanted);
    let slices = slices.map(|file| sys::map_peer(&file, layout.len(), Writer::Both)).transpose()?;
    Ok((peers, slices))
}

async fn send<'a>(
    socket: &UnixStream,
    message: &Message,
    files: impl Iterator<Item = &'a OwnedFd>,
) -> Result<(), String> {
    let (bytes, files) = (message.encode(), files.map(AsFd::as_fd).collect::<Vec<_>>());
    let mut sent = 0;
    while sent < bytes.len() {
        let files = if sent == 0 { &files[..] } else { &[] };
        let step = || sys::send_with(socket, &bytes[sent..], files);
        let count = socket.async_io(Interest::WRITABLE, step).await;
        sent += count.map_err(|error| format!("sending to the peer failed: {error}"))?;
    }
    Ok(())
}

/// A message, and the descriptors that came with it.
async fn receive(socket: &UnixStream) -> Result<(Message, Vec<OwnedFd>), String> {
    let (mut bytes, mut received, mut files) = ([0; MESSAGE], 0, Vec::new());
    while received < bytes.len() {
        let step = || sys::receive_with(socket, &mut bytes[received..], &mut files);
        let count = socket.async_io(Interest::READABLE, step).await;
        match count.map_err(|error| format!("receiving from the peer failed: {error}"))? {
            0 => return Err("the peer left in the middle of the handshake".to_owned()),
            count => received += count,
        }
        if files.len() > FILES_MAX {
            let count = files.len();
            return Err(format!("{count} descriptors came with the peer's message, at most {FILES_MAX} do"));
        }
        let known = received.min(MAGIC.len());
        if bytes[..known] != MAGIC[..known] {
            return Err("the peer speaks another protocol".to_owned());
        }
    }
    Ok((Message::decode(&bytes)?, files))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYOUT: Layout = Layout { cells: 4096, counts: [1, 2, 3, 4, 5] };

    #[test]
    fn messages_survive_a_round_trip() {
        let messages = [
            Message::Offer { version: 3, version_min: 2, trust: false, layout: LAYOUT },
            Message::Offer { version: 3, version_min: 2, trust: true, layout: LAYOUT },
            Message::Accept { version: 7, trust: true, layout: LAYOUT },
            Message::Refuse("no".to_owned()),
            Message::Refuse(String::new()),
        ];
        for message in messages {
            assert_eq!(Message::decode(&message.encode()), Ok(message));
        }
        let long = Message::decode(&Message::Refuse("ä".repeat(100)).encode());
        assert_eq!(long, Ok(Message::Refuse("ä".repeat(44))));
    }

    #[test]
    fn no_bytes_make_decoding_panic() {
        let mut random = random_numbers(7);
        for _ in 0..100_000 {
            let mut bytes =
                Message::Offer { version: 1, version_min: 1, trust: false, layout: LAYOUT }.encode();
            for _ in 0..random() % 8 {
                bytes[random() as usize % MESSAGE] = random() as u8;
            }
            if let Ok(Message::Offer { layout, .. } | Message::Accept { layout, .. }) =
                Message::decode(&bytes)
                && layout.check().is_ok()
            {
                assert!(layout.len() <= 256 << 20);
            }
        }
    }

    fn random_numbers(seed: u64) -> impl FnMut() -> u64 {
        let mut state = seed;
        move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 33
        }
    }

    #[test]
    fn the_highest_common_version_is_chosen() {
        assert_eq!(common_version(VERSION, VERSION_MIN), Ok(VERSION));
        assert_eq!(common_version(9, 1), Ok(VERSION));
        assert!(common_version(9, 2).unwrap_err().contains("versions 2 to 9"));
        assert!(common_version(0, 0).is_err());
    }

    #[tokio::test]
    async fn both_ends_map_each_other() {
        let (client, server) = UnixStream::pair().unwrap();
        let small = Layout { cells: 128, counts: [1; CLASSES] };
        let (client, server) = tokio::join!(offer(&client, LAYOUT, false), accept(&server, small, false));
        let (client, server) = (client.unwrap(), server.unwrap());
        assert_eq!((client.own_layout, client.peers_layout), (LAYOUT, small));
        assert_eq!((server.own_layout, server.peers_layout), (small, LAYOUT));
    }

    #[tokio::test]
    async fn only_two_that_trust_each_other_share_slices() {
        for (offered, wanted) in [(false, false), (true, false), (false, true), (true, true)] {
            let (client, server) = UnixStream::pair().unwrap();
            let (client, server) =
                tokio::join!(offer(&client, LAYOUT, offered), accept(&server, LAYOUT, wanted));
            let trusted = offered && wanted;
            assert_eq!(client.unwrap().shared.is_some(), trusted);
            assert_eq!(server.unwrap().shared.is_some(), trusted);
        }
    }

    #[tokio::test]
    async fn trust_that_was_not_offered_is_refused() {
        let (client, server) = UnixStream::pair().unwrap();
        let liar = async {
            receive(&server).await.unwrap();
            let own = create(LAYOUT).unwrap();
            let answer = Message::Accept { version: 1, trust: true, layout: LAYOUT };
            send(&server, &answer, [own.file(), own.file()].into_iter()).await.unwrap();
        };
        let (refused, ()) = tokio::join!(offer(&client, LAYOUT, false), liar);
        assert!(refused.err().unwrap().contains("not offered"));
    }

    #[tokio::test]
    async fn faults_are_told_to_the_peer() {
        let own = create(LAYOUT).unwrap();
        let other = Layout { cells: 128, ..LAYOUT };
        let huge = Layout { counts: [4096; CLASSES], ..LAYOUT };
        let offer =
            |version, layout| Message::Offer { version, version_min: version, trust: false, layout }.encode();
        let trusting = Message::Offer { version: 1, version_min: 1, trust: true, layout: LAYOUT }.encode();
        let accepting = Message::Accept { version: 1, trust: false, layout: LAYOUT }.encode();
        let mut odd = offer(1, LAYOUT);
        odd[8] = 77;
        let cases = [
            (offer(2, LAYOUT), 1, "versions 2 to 2"),
            (offer(1, LAYOUT), 0, "no descriptor"),
            (offer(1, LAYOUT), 2, "2 descriptors came with the peer's message, not 1"),
            (offer(1, LAYOUT), 3, "at most 2"),
            (trusting, 1, "1 descriptors came with the peer's message, not 2"),
            (offer(1, other), 1, "were announced"),
            (offer(1, huge), 1, "beyond"),
            (accepting, 1, "begin with an offer"),
            (odd, 1, "unknown kind 77"),
        ];
        for (bytes, files, hint) in cases {
            let (client, server) = UnixStream::pair().unwrap();
            sys::send_with(&client, &bytes, &vec![own.file().as_fd(); files]).unwrap();
            let refused = accept(&server, LAYOUT, true).await.err().unwrap();
            assert!(refused.contains(hint), "{refused}");
            let told = receive(&client).await.unwrap().0;
            let Message::Refuse(text) = told else { panic!("{told:?}") };
            assert!(refused.starts_with(&text), "{text}");
        }
    }

    #[tokio::test]
    async fn another_protocol_is_noticed_at_its_first_byte() {
        for bytes in [&b"\x80\x01\x00\x01"[..], b"GET / HTTP/1.1\r\n", b"\0"] {
            let (client, server) = UnixStream::pair().unwrap();
            client.try_write(bytes).unwrap();
            assert_eq!(
                accept(&server, LAYOUT, false).await.err().unwrap(),
                "the peer speaks another protocol"
            );
        }
        let (client, server) = UnixStream::pair().unwrap();
        client.try_write(&MAGIC[..3]).unwrap();
        drop(client);
        assert!(accept(&server, LAYOUT, false).await.err().unwrap().contains("left"));
    }
}
