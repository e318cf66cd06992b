"""The watcher: looks at the farm from outside of it, judges by alerts.toml and calls for help. Depends on nothing that it watches."""
