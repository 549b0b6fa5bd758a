//! The result of one round, as the client's process hands it to the driver's.

use std::{fmt, str::FromStr};

use super::Clocks;

/// What one round of one system gave.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Calls a second.
    pub qps: f64,
    /// Median latency in µs.
    pub p50: f64,
    /// 99th percentile of the latency in µs.
    pub p99: f64,
    /// Processor time of the client per call in µs.
    pub client: f64,
    /// Processor time of the server per call in µs.
    pub server: f64,
    /// How many processors others kept busy.
    pub foreign: f64,
    /// Calls in all, those not measured included.
    pub calls: f64,
}

impl Outcome {
    /// The outcome of calls with these latencies in ns, finished between two readings of the clocks, among `all` calls.
    ///
    /// # Errors
    /// When there is no call at all.
    pub fn new(mut latencies: Vec<u32>, all: u64, begin: Clocks, end: Clocks) -> Result<Outcome, String> {
        if latencies.is_empty() {
            return Err("no samples".to_owned());
        }
        latencies.sort_unstable();
        let calls = latencies.len() as f64;
        let seconds = (end.at - begin.at).as_secs_f64();
        let (client, server) = (end.client - begin.client, end.server - begin.server);
        let foreign = end.machine.saturating_sub(begin.machine).saturating_sub(client + server);
        let at = |share: f64| f64::from(latencies[((calls - 1.0) * share) as usize]) / 1000.0;
        Ok(Outcome {
            qps: calls / seconds,
            p50: at(0.5),
            p99: at(0.99),
            client: client.as_secs_f64() * 1e6 / calls,
            server: server.as_secs_f64() * 1e6 / calls,
            foreign: foreign.as_secs_f64() / seconds,
            calls: all as f64,
        })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Outcome { qps, p50, p99, client, server, foreign, calls } = self;
        write!(f, "{qps} {p50} {p99} {client} {server} {foreign} {calls}")
    }
}

impl FromStr for Outcome {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers: Result<Vec<f64>, _> = text.split_whitespace().map(str::parse).collect();
        match numbers.as_deref() {
            Ok(&[qps, p50, p99, client, server, foreign, calls]) => {
                Ok(Outcome { qps, p50, p99, client, server, foreign, calls })
            }
            _ => Err(format!("no outcome of a round: {text:?}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_survives_the_way_to_the_driver() {
        let outcome = Outcome {
            qps: 91_234.5,
            p50: 575.25,
            p99: 1066.0,
            client: 11.2,
            server: 10.0,
            foreign: 0.01,
            calls: 7.0,
        };
        assert_eq!(outcome.to_string().parse(), Ok(outcome));
        assert!("1 2 3".parse::<Outcome>().is_err());
    }
}
