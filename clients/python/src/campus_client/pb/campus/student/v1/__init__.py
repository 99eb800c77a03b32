"""Generated from proto/ of the project."""
