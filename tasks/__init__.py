"""The Celery app: `celery -A tasks worker`, `beat`, `flower`. What runs when, and on which queue, is in celeryconfig.py."""

from celery import Celery

app = Celery("tasks", config_source="celeryconfig")
