/* The exported functions: each checks every argument against the release's layout, then does the work. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

#if RKLLM_ABI == 131
#define VERSION "1.3.1"
#elif RKLLM_ABI == 130
#define VERSION "1.3.0"
#else
#define VERSION "1.2.3"
#endif

/* The real library contains this text too: its release is read from it without loading it. */
__attribute__((used)) const char sim_version[] = "RKLLM SDK (version: " VERSION " (simulated), build: test)";

#define NEED(condition, ...) \
    if (!(condition)) sim_misuse(__VA_ARGS__)

/* A release with tails fills that of the defaults, and reads the others. */
#if RKLLM_ABI == 131
#define FILL_TAIL(param) memset((param)->tail, 0x5A, sizeof (param)->tail)
#define NEED_TAIL(value, byte, name) \
    for (size_t i = 0; i < sizeof (value)->tail; i++) NEED((value)->tail[i] == byte, "the tail of %s is not %d", name, byte)
#else
#define FILL_TAIL(param)
#define NEED_TAIL(value, byte, name)
#endif

/* The simulation behind a handle. */
static Sim *opened(LLMHandle handle) {
    NEED(handle, "a NULL handle");
    return handle;
}

RKLLMParam rkllm_createDefaultParam(void) {
    RKLLMParam param;
    memset(&param, 0xA5, sizeof param); /* fields whose default no manual documents are garbage here */
    param.top_k = 40;
    param.top_p = 0.9f;
    param.temperature = 0.8f;
    param.repeat_penalty = 1.1f;
    param.frequency_penalty = param.presence_penalty = 0;
    param.mirostat = 0;
    param.mirostat_tau = 5.0f;
    param.mirostat_eta = 0.1f;
    param.extend_param.enabled_cpus_num = 4;
    param.extend_param.n_batch = 1;
    param.extend_param.base_domain_id = 0;
    FILL_TAIL(&param);
    if (sim_number("RKLLM_SIM_SHIFTED", 0)) memmove((char *)&param + 20, (char *)&param + 16, sizeof param - 20);
    return param;
}

static void check_sampling(const Sampling *s) {
    NEED(s->top_k >= 1 && s->top_k <= 1000000, "top_k is %d", s->top_k);
    NEED(s->top_p > 0 && s->top_p <= 1, "top_p is %g", s->top_p);
    NEED(s->temperature >= 0 && s->temperature <= 5, "temperature is %g", s->temperature);
    NEED(s->repeat > 0 && s->repeat <= 10, "repeat_penalty is %g", s->repeat);
    NEED(s->frequency >= -2 && s->frequency <= 2, "frequency_penalty is %g", s->frequency);
    NEED(s->presence >= -2 && s->presence <= 2, "presence_penalty is %g", s->presence);
    NEED(s->mirostat >= 0 && s->mirostat <= 2, "mirostat is %d", s->mirostat);
    NEED(s->tau > 0 && s->tau < 100 && s->eta > 0 && s->eta < 10, "mirostat_tau %g, mirostat_eta %g", s->tau, s->eta);
}

static void check_bool(const void *field, const char *name) {
    unsigned char value = *(const unsigned char *)field;
    NEED(value <= 1, "%s is no bool but %u", name, value);
}

static void check_extend(const RKLLMExtendParam *e) {
    NEED(e->base_domain_id >= 0 && e->base_domain_id < 16, "base_domain_id is %d", e->base_domain_id);
    NEED(e->embed_flash == 0 || e->embed_flash == 1, "embed_flash is %d", e->embed_flash);
    NEED(e->enabled_cpus_num >= 1 && e->enabled_cpus_num <= 8, "enabled_cpus_num is %d", e->enabled_cpus_num);
    NEED(e->enabled_cpus_mask && e->enabled_cpus_mask < 256, "enabled_cpus_mask is %#x", e->enabled_cpus_mask);
    NEED(__builtin_popcount(e->enabled_cpus_mask) >= e->enabled_cpus_num, "fewer CPUs in the mask than enabled");
    NEED(e->n_batch >= 1 && e->n_batch <= 8, "n_batch is %u", e->n_batch);
    NEED(e->use_cross_attn == 0 || e->use_cross_attn == 1, "use_cross_attn is %d", e->use_cross_attn);
    for (size_t i = 0; i < sizeof e->reserved; i++) NEED(!e->reserved[i], "reserved byte %zu is set", i);
}

static void check_param(const RKLLMParam *p) {
    NEED(p && p->model_path, "no model_path");
    NEED(p->max_context_len > 0 && p->max_context_len <= 1 << 20, "max_context_len is %d", p->max_context_len);
    NEED(p->max_new_tokens >= -1 && p->max_new_tokens <= 1 << 20, "max_new_tokens is %d", p->max_new_tokens);
    NEED(p->n_keep >= -1 && p->n_keep <= p->max_context_len, "n_keep is %d", p->n_keep);
    check_bool(&p->skip_special_token, "skip_special_token");
    check_bool(&p->is_async, "is_async");
#if RKLLM_ABI >= 130
    check_bool(&p->ignore_eos_token, "ignore_eos_token");
#else
    NEED(p->img_start && p->img_end && p->img_content, "an img tag is NULL");
    NEED(!*p->img_start && !*p->img_end && !*p->img_content, "an img tag is set for a text model");
#endif
    check_extend(&p->extend_param);
    NEED_TAIL(p, 0x5A, "RKLLMParam");
}

static Sampling sampling_of(const RKLLMParam *p) {
    return (Sampling){p->top_k, p->top_p, p->temperature, p->repeat_penalty, p->frequency_penalty,
                      p->presence_penalty, p->mirostat, p->mirostat_tau, p->mirostat_eta};
}

/* Logs what the real library logs while it loads. */
static void log_load(const Sim *sim) {
    const Model *m = &sim->model;
    const RKLLMExtendParam *e = &sim->param.extend_param;
    char cpus[64] = "";
    for (int i = 0; i < 8; i++)
        if (e->enabled_cpus_mask >> i & 1) sprintf(cpus + strlen(cpus), "%s%d", *cpus ? ", " : "", i);
    sim_log('I', "rkllm-runtime version: %s, rknpu driver version: %s, platform: %s", VERSION,
            sim_word("RKLLM_SIM_DRIVER", "0.9.8"), sim_word("RKLLM_SIM_PLATFORM", "RK3588"));
    sim_log('I', "loading rkllm model from %s", sim->param.model_path);
    sim_log('I', "rkllm-toolkit version: %s, max_context_limit: %d, npu_core_num: %d, target_platform: %s, model_dtype: %s",
            m->toolkit, m->context_limit, m->npu_cores, m->platform, m->dtype);
    sim_log('I', "Enabled cpus: [%s]", cpus);
    sim_log('I', "Enabled cpus num: %d", e->enabled_cpus_num);
}

/* Whether the model fits the board and the parameters; logs why not. */
static int fits(const Sim *sim) {
    const Model *m = &sim->model;
    if (strcmp(m->platform, sim_word("RKLLM_SIM_PLATFORM", "RK3588"))) {
        sim_log('E', "load model file error!");
        return 0;
    }
    if (sim->param.max_context_len > m->context_limit) {
        sim_log('E', "max_context[%d] must be less than the model's max_context_limit[%d]", sim->param.max_context_len,
                m->context_limit);
        return 0;
    }
    if (sim->param.extend_param.enabled_cpus_num < m->npu_cores) return sim_load_fault("cpus", NULL) > 0;
    return 1;
}

/* Loads a model; returns 0, or what `rkllm_init` returns for a fault. */
static int load(LLMHandle *handle, RKLLMParam *param, LLMResultCallback callback, void *userdata) {
    NEED(handle && callback, "no handle or no callback");
    check_param(param);
    Sim *sim = calloc(1, sizeof *sim);
    sim->param = *param;
    sim->param.model_path = strdup(param->model_path);
    sim->callback = callback;
    sim->userdata = userdata;
    sim->init = sampling_of(param);
    check_sampling(&sim->init);
    *handle = NULL;
    int result = sim_load_fault(sim_word("RKLLM_SIM_LOAD_FAULT", ""), handle);
    if (result > 0) result = sim_read_model(param->model_path, &sim->model) ? -1 : 1;
    if (result > 0) log_load(sim);
    if (result > 0) result = fits(sim) ? 1 : -1;
    if (result > 0) result = sim_load_fault(sim->model.load_fault, handle);
    if (result <= 0) {
        free(sim);
        return result;
    }
    sim_sleep_us(1000L * sim_number("RKLLM_SIM_LOAD_MS", sim->model.load_ms));
    *handle = sim;
    return 0;
}

#if RKLLM_ABI >= 130
int rkllm_init(LLMHandle *handle, RKLLMParam *param, RKLLMCallback *callback) {
    NEED(callback, "no callbacks");
    NEED_TAIL(callback, 0, "RKLLMCallback");
    NEED(!callback->tokenizer_callback && !callback->embed_callback, "a tokenizer or embed callback, which are not simulated");
    return load(handle, param, callback->result_callback, callback->result_userdata);
}
#else
int rkllm_init(LLMHandle *handle, RKLLMParam *param, LLMResultCallback callback) {
    return load(handle, param, callback, NULL);
}
#endif

static void check_input(const RKLLMInput *input) {
    NEED(input, "no input");
    NEED_TAIL(input, 0, "RKLLMInput");
    if ((unsigned)input->input_type > RKLLM_INPUT_MULTIMODAL) sim_misuse("unknown input type %d", input->input_type);
    NEED(input->input_type <= RKLLM_INPUT_TOKEN, "input type %d is not simulated", input->input_type);
    check_bool(&input->enable_thinking, "enable_thinking");
    if (input->input_type == RKLLM_INPUT_PROMPT) {
        NEED(input->prompt_input, "no prompt");
        NEED(input->role && (!strcmp(input->role, "user") || !strcmp(input->role, "tool")), "the role is neither user nor tool");
    } else
        NEED(input->token_input.input_ids && input->token_input.n_tokens, "no tokens");
}

/* Checks the parameters of a run and sets the sampling in effect. */
static void check_infer(Sim *sim, const RKLLMInferParam *infer) {
    NEED(infer, "no infer parameters");
    NEED_TAIL(infer, 0, "RKLLMInferParam");
    NEED(infer->mode == RKLLM_INFER_GENERATE || infer->mode == RKLLM_INFER_GET_LAST_HIDDEN_LAYER,
         "mode %d is not simulated", infer->mode);
    NEED(infer->keep_history == 0 || infer->keep_history == 1, "keep_history is %d", infer->keep_history);
    NEED(!infer->lora_params && !infer->prompt_cache_params, "LoRA or a prompt cache is not simulated");
    sim->effective = sim->init;
#if RKLLM_ABI >= 130
    const RKLLMSamplingParam *p = infer->sampling_params;
    NEED(infer->max_new_tokens >= -1 && infer->max_new_tokens <= 1 << 20, "max_new_tokens is %d", infer->max_new_tokens);
    if (p) {
        NEED_TAIL(p, 0, "RKLLMSamplingParam");
        sim->effective = (Sampling){p->top_k, p->top_p, p->temperature, p->repeat_penalty, p->frequency_penalty,
                                    p->presence_penalty, p->mirostat, p->mirostat_tau, p->mirostat_eta};
    }
#endif
    check_sampling(&sim->effective);
}

typedef struct {
    Sim *sim;
    RKLLMInput *input;
    RKLLMInferParam *infer;
    void *userdata;
    int result;
} Call;

static void *in_thread(void *argument) {
    Call *call = argument;
    call->result = sim_run(call->sim, call->input, call->infer, call->userdata);
    return NULL;
}

int rkllm_run(LLMHandle handle, RKLLMInput *input, RKLLMInferParam *infer, void *userdata) {
    Sim *sim = opened(handle);
    NEED(!__sync_lock_test_and_set(&sim->running, 1), "a second run while one is running");
    check_input(input);
    check_infer(sim, infer);
    Call call = {sim, input, infer, userdata ? userdata : sim->userdata, 0};
    if (strcmp(sim_word("RKLLM_SIM_THREAD", "caller"), "own")) in_thread(&call);
    else {
        NEED(!pthread_create(&sim->thread, NULL, in_thread, &call), "no thread");
        pthread_join(sim->thread, NULL);
    }
    sim->running = 0;
    return call.result;
}

static void *detached(void *argument) {
    Call *call = argument;
    in_thread(call);
    call->sim->running = 0;
    free(call);
    return NULL;
}

/* The caller must keep the input until the last callback. */
int rkllm_run_async(LLMHandle handle, RKLLMInput *input, RKLLMInferParam *infer, void *userdata) {
    Sim *sim = opened(handle);
    NEED(!__sync_lock_test_and_set(&sim->running, 1), "a second run while one is running");
    check_input(input);
    check_infer(sim, infer);
    Call *call = malloc(sizeof *call);
    *call = (Call){sim, input, infer, userdata ? userdata : sim->userdata, 0};
    NEED(!pthread_create(&sim->thread, NULL, detached, call), "no thread");
    pthread_detach(sim->thread);
    return 0;
}

/* An abort while nothing runs stops the next run: no document says that it does not. */
int rkllm_abort(LLMHandle handle) {
    opened(handle)->abort_requested = 1;
    return 0;
}

/* The releases differ: 1.3.0 returns 1 for a running run, 1.2.x returns 0. */
int rkllm_is_running(LLMHandle handle) {
    int running = opened(handle)->running;
    return RKLLM_ABI >= 130 ? running : !running;
}

int rkllm_clear_kv_cache(LLMHandle handle, int keep_system_prompt, int *start_pos, int *end_pos) {
    Sim *sim = opened(handle);
    NEED(!sim->running, "clear_kv_cache while a run is running");
    NEED(keep_system_prompt == 0 || keep_system_prompt == 1, "keep_system_prompt is %d", keep_system_prompt);
    if (start_pos || end_pos) {
        sim_log('W', "a range can only be cleared after a pause; nothing was done");
        return 0;
    }
    if (sim->dirty && sim_number("RKLLM_SIM_CLEAR_FAILS", 0)) return -1;
    sim->dirty = 0;
    Tokens system = {0};
    tokens_text(&system, sim->model.system);
    int same = sim->kv.count >= system.count && !memcmp(sim->kv.ids, system.ids, sizeof(int32_t) * system.count);
    sim->system_tokens = keep_system_prompt && same ? system.count : 0;
    sim->kv.count = sim->system_tokens;
    free(system.ids);
    return 0;
}

int rkllm_get_kv_cache_size(LLMHandle handle, int *cache_sizes) {
    Sim *sim = opened(handle);
    NEED(!sim->running, "get_kv_cache_size while a run is running");
    for (int i = 0; i < sim->param.extend_param.n_batch; i++) cache_sizes[i] = sim->kv.count;
    return 0;
}

int rkllm_set_chat_template(LLMHandle handle, const char *system_prompt, const char *prefix, const char *postfix) {
    Sim *sim = opened(handle);
    NEED(system_prompt && prefix && postfix, "a NULL template");
    snprintf(sim->model.system, sizeof sim->model.system, "%s", system_prompt);
    snprintf(sim->model.prefix, sizeof sim->model.prefix, "%s", prefix);
    snprintf(sim->model.postfix, sizeof sim->model.postfix, "%s", postfix);
    sim->model.thinking = 0;
    sim->endless = !*postfix && sim_number("RKLLM_SIM_TEMPLATE_ENDS", 0);
    sim->kv.count = sim->system_tokens = 0;
    return 0;
}

int rkllm_set_function_tools(LLMHandle handle, const char *system_prompt, const char *tools, const char *tag) {
    opened(handle);
    NEED(system_prompt && tools && tag, "NULL tools");
    return 0;
}

/* Exported like the real ones, but the simulation has neither adapters, prompt cache files nor encoders. */
int rkllm_load_lora(LLMHandle handle, RKLLMLoraAdapter *adapter) {
    opened(handle);
    NEED(adapter, "no adapter");
    return -1;
}

int rkllm_load_prompt_cache(LLMHandle handle, const char *path) {
    opened(handle);
    NEED(path, "no path");
    return -1;
}

int rkllm_release_prompt_cache(LLMHandle handle) {
    opened(handle);
    return 0;
}

int rkllm_set_cross_attn_params(LLMHandle handle, RKLLMCrossAttnParam *params) {
    opened(handle);
    NEED(params, "no parameters");
    return -1;
}

int rkllm_destroy(LLMHandle handle) {
    Sim *sim = opened(handle);
    NEED(!sim->running, "destroy while a run is running");
    free(sim->kv.ids);
    memset(sim, 0xDD, sizeof *sim);
    free(sim);
    return 0;
}
