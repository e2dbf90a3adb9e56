"""DynamoDB whose rows and stream records outlive a crash.

MiniStack keeps them in memory and writes them when it ends. Here every change
goes to the `RowJournal` before the answer leaves, and comes back from it at
the start; MiniStack's own file keeps the tables' definitions alone.
"""

import copy
from typing import Any

from ministack.core.responses import AccountRegionScopedDict
from ministack.services import dynamodb, lambda_svc

from infra.local.embedded_aws.row_journal import Item, RowJournal

NOT_IN_THE_SNAPSHOT = ("items", dynamodb._INDEX_MEMBERS)
OTHER_STATE = (
    "tags",
    "ttl_settings",
    "pitr_settings",
    "kinesis_destinations",
    "contributor_insights",
    "backups",
    "resource_policies",
    "exports",
    "imports",
)

Table = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]


def journal_changes(journal: RowJournal) -> None:
    """Write every change to the journal, each API call in one transaction."""
    handle_request = dynamodb.handle_request
    set_item, remove_item, items_replaced = dynamodb._set_item, dynamodb._remove_item, dynamodb._items_replaced
    emit_stream_event, drop_stream_records = dynamodb._emit_stream_event, dynamodb.drop_stream_records

    async def handle_durably(*request: object) -> Answer:
        with journal.transaction():  # on one thread: MiniStack's handlers await nothing
            answer: Answer = await handle_request(*request)
        dynamodb.esm_wake.set()  # the records are durable only now, see `stream_delivery`
        return answer

    def set_durably(table: Table, partition_key: str, sort_key: str, item: Item) -> Item | None:
        before: Item | None = set_item(table, partition_key, sort_key, item)
        journal.put_row(table["TableArn"], partition_key, sort_key, item)
        return before

    def remove_durably(table: Table, partition_key: str, sort_key: str) -> Item | None:
        before: Item | None = remove_item(table, partition_key, sort_key)
        journal.remove_row(table["TableArn"], partition_key, sort_key)
        return before

    def replace_durably(table: Table) -> None:
        items_replaced(table)
        journal.forget_rows(table["TableArn"])
        for partition_key, row_by_sort_key in table["items"].items():
            for sort_key, item in row_by_sort_key.items():
                journal.put_row(table["TableArn"], partition_key, sort_key, item)

    def emit_durably(table_name: str, *change: object, **options: bool) -> None:
        first = dynamodb.stream_end_position(table_name)
        emit_stream_event(table_name, *change, **options)
        count = dynamodb.stream_end_position(table_name) - first
        for number, record in enumerate(dynamodb.stream_records_since(table_name, first, count)):
            journal.add_stream_record(dynamodb._tables[table_name]["TableArn"], first + number, record)

    def drop_durably(table_name: str, table: Table | None = None) -> None:
        drop_stream_records(table_name, table)
        if table is not None:
            journal.forget_stream(table["TableArn"])
            if table_name not in dynamodb._tables:
                journal.forget_rows(table["TableArn"])

    dynamodb.handle_request = handle_durably
    dynamodb._set_item, dynamodb._remove_item, dynamodb._items_replaced = set_durably, remove_durably, replace_durably
    dynamodb._emit_stream_event, dynamodb.drop_stream_records = emit_durably, drop_durably
    dynamodb.get_state = definitions


def definitions() -> dict[str, Any]:
    """What MiniStack shall save of DynamoDB: all but the rows."""
    tables = AccountRegionScopedDict()
    for (account, region, name), table in dynamodb._tables.all_items():
        definition = {key: value for key, value in table.items() if key not in NOT_IN_THE_SNAPSHOT}
        tables.set_scoped(account, region, name, copy.deepcopy(definition) | {"items": {}})
    return {"tables": tables} | {name: copy.deepcopy(getattr(dynamodb, f"_{name}")) for name in OTHER_STATE}


def restore(journal: RowJournal) -> None:
    """Fill the tables, once MiniStack has loaded their definitions."""
    scopes = {table["TableArn"]: scope for scope, table in dynamodb._tables.all_items()}
    for table_arn, partition_key, sort_key, item in journal.rows():
        if table_arn in scopes:
            dynamodb._tables.get_scoped(*scopes[table_arn])["items"][partition_key][sort_key] = item
    for table_arn, scope in scopes.items():
        dynamodb._update_counts(dynamodb._tables.get_scoped(*scope))
        records, end = journal.stream_records(table_arn), journal.stream_end(table_arn)
        dynamodb._stream_records.set_scoped(*scope, records)
        dynamodb._stream_trimmed.set_scoped(*scope, end - len(records))
    _restore_readers(journal)


def _restore_readers(journal: RowJournal) -> None:
    for account, region, mapping in lambda_svc._iter_all_esms():
        position = journal.reader(mapping["UUID"])
        if position is not None:
            lambda_svc._dynamodb_stream_positions.set_scoped(account, region, mapping["UUID"], position)
