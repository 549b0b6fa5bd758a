//! `volo bench`: how fast a method of a running server is.

use std::{
    cell::Cell,
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde_json::json;
use volo_core::Target as Callee;
use volo_core::{
    Body, Context, Response, Stage,
    layers::trace::{Stats, Status as Ending},
};
use volo_thrift::generic::{Answer, JsonClient, MethodType};

use super::{
    Status,
    call::{find, read},
};
use crate::{
    bench::{
        self, Comparison, Crossed, Done, Environment, Level, Limits, Load, Metric, Paint, Plan, Progress,
        Report, Split, Step, Stop, Target, Template,
    },
    remote::{self, Remote, chain, duration},
    report,
};

/// Of so many replies one is decoded wholly.
const DECODED_EVERY: u64 = 64;

/// Characters of a failure's message that are kept.
const MESSAGE_MAX: usize = 300;

/// Failed calls that are too many, unless something else is said.
const WARN_ERRORS: f64 = 0.005;
const CRIT_ERRORS: f64 = 0.01;

/// Measures a method of a server: latency, throughput and errors under load.
///
/// Without `--rate` a number of callers call in a closed loop; with it calls are sent at fixed times, and each counts
/// from when it was meant to be sent.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    remote: Remote,
    /// What to call: `Service.method`, or `method` if no two services have it.
    #[arg(value_name = "METHOD")]
    method: String,
    /// The arguments by name: JSON, `@FILE`, or `-`; `{{n}}` stands for the number of the call.
    #[arg(short, long, value_name = "JSON", default_value = "{}")]
    data: String,
    /// Callers of a closed loop (50), or calls under way in an open one at most (500).
    #[arg(short, long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=1000))]
    concurrency: Option<u16>,
    /// Send so many calls a second, ready or not.
    #[arg(long, value_name = "CALLS", value_parser = rate, conflicts_with = "steps")]
    rate: Option<f64>,
    /// Several rates, one after the other: `1000,2000,4000`.
    #[arg(long, value_name = "CALLS,…", value_delimiter = ',', value_parser = rate)]
    steps: Vec<f64>,
    /// How long to measure, for each rate and repeat.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration)]
    duration: Duration,
    /// How long to call before that, each time, without counting; `0s` for not at all.
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = duration_or_none)]
    warm_up: Duration,
    /// How often to do it all.
    #[arg(long, value_name = "COUNT", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    repeats: u32,
    #[arg(
        long,
        value_name = "LIMITS",
        help = "Warn beyond these limits: `p99=5ms`; errors=0.5% unless given"
    )]
    warn: Option<Limits>,
    #[arg(
        long,
        value_name = "LIMITS",
        help = "Fail beyond these limits: `p99=20ms,throughput=1000`; errors=1% unless given"
    )]
    crit: Option<Limits>,
    /// Keep the figures in a file, to compare with.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Compare with figures that were kept; fails if something became worse.
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
    /// Write a page with charts.
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
    /// Print one object with all figures.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  volo bench 127.0.0.1:8620 listProductOffering -d '{\"query\":{\"limit\":20}}'
  volo bench 127.0.0.1:8620 retrieveProductOffering -d '{\"id\":\"{{n}}\"}' --steps 1000,2000,4000
  volo bench 127.0.0.1:8620 retrieveProductOffering -d @get.json --compare golden.json --report bench.html

Metrics of limits: throughput, mean, p50, p90, p99, p99.9, max, jitter, errors.

Exit status: 0 measured, 1 a critical limit passed, worse than before, or no call succeeded, 2 bad usage.";

/// Runs the command.
pub(crate) fn run(args: &Args) -> Status {
    remote::block_on(bench(args))
}

async fn bench(args: &Args) -> Result<Status, Status> {
    let golden = args.compare.as_deref().map(golden).transpose()?;
    // Better now than after minutes of measuring.
    [&args.save, &args.report].into_iter().flatten().try_for_each(|path| writable(path))?;
    let caller = Arc::new(Caller::new(args).await?);
    let (plan, loads) = (plan(args), loads(args));
    let environment = Environment::now();
    let stop = Arc::new(Stop::default());
    let signals = tokio::spawn(stop_at_signal(stop.clone()));
    let mut progress = Progress::new();
    let make = {
        let caller = caller.clone();
        move |number| caller.clone().call(number)
    };
    let measuring = bench::measure(&plan, &loads, &stop, &mut progress, make);
    let steps = measuring.await;
    signals.abort();
    let target = caller.target(args);
    let (interrupted, environment) = (stop.is_pulled(), environment.after());
    let messages = caller.messages.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let report = Report { format: bench::FORMAT, target, plan, environment, interrupted, messages, steps };
    let limits =
        |given: &Option<Limits>, errors| given.clone().unwrap_or_default().or(Metric::Errors, errors);
    let (warn, crit) = (limits(&args.warn, WARN_ERRORS), limits(&args.crit, CRIT_ERRORS));
    let crossed = bench::crossed(&report.steps, &warn, &crit);
    let comparison = golden.map(|(path, golden)| {
        bench::compare(golden, &report)
            .map_err(|error| report::unusable(&format!("{}: {error}", path.display())))
    });
    // The figures are shown even if there is nothing to compare them with.
    let (comparison, failed) = match comparison.transpose() {
        Ok(comparison) => (comparison, None),
        Err(status) => (None, Some(status)),
    };
    show(args, &report, comparison.as_ref(), &crossed);
    keep(args, &report, comparison.as_ref(), &crossed)?;
    failed.map_or_else(|| Ok(status(&report.steps, comparison.as_ref(), &crossed)), Err)
}

fn show(args: &Args, report: &Report, comparison: Option<&Comparison>, crossed: &[Crossed]) {
    if args.json {
        let mut object = json!(report);
        object["crossed"] = json!(crossed);
        object["comparison"] = json!(comparison);
        say!("{object}");
        return;
    }
    let paint = Paint(report::colour(&std::io::stdout()));
    say!("{}", bench::print(report, comparison, crossed, paint).trim_end());
}

fn keep(
    args: &Args,
    report: &Report,
    comparison: Option<&Comparison>,
    crossed: &[Crossed],
) -> Result<(), Status> {
    let write = |path: &Path, text: String| {
        std::fs::write(path, text).map_err(|error| report::unusable(&format!("{}: {error}", path.display())))
    };
    if let Some(path) = &args.report {
        write(path, bench::page(report, comparison, crossed))?;
    }
    match &args.save {
        Some(path) if report.interrupted || report.steps.iter().any(|step| step.all.succeeded == 0) => {
            eprintln!(
                "note: {} is not written: it would be compared with less than was asked for",
                path.display()
            );
            Ok(())
        }
        Some(path) => write(path, format!("{:#}\n", json!(report))),
        None => Ok(()),
    }
}

fn status(steps: &[Step], comparison: Option<&Comparison>, crossed: &[Crossed]) -> Status {
    let nothing = steps.iter().all(|step| step.all.succeeded == 0);
    let critical = crossed.iter().any(|crossed| crossed.level == Level::Crit);
    match nothing || critical || comparison.is_some_and(Comparison::is_worse) {
        true => Status::Findings,
        false => Status::Fine,
    }
}

fn plan(args: &Args) -> Plan {
    Plan {
        warm_up_s: args.warm_up.as_secs_f64(),
        duration_s: args.duration.as_secs_f64(),
        repeats: args.repeats,
    }
}

fn loads(args: &Args) -> Vec<Load> {
    let concurrency = |usual| args.concurrency.map_or(usual, usize::from);
    let rates: Vec<f64> = args.rate.into_iter().chain(args.steps.iter().copied()).collect();
    if rates.is_empty() {
        return vec![Load::Closed { callers: concurrency(50) }];
    }
    rates.into_iter().map(|rate| Load::Open { rate, in_flight_max: concurrency(500) }).collect()
}

/// Reads a report that was kept.
fn golden(path: &Path) -> Result<(PathBuf, Report), Status> {
    let unusable = |error: String| report::unusable(&format!("{}: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| unusable(error.to_string()))?;
    let report: Report =
        serde_json::from_str(&text).map_err(|error| unusable(format!("no report of volo bench: {error}")))?;
    if report.format != bench::FORMAT {
        return Err(unusable(format!("its format is {}, known is {}", report.format, bench::FORMAT)));
    }
    Ok((path.to_owned(), report))
}

/// Checks that a file can be written, without changing it.
fn writable(path: &Path) -> Result<(), Status> {
    let there = path.exists();
    let opened = std::fs::OpenOptions::new().append(true).create(true).open(path);
    opened.map_err(|error| report::unusable(&format!("{}: {error}", path.display())))?;
    if !there {
        drop(std::fs::remove_file(path));
    }
    Ok(())
}

/// The first Ctrl-C ends the measurement, the second the program.
async fn stop_at_signal(stop: Arc<Stop>) {
    if tokio::signal::ctrl_c().await.is_ok() {
        stop.pull();
        if tokio::signal::ctrl_c().await.is_ok() {
            std::process::exit(130);
        }
    }
}

thread_local! {
    /// How the call that ended last on this thread went: its caller takes it in the same poll.
    static ENDED: Cell<Option<(Ending, Split)>> = const { Cell::new(None) };
}

fn note(stats: &Stats<'_>) {
    let reached = |stage| stats.stages.and_then(|stages| stages.reached(stage)).unwrap_or_default();
    let (connected, encoded) =
        (reached(Stage::Connected), reached(Stage::Encoded).max(reached(Stage::Connected)));
    let split = Split {
        connect: connected,
        encode: encoded.saturating_sub(connected),
        wait: stats.duration.saturating_sub(encoded),
    };
    ENDED.set(Some((stats.status(), split)));
}

/// What is called, and by what.
struct Caller {
    client: JsonClient,
    callee: Callee,
    service: String,
    method: MethodType,
    template: Template,
    remote: Remote,
    /// Holds metainfo for each call, if there is any.
    context: Option<Context>,
    /// The arguments, if all calls have the same.
    constant: Body,
    request_bytes: usize,
    /// What the first failure of each kind said.
    messages: Mutex<BTreeMap<String, String>>,
}

impl Caller {
    async fn new(args: &Args) -> Result<Self, Status> {
        let data = read(&args.data).map_err(|error| report::unusable(&error))?;
        let schemas = args.remote.schemas().await?;
        let (schema, service, method) =
            find(&schemas, &args.method).map_err(|text| report::unusable(&text))?;
        let unusable = |error: volo_core::Error| report::unusable(&chain(&error));
        let client = JsonClient::new(args.remote.client(note), schema, &service).map_err(unusable)?;
        let template = Template::new(&data);
        let first = template.fill(0);
        let wrong = |error: volo_core::Error| report::unusable(&format!("arguments: {}", chain(&error)));
        let (callee, _) = client.prepare(&method, &first).map_err(wrong)?;
        let method = client.method(&method).map_err(unusable)?.clone();
        let raw = client.schema().args_from_json(&method, &first, args.remote.protocol()).map_err(wrong)?;
        let request_bytes = raw.bytes.len();
        let constant = Body::Raw(raw);
        Ok(Caller {
            client,
            callee,
            service,
            method,
            template,
            context: Some(args.remote.context()).filter(|context| context.metainfo().is_some()),
            remote: args.remote.clone(),
            constant,
            request_bytes,
            messages: Mutex::default(),
        })
    }

    fn target(&self, args: &Args) -> Target {
        let [framing, protocol, mode] = self.remote.dialect();
        Target {
            address: args.remote.address.to_string(),
            method: format!("{}.{}", self.service, self.method.name),
            framing,
            protocol,
            mode,
            request_bytes: self.request_bytes,
            template: !self.template.is_constant(),
        }
    }

    /// Prepares a call; what it gives makes it.
    fn call(self: Arc<Self>, number: u64) -> impl Future<Output = Done> + Send + 'static {
        let body = match self.template.is_constant() {
            true => Ok(self.constant.clone()),
            false => {
                let (schema, json) = (self.client.schema(), self.template.fill(number));
                schema.args_from_json(&self.method, &json, self.remote.protocol()).map(Body::Raw)
            }
        };
        async move {
            let answer = match body {
                Ok(body) => {
                    let call = self.client.client().execute_named(self.callee.clone(), body);
                    match &self.context {
                        Some(context) => context.clone().scope(call).await.1,
                        None => call.await,
                    }
                }
                Err(error) => Err(error),
            };
            let at = Instant::now();
            let (ending, split) = ENDED.take().unwrap_or((Ending::Internal, Split::default()));
            let mut done = Done {
                at,
                error: (ending != Ending::Ok).then_some(ending.as_str()),
                timed_out: ending == Ending::Timeout,
                split,
                decoded: None,
            };
            match answer {
                Ok(response) if done.error.is_some() => self.told(&done, || self.read(response)),
                Ok(response) if number.is_multiple_of(DECODED_EVERY) => {
                    match self.client.answer(&self.method, response) {
                        Ok(_) => done.decoded = Some(at.elapsed()),
                        Err(error) => {
                            done.error = Some(Ending::ProtocolError.as_str());
                            self.told(&done, || chain(&error));
                        }
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    done.error.get_or_insert(Ending::Internal.as_str());
                    self.told(&done, || chain(&error));
                }
            }
            done
        }
    }
}

impl Caller {
    /// Keeps what the first failure of its kind says.
    #[cold]
    fn told(&self, done: &Done, say: impl FnOnce() -> String) {
        let mut messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = done.error.unwrap_or_default();
        if !messages.contains_key(kind) {
            let message = say().chars().take(MESSAGE_MAX).collect();
            messages.insert(kind.to_owned(), message);
        }
    }

    /// What a reply that is no success says.
    fn read(&self, response: Response) -> String {
        match self.client.answer(&self.method, response) {
            Ok(Answer::Exception(name, value)) => format!("{name} {value}"),
            Ok(Answer::Biz(biz)) => format!("status {}: {}", biz.status_code, biz.status_message),
            Ok(Answer::Application(exception)) => exception.to_string(),
            Ok(other) => format!("{other:?}"),
            Err(error) => chain(&error),
        }
    }
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.1..=10_000_000.0).contains(&rate) => Ok(rate),
        _ => Err("wanted calls a second, from 0.1 to 10000000".to_owned()),
    }
}

fn duration_or_none(text: &str) -> Result<Duration, String> {
    match text {
        "0" | "0s" => Ok(Duration::ZERO),
        _ => duration(text),
    }
}
