"""Figures of a report: what can be drawn from some runs is drawn. Importing this needs no matplotlib."""

from gisteval.report.figures.drawn import RunFigure, can_draw, draw_figures

__all__ = ["RunFigure", "can_draw", "draw_figures"]
