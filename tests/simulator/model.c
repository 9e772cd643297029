/* Read the simulated model file (a magic line, then "key: value" lines), write the log, produce the faults of a load. */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sim.h"

void sim_misuse(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fflush(stdout);
    fprintf(stderr, "SIMULATED RKLLM MISUSED: ");
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    abort();
}

/* Writes a line like the real library's. Information goes to stdout, which is block-buffered over a pipe, the rest to
 * stderr. */
void sim_log(char level, const char *format, ...) {
    FILE *stream = level == 'I' && strcmp(sim_word("RKLLM_SIM_LOG", "stdout"), "stderr") ? stdout : stderr;
    va_list args;
    va_start(args, format);
    fprintf(stream, "%c rkllm: ", level);
    vfprintf(stream, format, args);
    fprintf(stream, "\n");
    va_end(args);
}

const char *sim_word(const char *name, const char *fallback) {
    const char *value = getenv(name);
    return value && *value ? value : fallback;
}

int sim_number(const char *name, int fallback) { return atoi(sim_word(name, "")) ?: (getenv(name) ? 0 : fallback); }

void sim_sleep_us(long us) {
    struct timespec rest = {us / 1000000, us % 1000000 * 1000};
    while (us > 0 && nanosleep(&rest, &rest) && errno == EINTR) continue;
}

double sim_now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

/* Copies a value, with \n as a line end. */
static void copy_value(char *to, size_t room, const char *from) {
    for (; *from && room > 1; room--) {
        int newline = from[0] == '\\' && from[1] == 'n';
        *to++ = newline ? '\n' : *from;
        from += 1 + newline;
    }
    *to = 0;
}

#define FIELD(field) else if (!strcmp(key, #field)) copy_value(model->field, sizeof model->field, value)
#define COUNT(field) else if (!strcmp(key, #field)) model->field = atoi(value)

static void set(Model *model, const char *key, const char *value) {
    if (!*key) return;
    FIELD(platform);
    FIELD(dtype);
    FIELD(toolkit);
    FIELD(load_fault);
    FIELD(system);
    FIELD(prefix);
    FIELD(postfix);
    COUNT(context_limit);
    COUNT(npu_cores);
    COUNT(thinking);
    COUNT(load_ms);
    COUNT(prefill_us);
    COUNT(embd);
    else sim_misuse("the model file has an unknown key %s", key);
}

/* The values of a model file without keys. */
static const Model PLAIN = {
    .platform = "RK3588", .dtype = "W8A8", .toolkit = "1.2.1", .context_limit = 4096, .npu_cores = 3, .embd = 16,
    .system = "<|im_start|>system\nYou are a simulation.<|im_end|>\n",
    .prefix = "<|im_start|>user\n", .postfix = "<|im_end|>\n<|im_start|>assistant\n",
};

/* Reads a model file; returns 0, or logs why not and returns -1. */
int sim_read_model(const char *path, Model *model) {
    char line[1024];
    FILE *file = path ? fopen(path, "r") : NULL;
    *model = PLAIN;
    if (!file) {
        sim_log('E', "load model file error!");
        return -1;
    }
    int good = fgets(line, sizeof line, file) && !strncmp(line, SIM_MAGIC, strlen(SIM_MAGIC));
    while (good && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        char *value = strstr(line, ": ");
        if (!value) continue;
        *value = 0;
        set(model, line, value + 2);
    }
    fclose(file);
    if (good) return 0;
    fprintf(stderr, "E RKNN: invalid rknn llm model magic\n");
    sim_log('E', "invalid rkllm model!");
    return -1;
}

/* Faults of a load that log a line and return -1; the lines are the real library's, with its spelling. */
static const struct { const char *name, *line; } LINES[] = {
    {"magic", "invalid rkllm model!"},
    {"no_module", "failed to open rknpu module, need to insmod rknpu dirver!"},
    {"no_device", "failed to open rknn device!"},
    {"no_memory", "failed to malloc npu memory"},
    {"init_failed", "rkllm_init failed"},
    {"load_error", "load model file error!"},
    {"cpus", "The number of enabled CPUs must be greater than or equal to the number of NPU cores."},
    {"no_tokenizer", "Tokenizer is unavailable: the model has none"},
    {"no_embedding", "Model has no embedding layer and no embed callback provided."},
};

/* Produces the fault `name`; returns what `rkllm_init` returns then, 1 to go on with the load. */
int sim_load_fault(const char *name, LLMHandle *handle) {
    if (!*name) return 1;
    for (size_t i = 0; i < sizeof LINES / sizeof *LINES; i++)
        if (!strcmp(name, LINES[i].name)) {
            sim_log('E', "%s", LINES[i].line);
            return -1;
        }
    if (!strcmp(name, "hang")) for (;;) pause();
    if (!strcmp(name, "segv")) raise(SIGSEGV);
    if (!strcmp(name, "exit")) exit(7);
    if (!strcmp(name, "abort")) abort();
    if (!strcmp(name, "silent")) return -1;
    if (!strcmp(name, "null_handle")) {
        *handle = NULL;
        return 0;
    }
    if (!strcmp(name, "platform")) {
        fprintf(stderr, "Platform error: must be either RK3588 or RK3576\n");
        return -1;
    }
    if (!strcmp(name, "old_driver")) {
        fprintf(stderr, "W rkllm: Warning: Your rknpu driver version is too low, please upgrade to 0.9.7\n");
        return 1;
    }
    sim_misuse("unknown load fault %s", name);
}
