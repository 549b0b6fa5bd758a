//! Every type there and back, known to both sides or to one only.

use super::Route;
use crate::{
    evolved,
    peer::{EARLIER, Extra, InteropClient, LATER, Later, SAMPLES, Types},
    report::{Outcome, Report, expect},
};

pub(super) async fn run(report: &mut Report, route: &Route) {
    let client: InteropClient = route.client().build();
    for sample in SAMPLES.iter() {
        report.cell(format!("{route}: {}", sample.name), known(&client, sample).await);
    }
    let client: evolved::InteropClient = route.client().build();
    for (later, earlier) in LATER.iter().zip(EARLIER.iter()) {
        let case = format!("{route}: unknown to the server: {}", later.name);
        report.cell(case, unknown_there(&client, later, earlier).await);
        let case = format!("{route}: unknown to the client: {}", later.name);
        report.cell(case, unknown_here(&client, earlier).await);
    }
}

async fn known(client: &InteropClient, sample: &Types) -> Outcome {
    expect("the echo", &client.echo(sample.clone()).await?, sample)
}

async fn unknown_there(client: &evolved::InteropClient, later: &Later, earlier: &Types) -> Outcome {
    let argument = vec![Extra { flag: Some(true), ..Extra::default() }, Extra::default()];
    let reply = client.echo_earlier(later.clone(), false, argument).await?;
    expect("the echo of what is known", &reply, earlier)
}

async fn unknown_here(client: &evolved::InteropClient, earlier: &Types) -> Outcome {
    expect("what is known of the reply", &client.later(earlier.name.clone()).await?, earlier)
}
