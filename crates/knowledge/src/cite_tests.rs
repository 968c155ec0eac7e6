use super::*;

/// With a judge that takes every pair of languages at its figures.
fn resolve_for(question: &str, answer: &str, passages: &[Passage]) -> Cited {
    super::resolve(question, answer, passages, &|_| true)
}

fn resolve(answer: &str, passages: &[Passage]) -> Cited {
    resolve_for("", answer, passages)
}

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
fn support_is_the_share_of_sentences_that_stand_in_the_passages() {
    for (answer, wanted) in [
        ("Employees have 15 days of annual leave [1].", Some(1.0)),
        ("Employees have 15 days of annual leave.", Some(1.0)),
        ("Employees have 20 days of annual leave [1].", Some(0.0)),
        ("Employees have 20 days of annual leave.", Some(0.0)),
        // The words stand elsewhere than the marker says.
        ("Employees have 15 days of annual leave [2].", Some(0.0)),
        ("Employees have 15 days of annual leave [1][2].", Some(0.5)),
        ("Employees have 15 days of annual leave [9].", Some(0.0)),
        ("Employees have 15 days of annual leave [1]. Lunch is free for everybody.", Some(0.5)),
        ("差旅报销须在30天内提交[2]。住宿费每晚不超过900元[2]。", Some(0.5)),
        ("发票必须是原件。", Some(1.0)),
        ("The documents do not contain an answer to this question.", None),
        ("文档中没有找到这个问题的答案。", None),
        ("", None),
    ] {
        let got = super::support("", answer, &two(), &|_| false);
        assert_eq!(got, wanted, "{answer}");
    }
    assert_eq!(super::support("", "Employees have 15 days of annual leave.", &[], &|_| true), Some(0.0));
    assert!(declines("The passages do not say it.") && declines("资料中没有提到。") && !declines("15 days [1]."));
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
    // What was invented gives way to the documents' own words, where they speak of the question.
    let replaced = settled("标准校准多少钱？", "标准校准多少钱？300 元。");
    assert_eq!(replaced.answer, "文档中写道：“服务: 标准校准 | 价格: 260 元”[1]");
    assert_eq!(replaced.citations[0].quote, "服务: 标准校准 | 价格: 260 元");
    let invented = settled("食堂的午餐多少钱？", "食堂的午餐 300 元。");
    assert_eq!((invented.answer.as_str(), invented.supported), (no_answer_text(Language::Chinese), false));
    assert_eq!(settled("谁赢了国际象棋冠军？", "").answer, no_answer_text(Language::Chinese));
    let closest = settled("校准服务的周期如何变更？", "打电话变更。");
    assert!(closest.answer.starts_with("文档没有直接回答这个问题，最接近的一处是：“校准的周期为 12 个月。"));
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

/// Whether an answer to a question is backed by one passage.
fn backed(question: &str, answer: &str, text: &str) -> bool {
    resolve_for(question, answer, &[passage("p", text)]).supported
}

#[test]
fn facts_keep_their_names() {
    const LEAVE: &str = "Annual leave is 15 days. Sick leave is 10 days.";
    const ZH: &str = "年假为15天。病假为10天。";
    for (question, answer, text, supported) in [
        ("How many days of sick leave?", "Sick leave is 15 days.", LEAVE, false),
        ("How many days of sick leave?", "Sick leave is 15 days [1].", LEAVE, false),
        ("How many days of sick leave?", "15 days.", LEAVE, false),
        ("How many days of sick leave?", "10 days.", LEAVE, true),
        ("How many days of sick leave?", "Sick leave is 10 days.", LEAVE, true),
        ("How many days of annual leave?", "Annual leave is 10 days [1].", LEAVE, false),
        ("", "Sick leave is 15 days [1].", LEAVE, false),
        ("", "Annual leave is 10 days, sick leave is 15 days [1].", LEAVE, false),
        ("", "Annual leave is 15 days, sick leave is 10 days [1].", LEAVE, true),
        ("病假有几天？", "病假为15天。", ZH, false),
        ("病假有几天？", "病假为15天[1]。", ZH, false),
        ("病假有几天？", "病假为10天[1]。", ZH, true),
        ("年假有几天？", "年假有10天[1]。", ZH, false),
        ("病假有几天？", "年假为15天，病假为10天。", ZH, true),
        ("病假有几天？", "病假为15天[1]。", "年假15天，病假10天。", false),
        ("病假有几天？", "年假10天，病假15天[1]。", "年假15天，病假10天。", false),
        ("病假有几天？", "病假有10天[1]。", "年假15天，病假10天。", true),
        (
            "",
            "The limit in other cities is 480 [1].",
            "The hotel limit is 680 in Beijing and 480 in other cities.",
            true,
        ),
        ("", "The limit in Beijing is 480 [1].", "The hotel limit is 680 in Beijing and 480 in other cities.", false),
    ] {
        assert_eq!(backed(question, answer, text), supported, "{question} {answer} {text}");
    }
}

#[test]
fn codes_and_rows_keep_their_facts() {
    const CODES: &str = "E07: calibration expired.\nE08: battery low, replace the battery.";
    const RISING: &str =
        "Employees have 15 days of annual leave each year. After ten years of service it rises to 20 days.";
    const CITIES: &str = "Beijing | 680\nShanghai | 650\nOther | 480";
    const NAMED: &str = "城市: 北京 | 上限: 680 元 | 早餐: 50 元\n城市: 上海 | 上限: 650 元 | 早餐: 40 元";
    for (question, answer, text, supported) in [
        ("What does E07 mean?", "E07 means the battery is low, replace the battery.", CODES, false),
        ("What does E07 mean?", "E07 means the battery is low, replace the battery [1].", CODES, false),
        ("What does E07 mean?", "The battery is low, replace the battery [1].", CODES, false),
        ("What does E07 mean?", "E07 means the calibration has expired [1].", CODES, true),
        ("What does E08 mean?", "E08 means the battery is low, replace the battery [1].", CODES, true),
        ("When do I replace the battery?", "Replace the battery when it is low [1].", CODES, true),
        ("", "E07 means battery low [1].", "E07: calibration expired, E08: battery low.", false),
        ("What does E07 mean?", "Calibration expired.", CODES, true),
        (
            "",
            "Overtime is paid at 150% on weekends [1].",
            "Overtime is paid at 150% on weekdays and 200% on weekends.",
            false,
        ),
        (
            "",
            "Overtime is paid at 200% on weekends [1].",
            "Overtime is paid at 150% on weekdays and 200% on weekends.",
            true,
        ),
        ("财务的分机是多少？", "财务的分机是6102。", "部门 | 分机\n人力资源 | 6101\n财务 | 6102", true),
        ("财务的分机是多少？", "财务的分机是6101。", "部门 | 分机\n人力资源 | 6101\n财务 | 6102", false),
        ("谁是财务的联系人？", "财务的联系人是赵敏[1]。", "部门 | 联系人\n人力资源 | 赵敏\n财务 | 钱进", false),
        ("谁是财务的联系人？", "财务的联系人是钱进[1]。", "部门 | 联系人\n人力资源 | 赵敏\n财务 | 钱进", true),
        // What goes on about the same need not name it again.
        (
            "How many days of annual leave do employees with over ten years have?",
            "Employees with over ten years of service have 20 days of annual leave [1].",
            RISING,
            true,
        ),
        ("How many days of annual leave?", "Employees have 15 days of annual leave each year [1].", RISING, true),
        ("", "Employees have 20 days of annual leave each year [1].", RISING, false),
        (
            "电池能用多久？",
            "QS-200 的电池寿命为26个月[1]。",
            "QS-200 是温度记录仪。它很小。它有屏幕。电池寿命为26个月。",
            true,
        ),
        (
            "What is the hotel limit in Beijing?",
            "The hotel limit in Beijing is 680 [1].",
            "The hotel limits were revised in 2026.\nAll prices are per night.\nBeijing: 680\nShanghai: 650",
            true,
        ),
        // Rows, with and without a head.
        ("What is the hotel limit in Beijing?", "The hotel limit in Beijing is 480 [1].", CITIES, false),
        ("What is the hotel limit in Beijing?", "The hotel limit in Beijing is 680 [1].", CITIES, true),
        ("北京的上限是多少？", "北京的上限是680元[1]。", NAMED, true),
        ("北京的上限是多少？", "北京的上限是650元[1]。", NAMED, false),
        ("北京的上限是多少？", "北京的上限是50元[1]。", NAMED, false),
        ("北京的早餐是多少？", "北京的早餐是50元[1]。", NAMED, true),
    ] {
        assert_eq!(backed(question, answer, text), supported, "{question} {answer} {text}");
    }
}

#[test]
fn two_facts_are_proved_one_by_one() {
    let prices = || vec![passage("p", "服务: 标准校准 | 价格: 260 元\n服务: 加急校准 | 价格: 420 元")];
    let apart = || vec![passage("a", "Annual leave is 15 days."), passage("b", "Sick leave is 10 days.")];
    for (question, answer, passages, wanted, dropped) in [
        ("校准多少钱？", "标准校准260元，加急校准420元。", prices(), "标准校准260元[1]，加急校准420元[1]。", 0),
        ("校准多少钱？", "标准校准260元，加急校准420元[1]。", prices(), "标准校准260元[1]，加急校准420元[1]。", 0),
        ("校准多少钱？", "标准校准260元，加急校准500元[1]。", prices(), "标准校准260元[1]，加急校准500元。", 0),
        ("校准多少钱？", "标准校准300元，加急校准500元[1]。", prices(), no_answer_text(Language::Chinese), 1),
        (
            "How long is annual and sick leave?",
            "Annual leave is 15 days and sick leave 10 days.",
            apart(),
            "Annual leave is 15 days [1] and sick leave 10 days [2].",
            0,
        ),
        (
            "How long is annual and sick leave?",
            "Annual leave is 15 days and sick leave 10 days [1][2].",
            apart(),
            "Annual leave is 15 days [1] and sick leave 10 days [2].",
            0,
        ),
        (
            "How long is annual and sick leave?",
            "Annual leave is 15 days [2], and sick leave 10 days [2].",
            apart(),
            "Annual leave is 15 days [1], and sick leave 10 days [2].",
            0,
        ),
    ] {
        let cited = settle(question, resolve_for(question, answer, &passages), &passages);
        assert_eq!((cited.answer.as_str(), cited.dropped), (wanted, dropped), "{answer}");
    }
}

#[test]
fn numbers_of_chapters_prove_nothing() {
    let mut rules = passage("p", "供应商每年评审一次。");
    rules.section = "第二章 评审 > 3. 供应商".to_owned();
    assert!(!resolve("供应商每年评审两次[1]。", std::slice::from_ref(&rules)).supported);
    assert!(!resolve("供应商每3年评审一次[1]。", std::slice::from_ref(&rules)).supported);
    assert!(resolve("供应商每年评审一次[1]。", &[rules]).supported);
}

#[test]
fn yes_is_not_no() {
    for (answer, text, supported) in [
        ("试用期员工可以远程办公[1]。", "试用期员工不可以远程办公。", false),
        ("试用期员工可以远程办公。", "试用期员工不可以远程办公。正式员工可以远程办公。", false),
        ("正式员工可以远程办公。", "试用期员工不可以远程办公。正式员工可以远程办公。", true),
        ("试用期员工不可以远程办公。", "试用期员工不可以远程办公。", true),
        ("Claims after 60 days are paid [1].", "Claims after 60 days are not paid.", false),
        ("Visitors may park in lot B [1].", "Visitors may not park in lot B.", false),
        ("Visitors may not park in lot B [1].", "Visitors may not park in lot B.", true),
        ("结转的年假折算发放[1]。", "未休完的年假按日工资折算发放；结转的年假不折算。", false),
        ("未休完的年假折算发放[1]。", "未休完的年假按日工资折算发放；结转的年假不折算。", true),
        ("Visitors may park in lot A [1].", "Visitors may park in lot A. Visitors may not park in lot B.", true),
        ("Visitors may park in lot B [1].", "Visitors may park in lot A. Visitors may not park in lot B.", false),
        ("住宿费每晚不得超过500元[1]。", "住宿费每晚不超过500元，超出部分自理。", true),
        ("住宿费每晚最多500元[1]。", "住宿费每晚不超过500元，超出部分自理。", true),
        ("密码不少于14个字符[1]。", "密码长度不得少于 14 个字符。", true),
        ("没有发票不能报销[1]。", "没有发票的费用不能报销。", true),
    ] {
        assert_eq!(backed("", answer, text), supported, "{answer} {text}");
    }
}

#[test]
fn figures_agree_however_they_are_written() {
    for (answer, text, supported) in [
        ("评审年份为2023，2024，2025[1]。", "评审年份为2023、2024和2025年。", true),
        ("The notice period is twenty-five days [1].", "The notice period is 25 days.", true),
        ("The notice period is 25 days [1].", "The notice period is twenty-five days.", true),
        ("The notice period is seventeen days [1].", "The notice period is 25 days.", false),
        ("食堂在3楼[1]。", "食堂在三楼。", true),
        ("食堂在五楼[1]。", "食堂在三楼。", false),
        ("设备重15千克[1]。", "设备重 15 kg。", true),
        ("合同于2026.03.01生效[1]。", "合同于2026年3月1日生效。", true),
        ("The QS-200 is a logger [1].", "The QS 200 is a logger for cold rooms.", true),
        ("The QS 200 is a logger [1].", "The QS-200 is a logger for cold rooms.", true),
        ("每晚车位费为150元[1]。", "每月车位费为 150 元。", true),
        ("After sixty seconds, idle links are closed [1].", "Idle links are closed after 60 seconds.", true),
        ("The allowance abroad is USD 120 [1].", "The allowance is CNY 120 within China and USD 65 abroad.", false),
        ("最多可以结转3天[1]。", "最多可以结转5天，须在3月31日之前休完。", false),
        ("需要500MB内存[1]。", "需要 500 MB 内存。", true),
        ("1、登录系统后点击导出[1]。", "登录系统后，点击导出。", true),
        ("（2）登录系统后点击导出[1]。", "登录系统后，点击导出。", true),
    ] {
        assert_eq!(backed("", answer, text), supported, "{answer} {text}");
    }
}

#[test]
fn values_in_brackets_are_text() {
    for (answer, wanted, dropped) in [
        ("温度范围为 [0, 100] 摄氏度。", "温度范围为 [0, 100] 摄氏度。", 0),
        ("The first is arr[0] here.", "The first is arr[0] here.", 0),
        ("It lies in [20, 60] always.", "It lies in [20, 60] always.", 0),
        ("Holidays are paid [Passage 0].", "Holidays are paid.", 1),
        ("Holidays are paid [1][2].", "Holidays are paid [1].", 1),
    ] {
        let cited = resolve(answer, &two());
        assert_eq!((cited.answer.as_str(), cited.dropped), (wanted, dropped), "{answer}");
    }
}

#[test]
fn more_text_does_not_change_what_was_said() {
    let passages = two();
    let answer = "Employees have 15 days of annual leave, Unused days expire in March [1]. 住宿费每晚不超过500元，\
                  差旅报销须在30天内提交。[2] Holidays are unpaid [1]. 温度为[0, 5]。The end.";
    let whole = resolve_for("How is it?", answer, &passages).answer;
    for border in ["[1]. ", "[2] ", "unpaid [1]. ", "[0, 5]。"] {
        let end = answer.find(border).expect("it is there") + border.len();
        let part = resolve_for("How is it?", &answer[..end], &passages).answer;
        assert!(whole.starts_with(part.trim_end()), "{whole}: {part}");
    }
}

#[test]
fn a_question_said_back_turns_on_each_of_its_words() {
    let slow = passage("apt", "Depending on the speed of your line, downloading the packages can take a while.");
    let leave = passage("年假", "当年没有休完的年假，最多可以结转 5 天到下一年。");
    for (question, answer, passage, supported) in [
        (
            "Can the speed of downloading packages be capped?",
            "The speed of downloading packages can be capped.",
            &slow,
            false,
        ),
        ("Can downloading packages take a while?", "Downloading packages can take a while.", &slow, true),
        ("年假可以结转吗？", "年假可以结转。", &leave, true),
        ("年假可以折现吗？", "年假可以折现。", &leave, false),
    ] {
        assert_eq!(resolve_for(question, answer, std::slice::from_ref(passage)).supported, supported, "{answer}");
    }
}

#[test]
fn a_sentence_is_complete_when_the_next_begins() {
    for (text, whole) in [
        ("One. Two", "One."),
        ("One.", ""),
        ("One. [1]", ""),
        ("One. [1] Two", "One. [1]"),
        ("一。二", "一。"),
        ("一。", ""),
        ("一。二。", "一。"),
        ("他说：“好。”【2】 然后", "他说：“好。”【2】"),
        ("3.5 is", ""),
        ("See e.g. this", ""),
        ("Do this:\n1. Log in", "Do this:\n"),
        ("1. Log in. 2. Log out", "1. Log in."),
    ] {
        assert_eq!(&text[..complete(text)], whole, "{text}");
    }
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
