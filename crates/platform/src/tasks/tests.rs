use domain::Example;
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn read(text: &str) -> (Option<Task>, Vec<String>) {
    let (task, problems) = file::read("sort", text);
    (task, problems.iter().map(ToString::to_string).collect())
}

#[test]
fn every_template_is_a_task_and_its_sample_fits() {
    for template in templates() {
        let (task, problems) = read(template.task);
        assert!(problems.is_empty(), "{} {}: {problems:?}", template.name, template.language);
        let task = task.expect("a task without problems");
        assert!(!task.description.is_empty() && !task.examples.is_empty());
        let answer = jsonschema::validator_for(&task.output).expect("a schema");
        let rows: Vec<Example> =
            template.sample.lines().map(|line| serde_json::from_str(line).expect("an example a line")).collect();
        // A choice splits them in three: to learn from, to race on, to measure on.
        assert!(rows.len() >= 30, "{} {}: {} rows", template.name, template.language, rows.len());
        let texts: Vec<String> = rows.iter().map(|row| serde_json::to_string(&row.input).expect("JSON")).collect();
        let twins = evaluate::twins(&texts, 0.8);
        assert!(twins.is_empty(), "{} {}: {twins:?}", template.name, template.language);
        for row in rows {
            assert!(answer.is_valid(&row.output), "{}: {}", template.name, row.output);
            assert!(task.input.iter().all(|field| row.input.contains_key(&field.name)));
            for one in ["issues", "steps"].into_iter().filter_map(|key| row.output.get(key)?.as_array()).flatten() {
                let quote = one["quote"].as_str().expect("a quotation");
                let text = row.input["dialogue"].as_str().expect("a dialogue");
                assert!(text.lines().any(|line| line.ends_with(quote)), "'{quote}' is a line of '{text}'");
            }
            for aspect in row.output.get("aspects").and_then(serde_json::Value::as_array).into_iter().flatten() {
                let evidence = aspect["evidence"].as_str().expect("evidence");
                let text = row.input["text"].as_str().expect("text");
                assert!(text.contains(evidence), "'{evidence}' is quoted from '{text}'");
            }
        }
    }
}

#[test]
fn both_languages_have_the_same_templates() {
    let of = |language| -> Vec<&str> {
        templates().iter().filter(|one| one.language == language).map(|one| one.name).collect()
    };
    assert_eq!(of("en"), of("zh"));
}

#[test]
fn short_forms_become_schemas() {
    for (short, schema) in [
        (r#""text""#, json!({"type": "string"})),
        (r#""integer[]: ages""#, json!({"type": "array", "items": {"type": "integer"}, "description": "ages"})),
        (r#""date：年-月-日""#, json!({"type": "string", "format": "date", "description": "年-月-日"})),
        (r#"["a", "b"]"#, json!({"type": "string", "enum": ["a", "b"]})),
        (
            r#"[{ who = "text", "age?" = "integer" }]"#,
            json!({"type": "array", "items": {
                "type": "object",
                "properties": {"who": {"type": "string"}, "age": {"type": "integer"}},
                "required": ["who"],
                "additionalProperties": false,
            }}),
        ),
    ] {
        let (task, problems) = read(&format!("output = {short}\ninstructions = 'do'"));
        assert_eq!(task.map(|task| task.output), Some(schema), "{short}: {problems:?}");
    }
}

#[test]
fn a_task_of_instructions_alone_answers_in_text() {
    let task = read("instructions = 'Say {{ text }} politely.'").0.expect("a task");
    assert!(task.answers_in_text() && task.labels().is_none());
    assert_eq!(task.input.len(), 1);
    let task = read("instructions = 'x'\noutput = ['a', 'b']").0.expect("a task");
    assert_eq!((task.labels(), task.answers_in_text()), (Some(vec!["a", "b"]), false));
}

#[test]
fn what_is_wrong_is_named_by_line_column_and_key() {
    for (text, expected) in [
        ("instructions = ", "1:16: "),
        ("instructions = 'x'\ndescripton = 'y'", "2:1: descripton: 'descripton' is not known; `description` is near"),
        ("description = 1\ninstructions = 'x'", "1:15: description: it is a whole number, and must be a string"),
        ("", "1:1: instructions: there are none"),
        ("instructions = '  '", "1:16: instructions: they are empty"),
        ("instructions = 'a {{ txt }}'", "1:16: instructions: '{{ txt }}' is no field; there are text"),
        ("instructions = 'a {{ text'", "1:16: instructions: they are no template: "),
        ("instructions = 'x'\noutput = 'string'", "2:10: output: 'string' is no type; there are text, quote, integer"),
        ("instructions = 'x'\noutput = ['a']", "2:10: output: a list is either two labels or more"),
        ("instructions = 'x'\noutput = ['a', 'b', 'a']", "2:21: output: \"a\" is there twice"),
        ("instructions = 'x'\noutput = 3", "2:10: output: it is a whole number; the form of an answer is a type"),
        ("instructions = 'x'\n[output]\nage = 'int'", "3:7: output.age: 'int' is no type"),
        ("instructions = 'x'\n[input]", "2:1: input: it has no field"),
        (
            "instructions = 'x'\n[input]\ntext = ''\ncandidates = ['prompt@m']",
            "4:14: input.candidates: it is a list, and must say in a string what is in the field; if the task's own `candidates` is meant, put it above [input]",
        ),
        ("instructions = 'x'\n[input]\n'' = 'y'", "3:1: input.: a field needs a name"),
        ("instructions = 'x'\n[input]\n'?' = 'y'", "3:1: input.?: a field needs a name"),
        (
            "instructions = 'x'\n[input]\n'Review Text' = ''\n'Review-Text' = ''",
            "4:1: input.Review-Text: `Review Text` and `Review-Text` are both '{{ Review_Text }}' in instructions",
        ),
        ("instructions = 'x'\n[input]\na = ''\n'a?' = ''", "4:1: input.a?: `a` and `a` are both '{{ a }}'"),
        ("instructions = 'x'\n[output_schema]\ntype = 'strin'", "2:1: output_schema: it is no JSON Schema: /type: "),
        (
            "instructions = 'x'\noutput = 'text'\n[output_schema]\ntype = 'string'",
            "3:1: output_schema: there is `output` besides",
        ),
        ("instructions = 'x'\n[[examples]]\ninput = 'a'", "2:1: examples[0]: it needs `input` and `output`"),
        (
            "instructions = 'x'\noutput = ['a', 'b']\n[[examples]]\ninput = 'a'\noutput = 'c'",
            "5:10: examples[0].output: it is not what the task answers",
        ),
        (
            "instructions = 'x'\n[[examples]]\ninput = { txt = 'a' }\noutput = 'c'",
            "3:9: examples[0].input: the field `text` is missing",
        ),
    ] {
        let (task, problems) = read(text);
        assert!(task.is_none(), "{text}");
        assert!(problems.iter().any(|problem| problem.starts_with(expected)), "{text}: {problems:?} has no {expected}");
    }
}

#[test]
fn a_field_has_any_name_and_instructions_speak_of_it_by_its_word() {
    for (key, name, optional, word) in [
        ("Review Text", "Review Text", false, "Review_Text"),
        ("评论 内容?", "评论 内容", true, "评论_内容"),
        ("text (en)", "text (en)", false, "text_en"),
        ("2024", "2024", false, "_2024"),
        ("问题１", "问题１", false, "问题１"),
        ("not", "not", false, "_not"),
        ("👍", "👍", false, "_"),
        ("How was it??", "How was it?", false, "How_was_it"),
        ("How was it???", "How was it?", true, "How_was_it"),
    ] {
        let (task, problems) = read(&format!("instructions = 'Sort {{{{ {word} }}}}.'\n[input]\n'{key}' = 'it'"));
        let task = task.unwrap_or_else(|| panic!("{key}: {problems:?}"));
        assert_eq!((task.input[0].name.as_str(), task.input[0].optional), (name, optional), "{key}");
    }
    // Only what is a question has marks that are doubled.
    for (name, key) in [("text", "text"), ("Review Text", "Review Text"), ("So?", "So??"), ("??", "????"), ("？", "？")]
    {
        assert_eq!(file::key_of(name), key);
        let (task, problems) = read(&format!("instructions = 'x'\n[input]\n'{key}' = 'it'"));
        let task = task.unwrap_or_else(|| panic!("{key}: {problems:?}"));
        assert_eq!((task.input[0].name.as_str(), task.input[0].optional), (name, false), "{key}");
    }
}

#[test]
fn instructions_that_name_a_field_by_no_word_are_told_the_word() {
    for (name, said, word) in [
        ("Review Text", "{{ Review Text }}", "Review_Text"),
        ("Review Text", "{{-Review Text-}}", "Review_Text"),
        ("Review Text", "{{ Review Text | upper }}", "Review_Text"),
        ("Review Text", "{% if Review Text %}good{% endif %}", "Review_Text"),
        ("Review-Text", "{{ Review-Text }}", "Review_Text"),
        ("评论 内容", "{{ 评论 内容 }}", "评论_内容"),
        ("text (en)", "{{ text (en) }}", "text_en"),
        ("2024", "{{2024}}", "_2024"),
        ("none", "{{ none }}", "_none"),
    ] {
        let (task, problems) = read(&format!("instructions = '{said}'\n[input]\n'{name}' = 'it'"));
        let remedy = format!("the field `{name}` is named by its word in instructions: say '{{{{ {word} }}}}'");
        assert!(task.is_none() && problems.len() == 1, "{said}: {problems:?}");
        assert!(problems[0].starts_with("1:16: instructions: ") && problems[0].ends_with(&remedy), "{problems:?}");
    }
    for (name, said, why) in [
        ("Review Text", "{{ Review }}", "'{{ Review }}' is no field; there are Review_Text"),
        ("text", "{{ text me }}", "they are no template: "),
        ("Review Text", "{{ text", "they are no template: "),
    ] {
        let (_, problems) = read(&format!("instructions = '{said}'\n[input]\n'{name}' = 'it'"));
        assert!(problems[0].contains(why) && !problems[0].contains("by its word"), "{said}: {problems:?}");
    }
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let (_, problems) = read("outptu = 'text'\ndescription = 3\n");
    assert_eq!(problems.len(), 3, "{problems:?}");
}

#[test]
fn columns_are_counted_in_characters() {
    let (_, problems) = read("instructions = '好'\noutput = { '名字' = '文字' }");
    assert!(problems[0].starts_with("2:19: output.名字: "), "{problems:?}");
    let (_, problems) = read("instructions = '好'\noutput = { 名字 = 'text' }");
    assert!(problems[0].starts_with("2:12: ") && problems[0].contains("quotes"), "{problems:?}");
}

#[test]
fn tasks_of_a_folder_are_listed_and_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let tasks = Tasks::of(folder.path());
    assert!(tasks.list().expect("no folder is no task").is_empty());
    let error = tasks.show("sort").expect_err("there is none");
    assert!(error.to_string().contains("there is none yet"), "{error}");
    let (path, sample) = tasks.begin("sort", &templates()[0]).expect("a new task");
    assert!(path.ends_with("tasks/sort.toml"));
    assert_eq!(std::fs::read_to_string(sample).expect("a sample"), templates()[0].sample);
    assert!(matches!(tasks.begin("sort", &templates()[1]), Err(Error::Conflict { .. })));
    assert_eq!(tasks.show("sort").and_then(TaskFile::task).expect("a task").name, "sort");
    std::fs::write(folder.path().join("tasks/latin.toml"), b"instructions = '\xe9'").expect("written");
    std::fs::write(folder.path().join("tasks/notes.txt"), "no task").expect("written");
    let files = tasks.list().expect("a list");
    assert_eq!(files.iter().map(|file| file.name.as_str()).collect::<Vec<_>>(), ["latin", "sort"]);
    let error = tasks.show("latin").and_then(TaskFile::task).expect_err("not text");
    assert!(error.to_string().contains("latin.toml:1:17: this is not UTF-8"), "{error}");
    for name in ["", "../up", "a b", "名字"] {
        assert!(matches!(tasks.begin(name, &templates()[0]), Err(Error::Invalid { .. })), "{name}");
        assert!(matches!(tasks.show(name), Err(Error::Invalid { .. })), "{name}");
    }
}

/// What the schema for editors allows is what the program reads.
#[test]
fn the_schema_for_editors_agrees_with_what_is_read() {
    let schema: serde_json::Value = serde_json::from_str(task_schema()).expect("JSON");
    let schema = jsonschema::validator_for(&schema).expect("a schema");
    let accepts = |text: &str| {
        let table: toml::Table = text.parse().expect("TOML");
        schema.is_valid(&serde_json::to_value(table).expect("JSON"))
    };
    for template in templates() {
        assert!(accepts(template.task), "{} {}", template.name, template.language);
    }
    for text in [
        "output = 'text'",
        "instructions = 'x'\noutput = 'string'",
        "instructions = 'x'\noutput = ['a']",
        "instructions = 'x'\noutput = 3",
        "instructions = 'x'\nout = 3",
        "instructions = 'x'\n[input]",
        "instructions = 'x'\n[input]\n'' = 'y'",
        "instructions = 'x'\n[input]\n'?' = 'y'",
        "instructions = 'x'\n[output]",
        "instructions = 'x'\n[output]\na = 'int'",
        "instructions = 'x'\n[[examples]]\ninput = 'a'",
        "instructions = 'x'\ncandidates = 'all'",
        "instructions = 'x'\ncandidates = ['prompt']",
    ] {
        assert!(!accepts(text) && read(text).0.is_none(), "{text}");
    }
    for text in [
        "instructions = 'x'\noutput = 'text[]：引文'",
        "instructions = 'x'\n[output]\n'a?' = [{ b = 'date' }]",
        "instructions = 'x'\n[input]\n'Review Text' = 'a'\n'评论 内容?' = 'b'\n2024 = 'c'\n'??' = 'd'",
    ] {
        assert!(accepts(text) && read(text).0.is_some(), "{text}: {:?}", read(text).1);
    }
}

mod any {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn text_is_a_task_or_problems(text in "(?s).{0,200}|(instructions|output|input|examples|\\[\\[|\\]|=|'|\\{|\\}|a|\n|\\.|好){0,40}") {
            let (task, problems) = super::super::file::read("any", &text);
            prop_assert_eq!(task.is_none(), !problems.is_empty());
        }
    }
}

#[test]
fn metrics_bases_and_constraints_are_read_or_said_to_be_wrong() {
    let good = concat!(
        "metric = 'number:0.05'\nknowledge_base = 'sample'\noutput = 'number'\ninstructions = '{{ passages }} {{ text }}'\n",
        "[constraints]\nlatency_p95 = '1.5s'\ncost_per_1000 = 2\nmemory = '2 GB'\norder = ['latency', 'cost']\n",
        "[policy]\ndata = 'personal'\nmarket = '2c'\nallow = ['local', 'cn']\nlabel = 'how'"
    );
    let (task, problems) = read(good);
    let task = task.unwrap_or_else(|| panic!("{problems:?}"));
    assert_eq!(task.metric.to_string(), "number:0.05");
    assert_eq!(task.knowledge_base.as_deref(), Some("sample"));
    assert_eq!(task.policy.data, domain::Sensitivity::Personal);
    assert_eq!((task.policy.market, task.sensitivity_field.as_deref()), (Some(domain::Market::Consumer), Some("how")));
    let constraints = &task.constraints;
    assert_eq!((constraints.latency_p95_ms, constraints.cost_per_1000), (Some(1500.0), Some(2.0)));
    assert_eq!(constraints.memory, Some(2_000_000_000));
    assert_eq!(constraints.order, [domain::Need::Latency, domain::Need::Cost]);
    for (wrong, part) in [
        ("metric = 'f1'", "'f1' is no metric"),
        ("metric = 3", "must be a string"),
        ("metric = 'accuracy'", "accuracy is of labels"),
        ("knowledge_base = ''", "name a knowledge base"),
        ("policy = 3", "must be a table"),
        ("policy = { data = 'top' }", "must be public, internal, personal or secret"),
        ("policy = { market = '2d' }", "must be 2c, 2b"),
        ("policy = { allow = 'cn' }", "a list of local, cn and other"),
        ("policy = { labels = 'x' }", "`label` is near"),
        ("constraints = 3", "must be a table"),
        ("constraints = { latency = '1s' }", "'latency' is not known"),
        ("constraints = { latency_p95 = '1h' }", "must be a time"),
        ("constraints = { memory = 12 }", "must be a size"),
        ("constraints = { cost_per_1000 = -1 }", "at least 0"),
        ("constraints = { order = ['speed'] }", "there are `cost`"),
        ("constraints = { order = ['cost', 'cost'] }", "twice"),
    ] {
        let (task, problems) = read(&format!("instructions = 'do {{{{ text }}}}'\n{wrong}"));
        assert!(task.is_none() && problems.iter().any(|one| one.contains(part)), "{wrong}: {problems:?}");
    }
    let (_, problems) = read("instructions = '{{ passages }} {{ text }}'");
    assert!(problems[0].contains("knowledge_base"), "{problems:?}");
}

#[test]
fn candidates_are_named_or_all_that_fit() {
    let task =
        |said: &str| read(&format!("candidates = {said}\noutput = [\"a\", \"b\"]\ninstructions = \"{{{{ text }}}}\""));
    let named = task(r#"["prompt@m", "few-shot:4@far", "classifier@e"]"#);
    assert_eq!(named.0.expect("a task").candidates, ["prompt@m", "few-shot:4@far", "classifier@e"], "{:?}", named.1);
    for all in ["\"auto\"", "[]"] {
        assert!(task(all).0.expect("a task").candidates.is_empty(), "{all}");
    }
    for (wrong, part) in [
        ("3", "1:14: candidates: it is neither"),
        ("\"all\"", "1:14: candidates: it is neither"),
        ("[3]", "1:15: candidates[0]: it is a whole number"),
        ("[\"prompt\"]", "candidates[0]: 'prompt' is no candidate; write ROUTE@MODEL"),
        ("[\"prompt@m\", \"promt@m\"]", "1:27: candidates[1]: 'promt' is no route"),
        ("[\"retrieval@m\"]", "names no `knowledge_base`"),
        ("[\"prompt~short1@m\"]", "'~short1' is of one decision"),
        ("[\"few-shot:8@m\", \"few-shot@m\"]", "few-shot:8@m is there twice"),
    ] {
        let (task, problems) = task(wrong);
        assert!(task.is_none() && problems.iter().any(|one| one.contains(part)), "{wrong}: {problems:?}");
    }
}

#[test]
fn costs_are_read_or_what_is_wrong_with_them_is_said() {
    let task = |costs: &str| {
        read(&format!("output = [\"a\", \"b\"]\ninstructions = \"{{{{ t }}}}\"\n[input]\nt = \"x\"\n[costs]\n{costs}"))
    };
    let (sound, problems) = task("abstain = 0.2\nof = [{ expected = \"a\", answer = \"b\", cost = 5 }]");
    let sound = sound.unwrap_or_else(|| panic!("{problems:?}"));
    assert_eq!(sound.metric, domain::Metric::Costs);
    let costs = sound.costs.expect("costs");
    assert_eq!((costs.cost("a", "b"), costs.cost("b", "a"), costs.abstain), (5.0, 1.0, Some(0.2)));
    for (text, part) in [
        ("wrong = -1", "at least 0"),
        ("abstain = \"x\"", "at least 0"),
        ("abstian = 1", "`abstain` is near"),
        ("of = 3", "must be a list"),
        ("of = [{ expected = \"a\", answer = \"c\", cost = 5 }]", "'c' is no label; there are a, b"),
        ("of = [{ expected = \"a\", answer = \"a\", cost = 5 }]", "a right answer costs 0"),
        ("of = [{ expected = \"a\", cost = 5 }]", "it must be"),
    ] {
        let (task, problems) = task(text);
        assert!(task.is_none() && problems.iter().any(|problem| problem.contains(part)), "{text}: {problems:?}");
    }
    let text = "instructions = \"{{ t }}\"\n[input]\nt = \"x\"\n[costs]\nwrong = 1";
    assert!(read(text).1.iter().any(|problem| problem.contains("no list of labels")));
}

/// Pieces that task files are made of, and pieces they are not made of.
#[rustfmt::skip]
const PIECES: [&str; 31] = [
    "description", "output", "input", "instructions", "examples", "metric", "costs", "policy", "constraints", "[", "]",
    "[[", "]]", "{", "}", "=", "\n", "\"", "'''", ",", "text", "正面", "1", "-0.5", "true", "1979-05-27", "{{", "}}", "?",
    "output_schema", "candidates",
];

/// What names of columns are made of.
#[rustfmt::skip]
const SIGNS: [&str; 24] = [
    "a", "Z", "评", "ß", "é", "का", "ж", "ー", "0", "9", "１", "_", " ", "-", ".", "?", "？", "(", ")", "{", "}", "%", "\"", "👍",
];

proptest! {
    /// Instructions can speak of a field of any name.
    #[test]
    fn any_name_has_a_word_that_templates_can_name(
        signs in proptest::collection::vec(proptest::sample::select(&SIGNS[..]), 1..12)
    ) {
        let name = signs.concat();
        let key = serde_json::to_string(&file::key_of(&name)).expect("a text is JSON, and so TOML");
        let word = domain::Field::word_of(&name);
        let (task, problems) = read(&format!("instructions = 'Sort {{{{ {word} }}}}.'\n[input]\n{key} = 'it'"));
        prop_assert!(task.is_some(), "{} {:?}", name, problems);
        let task = task.expect("a task");
        prop_assert_eq!((&task.input[0].name, task.input[0].optional), (&name, false));
        let row = serde_json::Map::from_iter([(name.clone(), json!("the row"))]);
        prop_assert_eq!(crate::routes::told(&task, &row, ""), Ok("Sort the row.".to_owned()));
    }

    #[test]
    fn any_text_is_a_task_or_its_problems_have_places(
        pieces in proptest::collection::vec((proptest::sample::select(&PIECES[..]), any::<bool>()), 0..60)
    ) {
        let text: String = pieces.iter().map(|(piece, space)| format!("{piece}{}", if *space { " " } else { "" })).collect();
        let (task, problems) = file::read("sort", &text);
        prop_assert_eq!(task.is_some(), problems.is_empty());
        let lines = text.matches('\n').count() + 1;
        for problem in problems {
            prop_assert!((1..=lines).contains(&problem.line) && problem.column >= 1, "{}", problem);
        }
    }
}

#[test]
fn judges_are_read_or_said_to_be_wrong() {
    let good = "metric = 'judge'\ninstructions = 'do {{ text }}'\n[judge]\nrubric = '要礼貌'\nmodel = 'm'\nscale = 2\ngraded = 'g.jsonl'\n[similarity]\nmodel = 'e'";
    let (task, problems) = read(good);
    let task = task.unwrap_or_else(|| panic!("{problems:?}"));
    assert_eq!((task.metric, task.judging.rubric.as_str(), task.judging.scale), (domain::Metric::Judge, "要礼貌", 2));
    assert_eq!((task.judging.model.as_deref(), task.judging.graded.as_deref()), (Some("m"), Some("g.jsonl")));
    assert_eq!(task.similarity_model.as_deref(), Some("e"));
    let schema: serde_json::Value = serde_json::from_str(task_schema()).expect("JSON");
    let schema = jsonschema::validator_for(&schema).expect("a schema");
    let accepts = |text: &str| {
        let table: toml::Table = text.parse().expect("TOML");
        schema.is_valid(&serde_json::to_value(table).expect("JSON"))
    };
    assert!(accepts(good));
    for fine in ["metric = 'judge-pairwise'", "metric = 'similarity'", "metric = 'regex:^[a-z]+$'"] {
        let text = format!("instructions = 'do {{{{ text }}}}'\n{fine}");
        assert!(read(&text).0.is_some() && accepts(&text), "{fine}: {:?}", read(&text).1);
    }
    // What only the program can tell: that something else is missing.
    for (wrong, expected) in [
        ("metric = 'judge'", "2:10: judge.rubric: a judge needs"),
        ("metric = 'judge'\n[judge]\nscale = 3", "3:1: judge.rubric: a judge needs"),
        ("metric = 'citations'", "2:10: metric: citations are looked for"),
        ("[judge]\ngraded = '../of-others.csv'", "3:10: judge.graded: it must be a file beside tasks/"),
        ("[judge]\ngraded = '/etc/passwd'", "3:10: judge.graded: it must be a file beside tasks/"),
        ("metric = 'regex:a('", "2:10: metric: 'a(' is no regular expression"),
    ] {
        let (task, problems) = read(&format!("instructions = 'do {{{{ text }}}}'\n{wrong}"));
        assert!(task.is_none() && problems.iter().any(|one| one.starts_with(expected)), "{wrong}: {problems:?}");
    }
    for (wrong, expected) in [
        ("judge = 3", "2:9: judge: it is a whole number"),
        ("[judge]\nrubrik = 'x'", "3:1: judge.rubrik: 'rubrik' is not known; `rubric` is near"),
        ("[judge]\nrubric = ' '", "3:10: judge.rubric: it is empty"),
        ("[judge]\nrubric = 3", "3:10: judge.rubric: it is a whole number"),
        ("[judge]\nscale = 1", "3:9: judge.scale: it must be a whole number from 2"),
        ("[judge]\nscale = 2.5", "3:9: judge.scale: it must be"),
        ("[judge]\nmodel = 'kb/x'", "3:9: judge.model: it must be an installed model"),
        ("[similarity]\nmodel = ['e']", "3:9: similarity.model: it is a list"),
        ("[similarity]\nembedder = 'e'", "3:1: similarity.embedder: 'embedder' is not known"),
    ] {
        let text = format!("instructions = 'do {{{{ text }}}}'\n{wrong}");
        let (task, problems) = read(&text);
        assert!(task.is_none() && problems.iter().any(|one| one.starts_with(expected)), "{wrong}: {problems:?}");
        assert!(wrong.contains("' '") || !accepts(&text), "{wrong}");
    }
}
