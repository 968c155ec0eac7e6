use super::vocabulary::{TokenKind, bad};
use crate::LoadError;
use crate::gguf::{Gguf, Value};
pub(super) struct Keys<'a>(pub &'a Gguf);
impl Keys<'_> {
    fn get(&self,k:&str)->Option<&Value>{self.0.meta(k)}
    pub fn text(&self,k:&str)->Result<Option<String>,LoadError>{Ok(match self.get(k){Some(Value::S(s))=>Some(s.clone()),None=>None,_=>return Err(bad(k,"x"))})}
    pub fn texts(&self,k:&str)->Result<Vec<String>,LoadError>{Ok(match self.get(k){Some(Value::A(a))=>a.iter().map(|v|match v{Value::S(s)=>s.clone(),_=>panic!()}).collect(),_=>vec![]})}
    pub fn scores(&self,_n:usize)->Result<Vec<f32>,LoadError>{Ok(match self.get("tokenizer.ggml.scores"){Some(Value::A(a))=>a.iter().map(|v|match v{Value::F(s)=>*s as f32,_=>panic!()}).collect(),_=>vec![]})}
    pub fn kinds(&self,n:usize)->Result<Vec<TokenKind>,LoadError>{Ok(match self.get("tokenizer.ggml.token_type"){Some(Value::A(a))=>a.iter().map(|v|match v{Value::I(s)=>match s {2=>TokenKind::Unknown,3=>TokenKind::Control,4=>TokenKind::UserDefined,5=>TokenKind::Unused,6=>TokenKind::Byte,_=>TokenKind::Normal},_=>panic!()}).collect(),_=>vec![TokenKind::Normal;n]})}
    pub fn bytes(&self,k:&str)->Result<Vec<u8>,LoadError>{Ok(match self.get(k){Some(Value::A(a))=>a.iter().map(|v|match v{Value::U(s)=>*s as u8,_=>panic!()}).collect(),_=>vec![]})}
    pub fn numbers(&self,k:&str)->Result<Vec<u32>,LoadError>{Ok(match self.get(k){Some(Value::A(a))=>a.iter().map(|v|match v{Value::U(s)=>*s as u32,_=>panic!()}).collect(),_=>vec![]})}
    pub fn number(&self,k:&str)->Result<Option<u32>,LoadError>{Ok(match self.get(k){Some(Value::U(s))=>Some(*s as u32),None=>None,_=>return Err(bad(k,"x"))})}
    pub fn flag(&self,k:&str)->Result<Option<bool>,LoadError>{Ok(match self.get(k){Some(Value::B(s))=>Some(*s),None=>None,_=>return Err(bad(k,"x"))})}
}
