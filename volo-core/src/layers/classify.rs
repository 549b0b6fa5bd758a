//! How layers read requests and results of types they don't know.

use std::{fmt, sync::Arc, time::Instant};

use crate::{
    Attempt, Error, ErrorKind, Origin, Outcome, Peer, Request, Response, Retry, Target,
    layers::retry::RetryConfig,
};

/// The method a call is for; both names are empty where there are no methods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Route<'a> {
    /// The service's name.
    pub service: &'a str,
    /// The method's name.
    pub method: &'a str,
}

impl Route<'_> {
    /// Bytes of both names up to which something may be kept under them: a peer that makes up long ones must not fill
    /// the memory.
    pub const LEN_MAX: usize = 1024;

    /// Bytes of both names together.
    pub fn len(&self) -> usize {
        self.service.len() + self.method.len()
    }

    /// Whether there are no names.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether something may be kept under these names.
    pub fn may_be_kept(&self) -> bool {
        self.len() <= Route::LEN_MAX
    }
}

/// What layers read from and write to a request of type `Req`.
pub trait Describe<Req>: Clone + Send + Sync + 'static {
    /// The method it calls.
    fn route<'a>(&self, _: &'a Req) -> Route<'a> {
        Route::default()
    }

    /// The same, if it is kept where calls to the method share it.
    fn target<'a>(&self, _: &'a Req) -> Option<&'a Arc<Target>> {
        None
    }

    /// When it must be over.
    fn deadline(&self, _: &Req) -> Option<Instant> {
        None
    }

    /// Lets it know that it must be over by then.
    fn set_deadline(&self, _: &mut Req, _: Instant) {}

    /// Whether executing it twice does no more than executing it once.
    fn is_idempotent(&self, _: &Req) -> bool {
        false
    }

    /// Which attempt at its call it is.
    fn attempt<'a>(&self, _: &'a Req) -> Option<&'a Attempt> {
        None
    }

    /// Where the request says which attempt it is, to change it.
    fn attempt_mut<'a>(&self, _: &'a mut Req) -> Option<&'a mut Attempt> {
        None
    }

    /// Lets it go to this peer, whatever a balancer would choose.
    fn pin_to_last(&self, _: &mut Req) {}

    /// How this very call is to be retried, if differently from others.
    fn retry_config<'a>(&self, _: &'a Req) -> Option<&'a Arc<RetryConfig>> {
        None
    }
}

/// How layers judge the result of a call.
pub trait Classify<Res, E>: Clone + Send + Sync + 'static {
    /// What the result says about whoever gave it.
    fn verdict(&self, result: &Result<Res, E>) -> Verdict;

    /// The business status in it, if there is one.
    fn code(&self, _: &Result<Res, E>) -> Option<i32> {
        None
    }

    /// Whom a balancer chose for the call, if the result tells.
    fn peer<'a>(&self, _: &'a Result<Res, E>) -> Option<&'a Arc<Peer>> {
        None
    }

    /// Whether it says that time ran out.
    fn is_timeout(&self, _: &Result<Res, E>) -> bool {
        false
    }
}

/// What a result says about whoever gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It works; that includes exceptions which a method declares.
    Success,
    /// It does not work, and the call may be sent again in these circumstances.
    Failure(Retry),
    /// Nothing: the call failed for reasons of this process. It may be sent again in these circumstances.
    Ignored(Retry),
}

impl Verdict {
    /// When the call may be sent again.
    pub fn retry(self) -> Retry {
        match self {
            Verdict::Success => Retry::Never,
            Verdict::Failure(retry) | Verdict::Ignored(retry) => retry,
        }
    }
}

/// Judges a result before [`Rpc`] does; `None` leaves it to that.
type Judge = dyn Fn(&Result<Response, Error>) -> Option<Verdict> + Send + Sync;

/// Knows [`Request`], [`Response`] and [`Error`].
///
/// An application exception is a failure; a declared one, as well as a business status, is a success. Errors of this
/// process (an open circuit, a limit, a setting, a message that can't be encoded) say nothing about the peer, nor does
/// the refusal by a rule, here or there.
#[derive(Clone, Default)]
pub struct Rpc {
    /// Behind one pointer, because it goes along with each call.
    judge: Option<Arc<Box<Judge>>>,
}

impl Rpc {
    /// Lets `judge` have its say on each result first.
    pub fn judged_by<F>(judge: F) -> Self
    where
        F: Fn(&Result<Response, Error>) -> Option<Verdict> + Send + Sync + 'static,
    {
        Rpc { judge: Some(Arc::new(Box::new(judge))) }
    }
}

impl fmt::Debug for Rpc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rpc").field("judged", &self.judge.is_some()).finish()
    }
}

impl Describe<Request> for Rpc {
    #[inline]
    fn route<'a>(&self, request: &'a Request) -> Route<'a> {
        let Target { service, method, .. } = &*request.context;
        Route { service, method }
    }

    #[inline]
    fn target<'a>(&self, request: &'a Request) -> Option<&'a Arc<Target>> {
        request.context.target()
    }

    #[inline]
    fn deadline(&self, request: &Request) -> Option<Instant> {
        request.context.deadline
    }

    #[inline]
    fn set_deadline(&self, request: &mut Request, deadline: Instant) {
        request.context.deadline = Some(deadline);
    }

    #[inline]
    fn is_idempotent(&self, request: &Request) -> bool {
        request.context.idempotent
    }

    #[inline]
    fn attempt<'a>(&self, request: &'a Request) -> Option<&'a Attempt> {
        Some(&request.context.attempt)
    }

    #[inline]
    fn attempt_mut<'a>(&self, request: &'a mut Request) -> Option<&'a mut Attempt> {
        Some(&mut request.context.attempt)
    }

    #[inline]
    fn pin_to_last(&self, request: &mut Request) {
        let last = request.context.attempt.tried.as_ref().and_then(|tried| tried.last());
        if last.is_some() {
            request.context.peer = last;
        }
    }

    #[inline]
    fn retry_config<'a>(&self, request: &'a Request) -> Option<&'a Arc<RetryConfig>> {
        request.context.extension()
    }
}

impl Classify<Response, Error> for Rpc {
    #[inline]
    fn verdict(&self, result: &Result<Response, Error>) -> Verdict {
        if let Some(verdict) = self.judge.as_ref().and_then(|judge| judge(result)) {
            return verdict;
        }
        match result {
            Ok(response) => match response.outcome() {
                Outcome::Success | Outcome::Declared(_) | Outcome::Business(_) => Verdict::Success,
                Outcome::Failed(_) => Verdict::Failure(response.retry()),
            },
            Err(error) if says_nothing_of_the_peer(error) => Verdict::Ignored(error.retry()),
            Err(error) => Verdict::Failure(error.retry()),
        }
    }

    #[inline]
    fn code(&self, result: &Result<Response, Error>) -> Option<i32> {
        match result.as_ref().ok()?.outcome() {
            Outcome::Business(status) => Some(status),
            _ => None,
        }
    }

    #[inline]
    fn peer<'a>(&self, result: &'a Result<Response, Error>) -> Option<&'a Arc<Peer>> {
        match result {
            Ok(response) => response.context.peer.as_ref(),
            Err(error) => error.peer(),
        }
    }

    #[inline]
    fn is_timeout(&self, result: &Result<Response, Error>) -> bool {
        result.as_ref().is_err_and(Error::is_timeout)
    }
}

/// A timeout is noticed here, but caused by whoever did not answer; a rule that refuses a call works, wherever it is.
fn says_nothing_of_the_peer(error: &Error) -> bool {
    let is_local = error.origin() == Origin::Local && error.kind() != ErrorKind::Timeout;
    is_local || error.is_rejected()
}

/// Knows nothing: `Ok` is a success, `Err` a failure that only an idempotent call may follow up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plain;

impl<Req> Describe<Req> for Plain {}

impl<Res, E> Classify<Res, E> for Plain {
    fn verdict(&self, result: &Result<Res, E>) -> Verdict {
        match result {
            Ok(_) => Verdict::Success,
            Err(_) => Verdict::Failure(Retry::IfIdempotent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Body, Context, DecodeLimits, Format, Raw};

    fn answer(outcome: Outcome, retry: Retry) -> Result<Response, Error> {
        let limits = DecodeLimits { depth_max: 1, memory_max: 1 };
        let body = Body::Raw(Raw { format: Format(0), bytes: Default::default(), limits });
        Ok(Response::new(Context::default(), body, outcome).with_retry(retry))
    }

    #[test]
    fn what_a_result_says_of_the_peer() {
        let of = |result| Rpc::default().verdict(&result);
        for outcome in [Outcome::Success, Outcome::Declared(1), Outcome::Business(7)] {
            assert_eq!(of(answer(outcome, Retry::Never)), Verdict::Success);
        }
        for retry in [Retry::Never, Retry::Always] {
            assert_eq!(of(answer(Outcome::Failed(6), retry)), Verdict::Failure(retry));
        }
        for (kind, origin, verdict) in [
            (ErrorKind::Timeout, Origin::Local, Verdict::Failure(Retry::IfIdempotent)),
            (ErrorKind::Closed, Origin::Network, Verdict::Failure(Retry::IfIdempotent)),
            (ErrorKind::Connect, Origin::Network, Verdict::Failure(Retry::Always)),
            (ErrorKind::Overloaded, Origin::Peer, Verdict::Failure(Retry::Always)),
            (ErrorKind::Overloaded, Origin::Local, Verdict::Ignored(Retry::Always)),
            (ErrorKind::Protocol, Origin::Peer, Verdict::Failure(Retry::Never)),
            (ErrorKind::Rejected, Origin::Peer, Verdict::Ignored(Retry::Never)),
            (ErrorKind::CircuitOpen, Origin::Local, Verdict::Ignored(Retry::Never)),
            (ErrorKind::Encode, Origin::Local, Verdict::Ignored(Retry::Never)),
        ] {
            assert_eq!(of(Err(Error::new(kind, "").with_origin(origin))), verdict, "{kind:?}");
        }
        let strict = Rpc::judged_by(|result| {
            let status = matches!(result.as_ref().ok()?.outcome(), Outcome::Business(_));
            status.then_some(Verdict::Failure(Retry::Never))
        });
        assert_eq!(
            strict.verdict(&answer(Outcome::Business(7), Retry::Never)),
            Verdict::Failure(Retry::Never)
        );
        assert_eq!(strict.verdict(&answer(Outcome::Success, Retry::Never)), Verdict::Success);
    }
}
