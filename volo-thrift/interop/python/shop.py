"""Lists offerings and creates an order at a running `shop serve`: shop.py CATALOG ORDERING."""

import re
import sys

from peer import cell, connect, everywhere, expect, finish
from tmf620 import ProductCatalogService
from tmf622 import ProductOrderingService
from tmf622.ttypes import (
    CancelProductOrderCreate,
    OrderItemAction,
    OrderState,
    ProductOrderCreate,
    ProductOrderItem,
    TaskState,
)
from tmf_common.ttypes import ApiError, EntityRef, ListQuery, NotFound


def launched(**more):
    return ListQuery(filter={"lifecycleStatus": ["Launched"]}, **more)


def list_offerings(catalog):
    """Walks all pages; gives the id of an offering that can be ordered."""
    seen, total = {}, None
    while total is None or len(seen) < total:
        page = catalog.listProductOffering(launched(fields=[], offset=len(seen), limit=7))
        total = page.totalCount
        expect(page.resultCount, len(page.items), "resultCount")
        if not page.items:
            raise AssertionError(f"an empty page after {len(seen)} of {total}")
        for offering in page.items:
            expect(offering.lifecycleStatus, "Launched", "lifecycleStatus")
            if not (offering.name and re.fullmatch("[A-Z]{3}", offering.currency) and offering.price > 0):
                raise AssertionError(f"an incomplete offering: {offering}")
            seen[offering.id] = offering
    expect(len(seen), total, "offerings listed")
    one = next(iter(seen.values()))
    expect(catalog.retrieveProductOffering(one.id), one, "the offering, retrieved")
    expect(catalog.batchRetrieveProductOffering({one.id, "nothing"}), {one.id: one}, "a batch")
    return one.id


def throws(exception, call, **wanted):
    """Calls and checks the fields of the exception it must throw."""
    try:
        result = call()
    except exception as error:
        for field, value in wanted.items():
            expect(getattr(error, field), value, field)
        return
    raise AssertionError(f"{exception.__name__} was to be thrown, but: {result}")


def create_order(ordering, offering):
    item = ProductOrderItem(
        action=OrderItemAction.ADD,
        quantity=2,
        productOffering=EntityRef(id=offering),
        productOrderItem=[ProductOrderItem(productOffering=EntityRef(id=offering))],
    )
    order = ordering.createProductOrder(ProductOrderCreate(orderItem=[item]))
    expect(order.state, OrderState.ACKNOWLEDGED, "state")
    expect(order.orderItem, order.productOrderItem, "items under both names")
    expect([order.orderItem[0].id, order.orderItem[0].quantity], ["1", 2], "id and quantity of the item")
    expect(order.orderItem[0].productOrderItem[0].id, "1.1", "id of the nested item")
    expect(ordering.retrieveProductOrder(order.id), order, "the order, retrieved")
    return order


def walk(protocol, transport):
    catalog_address, ordering_address = sys.argv[1:]
    with (
        connect(ProductCatalogService.Client, catalog_address, protocol, transport) as catalog,
        connect(ProductOrderingService.Client, ordering_address, protocol, transport) as ordering,
    ):
        offering = list_offerings(catalog)
        throws(
            ApiError,
            lambda: catalog.listProductOffering(ListQuery(fields=[], filter={"colour": ["red"]})),
            status=400,
        )
        throws(NotFound, lambda: catalog.retrieveProductOffering("nothing"), resource="productOffering", id="nothing")

        order = create_order(ordering, offering)
        unknown = ProductOrderItem(productOffering=EntityRef(id="nothing"))
        throws(
            NotFound,
            lambda: ordering.createProductOrder(ProductOrderCreate(productOrderItem=[unknown])),
            resource="productOffering",
            id="nothing",
        )
        throws(ApiError, lambda: ordering.createProductOrder(ProductOrderCreate()), status=422)

        cancellation = CancelProductOrderCreate(productOrder=EntityRef(id=order.id))
        expect(ordering.createCancelProductOrder(cancellation).state, TaskState.DONE, "the cancellation's state")
        expect(ordering.retrieveProductOrder(order.id).state, OrderState.CANCELLED, "state after it")


for way in everywhere():
    cell(f"{' '.join(way)}: the shop", walk, *way)
finish()
