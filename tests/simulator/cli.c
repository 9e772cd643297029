/* A command-line program like the `rkllm` builds, on the simulated runtime: it prints and flushes the same way.
 *
 * It flushes stdout only before each read of stdin, as a C++ program's tied streams do. At the end of its input it
 * continues with empty prompts for ever. Switches: RKLLM_FAKE_MARKS=you prints the other known build's prompts,
 * RKLLM_FAKE_MULTILINE=1 reads up to a line __END__, RKLLM_FAKE_DEAF=1 prints a prompt that no known build prints.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rkllm.h"

static LLMHandle handle;
static const char *user_mark = "user: ", *answer_mark = "robot: ";

static const char *PRESETS[] = {
    "How many legs do two hens and three rabbits have?",
    "Write a poem about a bridge.",
};

static int is_set(const char *name) {
    const char *value = getenv(name);
    return value && *value;
}

static void on_interrupt(int number) {
    (void)number;
    printf("The program ends\n");
    rkllm_destroy(handle);
    exit(2);
}

static int on_result(RKLLMResult *result, void *userdata, LLMCallState state) {
    (void)userdata;
    if (state == RKLLM_RUN_FINISH) printf("\n");
    else if (state == RKLLM_RUN_ERROR) printf("\\run error\n");
    else if (state == RKLLM_RUN_NORMAL) printf("%s", result->text);
    return 0;
}

static int load(const char *path, int new_tokens, int context) {
    RKLLMParam param = rkllm_createDefaultParam();
    param.model_path = path;
    param.max_new_tokens = new_tokens;
    param.max_context_len = context;
    param.top_k = 1;
    param.n_keep = -1;
    param.skip_special_token = true;
    param.is_async = false;
    memset(&param.extend_param, 0, sizeof param.extend_param);
    param.extend_param.embed_flash = 1;
    param.extend_param.enabled_cpus_num = 4;
    param.extend_param.enabled_cpus_mask = 0xF0;
    param.extend_param.n_batch = 1;
#if RKLLM_ABI >= 130
    param.ignore_eos_token = false;
    RKLLMCallback callbacks = {.result_callback = on_result};
    return rkllm_init(&handle, &param, &callbacks);
#else
    param.img_start = param.img_end = param.img_content = "";
    return rkllm_init(&handle, &param, on_result);
#endif
}

/* Reads a line of stdin without its end; empty at the end of the input. */
static char *read_line(void) {
    static char *text;
    static size_t room;
    fflush(stdout);
    ssize_t length = getline(&text, &room, stdin);
    if (length < 0) return strdup("");
    if (length && text[length - 1] == '\n') text[length - 1] = 0;
    return strdup(text);
}

/* Reads lines up to the line __END__ and joins them. */
static char *read_lines(void) {
    char *all = read_line();
    for (char *next; strcmp(next = read_line(), "__END__"); free(next)) {
        all = realloc(all, strlen(all) + strlen(next) + 2);
        strcat(strcat(all, "\n"), next);
    }
    return all;
}

static void answer(const char *prompt) {
    RKLLMInput input;
    RKLLMInferParam infer;
    memset(&input, 0, sizeof input);
    memset(&infer, 0, sizeof infer);
    input.role = "user";
    input.input_type = RKLLM_INPUT_PROMPT;
    input.prompt_input = prompt;
    infer.mode = RKLLM_INFER_GENERATE;
    printf("%s", answer_mark);
    rkllm_run(handle, &input, &infer, NULL);
}

static void serve(int you, int multiline) {
    for (;;) {
        printf("\n%s", user_mark);
        char *text = multiline ? read_lines() : read_line();
        if (!strcmp(text, "exit") || (you && !strcmp(text, "quit"))) return;
        if (!strcmp(text, "clear")) {
            rkllm_clear_kv_cache(handle, 1, NULL, NULL);
            continue;
        }
        for (int i = 0; i < 2; i++)
            if (text[0] == '0' + i && !text[1]) printf("%s\n", text = strdup(PRESETS[i]));
        answer(text);
        free(text);
    }
}

int main(int argc, char **argv) {
    if (argc < 4) {
        fprintf(stderr, "Usage: %s model_path max_new_tokens max_context_len\n", argv[0]);
        return 1;
    }
    int you = is_set("RKLLM_FAKE_MARKS");
    if (you) user_mark = "You: ", answer_mark = "LLM: ";
    if (is_set("RKLLM_FAKE_DEAF")) user_mark = "> ";
    signal(SIGINT, on_interrupt);
    printf(you ? "RKLLM starting, please wait...\n" : "rkllm init start\n");
    if (load(argv[1], atoi(argv[2]), atoi(argv[3]))) {
        printf("rkllm init failed\n");
        exit(-1);
    }
    printf("rkllm init success\n\n[0] %s\n[1] %s\n\n", PRESETS[0], PRESETS[1]);
    serve(you, is_set("RKLLM_FAKE_MULTILINE"));
    rkllm_destroy(handle);
    return 0;
}
