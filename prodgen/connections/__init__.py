"""HTTP as prodgen speaks it: lines to one server, total deadlines, errors in its own words; knows no API."""
