"""Texts to token ids: templates, segments and chats."""
