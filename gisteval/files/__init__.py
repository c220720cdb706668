"""Files of others: their names, their size and their form."""
