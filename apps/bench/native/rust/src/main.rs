// What the Rust client makes of the same work: see ../../c/sink.c.
use async_nats::jetstream::context::{ContextBuilder, PublishAckFuture};
use async_nats::jetstream::message::PublishMessage;
use bytes::{Buf, Bytes};
use std::{collections::VecDeque, error::Error, io::Read, time::Duration, time::Instant};

const IN_FLIGHT: usize = 4096;

fn read_payloads() -> Result<Vec<Bytes>, std::io::Error> {
    let mut input = Vec::new();
    std::io::stdin().read_to_end(&mut input)?;
    let mut rest = Bytes::from(input);
    let mut payloads = Vec::new();
    while rest.remaining() >= 4 {
        let size = rest.get_u32_le() as usize;
        payloads.push(rest.split_to(size));
    }
    Ok(payloads)
}

fn cpu() -> Duration {
    let mut used = unsafe { std::mem::zeroed::<libc::rusage>() };
    unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut used) };
    let of = |t: libc::timeval| Duration::new(t.tv_sec as u64, t.tv_usec as u32 * 1000);
    of(used.ru_utime) + of(used.ru_stime)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let args: Vec<String> = std::env::args().collect();
    let (subject, stream, count) = (args[2].clone(), &args[3], args[4].parse::<usize>()?);
    let payloads = read_payloads()?;
    let client = async_nats::connect(&args[1]).await?;
    let js = ContextBuilder::new().max_ack_inflight(2 * IN_FLIGHT).build(client);
    let (started, used) = (Instant::now(), cpu());
    let mut waiting: VecDeque<PublishAckFuture> = VecDeque::with_capacity(IN_FLIGHT);
    for i in 0..count {
        if waiting.len() == IN_FLIGHT {
            for answer in waiting.drain(..IN_FLIGHT / 2) {
                answer.await?;
            }
        }
        let message = PublishMessage::build().payload(payloads[i % payloads.len()].clone()).expected_stream(stream);
        waiting.push_back(js.send_publish(subject.clone(), message).await?);
    }
    for answer in waiting {
        answer.await?;
    }
    println!("{} {}", started.elapsed().as_secs_f64() * 1e3, (cpu() - used).as_secs_f64() * 1e3);
    Ok(())
}
