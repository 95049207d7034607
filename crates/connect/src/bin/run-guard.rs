//! The guard of `run` tasks as a program of its own, for the tests of this crate. `homeostat` has it built in.

fn main() -> std::process::ExitCode {
    connect::functions::run::guard::main(std::env::args().skip(1))
}
