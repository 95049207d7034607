//! Wrong data files: every error names the line and says what to do.

use manifest::{Catalog, Runbook, Runbooks};
use proptest::prelude::*;

const PAGE: &str = "---
title: Restart
summary: Restarts it
owner: platform
prior: { success: 0.9, because: it helps }
handles: [crash]
---

# Restart

```yaml workflow
document: { dsl: '1.0.3', namespace: test, name: restart, version: '1.0.0' }
do:
  - act:
      call: process.restart
      with: { service: '${ .service }' }
  - verify:
      call: verify
      with:
        service: ${ .service }
        conditions: [healthy]
```
";

#[test]
fn pages_are_refused_with_line_and_advice() {
    assert!(Runbook::parse("runbooks/restart.md", PAGE).is_ok());
    for (from, to, place, part) in [
        ("title: Restart", "titel: Restart", "restart.md:2:1", "did you mean `title`?"),
        ("owner:", "ovner:", "restart.md:4:1", "did you mean `owner`"),
        ("handles: [crash]", "handles: [crush]", "restart.md:6:11", "did you mean `crash`"),
        ("handles: [crash]", "handles: []", "restart.md:6:10", "at least one"),
        ("handles: [crash]", "handles: [crash, {class: crash}]", "restart.md:6:18", "twice"),
        ("prior: { success: 0.9, because: it helps }\n", "", "restart.md:2:1", "needs `prior`"),
        ("success: 0.9", "success: 1.9", "restart.md:5:19", "from 0 to 1"),
        (", because: it helps", "", "restart.md:5:8", "needs `because`"),
        ("---\ntitle", "title", "restart.md:1:1", "front matter"),
        ("```yaml workflow", "```yaml", "restart.md:1:1", "there is none"),
        ("call: process.restart", "cal: process.restart", "restart.md:15:7", "did you mean `call`"),
        ("- act:", "- act: 1\n  - act2:", "restart.md:14:10", "must be a mapping"),
        (
            "with: { service: '${ .service }' }",
            "with: { service: '${ .service | nosuch }' }",
            "restart.md:16:24",
            "`nosuch/0`",
        ),
        ("[healthy]", "[helthy]", "restart.md:20:9", "did you mean `healthy`"),
        ("call: verify", "call: verifi", "restart.md:12:1", "never calls `verify`"),
        ("dsl: '1.0.3'", "dsl: '2.0.0'", "restart.md:12:", "1.0.x"),
    ] {
        let text = PAGE.replacen(from, to, 1);
        assert_ne!(text, PAGE, "{from}");
        let error = Runbook::parse("restart.md", &text).expect_err(to).to_string();
        assert!(error.contains(part), "{to}: {error}");
        assert!(error.contains(place), "{to}: {error} is not at {place}");
    }
    let twice = format!("{PAGE}\n```yaml workflow\n```\n");
    assert!(Runbook::parse("r.md", &twice).unwrap_err().message.contains("exactly one"));
    let other = PAGE.replacen("# Restart", "````\n```yaml workflow\n````", 1);
    assert!(Runbook::parse("r.md", &other).is_ok(), "an example inside another block is no workflow");
}

#[test]
fn a_runbook_that_handles_nothing_need_not_verify_and_is_never_chosen() {
    let page = PAGE
        .replacen("handles: [crash]\n", "", 1)
        .replacen("prior: { success: 0.9, because: it helps }\n", "", 1)
        .replacen("call: verify", "call: notify", 1);
    let all = Runbooks::load(&[("tell.md", &page), ("restart.md", &PAGE.to_owned())]).unwrap();
    let tell = all.get("tell").unwrap();
    assert!(tell.handles.is_empty() && tell.prior_reason.is_empty());
    for class in model::FailureClass::ALL {
        for runbook in all.for_class(class, &["restart"]) {
            assert_ne!(runbook.name, "tell", "{class:?}");
        }
    }
    let wrong = PAGE.replacen("handles: [crash]\n", "", 1).replacen("[healthy]", "[helthy]", 1);
    let error = Runbook::parse("restart.md", &wrong).unwrap_err().to_string();
    assert!(error.contains("did you mean `healthy`"), "what it verifies must be right all the same: {error}");
}

#[test]
fn references_between_runbooks_must_lead_somewhere() {
    let after = |name: &str| PAGE.replacen("[crash]", &format!("[{{class: crash, after: {name}}}]"), 1);
    let load = |files: &[(&str, &str)]| Runbooks::load(files).map_err(|e| e[0].message.clone());
    assert!(load(&[("a.md", PAGE), ("b.md", &after("a")), ("notes.txt", "")]).is_ok());
    assert!(load(&[("one.md", PAGE), ("b.md", &after("onne"))]).unwrap_err().contains("did you mean `one`"));
    assert!(load(&[("a.md", &after("b")), ("b.md", &after("a"))]).unwrap_err().contains("circle"));
    assert!(load(&[("x/a.md", PAGE), ("y/a.md", PAGE)]).unwrap_err().contains("already"));
    let several = Runbooks::load(&[("a.md", "x"), ("b.md", "y")]).unwrap_err();
    assert_eq!(several.len(), 2, "every wrong file is named");
}

#[test]
fn catalogs_are_read_or_refused() {
    let text = "services:\n  - name: shop\n    owner: web\n    tier: critical\n    depends_on: [pay]\n  - name: pay\n    host: http://127.0.0.1:1\n";
    let catalog = Catalog::parse("catalog.yaml", text).unwrap();
    assert_eq!(catalog.get("shop").unwrap().tier, model::Tier::Critical);
    assert_eq!(catalog.get("pay").unwrap().to_service().host.as_deref(), Some("http://127.0.0.1:1"));
    for (from, to, place, part) in [
        ("[pay]", "[pai]", "5:18", "did you mean `pay`"),
        ("tier: critical", "tier: vital", "4:5", "internal, standard or critical"),
        ("name: pay", "name: shop", "6:5", "twice"),
        ("owner: web", "ownr: web", "3:5", "did you mean `owner`"),
        ("services:", "servicess:", "1:1", "did you mean `services`?"),
        ("owner: web", "owner: 5", "3:12", "quotes"),
    ] {
        let error = Catalog::parse("c.yaml", &text.replacen(from, to, 1)).expect_err(to).to_string();
        assert!(error.contains(part) && error.contains(place), "{to}: {error}, expected {place} {part}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_text_breaks_the_readers(text in "\\PC{0,200}", cut in 0..PAGE.len()) {
        let _ = Runbook::parse("a.md", &text);
        let _ = Catalog::parse("a.yaml", &text);
        let mut page = PAGE.to_owned();
        page.insert_str(cut, &text);
        let _ = Runbook::parse("a.md", &page);
        let _ = Runbook::parse("a.md", &PAGE[..cut]);
    }
}
