"""Figures of a report. Importing this package needs no matplotlib."""

from gisteval.report.figures.drawn import RunFigure, can_draw, draw_figures

__all__ = ["RunFigure", "can_draw", "draw_figures"]
