"""Tasks: YAML that says where examples come from, and the examples."""

from gisteval.tasks.definition import Task, list_tasks, load_task

__all__ = ["Task", "list_tasks", "load_task"]
