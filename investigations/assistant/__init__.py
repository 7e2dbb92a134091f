"""The assistant: a language model drafts texts from evidence, and code keeps what cites it. Off unless one is named."""
