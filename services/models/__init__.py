"""Find the models on disk, read what their files say, and fetch and remove models.

``catalog`` lists the models folder, which ``walk`` searches. ``folder`` reads a folder: ``model_files`` chooses the
model in it, ``names`` makes its id and aliases, ``gguf`` and ``chat_templates`` read its files. ``manifest`` lists
models that can be fetched, ``fetch`` downloads them, ``store`` installs and removes them. The command for that is
``python -m services.models``. Of the server, the package imports `services.core` alone.
"""
