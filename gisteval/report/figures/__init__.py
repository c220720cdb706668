"""Figures of a report: what can be drawn from some runs is drawn. Importing this needs no matplotlib."""

from gisteval.report.figures.drawn import RunFigure, draw_figures

__all__ = ["RunFigure", "draw_figures"]
