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
        // A wrong number is dropped, and the passage that does say so is named instead.
        ("Employees have 15 days of annual leave [2].", "Employees have 15 days of annual leave [1].", 1),
        ("Employees have 15 days of annual leave [7].", "Employees have 15 days of annual leave [1].", 1),
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
fn what_small_models_write_is_read() {
    for (answer, wanted, dropped) in [
        // Other ways to write a marker.
        ("住宿费每晚不超过500元【资料2】。", "住宿费每晚不超过500元[2]。", 0),
        ("住宿费每晚不超过500元[来源：2]。", "住宿费每晚不超过500元[2]。", 0),
        ("住宿费每晚不超过500元【2†source】。", "住宿费每晚不超过500元[2]。", 0),
        ("住宿费每晚不超过500元[^2]。", "住宿费每晚不超过500元[2]。", 0),
        ("[2] 住宿费每晚不超过500元。", " 住宿费每晚不超过500元[2]。", 0),
        (
            "差旅报销须在30天内提交。\n[2] 住宿费每晚不超过500元。",
            "差旅报销须在30天内提交[2]。\n 住宿费每晚不超过500元[2]。",
            0,
        ),
        // Numbers in other forms.
        ("住宿费每晚不超过五百元，需要一个发票[2]。", "住宿费每晚不超过五百元，需要一个发票[2]。", 0),
        ("住宿费每晚不超过六百元[2]。", "住宿费每晚不超过六百元。", 1),
        ("住宿費每晚不超過５００元[2]。", "住宿費每晚不超過５００元[2]。", 0),
        ("The annual leave is 15.0 days [1].", "The annual leave is 15.0 days [1].", 0),
        // Another language: the figures must agree.
        ("The hotel limit is 500 yuan a night [2].", "The hotel limit is 500 yuan a night [2].", 0),
        ("The hotel limit is 600 yuan a night [2].", "The hotel limit is 600 yuan a night.", 1),
        ("The hotel limit is high [2].", "The hotel limit is high.", 1),
        // The same again and again.
        (
            "住宿费每晚不超过500元[2]。住宿费每晚不超过500元[2]。住宿费每晚不超过500元[2]。",
            "住宿费每晚不超过500元[2]。",
            0,
        ),
        // Copied whole.
        (
            "差旅报销须在30天内提交。\n住宿费每晚不超过500元，超出部分自理。发票必须是原件。[2]",
            "差旅报销须在30天内提交[2]。\n住宿费每晚不超过500元，超出部分自理[2]。发票必须是原件。[2]",
            0,
        ),
        // Invented beside what is there.
        ("发票必须是原件[2]。公司每年组织两次旅游[2]。", "发票必须是原件[2]。公司每年组织两次旅游。", 1),
        ("Article [2024] says so.", "Article [2024] says so.", 0),
    ] {
        let cited = resolve(answer, &two());
        assert_eq!((cited.answer.as_str(), cited.dropped), (wanted, dropped), "{answer}");
    }
}

#[test]
fn codes_must_be_those_of_the_passage() {
    let mut manual = passage("qs200-manual", "E07：校准到期，记录继续。\n电池寿命约 26 个月（间隔 5 分钟）。");
    manual.title = "QS-200 用户手册".to_owned();
    for (answer, supported) in [
        ("QS-200 的电池寿命约 26 个月。", true),
        ("QS200 电池寿命约为 26 个月[1]。", true),
        ("QS-310 的电池寿命约 26 个月[1]。", false),
        ("QS-200 的电池寿命约 36 个月[1]。", false),
        ("Error E07 on the QS-200 means 校准到期[1].", true),
        ("E08 表示校准到期，记录继续[1]。", false),
    ] {
        assert_eq!(resolve(answer, &[manual.clone()]).supported, supported, "{answer}");
    }
}

#[test]
fn a_refusal_stands_alone() {
    let zh = no_answer_text(Language::Chinese);
    let en = no_answer_text(Language::English);
    for (answer, wanted, dropped) in [
        (format!("{zh}[1]"), zh.to_owned(), 1),
        (format!("{zh}但是，发票必须是原件[2]。"), zh.to_owned(), 0),
        ("资料中没有提到食堂的开饭时间。发票必须是原件[2]。".to_owned(), zh.to_owned(), 0),
        ("根据提供的资料，无法确定食堂几点开饭[1][2]。".to_owned(), zh.to_owned(), 2),
        ("The passages do not mention the canteen. Holidays are paid [1].".to_owned(), en.to_owned(), 0),
        ("I cannot find any information about that.".to_owned(), en.to_owned(), 0),
        // After an answer it adds nothing.
        (format!("发票必须是原件[2]。{zh}"), "发票必须是原件[2]。".to_owned(), 0),
        (format!("Holidays are paid [1]. {en}"), "Holidays are paid [1].".to_owned(), 0),
        // After words that nothing supports it is all there is to rely on.
        (format!("食堂十二点开饭。{zh}"), format!("食堂十二点开饭。{zh}"), 0),
    ] {
        let cited = resolve(&answer, &two());
        assert_eq!((cited.answer, cited.dropped), (wanted, dropped), "{answer}");
    }
    // What the documents themselves say they do not allow is an answer.
    let rule = passage("r", "没有发票的信息不能报销。");
    assert!(resolve("没有发票的信息不能报销。", &[rule]).supported);
}

#[test]
fn rows_of_a_table_speak_for_themselves() {
    let table = passage("t", "City | Limit per night\nBeijing, Shanghai | CNY 680\nother capitals | CNY 480");
    let question = "What is the limit per night in Shanghai?";
    let right = resolve_for(question, "The limit per night in Shanghai is CNY 680.", std::slice::from_ref(&table));
    assert_eq!(right.citations[0].quote, "Beijing, Shanghai | CNY 680");
    assert!(!resolve_for(question, "The limit per night in Shanghai is CNY 480.", &[table]).supported);
}

#[test]
fn a_question_helps_short_answers() {
    let price = passage("p", "校准的周期为 12 个月。\n服务: 标准校准 | 价格: 260 元\n服务: 加急校准 | 价格: 420 元");
    let cited = resolve_for("标准校准多少钱？", "260 元。", std::slice::from_ref(&price));
    assert_eq!(cited.answer, "260 元[1]。");
    assert_eq!(cited.citations[0].quote, "服务: 标准校准 | 价格: 260 元");
    assert_eq!(
        resolve_for("密码至少要多少个字符？", "14个字符", &[passage("s", "密码长度不得少于 14 个字符。")]).answer,
        "14个字符[1]"
    );
    let settled = |question, answer| {
        let passages = [price.clone()];
        settle(question, resolve_for(question, answer, &passages), &passages)
    };
    let invented = settled("标准校准多少钱？", "标准校准多少钱？300 元。");
    assert_eq!((invented.answer.as_str(), invented.supported), (no_answer_text(Language::Chinese), false));
    // In another language than the passages' nothing is known about an answer.
    let unknown = settled("How is calibration done?", "It is done by post.");
    assert_eq!((unknown.answer.as_str(), unknown.supported), ("It is done by post.", false));
    assert!(!resolve_for("食堂在哪里？", "260 元。", &[price]).supported);
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
