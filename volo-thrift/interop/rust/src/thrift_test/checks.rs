//! What the client checks, and the bits of its exit code.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use bytes::Bytes;
use volo_thrift::{ClientBuilder, ClientError, client::ServiceClient};

use super::{
    Link,
    handler::{insanity, map_map},
};
use crate::{
    generated::thrift_test::{
        Insanity, Numberz, SecondServiceClient, ThriftTestClient, ThriftTestTestExceptionException,
        ThriftTestTestMultiExceptionException, Xception, Xception2, Xtruct, Xtruct2,
    },
    report::{Outcome, ensure, expect},
};

/// Some of the suite's servers sleep in `testOneway`.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The exit code: a bit for each group with a failure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bits(pub u8);

impl Bits {
    /// Base types and oneway calls.
    pub const BASE_TYPES: u8 = 1;
    /// Structs, enums and typedefs.
    pub const STRUCTS: u8 = 2;
    /// Containers.
    pub const CONTAINERS: u8 = 4;
    /// Exceptions, and the second service.
    pub const EXCEPTIONS: u8 = 8;
    /// The test could not run.
    pub const UNKNOWN: u8 = 64;

    async fn group(&mut self, bit: u8, name: &str, test: impl Future<Output = Outcome>) {
        match test.await {
            Ok(()) => println!("{name}: ok"),
            Err(error) => {
                println!("{name}: *** FAILED *** {error}");
                self.0 |= bit;
            }
        }
    }
}

/// Runs all tests over the link.
pub async fn run(link: &Link) -> Bits {
    let client: ThriftTestClient = builder(link).build();
    let mut bits = Bits::default();
    // What fails here, fails everywhere.
    bits.group(Bits::BASE_TYPES | Bits::UNKNOWN, "testVoid", async { Ok(client.test_void().await?) }).await;
    if bits != Bits::default() {
        return bits;
    }
    bits.group(Bits::BASE_TYPES, "strings", strings(&client)).await;
    bits.group(Bits::BASE_TYPES, "numbers", numbers(&client)).await;
    bits.group(Bits::BASE_TYPES, "doubles", doubles(&client)).await;
    bits.group(Bits::BASE_TYPES, "testBinary", binaries(&client)).await;
    bits.group(Bits::STRUCTS, "structs", structs(&client)).await;
    bits.group(Bits::STRUCTS, "enums and typedefs", enums(&client)).await;
    bits.group(Bits::STRUCTS, "testInsanity", insane(&client)).await;
    bits.group(Bits::STRUCTS, "testMulti", multi(&client)).await;
    bits.group(Bits::CONTAINERS, "containers", containers(&client)).await;
    bits.group(Bits::EXCEPTIONS, "testException", exception(&client)).await;
    bits.group(Bits::EXCEPTIONS, "testMultiException", multi_exception(&client)).await;
    bits.group(Bits::BASE_TYPES, "testOneway", oneway(&client)).await;
    if link.multiplexed {
        bits.group(Bits::EXCEPTIONS, "second service", second(&builder(link).build())).await;
    }
    bits
}

fn builder<C: ServiceClient>(link: &Link) -> ClientBuilder<C> {
    let builder = ClientBuilder::new("thrift-test")
        .address(link.address.clone())
        .tls(link.client_tls())
        .protocol(link.protocol)
        .connect_timeout(TIMEOUT)
        .rpc_timeout(TIMEOUT);
    let builder = if link.framed { builder.framed() } else { builder.buffered() };
    if link.multiplexed { builder.multiplexed() } else { builder }
}

async fn strings(client: &ThriftTestClient) -> Outcome {
    let junk = "quote: \" backslash: \\ slash: \\/ controls: \u{8}\u{c}\n\r\t json: ]] \"]] \\\" }}}{ [[[ ";
    let tongues = "Žemaitėška, العربية, বাংলা, ᏣᎳᎩ, Словѣ́ньскъ, ދިވެހިބަސް, 日本語, 한국어, ⰔⰎⰑⰂⰡⰐⰠⰔⰍⰟ, 🦀";
    for text in ["Test", "", junk, tongues, &tongues.repeat(500)] {
        expect("the string", client.test_string(text.to_owned().into()).await?, text)?;
    }
    Ok(())
}

async fn numbers(client: &ThriftTestClient) -> Outcome {
    for thing in [true, false] {
        expect("the bool", client.test_bool(thing).await?, thing)?;
    }
    for thing in [0, -1, 42, -42, i8::MAX, i8::MIN] {
        expect("the byte", client.test_byte(thing).await?, thing)?;
    }
    for thing in [0, -1, 190_000_013, -190_000_013, i32::MAX, i32::MIN] {
        expect("the i32", client.test_i32(thing).await?, thing)?;
    }
    let big = 7_000_000_000_000_000_123;
    for thing in [0, -1, big, -big, 1 << 32, -(1 << 32), (1 << 32) + 1, -(1 << 32) - 1, i64::MAX, i64::MIN] {
        expect("the i64", client.test_i64(thing).await?, thing)?;
    }
    Ok(())
}

async fn doubles(client: &ThriftTestClient) -> Outcome {
    let (two_32, two_53) = (2f64.powi(32), 2f64.powi(53));
    let small = [0.0, -1.0, -5.2098523, -0.000_341_012_439_638_598_3, 10f64.powi(307), 10f64.powi(-292)];
    for thing in
        small.into_iter().chain([two_32, two_32 + 1.0, two_53 - 1.0, -two_32, -two_32 - 1.0, 1.0 - two_53])
    {
        expect("the double", client.test_double(thing).await?, thing)?;
    }
    Ok(())
}

/// Sizes to 128 KiB, with every byte in them.
async fn binaries(client: &ThriftTestClient) -> Outcome {
    for size in std::iter::once(0).chain((0..18).map(|power| 1usize << power)) {
        let thing: Bytes = (0..size).map(|i| (i as u8).wrapping_sub(128)).collect();
        let reply = client.test_binary(thing.clone()).await?;
        ensure(reply == thing, format!("{size} bytes came back altered"))?;
    }
    Ok(())
}

fn xtruct(text: &'static str, byte_thing: i8, i32_thing: i32, i64_thing: i64) -> Xtruct {
    Xtruct { string_thing: text.into(), byte_thing, i32_thing, i64_thing }
}

async fn structs(client: &ThriftTestClient) -> Outcome {
    let inner = xtruct("Zero", 1, -3, -5);
    expect("the struct", client.test_struct(inner.clone()).await?, inner.clone())?;
    let outer = Xtruct2 { byte_thing: 1, struct_thing: inner, i32_thing: 5 };
    expect("the nested struct", client.test_nest(outer.clone()).await?, outer)
}

async fn enums(client: &ThriftTestClient) -> Outcome {
    for thing in [Numberz::ONE, Numberz::TWO, Numberz::THREE, Numberz::FIVE, Numberz::EIGHT] {
        expect("the enum", client.test_enum(thing).await?, thing)?;
    }
    expect("the typedef", client.test_typedef(309_858_235_082_523).await?, 309_858_235_082_523)
}

async fn insane(client: &ThriftTestClient) -> Outcome {
    let argument = Insanity {
        user_map: [(Numberz::FIVE, 5), (Numberz::EIGHT, 8)].into_iter().collect(),
        xtructs: vec![xtruct("Goodbye4", 4, 4, 4), xtruct("Hello2", 2, 2, 2)],
    };
    expect("the insanity", client.test_insanity(argument.clone()).await?, insanity(argument))
}

async fn multi(client: &ThriftTestClient) -> Outcome {
    let texts = [(1, "blah".into()), (2, "thing".into())].into_iter().collect();
    let reply = client.test_multi(42, 4242, 424_242, texts, Numberz::EIGHT, 24).await?;
    expect("the reply", reply, xtruct("Hello2", 42, 4242, 424_242))
}

async fn containers(client: &ThriftTestClient) -> Outcome {
    let map: volo_thrift::protocol::Map<_, _> = (0..5).map(|i| (i, i - 10)).collect();
    expect("the map", client.test_map(map.clone()).await?, map)?;
    let texts: volo_thrift::protocol::Map<_, _> = [("a", "2"), ("b", "blah"), ("some", "thing")]
        .map(|(k, v)| (k.into(), v.into()))
        .into_iter()
        .collect();
    expect("the map of strings", client.test_string_map(texts.clone()).await?, texts)?;
    let set: volo_thrift::protocol::Set<_> = (-2..3).collect();
    expect("the set", client.test_set(set.clone()).await?, set)?;
    for list in [vec![], (-2..3).collect()] {
        expect("the list", client.test_list(list.clone()).await?, list)?;
    }
    expect("the map of maps", client.test_map_map(1).await?, map_map())
}

async fn exception(client: &ThriftTestClient) -> Outcome {
    let wanted = Xception { error_code: 1001, message: "Xception".into() };
    match client.test_exception("Xception".into()).await {
        Err(ClientError::Exception(ThriftTestTestExceptionException::Err1(exception))) => {
            expect("the exception", exception, wanted)?;
        }
        other => return Err(format!("{other:?} instead of Xception").into()),
    }
    match client.test_exception("TException".into()).await {
        Err(ClientError::Application(_)) => {}
        other => return Err(format!("{other:?} instead of an application exception").into()),
    }
    Ok(client.test_exception("success".into()).await?)
}

async fn multi_exception(client: &ThriftTestClient) -> Outcome {
    use ThriftTestTestMultiExceptionException::{Err1, Err2};

    match client.test_multi_exception("Xception".into(), "test 1".into()).await {
        Err(ClientError::Exception(Err1(exception))) => {
            let wanted = Xception { error_code: 1001, message: "This is an Xception".into() };
            expect("the exception", exception, wanted)?;
        }
        other => return Err(format!("{other:?} instead of Xception").into()),
    }
    match client.test_multi_exception("Xception2".into(), "test 2".into()).await {
        Err(ClientError::Exception(Err2(Xception2 { error_code, struct_thing }))) => {
            expect("the code", error_code, 2002)?;
            expect("the text", struct_thing.string_thing, "This is an Xception2")?;
        }
        other => return Err(format!("{other:?} instead of Xception2").into()),
    }
    let reply = client.test_multi_exception("success".into(), "test 3".into()).await?;
    expect("the text", reply.string_thing, "test 3")
}

/// The call behind it would get its reply if the server sent one.
async fn oneway(client: &ThriftTestClient) -> Outcome {
    let start = Instant::now();
    client.test_oneway(1).await?;
    let elapsed = start.elapsed();
    ensure(elapsed < Duration::from_millis(200), format!("the oneway call took {elapsed:?}"))?;
    expect("the i32 after it", client.test_i32(-1).await?, -1)
}

async fn second(client: &SecondServiceClient) -> Outcome {
    expect("the string", client.secondtest_string("foo".into()).await?, "testString(\"foo\")")
}
