use super::{EngineArgs, EngineCommand, pool::time, progress, spellings::with_spellings};
use clap::{Args, Command, CommandFactory, FromArgMatches, Parser, Subcommand};
use opal_engine::{EngineConfig, Progress};
use std::{path::Path, time::Duration};

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Top,
}

#[derive(Subcommand)]
enum Top {
    Engine(Box<EngineArgs>),
}

fn parse(line: &str) -> Result<EngineArgs, clap::Error> {
    let words = std::iter::once("opal").chain(line.split_whitespace());
    let matches = with_spellings(Cli::command()).try_get_matches_from(words)?;
    let Top::Engine(args) = Cli::from_arg_matches(&matches)?.command;
    Ok(*args)
}

/// The configuration that a command line gives, with `--datadir` and a genesis file.
fn config(flags: &str, datadir: &Path) -> eyre::Result<EngineConfig> {
    let genesis = datadir.join("g.json");
    std::fs::write(&genesis, GENESIS)?;
    let line = format!(
        "engine --datadir {} --genesis {} {flags}",
        datadir.display(),
        genesis.display()
    );
    let args = parse(&line)?;
    let (mut config, _) = args.chain.config()?;
    args.run.apply(&args.chain, &mut config)?;
    Ok(config)
}

const GENESIS: &str = r#"{ "config": { "chainId": 901, "regolithTime": 0, "optimism": {} },
    "gasLimit": "0x1c9c380", "alloc": {} }"#;

/// A command line of op-geth, as many guides have it.
const GETH: &str = "--verbosity=3 --http --http.corsdomain=* --http.vhosts=* \
    --http.addr=0.0.0.0 --http.port=9545 --http.api=web3,debug,eth,txpool,net,engine,miner --ws \
    --ws.addr=0.0.0.0 --ws.port=9546 --ws.origins=* --ws.api=debug,eth,txpool,net,engine \
    --syncmode=full --nodiscover --maxpeers=0 --networkid=901 --rpc.allow-unprotected-txs \
    --authrpc.addr=0.0.0.0 --authrpc.port=9551 --authrpc.vhosts=* --gcmode=archive --metrics \
    --metrics.addr=0.0.0.0 --metrics.port=6161 --state.scheme=hash --history.transactions=0 \
    --rollup.disabletxpoolgossip=true --rollup.enabletxpooladmission=false \
    --rollup.sequencerhttp=http://sequencer:8545 --rollup.halt=major --txpool.pricelimit=5 \
    --txpool.lifetime=1h30m0s --gpo.minsuggestedpriorityfee 7 --ipcdisable";

/// The same of op-reth.
const RETH: &str = "--http --http.corsdomain * --http.vhosts * --http.addr 0.0.0.0 --http.port 9545 \
    --http.api web3,debug,eth,txpool,net,miner --ws --ws.addr 0.0.0.0 --ws.port 9546 --ws.origins * \
    --ws.api debug,eth,txpool,net --disable-discovery --authrpc.addr 0.0.0.0 --authrpc.port 9551 \
    --authrpc.vhosts * --history.state 0 --metrics 0.0.0.0:6161 --rollup.disable-tx-pool-gossip \
    --rollup.sequencer http://sequencer:8545 --rollup.halt major --txpool.minimum-priority-fee 5 \
    --txpool.lifetime 5400 --rpc.min-suggested-priority-fee 7 --ipcdisable";

#[test]
fn geths_and_reths_spellings_mean_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let geth = config(GETH, folder.path()).unwrap();
    let reth = config(RETH, folder.path()).unwrap();
    assert_eq!(format!("{geth:?}"), format!("{reth:?}"));

    assert_eq!(geth.rpc_addr, "0.0.0.0:9545".parse().unwrap());
    let access = &geth.rpc_access;
    assert!(access.http);
    assert_eq!(access.ws_addr, Some("0.0.0.0:9546".parse().unwrap()));
    // `engine` has its own port.
    assert_eq!(
        access.http_apis,
        ["web3", "debug", "eth", "txpool", "net", "miner"]
    );
    assert_eq!(access.ws_apis, ["debug", "eth", "txpool", "net"]);
    for list in [
        &access.vhosts,
        &access.cors_origins,
        &access.ws_origins,
        &access.auth_vhosts,
    ] {
        assert_eq!(list, &["*"]);
    }
    assert_eq!(access.ipc_path, None);
    assert_eq!(geth.auth_addr, Some("0.0.0.0:9551".parse().unwrap()));
    assert_eq!(geth.metrics_addr, Some("0.0.0.0:6161".parse().unwrap()));
    assert_eq!(geth.sequencer_url.as_deref(), Some("http://sequencer:8545"));
    assert!(!geth.sequencer_pool_admission);
    assert_eq!(geth.halt, Some(opal_engine::HaltLevel::Major));
    assert_eq!(geth.history_blocks, u64::MAX);
    assert_eq!(geth.pool.min_tip, 5);
    assert_eq!(geth.pool.queued_lifetime, Duration::from_secs(5_400));
    assert_eq!(geth.suggested_tip, Some(7));
    assert_eq!(geth.chain.chain_id, 901);
}

#[test]
fn without_flags_the_defaults_are_geths() {
    let folder = tempfile::tempdir().unwrap();
    let config = config("", folder.path()).unwrap();
    assert!(!config.rpc_access.http, "only --http opens a port to users");
    assert_eq!(config.rpc_access.ws_addr, None);
    assert_eq!(config.rpc_access.http_apis, ["eth", "net", "web3"]);
    assert_eq!(config.rpc_access.vhosts, ["localhost"]);
    assert_eq!(config.auth_addr, Some("127.0.0.1:8551".parse().unwrap()));
    assert_eq!(
        config.rpc_access.ipc_path,
        Some(folder.path().join("opal.ipc"))
    );
    assert_eq!(config.metrics_addr, None);
    assert_eq!((config.halt, config.receipts_blocks), (None, None));
}

#[test]
fn every_flag_of_the_limits_has_an_effect() {
    let folder = tempfile::tempdir().unwrap();
    let plain = format!("{:?}", config("", folder.path()).unwrap());
    for flag in [
        "--http",
        "--http.port 1",
        "--http.addr 1.1.1.1",
        "--http.api eth",
        "--http.corsdomain a",
        "--http.vhosts a",
        "--ws",
        "--ws.origins a",
        "--authrpc.port 1",
        "--authrpc.addr 1.1.1.1",
        "--authrpc.vhosts a",
        "--ipcdisable",
        "--ipcpath a",
        "--rpc.max-connections 1",
        "--rpc.max-request-size 1",
        "--rpc.max-response-size 1",
        "--rpc.batch-request-limit 1",
        "--rpc.max-calls-per-second 1",
        "--rpc.max-subscriptions-per-connection 1",
        "--rpc.gascap 1",
        "--rpc.max-blocks-per-filter 1",
        "--rpc.rangelimit 1",
        "--rpc.max-logs-per-response 1",
        "--rpc.txsync.defaulttimeout 1",
        "--rollup.halt minor",
        "--rollup.sequencer http://a",
        "--rollup.enabletxpooladmission",
        "--txpool.globalslots 1",
        "--rollup.sequencertxconditionalenabled",
        "--txpool.pending-max-size 1",
        "--txpool.accountslots 1",
        "--txpool.globalqueue 1",
        "--txpool.accountqueue 1",
        "--txpool.lifetime 1",
        "--txpool.pricebump 1",
        "--blobpool.pricebump 1",
        "--miner.gasprice 1",
        "--txpool.max-tx-gas 1",
        "--txpool.max-tx-input-bytes 1",
        "--txpool.journal a",
        "--txpool.nojournal",
        "--gpo.minsuggestedpriorityfee 1",
        "--miner.gaslimit 1",
        "--gcmode archive",
        "--history.state 1",
        "--prune.receipts.distance 1",
        "--db.flush-interval 1s",
        "--metrics",
        "--health.max-age 1",
    ] {
        let changed = format!("{:?}", config(flag, folder.path()).unwrap());
        assert_ne!(plain, changed, "{flag} changes nothing");
    }
    // The secret is made once, for its owner alone, and read from then on.
    let secret = folder.path().join("jwtsecret");
    let first = std::fs::read(&secret).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::mode(&secret.metadata().unwrap().permissions());
    assert_eq!((first.len(), mode & 0o777), (64, 0o600));
    let other = folder.path().join("other");
    config(
        &format!("--authrpc.jwtsecret {}", other.display()),
        folder.path(),
    )
    .unwrap();
    assert_ne!(std::fs::read(&other).unwrap(), first);
    assert_eq!(std::fs::read(&secret).unwrap(), first);
}

#[test]
fn what_contradicts_itself_is_refused_with_code_2() {
    let folder = tempfile::tempdir().unwrap();
    for (flags, expected) in [
        ("--networkid 5", "--networkid says 5"),
        (
            "--network op-sepolia --chain op-sepolia",
            "--chain stands for",
        ),
        (
            "--http --http.port 9 --ws --ws.port 9 --ws.api eth",
            "--ws.api differ",
        ),
        (
            "--http --http.port 9 --authrpc.port 9",
            "both want 127.0.0.1:9",
        ),
        ("--metrics 1.1.1.1:9 --metrics.port 8", "both say where"),
        ("--metrics nonsense", "no ADDRESS:PORT"),
        (
            "--gcmode archive --prune.receipts.distance 9",
            "keeps everything",
        ),
        ("--prune.bodies.distance 9", "never pruned"),
        ("--rollup.historicalrpc http://a", "not supported"),
    ] {
        let error = config(flags, folder.path()).unwrap_err();
        assert!(error.is::<super::UsageError>(), "{flags}: {error}");
        assert!(error.to_string().contains(expected), "{flags}: {error}");
    }
    for flags in [
        "--no-such-flag",
        "--gcmode some",
        "--http.port 70000",
        "--txpool.lifetime soon",
        "--rollup.halt now",
    ] {
        let error = parse(&format!("engine {flags}")).err().expect(flags);
        assert_eq!(error.exit_code(), 2, "{flags}");
    }
}

#[test]
fn subcommands_take_the_chains_flags_before_and_after() {
    for line in [
        "engine --datadir a import b",
        "engine import --datadir a b",
        "engine import b --datadir a",
    ] {
        let args = parse(line).unwrap();
        assert_eq!(args.chain.datadir, Path::new("a"), "{line}");
        assert!(
            matches!(args.command, Some(EngineCommand::Import(_))),
            "{line}"
        );
    }
    assert!(matches!(
        parse("engine export f 3 9").unwrap().command,
        Some(EngineCommand::Export(_))
    ));
    assert!(matches!(
        parse("engine db verify --datadir a").unwrap().command,
        Some(EngineCommand::Db(_))
    ));
    assert!(parse("engine import").is_err());
}

#[test]
fn help_says_what_each_flag_means() {
    let command = EngineArgs::augment_args(Command::new("engine"));
    let silent: Vec<String> = command
        .get_arguments()
        .filter(|arg| !arg.is_hide_set() && arg.get_help().is_none())
        .map(|arg| arg.get_id().to_string())
        .collect();
    assert!(silent.is_empty(), "{silent:?}");
}

#[test]
fn times_are_read_as_geth_and_reth_write_them() {
    for (text, seconds) in [
        ("3h0m0s", 10_800),
        ("1h30m", 5_400),
        ("90s", 90),
        ("7", 7),
        ("2d", 172_800),
    ] {
        assert_eq!(time(text), Ok(Duration::from_secs(seconds)), "{text}");
    }
    assert_eq!(time("200ms"), Ok(Duration::from_millis(200)));
    for bad in ["", "h", "3x", "-1s", "99999999999999999999h", "4294967296h"] {
        assert!(time(bad).is_err(), "{bad}");
    }
}

#[test]
fn progress_is_one_line() {
    let mut progress = Progress {
        what: "import",
        done: 50,
        total: 100,
        block: 7,
        gas: 30_000_000,
        transactions: 100,
    };
    let line = progress::line(&progress, Duration::from_secs(10));
    assert_eq!(
        line,
        "import [===============               ] 50.0%, block 7, 3.0 Mgas/s, 10 tx/s, 10.0 s left"
    );
    progress.total = 0;
    assert_eq!(
        progress::line(&progress, Duration::from_secs(10)),
        "import, block 7, 3.0 Mgas/s, 10 tx/s"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_starts_from_the_devnets_genesis_and_then_from_its_own_directory() {
    use opal_devnet::genesis::{DeployConfig, l1_genesis, l2_genesis, rollup_config};
    use opal_engine::{ChainConfig, Engine};
    use opal_protocol::{Fork, ForkTimes, L1Ref};

    let deploy = DeployConfig::dev(1_700_000_000, ForkTimes::at_genesis(Fork::Karst));
    let l1 = l1_genesis(&deploy).unwrap();
    let origin = L1Ref {
        time: 1_700_000_000,
        ..L1Ref::default()
    };
    let l2 = l2_genesis(&deploy, &l1.addresses, origin);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("genesis-l2.json");
    std::fs::write(&path, serde_json::to_vec(&l2).unwrap()).unwrap();
    let datadir = folder.path().join("data");
    let flags = "--http --http.port 0 --authrpc.port 0 --metrics --metrics.port 0";
    let line = format!("engine --datadir {} {flags}", datadir.display());

    let missing = parse(&line).unwrap().chain.config().err().unwrap();
    assert!(missing.is::<super::UsageError>(), "{missing}");
    let mut heads = Vec::new();
    for line in [format!("{line} --genesis {}", path.display()), line] {
        let args = parse(&line).unwrap();
        let (mut config, file) = args.chain.config().unwrap();
        args.run.apply(&args.chain, &mut config).unwrap();
        let engine = Engine::start(config.clone()).await.unwrap();
        file.store(&datadir).unwrap();
        let head = *engine.head().borrow();
        assert_eq!((head.number, head.timestamp), (0, 1_700_000_000));
        assert_eq!(head.hash, engine.genesis_hash());
        assert!(engine.metrics_url().is_some() && datadir.join("opal.ipc").exists());
        engine.shutdown().await;
        heads.push((head, config.chain));
    }
    assert_eq!(heads[0], heads[1]);
    // The rules in the file are those that the rollup node has.
    let rollup = rollup_config(&deploy, &l1.addresses, origin, &l2);
    assert_eq!(heads[0].1, ChainConfig::optimism(&rollup));
}
