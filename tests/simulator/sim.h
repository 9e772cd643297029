/* The simulated runtime's own types. README.md beside this file says what it does and how tests control it. */
#ifndef SIM_H
#define SIM_H

#include <pthread.h>

#include "rkllm.h"

#define SIM_MAGIC "RKLLM-SIMULATED 1"

enum { IM_START = 256, IM_END, THINK, THINK_END, END_OF_TEXT, FIRST_WORD, WORD_COUNT = 32 };

typedef struct {
    char platform[32], dtype[32], toolkit[32], load_fault[32];
    char system[512], prefix[256], postfix[256];
    int context_limit, npu_cores, thinking, load_ms, prefill_us, embd;
} Model;

/* A list of tokens that grows. */
typedef struct {
    int32_t *ids;
    int count, room;
} Tokens;

/* What one run must do, from [[...]] at the end of the last user message, else from the environment. */
typedef struct {
    char fault[32], say[512], until[256];
    int at, tokens, token_us, ms, chunk, waiting, show_sampling, found;
} Orders;

typedef struct {
    int32_t top_k;
    float top_p, temperature, repeat, frequency, presence;
    int32_t mirostat;
    float tau, eta;
} Sampling;

typedef struct {
    Model model;
    RKLLMParam param;
    LLMResultCallback callback;
    void *userdata;
    Tokens kv;
    int system_tokens, dirty, endless;
    Sampling init, effective;
    volatile int abort_requested, running;
    pthread_t thread;
} Sim;

/* model.c; sim_misuse ends the process as a crash on a board would, but with a line that says why. */
_Noreturn void sim_misuse(const char *format, ...) __attribute__((format(printf, 1, 2)));
void sim_log(char level, const char *format, ...) __attribute__((format(printf, 2, 3)));
int sim_number(const char *name, int fallback);
const char *sim_word(const char *name, const char *fallback);
void sim_sleep_us(long us);
double sim_now_ms(void);

int sim_read_model(const char *path, Model *model);
int sim_load_fault(const char *name, LLMHandle *handle);

/* tokens.c */
void tokens_add(Tokens *tokens, int32_t id);
void tokens_text(Tokens *tokens, const char *text);
int token_bytes(int32_t id, char *out);
char *tokens_string(const Tokens *tokens);
int32_t answer_word(const Tokens *context, int index);
int answer_length(const Tokens *context);
float hidden_state(const Tokens *context, int count, int index);

/* orders.c */
void orders_read(const char *context, Orders *orders);

/* answer.c */
int sim_run(Sim *sim, RKLLMInput *input, RKLLMInferParam *infer, void *userdata);

#endif
