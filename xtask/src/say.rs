//! Output: results to standard output, progress to standard error. Nothing else of xtask prints.

use std::fmt::Display;
use std::time::Instant;

/// A line of the result.
#[expect(clippy::print_stdout, reason = "the result of a command is its standard output")]
pub(crate) fn out(line: impl Display) {
    println!("{line}");
}

/// A line of progress.
#[expect(clippy::print_stderr, reason = "progress stays out of the result")]
pub(crate) fn note(line: impl Display) {
    eprintln!("{line}");
}

/// Numbered steps with their time.
pub(crate) struct Steps {
    number: usize,
    of: usize,
}

impl Steps {
    pub(crate) fn new(of: usize) -> Self {
        Self { number: 0, of }
    }

    /// Does one step. The note that it returns says what came of it.
    pub(crate) fn step(
        &mut self,
        title: &str,
        work: impl FnOnce() -> Result<&'static str, String>,
    ) -> Result<(), String> {
        self.number += 1;
        note(format!("[{}/{}] {title} …", self.number, self.of));
        let began = Instant::now();
        let result = work()?;
        note(format!(
            "[{}/{}] {title}: {result} ({:.1} s)",
            self.number,
            self.of,
            began.elapsed().as_secs_f64()
        ));
        Ok(())
    }
}
