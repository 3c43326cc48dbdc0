"""The messages: schemas, the native codec of the hot ones, and the codec of the others."""
