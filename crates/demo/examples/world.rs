//! Runs the demo world: `world <dir> [otlp-url]`. The same program runs the services: `world shop <service>`.
//! Prints the address of the HTTP API; the token is `demo-demo-demo-demo`. Ctrl-C ends it.

use std::io::Write;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [shop, service] = &words[..]
        && shop == "shop"
    {
        return Ok(demo::shop::run(service)?);
    }
    let dir = words.first().ok_or("usage: world <dir> [otlp-url]")?;
    let mut options = demo::world::WorldOptions::new(dir.into(), "demo-demo-demo-demo".to_owned())?;
    options.otlp_url = words.get(1).cloned().unwrap_or_default();
    let ready = |at| _ = writeln!(std::io::stdout(), "http://{at}");
    let stop = async { _ = tokio::signal::ctrl_c().await };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    Ok(runtime.block_on(demo::world::run(options, ready, stop))?)
}
