//! Contract suites: what every adapter must pass. Call each from the tests of an adapter.

pub mod blobs;
pub mod bus;
pub mod faults;
pub mod journals;
pub mod leases;
pub mod logs;
pub mod secrets;
pub mod series;
pub mod store;

/// Makes a test of each named check of a suite; the macros of the suites are written with it.
#[macro_export]
macro_rules! contract_tests {
    ($suite:ident, $open:expr, $($check:ident)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $check() {
                $crate::contract::$suite::$check($open).await;
            }
        )+
    };
}
