"""Which systems a run compares: candidates with their positive and negative controls.

system      one row of the result: a checkpoint read through a compressor
requested   the systems of the compressors that were asked for
build       all systems of a folder
"""

from gisteval.suite.build import Suite, SuiteOptions, build_suite
from gisteval.suite.system import Role, System

__all__ = ["Role", "Suite", "SuiteOptions", "System", "build_suite"]
