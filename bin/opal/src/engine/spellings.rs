//! What geth's and reth's flags have in common and clap does not do by itself: `--flag=true` for
//! switches, and an environment variable for every flag.

use clap::{
    Arg, ArgAction, Command,
    builder::{BoolishValueParser, OsStr},
};

/// Prefixes of environment variables, the first that is set counts.
const PREFIXES: [&str; 3] = ["OPAL_ENGINE_", "GETH_", "OP_GETH_"];

/// Teaches the `engine` subcommand and all below it the spellings.
pub(crate) fn with_spellings(command: Command) -> Command {
    command.mut_subcommand("engine", |engine| taught(engine, &PREFIXES))
}

/// Teaches a service's subcommand and all below it; `prefixes` are those of its environment
/// variables.
pub(crate) fn taught(command: Command, prefixes: &[&str]) -> Command {
    let names: Vec<String> = command
        .get_subcommands()
        .map(|sub| sub.get_name().to_owned())
        .filter(|name| name != "help")
        .collect();
    let command = command.mut_args(|arg| switch(variable(arg, prefixes)));
    names.into_iter().fold(command, |command, name| {
        command.mut_subcommand(name, |below| taught(below, prefixes))
    })
}

/// `--flag`, `--flag=true` and `--flag=false`.
fn switch(arg: Arg) -> Arg {
    if !matches!(arg.get_action(), ArgAction::SetTrue) {
        return arg;
    }
    arg.action(ArgAction::Set)
        .num_args(0..=1)
        .require_equals(true)
        .default_value("false")
        .default_missing_value("true")
        .hide_default_value(true)
        .hide_possible_values(true)
        .value_name("BOOL")
        .value_parser(BoolishValueParser::new())
}

/// The environment variable of a flag: of those that its names give, one that is set.
fn variable(arg: Arg, prefixes: &[&str]) -> Arg {
    let Some(long) = arg.get_long() else {
        return arg;
    };
    let aliases = arg.get_all_aliases().unwrap_or_default();
    let names: Vec<String> = prefixes
        .iter()
        .flat_map(|prefix| {
            let all = std::iter::once(&long).chain(&aliases);
            all.map(move |name| format!("{prefix}{}", upper(name)))
        })
        .collect();
    let set = names.iter().find(|name| std::env::var_os(name).is_some());
    let Some(name) = set.or(names.first()) else {
        return arg;
    };
    // Once per flag and process: clap keeps names for good.
    let name: &'static str = name.clone().leak();
    arg.env(OsStr::from(name)).hide_env(true)
}

fn upper(flag: &str) -> String {
    let letter = |c: char| match c.is_ascii_alphanumeric() {
        true => c.to_ascii_uppercase(),
        false => '_',
    };
    flag.chars().map(letter).collect()
}
