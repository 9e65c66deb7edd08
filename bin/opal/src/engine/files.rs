//! `opal engine import` and `export`: the chain from and to files.

use super::{
    chain::ChainArgs,
    progress::{Bar, bytes, duration},
    run::RunArgs,
    usage,
};
use clap::Args;
use eyre::WrapErr;
use opal_engine::{ImportOptions, ImportReport};
use std::{
    fs::File,
    io::{BufWriter, Read},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tracing::info;

/// Bytes written to a file at once.
const BUFFER_BYTES: usize = 1 << 20;

/// What `opal engine import` takes.
#[derive(Args)]
pub(crate) struct ImportArgs {
    /// Files of RLP blocks, oldest first; `-` reads standard input. Known blocks are skipped, so
    /// an import that was interrupted goes on where it was.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Blocks after which the head follows, and with it the flush to disk.
    #[arg(long, value_name = "BLOCKS", default_value_t = 32, value_parser = clap::value_parser!(u64).range(1..=256))]
    head_every: u64,
}

/// What `opal engine export` takes.
#[derive(Args)]
pub(crate) struct ExportArgs {
    /// The file to write; `-` writes to standard output.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// First block; the one after genesis if left out.
    #[arg(value_name = "FIRST")]
    first: Option<u64>,
    /// Last block; the head if left out.
    #[arg(value_name = "LAST", requires = "first")]
    last: Option<u64>,
}

/// Imports file after file.
pub(crate) fn import(chain: &ChainArgs, run: &RunArgs, args: &ImportArgs) -> eyre::Result<()> {
    let (mut config, file) = chain.config()?;
    run.storage(&mut config)?;
    file.store(&chain.datadir)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let interrupted = Arc::new(AtomicBool::new(false));
    let told = interrupted.clone();
    runtime.spawn(async move {
        super::run::stop_signal().await;
        told.store(true, Ordering::Relaxed);
        info!("stopping after this block; a second signal stops at once");
        super::run::stop_signal().await;
        std::process::exit(130);
    });
    for path in &args.files {
        let (input, total_bytes) = open(path)?;
        let options = ImportOptions {
            head_every: args.head_every,
            total_bytes,
        };
        let mut bar = Bar::new();
        let outcome = runtime.block_on(opal_engine::import(
            config.clone(),
            input,
            options,
            |progress| bar.show(&progress),
            || !interrupted.load(Ordering::Relaxed),
        ));
        drop(bar);
        let report = outcome.wrap_err_with(|| format!("import of {}", path.display()))?;
        tell(path, &report);
        if interrupted.load(Ordering::Relaxed) {
            eyre::bail!("interrupted; the same command goes on from here");
        }
    }
    Ok(())
}

fn open(path: &Path) -> eyre::Result<(Box<dyn Read + Send>, u64)> {
    if path == Path::new("-") {
        return Ok((Box::new(std::io::stdin()), 0));
    }
    let file = File::open(path).wrap_err_with(|| format!("cannot read {}", path.display()))?;
    let total = file.metadata().map_or(0, |about| about.len());
    Ok((Box::new(file), total))
}

fn tell(path: &Path, report: &ImportReport) {
    let seconds = report.elapsed.as_secs_f64().max(0.001);
    info!(
        file = %path.display(),
        imported = report.imported,
        known = report.skipped,
        head = report.head.number,
        hash = %report.head.hash,
        time = duration(report.elapsed),
        mgas_per_s = format!("{:.1}", report.gas as f64 / seconds / 1e6),
        "import is complete"
    );
}

/// Exports a range of blocks.
pub(crate) fn export(chain: &ChainArgs, args: &ExportArgs) -> eyre::Result<()> {
    if let (Some(first), Some(last)) = (args.first, args.last)
        && first > last
    {
        return Err(usage(format!(
            "the first block {first} is above the last, {last}"
        )));
    }
    let range = (args.first, args.last);
    let mut bar = Bar::new();
    let mut show = |progress| bar.show(&progress);
    let report = if args.file == Path::new("-") {
        let mut out = BufWriter::with_capacity(BUFFER_BYTES, std::io::stdout().lock());
        opal_engine::export(&chain.datadir, range, &mut out, &mut show)?
    } else {
        let failed = || format!("cannot write {}", args.file.display());
        // Never half a file under the name that was asked for.
        let mut draft = args.file.clone().into_os_string();
        draft.push(".part");
        let file = File::create(&draft).wrap_err_with(failed)?;
        let mut out = BufWriter::with_capacity(BUFFER_BYTES, file);
        let report = opal_engine::export(&chain.datadir, range, &mut out, &mut show)
            .wrap_err_with(failed)?;
        let file = out.into_inner().wrap_err_with(failed)?;
        file.sync_all().wrap_err_with(failed)?;
        std::fs::rename(&draft, &args.file).wrap_err_with(failed)?;
        report
    };
    let time = duration(bar.elapsed());
    drop(bar);
    info!(
        blocks = report.blocks,
        last = report.last,
        size = bytes(report.bytes),
        time,
        "export is complete"
    );
    Ok(())
}
