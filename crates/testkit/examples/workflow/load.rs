//! Many runs at once: how many durable steps a second all of them take together, and how long one takes when the
//! same number of steps a second is asked of few and of many runs.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use crate::bed::Bed;
use crate::outside::{call, forty, gate};
use crate::{Failed, machine};

/// How long each is measured, after as long a warm-up as given.
const MEASURED: Duration = Duration::from_secs(10);
const WARM_UP: Duration = Duration::from_secs(3);
/// Parts of that time, each with its own 99th percentile: one stall of the disk is not taken for the rule, and is told.
const WINDOWS: u32 = 5;

/// Steps a second that become possible while latency is measured. Well below what all together can do: a queue
/// that grows would measure the queue.
const RATE: usize = 2_000;
const TICK: Duration = Duration::from_millis(5);

/// Durable steps a second. Each is a call that answers at once and is asked for only when the step before it is
/// durable; a run that ends is followed by another.
pub(crate) async fn throughput(
    folder: &Path,
    in_flight: usize,
    found: &mut Map<String, Value>,
) -> Result<(), Failed> {
    eprintln!("durable steps a second, {in_flight} runs in flight …");
    let bed = Bed::open(&folder.join("throughput")).await?;
    bed.put("busy", &forty(|n| call(n == 40))).await?;
    let mut last = bed.outside.tell_last();
    bed.start_many("busy", 0..in_flight).await?;
    let keeper = tokio::spawn({
        let bed = bed.clone();
        async move {
            let mut next = in_flight;
            while last.recv().await.is_some() {
                let (bed, key) = (bed.clone(), format!("busy-{next}"));
                next += 1;
                tokio::spawn(async move {
                    if let Err(error) = bed.start("busy", &key).await {
                        eprintln!("a run was not started: {error}");
                    }
                });
            }
        }
    });
    tokio::time::sleep(WARM_UP).await;
    let (began, before) = (Instant::now(), bed.outside.added());
    let (work, cpu) = (bed.store.work(), machine::processor());
    tokio::time::sleep(MEASURED).await;
    let steps = (bed.outside.added() - before) as f64;
    let commits = (bed.store.work().groups - work.groups) as f64;
    let (took, cpu) = (began.elapsed().as_secs_f64(), machine::processor() - cpu);
    keeper.abort();
    bed.close().await;
    found.insert("steps_per_s".to_owned(), json!(steps / took));
    found.insert("steps_per_commit".to_owned(), json!(steps / commits.max(1.0)));
    found.insert("processor_us_per_step".to_owned(), json!(cpu.as_secs_f64() * 1e6 / steps.max(1.0)));
    Ok(())
}

/// From a step that becomes possible (its call is answered) until it is durable (the next call is made), while
/// `in_flight` runs are open and wait for their turn. `p99` is the middle of those of the windows; `disk` is what a
/// bare sync beside it took at the same time.
pub(crate) async fn latency(
    folder: &Path,
    in_flight: usize,
    found: &mut Map<String, Value>,
) -> Result<(), Failed> {
    eprintln!("step latency, {in_flight} runs in flight, {RATE} steps a second …");
    let bed = Bed::open(&folder.join(format!("latency-{in_flight}"))).await?;
    let turns = json!({"for": {"each": "turn", "in": "${ [range(100)] }"}, "do": [{"turn": gate()}]});
    bed.put("paced", &format!("- {}\n", json!({ "turns": turns }))).await?;
    bed.start_many("paced", 0..in_flight).await?;
    bed.outside.arrived(in_flight as u64).await;
    pace(&bed, WARM_UP).await;
    bed.outside.take_times();
    let disk = machine::Probe::start(folder)?;
    let mut all = Vec::new();
    let mut slow = Vec::new();
    for _ in 0..WINDOWS {
        pace(&bed, MEASURED / WINDOWS).await;
        let mut times: Vec<f64> =
            bed.outside.take_times().into_iter().map(|took| took.as_secs_f64() * 1e3).collect();
        slow.push(machine::share(&mut times, 0.99));
        all.append(&mut times);
    }
    let mut syncs = disk.stop()?;
    bed.close().await;
    let wanted = RATE * MEASURED.as_secs() as usize;
    if all.len() < wanted * 9 / 10 {
        return Err(format!("only {} of {wanted} steps were durable in their time", all.len()).into());
    }
    let key = format!("step_latency_{in_flight}_ms");
    found.insert(format!("{key}_p50"), json!(machine::median(&mut all)));
    found.insert(format!("{key}_p99"), json!(machine::median(&mut slow)));
    found.insert(format!("{key}_p99_worst"), json!(machine::share(&mut slow, 1.0)));
    found.insert(format!("{key}_p99_whole"), json!(machine::share(&mut all, 0.99)));
    found.insert(format!("step_latency_{in_flight}_disk_ms_p99"), json!(machine::share(&mut syncs, 0.99)));
    found.insert(format!("step_latency_{in_flight}_disk_ms_max"), json!(machine::share(&mut syncs, 1.0)));
    found.insert("step_latency_steps_per_s".to_owned(), json!(RATE));
    Ok(())
}

/// Lets steps go on at the rate, for a time.
async fn pace(bed: &Bed, time: Duration) {
    let began = Instant::now();
    let mut released = 0;
    let mut tick = tokio::time::interval(TICK);
    while began.elapsed() < time {
        tick.tick().await;
        let due = (began.elapsed().as_secs_f64() * RATE as f64) as usize;
        released += bed.outside.release(due.saturating_sub(released));
    }
}
