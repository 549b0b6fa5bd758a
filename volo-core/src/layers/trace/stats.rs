//! What a tracer learns of a call.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use faststr::FastStr;

use super::Level;
use crate::{Body, CallInfo, Error, ErrorKind, Outcome, Peer, Request, Response, Stages, Target};

/// Which end of the call is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The caller's.
    Client,
    /// The callee's.
    Server,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Side::Client => "client",
            Side::Server => "server",
        })
    }
}

/// How a call ended.
#[derive(Clone, Copy, Debug)]
pub enum Ending<'a> {
    /// With an answer, which may be a failure that the peer reports.
    Answered(&'a Response),
    /// Without one.
    Failed(&'a Error),
    /// Its caller lost interest.
    Dropped,
    /// The handler, or a layer, panicked.
    Panicked,
}

/// What is known of a call when it is over.
#[derive(Debug)]
pub struct Stats<'a> {
    /// Which end this is.
    pub side: Side,
    /// The service's name as the IDL has it.
    pub service: &'a FastStr,
    /// The method's name as the IDL has it.
    pub method: &'a FastStr,
    /// Which attempt it was, from 0; among the outer layers of a client always 0.
    pub attempt: u32,
    /// How long it took.
    pub duration: Duration,
    /// How it ended.
    pub ending: Ending<'a>,
    /// The other end, if one was ever chosen.
    pub peer: Option<&'a Arc<Peer>>,
    /// Bytes of the arguments, where they are known: on a server, on a client at [`Level::Detailed`].
    pub request_bytes: Option<usize>,
    /// Bytes of the result, where they are known: on a client.
    pub response_bytes: Option<usize>,
    /// When it got where, at [`Level::Detailed`].
    pub stages: Option<&'a Stages>,
}

impl Stats<'_> {
    /// Whether it ended with the method's result, or an exception or status that is part of the service's contract.
    pub fn is_success(&self) -> bool {
        match self.ending {
            Ending::Answered(response) => !matches!(response.outcome(), Outcome::Failed(_)),
            _ => false,
        }
    }

    /// What moved it, as [`Peer::transport`]: on a client known of calls that were answered.
    pub fn transport(&self) -> Option<&'static str> {
        self.peer.and_then(|peer| peer.transport)
    }

    /// Whether it panicked in this process.
    pub fn panicked(&self) -> bool {
        matches!(self.ending, Ending::Panicked)
    }

    /// The ending in one word.
    pub fn status(&self) -> Status {
        match self.ending {
            Ending::Answered(response) => match response.outcome() {
                Outcome::Success => Status::Ok,
                Outcome::Declared(_) => Status::Exception,
                Outcome::Business(_) => Status::BizError,
                Outcome::Failed(1) => Status::UnknownMethod,
                Outcome::Failed(7) => Status::ProtocolError,
                Outcome::Failed(_) => Status::ApplicationError,
            },
            Ending::Failed(error) => Status::of_kind(error.kind()),
            Ending::Dropped => Status::Cancelled,
            Ending::Panicked => Status::Panic,
        }
    }
}

/// How a call ended, in a word for metrics and spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Status {
    /// `OK`: with the method's result.
    Ok,
    /// `EXCEPTION`: with an exception that the method declares.
    Exception,
    /// `BIZ_ERROR`: with a business status.
    BizError,
    /// `APPLICATION_ERROR`: the peer failed it.
    ApplicationError,
    /// `UNKNOWN_METHOD`: the peer doesn't have the method.
    UnknownMethod,
    /// `PROTOCOL_ERROR`: one of both sent something that breaks the protocol or a limit.
    ProtocolError,
    /// `TIMEOUT`: it took too long.
    Timeout,
    /// `CONNECT`: no connection could be made.
    Connect,
    /// `CLOSED`: the connection ended.
    Closed,
    /// `OVERLOADED`: a queue, pool or limit was full.
    Overloaded,
    /// `CIRCUIT_OPEN`: a circuit breaker refused it.
    CircuitOpen,
    /// `REJECTED`: a rule refused it.
    Rejected,
    /// `ENCODE`: what was to be sent breaks a limit.
    Encode,
    /// `DRAINING`: the server was shutting down.
    Draining,
    /// `CANCELLED`: its caller gave it up.
    Cancelled,
    /// `INTERNAL`: anything else went wrong in this process.
    Internal,
    /// `PANIC`: the handler, or a layer, panicked.
    Panic,
}

impl Status {
    fn of_kind(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Timeout => Status::Timeout,
            ErrorKind::Connect => Status::Connect,
            ErrorKind::Closed => Status::Closed,
            ErrorKind::Overloaded => Status::Overloaded,
            ErrorKind::CircuitOpen => Status::CircuitOpen,
            ErrorKind::Rejected => Status::Rejected,
            ErrorKind::Protocol => Status::ProtocolError,
            ErrorKind::Encode => Status::Encode,
            ErrorKind::Cancelled => Status::Cancelled,
            ErrorKind::Draining => Status::Draining,
            ErrorKind::Config | ErrorKind::Internal => Status::Internal,
        }
    }

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Ok => "OK",
            Status::Exception => "EXCEPTION",
            Status::BizError => "BIZ_ERROR",
            Status::ApplicationError => "APPLICATION_ERROR",
            Status::UnknownMethod => "UNKNOWN_METHOD",
            Status::ProtocolError => "PROTOCOL_ERROR",
            Status::Timeout => "TIMEOUT",
            Status::Connect => "CONNECT",
            Status::Closed => "CLOSED",
            Status::Overloaded => "OVERLOADED",
            Status::CircuitOpen => "CIRCUIT_OPEN",
            Status::Rejected => "REJECTED",
            Status::Encode => "ENCODE",
            Status::Draining => "DRAINING",
            Status::Cancelled => "CANCELLED",
            Status::Internal => "INTERNAL",
            Status::Panic => "PANIC",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is noted of a call while it runs.
pub(super) struct Record {
    side: Side,
    service: FastStr,
    method: FastStr,
    attempt: u32,
    peer: Option<Arc<Peer>>,
    request_bytes: Option<usize>,
    stages: Option<Arc<Stages>>,
    start: Instant,
}

impl Record {
    pub(super) fn start(side: Side, level: Level, request: &mut Request) -> Self {
        let start = Instant::now();
        let request_bytes = bytes(request.body());
        let CallInfo { peer, attempt, .. } = &request.context;
        let Target { service, method, .. } = &*request.context;
        let record = Record {
            side,
            service: service.clone(),
            method: method.clone(),
            attempt: attempt.number,
            peer: peer.clone(),
            request_bytes,
            stages: (level == Level::Detailed).then(|| Arc::new(Stages::from(start))),
            start,
        };
        if let Some(stages) = &record.stages {
            request.context.set_stages(stages.clone());
        }
        record
    }

    pub(super) fn end<'a>(&'a self, ending: Ending<'a>) -> Stats<'a> {
        let answer = match ending {
            Ending::Answered(response) => Some(response),
            _ => None,
        };
        let stages = self.stages.as_deref();
        Stats {
            side: self.side,
            service: &self.service,
            method: &self.method,
            attempt: self.attempt,
            duration: self.start.elapsed(),
            ending,
            // Who answered is more than who was to.
            peer: answer.and_then(|response| response.context.peer.as_ref()).or(self.peer.as_ref()),
            request_bytes: self.request_bytes.or_else(|| stages?.request_bytes()),
            response_bytes: answer.and_then(|response| bytes(response.body())),
            stages,
        }
    }
}

fn bytes(body: &Body) -> Option<usize> {
    match body {
        Body::Raw(raw) => Some(raw.bytes.len()),
        Body::Typed(_) => None,
    }
}
