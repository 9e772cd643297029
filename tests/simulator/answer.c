/* One run: build the context, reuse its cached beginning, prefill, decode, and produce the faults on the way. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim.h"

#define RESERVED 4 /* tokens of the context that a prompt may not fill, by the real library's message */

typedef struct {
    Sim *sim;
    void *userdata;
    Orders orders;
    Tokens context;
    RKLLMPerfStat perf;
    int limit, emitted, hidden, over, failed, stuck;
    char pending[8];
} Answer;

/* Calls the callback with buffers that are overwritten and freed afterwards: a caller that keeps a pointer reads
 * garbage, as with the real library. `over` is set when the callback asks for the end of the run. */
static void report(Answer *answer, LLMCallState state, const char *text, int32_t id, int null_result) {
    RKLLMResult *result = calloc(1, sizeof *result);
    char *copy = text ? strdup(text) : NULL;
    result->text = copy;
    result->token_id = id;
    if (state == RKLLM_RUN_FINISH) result->perf = answer->perf;
    int returned = answer->sim->callback(null_result ? NULL : result, answer->userdata, state);
    if (returned < 0 || returned > (RKLLM_ABI >= 130 ? 2 : 1)) sim_misuse("the callback returned %d", returned);
    if (returned == 1) answer->over = 1;
    if (copy) memset(copy, 0xFF, strlen(copy));
    memset(result, 0xDD, sizeof *result);
    free(copy);
    free(result);
}

/* Appends the tokens of `input`. A prompt gets the template, and the system prompt at the start of a context. */
static void append_input(Sim *sim, RKLLMInput *input, Tokens *into) {
    int wrapped = input->input_type == RKLLM_INPUT_TOKEN && sim_number("RKLLM_SIM_TOKEN_TEMPLATE", 0);
    if (wrapped && !into->count) tokens_text(into, sim->model.system);
    if (wrapped) tokens_text(into, sim->model.prefix);
    if (input->input_type == RKLLM_INPUT_TOKEN) {
        for (size_t i = 0; i < input->token_input.n_tokens; i++) {
            int32_t id = input->token_input.input_ids[i];
            if (id < 0 || id >= FIRST_WORD + 2 * WORD_COUNT)
                sim_misuse("token %d is not in the vocabulary", id);
            tokens_add(into, id);
        }
        if (wrapped) tokens_text(into, sim->model.postfix);
        return;
    }
    if (!into->count) tokens_text(into, sim->model.system);
    else if (into->count > sim->system_tokens) tokens_text(into, "<|im_end|>\n");
    tokens_text(into, sim->model.prefix);
    tokens_text(into, input->prompt_input);
    tokens_text(into, sim->model.postfix);
    if (sim->model.thinking && !input->enable_thinking) tokens_text(into, "<think>\n\n</think>\n\n");
}

/* Builds the context: with the history if the caller keeps it, and with RKLLM_SIM_KV=stale even if not, as one board
 * was reported to do. After an abort the cache is in the context too: no document says that it is not. */
static void build_context(Answer *answer, RKLLMInput *input, RKLLMInferParam *infer) {
    Sim *sim = answer->sim;
    int stale = !strcmp(sim_word("RKLLM_SIM_KV", "clean"), "stale");
    if (infer->keep_history || stale || sim->dirty)
        for (int i = 0; i < sim->kv.count; i++) tokens_add(&answer->context, sim->kv.ids[i]);
    append_input(sim, input, &answer->context);
}

/* The number of tokens at the start that `a` and `b` share. */
static int common_prefix(const Tokens *a, const Tokens *b) {
    int count = 0;
    while (count < a->count && count < b->count && a->ids[count] == b->ids[count]) count++;
    return count;
}

/* Produces the run's fault. Some end the process, some wait for an abort, some end the run. */
static void fault(Answer *answer) {
    const char *name = answer->orders.fault;
    Sim *sim = answer->sim;
    while (*answer->orders.until && access(answer->orders.until, F_OK) && !sim->abort_requested) sim_sleep_us(1000);
    if (!strcmp(name, "segv")) raise(SIGSEGV);
    if (!strcmp(name, "exit")) _exit(7);
    if (!strcmp(name, "abort")) abort();
    if (!strcmp(name, "hang")) for (;;) pause();
    if (!strcmp(name, "stall")) while (!sim->abort_requested) sim_sleep_us(1000);
    if (!strcmp(name, "slow_abort")) {
        while (!sim->abort_requested) sim_sleep_us(1000);
        sim_sleep_us(1000L * answer->orders.ms);
    }
    if (!strcmp(name, "pause")) sim_sleep_us(1000L * answer->orders.ms);
    if (!strcmp(name, "null_text")) report(answer, RKLLM_RUN_NORMAL, NULL, 0, 0);
    if (!strcmp(name, "null_result")) report(answer, RKLLM_RUN_NORMAL, NULL, 0, 1);
    if (!strcmp(name, "error") || !strcmp(name, "error_return_0")) {
        fprintf(stderr, "E rkllm: matmul(w8a8) run failed");
        report(answer, RKLLM_RUN_ERROR, NULL, 0, 1);
        answer->over = answer->failed = 1;
    }
    if (!strcmp(name, "fail")) answer->over = answer->failed = 1;
    if (!strcmp(name, "silent")) answer->over = answer->stuck = 1;
}

/* Drops the first `count` tokens. */
static void drop_front(Tokens *tokens, int count) {
    tokens->count -= count;
    memmove(tokens->ids, tokens->ids + count, sizeof(int32_t) * tokens->count);
}

/* Computes the tokens that are not cached. */
static void prefill(Answer *answer) {
    Sim *sim = answer->sim;
    int cached = common_prefix(&sim->kv, &answer->context), fresh = answer->context.count - cached;
    long us = sim_number("RKLLM_SIM_PREFILL_US", sim->model.prefill_us);
    double start = sim_now_ms();
    if (cached == answer->context.count) cached--, fresh++; /* the last token must be computed for its logits */
    sim->kv.count = cached;
    for (int i = cached; i < answer->context.count; i++) {
        tokens_add(&sim->kv, answer->context.ids[i]);
        if (sim->abort_requested && sim_number("RKLLM_SIM_ABORT_CUTS_PREFILL", 0)) break;
        if (us) sim_sleep_us(us);
    }
    if (answer->orders.at < 0) fault(answer);
    answer->perf.prefill_tokens = fresh;
    answer->perf.prefill_time_ms = sim_now_ms() - start;
}

/* Reports `text`; with the order `waiting`, reports WAITING until its bytes are complete UTF-8. */
static void emit(Answer *answer, const char *text, int32_t id, int last) {
    char joined[64];
    snprintf(joined, sizeof joined, "%s%s", answer->pending, text);
    int lead = 0, need = 1;
    for (int i = 0; joined[i]; i++)
        if ((joined[i] & 0xC0) != 0x80) lead = i;
    unsigned char first = joined[lead];
    need = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    if (answer->orders.waiting && (int)strlen(joined) - lead < need && !last) {
        snprintf(answer->pending, sizeof answer->pending, "%.7s", joined);
        report(answer, RKLLM_RUN_WAITING, NULL, id, 0);
    } else {
        answer->pending[0] = 0;
        int in_finish = last && !strcmp(answer->orders.fault, "finish_text");
        answer->perf.generate_tokens = answer->emitted + 1;
        report(answer, in_finish ? RKLLM_RUN_FINISH : RKLLM_RUN_NORMAL, answer->orders.waiting ? joined : text, id, 0);
        if (in_finish) answer->over = 1;
    }
}

/* Deals with a full context; returns 1 if the run is over. No document says what the library does. */
static int full(Answer *answer) {
    const char *how = sim_word("RKLLM_SIM_FULL", "error");
    if (!strcmp(how, "shift")) {
        drop_front(&answer->sim->kv, answer->sim->kv.count / 2);
        return 0;
    }
    answer->over = 1;
    if (!strcmp(how, "finish")) return 1;
    fprintf(stderr, "E rkllm: the context is full\n");
    report(answer, RKLLM_RUN_ERROR, NULL, 0, 1);
    return answer->failed = 1;
}

/* Generates one token: first the fault, then the time it takes, then the callback. */
static void step(Answer *answer, const char *text, int32_t id, int last) {
    if (answer->over) return;
    if (answer->emitted == answer->orders.at && answer->orders.fault[0]) fault(answer);
    if (answer->orders.token_us) sim_sleep_us(answer->orders.token_us);
    if (answer->sim->abort_requested || answer->over) {
        if (!answer->over) { /* one more token is generated and counted, and not shown */
            answer->hidden++;
            tokens_add(&answer->sim->kv, END_OF_TEXT);
        }
        answer->over = 1;
        return;
    }
    if (answer->sim->kv.count >= answer->sim->param.max_context_len && full(answer)) return;
    if (id < 256) for (const char *byte = text; *byte; byte++) tokens_add(&answer->sim->kv, (unsigned char)*byte);
    else tokens_add(&answer->sim->kv, id);
    int at_limit = answer->limit > 0 && answer->emitted + 1 >= answer->limit;
    emit(answer, text, id, last || at_limit);
    answer->emitted++;
    if (at_limit) answer->over = 1;
}

/* Answers with `text`, in pieces of `chunk` bytes. */
static void say_text(Answer *answer, const char *text) {
    char piece[16];
    int chunk = answer->orders.chunk > 0 && answer->orders.chunk < 16 ? answer->orders.chunk : 15;
    for (int length = strlen(text), i = 0; i < length && !answer->over; i += chunk) {
        snprintf(piece, sizeof piece, "%.*s", chunk, text + i);
        step(answer, piece, 0, i + chunk >= length);
    }
}

/* Answers with the sampling values in effect. */
static void say_sampling(Answer *answer) {
    Sampling *s = &answer->sim->effective;
    char text[256];
    snprintf(text, sizeof text, "top_k=%d top_p=%.3f temperature=%.3f repeat=%.3f frequency=%.3f presence=%.3f limit=%d",
             s->top_k, s->top_p, s->temperature, s->repeat, s->frequency, s->presence, answer->limit);
    say_text(answer, text);
}

/* Answers with words drawn from the context. */
static void say_words(Answer *answer) {
    int count = answer->orders.tokens ? answer->orders.tokens : answer_length(&answer->context);
    if (answer->sim->endless) count = answer->sim->param.max_context_len;
    char text[32];
    for (int i = 0; i < count && !answer->over; i++) {
        int32_t id = answer_word(&answer->context, i);
        token_bytes(id, text);
        step(answer, text, id, i == count - 1);
    }
}

/* Writes a reasoning, unless the model does not think or the prompt switched it off. The prompt may have opened it. */
static void think(Answer *answer) {
    char *context = tokens_string(&answer->context), text[32];
    const char *end = "</think>\n\n";
    size_t length = strlen(context);
    int switched_off = length >= strlen(end) && !strcmp(context + length - strlen(end), end);
    int begun = length >= 8 && !strcmp(context + length - 8, "<think>\n");
    free(context);
    if (!answer->sim->model.thinking || switched_off) return;
    int32_t reasoning[] = {THINK, '\n', answer_word(&answer->context, 99), '\n', THINK_END, '\n', '\n'};
    for (size_t i = begun ? 2 : 0; i < sizeof reasoning / sizeof *reasoning; i++) {
        token_bytes(reasoning[i], text);
        step(answer, text, reasoning[i], 0);
    }
}

/* Generates the answer and measures it. */
static void decode(Answer *answer) {
    double start = sim_now_ms();
    if (answer->orders.say[0]) say_text(answer, answer->orders.say);
    else if (answer->orders.show_sampling) say_sampling(answer);
    else {
        think(answer);
        say_words(answer);
    }
    answer->perf.generate_tokens = answer->emitted + answer->hidden;
    answer->perf.generate_time_ms = sim_now_ms() - start;
    answer->perf.memory_usage_mb = 123.5f;
}

/* Reports the hidden states in one callback, a row of `size` floats per computed token. Release 1.3.0 keeps the buffer
 * unless the callback returns 2. */
static void report_hidden(Answer *answer) {
    int size = answer->sim->model.embd, rows = answer->perf.prefill_tokens, first = answer->context.count - rows;
    size_t bytes = sizeof(float) * size * rows;
    float *states = malloc(bytes);
    RKLLMResult result = {.token_id = -1, .last_hidden_layer = {states, size, rows}};
    if (answer->limit > 1) sim_misuse("hidden states of a run that may generate %d tokens", answer->limit);
    for (int row = 0; row < rows; row++)
        for (int i = 0; i < size; i++) states[row * size + i] = hidden_state(&answer->context, first + row + 1, i);
    if (!strcmp(answer->orders.fault, "no_hidden")) result.last_hidden_layer.hidden_states = NULL;
    int returned = answer->sim->callback(&result, answer->userdata, RKLLM_RUN_NORMAL);
    if (result.last_hidden_layer.hidden_states && returned != (RKLLM_ABI >= 130 ? 2 : 0))
        sim_misuse("the callback returned %d for hidden states", returned);
    memset(states, 0xFF, bytes);
    free(states);
}

/* Logs the statistics of a run as the real library does. */
static void log_table(const Answer *answer) {
    const RKLLMPerfStat *p = &answer->perf;
    if (sim_number("RKLLM_LOG_LEVEL", 0) < 1) return;
    sim_log('I', "%.86s", "--------------------------------------------------------------------------------------");
    sim_log('I', " Stage         Total Time (ms)  Tokens    Time per Token (ms)      Tokens per Second");
    sim_log('I', " Prefill       %-16.2f %-9d %-24.2f %.2f", p->prefill_time_ms, p->prefill_tokens,
            p->prefill_time_ms / (p->prefill_tokens ? p->prefill_tokens : 1),
            p->prefill_tokens * 1e3 / (p->prefill_time_ms > 0 ? p->prefill_time_ms : 1));
    sim_log('I', " Generate      %-16.2f %-9d %-24.2f %.2f", p->generate_time_ms, p->generate_tokens,
            p->generate_time_ms / (p->generate_tokens ? p->generate_tokens : 1),
            p->generate_tokens * 1e3 / (p->generate_time_ms > 0 ? p->generate_time_ms : 1));
    sim_log('I', " Peak Memory Usage (GB)  %.2f", p->memory_usage_mb / 1024);
}

/* Reports the end of a run that did not fail. */
static void finish(Answer *answer) {
    const char *name = answer->orders.fault;
    if (answer->failed || answer->stuck || !strcmp(name, "no_finish") || !strcmp(name, "finish_text")) return;
    report(answer, RKLLM_RUN_FINISH, strcmp(name, "finish_empty") ? NULL : "", -1, 0);
    if (!strcmp(name, "two_finish")) report(answer, RKLLM_RUN_FINISH, NULL, -1, 0);
    log_table(answer);
}

/* Ends the run. With the fault "linger" the call returns late, after FINISH: an abort in between stops the next run,
 * since no document says otherwise. */
static void end(Answer *answer, int keep) {
    Sim *sim = answer->sim;
    int broken = sim->abort_requested || answer->failed || answer->stuck;
    sim->dirty = sim->abort_requested;
    sim->abort_requested = 0;
    finish(answer);
    if (!strcmp(answer->orders.fault, "linger")) sim_sleep_us(1000L * answer->orders.ms);
    if (!keep && !broken && !strcmp(sim_word("RKLLM_SIM_KV", "clean"), "stale")) sim->kv.count = 0;
    free(answer->context.ids);
}

/* Runs one input and returns what `rkllm_run` returns: 0, or -1 for a failure. */
int sim_run(Sim *sim, RKLLMInput *input, RKLLMInferParam *infer, void *userdata) {
    Answer answer = {.sim = sim, .userdata = userdata, .limit = sim->param.max_new_tokens};
    int most = sim->param.max_context_len - RESERVED;
#if RKLLM_ABI >= 130
    if (infer->max_new_tokens > 0) answer.limit = infer->max_new_tokens;
#endif
    build_context(&answer, input, infer);
    char *text = tokens_string(&answer.context);
    orders_read(text, &answer.orders);
    free(text);
    int dropped = answer.context.count - most;
    const char *overflow = sim_word("RKLLM_SIM_OVERFLOW", "error");
    if (dropped > 0 && !strcmp(overflow, "shift")) {
        drop_front(&answer.context, dropped);
        prefill(&answer);
        answer.perf.prefill_tokens += dropped;
        if (!answer.over) decode(&answer);
    } else if (dropped > 0) {
        fprintf(stderr, "error: prompt gather than max context (prompt: %d tokens, max context: %d)\n",
                answer.context.count, most);
        if (strcmp(overflow, "silent")) report(&answer, RKLLM_RUN_ERROR, NULL, 0, 1);
        answer.failed = 1;
    } else {
        prefill(&answer);
        if (!answer.over && infer->mode == RKLLM_INFER_GET_LAST_HIDDEN_LAYER) report_hidden(&answer);
        else if (!answer.over) decode(&answer);
    }
    int failed = answer.failed && strcmp(answer.orders.fault, "error_return_0");
    end(&answer, infer->keep_history);
    return failed ? -1 : 0;
}
