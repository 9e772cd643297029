/* Read the orders in a prompt: [[fault=segv at=3 tokens=50 us=2000 ms=100 say=caf%C3%A9 chunk=1]]. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

/* Copies a text, with %C3 as the byte 0xC3: an order has no blanks. */
static void unescape(const char *from, char *to, size_t room) {
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

/* Sets one order. */
static void set_order(const char *name, const char *value, Orders *orders) {
    if (!strcmp(name, "fault")) snprintf(orders->fault, sizeof orders->fault, "%s", value);
    else if (!strcmp(name, "at")) orders->at = atoi(value);
    else if (!strcmp(name, "tokens")) orders->tokens = atoi(value);
    else if (!strcmp(name, "us")) orders->token_us = atoi(value);
    else if (!strcmp(name, "ms")) orders->ms = atoi(value);
    else if (!strcmp(name, "chunk")) orders->chunk = atoi(value);
    else if (!strcmp(name, "waiting")) orders->waiting = atoi(value);
    else if (!strcmp(name, "sampling")) orders->show_sampling = atoi(value);
    else if (!strcmp(name, "until")) snprintf(orders->until, sizeof orders->until, "%s", value);
    else if (!strcmp(name, "say")) unescape(value, orders->say, sizeof orders->say);
    else sim_misuse("unknown order %s", name);
}

/* The last user message in `text`, without the template around it; all of `text` without a template. */
static char *last_message(char *text) {
    char *message = NULL;
    for (char *next = text; (next = strstr(next, "<|im_start|>user\n")); next++) message = next;
    if (!message) return text;
    char *end = strstr(message, "<|im_end|>");
    if (end) *end = 0;
    return message;
}

/* Reads the orders at the end of the last user message, over the defaults from the environment. */
void orders_read(const char *context, Orders *orders) {
    *orders = (Orders){.at = sim_number("RKLLM_SIM_AT", 0), .token_us = sim_number("RKLLM_SIM_TOKEN_US", 0)};
    orders->tokens = sim_number("RKLLM_SIM_TOKENS", 0);
    orders->ms = 100;
    snprintf(orders->fault, sizeof orders->fault, "%s", sim_word("RKLLM_SIM_FAULT", ""));
    char *copy = strdup(context), *last = last_message(copy), *start = NULL, *saved = NULL;
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
        set_order(pair, value + 1, orders);
    }
    free(copy);
}
