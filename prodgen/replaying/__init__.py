"""A picture once more, from what its file tells of how it was made: product shots and pictures from words.

`makers` know what each program writes into its pictures, `recorded` reads the file, `meanings` translates
what it tells into a job, `fitting` looks up every name on the server at hand, `differences` compares the two
pictures, and `replays` holds the call that does it all.
"""

from prodgen.replaying.differences import Difference
from prodgen.replaying.recorded import RecordedJob, RecordedShot, RecordedWorkflow, read_recorded
from prodgen.replaying.replays import Replay, replay

__all__ = [
    "Difference",
    "RecordedJob",
    "RecordedShot",
    "RecordedWorkflow",
    "Replay",
    "read_recorded",
    "replay",
]
