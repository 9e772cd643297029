"""Find the models on disk, read what their files say, and fetch and remove models.

``catalog`` lists the models folder, ``folder`` reads one model's folder, ``gguf`` and ``chat_templates`` read its
files. ``manifest`` lists models that can be fetched, ``fetch`` downloads them, ``store`` installs and removes them;
``python -m services.models`` is the command for that. Of the server, the package imports `services.core` alone.
"""
