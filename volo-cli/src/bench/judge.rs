//! Limits on figures, as the user gives them: `p99=5ms,errors=1%`.

use std::str::FromStr;

use serde::Serialize;

use super::figures::{Figures, Metric, Step};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Level {
    Warn,
    Crit,
}

/// Limits of one level.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Limits(Vec<(Metric, f64)>);

/// A limit that was passed.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Crossed {
    pub(crate) load: String,
    pub(crate) level: Level,
    pub(crate) text: String,
}

impl FromStr for Limits {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.split(',').map(limit).collect::<Result<_, _>>().map(Limits)
    }
}

fn limit(text: &str) -> Result<(Metric, f64), String> {
    let names = || Metric::ALL.map(Metric::name).join(", ");
    let Some((name, value)) = text.split_once('=') else {
        return Err(format!("{text:?} is no limit: wanted METRIC=VALUE, as in p99=5ms"));
    };
    let Some(metric) = Metric::ALL.into_iter().find(|metric| metric.name() == name.trim()) else {
        return Err(format!("there is no metric {name:?}; there are {}", names()));
    };
    let value = value.trim();
    let number =
        |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0).ok_or(());
    let value = match metric {
        Metric::Errors => {
            let percent = value.strip_suffix('%').ok_or(()).and_then(number);
            percent.map(|percent| percent / 100.0).map_err(|()| format!("{name} needs a share, as in 1%"))?
        }
        Metric::Throughput => {
            number(value).map_err(|()| format!("{name} needs calls a second, as in 20000"))?
        }
        _ => crate::remote::duration(value).map_err(|error| format!("{name}: {error}"))?.as_secs_f64() * 1e6,
    };
    Ok((metric, value))
}

impl Limits {
    /// These, and `metric` if nothing is said of it.
    pub(crate) fn or(mut self, metric: Metric, value: f64) -> Self {
        if self.0.iter().all(|(known, _)| *known != metric) {
            self.0.push((metric, value));
        }
        self
    }

    fn crossed<'a>(&'a self, figures: &'a Figures) -> impl Iterator<Item = (Metric, f64, f64)> + 'a {
        self.0.iter().map(|(metric, limit)| (*metric, *limit, metric.of(figures))).filter(
            |(metric, limit, value)| {
                // Without a call that succeeded there is no latency to judge; the errors tell.
                let judged = figures.calls() > 0
                    && (figures.succeeded > 0 || matches!(metric, Metric::Errors | Metric::Throughput));
                judged && if metric.more_is_better() { value < limit } else { value > limit }
            },
        )
    }
}

/// The limits that were passed, the worst of each metric and load.
pub(crate) fn crossed(steps: &[Step], warn: &Limits, crit: &Limits) -> Vec<Crossed> {
    let mut found = Vec::new();
    for step in steps {
        let mut told = Vec::new();
        for (level, limits) in [(Level::Crit, crit), (Level::Warn, warn)] {
            for (metric, limit, value) in limits.crossed(&step.all) {
                if told.contains(&metric) {
                    continue;
                }
                told.push(metric);
                let side = if metric.more_is_better() { "below" } else { "above" };
                let (name, value, limit) = (metric.name(), metric.show(value), metric.show(limit));
                let text = format!("{name} {value} is {side} {limit}");
                found.push(Crossed { load: step.load.to_string(), level, text });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::figures::{Latency, Load};
    use super::*;

    fn step(p99: f64, errors: u64) -> Step {
        let all = Figures {
            succeeded: 100 - errors,
            errors: [("TIMEOUT".to_owned(), errors)].into(),
            throughput: 1000.0,
            latency_us: Latency { p99, ..Latency::default() },
            ..Figures::default()
        };
        let load = Load::Closed { callers: 50 };
        Step { load, all, repeats: vec![], spread: [].into(), curve: vec![], points: vec![] }
    }

    #[test]
    fn limits_are_read_and_held() {
        let warn: Limits = "p99=5ms".parse().unwrap();
        let crit: Limits = "p99=20ms, errors=1%,throughput=500".parse().unwrap();
        assert!(crossed(&[step(4_000.0, 0)], &warn, &crit).is_empty());
        let found = crossed(&[step(6_000.0, 2)], &warn, &crit);
        let told: Vec<_> = found.iter().map(|crossed| (crossed.level, crossed.text.as_str())).collect();
        let expected =
            [(Level::Crit, "errors 2.00 % is above 1.00 %"), (Level::Warn, "p99 6.00 ms is above 5.00 ms")];
        assert_eq!(told, expected);
        // The worse of two limits on one metric is told alone.
        assert_eq!(crossed(&[step(30_000.0, 0)], &warn, &crit).len(), 1);
        let slow: Limits = "throughput=2000".parse().unwrap();
        assert_eq!(
            crossed(&[step(1.0, 0)], &Limits::default(), &slow)[0].text,
            "throughput 1,000/s is below 2,000/s"
        );
    }

    #[test]
    fn what_is_no_limit_is_explained() {
        for (text, message) in [
            ("p99", "METRIC=VALUE"),
            ("p98=5ms", "there is no metric \"p98\"; there are throughput, mean, p50"),
            ("p99=5", "p99: wanted a number with us, ms, s or m"),
            ("errors=1", "needs a share"),
            ("errors=-1%", "needs a share"),
            ("throughput=NaN", "needs calls a second"),
            ("", "METRIC=VALUE"),
        ] {
            let error = text.parse::<Limits>().unwrap_err();
            assert!(error.contains(message), "{text}: {error}");
        }
    }
}
