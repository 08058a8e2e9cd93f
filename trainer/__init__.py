"""A JSONL and a recipe in, a folder with a model and its measurements out. Runs as its own process."""


class TrainError(Exception):
    """A recipe, base model or dataset that cannot be trained; the message says what and what to do."""
