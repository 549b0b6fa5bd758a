//! Interleaved rounds of several systems, and what they say about each other.

use peer_harness::rpc::{Mode, Outcome};

use super::{
    plan::Entry,
    process::{Round, Server, Transport, client},
    system::{System, can},
};
use crate::report::{Better, Figure, Report, ratio};

const QUIET_ROUNDS: usize = 3;

type Metric = (&'static str, &'static str, Better, fn(&Outcome) -> f64);

/// What each round gives, and how it is compared.
const METRICS: [Metric; 5] = [
    ("qps", "1/s", Better::Higher, |outcome| outcome.qps),
    ("p50", "us", Better::Lower, |outcome| outcome.p50),
    ("cpu_us", "us", Better::Lower, |outcome| outcome.server + outcome.client),
    ("cpu_us_server", "us", Better::Lower, |outcome| outcome.server),
    ("cpu_us_client", "us", Better::Lower, |outcome| outcome.client),
];

/// The servers of a run, started when first needed.
#[derive(Default)]
pub(super) struct Servers(Vec<Server>);

impl Servers {
    /// The server for an entry. Ours takes every mode of its clients.
    pub(super) fn get(&mut self, entry: Entry, transport: Transport) -> Result<&Server, String> {
        let mode = if entry.system == System::Ours { Mode::PingPong } else { entry.mode };
        let fits = |server: &Server| {
            (server.system, server.mode, server.transport) == (entry.system, mode, transport)
        };
        let at = match self.0.iter().position(fits) {
            Some(at) => at,
            None => {
                self.0.push(Server::start(entry.system, mode, transport)?);
                self.0.len() - 1
            }
        };
        Ok(&self.0[at])
    }
}

/// The outcomes of several systems, round by round.
pub(super) struct Rounds {
    entries: Vec<Entry>,
    outcomes: Vec<Vec<Outcome>>,
}

/// Runs all entries that can do the work, `count` times: A B C, then C B A, and so on.
pub(super) fn rounds(
    servers: &mut Servers,
    entries: &[Entry],
    transport: Transport,
    round: &Round,
    count: usize,
) -> Result<Rounds, String> {
    let able = |at: &usize| can(entries[*at].system, round.work);
    let mut order: Vec<usize> = (0..entries.len()).filter(able).collect();
    let mut outcomes = vec![Vec::new(); entries.len()];
    for _ in 0..count {
        for &at in &order {
            let server = servers.get(entries[at], transport)?;
            outcomes[at].push(client(server, entries[at].mode, round, &[])?);
        }
        order.reverse();
    }
    Ok(Rounds { entries: entries.to_vec(), outcomes })
}

impl Rounds {
    fn of(&self, entry: Entry) -> &[Outcome] {
        let at = self.entries.iter().position(|found| *found == entry);
        at.map_or(&[], |at| &self.outcomes[at])
    }

    /// The median of an entry's rounds, if it had any.
    pub(super) fn median(&self, entry: Entry, value: fn(&Outcome) -> f64) -> Option<f64> {
        let values: Vec<f64> = self.of(entry).iter().map(value).collect();
        (!values.is_empty()).then(|| quartile(&values, 2))
    }

    /// Compares ours with each peer that took part: medians of the ratios within each round, and the tail latency.
    pub(super) fn report(
        &self,
        report: &mut Report,
        case: &str,
        ours: Entry,
        peers: &[Entry],
        metrics: &[&str],
    ) -> Result<(), String> {
        let own = self.of(ours);
        for &peer in peers.iter().filter(|peer| !self.of(**peer).is_empty()) {
            let theirs = self.of(peer);
            for (metric, unit, better, value) in METRICS.iter().filter(|(name, ..)| metrics.contains(name)) {
                let pairs = own.iter().zip(theirs);
                let ratios: Vec<f64> =
                    pairs.map(|(ours, theirs)| ratio(value(ours), value(theirs), *better)).collect();
                let median =
                    |outcomes: &[Outcome]| quartile(&outcomes.iter().map(value).collect::<Vec<_>>(), 2);
                report.add(Figure {
                    suite: super::SUITE,
                    case: case.to_owned(),
                    metric,
                    ours: median(own),
                    peer: peer.peer(),
                    theirs: median(theirs),
                    ratio: quartile(&ratios, 2),
                    quartiles: Some((quartile(&ratios, 1), quartile(&ratios, 3))),
                    unit,
                })?;
            }
            if metrics.contains(&"p99") {
                let values = (quiet_p99(own), quiet_p99(theirs));
                let unit = ("us", Better::Lower);
                report.add(Figure::new(
                    (super::SUITE, case, "p99"),
                    values.0,
                    (peer.peer(), values.1),
                    unit,
                ))?;
            }
        }
        Ok(())
    }
}

/// The best p99 of the rounds in which others used the processors least.
fn quiet_p99(outcomes: &[Outcome]) -> f64 {
    let mut sorted = outcomes.to_vec();
    sorted.sort_by(|a, b| a.foreign.total_cmp(&b.foreign));
    sorted.iter().take(QUIET_ROUNDS).map(|outcome| outcome.p99).fold(f64::NAN, f64::min)
}

/// The value below which `quarter` quarters of the values are; NaN without values.
fn quartile(values: &[f64], quarter: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = last as f64 * quarter as f64 / 4.0;
    let (low, share) = (place as usize, place.fract());
    sorted[low] + (sorted[last.min(low + 1)] - sorted[low]) * share
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_lie_between_the_values() {
        let values = [4.0, 1.0, 3.0, 2.0, 5.0];
        assert_eq!([1, 2, 3].map(|quarter| quartile(&values, quarter)), [2.0, 3.0, 4.0]);
        assert_eq!(quartile(&[1.0, 2.0], 2), 1.5);
        assert!(quartile(&[], 2).is_nan());
    }

    #[test]
    fn the_tail_is_taken_from_quiet_rounds() {
        let round = |p99, foreign| Outcome { p99, foreign, ..Outcome::default() };
        let rounds = [round(1.0, 0.9), round(5.0, 0.1), round(4.0, 0.2), round(6.0, 0.3)];
        assert_eq!(quiet_p99(&rounds), 4.0);
    }
}
