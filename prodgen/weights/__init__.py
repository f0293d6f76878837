"""Model files: which there are, where they come from, what their owners allow, and how they are downloaded.

Owns `weights.toml`, the checks that a file must pass before it gets its name, and the download program behind
`download_weights.sh`. That program must run on a bare GPU box, before prodgen is installed: so the modules
here use the standard library alone and import nothing else of prodgen, except `licensing` and
`on_this_machine` (behind `prodgen weights`), which the program does not load.
"""

from prodgen.weights.manifest import (
    LIST_FILE,
    UNVERIFIED,
    Source,
    UnknownWeightError,
    Weight,
    WeightsListError,
    read_list,
)

__all__ = [
    "LIST_FILE",
    "UNVERIFIED",
    "Source",
    "UnknownWeightError",
    "Weight",
    "WeightsListError",
    "read_list",
]
