# shellcheck shell=bash
# The folder for the owner's models. The image brings a tiny one, so that the box answers at once.

step_models() {
    [ -d "$MODELS_DIR" ] || change mkdir -p "$MODELS_DIR"
    [ "$NPU" != yes ] || [ -n "$(find "$MODELS_DIR" -name '*.rkllm' -print -quit 2>/dev/null)" ] ||
        note "There is no .rkllm model in $MODELS_DIR yet: the tiny model runs on the CPU until you add one: scripts/models.sh list"
}
