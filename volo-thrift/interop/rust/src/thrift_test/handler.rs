//! The services of the test.

use bytes::Bytes;
use faststr::FastStr;
use volo_thrift::{
    ServerError,
    protocol::{Map, Set},
};

use crate::generated::thrift_test::{
    Insanity, Numberz, SecondService, ThriftTest, ThriftTestTestExceptionException,
    ThriftTestTestMultiExceptionException, UserId, Xception, Xception2, Xtruct, Xtruct2,
};

/// Serves `ThriftTest`.
pub struct TestHandler;

/// Serves `SecondService`.
pub struct SecondHandler;

type Answer<T> = Result<T, ServerError>;

impl ThriftTest for TestHandler {
    async fn test_void(&self) -> Answer<()> {
        Ok(())
    }

    async fn test_string(&self, thing: FastStr) -> Answer<FastStr> {
        Ok(thing)
    }

    async fn test_bool(&self, thing: bool) -> Answer<bool> {
        Ok(thing)
    }

    async fn test_byte(&self, thing: i8) -> Answer<i8> {
        Ok(thing)
    }

    async fn test_i32(&self, thing: i32) -> Answer<i32> {
        Ok(thing)
    }

    async fn test_i64(&self, thing: i64) -> Answer<i64> {
        Ok(thing)
    }

    async fn test_double(&self, thing: f64) -> Answer<f64> {
        Ok(thing)
    }

    async fn test_binary(&self, thing: Bytes) -> Answer<Bytes> {
        Ok(thing)
    }

    async fn test_struct(&self, thing: Xtruct) -> Answer<Xtruct> {
        Ok(thing)
    }

    async fn test_nest(&self, thing: Xtruct2) -> Answer<Xtruct2> {
        Ok(thing)
    }

    async fn test_map(&self, thing: Map<i32, i32>) -> Answer<Map<i32, i32>> {
        Ok(thing)
    }

    async fn test_string_map(&self, thing: Map<FastStr, FastStr>) -> Answer<Map<FastStr, FastStr>> {
        Ok(thing)
    }

    async fn test_set(&self, thing: Set<i32>) -> Answer<Set<i32>> {
        Ok(thing)
    }

    async fn test_list(&self, thing: Vec<i32>) -> Answer<Vec<i32>> {
        Ok(thing)
    }

    async fn test_enum(&self, thing: Numberz) -> Answer<Numberz> {
        Ok(thing)
    }

    async fn test_typedef(&self, thing: UserId) -> Answer<UserId> {
        Ok(thing)
    }

    async fn test_map_map(&self, _hello: i32) -> Answer<Map<i32, Map<i32, i32>>> {
        Ok(map_map())
    }

    async fn test_insanity(&self, argument: Insanity) -> Answer<Map<UserId, Map<Numberz, Insanity>>> {
        Ok(insanity(argument))
    }

    async fn test_multi(
        &self,
        arg0: i8,
        arg1: i32,
        arg2: i64,
        _arg3: Map<i16, FastStr>,
        _arg4: Numberz,
        _arg5: UserId,
    ) -> Answer<Xtruct> {
        Ok(Xtruct { string_thing: "Hello2".into(), byte_thing: arg0, i32_thing: arg1, i64_thing: arg2 })
    }

    async fn test_exception(
        &self,
        arg: FastStr,
    ) -> Result<(), ServerError<ThriftTestTestExceptionException>> {
        match arg.as_str() {
            "Xception" => Err(Xception { error_code: 1001, message: arg }.into()),
            "TException" => Err(ServerError::internal("TException")),
            _ => Ok(()),
        }
    }

    async fn test_multi_exception(
        &self,
        arg0: FastStr,
        arg1: FastStr,
    ) -> Result<Xtruct, ServerError<ThriftTestTestMultiExceptionException>> {
        match arg0.as_str() {
            "Xception" => Err(Xception { error_code: 1001, message: "This is an Xception".into() }.into()),
            "Xception2" => {
                let struct_thing =
                    Xtruct { string_thing: "This is an Xception2".into(), ..Xtruct::default() };
                Err(Xception2 { error_code: 2002, struct_thing }.into())
            }
            _ => Ok(Xtruct { string_thing: arg1, ..Xtruct::default() }),
        }
    }

    /// Nobody can see whether it sleeps, unless other calls wait for it.
    async fn test_oneway(&self, _seconds_to_sleep: i32) -> Answer<()> {
        Ok(())
    }
}

impl SecondService for SecondHandler {
    async fn secondtest_string(&self, thing: FastStr) -> Answer<FastStr> {
        Ok(format!("testString(\"{thing}\")").into())
    }
}

/// What `testMapMap` gives.
pub(super) fn map_map() -> Map<i32, Map<i32, i32>> {
    let numbers = |sign: i32| (sign * 4, (1..5).map(|i| (sign * i, sign * i)).collect());
    [numbers(1), numbers(-1)].into_iter().collect()
}

/// What `testInsanity` gives.
pub(super) fn insanity(argument: Insanity) -> Map<UserId, Map<Numberz, Insanity>> {
    let first = [(Numberz::TWO, argument.clone()), (Numberz::THREE, argument)].into_iter().collect();
    let second = [(Numberz::SIX, Insanity::default())].into_iter().collect();
    [(1, first), (2, second)].into_iter().collect()
}
