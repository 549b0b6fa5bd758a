//! Messages in a stream: whatever the dialect and the pieces they arrive in, the same messages come out.

use volo_core::net::{Frame, Framer};

use super::*;

/// All messages of a stream that grows by `step` bytes at a time.
fn receive(stream: &Bytes, framer: &mut dyn Framer, step: usize) -> Vec<Bytes> {
    let (mut frames, mut start, mut end) = (Vec::new(), 0, 0);
    while start < stream.len() {
        match framer.frame(&stream[start..end]).unwrap() {
            Frame::Complete(len) => {
                frames.push(stream.slice(start..start + len));
                start += len;
            }
            Frame::Partial(needed) => {
                assert!(needed > end - start, "asks for {needed} of {}", end - start);
                assert!(end < stream.len(), "wants more than all");
                end = (end + step).min(stream.len());
            }
        }
    }
    frames
}

#[test]
fn dialects_mix_in_any_pieces() {
    let samples = samples();
    let stream: Bytes = samples.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
    let expected: Vec<Bytes> = samples.iter().map(|(_, bytes)| bytes.clone()).collect();
    for step in [1, 2, 3, 7, 64, stream.len()] {
        let frames = receive(&stream, &mut DetectFramer::new(&Limits::default()), step);
        assert_eq!(frames, expected, "step {step}");
    }
}

#[test]
fn the_dialect_of_each_frame_is_found() {
    for (dialect, bytes) in samples() {
        let mut framer = DetectFramer::new(&Limits::default());
        assert_eq!(framer.frame(&bytes).unwrap(), Frame::Complete(bytes.len()));
        let incoming = parse(bytes, framer.dialect().unwrap(), &Limits::default()).unwrap();
        assert_eq!(incoming.dialect, dialect);
    }
}

#[test]
fn a_configured_framing_finds_its_own_frames() {
    for (dialect, bytes) in samples() {
        let twice: Bytes = [&bytes[..], &bytes[..]].concat().into();
        for step in [1, 5, twice.len()] {
            let mut framer = FixedFramer::new(dialect, &Limits::default());
            assert_eq!(receive(&twice, &mut framer, step), [bytes.clone(), bytes.clone()]);
        }
    }
}

#[test]
fn a_configured_ttheader_takes_nothing_else() {
    let dialect = dialect(Framing::TtHeader, Protocol::Binary);
    let mut framer = FixedFramer::new(dialect, &Limits::default());
    let error = framer.frame(&hex("00000011 80010001")).unwrap_err();
    let error = WireError::of(&error).unwrap();
    assert_eq!(
        (error.to_string().as_str(), error.dialect()),
        ("peer's message has no TTHeader", Some(dialect))
    );
}

#[test]
fn size_and_bytes_agree_for_random_messages() {
    let mut random = Random(11);
    for _ in 0..2_000 {
        let dialect = DIALECTS[random.below(DIALECTS.len())];
        let mut header = Header { flags: random.next() as u16, ..Header::default() };
        for _ in 0..random.below(5) {
            header.integers.push((random.next() as u16, random.text(40)));
            header.strings.push((random.text(40), random.text(200)));
        }
        header.acl_token = (random.below(3) == 0).then(|| random.text(40));
        let kind = [MessageKind::Call, MessageKind::Reply, MessageKind::Exception, MessageKind::Oneway];
        let head = MessageHead::new(kind[random.below(4)], random.text(50), random.next() as i32);
        let blob = Bytes::from(vec![7; random.below(400)]);
        let body = if random.below(2) == 0 {
            raw(dialect.protocol, blob)
        } else {
            Body::Typed(Arc::new(Blob(blob)))
        };
        let bytes = encode(dialect, &header, &head, &body).unwrap();

        let incoming = parse(bytes, dialect, &Limits::default()).unwrap();
        assert_eq!((incoming.dialect, &incoming.head), (dialect, &head));
        assert_eq!(incoming.outer_sequence_id, head.sequence_id);
        assert_eq!(incoming.header, dialect.framing.has_header().then(|| header.into()));
    }
}

#[test]
fn what_cannot_be_written_is_refused() {
    let size = |dialect, header: &Header, name: &'static str, body: &Body| {
        let head = MessageHead::new(MessageKind::Call, name, 1);
        let outgoing = Outgoing { dialect, header, head: &head, body };
        outgoing.size(usize::MAX, &Limits::default()).map_err(|error| error.to_string())
    };
    let ttheader = dialect(Framing::TtHeader, Protocol::Binary);
    let body = raw(Protocol::Binary, hex("00"));
    let long: FastStr = "x".repeat(65_536).into();
    let with = |key: FastStr, value: FastStr| Header { strings: vec![(key, value)], ..Header::default() };
    let error = size(ttheader, &with("k".into(), long.clone()), "ping", &body).unwrap_err();
    assert_eq!(error, "header's k takes 65536 bytes, a text can have 65535");
    assert!(size(ttheader, &with(long.clone(), "v".into()), "ping", &body).is_err());
    let error = size(ttheader, &with("k".into(), long.slice_ref(&long[1..])), "ping", &body).unwrap_err();
    assert_eq!(error, "header of 65548 bytes passes header_max of 65536");
    let many = Header { integers: vec![(1, "".into()); PAIRS_MAX + 1], ..Header::default() };
    assert!(size(ttheader, &many, "ping", &body).unwrap_err().contains("1025 pairs"));

    let compact = dialect(Framing::Framed, Protocol::Compact);
    let error = size(compact, &Header::default(), "ping", &body).unwrap_err();
    assert_eq!(error, "encoded body of format 0 for a peer of format 1");
    let large = Body::Typed(Arc::new(Blob(vec![0; 16 << 20].into())));
    let error = size(compact, &Header::default(), "ping", &large).unwrap_err();
    assert_eq!(error, "message of 16777229 bytes passes message_max of 16777216");
}

#[test]
fn a_mesh_header_becomes_strings() {
    let pairs = "ffaf 000a 0001 0003 726970 0001 41";
    for (framing, message) in [
        (Framing::Buffered, "80010001 00000004 70696e67 00000001 00"),
        (Framing::Framed, "00000011 80010001 00000004 70696e67 00000001 00"),
    ] {
        let bytes = hex(&format!("{pairs} {message}"));
        for step in [1, bytes.len()] {
            let mut framer = DetectFramer::new(&Limits::default());
            assert_eq!(receive(&bytes, &mut framer, step), std::slice::from_ref(&bytes));
            assert_eq!(framer.dialect(), Some(dialect(framing, Protocol::Binary)));
        }
        let incoming = parse(bytes, dialect(framing, Protocol::Binary), &Limits::default()).unwrap();
        assert_eq!(incoming.header.unwrap().string("rip").unwrap(), "A");
        assert_eq!((incoming.head.name.as_str(), incoming.body.bytes), ("ping", hex("00")));
    }
}
