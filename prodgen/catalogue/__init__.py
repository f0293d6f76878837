"""Catalogues: sheets of products (folder, CSV, XLSX, JSON, Parquet), read into orders, lazily."""

from __future__ import annotations

from prodgen.catalogue.order import Order

__all__ = ["Order"]
