"""Facts of the standard, each module naming its Part."""
