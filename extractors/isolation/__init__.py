"""One disposable process for each document, and the only code that decides what runs in it."""
