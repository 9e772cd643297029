# shellcheck shell=bash
# Finds out which machine this is and whether its NPU can be used. Sets SOC, and NPU to yes or no.

DRIVER_MIN=0.9.6        # older drivers fail in the middle of an answer
DRIVER_GOOD=0.9.8       # what Rockchip asks for

step_board() {
    NPU=no
    SOC=$(soc)
    if [ -z "$SOC" ]; then
        say "This machine is no RK3588 or RK3576. It uses the CPU engine."
    elif [ -n "$WANT_CPU" ]; then
        say "Found $SOC. It uses the CPU engine, because of --cpu."
    else
        check_kernel
        check_driver
        check_nodes
        NPU=yes
        say "Found $SOC with $NPU_KIND driver ${DRIVER:-of unknown version}. It uses the NPU engine."
    fi
}

soc() {
    local compatible=$ROOT/proc/device-tree/compatible
    [ -r "$compatible" ] || return 0
    tr '\0' '\n' <"$compatible" | sed -n 's/^rockchip,\(rk3588\|rk3576\).*/\U\1/p' | head -n 1
}

# Print the DRM device of the NPU; the display and the GPU have others.
npu_card() {
    local uevent
    for uevent in "$ROOT"/sys/class/drm/card*/device/uevent; do
        if grep -qis '^DRIVER=rknpu$' "$uevent"; then
            basename "$(dirname "$(dirname "$uevent")")"
            return
        fi
    done
}

check_kernel() {
    CARD=$(npu_card)
    if [ -e "$ROOT/dev/rknpu" ]; then
        NPU_KIND=DMA-heap
    elif [ -n "$CARD" ]; then
        NPU_KIND=DRM
    elif [ -d "$ROOT/sys/module/rocket" ]; then
        refuse "the kernel's own NPU driver (rocket)" "Rockchip's driver (rknpu), the only one its runtime can use" \
            "boot the board maker's kernel (5.10 or 6.1), or run scripts/bootstrap.sh --cpu"
    else
        refuse "an $SOC without an NPU device" "/dev/rknpu or a DRM device of the driver rknpu" \
            "boot the board maker's kernel (5.10 or 6.1), or run scripts/bootstrap.sh --cpu"
    fi
}

driver_version() {
    local file
    for file in "$ROOT/sys/module/rknpu/version" "$ROOT/sys/kernel/debug/rknpu/version"; do
        [ ! -r "$file" ] || { grep -o '[0-9]\+\.[0-9]\+\.[0-9]\+' "$file" | head -n 1; return; }
    done
}

check_driver() {
    DRIVER=$(driver_version)
    if [ -z "$DRIVER" ]; then
        note "Only root can read the version of the NPU driver. It must be $DRIVER_MIN or newer; the server will report it."
    elif ! at_least "$DRIVER" "$DRIVER_MIN"; then
        refuse "NPU driver $DRIVER" "$DRIVER_MIN or newer" \
            "upgrade the board maker's kernel (apt-get upgrade, or a newer image), or run scripts/bootstrap.sh --cpu"
    elif ! at_least "$DRIVER" "$DRIVER_GOOD"; then
        note "NPU driver $DRIVER works with most models. Rockchip asks for $DRIVER_GOOD."
    fi
}

# The container's user reaches the device through the group that owns it on this board.
check_nodes() {
    local first second=''
    if [ "$NPU_KIND" = DRM ]; then
        first=$(first_of "$ROOT/sys/class/drm/$CARD"/device/drm/renderD*)
        first=$ROOT/dev/dri/$(basename "${first:-$CARD}")
        second=$ROOT/dev/dri/$CARD
    else
        first=$ROOT/dev/rknpu
        second=$(first_of "$ROOT"/dev/dma_heap/system "$ROOT"/dev/dma_heap/*)
    fi
    NODE=$first
    NODE_2=${second:-$first}
    check_node "$NODE"
    check_node "$NODE_2"
}

# Print the first path that exists, or nothing if no path exists.
first_of() {
    local path
    for path in "$@"; do
        [ ! -e "$path" ] || { echo "$path"; return; }
    done
}

check_node() {
    [ -e "$1" ] || refuse "no ${1#"$ROOT"}" "the device node of the NPU" "run sudo udevadm trigger, then run this again"
    local mode
    mode=$(stat -c %a "$1")
    [ $((8#$mode & 8#60)) = $((8#60)) ] || refuse "${1#"$ROOT"} with mode $mode" "a group that may read and write it" \
        "run sudo cp scripts/99-rknpu.rules /etc/udev/rules.d/ && sudo udevadm control --reload && sudo udevadm trigger"
}
