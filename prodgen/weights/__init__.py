"""Model files: which there are, where they come from, and how one gets here whole.

Owns `weights.toml`, the checks a file must pass before it takes its name, and the download program behind
`download_weights.sh`. Uses the standard library alone, and imports nothing else of prodgen: the program must
run on a bare GPU box, before prodgen is installed. What the licences mean for a recipe is said by
`prodgen.licensing`.
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
