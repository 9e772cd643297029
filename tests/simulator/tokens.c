/* The simulated tokenizer and the words of the answers. A token is a byte, a special token or one of 32 words, with or
 * without a blank before it; the leftmost longest match counts, as with the added tokens of a tokenizer.json. The words
 * of an answer are drawn from a hash of every token of the context, so that another context gives another answer. */
#include <stdlib.h>
#include <string.h>

#include "sim.h"

static const char *SPECIAL[] = {"<|im_start|>", "<|im_end|>", "<think>", "</think>", "<|endoftext|>"};
static const char *WORDS[WORD_COUNT] = {
    "amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heron", "iris",  "jade",  "kelp",
    "larch", "maple", "north", "ochre", "pearl", "quail", "ridge", "stone", "thyme", "umber", "viola",
    "wharf", "xenon", "yucca", "zebra", "acorn", "basil", "coral", "dune",  "elm",   "fern",
};

void tokens_add(Tokens *tokens, int32_t id) {
    if (tokens->count == tokens->room) {
        tokens->room = tokens->room ? 2 * tokens->room : 256;
        tokens->ids = realloc(tokens->ids, sizeof(int32_t) * tokens->room);
    }
    tokens->ids[tokens->count++] = id;
}

/* Returns the id of the longest token at the start of `text` and stores its length in `length`. */
static int32_t longest(const char *text, int *length) {
    for (int i = 0; *text == '<' && i < 5; i++)
        if (!strncmp(text, SPECIAL[i], *length = strlen(SPECIAL[i]))) return IM_START + i;
    int blank = *text == ' ';
    for (int i = 0; i < WORD_COUNT; i++) {
        *length = strlen(WORDS[i]);
        if (!strncmp(text + blank, WORDS[i], *length)) {
            *length += blank;
            return FIRST_WORD + 2 * i + blank;
        }
    }
    *length = 1;
    return (unsigned char)*text;
}

void tokens_text(Tokens *tokens, const char *text) {
    for (int length; *text; text += length) tokens_add(tokens, longest(text, &length));
}

/* Stores the bytes of a token in `out` (at most 16, with a NUL at the end) and returns their number. */
int token_bytes(int32_t id, char *out) {
    out[0] = 0;
    if (id >= 0 && id < 256) {
        out[0] = id;
        out[1] = 0;
        return 1;
    }
    if (id < FIRST_WORD) return strlen(strcpy(out, SPECIAL[id - IM_START]));
    int word = (id - FIRST_WORD) / 2, blank = (id - FIRST_WORD) % 2;
    strcat(strcpy(out, blank ? " " : ""), WORDS[word]);
    return strlen(out);
}

/* Returns the text of the tokens; the caller frees it. */
char *tokens_string(const Tokens *tokens) {
    char *text = calloc(tokens->count + 1, 16), *end = text;
    for (int i = 0; i < tokens->count; i++) end += token_bytes(tokens->ids[i], end);
    return text;
}

/* The step of the hash; model.py has the same. */
static uint64_t mixed(uint64_t hash, uint64_t value) {
    hash = (hash ^ value) * 0x100000001b3u;
    return hash ^ (hash >> 29);
}

static uint64_t fingerprint(const Tokens *context, int count) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (int i = 0; i < count; i++) hash = mixed(hash, (uint32_t)context->ids[i]);
    return hash;
}

/* Word `index` of the answer to `context`; all but the first have a blank before them. */
int32_t answer_word(const Tokens *context, int index) {
    uint64_t hash = mixed(mixed(fingerprint(context, context->count), index), 7);
    return FIRST_WORD + 2 * (int)(hash % WORD_COUNT) + (index > 0);
}

int answer_length(const Tokens *context) { return 4 + (int)(mixed(fingerprint(context, context->count), 1) % 9); }

/* Number `index` of the hidden state after the first `count` tokens, from -1 to 1. */
float hidden_state(const Tokens *context, int count, int index) {
    return ((int)(mixed(mixed(fingerprint(context, count), index), 11) % 2001) - 1000) / 1000.0f;
}
