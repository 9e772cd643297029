# shellcheck shell=bash
# Creates the folder for the owner's models. The image contains a small model, so that the stack can answer at once.

step_models() {
    [ -d "$MODELS_DIR" ] || change mkdir -p "$MODELS_DIR"
    [ "$NPU" != yes ] || [ -n "$(find "$MODELS_DIR" -name '*.rkllm' -print -quit 2>/dev/null)" ] ||
        note "There is no .rkllm model in $MODELS_DIR yet, so the small model runs on the CPU. To add one: scripts/models.sh list"
}
