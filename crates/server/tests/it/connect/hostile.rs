//! Documents that mean harm: each is refused or read in bounded time, and none ends the program badly.

use std::time::{Duration, Instant};

use super::Bench;

#[test]
fn hostile_documents_are_refused_or_read_in_time() {
    let mut aliases = String::from("openapi: 3.1.0\npaths: {}\na0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let inner = vec![format!("*a{}", level - 1); 9].join(", ");
        aliases.push_str(&format!("a{level}: &a{level} [{inner}]\n"));
    }
    let mut circle =
        String::from("openapi: 3.1.0\ninfo: {title: x, version: '1'}\npaths: {}\ncomponents: {schemas: {");
    for n in 0..2_000 {
        circle
            .push_str(&format!("S{n}: {{allOf: [{{$ref: '#/components/schemas/S{}'}}]}}, ", (n + 1) % 2_000));
    }
    circle.push_str("}}\n");
    let wide =
        "openapi: 3.1.0\npaths: {}\n".to_owned() + &"# padding padding padding padding\n".repeat(600_000);
    let bench = Bench::new();
    let begun = Instant::now();
    for (name, text, code, expect) in [
        ("aliases.yaml", aliases, 1, "too many values"),
        (
            "deep.json",
            format!("{{\"openapi\": \"3.1.0\", \"paths\": {}", "{\"a\":".repeat(200_000)),
            1,
            "neither JSON nor YAML",
        ),
        ("deep.yaml", format!("openapi: 3.1.0\npaths: {}", "[".repeat(200_000)), 1, "neither JSON nor YAML"),
        ("circle.yaml", circle, 1, "made of itself"),
        ("wide.yaml", wide, 0, "0 operations"),
        ("empty.yaml", String::new(), 1, "no OpenAPI document"),
        ("zero.yaml", "\0\0\0\0".to_owned(), 1, "neither JSON nor YAML"),
    ] {
        bench.put(name, &text);
        let said = bench.connect(&["check", name]).ends(code);
        let all = format!("{}{}", said.out, said.err);
        assert!(all.contains(expect), "{name}: {all}");
        assert!(all.len() < 20_000, "{name}: {} bytes are said", all.len());
    }
    std::fs::write(bench.path("bytes.yaml"), [0xff, 0xfe, 0x00]).unwrap();
    bench.connect(&["check", "bytes.yaml"]).failed("it is not UTF-8");
    assert!(begun.elapsed() < Duration::from_secs(120), "{:?}", begun.elapsed());
}
