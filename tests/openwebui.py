"""Requests in the formats of Open WebUI 0.12: its templates, its source tags, its two places for them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from services.core.message import Message, Messages, message

DEFAULT_TEMPLATE = """### Task:
Respond to the user query using the provided context, incorporating inline citations in the format [id] **only when the \
<source> tag includes an explicit id attribute** (e.g., <source id="1">).

### Guidelines:
- If you don't know the answer, clearly state that.
- **Only include inline citations using [id] (e.g., [1], [2]) when the <source> tag includes an id attribute.**
- Do not cite if the <source> tag does not contain an id attribute.
- Do not use XML tags in your response.

### Example of Citation:
If the user asks about a specific topic and the information is found in a source with a provided id attribute, the \
response should include the citation like in the following example:
* "According to the study, the proposed method increases efficiency by 20% [1]."

### Output:
Provide a clear and direct response to the user's query, including inline citations in the format [id] only when the \
<source> tag with id attribute is present in the context.

<context>
{{CONTEXT}}
</context>
"""
BARE_TEMPLATE = "{{CONTEXT}}"
APPLIANCE_TEMPLATE = "<context>\n{{CONTEXT}}\n</context>\n"
FIRST_APPLIANCE_TEMPLATE = """Answer the question at the end from the sources in <context>. After each statement put the id of its source in
square brackets, like [1]. If the sources do not answer the question, say so.

<context>
{{CONTEXT}}
</context>
"""
QUERY_TEMPLATE = DEFAULT_TEMPLATE + "\n<user_query>\n{{QUERY}}\n</user_query>\n"
"""Open WebUI's own in its version 0.6."""
TEMPLATES = {
    "default": DEFAULT_TEMPLATE,
    "bare": BARE_TEMPLATE,
    "appliance": APPLIANCE_TEMPLATE,
    "the appliance's first one": FIRST_APPLIANCE_TEMPLATE,
    "with the query": QUERY_TEMPLATE,
}

TITLE = """### Task:
Generate a concise, 3-5 word title with an emoji summarizing the chat history.
### Output:
JSON format: { "title": "your concise title here" }
### Chat History:
<chat_history>
USER: hi
ASSISTANT:
</chat_history>"""
"""Asked beside the first question of each chat, and not streamed."""

QUERY_GENERATION = """### Task:
Analyze the chat history to determine the necessity of generating search queries, in the given language. By default, \
**prioritize generating 1-3 broad and relevant search queries** unless it is absolutely certain that no additional \
information is required.

### Guidelines:
- When generating search queries, respond in the format: { "queries": ["query1", "query2"] }, ensuring each query is \
distinct, concise, and relevant to the topic.

### Output:
Strictly return in JSON format:
{
  "queries": ["query1", "query2"]
}

### Chat History:
<chat_history>
{{MESSAGES:END:6}}
</chat_history>
"""
"""Asked before each web search."""


def query_prompt(template: str, *said: str) -> str:
    """Return the prompt for search queries in a talk: `said` by the user and the assistant in turn."""
    roles = ("USER", "ASSISTANT") * len(said)
    talk = "\n".join(f"{role}: {text}" for role, text in zip(roles, said, strict=False))
    return re.sub(r"\{\{MESSAGES:END:\d+\}\}", lambda _: talk, template)


def web(number: int, query: str, text: str, title: str = "", url: str = "") -> str:
    """A search result; titles and addresses are there when ``RAG_SOURCE_METADATA_KEYS`` names them."""
    more = (f' title="{title}"' if title else "") + (f' source="{url}"' if url else "")
    return f'<source id="{number}" name="{query}" resource-type="web_search"{more}>{text}</source>\n'


def document(number: int, name: str, text: str) -> str:
    return f'<source id="{number}" name="{name}" resource-type="file" resource-id="5ad0c3e4-1111">{text}</source>\n'


def messages(
    question: str,
    sources: Sequence[str],
    template: str = DEFAULT_TEMPLATE,
    system: str = "",
    history: Messages = (),
    in_system: bool = False,
) -> Messages:
    """Return the messages of a chat with sources in its last message, or in the system message."""
    block = template.replace("{{CONTEXT}}", "".join(sources).strip()).replace("{{QUERY}}", question)
    if in_system:
        head = message("system", f"{system}\n{block}" if system else block)
        return (head, *history, message("user", question))
    heads = [message("system", system)] if system else []
    return (*heads, *history, message("user", f"{block}\n{question}"))


def as_json(messages: Iterable[Message]) -> list[dict[str, str]]:
    """Return messages of text as a client sends them."""
    return [{"role": each.role, "content": each.text} for each in messages]
