//! `volo call`: one call, in JSON.

use std::{
    io::Read,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde_json::json;
use volo_core::{Stage, layers::trace::Stats};
use volo_thrift::generic::{Answer, JsonClient, Schema};

use super::Status;
use crate::{
    remote::{self, Remote, chain},
    report,
};

/// Calls a method with arguments in JSON, and prints its result.
///
/// The IDL comes from the server if it offers reflection, or else from `--idl`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    remote: Remote,
    /// What to call: `Service.method`, or `method` if no two services have it.
    #[arg(value_name = "METHOD")]
    method: String,
    /// The arguments by name: JSON, `@FILE`, or `-` for standard input.
    #[arg(short, long, value_name = "JSON", default_value = "{}")]
    data: String,
    /// Print one object with answer and times.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  volo call 127.0.0.1:8620 listProductOffering -d '{\"query\":{\"limit\":2}}'
  volo call unix:///run/item.sock ItemService.get -d @request.json --idl idl/item.thrift
  volo call 127.0.0.1:8888 echo --framing framed -d - --idl echo.thrift < request.json

Exit status: 0 the method's result, 1 an exception or a failed call, 2 bad usage.";

/// Runs the command.
pub(crate) fn run(args: &Args) -> Status {
    remote::block_on(call(args))
}

async fn call(args: &Args) -> Result<Status, Status> {
    let data = read(&args.data).map_err(|error| report::unusable(&error))?;
    let schemas = args.remote.schemas().await?;
    let (schema, service, method) = find(&schemas, &args.method).map_err(|text| report::unusable(&text))?;
    let times = Arc::new(Mutex::new(Times::default()));
    let noted = times.clone();
    let client = args.remote.client(move |stats| {
        if let Ok(mut times) = noted.lock() {
            *times = Times::of(stats);
        }
    });
    let client =
        JsonClient::new(client, schema, &service).map_err(|error| report::unusable(&chain(&error)))?;
    let started = Instant::now();
    // What is wrong with the arguments is the user's to mend, not the call's failure.
    client
        .prepare(&method, &data)
        .map_err(|error| report::unusable(&format!("arguments: {}", chain(&error))))?;
    let (_, answer) = args.remote.context().scope(client.call(&method, &data)).await;
    let mut times = *times.lock().map_err(|_| Status::Findings)?;
    times.total = started.elapsed();
    let told = Told::of(answer.map_err(|error| chain(&error)));
    match args.json {
        true => println!("{}", told.object(&times)),
        false => told.print(&times),
    }
    Ok(told.status())
}

/// JSON itself, `@FILE`, or `-`.
pub(crate) fn read(data: &str) -> Result<String, String> {
    if data == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(|error| format!("standard input: {error}"))?;
        return Ok(text);
    }
    match data.strip_prefix('@') {
        Some(path) => std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}")),
        None => Ok(data.to_owned()),
    }
}

/// The method that is meant by `Service.method` or `method`: its schema, service and name.
pub(crate) fn find(schemas: &[Arc<Schema>], wanted: &str) -> Result<(Arc<Schema>, String, String), String> {
    let (service, method) = match wanted.rsplit_once('.') {
        Some((service, method)) => (Some(service), method),
        None => (None, wanted),
    };
    let mut found: Vec<(Arc<Schema>, String)> = Vec::new();
    for schema in schemas {
        for known in schema.services() {
            let is_it = service.is_none_or(|service| service == known.name);
            if is_it && known.method(method).is_some() && !found.iter().any(|(_, name)| *name == known.name) {
                found.push((schema.clone(), known.name.clone()));
            }
        }
    }
    match found.len() {
        1 => {
            let (schema, service) = found.remove(0);
            Ok((schema, service, method.to_owned()))
        }
        0 => {
            let names = schemas.iter().flat_map(|schema| schema.services()).flat_map(|service| {
                service.methods.iter().map(move |method| format!("{}.{}", service.name, method.name))
            });
            let names: Vec<String> = names.collect();
            Err(format!("there is no method {wanted}\nhelp: there are {}", names.join(", ")))
        }
        _ => {
            let names: Vec<String> = found.iter().map(|(_, service)| format!("{service}.{method}")).collect();
            Err(format!("{wanted} can be {}\nhelp: say which", names.join(" or ")))
        }
    }
}

/// Where the time of a call went.
#[derive(Clone, Copy, Debug, Default)]
struct Times {
    connect: Option<Duration>,
    encode: Option<Duration>,
    wait: Option<Duration>,
    total: Duration,
}

impl Times {
    fn of(stats: &Stats<'_>) -> Self {
        let reached = |stage| stats.stages.and_then(|stages| stages.reached(stage));
        let (connected, encoded) = (reached(Stage::Connected), reached(Stage::Encoded));
        Times {
            connect: connected,
            encode: encoded.zip(connected).map(|(encoded, connected)| encoded.saturating_sub(connected)),
            wait: encoded.map(|encoded| stats.duration.saturating_sub(encoded)),
            total: stats.duration,
        }
    }
}

/// An answer, or why there is none, in the words of the output.
struct Told {
    kind: &'static str,
    name: String,
    /// JSON of the result or the exception.
    value: Option<String>,
    message: Option<String>,
}

impl Told {
    fn of(answer: Result<Answer, String>) -> Self {
        let told = |kind, name: &str, value, message| Told { kind, name: name.to_owned(), value, message };
        match answer {
            Ok(Answer::Success(value)) => told("success", "", value, None),
            Ok(Answer::Exception(name, value)) => told("exception", &name, Some(value), None),
            Ok(Answer::Biz(biz)) => {
                let text = format!("status {}: {}", biz.status_code, biz.status_message);
                told("biz_error", "", None, Some(text))
            }
            Ok(Answer::Application(exception)) => {
                told("application_exception", "", None, Some(exception.to_string()))
            }
            Ok(other) => told("unknown", "", None, Some(format!("{other:?}"))),
            Err(error) => told("error", "", None, Some(error)),
        }
    }

    fn status(&self) -> Status {
        if self.kind == "success" { Status::Fine } else { Status::Findings }
    }

    fn print(&self, times: &Times) {
        if let Some(value) = &self.value {
            println!("{}", pretty(value));
        }
        match (self.kind, &self.message) {
            ("success", _) => {}
            ("exception", _) => eprintln!("the method threw {}", self.name),
            (kind, Some(message)) => eprintln!("{}: {message}", kind.replace('_', " ")),
            (kind, None) => eprintln!("{kind}"),
        }
        let part = |name: &str, time: Option<Duration>| {
            time.map(|time| format!("{name} {}, ", shown(time))).unwrap_or_default()
        };
        eprintln!(
            "{}{}{}total {}",
            part("connect", times.connect),
            part("encode", times.encode),
            part("wait", times.wait),
            shown(times.total)
        );
    }

    fn object(&self, times: &Times) -> serde_json::Value {
        let us = |time: Duration| time.as_secs_f64() * 1e6;
        let value = self.value.as_ref().map(|value| match serde_json::from_str(value) {
            Ok(value) => value,
            Err(_) => serde_json::Value::String(value.clone()),
        });
        json!({
            "status": self.kind, "name": (!self.name.is_empty()).then_some(&self.name), "value": value,
            "message": self.message,
            "time_us": {
                "connect": times.connect.map(us), "encode": times.encode.map(us), "wait": times.wait.map(us),
                "total": us(times.total),
            },
        })
    }
}

/// JSON with line breaks.
fn pretty(json: &str) -> String {
    let parsed: Result<serde_json::Value, _> = serde_json::from_str(json);
    parsed.map_or_else(|_| json.to_owned(), |value| format!("{value:#}"))
}

/// A time in a unit that fits.
pub(crate) fn shown(time: Duration) -> String {
    match time.as_secs_f64() {
        s if s < 1e-3 => format!("{:.0} µs", s * 1e6),
        s if s < 1.0 => format!("{:.2} ms", s * 1e3),
        s => format!("{s:.2} s"),
    }
}
