//! Pollers against real servers on loopback: good ones, and ones that are slow, silent, endless or rude.

mod pollers {
    pub(crate) mod host;
    pub(crate) mod peers;
    pub(crate) mod probe_and_scrape;
    pub(crate) mod supervision;
    pub(crate) mod tail;
}
