//! Runs the bodies without libFuzzer, on any compiler: `drive seeds DIRECTORY` writes the inputs to start from,
//! `drive run TARGET FIRST CASES` tries mutated ones.

use std::{env, error::Error, fs, path::Path, time::Instant};

use volo_thrift::fuzz::{TARGETS, mutate, target};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["seeds", directory] => write_seeds(Path::new(directory)),
        ["run", name, first, cases] => run(name, first.parse()?, cases.parse()?),
        _ => Err("usage: drive seeds DIRECTORY | drive run TARGET FIRST CASES".into()),
    }
}

fn write_seeds(directory: &Path) -> Result<(), Box<dyn Error>> {
    for target in TARGETS {
        let directory = directory.join(target.name);
        fs::create_dir_all(&directory)?;
        for (number, seed) in (target.seeds)().into_iter().enumerate() {
            fs::write(directory.join(format!("seed-{number}")), seed)?;
        }
    }
    Ok(())
}

fn run(name: &str, first: u64, cases: u64) -> Result<(), Box<dyn Error>> {
    let target = target(name);
    let (seeds, started) = ((target.seeds)(), Instant::now());
    for number in first..first.saturating_add(cases) {
        let bytes = mutate(&seeds, number);
        if std::panic::catch_unwind(|| (target.body)(&bytes)).is_err() {
            return Err(format!("{name}, case {number}: {bytes:02x?}").into());
        }
    }
    println!(
        "{name}: {cases} executions from {first}, {:.0}/s",
        cases as f64 / started.elapsed().as_secs_f64()
    );
    Ok(())
}
