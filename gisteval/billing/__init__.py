"""What a usage log costs under dated prices, served in several ways."""
