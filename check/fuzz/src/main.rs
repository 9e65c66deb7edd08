//! Writes the seeds, or runs targets on files:
//!
//! ```text
//! opal-fuzz seeds CORPUS_FOLDER
//! opal-fuzz replay TARGET FILE…
//! opal-fuzz mutate TARGET SECONDS CORPUS_FOLDER SEED
//! ```

use opal_fuzz::{memory, mutate::Random, seeds::seeds, target};
use std::{
    env,
    error::Error,
    fs,
    path::Path,
    time::{Duration, Instant},
};

#[global_allocator]
static ALLOCATOR: memory::Counting = memory::Counting;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["seeds", folder] => write_seeds(Path::new(folder)),
        ["replay", name, ref files @ ..] => replay(name, files),
        ["mutate", name, seconds, folder, seed] => {
            let time = Duration::from_secs(seconds.parse()?);
            mutate(name, time, &Path::new(folder).join(name), seed.parse()?)
        }
        _ => Err(
            "usage: opal-fuzz seeds CORPUS_FOLDER | opal-fuzz replay TARGET FILE… | \
                  opal-fuzz mutate TARGET SECONDS CORPUS_FOLDER SEED"
                .into(),
        ),
    }
}

fn write_seeds(folder: &Path) -> Result<(), Box<dyn Error>> {
    for (target, name, bytes) in seeds() {
        let folder = folder.join(target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(name), bytes)?;
    }
    Ok(())
}

fn replay(name: &str, files: &[&str]) -> Result<(), Box<dyn Error>> {
    let target = target(name).ok_or("no such target")?;
    for file in files {
        let data = fs::read(file)?;
        let start = Instant::now();
        let peak = memory::peak_bytes(target, &data);
        let took = start.elapsed();
        println!(
            "{file}: {} bytes, {took:?}, {peak} bytes of memory",
            data.len()
        );
        memory::run(target, &data);
    }
    Ok(())
}

/// Runs a target on altered inputs of its corpus until the time is over or something is found,
/// which is then written to the working folder.
fn mutate(name: &str, time: Duration, corpus: &Path, seed: u64) -> Result<(), Box<dyn Error>> {
    let target = target(name).ok_or("no such target")?;
    let mut inputs = Vec::new();
    for entry in fs::read_dir(corpus)? {
        inputs.push(fs::read(entry?.path())?);
    }
    if inputs.is_empty() {
        return Err("the corpus is empty".into());
    }
    inputs.sort();
    let (start, mut random, mut runs) = (Instant::now(), Random::new(seed), 0_u64);
    while start.elapsed() < time {
        let input = random.input(&inputs);
        let outcome = std::panic::catch_unwind(|| memory::run(target, &input));
        runs += 1;
        if outcome.is_err() {
            let find = format!("{name}-{seed}-{runs}");
            fs::write(&find, &input)?;
            return Err(format!("run {runs} found something, see {find}").into());
        }
    }
    println!(
        "{name}: {runs} runs in {:?}, nothing found",
        start.elapsed()
    );
    Ok(())
}
