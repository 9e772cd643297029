# shellcheck shell=bash
# Writes .env: replaces facts of this machine, keeps choices of the owner.

step_settings() {
    local files
    files=$(from_env COMPOSE_FILE)
    files=${files:-compose.yaml}
    files=$(with_file "$files" compose.npu.yaml "$NPU")
    [ -z "$PUBLISH_API" ] || files=$(with_file "$files" compose.api.yaml yes)
    [ "$files" = compose.yaml ] && [ -z "$(from_env COMPOSE_FILE)" ] || put_env COMPOSE_FILE "$files"
    [ "$NPU" != yes ] || npu_settings
}

# with_file LIST FILE yes|no: print the list of compose files with or without FILE
with_file() {
    local rest
    rest=$(tr ':' '\n' <<<"$1" | grep -vx "$2" | paste -sd:)
    if [ "$3" = yes ]; then echo "$rest:$2"; else echo "$rest"; fi
}

npu_settings() {
    if [ "$NPU_KIND" = DRM ]; then
        put_env NPU_DEVICE /dev/dri
        put_env NPU_MEMORY_DEVICE /dev/null
    else
        put_env NPU_DEVICE /dev/rknpu
        put_env NPU_MEMORY_DEVICE /dev/dma_heap
    fi
    put_env NPU_GROUP "$(stat -c %g "$NODE")"
    put_env NPU_GROUP_2 "$(stat -c %g "$NODE_2")"
    put_env RUNTIME_DIR "$RUNTIME_DIR"
    # A user cannot read debugfs, but Docker runs as root and can mount it, if the kernel has it.
    if [ -d "$ROOT/sys/kernel/debug/rknpu" ]; then put_env NPU_DEBUGFS /sys/kernel/debug/rknpu; fi
}
