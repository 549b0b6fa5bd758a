//! Refuses calls by rule: who may call what, what is switched off.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{self, Poll},
};

use faststr::FastStr;
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use super::{PerMethod, Route, Setting, dice::Dice};
use crate::{
    CallInfo, Error, ErrorKind,
    observe::{self, Event},
};

/// Refuses a call if one of its rules gives a reason to.
///
/// On a server a rule finds the caller in the request's context: its peer, metainfo, deadline. Nothing of the payload
/// has been decoded by then.
pub struct RejectLayer<Req> {
    rules: Vec<Arc<Rule<Req>>>,
}

/// Why a request is refused, if it is.
type Rule<Req> = dyn Fn(&Req) -> Option<String> + Send + Sync;

impl<Req> RejectLayer<Req> {
    /// Refuses the requests for which `rule` gives a reason.
    pub fn new<R>(rule: R) -> Self
    where
        R: Fn(&Req) -> Option<String> + Send + Sync + 'static,
    {
        RejectLayer { rules: Vec::new() }.and(rule)
    }

    /// Refuses also those for which this rule gives one.
    pub fn and<R>(mut self, rule: R) -> Self
    where
        R: Fn(&Req) -> Option<String> + Send + Sync + 'static,
    {
        self.rules.push(Arc::new(rule));
        self
    }
}

impl<Req> Clone for RejectLayer<Req> {
    fn clone(&self) -> Self {
        RejectLayer { rules: self.rules.clone() }
    }
}

impl<Req> fmt::Debug for RejectLayer<Req> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RejectLayer({} rules)", self.rules.len())
    }
}

impl<S, Req> Layer<S> for RejectLayer<Req> {
    type Service = Reject<S, Req>;

    fn layer(&self, inner: S) -> Reject<S, Req> {
        Reject { inner, rules: self.rules.iter().cloned().collect() }
    }
}

/// Service of [`RejectLayer`].
pub struct Reject<S, Req> {
    inner: S,
    rules: Arc<[Arc<Rule<Req>>]>,
}

impl<S: Clone, Req> Clone for Reject<S, Req> {
    fn clone(&self) -> Self {
        Reject { inner: self.inner.clone(), rules: self.rules.clone() }
    }
}

impl<S: fmt::Debug, Req> fmt::Debug for Reject<S, Req> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reject").field("inner", &self.inner).field("rules", &self.rules.len()).finish()
    }
}

impl<S, Req> Service<Req> for Reject<S, Req>
where
    S: Service<Req, Error: From<Error>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Refusable<S::Future>;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        match self.rules.iter().find_map(|rule| rule(&request)) {
            Some(reason) => Refusable::refused(Error::new(ErrorKind::Rejected, reason)),
            None => Refusable::admitted(self.inner.call(request)),
        }
    }
}

/// A rule that is data: which calls are refused. All of its conditions must be met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectRule {
    /// Only calls of these callers; empty is of any.
    pub callers: Vec<FastStr>,
    /// Not calls of these callers.
    pub except: Vec<FastStr>,
    /// Only calls with these values of metainfo: transient, persistent, or what the caller sent.
    pub metainfo: Vec<(FastStr, FastStr)>,
    /// So many percent of those.
    pub percent: u32,
    /// What the caller is told.
    pub reason: FastStr,
}

/// Refuses every call.
impl Default for RejectRule {
    fn default() -> Self {
        RejectRule {
            callers: Vec::new(),
            except: Vec::new(),
            metainfo: Vec::new(),
            percent: 100,
            reason: FastStr::from_static_str("refused by a rule"),
        }
    }
}

impl RejectRule {
    fn applies(&self, context: &CallInfo, caller: &str, dice: &Dice) -> bool {
        let named = |names: &[FastStr]| names.iter().any(|name| name == caller);
        (self.callers.is_empty() || named(&self.callers))
            && !named(&self.except)
            && self.metainfo.iter().all(|(key, value)| context.metainfo_value(key) == Some(value))
            && dice.percent(self.percent)
    }
}

/// Rules per method that can be changed while they are in use; clones share them.
#[derive(Clone, Debug, Default)]
pub struct RejectRules {
    rules: Setting<PerMethod<Vec<RejectRule>>>,
    dice: Arc<Dice>,
}

impl RejectRules {
    /// These rules, of which the first that is met counts.
    pub fn new(rules: impl Into<Setting<PerMethod<Vec<RejectRule>>>>) -> Self {
        RejectRules { rules: rules.into(), dice: Arc::default() }
    }

    /// Why a call is refused, if it is. `caller` is its name where that is known, or empty.
    pub fn reason(&self, context: &CallInfo, caller: &str) -> Option<String> {
        let route = Route { service: &context.service, method: &context.method };
        self.rules.with(|rules| {
            let met = rules.get(route).iter().find(|rule| rule.applies(context, caller, &self.dice));
            met.map(|rule| rule.reason.to_string())
        })
    }
}

pin_project! {
    /// A call that may have been refused before it began.
    #[derive(Debug)]
    pub struct Refusable<F> {
        #[pin]
        inner: Option<F>,
        refusal: Option<Error>,
    }
}

impl<F> Refusable<F> {
    /// The call goes on.
    pub(super) fn admitted(inner: F) -> Self {
        Refusable { inner: Some(inner), refusal: None }
    }

    /// It ends here.
    pub(super) fn refused(error: Error) -> Self {
        let rule = if error.is_rejected() { "reject" } else { "rate" };
        observe::tell(&Event::Refused { route: Route::default(), rule });
        Refusable { inner: None, refusal: Some(error) }
    }
}

impl<F, T, E> Future for Refusable<F>
where
    F: Future<Output = Result<T, E>>,
    E: From<Error>,
{
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Result<T, E>> {
        let this = self.project();
        if let Some(inner) = this.inner.as_pin_mut() {
            return inner.poll(cx);
        }
        let refusal = this.refusal.take();
        Poll::Ready(Err(refusal.unwrap_or_else(|| Error::internal("polled after its end")).into()))
    }
}

#[cfg(test)]
mod tests {
    use tower::{ServiceBuilder, ServiceExt, service_fn};

    use super::*;
    use crate::{BoxError, Context};

    #[test]
    fn rules_are_met_by_caller_metainfo_and_chance() {
        let setting = Setting::new(PerMethod::new(Vec::new()));
        let rules = RejectRules::new(setting.clone());
        let mut context = Context::new("Shop", "list");
        assert_eq!(rules.reason(&context, "batch"), None);
        let rule = RejectRule { callers: vec!["batch".into()], ..RejectRule::default() };
        let only =
            RejectRule { except: vec!["web".into()], reason: "web only".into(), ..RejectRule::default() };
        let lane = RejectRule { metainfo: vec![("lane".into(), "test".into())], ..RejectRule::default() };
        let half = RejectRule { percent: 50, ..RejectRule::default() };
        setting.set(PerMethod::new(vec![rule]).with("Shop", "buy", vec![only]).with("Bank", "", vec![lane]));
        assert_eq!(rules.reason(&context, "batch").as_deref(), Some("refused by a rule"));
        assert_eq!(rules.reason(&context, "web"), None);
        context.method = "buy".into();
        assert_eq!(rules.reason(&context, "batch").as_deref(), Some("web only"));
        assert_eq!(rules.reason(&context, "web"), None);
        context.service = "Bank".into();
        assert_eq!(rules.reason(&context, ""), None);
        context.metainfo_mut().persistent.set("lane", "test");
        assert!(rules.reason(&context, "").is_some());
        setting.set(PerMethod::new(vec![half]));
        let refused = (0..1000).filter(|_| rules.reason(&context, "").is_some()).count();
        assert!((400..600).contains(&refused), "{refused}");
    }

    #[tokio::test]
    async fn any_rule_refuses_in_any_stack() {
        let layer = RejectLayer::new(|number: &i32| (*number < 0).then(|| "negative".to_owned()))
            .and(|number| (*number > 9).then(|| format!("{number} is too much")));
        let echo = service_fn(async |number: i32| Ok::<_, BoxError>(number));
        let service = ServiceBuilder::new().layer(layer).service(echo);
        let call = async |number| service.clone().oneshot(number).await.map_err(Error::from_boxed);
        assert_eq!(call(3).await.unwrap(), 3);
        for (number, reason) in [(-1, "negative"), (10, "10 is too much")] {
            let error = call(number).await.unwrap_err();
            assert!(error.is_rejected());
            assert_eq!(error.to_string(), reason);
        }
    }
}
