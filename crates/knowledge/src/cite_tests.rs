use super::*;

fn passage(id: &str, text: &str) -> Passage {
    Passage {
        id: id.to_owned(),
        document: format!("{id}.md"),
        title: id.to_owned(),
        page: Some(2),
        section: "S".to_owned(),
        span: [100, 100 + text.chars().count()],
        text: text.to_owned(),
    }
}

fn two() -> Vec<Passage> {
    vec![
        passage(
            "leave",
            "Holidays are paid. Employees have 15 days of annual leave each year. Unused days expire in March.",
        ),
        passage("报销", "差旅报销须在30天内提交。\n住宿费每晚不超过500元，超出部分自理。发票必须是原件。"),
    ]
}

#[test]
fn markers_are_kept_only_where_the_words_are_found() {
    for (answer, wanted, dropped) in [
        ("Employees have 15 days of annual leave. [1]", "Employees have 15 days of annual leave. [1]", 0),
        ("Employees have 15 days of annual leave [1].", "Employees have 15 days of annual leave [1].", 0),
        ("Employees have 20 days of annual leave [1].", "Employees have 20 days of annual leave.", 1),
        ("Employees have 15 days of annual leave [2].", "Employees have 15 days of annual leave.", 1),
        ("Employees have 15 days of annual leave [7].", "Employees have 15 days of annual leave.", 1),
        ("Employees have 15 days of annual leave [1, 2].", "Employees have 15 days of annual leave [1].", 1),
        ("住宿费每晚不超过500元【2】。", "住宿费每晚不超过500元[2]。", 0),
        ("住宿费每晚不超过800元[2]。", "住宿费每晚不超过800元。", 1),
        ("住宿费每晚不超过500元。[2][1]", "住宿费每晚不超过500元。[2]", 1),
        ("The moon is made of cheese.", "The moon is made of cheese.", 0),
        ("", "", 0),
        ("[1]", "", 1),
    ] {
        let cited = resolve(answer, &two());
        assert_eq!((cited.answer.as_str(), cited.dropped), (wanted, dropped), "{answer}");
        assert_eq!(cited.supported, !cited.citations.is_empty());
    }
}

#[test]
fn citations_point_at_the_words() {
    let passages = two();
    let cited = resolve("公司规定：住宿费每晚不超过500元，超出部分自理[2]。差旅报销须在30天内提交。", &passages);
    assert_eq!(cited.citations.len(), 2, "{cited:?}");
    let answer: Vec<char> = cited.answer.chars().collect();
    for citation in &cited.citations {
        let [start, end] = citation.at;
        assert_eq!(answer[start..end].iter().collect::<String>(), citation.marker);
        let text: Vec<char> = passages[1].text.chars().collect();
        let [start, end] = citation.span;
        assert_eq!(text[start - 100..end - 100].iter().collect::<String>(), citation.quote);
    }
    assert_eq!(cited.citations[0].quote, "住宿费每晚不超过500元，超出部分自理。");
    assert_eq!(cited.citations[1].quote, "差旅报销须在30天内提交。");
}

#[test]
fn forgotten_markers_are_put_in_and_refusals_left_alone() {
    let cited = resolve("Unused days expire in March. Employees have 15 days of annual leave each year.", &two());
    assert_eq!(cited.answer, "Unused days expire in March [1]. Employees have 15 days of annual leave each year [1].");
    let refusal = no_answer_text(Language::Chinese);
    let cited = resolve(refusal, &[passage("x", refusal)]);
    assert_eq!((cited.answer.as_str(), cited.supported), (refusal, false));
}

#[test]
fn code_and_links_are_no_markers() {
    let cited = resolve("Use `argv[1]` and [2](http://x) here", &two());
    assert_eq!((cited.answer.as_str(), cited.dropped), ("Use `argv[1]` and [2](http://x) here", 0));
}

proptest::proptest! {
    #[test]
    fn any_answer_is_survived(answer in "[a-z0-9 \\[\\]【】。.,\\n`五百元]{0,80}", text in "[a-z0-9 。.,\\n五百元]{0,80}") {
        let passages = [passage("p", &text)];
        let cited = resolve(&answer, &passages);
        let chars: Vec<char> = cited.answer.chars().collect();
        for citation in &cited.citations {
            proptest::prop_assert!(text.contains(&citation.quote));
            proptest::prop_assert_eq!(chars[citation.at[0]..citation.at[1]].iter().collect::<String>(), citation.marker.clone());
        }
    }
}
