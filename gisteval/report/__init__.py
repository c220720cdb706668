"""Tables and pages made from result rows; works without torch."""
