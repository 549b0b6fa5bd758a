//! Contexts through headers, as we write them and as others do.

use super::*;

fn texts(header: &Header) -> Vec<String> {
    let integers = header.integers.iter().map(|(key, value)| format!("{key}={value}"));
    integers.chain(header.strings.iter().map(|(key, value)| format!("{key}={value}"))).collect()
}

fn with_strings(strings: &[(&'static str, &'static str)]) -> Header {
    Header {
        strings: strings.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect(),
        ..Header::default()
    }
}

fn call(name: &'static str) -> MessageHead {
    MessageHead::new(MessageKind::Call, name, 1)
}

#[test]
fn a_plain_call_writes_four_pairs() {
    let now = Instant::now();
    let mut context = Context::new("Echo", "ping");
    context.deadline = Some(now + Duration::from_millis(250));
    let mut header = Header::default();
    write_request(&mut header, &context, MessageKind::Call, &Identity::default(), now);
    assert_eq!(texts(&header), ["9=ping", "22=1", "12=250", "isn=Echo"]);

    let read = read_request(Some(&header), read_target(Some(&header), &call("ping")), now);
    assert_eq!((&*read.service, &*read.method, read.oneway), ("Echo", "ping", false));
    assert_eq!(read.deadline, context.deadline);
    assert!(read.metainfo().is_none());
}

#[test]
fn budgets_are_whole_milliseconds_and_never_zero() {
    let now = Instant::now() + Duration::from_secs(1000);
    let budget = |deadline: Instant| Budget::of(Some(deadline), now).to_text().to_string();
    assert_eq!(budget(now), "1");
    assert_eq!(budget(now - Duration::from_secs(1)), "1");
    assert_eq!(budget(now + Duration::from_micros(999)), "1");
    assert_eq!(budget(now + Duration::from_micros(12_999)), "12");

    for none in ["0", "", "-1", "x", "1.5", "99999999999999999999"] {
        assert_eq!(read_deadline(none, now), None, "{none}");
    }
    assert_eq!(read_deadline(" 5 ", now), Some(now + Duration::from_millis(5)));
    assert!(read_deadline(&u64::MAX.to_string(), now).is_some());
}

#[test]
fn numbers_become_text() {
    for number in [0, 1, 9, 10, 12_345, u64::MAX] {
        assert_eq!(Budget::decimal(number).as_bytes(), number.to_string().as_bytes());
    }
}

#[test]
fn names_travel_when_there_are_some() {
    let now = Instant::now();
    let timeout = Duration::from_millis(50);
    let names = Identity { caller: "shop".into(), callee: "catalog".into(), connect_timeout: Some(timeout) };
    let mut header = Header::default();
    write_request(&mut header, &Context::new("", "ping"), MessageKind::Oneway, &names, now);
    assert_eq!(texts(&header), ["9=ping", "22=4", "3=shop", "6=catalog", "17=50"]);
    header.integers.push((keys::FROM_METHOD, "order".into()));
    let context = read_request(Some(&header), read_target(Some(&header), &call("ping")), now);
    let caller = Caller { service: "shop".into(), method: "order".into() };
    assert_eq!(context.extension::<Caller>(), Some(&caller));
}

#[test]
fn forward_metainfo_goes_one_hop_or_all() {
    let now = Instant::now();
    let mut context = Context::new("", "ping");
    context.metainfo_mut().persistent.set("P", "1");
    context.metainfo_mut().transient.set("T", "2");
    context.metainfo_mut().transient.set(keys::ACL_TOKEN, "tok");
    context.metainfo_mut().upstream.set("U", "3");
    let mut header = Header::default();
    write_request(&mut header, &context, MessageKind::Call, &Identity::default(), now);
    assert_eq!(texts(&header)[2..], ["RPC_PERSIST_P=1", "RPC_TRANSIT_T=2"]);
    assert_eq!(header.acl_token.as_deref(), Some("tok"));

    header.strings.push(("RPC_TRANSIT_UPSTREAM_X".into(), "4".into()));
    header.strings.push(("RPC_PERSIST_".into(), "no key".into()));
    header.strings.push(("RPC_PERSIST_E".into(), "".into()));
    let read = read_request(Some(&header), read_target(Some(&header), &call("ping")), now);
    let metainfo = read.metainfo().unwrap();
    let pairs = |pairs: &volo_core::Pairs| {
        pairs.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(pairs(&metainfo.persistent), "P=1");
    assert_eq!(pairs(&metainfo.upstream), "T=2 gdpr-token=tok");
    assert!(metainfo.transient.is_empty());
}

#[test]
fn multiplexed_names_name_the_service() {
    let read = |name| {
        let context = read_request(None, read_target(None, &call(name)), Instant::now());
        (context.service.to_string(), context.method.to_string())
    };
    assert_eq!(read("Echo:ping"), ("Echo".into(), "ping".into()));
    assert_eq!(read("ping"), (String::new(), "ping".into()));
    let long = "AServiceWithAVeryLongNameBeyondInline:aMethodWithAVeryLongNameBeyondInline";
    assert_eq!(format!("{}:{}", read(long).0, read(long).1), long);
}

#[test]
fn backward_metainfo_suits_the_peer() {
    let mut context = Context::default();
    context.metainfo_mut().backward.set("K", "v");
    context.metainfo_mut().backward.set("crrst", "0");
    let written = |form| {
        let mut header = Header::default();
        write_reply(&mut header, &context, MessageKind::Reply, &Notes::default(), form);
        let mut back = Context::default();
        let notes = read_reply(&header, &mut back);
        assert!(!notes.closing);
        let downstream = &back.metainfo().unwrap().downstream;
        assert_eq!(
            (downstream.get("K").unwrap(), downstream.get("crrst").unwrap()),
            (&"v".into(), &"0".into())
        );
        texts(&header)[1..].join(" ")
    };
    assert_eq!(written(BackwardForm::Bare), "K=v RPC_BACKWARD_crrst=0");
    assert_eq!(written(BackwardForm::Prefixed), "RPC_BACKWARD_K=v RPC_BACKWARD_crrst=0");
    assert_eq!(written(BackwardForm::Both), "K=v RPC_BACKWARD_K=v RPC_BACKWARD_crrst=0");
}

#[test]
fn the_request_tells_which_backward_form_its_sender_reads() {
    let with = |key: u16| Header { integers: vec![(key, "3".into())], ..Header::default() };
    assert_eq!(BackwardForm::of_request(&with(keys::TRANSPORT_TYPE)), BackwardForm::Bare);
    assert_eq!(BackwardForm::of_request(&with(keys::WITH_MESH_HEADER)), BackwardForm::Prefixed);
    assert_eq!(BackwardForm::of_request(&with(keys::TO_METHOD)), BackwardForm::Both);
}

#[test]
fn replies_carry_their_notes() {
    let extra = [("a".into(), "\"1\"".into())];
    let notes =
        Notes { biz: Some(BizError::with_extra(-7, "no stock", extra)), closing: true, not_executed: true };
    let mut header = Header::default();
    write_reply(&mut header, &Context::default(), MessageKind::Reply, &notes, BackwardForm::Both);
    let mut context = Context::default();
    assert_eq!(read_reply(&header, &mut context), notes);
    assert!(context.metainfo().is_none());
    assert_eq!(message_kind(&header), Some(MessageKind::Reply));
}

#[test]
fn odd_notes_are_taken_as_none() {
    for status in ["0", "", "x", "99999999999"] {
        let header = with_strings(&[("biz-message", "m"), ("biz-status", status)]);
        assert_eq!(read_reply(&header, &mut Context::default()), Notes::default());
    }
    let header = with_strings(&[("biz-status", "5"), ("biz-extra", "{broken")]);
    let biz = read_reply(&header, &mut Context::default()).biz.unwrap();
    assert_eq!(biz, BizError::new(5, ""));
}

#[test]
fn message_kinds_are_text_or_a_raw_byte() {
    let kind = |value: &'static str| {
        message_kind(&Header { integers: vec![(keys::MESSAGE_TYPE, value.into())], ..Header::default() })
    };
    assert_eq!(kind("2"), Some(MessageKind::Reply));
    assert_eq!(kind("\u{2}"), Some(MessageKind::Reply));
    assert_eq!(kind("9"), None);
    assert_eq!(kind(""), None);
    assert_eq!(message_kind(&Header::default()), None);
}

#[test]
fn a_retry_says_so_to_every_hop() {
    let now = Instant::now();
    let mut context = Context::new("Echo", "ping");
    context.attempt = context.attempt.further(2);
    context.metainfo_mut().persistent.set(keys::RETRY, "1");
    context.metainfo_mut().persistent.set("user", "7");
    let mut header = Header::default();
    write_request(&mut header, &context, MessageKind::Call, &Identity::default(), now);
    let written = texts(&header);
    assert_eq!(&written[2..], ["isn=Echo", "RPC_PERSIST_RetryReq=2", "RPC_PERSIST_user=7"]);

    let read = read_request(Some(&header), read_target(Some(&header), &call("ping")), now);
    assert_eq!(read.attempt.number, 2);
    // A first attempt made on behalf of that retry forwards the mark.
    let mut nested = Context::new("Next", "pong");
    nested.metainfo_mut().persistent = read.metainfo().unwrap().persistent.clone();
    let mut header = Header::default();
    write_request(&mut header, &nested, MessageKind::Call, &Identity::default(), now);
    assert_eq!(read_request(Some(&header), read_target(Some(&header), &call("pong")), now).attempt.number, 2);
}
