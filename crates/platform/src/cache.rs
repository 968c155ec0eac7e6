//! What has been loaded, by name: each thing once, while requests for other things go on.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::Result;

/// Things loaded from files, kept until they are forgotten or their file is another one.
pub(crate) struct Cache<T> {
    slots: Mutex<HashMap<String, Slot<T>>>,
}

/// Held while its thing is being loaded.
type Slot<T> = Arc<tokio::sync::Mutex<Option<Loaded<T>>>>;

struct Loaded<T> {
    /// Of the file it came from.
    digest: String,
    thing: Arc<T>,
}

impl<T> Default for Cache<T> {
    fn default() -> Self {
        Self { slots: Mutex::default() }
    }
}

impl<T> Cache<T> {
    /// The thing of that name and digest, loaded if it is not here.
    ///
    /// # Errors
    /// Those of loading it.
    pub(crate) async fn get(&self, name: &str, digest: &str, load: impl Future<Output = Result<T>>) -> Result<Arc<T>> {
        let slot = Arc::clone(self.slots().entry(name.to_owned()).or_default());
        let mut slot = slot.lock().await;
        if let Some(loaded) = slot.as_ref().filter(|loaded| loaded.digest == digest) {
            return Ok(Arc::clone(&loaded.thing));
        }
        *slot = None; // an older one gives its memory back first
        let thing = Arc::new(load.await?);
        *slot = Some(Loaded { digest: digest.to_owned(), thing: Arc::clone(&thing) });
        Ok(thing)
    }

    /// Lets go of a thing; whoever uses it keeps it until the end of that.
    pub(crate) fn forget(&self, name: &str) {
        self.slots().remove(name);
    }

    /// Lets go of all.
    pub(crate) fn clear(&self) {
        self.slots().clear();
    }

    /// All that is here now; what is still being loaded is left out.
    pub(crate) fn all(&self) -> Vec<(String, Arc<T>)> {
        let slots = self.slots();
        let here = slots.iter().filter_map(|(name, slot)| {
            let slot = slot.try_lock().ok()?;
            slot.as_ref().map(|loaded| (name.clone(), Arc::clone(&loaded.thing)))
        });
        here.collect()
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<String, Slot<T>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_thing_is_loaded_once_until_its_file_changes() {
        let cache = Cache::default();
        let mut loads = Vec::new();
        for (name, digest) in [("a", "1"), ("a", "1"), ("b", "1"), ("a", "2"), ("a", "2")] {
            let mut loaded = false;
            let thing = cache.get(name, digest, async {
                loaded = true;
                Ok(format!("{name}{digest}"))
            });
            assert_eq!(*thing.await.expect("it loads"), format!("{name}{digest}"));
            loads.push(loaded);
        }
        assert_eq!(loads, [true, false, true, true, false]);
        cache.forget("a");
        assert_eq!(cache.all().len(), 1);
        let broken = cache.get("c", "1", async { Err(crate::Error::failed("no")) });
        assert!(broken.await.is_err());
        assert_eq!(cache.all().len(), 1);
    }
}
