//! The progress bar of long work: on stderr, and only on a terminal.

use std::time::{Duration, Instant};

use indicatif::{HumanCount, ProgressBar, ProgressStyle};

use crate::terminal;

/// Shows how far long work has come.
pub(crate) struct Progress {
    bar: ProgressBar,
    since: Instant,
}

impl Progress {
    /// Of work that is `size` bytes long, if that is known. Hidden where stderr is no terminal.
    pub(crate) fn new(size: Option<u64>) -> Self {
        if !terminal::stderr_is_terminal() {
            return Self::hidden();
        }
        let bar = match size {
            Some(size) => ProgressBar::new(size).with_style(style("{bar:30} {percent:>3}%  {msg}  {eta} left")),
            None => ProgressBar::new_spinner().with_style(style("{spinner} {msg}  {elapsed}")),
        };
        bar.enable_steady_tick(Duration::from_millis(120));
        Self { bar, since: Instant::now() }
    }

    /// Shows nothing.
    pub(crate) fn hidden() -> Self {
        Self { bar: ProgressBar::hidden(), since: Instant::now() }
    }

    /// `records` are done, which are the first `bytes` of the input.
    pub(crate) fn at(&self, records: u64, bytes: u64) {
        if self.bar.is_hidden() {
            return;
        }
        let milliseconds = self.since.elapsed().as_millis().max(1);
        let rate = u128::from(records) * 1000 / milliseconds;
        let rate = HumanCount(u64::try_from(rate).unwrap_or(u64::MAX));
        self.bar.set_message(format!("{} records, {rate}/s", HumanCount(records)));
        self.bar.set_position(bytes);
    }

    /// Writes a line above the bar.
    pub(crate) fn say(&self, line: &str) {
        self.bar.suspend(|| terminal::say(line));
    }

    /// Takes the bar away.
    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
