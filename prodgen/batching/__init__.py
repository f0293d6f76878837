"""A catalogue run from sheet to report."""
