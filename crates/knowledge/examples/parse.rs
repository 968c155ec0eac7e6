//! What a document is read as: `parse FILE [--chunks]`.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "an example prints and may stop")]

use knowledge::{chunk, parse};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let bytes = std::fs::read(&arguments[1]).unwrap();
    let started = std::time::Instant::now();
    let parsed = match parse::parse(&arguments[1], &bytes, &parse::Limits::default()) {
        Ok(parsed) => parsed,
        Err(error) => return println!("ERROR {error}"),
    };
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{:?} '{}' {} blocks {} pages {seconds:.2} s {:?}",
        parsed.format,
        parsed.title,
        parsed.blocks.len(),
        parsed.pages.len(),
        parsed.warnings
    );
    match arguments.get(2).map(String::as_str) {
        Some("--chunks") => {
            for passage in chunk::chunk("doc", &parsed, 256, &|text| {
                text.chars().filter(|c| !c.is_ascii()).count() + text.len() / 5
            }) {
                println!("--- {:?} {}\n{}", passage.page, passage.section, passage.text);
            }
        }
        Some("--text") => println!("{}", parsed.text),
        _ => parsed
            .blocks
            .iter()
            .for_each(|block| println!("{:?} {:?} {:?} {}", block.kind, block.page, block.section, block.text)),
    }
}
