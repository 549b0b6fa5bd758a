//! Which trace a call belongs to, as W3C Trace Context writes it (`traceparent`).
//!
//! It travels as transient metainfo under the header's own name, where Kitex's OpenTelemetry extension has it.

use std::{error::Error, fmt, str::FromStr};

use crate::{CallInfo, Context, balance::Random};

/// The key in metainfo.
const KEY: &str = "traceparent";

/// What the key becomes on its way through a gateway that names headers as CGI does.
const CGI_KEY: &str = "TRACEPARENT";

/// A place in a trace: the span that is under way.
///
/// Displays and parses as a `traceparent` of version 00: `00-<trace id>-<span id>-<flags>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceContext {
    /// All spans of a trace share it; never 0.
    pub trace_id: u128,
    /// The span; never 0.
    pub span_id: u64,
    /// Whether the trace is recorded.
    pub sampled: bool,
}

impl TraceContext {
    /// The first span of a new trace that is recorded.
    pub fn root() -> Self {
        let trace_id = u128::from(random()) << 64 | u128::from(random());
        TraceContext { trace_id, span_id: random(), sampled: true }
    }

    /// A new span of the same trace.
    pub fn child(self) -> Self {
        TraceContext { span_id: random(), ..self }
    }

    /// What the caller of the call being served sent.
    pub fn received(context: &CallInfo) -> Option<Self> {
        let upstream = &context.metainfo()?.upstream;
        upstream.get(KEY).or_else(|| upstream.get(CGI_KEY))?.parse().ok()
    }

    /// Sends it along with a call.
    pub fn send(self, context: &mut CallInfo) {
        context.metainfo_mut().transient.set(KEY, self.to_string());
    }

    /// The place in the trace of the handler that is running, if one is and is traced.
    pub fn current() -> Option<Self> {
        Context::with_current(|context| context.extension::<TraceContext>().copied()).flatten()
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, u8::from(self.sampled))
    }
}

impl FromStr for TraceContext {
    type Err = ParseTraceContextError;

    /// Reads any version: what later ones add comes at the end.
    fn from_str(text: &str) -> Result<Self, ParseTraceContextError> {
        let error = || ParseTraceContextError(());
        let mut parts = text.split('-');
        let mut field = |digits| parts.next().filter(|part| is_lower_hex(part, digits)).ok_or_else(error);
        let (version, trace_id, span_id, flags) = (field(2)?, field(32)?, field(16)?, field(2)?);
        let ends_here = parts.next().is_none();
        if version == "ff" || (version == "00" && !ends_here) {
            return Err(error());
        }
        let trace_id = u128::from_str_radix(trace_id, 16).map_err(|_| error())?;
        let span_id = u64::from_str_radix(span_id, 16).map_err(|_| error())?;
        let flags = u8::from_str_radix(flags, 16).map_err(|_| error())?;
        if trace_id == 0 || span_id == 0 {
            return Err(error());
        }
        Ok(TraceContext { trace_id, span_id, sampled: flags & 1 == 1 })
    }
}

fn is_lower_hex(part: &str, digits: usize) -> bool {
    part.len() == digits && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Why a text is no `traceparent`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseTraceContextError(());

impl fmt::Display for ParseTraceContextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "not a traceparent: want VERSION-TRACE-SPAN-FLAGS in lower-case hex, with ids that aren't zero",
        )
    }
}

impl Error for ParseTraceContextError {}

/// A number that is not 0 and differs from all others with near certainty.
fn random() -> u64 {
    loop {
        let number = Random::with_local(Random::number);
        if number != 0 {
            return number;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_traceparent_is_read_and_written() {
        let parsed: TraceContext = TEXT.parse().unwrap();
        assert_eq!(parsed.trace_id, 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);
        assert_eq!((parsed.span_id, parsed.sampled), (0xb7ad_6b71_6920_3331, true));
        assert_eq!(parsed.to_string(), TEXT);
        let later = TEXT.replace("00-", "01-") + "-more";
        assert_eq!(later.parse(), Ok(parsed));
        assert!(!TEXT.replace("-01", "-00").parse::<TraceContext>().unwrap().sampled);
    }

    #[test]
    fn nonsense_is_none() {
        let zero_trace = format!("00-{}-b7ad6b7169203331-01", "0".repeat(32));
        let zero_span = TEXT.replace("b7ad6b7169203331", "0000000000000000");
        let upper = TEXT.to_uppercase();
        let version = TEXT.replace("00-", "ff-");
        let long = format!("{TEXT}-more");
        let signed = TEXT.replace("-01", "-+1");
        for text in
            ["", "-", "00-", "00-é", &zero_trace, &zero_span, &upper, &version, &long, &signed, &TEXT[1..]]
        {
            assert!(text.parse::<TraceContext>().is_err(), "{text}");
        }
    }

    #[test]
    fn spans_of_a_trace_share_its_id_and_nothing_else() {
        let root = TraceContext::root();
        let child = root.child();
        assert_eq!(root.trace_id, child.trace_id);
        assert_ne!(root.span_id, child.span_id);
        assert_ne!(TraceContext::root().trace_id, root.trace_id);
    }

    #[test]
    fn it_travels_in_metainfo() {
        let sent = TraceContext::root();
        let mut client = Context::new("S", "m");
        sent.send(&mut client);
        let mut server = Context::new("S", "m");
        assert_eq!(TraceContext::received(&server), None);
        let text = client.metainfo().unwrap().transient.get(KEY).unwrap().clone();
        server.metainfo_mut().upstream.set(CGI_KEY, text);
        assert_eq!(TraceContext::received(&server), Some(sent));
        server.metainfo_mut().upstream.set(KEY, "nonsense");
        assert_eq!(TraceContext::received(&server), None);
    }
}
