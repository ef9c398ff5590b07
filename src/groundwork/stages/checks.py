"""The checks stage looks for leaks, copies and shifts in the prepared data, and writes ``checks.json``."""

from groundwork.checks.alarms import CHECKS, described, to_json
from groundwork.checks.run import run as checked
from groundwork.data.load import load
from groundwork.files import write_json
from groundwork.stages.job import Job


def run(job: Job) -> str:
    """Check the prepared data of the job's lane; alarms are said, and stop nothing."""
    found = checked(job.competition, load(job.competition, job.prepared))
    write_json(job.place(job.results / CHECKS), to_json(job.lane_name, found))
    return "\n".join(f"{job.lane_name}: {line}" for line in described(found))
