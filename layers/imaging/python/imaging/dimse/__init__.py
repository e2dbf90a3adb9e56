"""DIMSE, PS3.7 and PS3.8: messages to the model and back."""
