"""FLOPs, wall time, memory and break-even of prompt compression, always in passes of their own."""
