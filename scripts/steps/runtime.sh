# shellcheck shell=bash
# Rockchip's runtime library, which the NPU engine loads. It is Rockchip's, not ours: the owner gets it from its public
# release, by version and checksum, or brings a file.

RELEASES=https://raw.githubusercontent.com/airockchip/rknn-llm
IN_RELEASE=rkllm-runtime/Linux/librkllm_api/aarch64/librkllmrt.so

# The release's own checksum of the file: the id git gives its content (SHA-1 over "blob SIZE\0" and the bytes).
blob_of() {
    case $1 in
        1.3.0) echo 34167b32f99cb7ab19e21fb579fb750d96b878f1 ;;
        1.2.3) echo 0084abc34ab43359cfa9fd5d4c92ece34127dbd0 ;;
        1.2.2) echo 8ed9cca16f8d5ad8f7cdd7d393de6561182b3395 ;;
        *) refuse "runtime version $1" "1.3.0, 1.2.3 or 1.2.2" "or bring a file: --runtime FILE" ;;
    esac
}

blob() { { printf 'blob %s\0' "$(stat -c %s "$1")"; cat "$1"; } | sha1sum | cut -d' ' -f1; }

step_runtime() {
    [ "$NPU" = yes ] || return 0
    local library=$RUNTIME_DIR/librkllmrt.so
    change mkdir -p "$RUNTIME_DIR/none"
    if [ -n "$RUNTIME_FILE" ]; then
        bring "$RUNTIME_FILE" "$library"
    elif [ -f "$library" ]; then
        say "Runtime library: $(version_in "$library") in $library"
    elif [ -n "$OFFLINE" ]; then
        refuse "no $library" "Rockchip's runtime library" "fetch it elsewhere and run again with --runtime FILE"
    else
        download "$library"
    fi
}

# The version stands in the file; reading it does not run it.
version_in() {
    local found
    found=$(grep -a -o 'RKLLM SDK (version: *[0-9][0-9a-z.]*' "$1" | head -n 1) || true
    echo "${found##* }"
}

bring() {
    [ -n "$(version_in "$1")" ] || refuse "no version of the RKLLM runtime in $1" "Rockchip's librkllmrt.so for aarch64" \
        "fetch it again; a file of a few hundred bytes is a Git LFS pointer and not the library"
    [ "$1" -ef "$2" ] || change cp "$1" "$2.part"
    [ ! -f "$2.part" ] || change mv "$2.part" "$2"
    say "Runtime library: $(version_in "$1") from $1"
}

download() {
    local part=$1.part wanted
    wanted=$(blob_of "$RUNTIME_VERSION")
    say "Rockchip's runtime library $RUNTIME_VERSION is proprietary software of Rockchip; its licence is in the repository"
    say "airockchip/rknn-llm, file LICENSE. It is fetched from that release to $1 and goes into no image."
    ask "Do you agree to its licence?" || refuse "no agreement" "the runtime library" "run with --runtime FILE, or with --cpu"
    change curl --fail --location --silent --show-error --retry 3 --continue-at - --output "$part" \
        "$RELEASES/release-v$RUNTIME_VERSION/$IN_RELEASE" || refuse "a download that failed (see above)" \
        "the runtime library" "check the network and run this again: it goes on where it stopped. Or: --runtime FILE"
    [ -z "$DRY_RUN" ] || return 0
    if [ "$(blob "$part")" != "$wanted" ]; then
        rm -f "$part"
        refuse "a file with another checksum than release $RUNTIME_VERSION has" "git blob $wanted" \
            "run this again; if it stays so, something between you and the release changes files"
    fi
    mv "$part" "$1"
}
