"""Write the grammar that llama.cpp enforces: that of the answer, behind the reasoning if the prompt has opened one.

llama.cpp has llguidance inside and uses it for texts that begin as these do. Its own grammars are not used: they leave
out most of JSON schema without a word, and a bound in reverse order takes all memory (measured).
"""

from __future__ import annotations

from services.core.grammar import ROOT, whole

CLOSING = {
    "<think>": "</think>",
    "<thinking>": "</thinking>",
    "<seed:think>": "</seed:think>",
    "[THINK]": "[/THINK]",
    "<|START_THINKING|>": "<|END_THINKING|>",
}
"""The tags that chat templates open reasoning with, and what ends it."""

OPTIONS = '{"no_forcing": true}'
"""With forcing, text that can only go on in one way is taken as the model's tokenizer splits it. That makes a control
token of text that looks like one. No grammar has a place for it, so llama.cpp would go on without the grammar."""


def grammar_text(rules: str, prompt: str) -> str:
    """Return the grammar of an answer with `rules`, for the rendered `prompt` of a chat; empty for a raw one.

    A grammar holds from the first token on, so reasoning that the prompt has opened is a part of it: text of any
    length, up to its closing tag. A model that opens its reasoning itself cannot do that here, and answers at once.
    """
    closing = next((close for tag, close in CLOSING.items() if prompt.rstrip().endswith(tag)), "")
    if not closing:
        return whole(rules, options=OPTIONS)
    end = f'thinking[suffix="{closing}"]: /(?s:.*)/\nbreak: /\\n{{0,2}}/\n'
    return whole(end + rules, f"thinking break {ROOT}", OPTIONS)
