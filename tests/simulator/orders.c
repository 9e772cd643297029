/* Orders to the simulated runtime, in the prompt: [[fault=segv at=3 tokens=50 us=2000 ms=100 say=caf%C3%A9 chunk=1]]. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

static void unescaped(const char *from, char *to, size_t room) {
    for (; *from && room > 1; room--) {
        unsigned code;
        if (*from == '%' && sscanf(from + 1, "%2x", &code) == 1) {
            *to++ = code;
            from += 3;
        } else
            *to++ = *from++;
    }
    *to = 0;
}

static void order(const char *name, const char *value, Orders *orders) {
    if (!strcmp(name, "fault")) snprintf(orders->fault, sizeof orders->fault, "%s", value);
    else if (!strcmp(name, "at")) orders->at = atoi(value);
    else if (!strcmp(name, "tokens")) orders->tokens = atoi(value);
    else if (!strcmp(name, "us")) orders->token_us = atoi(value);
    else if (!strcmp(name, "ms")) orders->ms = atoi(value);
    else if (!strcmp(name, "chunk")) orders->chunk = atoi(value);
    else if (!strcmp(name, "waiting")) orders->waiting = atoi(value);
    else if (!strcmp(name, "sampling")) orders->show_sampling = atoi(value);
    else if (!strcmp(name, "until")) snprintf(orders->until, sizeof orders->until, "%s", value);
    else if (!strcmp(name, "say")) unescaped(value, orders->say, sizeof orders->say);
    else sim_misuse("unknown order %s", name);
}

/* The end of the last user turn in `text`: what the model was asked last, without the template around it. */
static char *asked_last(char *text) {
    char *turn = NULL;
    for (char *next = text; (next = strstr(next, "<|im_start|>user\n")); next++) turn = next;
    if (!turn) return text;
    char *end = strstr(turn, "<|im_end|>");
    if (end) *end = 0;
    return turn;
}

void orders_read(const char *context, Orders *orders) {
    *orders = (Orders){.at = sim_number("RKLLM_SIM_AT", 0), .token_us = sim_number("RKLLM_SIM_TOKEN_US", 0)};
    orders->tokens = sim_number("RKLLM_SIM_TOKENS", 0);
    orders->ms = 100;
    snprintf(orders->fault, sizeof orders->fault, "%s", sim_word("RKLLM_SIM_FAULT", ""));
    char *copy = strdup(context), *last = asked_last(copy), *start = NULL, *saved = NULL;
    size_t length = strlen(last);
    while (length && isspace((unsigned char)last[length - 1])) last[--length] = 0;
    if (length > 4 && !strcmp(last + length - 2, "]]")) {
        last[length - 2] = 0;
        for (char *next = last; (next = strstr(next, "[[")); next++) start = next;
    }
    orders->found = start != NULL;
    for (char *pair = start ? strtok_r(start + 2, " ", &saved) : NULL; pair; pair = strtok_r(NULL, " ", &saved)) {
        char *value = strchr(pair, '=');
        if (!value) sim_misuse("an order without '=': %s", pair);
        *value = 0;
        order(pair, value + 1, orders);
    }
    free(copy);
}
