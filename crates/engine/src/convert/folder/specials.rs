//! Which tokens begin and end texts, whether a text wants them, and how a conversation is laid out.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::json::{Fields, File, whole};
use super::tokens::{Added, Tokens};
use crate::LoadError;
use crate::convert::writer::Writer;
use crate::tokenizer::ends_by_name;

/// The roles of tokens: in configurations, and in GGUF files.
const ROLES: [(&str, &str); 6] =
    [("bos", "bos"), ("eos", "eos"), ("unk", "unknown"), ("pad", "padding"), ("eot", "eot"), ("eom", "eom")];

#[derive(Debug, Default)]
pub(super) struct Specials {
    /// By role.
    ids: BTreeMap<&'static str, u32>,
    /// Whether a text is framed by the token of a role.
    frame: BTreeMap<&'static str, bool>,
    pub(super) template: Option<String>,
}

/// A folder's files that speak of them.
#[derive(Clone, Copy)]
pub(super) struct Sources<'a> {
    /// What the tokenizer does last.
    pub(super) processor: &'a Value,
    pub(super) tokenizer_config: Option<Fields<'a>>,
    pub(super) config: Fields<'a>,
    /// The part of it that is about text, where there are others.
    pub(super) text_config: Option<Fields<'a>>,
    pub(super) generation: Option<Fields<'a>>,
}

impl Specials {
    /// RWKV World's: a document ends with token 0, a turn with an empty line.
    pub(super) fn of_world(tokens: &Tokens) -> Self {
        let line = tokens.texts.iter().position(|text| text == r"\n\n");
        let ids = [("bos", Some(0)), ("eos", Some(0)), ("eot", line.map(|id| id as u32))];
        Self { ids: ids.into_iter().filter_map(|(role, id)| Some((role, id?))).collect(), ..Self::default() }
    }

    pub(super) fn read(
        sources: Sources<'_>,
        added: &BTreeMap<u32, Added>,
        architecture: &str,
    ) -> Result<Self, LoadError> {
        let mut specials = Self::default();
        let id_of = |text: &str| added.iter().find(|(_, token)| token.content == text).map(|(&id, _)| id);
        let mut texts = BTreeMap::new();
        if let Some(config) = sources.tokenizer_config {
            for (role, other) in [("bos", "cls"), ("eos", "sep"), ("unk", ""), ("pad", ""), ("eot", ""), ("eom", "")] {
                let text = named(config, role).or_else(|| named(config, other));
                texts.extend(text.map(|text| (role, text.to_owned())));
            }
        }
        specials.read_frame(sources.processor, &mut texts);
        for (role, _) in ROLES {
            let id = texts.get(role).and_then(|text| id_of(text));
            let config = [Some(sources.config), sources.text_config, sources.generation];
            let by_number =
                config.into_iter().flatten().find_map(|config| whole(config.value(&format!("{role}_token_id"))?));
            specials.ids.extend(id.or(by_number).map(|id| (role, id)));
            if let Some(set) =
                sources.tokenizer_config.map_or(Ok(None), |config| config.flag(&format!("add_{role}_token")))?
            {
                specials.frame.entry(role).or_insert(set);
            }
        }
        if architecture == "glm4" {
            for (role, text) in
                [("eos", "<|endoftext|>"), ("eot", "<|user|>"), ("unk", "<|endoftext|>"), ("bos", "<|endoftext|>")]
            {
                if let Some(id) = id_of(text) {
                    specials.ids.entry(role).or_insert(id);
                }
            }
        }
        specials.read_more_ends(sources, added);
        Ok(specials)
    }

    /// What is put around a text, as the tokenizer's last step says it.
    fn read_frame(&mut self, processor: &Value, texts: &mut BTreeMap<&'static str, String>) {
        let sequence = processor["processors"].as_array();
        let all = sequence.map_or_else(|| vec![processor], |all| all.iter().collect());
        for step in all {
            match step["type"].as_str() {
                Some("ByteLevel") => {
                    self.frame.entry("bos").or_insert(false);
                    self.frame.entry("eos").or_insert(false);
                }
                Some("TemplateProcessing") => self.read_template(step, texts),
                _ => {}
            }
        }
    }

    fn read_template(&mut self, step: &Value, texts: &mut BTreeMap<&'static str, String>) {
        let list = |key: &str| step[key].as_array().map(Vec::as_slice).unwrap_or_default();
        let special = |piece: Option<&Value>| Some(piece?["SpecialToken"]["id"].as_str()?.to_owned());
        let (single, pair) = (list("single"), list("pair"));
        let (mut first, mut last) = (None, None);
        if single.len() > 1 {
            (first, last) = (special(single.first()), special(single.last()));
            if let Some(first) = &first {
                let begins = texts.entry("bos").or_insert_with(|| first.clone()) == first;
                self.frame.insert("bos", begins);
            }
            if let Some(last) = &last {
                if let Some(before) = texts.insert("eos", last.clone()).filter(|before| before != last) {
                    texts.entry("eot").or_insert(before);
                }
                self.frame.insert("eos", true);
            }
        }
        // What stands between two texts.
        let skip = usize::from(first.is_some() && special(pair.first()) == first);
        let end = pair.len() - usize::from(last.is_some() && special(pair.last()) == last).min(pair.len());
        if let [_, between @ .., _] = pair.get(skip..end).unwrap_or_default()
            && !between.is_empty()
        {
            let separates = |piece| special(Some(piece)).is_some_and(|text| texts.get("eos") == Some(&text));
            let one = last.is_none() && separates(&between[0]);
            self.frame.insert("sep", one || between.len() == 2 && separates(&between[1]));
        }
    }

    /// Ends that are listed beside the first; those every reader knows by name are left out.
    fn read_more_ends(&mut self, sources: Sources<'_>, added: &BTreeMap<u32, Added>) {
        let listed = [sources.generation, Some(sources.config), sources.text_config].into_iter().flatten();
        let lists = listed.filter_map(|config| config.value("eos_token_id")?.as_array());
        for id in lists.flatten().filter_map(whole) {
            let known = added.get(&id).is_some_and(|token| ends_by_name(&token.content));
            if !self.ids.contains_key("eos") {
                self.ids.insert("eos", id);
            } else if !known && !self.ids.values().any(|&there| there == id) {
                let role = if self.ids.contains_key("eot") { "eom" } else { "eot" };
                self.ids.entry(role).or_insert(id);
            }
        }
    }

    /// Reads the layout of conversations.
    pub(super) fn read_layout(&mut self, folder: &Path, tokenizer_config: Option<Fields<'_>>) -> Result<(), LoadError> {
        let path = folder.join("chat_template.jinja");
        if path.is_file() {
            let text = std::fs::read_to_string(&path).map_err(|error| LoadError::io(&path, error))?;
            self.template = Some(text);
            return Ok(());
        }
        let other = File::optional(&folder.join("chat_template.json"))?;
        let value = |fields: Option<Fields<'_>>| fields.and_then(|fields| layout(fields.value("chat_template")?));
        self.template = value(tokenizer_config).or_else(|| value(other.as_ref().map(File::fields)));
        Ok(())
    }

    /// Drops what the model has no row for. What begins or ends texts cannot be done without: the role and the id of such a one.
    pub(super) fn beyond(&mut self, rows: usize) -> Option<(&'static str, u32)> {
        self.ids.retain(|role, id| matches!(*role, "bos" | "eos") || (*id as usize) < rows);
        self.ids.iter().map(|(&role, &id)| (role, id)).find(|(_, id)| *id as usize >= rows)
    }

    pub(super) fn write(&self, gguf: &mut Writer<'_>) {
        for (role, key) in ROLES {
            if let Some(&id) = self.ids.get(role) {
                gguf.number(&format!("tokenizer.ggml.{key}_token_id"), id);
            }
        }
        for (role, set) in self.frame.iter().filter(|(role, _)| matches!(**role, "bos" | "eos" | "sep")) {
            gguf.flag(&format!("tokenizer.ggml.add_{role}_token"), *set);
        }
        if let Some(template) = &self.template {
            gguf.text("tokenizer.chat_template", template);
        }
    }
}

/// The text of a role's token: written as a text, or as an object that holds one.
fn named<'a>(config: Fields<'a>, role: &str) -> Option<&'a str> {
    let value = config.value(&format!("{role}_token"))?;
    value.as_str().or_else(|| value["content"].as_str()).filter(|text| !text.is_empty())
}

/// A layout: a text, or the default of several.
fn layout(value: &Value) -> Option<String> {
    let several = || {
        let all = value.as_array()?;
        let default = all.iter().find(|one| one["name"] == "default").or(all.first())?;
        default["template"].as_str()
    };
    value.as_str().or_else(several).map(str::to_owned)
}
