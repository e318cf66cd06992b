"""The file of settings and secrets (`.env`), and the same sealed by age (`.env.age`), which may lie beside the code.

What is in it is held in memory, in the file itself, and in a private folder while somebody edits it; nothing of it is ever told.
"""
