//! One workflow of 40 steps, each of which adds one to a number: from the request to start it until a client that
//! follows the change feed sees its result. The number and the journal are checked.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Instant;

use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::bed::Bed;
use crate::outside::{call, forty};
use crate::{Failed, machine, syncs};

const WARM_UP: usize = 3;

/// A way to do the forty steps, and the key its time goes by.
struct Way {
    name: &'static str,
    key: &'static str,
    tasks: String,
}

pub(crate) async fn measure(
    folder: &Path,
    runs: usize,
    found: &mut Map<String, Value>,
) -> Result<(), Failed> {
    let bed = Bed::open(&folder.join("forty")).await?;
    let http = serve().await?;
    let ways = [
        // `set` asks nothing of the outside, so nobody could see that a step was lost: one commit keeps all.
        Way { name: "inside", key: "forty_steps_ms", tasks: forty(|_| json!({"set": {"n": "${ .n + 1 }"}})) },
        // A function is called after what led to it is durable, and so every step is a commit of its own.
        Way { name: "synced", key: "forty_steps_each_synced_ms", tasks: forty(|_| call(false)) },
        Way {
            name: "http",
            key: "forty_http_steps_ms",
            tasks: forty(|_| {
                let with = json!({"method": "post", "endpoint": format!("http://{http}/"), "body": {"n": "${ .n }"}});
                json!({"call": "http", "with": with})
            }),
        },
    ];
    for way in ways {
        eprintln!("40 steps, {} …", way.name);
        bed.put(way.name, &way.tasks).await?;
        let (mut times, mut synced) = (Vec::new(), Vec::new());
        for n in 0..WARM_UP + runs {
            let (began, before) = (Instant::now(), syncs::count());
            let run = bed.start(way.name, &format!("{}-{n}", way.name)).await?;
            let run = bed.ended(&run).await?;
            if n >= WARM_UP {
                times.push(began.elapsed().as_secs_f64() * 1e3);
                synced.push((syncs::count() - before) as f64);
            }
            check(&bed, &run).await?;
        }
        found.insert(way.key.to_owned(), json!(machine::median(&mut times)));
        let name = if way.name == "synced" { "fsyncs".to_owned() } else { format!("fsyncs_{}", way.name) };
        found.insert(name, json!(machine::median(&mut synced) as u64));
    }
    bed.close().await;
    Ok(())
}

/// The result is right, and the journal tells of every step.
async fn check(bed: &Bed, run: &model::Run) -> Result<(), Failed> {
    if run.output["n"] != 40 {
        return Err(format!("a run of {} gave {}: {:?}", run.workflow, run.output, run.error).into());
    }
    let story = bed.engine.stories().story(run, None).await?;
    let ended = story.view.steps.iter().filter(|step| step.step.ended_at.is_some()).count();
    if ended == 40 { Ok(()) } else { Err(format!("the journal of a run tells of {ended} steps").into()) }
}

/// A server on loopback that adds one to the number it is sent.
async fn serve() -> Result<SocketAddr, Failed> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                if let Err(error) = answer(stream).await {
                    eprintln!("the server on loopback: {error}");
                }
            });
        }
    });
    Ok(address)
}

/// Answers the requests of one connection until it is closed.
async fn answer(mut stream: TcpStream) -> Result<(), Failed> {
    stream.set_nodelay(true)?;
    let mut taken = Vec::new();
    loop {
        let Some((head, body)) = whole(&taken) else {
            if stream.read_buf(&mut taken).await? == 0 {
                return Ok(());
            }
            continue;
        };
        let sent: Value = serde_json::from_slice(&taken[head..head + body])?;
        let text = json!({"n": sent["n"].as_i64().unwrap_or_default() + 1}).to_string();
        taken.drain(..head + body);
        let length = text.len();
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{text}"
        );
        stream.write_all(answer.as_bytes()).await?;
    }
}

/// Where the head of the first request ends and how long its body is, once all of it is there.
fn whole(taken: &[u8]) -> Option<(usize, usize)> {
    let head = taken.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&taken[..head]).to_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
    let body = length.and_then(|l| l.trim().parse().ok()).unwrap_or(0);
    (taken.len() >= head + body).then_some((head, body))
}
