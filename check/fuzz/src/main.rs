//! Writes the seeds, or runs targets on files:
//!
//! ```text
//! opal-fuzz seeds CORPUS_FOLDER
//! opal-fuzz replay TARGET FILE…
//! ```

use opal_fuzz::{memory, seeds::seeds, target};
use std::{env, error::Error, fs, path::Path, time::Instant};

#[global_allocator]
static ALLOCATOR: memory::Counting = memory::Counting;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["seeds", folder] => write_seeds(Path::new(folder)),
        ["replay", name, ref files @ ..] => replay(name, files),
        _ => Err("usage: opal-fuzz seeds CORPUS_FOLDER | opal-fuzz replay TARGET FILE…".into()),
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
