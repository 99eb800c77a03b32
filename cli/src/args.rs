//! The command line.

use std::path::PathBuf;

use clap::{Args, Command, Subcommand};
use clap_complete::Shell;

use crate::{channel::ChannelArgs, commands, context::ClientArgs, examples, kind::Kind, output::Format};

/// The commands that are of no kind of record.
#[derive(Debug, Subcommand)]
pub(crate) enum TopCommand {
    /// Ask a server how its services are
    #[command(after_help = examples::HEALTH)]
    Health(ClientArgs),
    /// Show who is behind a target, and how calls get there
    #[command(after_help = examples::CHANNEL)]
    Channel(ChannelArgs),
    /// Run every service on this machine
    #[command(after_help = examples::SERVE)]
    Serve(ServeCommand),
    /// Run every service with example data, and show what to try
    #[command(after_help = examples::DEMO)]
    Demo(ServeArgs),
    /// Print the completions of a shell
    #[command(after_help = examples::COMPLETION)]
    Completion(CompletionArgs),
    /// Print the version
    #[command(after_help = examples::VERSION)]
    Version(VersionArgs),
}

/// Arguments of `serve` and `demo`. What is not given comes from the environment, the file, or the defaults.
#[derive(Debug, Clone, Args)]
pub(crate) struct ServeArgs {
    /// Where the data is kept [default: the data folder of this platform, such as ~/.local/share/campus]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Where the services are: IP:PORT, unix:/path or in-process:NAME; several with commas [default: 127.0.0.1:50051]
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<campus_chassis::Listen>,
    /// Where REST is: IP:PORT, unix:/path; several with commas, or off [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR", value_parser = rest)]
    pub(crate) rest_listen: Option<campus_chassis::Listen>,
    /// Address of probes and metrics [default: 127.0.0.1:9090]
    #[arg(long, value_name = "ADDR", value_parser = campus_chassis::config::address)]
    pub(crate) admin_listen: Option<std::net::SocketAddr>,
    /// Read settings from FILE; flags and the environment have precedence
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// Addresses, or none at all.
fn rest(text: &str) -> Result<campus_chassis::Listen, campus_chassis::config::BadUnit> {
    if text == "off" { Ok(campus_chassis::Listen::default()) } else { text.parse() }
}

/// Arguments of `serve` alone.
#[derive(Debug, Clone, Args)]
pub(crate) struct ServeCommand {
    #[command(flatten)]
    pub(crate) args: ServeArgs,
    /// JSON file of people, of whom those that the address book does not have are added
    #[arg(long, value_name = "FILE")]
    pub(crate) load_people: Option<PathBuf>,
    /// Print the settings as they would be used, and exit
    #[arg(long)]
    pub(crate) print_config: bool,
}

/// Arguments of `completion`.
#[derive(Debug, Clone, Args)]
pub(crate) struct CompletionArgs {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

/// Arguments of `version`.
#[derive(Debug, Clone, Args)]
pub(crate) struct VersionArgs {
    /// Form of the output: table, json, csv or ndjson [default: one line]
    #[arg(long, short, value_name = "FORMAT", value_enum, hide_possible_values = true)]
    pub(crate) output: Option<Format>,
}

/// The whole command line.
pub(crate) fn command(kinds: &[Kind]) -> Command {
    let top = ClientArgs::augment_args(Command::new("campus"));
    let top = top.subcommands(kinds.iter().map(commands::command)).subcommand(commands::person::command());
    TopCommand::augment_subcommands(top)
        .about("The server of employees, students and the address book for one machine, and the client of every such server")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .max_term_width(100)
        .after_help(examples::top(kinds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::kinds;

    #[test]
    fn the_command_line_is_consistent() {
        command(&kinds().unwrap()).debug_assert();
    }

    #[test]
    fn options_of_a_call_may_stand_anywhere() {
        let kinds = kinds().unwrap();
        for line in [
            "campus --server a:1 employee list",
            "campus employee --server a:1 list",
            "campus employee list --server a:1",
        ] {
            let matches = command(&kinds).try_get_matches_from(line.split(' ')).unwrap();
            let below = matches.subcommand().unwrap().1;
            assert_eq!(crate::client(&matches, below).unwrap().server, "a:1", "{line}");
        }
    }
}
