//! Checkpoints: all actions that a log comes to, as one Parquet file with a column for each kind of action (classic, version 1).

use super::actions::{Add, Format, Line, MetaData, Protocol, Remove, Texts, Txn};
use crate::error::{Error, Result};
use arrow_array::builder::{ListBuilder, MapBuilder, MapFieldNames, StringBuilder};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Int32Array, Int64Array, ListArray, MapArray, RecordBatch, StringArray, StructArray,
};
use arrow_buffer::NullBuffer;
use arrow_schema::{Field, Schema};
use bytes::Bytes;
use object_store::path::Path;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use std::sync::Arc;

/// The file of these actions.
pub(super) fn encode(lines: &[Line]) -> Result<Vec<u8>> {
    let bug = |error: &dyn std::fmt::Display| Error::Bug(format!("build a checkpoint: {error}"));
    let columns = [
        ("txn", txns(lines)),
        ("add", adds(lines)),
        ("remove", removes(lines)),
        ("metaData", meta_data(lines)),
        ("protocol", protocols(lines)),
    ];
    let mut fields = Vec::new();
    let mut arrays: Vec<ArrayRef> = Vec::new();
    for (name, column) in columns {
        let column = column.map_err(|error| bug(&error))?;
        fields.push(Field::new(name, column.data_type().clone(), true));
        arrays.push(Arc::new(column));
    }
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).map_err(|error| bug(&error))?;
    // A codec that every reader has been able to read for years.
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
    let failed = || Error::parquet("encode", &Path::default());
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).map_err(failed())?;
    writer.write(&batch).map_err(failed())?;
    writer.into_inner().map_err(failed())
}

type Built = std::result::Result<StructArray, arrow_schema::ArrowError>;

/// A column of structs, null where `is_there` is false.
fn column(children: Vec<(&str, ArrayRef)>, is_there: Vec<bool>) -> Built {
    let fields = children.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
    let arrays = children.into_iter().map(|(_, array)| array).collect();
    StructArray::try_new(fields, arrays, Some(NullBuffer::from(is_there)))
}

fn texts<'a>(values: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(values.collect::<StringArray>())
}

fn longs(values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(values.collect::<Int64Array>())
}

fn booleans(values: impl Iterator<Item = Option<bool>>) -> ArrayRef {
    Arc::new(values.collect::<BooleanArray>())
}

fn maps<'a>(
    values: impl Iterator<Item = Option<&'a Texts>>,
) -> std::result::Result<ArrayRef, arrow_schema::ArrowError> {
    let names = MapFieldNames { entry: "key_value".into(), key: "key".into(), value: "value".into() };
    let mut builder = MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new());
    for map in values {
        for (key, value) in map.into_iter().flatten() {
            builder.keys().append_value(key);
            builder.values().append_value(value);
        }
        builder.append(map.is_some())?;
    }
    Ok(Arc::new(builder.finish()))
}

fn txns(lines: &[Line]) -> Built {
    let rows = || lines.iter().map(|line| line.txn.as_ref());
    column(
        vec![
            ("appId", texts(rows().map(|txn| Some(txn?.app_id.as_str())))),
            ("version", longs(rows().map(|txn| Some(txn?.version)))),
            ("lastUpdated", longs(rows().map(|txn| txn?.last_updated))),
        ],
        rows().map(|txn| txn.is_some()).collect(),
    )
}

fn adds(lines: &[Line]) -> Built {
    let rows = || lines.iter().map(|line| line.add.as_ref());
    column(
        vec![
            ("path", texts(rows().map(|add| Some(add?.path.as_str())))),
            ("partitionValues", maps(rows().map(|add| Some(&add?.partition_values)))?),
            ("size", longs(rows().map(|add| Some(add?.size)))),
            ("modificationTime", longs(rows().map(|add| Some(add?.modification_time)))),
            ("dataChange", booleans(rows().map(|add| Some(add?.data_change)))),
            ("tags", maps(rows().map(|add| add?.tags.as_ref()))?),
            ("stats", texts(rows().map(|add| add?.stats.as_deref()))),
        ],
        rows().map(|add| add.is_some()).collect(),
    )
}

fn removes(lines: &[Line]) -> Built {
    let rows = || lines.iter().map(|line| line.remove.as_ref());
    column(
        vec![
            ("path", texts(rows().map(|remove| Some(remove?.path.as_str())))),
            ("deletionTimestamp", longs(rows().map(|remove| remove?.deletion_timestamp))),
            ("dataChange", booleans(rows().map(|remove| Some(remove?.data_change)))),
            ("extendedFileMetadata", booleans(rows().map(|remove| remove?.extended_file_metadata))),
            ("partitionValues", maps(rows().map(|remove| remove?.partition_values.as_ref()))?),
            ("size", longs(rows().map(|remove| remove?.size))),
        ],
        rows().map(|remove| remove.is_some()).collect(),
    )
}

fn meta_data(lines: &[Line]) -> Built {
    let rows = || lines.iter().map(|line| line.meta_data.as_ref());
    let is_there: Vec<bool> = rows().map(|meta| meta.is_some()).collect();
    let format = column(
        vec![
            ("provider", texts(rows().map(|meta| Some(meta?.format.provider.as_str())))),
            ("options", maps(rows().map(|meta| Some(&meta?.format.options)))?),
        ],
        is_there.clone(),
    )?;
    let mut partitions = ListBuilder::new(StringBuilder::new());
    for meta in rows() {
        let columns = meta.into_iter().flat_map(|meta| &meta.partition_columns);
        columns.for_each(|column| partitions.values().append_value(column));
        partitions.append(meta.is_some());
    }
    column(
        vec![
            ("id", texts(rows().map(|meta| Some(meta?.id.as_str())))),
            ("name", texts(rows().map(|meta| meta?.name.as_deref()))),
            ("description", texts(rows().map(|meta| meta?.description.as_deref()))),
            ("format", Arc::new(format)),
            ("schemaString", texts(rows().map(|meta| Some(meta?.schema_string.as_str())))),
            ("partitionColumns", Arc::new(partitions.finish())),
            ("configuration", maps(rows().map(|meta| Some(&meta?.configuration)))?),
            ("createdTime", longs(rows().map(|meta| meta?.created_time))),
        ],
        is_there,
    )
}

fn protocols(lines: &[Line]) -> Built {
    let rows = || lines.iter().map(|line| line.protocol.as_ref());
    let number = |value: fn(&Protocol) -> i32| -> ArrayRef {
        Arc::new(rows().map(|protocol| protocol.map(value)).collect::<Int32Array>())
    };
    column(
        vec![
            ("minReaderVersion", number(|protocol| protocol.min_reader_version)),
            ("minWriterVersion", number(|protocol| protocol.min_writer_version)),
        ],
        rows().map(|protocol| protocol.is_some()).collect(),
    )
}

/// The actions of a file that `encode` wrote; `Corrupt` for others.
pub(super) fn decode(bytes: Bytes, path: &Path) -> Result<Vec<Line>> {
    let failed = || Error::parquet("read", path);
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(failed())?.build().map_err(failed())?;
    let mut lines = Vec::new();
    for batch in reader {
        let batch = batch.map_err(|error| Error::corrupt(path.as_ref(), 0, error.to_string()))?;
        let read = || -> Option<Vec<Line>> {
            let structs = |name: &str| batch.column_by_name(name)?.as_any().downcast_ref::<StructArray>();
            let (txns, adds, removes) = (structs("txn")?, structs("add")?, structs("remove")?);
            let (metas, protocols) = (structs("metaData")?, structs("protocol")?);
            let line = |at: usize| {
                Some(Line {
                    commit_info: None,
                    protocol: there(protocols, at, protocol_at)?,
                    meta_data: there(metas, at, meta_data_at)?,
                    txn: there(txns, at, txn_at)?,
                    add: there(adds, at, add_at)?,
                    remove: there(removes, at, remove_at)?,
                })
            };
            (0..batch.num_rows()).map(line).collect()
        };
        lines.extend(read().ok_or_else(|| Error::corrupt(path.as_ref(), 0, "it is not a checkpoint of ours"))?);
    }
    Ok(lines)
}

/// What `read` finds where the struct is not null; `None` when it does not find what must be there.
fn there<T>(column: &StructArray, at: usize, read: fn(&StructArray, usize) -> Option<T>) -> Option<Option<T>> {
    if column.is_null(at) { Some(None) } else { read(column, at).map(Some) }
}

fn child<'a, T: Array + 'static>(column: &'a StructArray, name: &str) -> Option<&'a T> {
    column.column_by_name(name)?.as_any().downcast_ref()
}

/// The inner `None` is a null.
fn text(column: &StructArray, name: &str, at: usize) -> Option<Option<String>> {
    let texts: &StringArray = child(column, name)?;
    Some((!texts.is_null(at)).then(|| texts.value(at).to_owned()))
}

fn long(column: &StructArray, name: &str, at: usize) -> Option<Option<i64>> {
    let longs: &Int64Array = child(column, name)?;
    Some((!longs.is_null(at)).then(|| longs.value(at)))
}

fn boolean(column: &StructArray, name: &str, at: usize) -> Option<Option<bool>> {
    let booleans: &BooleanArray = child(column, name)?;
    Some((!booleans.is_null(at)).then(|| booleans.value(at)))
}

fn map(column: &StructArray, name: &str, at: usize) -> Option<Option<Texts>> {
    let maps: &MapArray = child(column, name)?;
    if maps.is_null(at) {
        return Some(None);
    }
    let entries = maps.value(at);
    let (keys, values) = (entries.column(0), entries.column(1));
    let keys: &StringArray = keys.as_any().downcast_ref()?;
    let values: &StringArray = values.as_any().downcast_ref()?;
    let pairs = keys.iter().zip(values).map(|(key, value)| Some((key?.to_owned(), value?.to_owned())));
    Some(Some(pairs.collect::<Option<_>>()?))
}

fn txn_at(column: &StructArray, at: usize) -> Option<Txn> {
    Some(Txn {
        app_id: text(column, "appId", at)??,
        version: long(column, "version", at)??,
        last_updated: long(column, "lastUpdated", at)?,
    })
}

fn add_at(column: &StructArray, at: usize) -> Option<Add> {
    Some(Add {
        path: text(column, "path", at)??,
        partition_values: map(column, "partitionValues", at)??,
        size: long(column, "size", at)??,
        modification_time: long(column, "modificationTime", at)??,
        data_change: boolean(column, "dataChange", at)??,
        stats: text(column, "stats", at)?,
        tags: map(column, "tags", at)?,
    })
}

fn remove_at(column: &StructArray, at: usize) -> Option<Remove> {
    Some(Remove {
        path: text(column, "path", at)??,
        deletion_timestamp: long(column, "deletionTimestamp", at)?,
        data_change: boolean(column, "dataChange", at)??,
        extended_file_metadata: boolean(column, "extendedFileMetadata", at)?,
        partition_values: map(column, "partitionValues", at)?,
        size: long(column, "size", at)?,
    })
}

fn meta_data_at(column: &StructArray, at: usize) -> Option<MetaData> {
    let format: &StructArray = child(column, "format")?;
    let partitions: &ListArray = child(column, "partitionColumns")?;
    let partitions = partitions.value(at);
    let partitions: &StringArray = partitions.as_any().downcast_ref()?;
    Some(MetaData {
        id: text(column, "id", at)??,
        name: text(column, "name", at)?,
        description: text(column, "description", at)?,
        format: Format { provider: text(format, "provider", at)??, options: map(format, "options", at)?? },
        schema_string: text(column, "schemaString", at)??,
        partition_columns: partitions.iter().map(|name| name.map(str::to_owned)).collect::<Option<_>>()?,
        configuration: map(column, "configuration", at)??,
        created_time: long(column, "createdTime", at)?,
    })
}

fn protocol_at(column: &StructArray, at: usize) -> Option<Protocol> {
    let number = |name: &str| {
        let numbers: &Int32Array = child(column, name)?;
        (!numbers.is_null(at)).then(|| numbers.value(at))
    };
    Some(Protocol { min_reader_version: number("minReaderVersion")?, min_writer_version: number("minWriterVersion")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_come_back() {
        let texts = Texts::from([("a".into(), "b".into()), ("c".into(), "ü".into())]);
        let add = Add {
            path: "1.parquet".into(),
            partition_values: Texts::new(),
            size: 7,
            modification_time: 8,
            data_change: false,
            stats: Some("{\"numRecords\":1}".into()),
            tags: Some(texts.clone()),
        };
        let bare = Add { path: "2.parquet".into(), stats: None, tags: None, ..add.clone() };
        let foreign = Remove {
            path: "4.parquet".into(),
            deletion_timestamp: None,
            data_change: true,
            extended_file_metadata: None,
            partition_values: None,
            size: None,
        };
        let lines: Vec<Line> = vec![
            Protocol::OURS.into(),
            MetaData {
                id: "id".into(),
                name: None,
                description: Some("d".into()),
                format: Format { provider: "parquet".into(), options: texts.clone() },
                schema_string: "{}".into(),
                partition_columns: vec!["p".into()],
                configuration: texts,
                created_time: Some(5),
            }
            .into(),
            Txn { app_id: "a".into(), version: 3, last_updated: None }.into(),
            Remove::of(&add, model::Timestamp(9), false).into(),
            add.into(),
            bare.into(),
            foreign.into(),
        ];
        let path = Path::from("x");
        assert_eq!(decode(encode(&lines).unwrap().into(), &path).unwrap(), lines);
        assert_eq!(decode(encode(&[]).unwrap().into(), &path).unwrap(), []);
        assert!(decode(Bytes::from_static(b"PAR1"), &path).is_err());
    }
}
