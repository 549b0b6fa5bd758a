//! Resources kept in an embedded database, encoded with our own Binary protocol.
//!
//! A [`Collection`] is one table of resources and an index by status. Reads run where they are asked for: a page
//! of the database is in memory or one `pread` away. Commits wait for the disk, so they run on the blocking pool.

use std::{marker::PhantomData, path::Path, sync::Arc};

use faststr::FastStr;
use redb::{
    Database, MultimapTableDefinition, ReadableDatabase, ReadableTable, ReadableTableMetadata,
    TableDefinition, WriteTransaction, backends::InMemoryBackend,
};
use volo_thrift::protocol::Value;

use crate::{
    fault::Fault,
    tmf::common::{ListQuery, MAX_LIMIT},
    wire::{decode_onto, encode},
};

const CACHE_BYTES: usize = 64 << 20;

/// The last number given to a new resource, by kind.
const SEQUENCES: TableDefinition<'_, &str, u64> = TableDefinition::new("sequences");

/// The ids that have a status, by kind and status.
const STATUSES: MultimapTableDefinition<'_, (&str, &str), &str> = MultimapTableDefinition::new("statuses");

/// Anything a [`Collection`] can keep.
pub trait Resource: Value {
    /// Its name in TM Forum's interfaces, also the name of its table.
    const KIND: &'static str;
    /// What the ids of new resources start with.
    const ID_PREFIX: &'static str;
    /// The field a list can be filtered by.
    const STATUS_FIELD: &'static str;

    /// The id.
    fn id(&self) -> &FastStr;
    /// Sets the id and what follows from it.
    fn identify(&mut self, id: FastStr);
    /// Notes that it is about to be stored with changes.
    fn touch(&mut self) {}
    /// The value of the field a list can be filtered by; empty if it has none.
    fn status(&self) -> FastStr;
    /// Clears every field but these, or gives the name of one it doesn't have.
    fn keep(&mut self, fields: &[FastStr]) -> Result<(), FastStr>;
}

/// A database file, or one that lives in memory only.
#[derive(Clone)]
pub struct Store(Arc<Database>);

impl Store {
    /// Opens the file, or creates it.
    pub fn open(path: &Path) -> Result<Self, Fault> {
        Ok(Store(Arc::new(Database::builder().set_cache_size(CACHE_BYTES).create(path)?)))
    }

    /// A store that is gone when dropped.
    pub fn in_memory() -> Result<Self, Fault> {
        Ok(Store(Arc::new(Database::builder().create_with_backend(InMemoryBackend::new())?)))
    }

    /// The resources of one kind; none at first.
    pub fn collection<T: Resource>(&self) -> Result<Collection<T>, Fault> {
        let transaction = self.0.begin_write()?;
        transaction.open_table(table::<T>())?;
        transaction.open_multimap_table(STATUSES)?;
        transaction.commit()?;
        Ok(Collection { database: self.0.clone(), kind: PhantomData })
    }
}

/// One page of a list.
pub struct Page<T> {
    /// The resources of the page, by id.
    pub items: Vec<T>,
    /// How many match in all.
    pub total: u64,
}

/// All resources of one kind; cheap to clone.
pub struct Collection<T> {
    database: Arc<Database>,
    kind: PhantomData<fn() -> T>,
}

impl<T> Clone for Collection<T> {
    fn clone(&self) -> Self {
        Collection { database: self.database.clone(), kind: PhantomData }
    }
}

impl<T: Resource> Collection<T> {
    /// The resource with this id.
    pub fn get(&self, id: &str) -> Result<T, Fault> {
        self.find(id)?.ok_or_else(|| Fault::not_found(T::KIND, id))
    }

    /// The resource with this id, if there is one.
    pub fn find(&self, id: &str) -> Result<Option<T>, Fault> {
        let table = self.database.begin_read()?.open_table(table::<T>())?;
        let stored = table.get(id)?;
        stored.map(|bytes| decode(bytes.value())).transpose()
    }

    /// How many there are.
    pub fn count(&self) -> Result<u64, Fault> {
        Ok(self.database.begin_read()?.open_table(table::<T>())?.len()?)
    }

    /// A page of the resources that match, reduced to the fields the query names.
    pub fn list(&self, query: &ListQuery) -> Result<Page<T>, Fault> {
        let window = Window::of::<T>(query)?;
        let mut page = match query.filter.get(T::STATUS_FIELD) {
            Some(statuses) => self.list_by_status(statuses, window)?,
            None => self.list_all(window)?,
        };
        if !query.fields.is_empty() {
            for item in &mut page.items {
                item.keep(&query.fields).map_err(|field| {
                    Fault::refused(400, format!("{} has no field `{field}` to select", T::KIND))
                })?;
            }
        }
        Ok(page)
    }

    fn list_all(&self, window: Window) -> Result<Page<T>, Fault> {
        let table = self.database.begin_read()?.open_table(table::<T>())?;
        let items = table.iter()?.skip(window.offset).take(window.limit);
        let items = items.map(|entry| decode(entry?.1.value())).collect::<Result<_, Fault>>()?;
        Ok(Page { items, total: table.len()? })
    }

    fn list_by_status(&self, statuses: &[FastStr], mut window: Window) -> Result<Page<T>, Fault> {
        let transaction = self.database.begin_read()?;
        let (table, index) =
            (transaction.open_table(table::<T>())?, transaction.open_multimap_table(STATUSES)?);
        let mut page = Page { items: Vec::new(), total: 0 };
        for status in statuses {
            let ids = index.get((T::KIND, status.as_str()))?;
            let count = ids.len();
            page.total += count;
            for id in ids.skip(window.offset).take(window.limit - page.items.len()) {
                if let Some(stored) = table.get(id?.value())? {
                    page.items.push(decode(stored.value())?);
                }
            }
            window.offset = window.offset.saturating_sub(usize::try_from(count).unwrap_or(usize::MAX));
        }
        Ok(page)
    }

    /// Keeps these resources under the ids they have, in one commit.
    pub async fn put_all(&self, resources: Vec<T>) -> Result<(), Fault> {
        self.write(move |transaction| resources.iter().try_for_each(|resource| put(transaction, resource)))
            .await
    }

    /// Keeps a resource under a new id, which it is given.
    pub async fn create(&self, mut resource: T) -> Result<T, Fault> {
        self.write(move |transaction| {
            resource.identify(next_id::<T>(transaction)?);
            resource.touch();
            put(transaction, &resource)?;
            Ok(resource)
        })
        .await
    }

    /// Changes a resource, unless `change` refuses.
    pub async fn update(
        &self,
        id: FastStr,
        change: impl FnOnce(&mut T) -> Result<(), Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        self.write(move |transaction| {
            let mut resource = take(transaction, &id)?;
            change(&mut resource)?;
            resource.touch();
            put(transaction, &resource)?;
            Ok(resource)
        })
        .await
    }

    /// Sets the fields that `change` has. Its field ids are those of the resource, so decoding it onto the resource
    /// is the merge.
    pub async fn patch(&self, id: FastStr, change: &impl Value) -> Result<T, Fault> {
        let change = encode(change);
        self.update(id, move |resource| decode_onto(resource, &change)).await
    }

    /// Removes a resource and gives what it was.
    pub async fn remove(&self, id: FastStr) -> Result<T, Fault> {
        self.write(move |transaction| take(transaction, &id)).await
    }

    async fn write<R: Send + 'static>(
        &self,
        work: impl FnOnce(&WriteTransaction) -> Result<R, Fault> + Send + 'static,
    ) -> Result<R, Fault> {
        let database = self.database.clone();
        tokio::task::spawn_blocking(move || {
            let transaction = database.begin_write()?;
            let result = work(&transaction)?;
            transaction.commit()?;
            Ok(result)
        })
        .await?
    }
}

/// Which part of a list is asked for.
#[derive(Clone, Copy)]
struct Window {
    offset: usize,
    limit: usize,
}

impl Window {
    fn of<T: Resource>(query: &ListQuery) -> Result<Self, Fault> {
        if let Some(name) = query.filter.keys().find(|name| *name != T::STATUS_FIELD) {
            return Err(Fault::refused(400, format!("{} can't be filtered by `{name}`", T::KIND)));
        }
        if query.sort.as_deref().is_some_and(|field| field != "id") {
            return Err(Fault::refused(400, format!("{} is sorted by id only", T::KIND)));
        }
        let offset = usize::try_from(query.offset);
        let offset =
            offset.map_err(|_| Fault::refused(400, format!("offset {} is negative", query.offset)))?;
        match usize::try_from(query.limit) {
            Ok(limit) if query.limit <= MAX_LIMIT => Ok(Window { offset, limit }),
            _ => Err(Fault::refused(400, format!("limit {} is not within 0..={MAX_LIMIT}", query.limit))),
        }
    }
}

fn table<T: Resource>() -> TableDefinition<'static, &'static str, &'static [u8]> {
    TableDefinition::new(T::KIND)
}

fn decode<T: Resource>(stored: &[u8]) -> Result<T, Fault> {
    let mut resource = T::default();
    decode_onto(&mut resource, stored)?;
    Ok(resource)
}

fn next_id<T: Resource>(transaction: &WriteTransaction) -> Result<FastStr, Fault> {
    let mut sequences = transaction.open_table(SEQUENCES)?;
    let number = sequences.get(T::KIND)?.map_or(0, |last| last.value()) + 1;
    sequences.insert(T::KIND, number)?;
    Ok(format!("{}-{number:06}", T::ID_PREFIX).into())
}

fn put<T: Resource>(transaction: &WriteTransaction, resource: &T) -> Result<(), Fault> {
    let bytes = encode(resource);
    let replaced =
        match transaction.open_table(table::<T>())?.insert(resource.id().as_str(), bytes.as_slice())? {
            Some(stored) => Some(decode::<T>(stored.value())?.status()),
            None => None,
        };
    let mut index = transaction.open_multimap_table(STATUSES)?;
    if let Some(status) = replaced {
        index.remove((T::KIND, status.as_str()), resource.id().as_str())?;
    }
    index.insert((T::KIND, resource.status().as_str()), resource.id().as_str())?;
    Ok(())
}

fn take<T: Resource>(transaction: &WriteTransaction, id: &str) -> Result<T, Fault> {
    let resource: T = match transaction.open_table(table::<T>())?.remove(id)? {
        Some(stored) => decode(stored.value())?,
        None => return Err(Fault::not_found(T::KIND, id)),
    };
    let mut index = transaction.open_multimap_table(STATUSES)?;
    index.remove((T::KIND, resource.status().as_str()), id)?;
    Ok(resource)
}
