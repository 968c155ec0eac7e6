//! Instructions as a template: what is said, what frames a row's fields, and whether all fields are there.

use std::collections::BTreeSet;

use domain::Task;

use super::DroppedTexts;
use crate::tasks::PASSAGES;

/// Texts that share so much of their runs of characters say the same.
const ALIKE: f64 = 0.8;

/// Instructions in parts. A small model that is to rewrite a text loses what it does not understand, such as `{{ text }}`; so it only gets the
/// words to rewrite, and the frame of the fields stays as it is, wherever the two stand on lines of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Template<'a> {
    before: &'a str,
    frame: &'a str,
    after: &'a str,
}

impl<'a> Template<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let (mut from, mut until, mut at) = (None, 0, 0);
        for line in text.split_inclusive('\n') {
            if has_marks(line) {
                from.get_or_insert(at);
                until = at + line.len();
            }
            at += line.len();
        }
        let from = from.unwrap_or(text.len());
        let until = until.max(from);
        Self { before: &text[..from], frame: &text[from..until], after: &text[until..] }
    }

    /// What a writer is to write anew.
    pub(super) fn said(&self) -> String {
        let said = [self.before, self.after].into_iter().find(|part| !part.trim().is_empty());
        said.map_or_else(|| self.frame.trim().to_owned(), |part| part.trim().to_owned())
    }

    /// Whether what is to be written anew holds the fields.
    pub(super) fn holds_fields(&self) -> bool {
        self.before.trim().is_empty() && self.after.trim().is_empty()
    }

    /// The instructions with other words in the place of [`Template::said`].
    pub(super) fn with(&self, said: &str) -> String {
        let said = said.trim();
        if self.holds_fields() {
            return format!("{said}\n");
        }
        if self.before.trim().is_empty() {
            return format!("{}{}\n", self.frame, said);
        }
        format!("{said}\n\n{}{}", self.frame, self.after)
    }
}

fn has_marks(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|mark| text.contains(mark))
}

/// The words of the fields that a template names.
///
/// # Errors
/// Why it is none.
fn fields(text: &str) -> Result<BTreeSet<String>, String> {
    let environment = minijinja::Environment::new();
    let template = environment.template_from_str(text).map_err(|error| error.to_string())?;
    Ok(template.undeclared_variables(false).into_iter().collect())
}

/// Why instructions cannot stand in the place of the task's: they must be a template that names all fields which the task's names, and none that
/// there are not.
pub(super) fn check(text: &str, task: &Task) -> Result<(), String> {
    let (named, wanted) = (fields(text)?, fields(&task.instructions)?);
    if let Some(lost) = wanted.difference(&named).next() {
        return Err(format!("'{{{{ {lost} }}}}' is lost"));
    }
    let known = |name: &&String| {
        task.input.iter().any(|field| field.word() == **name) || (task.knowledge_base.is_some() && *name == PASSAGES)
    };
    match named.iter().find(|name| !known(name)) {
        None => Ok(()),
        Some(strange) => Err(format!("'{{{{ {strange} }}}}' is no field")),
    }
}

/// How a text of a writer is made into instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Becomes {
    /// It is said in the place of what the task says, and is shorter.
    Shorter,
    /// It is said in the place of what the task says.
    Instead,
    /// It is said before what the task says.
    Before,
}

/// Makes instructions of what a writer wrote; nothing if they are no use, which is counted. `others` are those there are.
pub(super) fn drafted(
    task: &Task,
    written: &str,
    becomes: Becomes,
    others: &[&str],
    dropped: &mut DroppedTexts,
) -> Option<String> {
    let template = Template::of(&task.instructions);
    let (said, written) = (template.said(), bare(written));
    let chinese = crate::routes::is_chinese(&task.instructions);
    let longer = becomes == Becomes::Shorter && written.chars().count() >= said.chars().count();
    if written.is_empty() || longer || crate::routes::is_chinese(&written) != chinese {
        dropped.unusable += 1;
        return None;
    }
    let may_have_marks = becomes != Becomes::Before && template.holds_fields();
    let text = match becomes {
        _ if has_marks(&written) && !may_have_marks => None,
        Becomes::Before => Some(format!("{written}\n\n{}", task.instructions)),
        Becomes::Shorter | Becomes::Instead => Some(template.with(&written)),
    };
    let Some(text) = text.filter(|text| check(text, task).is_ok()) else {
        dropped.fields += 1;
        return None;
    };
    // A few words less may be all that a shorter wording is about, so that only the very same is no news there.
    let alike = if becomes == Becomes::Shorter { 1.0 } else { ALIKE };
    let mut texts: Vec<String> = others.iter().map(|other| (*other).to_owned()).collect();
    texts.extend([task.instructions.clone(), text.clone()]);
    let last = texts.len() - 1;
    if evaluate::twins(&texts, alike).iter().any(|pair| pair.second == last) {
        dropped.alike += 1;
        return None;
    }
    Some(text)
}

/// A text without what models put around it: thoughts, fences, a heading, quotation marks.
fn bare(written: &str) -> String {
    let mut text = written.rsplit("</think>").next().unwrap_or_default().trim();
    if let Some((_, rest)) = text.split_once("```") {
        let inside = rest.split("```").next().unwrap_or_default();
        // The first line after a fence names a language.
        text = inside.split_once('\n').map_or(inside, |(_, lines)| lines).trim();
    }
    const HEADINGS: [&str; 7] = ["instructions", "new instructions", "rules", "改写后的指示", "指示", "规则", "说明"];
    if let Some((first, rest)) = text.split_once('\n') {
        let first = first.trim().trim_matches(['*', '#', ' ', ':', '：']).to_lowercase();
        if HEADINGS.contains(&first.as_str()) {
            text = rest.trim();
        }
    }
    for heading in HEADINGS {
        for colon in [':', '：'] {
            let begins = text.get(..heading.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(heading));
            if begins && text[heading.len()..].starts_with(colon) {
                text = text[heading.len() + colon.len_utf8()..].trim();
            }
        }
    }
    for (open, close) in [('"', '"'), ('「', '」'), ('“', '”')] {
        if let Some(inside) = text.strip_prefix(open).and_then(|rest| rest.strip_suffix(close))
            && !inside.contains([open, close])
        {
            text = inside.trim();
        }
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn task(instructions: &str) -> Task {
        let field =
            |name: &str, optional| domain::Field { name: name.to_owned(), description: String::new(), optional };
        Task {
            input: vec![field("text", false), field("who", true)],
            instructions: instructions.to_owned(),
            ..Task::new("sort", json!({"type": "string", "enum": ["x", "y"]}))
        }
    }

    #[test]
    fn words_are_parted_from_the_frame_of_the_fields() {
        for (text, said, with) in [
            ("Sort this.\n\nText: {{ text }}\n", "Sort this.", "NEW\n\nText: {{ text }}\n"),
            ("Text: {{ text }}\nSort this.\n", "Sort this.", "Text: {{ text }}\nNEW\n"),
            ("Sort {{ text }} now.", "Sort {{ text }} now.", "NEW\n"),
            (
                "A.\n{% if who %}\nOf {{ who }}\n{% endif %}\n{{ text }}\nOne word.\n",
                "A.",
                "NEW\n\n{% if who %}\nOf {{ who }}\n{% endif %}\n{{ text }}\nOne word.\n",
            ),
        ] {
            let template = Template::of(text);
            assert_eq!((template.said().as_str(), template.with(" NEW ").as_str()), (said, with));
        }
    }

    #[test]
    fn fields_are_kept_or_the_text_is_dropped() {
        let plain = task("Sort {{ text }}{% if who %} of {{ who }}{% endif %}.");
        assert_eq!(check("{{ text }} {{ who }}", &plain), Ok(()));
        for (text, part) in [
            ("{{ text }}", "'{{ who }}' is lost"),
            ("{{ text }} {{ who }} {{ what }}", "'{{ what }}' is no field"),
            ("{{ text ", "syntax"),
        ] {
            let why = check(text, &plain).expect_err(text);
            assert!(why.contains(part), "{why}");
        }
        let mut odd = task("Sort {{ Review_Text }}.");
        odd.input[0].name = "Review Text".to_owned();
        assert_eq!(check("Which is {{ Review_Text }}?", &odd), Ok(()));
        assert!(check("Which is {{ Review Text }}?", &odd).is_err());
        let mut dropped = DroppedTexts::default();
        assert_eq!(drafted(&plain, "Say x or y.", Becomes::Instead, &[], &mut dropped), None);
        assert_eq!(dropped, DroppedTexts { fields: 1, ..DroppedTexts::default() });
        let good = drafted(&plain, "Which of x and y is {{ text }} {{ who }}?", Becomes::Instead, &[], &mut dropped);
        assert_eq!(good.as_deref(), Some("Which of x and y is {{ text }} {{ who }}?\n"));
        let guided = drafted(&plain, "x: about parcels\ny: all else", Becomes::Before, &[], &mut dropped).unwrap();
        assert!(guided.starts_with("x: about parcels") && guided.ends_with(&plain.instructions));
        assert_eq!(drafted(&plain, "{{ text }} is y", Becomes::Before, &[], &mut dropped), None);
        assert_eq!(dropped.total(), 2);
    }

    #[test]
    fn what_says_the_same_is_dropped_and_counted() {
        let plain = task("Please say whether this message is about a parcel or about money.\n\n{{ text }}");
        let mut dropped = DroppedTexts::default();
        let same = "please say whether this message is about a parcel, or about money";
        assert_eq!(drafted(&plain, same, Becomes::Instead, &[], &mut dropped), None);
        let new = drafted(&plain, "Instructions: Parcel or money?", Becomes::Shorter, &[], &mut dropped).unwrap();
        assert_eq!(new, "Parcel or money?\n\n{{ text }}");
        assert_eq!(drafted(&plain, "\"Parcel or money?\"", Becomes::Shorter, &[&new], &mut dropped), None);
        assert_eq!(dropped, DroppedTexts { alike: 2, ..DroppedTexts::default() });
        for useless in ["", " ", "这是包裹还是钱？", "<think>hm"] {
            drafted(&plain, useless, Becomes::Instead, &[], &mut dropped);
        }
        assert!(dropped.unusable >= 3, "{dropped:?}");
        let long = "Please say, and be careful about it, whether this message here is about a parcel or about money.";
        assert_eq!(drafted(&plain, long, Becomes::Shorter, &[], &mut dropped), None);
    }

    #[test]
    fn what_models_put_around_a_text_is_taken_away() {
        for (written, text) in [
            ("<think>well</think>\nSort it.", "Sort it."),
            ("Here it is:\n```text\nSort it.\n```\nI hope it helps.", "Sort it."),
            ("**Instructions:**\nSort it.", "Sort it."),
            ("改写后的指示：判断褒贬。", "判断褒贬。"),
            ("“判断褒贬。”", "判断褒贬。"),
            ("\"x\" or \"y\"", "\"x\" or \"y\""),
        ] {
            assert_eq!(bare(written), text);
        }
    }
}
